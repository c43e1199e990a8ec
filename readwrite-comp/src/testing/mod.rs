//! Tools for tests of restartable code: streams that block where they are told to, and a cipher
//! layer that is no cipher. Behind the feature `testing`.

mod choppy;
mod xor;

pub use choppy::Choppy;
pub use xor::{XorR, XorW};
