//! Compositions: a layer on a reader or a writer, two layers as one, a run-time number of layers,
//! readers in a row.
//!
//! Nothing here does any work in a `Drop`: an end that is not written with `write_end` is not
//! written, and no error is swallowed.

mod chain;
mod multi;
mod no_ext;
mod pair;
mod single;

pub use chain::ChainR;
pub use multi::{MultiR, MultiW};
pub use no_ext::NoExt;
pub use pair::{CompExtR, CompExtW};
pub use single::{CompR, CompW};

/// The error of a body given after `write_end` said `WouldBlock`: the end is under way.
pub(crate) fn written_while_ending() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::InvalidInput,
        "write_end is under way: finish it before the next message",
    )
}
