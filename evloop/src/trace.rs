//! Why a token fired: a record of what polls reported. Off by default, and then it costs one branch
//! per poll.

use crate::core::{Cause, Fired};
use crate::{Ready, Token};
use std::collections::VecDeque;
use std::time::Duration;

/// One report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// The loop's clock.
    pub time: Duration,
    /// Token of the reported source.
    pub token: Token,
    /// For what it was ready.
    pub readiness: Ready,
    /// Why it was on the ready list.
    pub cause: Cause,
}

impl Record {
    /// 19 bytes: nanoseconds and token (eight bytes each, little-endian), readiness (two), cause
    /// (one). Two runs on a virtual clock with the same seed and the same program give the same
    /// bytes.
    pub fn to_bytes(&self) -> [u8; 19] {
        let mut bytes = [0; 19];
        let nanos = u64::try_from(self.time.as_nanos()).unwrap_or(u64::MAX);
        bytes[..8].copy_from_slice(&nanos.to_le_bytes());
        bytes[8..16].copy_from_slice(&(self.token.0 as u64).to_le_bytes());
        bytes[16..18].copy_from_slice(&self.readiness.mask().to_le_bytes());
        bytes[18] = match self.cause {
            Cause::Registered => 0,
            Cause::Set => 1,
            Cause::Woken => 2,
            Cause::Level => 3,
            Cause::Timer => 4,
        };
        bytes
    }
}

/// The last reports of a loop.
#[derive(Debug)]
pub(crate) struct Trace {
    records: VecDeque<Record>,
    capacity: usize,
}

impl Trace {
    pub fn new(capacity: usize) -> Self {
        Trace {
            records: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    pub fn push(&mut self, time: Duration, fired: &Fired) {
        // `Poll::trace` makes no trace without a capacity, so this bounds it.
        if self.records.len() == self.capacity {
            self.records.pop_front();
        }
        self.records.push_back(Record {
            time,
            token: Token(fired.token),
            readiness: Ready::from_bits(fired.ready),
            cause: fired.cause,
        });
    }

    pub fn take(&mut self) -> Vec<Record> {
        self.records.drain(..).collect()
    }
}
