//! Users that wait for a first peer.

use std::time::Duration;

use super::interface::Ticket;

/// Users that wait for a first peer, and until when.
#[derive(Debug, Default)]
pub(super) struct Awaiting(Vec<(Ticket, Duration)>);

impl Awaiting {
    /// Adds a user that waits.
    pub(super) fn add(&mut self, ticket: Ticket, until: Duration) {
        self.0.push((ticket, until));
    }

    /// Takes all that wait.
    pub(super) fn take(&mut self) -> Vec<Ticket> {
        let all = std::mem::take(&mut self.0);
        all.into_iter().map(|(ticket, _)| ticket).collect()
    }

    /// Takes those that have waited long enough at `now`.
    pub(super) fn expired(&mut self, now: Duration) -> Vec<Ticket> {
        let late = self.0.extract_if(.., |(_, until)| *until <= now);
        late.map(|(ticket, _)| ticket).collect()
    }

    /// Returns when the first has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.0.iter().map(|(_, until)| *until).min()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.0.len()
    }
}
