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

/// Reads once, without giving `Interrupted` back; the end of the reader is an error: it is inside a message.
#[inline]
fn read_some<R: Read>(r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match r.read(buf) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            // A reader that claims more than it was asked for must not lead to a wrong count here.
            Ok(n) => return Ok(n.min(buf.len())),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
