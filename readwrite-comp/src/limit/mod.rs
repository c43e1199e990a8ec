//! Limiters: layers that know where a message ends, and the error that names a limit.

mod error;
mod escaped;
mod known;
mod sized;

pub use error::LimitExceeded;
pub use escaped::{EscapedR, EscapedW};
pub use known::{KnownLengthR, KnownLengthW};
pub use sized::{SizedWindowsR, SizedWindowsW, WindowLimits};

use std::io::{self, Read};

/// Reads once; the end of the reader is an error: it is inside a message.
///
/// `Interrupted` goes up like any other error: a layer can be called again at any byte.
#[inline]
fn read_some<R: Read>(r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
    match r.read(buf) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        // A reader that claims more than it was asked for must not lead to a wrong count here.
        Ok(n) => Ok(n.min(buf.len())),
        Err(e) => Err(e),
    }
}
