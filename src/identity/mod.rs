//! Who a node is: its key, and the files that secrets are kept in.

mod armor;
#[cfg(not(target_arch = "wasm32"))]
mod file;
mod group;
mod key;

pub use armor::{Armor, ArmorError};
#[cfg(not(target_arch = "wasm32"))]
pub use file::{Rotated, create, export, load, load_or_create, rotate};
pub use group::GroupSecret;
pub use key::{Identity, PublicKey, SIGNATURE, Signature};
