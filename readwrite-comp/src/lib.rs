#![doc = include_str!("../README.md")]
//!
//! # The pieces
//!
//! ```text
//!   reading                                      writing
//!   a stream that may block                      your encoder: any code over Write
//!         |  Read                                      |
//!   CompR, MultiR: layers (a cipher, ...)        Skip: counts what was written before
//!         |                                            |
//!   a limiter: where the message ends            a limiter: marks where it ends
//!         |                                            |
//!   Replay: collects the message                 CompW, MultiW: layers (a cipher, ...)
//!         |                                            |  Write
//!   your decoder: any code over Read             a stream that may block
//! ```
//!
//! # Start here
//!
//! * [`Replay`] and [`Skip`]: any decoder and any encoder, on a stream that blocks.
//! * [`Receiver`] and [`Sender`]: both behind a constant, so that a thread pays nothing.
//! * [`SizedWindowsR`] and [`SizedWindowsW`]: frames. [`limit`] has the others.
//! * [`ExtRead`] and [`ExtWrite`]: layers of your own. [`comp`] puts them together.
//! * `testing` (feature `testing`): streams that block where they are told to.
#![forbid(unsafe_code)]

pub mod comp;
pub mod ext;
pub mod limit;
pub mod restart;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use comp::{ChainR, CompExtR, CompExtW, CompR, CompW, MultiR, MultiW, NoExt};
pub use ext::{ExtRead, ExtWrite};
pub use limit::{
    EscapedR, EscapedW, KnownLengthR, KnownLengthW, LimitExceeded, SizedWindowsR, SizedWindowsW,
    WindowLimits,
};
#[cfg(feature = "serde")]
pub use restart::Untraceable;
pub use restart::{
    Decode, Encode, PrefixChanged, PrefixCheck, Receiver, Replay, ReplayAttempt, ReplayLimits,
    ReplayStats, Rest, RetryPolicy, Sender, Shape, Skip, SkipAttempt, SkipLimits, SkipStats,
};

/// The examples of the manual are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/tutorials/restart-a-parser.md")]
struct Tutorial;
