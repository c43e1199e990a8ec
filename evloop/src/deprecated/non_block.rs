//! Operations that return `None` where they would block.

use std::io::{self, Read, Write};

/// Turns `WouldBlock` into `None`.
pub(super) fn non_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

pub trait TryRead {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>>;
}

impl<T: Read> TryRead for T {
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        non_block(self.read(buf))
    }
}

pub trait TryWrite {
    fn try_write(&mut self, buf: &[u8]) -> io::Result<Option<usize>>;
}

impl<T: Write> TryWrite for T {
    fn try_write(&mut self, buf: &[u8]) -> io::Result<Option<usize>> {
        non_block(self.write(buf))
    }
}

pub trait TryAccept {
    type Output;

    fn accept(&self) -> io::Result<Option<Self::Output>>;
}
