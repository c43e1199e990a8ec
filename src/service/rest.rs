//! Work that a service has left after it did as much as it may at once.

use mydht_spawner::{SpawnSend, SpawnUnyield};

use super::{MainCommand, MainSend, Who};
use crate::conf::MyDHTConf;

/// Lets a service go on, and sees to it that it comes to the rest of what it has to do.
pub(super) struct Rest<MC: MyDHTConf> {
    who: Who,
    main: MainSend<MC>,
    /// The main loop knows that there is a rest.
    told: bool,
}

impl<MC: MyDHTConf> Rest<MC> {
    pub(super) fn new(who: Who, main: &MainSend<MC>) -> Self {
        Rest {
            who,
            main: main.clone(),
            told: false,
        }
    }

    /// The main loop lets the service go on, as it was told.
    pub(super) fn comes(&mut self) {
        self.told = false;
    }

    /// Unyields the service. Its end is told by [`MainCommand::Ended`], under every spawner.
    pub(super) fn unyield(&mut self, handle: &mut impl SpawnUnyield) {
        let _ = handle.unyield();
        // One GoOn at a time: otherwise each unyield would add one to the queue.
        if !self.told && handle.wants_unyield() {
            // A main loop that is gone lets nobody go on.
            self.told = self.main.send(MainCommand::GoOn(self.who)).is_ok();
        }
    }
}
