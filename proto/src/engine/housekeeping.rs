//! Housekeeping: work whose deadline has passed, whatever else happens.

use std::time::Duration;

use super::Engine;
use super::context::Context;
use super::failure::Failure;
use super::interface::{ConnId, Event, Output};
use super::requests::Request;
use super::searches::Question;
use mydht_small::BTreeSet;

/// Requests in a row that a peer may leave unanswered before it is disconnected.
const MAX_STRIKES: u32 = 3;

impl Engine {
    /// Returns the earliest deadline of all organs. Every one of them knows its own without looking
    /// for it.
    pub(super) fn earliest_deadline(&self) -> Option<Duration> {
        let cx = &self.cx;
        // Without peers neither a refresh nor an announcement comes of it.
        let has_peers = !cx.peers.is_empty();
        let all = [
            self.awaiting.next_deadline(),
            cx.requests.next_deadline(),
            self.transfers.next_deadline(&cx.limits),
            cx.table.next_refresh().filter(|_| has_peers),
            self.republish.next_deadline(cx),
            self.announcements.next_deadline().filter(|_| has_peers),
            self.links.next_deadline(cx),
        ];
        all.into_iter().flatten().min()
    }

    /// Does the work whose deadline has passed. Called after each input, and cheap if there is
    /// none.
    pub(super) fn keep_house(&mut self) {
        if self.is_due() {
            #[cfg(test)]
            {
                self.tidied += 1;
            }
            self.do_due_work();
        }
    }

    /// Returns true if a deadline has passed, or if organs have something to tidy up that nobody
    /// waits for.
    fn is_due(&self) -> bool {
        let (cx, now) = (&self.cx, self.cx.now);
        let has_passed = |deadline: Option<Duration>| deadline.is_some_and(|at| at <= now);
        has_passed(self.earliest_deadline())
            // Also without peers: announcements whose delay has elapsed are dropped then.
            || has_passed(self.announcements.next_deadline())
            || self.republish.is_due(cx)
            || self.provider_records.is_due(now)
            || self.cache.is_due(now)
            || self.admission.quotas.is_due(now)
            || self.links.has_quiet_worse(cx)
            || self.links.is_trim_due(cx)
            || cx.requests.has_debtors()
    }

    fn do_due_work(&mut self) {
        let now = self.cx.now;
        for ticket in self.awaiting.expired(now) {
            self.cx.reply(ticket, Event::Failed(Failure::NoPeer));
        }
        self.expire_requests();
        self.transfers.expire(&mut self.cx);
        self.refresh();
        self.republish.run(&mut self.cx);
        while self.announcements.next(&mut self.cx, &mut self.searches) {
            self.run();
        }
        self.provider_records.expire(now);
        self.cache.expire(now);
        self.admission.quotas.expire(now);
        let worse = self.links.quiet_worse(&self.cx, self.transfers.conns());
        // Closed before the trim, which counts the remaining connections.
        self.leave(worse);
        let (puts, searches) = (&self.puts, &self.searches);
        let wanted = || puts.candidates(searches);
        let excess = self.links.trim(&self.cx, self.transfers.conns(), wanted);
        self.leave(excess);
        while let Some(conn) = self.cx.requests.next_debtor() {
            self.disconnect(conn, "it leaves too many requests unanswered".into());
        }
    }

    /// Gives up requests that were not answered in time, and peers that do not answer at all.
    fn expire_requests(&mut self) {
        let Engine { cx, puts, .. } = self;
        let Context {
            requests,
            peers,
            limits,
            now,
            ..
        } = cx;
        let expired = requests.expired(*now, |conn, request| {
            // A slow but active peer gets more time, counted from the last part that it served, or
            // from the last new part of an attachment that it took.
            let progress = match request {
                Request::Fetch(..) => peers.get(conn)?.gave,
                Request::Store(put) => puts.moved(put, &peers.id(conn)?)?,
                Request::Search(..) | Request::Provide | Request::Abandoned => return None,
            };
            Some(progress.saturating_add(limits.timeouts.request_timeout))
        });
        // One strike per peer and pass, however many of its requests have expired at once.
        let mut silent = BTreeSet::new();
        for (conn, request) in expired {
            silent.insert(conn);
            self.unanswered(conn, request, "the peer did not answer in time");
            self.run();
            // A timeout counts against the contact in the routing table. A refusal does not,
            // because the peer is alive.
            match request {
                Request::Fetch(id, _) => self.transfers.provider_gone(&mut self.cx, id, conn),
                Request::Search(_, peer) => self.cx.table.failed(&peer),
                Request::Store(_) | Request::Provide | Request::Abandoned => {}
            }
            self.run();
        }
        for conn in silent {
            let Some(peer) = self.cx.peers.get_mut(conn) else {
                continue;
            };
            peer.strikes += 1;
            if peer.strikes == MAX_STRIKES {
                self.disconnect(conn, "it does not answer".into());
            }
        }
    }

    /// Searches for the nodes that the routing table lacks.
    fn refresh(&mut self) {
        let cx = &mut self.cx;
        let due = cx.table.next_refresh().is_some_and(|at| at <= cx.now);
        if cx.peers.is_empty() || !due {
            return;
        }
        let (own, now) = (cx.own, cx.now);
        if let Some(target) = cx.table.refresh(&own, now) {
            self.searches.begin(cx, target, Question::FindNode(target));
            self.run();
        }
    }

    /// Closes connections that are not needed any more.
    fn leave(&mut self, conns: Vec<ConnId>) {
        for conn in conns {
            self.cx.outputs.push_back(Output::Leave(conn));
            self.peer_down(conn);
        }
    }
}
