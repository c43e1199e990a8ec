//! Loops on a virtual clock.
//!
//! Apart from the clock, which is a driver: drivers are below loops and know nothing of them.

use crate::{Poll, VirtualClock};

impl VirtualClock {
    /// A loop on this clock.
    pub fn poll(&self) -> Poll {
        self.numbered_poll().1
    }

    /// A loop on this clock, and its number: what [`take_turn`](VirtualClock::take_turn) returns.
    pub fn numbered_poll(&self) -> (u64, Poll) {
        let (driver, id, seed) = self.driver();
        let poll = Poll::with_driver(driver);
        poll.shuffle(seed);
        (id, poll)
    }
}
