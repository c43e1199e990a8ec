//! One attachment on its way here.

use std::time::Duration;

use super::super::interface::ConnId;
use super::super::requests::SearchId;
use super::super::task::OnArrival;
use crate::attachment::fetch::FetchPlan;
use crate::limits::Limits;
use crate::msg::QueryId;
use mydht_small::{BTreeMap, BTreeSet};

/// Reason to refuse a request that would wait.
pub(super) const TOO_MANY_WAIT: &str =
    "too many requests wait for this attachment (limit transfers.waiting_requests)";

/// An attachment on its way here.
#[derive(Debug)]
pub(super) struct Download {
    /// Distinguishes this download from an earlier one of the same attachment, of which the store
    /// has still to answer.
    pub(super) number: u64,
    /// `None` while the store looks for what is here already.
    pub(super) plan: Option<FetchPlan<ConnId>>,
    /// Connections that may have the attachment, and have not failed.
    pub(super) providers: Vec<ConnId>,
    /// Acts that wait for the whole attachment.
    pub(super) then: Vec<OnArrival>,
    /// Peers that want parts which are not here yet, by part.
    pub(super) waiting: BTreeMap<u64, Vec<(ConnId, QueryId)>>,
    /// Number of requests in `waiting`.
    pub(super) waiting_count: usize,
    /// Parts that peers asked for before there was a plan.
    pub(super) wanted: BTreeSet<u64>,
    /// Parts that arrived, and that the store has not said it kept.
    pub(super) writing: BTreeSet<u64>,
    /// Searches that may still find providers.
    pub(super) hopes: BTreeSet<SearchId>,
    /// Set once providers were searched for.
    pub(super) is_sought: bool,
    /// Time at which a peer last asked for a part, or one was kept.
    pub(super) touched: Duration,
    /// Key of this download among those that nobody waits for.
    pub(super) idle: Option<Duration>,
}

impl Download {
    /// Creates a download that waits for the store to say which parts are here.
    pub(super) fn new(number: u64, providers: Vec<ConnId>, now: Duration) -> Self {
        Download {
            number,
            plan: None,
            providers,
            then: Vec::new(),
            waiting: BTreeMap::new(),
            waiting_count: 0,
            wanted: BTreeSet::new(),
            writing: BTreeSet::new(),
            hopes: BTreeSet::new(),
            is_sought: false,
            touched: now,
            idle: None,
        }
    }

    /// Returns the connections that wait for a part, or for the attachment to be kept.
    pub(super) fn conns(&self) -> impl Iterator<Item = ConnId> {
        let parts = self.waiting.values().flatten().map(|(conn, _)| *conn);
        let stored = self.then.iter().filter_map(|then| match then {
            OnArrival::Stored(conn, ..) => Some(*conn),
            OnArrival::Found(..) => None,
        });
        parts.chain(stored)
    }

    /// Lets a peer wait for a part.
    pub(super) fn wait(
        &mut self,
        part: u64,
        who: (ConnId, QueryId),
        limits: &Limits,
    ) -> Result<(), &'static str> {
        let plan = self.plan.as_ref();
        if plan.is_some_and(|plan| plan.have().contains(part)) && !self.writing.contains(&part) {
            // The part was kept, but the store cannot serve it yet: nothing would ever end the wait.
            return Err("this part cannot be served yet");
        }
        if plan.is_some_and(|plan| plan.expects(who.0, part)) {
            // The peer would wait for itself.
            return Err("this part was asked of you");
        }
        if self.waiting_count >= limits.transfers.waiting_requests {
            return Err(TOO_MANY_WAIT);
        }
        self.waiting.entry(part).or_default().push(who);
        self.waiting_count += 1;
        Ok(())
    }

    /// Forgets a connection that waits.
    pub(super) fn forget_waiting(&mut self, conn: ConnId) {
        self.waiting.retain(|_, peers| {
            peers.retain(|(peer, _)| *peer != conn);
            !peers.is_empty()
        });
        self.waiting_count = self.waiting.values().map(Vec::len).sum();
        self.then
            .retain(|then| !matches!(then, OnArrival::Stored(peer, ..) if *peer == conn));
    }

    /// Takes the peers that wait for a part.
    pub(super) fn take_waiting(&mut self, part: u64) -> Vec<(ConnId, QueryId)> {
        let waiting = self.waiting.remove(&part).unwrap_or_default();
        self.waiting_count -= waiting.len();
        waiting
    }

    /// Adds a connection that may have the attachment.
    pub(super) fn add_provider(&mut self, conn: ConnId) {
        if !self.providers.contains(&conn) {
            self.providers.push(conn);
        }
        if let Some(plan) = &mut self.plan {
            plan.add_provider(conn);
        }
    }

    /// Removes a connection that does not serve the attachment any more.
    pub(super) fn remove_provider(&mut self, conn: ConnId) {
        self.providers.retain(|other| *other != conn);
        if let Some(plan) = &mut self.plan {
            plan.remove_provider(conn);
        }
    }

    /// Replaces a connection by another one with the same peer.
    pub(super) fn replace_provider(&mut self, from: ConnId, to: ConnId) {
        self.providers.retain(|conn| ![from, to].contains(conn));
        self.providers.push(to);
        if let Some(plan) = &mut self.plan {
            plan.replace_provider(from, to);
        }
    }

    /// Returns true if this node's user waits for the attachment.
    pub(super) fn is_for_the_user(&self) -> bool {
        let mut then = self.then.iter();
        then.any(|then| matches!(then, OnArrival::Found(..)))
    }

    /// Returns since when nobody waits for the attachment.
    pub(super) fn idle_since(&self) -> Option<Duration> {
        let wanted = !self.then.is_empty() || !self.waiting.is_empty();
        (self.plan.is_some() && !wanted).then_some(self.touched)
    }
}
