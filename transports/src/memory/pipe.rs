//! One direction of a connection: a bounded queue of bytes between two ends.

use std::collections::VecDeque;
use std::io;

use super::Faults;

/// The bytes on their way from one end to the other.
#[derive(Debug)]
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The writer has closed: what is in the pipe can still be read, then the stream ends.
    closed: bool,
    /// The reader has gone: writing fails.
    broken: bool,
    read_faults: Faults,
    write_faults: Faults,
}

impl Pipe {
    pub(super) fn new(capacity: usize, faults: Faults) -> Self {
        Pipe {
            bytes: VecDeque::new(),
            capacity: capacity.max(1),
            closed: false,
            broken: false,
            read_faults: faults.clone(),
            write_faults: faults,
        }
    }

    pub(super) fn is_readable(&self) -> bool {
        !self.bytes.is_empty() || self.closed
    }

    pub(super) fn is_writable(&self) -> bool {
        self.bytes.len() < self.capacity || self.closed || self.broken
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn break_off(&mut self) {
        self.broken = true;
        self.bytes.clear();
    }

    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            return if self.closed {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        let available = self.bytes.len().min(buf.len());
        let count = self
            .read_faults
            .allow(available)
            .ok_or(io::ErrorKind::WouldBlock)?;
        for (to, from) in buf.iter_mut().zip(self.bytes.drain(..count)) {
            *to = from;
        }
        self.read_faults.moved(count);
        Ok(count)
    }

    pub(super) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.broken || self.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = self.capacity - self.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let available = room.min(buf.len());
        let count = self
            .write_faults
            .allow(available)
            .ok_or(io::ErrorKind::WouldBlock)?;
        self.bytes.extend(&buf[..count]);
        self.write_faults.moved(count);
        Ok(count)
    }
}
