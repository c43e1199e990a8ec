//! The atomics of the lock-free path, in one place: the package in `loom/` compiles `inbox.rs` over
//! loom's.

pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
};
