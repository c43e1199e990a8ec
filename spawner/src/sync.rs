//! The atomics of `signal` and `run_state`. `tests/loom.rs` puts loom's in this place.

pub(crate) use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(feature = "pool")]
pub(crate) use std::sync::atomic::AtomicU8;
