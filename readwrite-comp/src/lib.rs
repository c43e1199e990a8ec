#![doc = include_str!("../README.md")]
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
