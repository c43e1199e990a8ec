//! One direction of a connection: a bounded queue of bytes between two ends.

use std::collections::VecDeque;
use std::io;

use super::Faults;

/// The bytes on their way from one end to the other.
#[derive(Debug)]
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    /// Number of bytes at the end of `bytes` that have not arrived.
    flying: usize,
    capacity: usize,
    /// The connection is not open yet: nothing can be written.
    pub(super) opening: bool,
    /// The reader knows that the writer has closed: what is in the pipe can still be read, then the
    /// stream ends.
    pub(super) closed: bool,
    /// The writer has closed.
    pub(super) shut: bool,
    /// The writer knows that the reader has gone: writing fails.
    pub(super) broken: bool,
    /// The reader has gone: what is written is lost.
    gone: bool,
    /// Why it works no more.
    failed: Option<io::ErrorKind>,
    /// A pipe that is empty keeps no memory: there are many, and most are idle.
    frugal: bool,
    faults: Option<Box<[Faults; 2]>>,
}

impl Pipe {
    pub(super) fn new(capacity: usize, faults: Faults) -> Self {
        let faults = (!faults.are_none()).then(|| Box::new([faults.clone(), faults]));
        Pipe {
            bytes: VecDeque::new(),
            flying: 0,
            capacity: capacity.max(1),
            opening: false,
            closed: false,
            shut: false,
            broken: false,
            gone: false,
            failed: None,
            frugal: false,
            faults,
        }
    }

    /// A pipe of a network in which things take their time.
    pub(super) fn make_frugal(&mut self) {
        self.frugal = true;
    }

    fn arrived(&self) -> usize {
        // `flying` counts bytes at the end of `bytes`, so there are never more of them.
        self.bytes.len() - self.flying
    }

    pub(super) fn is_readable(&self) -> bool {
        self.arrived() > 0 || self.closed || self.failed.is_some()
    }

    pub(super) fn is_writable(&self) -> bool {
        let room = self.bytes.len() < self.capacity && !self.opening;
        room || self.shut || self.broken || self.failed.is_some()
    }

    /// Closes the writing end; the reader knows at once.
    pub(super) fn close_writer(&mut self) {
        self.closed = true;
        self.shut = true;
    }

    /// Closes the reading end. The writer knows once [`broken`](Pipe::broken) is set.
    pub(super) fn close_reader(&mut self) {
        self.gone = true;
        self.bytes = VecDeque::new();
        self.flying = 0;
    }

    pub(super) fn fail(&mut self, why: io::ErrorKind) {
        self.failed.get_or_insert(why);
        self.bytes = VecDeque::new();
        self.flying = 0;
    }

    /// The last `count` bytes that were written have not arrived.
    pub(super) fn fly(&mut self, count: usize) {
        if !self.gone {
            self.flying += count;
        }
    }

    /// `count` bytes have arrived.
    pub(super) fn land(&mut self, count: usize) {
        // What was abandoned or failed meanwhile is not here any more.
        self.flying = self.flying.saturating_sub(count);
    }

    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let arrived = self.arrived();
        if arrived == 0 {
            return match self.failed {
                Some(why) => Err(why.into()),
                None if self.closed => Ok(0),
                None => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        let available = arrived.min(buf.len());
        let count = self.allow(0, available)?;
        let (front, back) = self.bytes.as_slices();
        let from_front = count.min(front.len());
        buf[..from_front].copy_from_slice(&front[..from_front]);
        buf[from_front..count].copy_from_slice(&back[..count - from_front]);
        self.bytes.drain(..count);
        if self.frugal && self.bytes.is_empty() {
            self.bytes = VecDeque::new();
        }
        self.moved(0, count);
        Ok(count)
    }

    pub(super) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if let Some(why) = self.failed {
            return Err(why.into());
        }
        if self.broken || self.shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // No more is ever written than there is room for.
        let room = self.capacity - self.bytes.len();
        if room == 0 || self.opening {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.allow(1, room.min(buf.len()))?;
        // The writer does not know yet that nobody reads, and goes on as over a real line.
        if !self.gone {
            self.bytes.extend(&buf[..count]);
        }
        self.moved(1, count);
        Ok(count)
    }

    fn allow(&mut self, side: usize, available: usize) -> io::Result<usize> {
        match &mut self.faults {
            None => Ok(available),
            Some(faults) => faults[side]
                .allow(available)
                .ok_or_else(|| io::ErrorKind::WouldBlock.into()),
        }
    }

    fn moved(&mut self, side: usize, count: usize) {
        if let Some(faults) = &mut self.faults {
            faults[side].moved(count);
        }
    }
}
