//! Small pieces that several crates of MyDHT share.
//!
//! ```text
//!   BTreeMap, BTreeSet    natively the standard library's; in wasm sorted vectors
//!   WsAddress             ws://HOST:PORT/PATH and wss://...  <-->  its parts
//!   Excerpt               untrusted text  -->  a short line for an error
//! ```
//!
//! Each map of the standard library's B-trees is 7 KB of wasm, and a node has forty of them. In
//! wasm, [`BTreeMap`] and [`BTreeSet`] are sorted vectors with as much of the same interface as a
//! node uses; everywhere else they are the standard library's. Inserting and removing moves what is
//! behind: they are for what a page has some thousands of at most.
//!
//! # Start here
//!
//! * [`map`] and [`set`]: the sorted vectors, with their costs.
//! * [`WsAddress`] and [`InvalidAddress`]: addresses in text.
//! * [`Excerpt`]: untrusted text in errors.

#![forbid(unsafe_code)]

mod address;
mod excerpt;
pub mod map;
pub mod set;

pub use address::{InvalidAddress, WsAddress, is_host_name, split_port};
pub use excerpt::Excerpt;

#[cfg(target_arch = "wasm32")]
pub use map::SortedMap as BTreeMap;
#[cfg(target_arch = "wasm32")]
pub use set::SortedSet as BTreeSet;
#[cfg(not(target_arch = "wasm32"))]
pub use std::collections::{BTreeMap, BTreeSet};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
