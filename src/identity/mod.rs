//! Keys, and the files that hold them.

#[cfg(not(target_arch = "wasm32"))]
mod file;

#[cfg(not(target_arch = "wasm32"))]
pub use file::{Rotated, create, export, load, load_or_create, rotate};
pub use mydht_proto::identity::*;
