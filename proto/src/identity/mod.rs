//! Keys: the identity of a node, the secret of a private network, and the text form in which files
//! hold them.

mod armor;
mod group;
mod key;

pub use armor::{Armor, ArmorError};
pub use group::GroupSecret;
pub use key::{Identity, PublicKey, SIGNATURE, Signature, in_context};
