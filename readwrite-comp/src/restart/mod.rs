//! Restart: ordinary synchronous decoding and encoding over streams that block.
//!
//! A service keeps a [`Replay`] per stream it reads and a [`Skip`] per stream it writes. When the
//! stream blocks they give `WouldBlock` back, the service returns to its spawner, and later makes
//! the same call again: the reader gives the bytes of the message in flight once more, the writer
//! skips those that the sink has. The code that decodes and encodes knows nothing of it.
//!
//! They stand above the ciphers: plain bytes are kept or counted, the cipher's state advances once.

mod ahead;
mod attempt;
mod framed;
mod gate;
mod limits;
mod prefix;
mod replay;
mod scan;
#[cfg_attr(
    not(feature = "serde"),
    expect(dead_code, reason = "shapes are made by tracing a type")
)]
mod shape;
mod skip;
mod skip_attempt;
#[cfg(feature = "serde")]
mod trace;
mod window;

pub use attempt::{ReplayAttempt, Rest};
pub use gate::{Decode, Encode, Receiver, Sender};
pub use limits::{PrefixCheck, ReplayLimits, RetryPolicy, SkipLimits};
pub use prefix::PrefixChanged;
pub use replay::{Replay, ReplayStats};
pub use shape::Shape;
pub use skip::{Skip, SkipStats};
pub use skip_attempt::SkipAttempt;
#[cfg(feature = "serde")]
pub use trace::Untraceable;
