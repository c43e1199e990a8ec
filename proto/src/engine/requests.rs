//! Requests to peers that are not answered yet.

use std::collections::HashMap;
use std::time::Duration;

use super::interface::ConnId;
use crate::id::PeerId;
use crate::msg::QueryId;
use crate::record::AttachmentId;

/// Number of a search.
pub(super) type SearchId = u64;

/// Number of a put whose copies are under way.
pub(super) type PutId = u64;

/// Purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The question of a search, and the queried peer.
    Search(SearchId, PeerId),
    /// A copy of a put.
    Store(PutId),
    /// A part of a download.
    Fetch(AttachmentId, u64),
    /// The announcement of an attachment that is here.
    Provide,
    /// Given up. A late answer is no violation.
    Abandoned,
}

#[derive(Debug)]
struct Pending {
    conn: ConnId,
    request: Request,
    deadline: Duration,
}

/// Requests to peers that are not answered yet.
#[derive(Debug)]
pub(super) struct Requests {
    next: QueryId,
    pending: HashMap<QueryId, Pending>,
    /// No later than the first deadline: the map is looked through only when it has passed.
    first_deadline: Option<Duration>,
    /// Number of abandoned requests that each connection has still to answer. Forgetting them would
    /// make a late answer look unexpected; so they are bounded.
    owed: HashMap<ConnId, usize>,
    most_owed: usize,
    /// Connections that went past `most_owed`.
    debtors: Vec<ConnId>,
}

impl Requests {
    /// Creates an empty set. A connection may leave `most_owed` abandoned ones unanswered.
    pub(super) fn new(most_owed: usize) -> Self {
        Requests {
            next: 0,
            pending: HashMap::new(),
            first_deadline: None,
            owed: HashMap::new(),
            most_owed,
            debtors: Vec::new(),
        }
    }

    /// Adds a request and returns its number on the wire.
    pub(super) fn add(&mut self, conn: ConnId, request: Request, deadline: Duration) -> QueryId {
        let query = self.next;
        self.next += 1;
        let pending = Pending {
            conn,
            request,
            deadline,
        };
        self.pending.insert(query, pending);
        self.first_deadline = Some(match self.first_deadline {
            Some(first) => first.min(deadline),
            None => deadline,
        });
        query
    }

    /// Returns the connections that have still to answer something.
    pub(super) fn conns(&self) -> impl Iterator<Item = ConnId> {
        self.pending.values().map(|pending| pending.conn)
    }

    /// Takes the request that `conn` answers; `None` if it was not asked.
    pub(super) fn answered(&mut self, conn: ConnId, query: QueryId) -> Option<Request> {
        // Query numbers are shared by all connections, so a hostile peer can guess those of others.
        if self.pending.get(&query)?.conn != conn {
            return None;
        }
        let request = self.pending.remove(&query)?.request;
        if self.pending.is_empty() {
            self.first_deadline = None;
        }
        if request == Request::Abandoned
            && let Some(owed) = self.owed.get_mut(&conn)
        {
            *owed -= 1;
            if *owed == 0 {
                self.owed.remove(&conn);
            }
        }
        Some(request)
    }

    /// Takes all requests of a connection that is gone.
    pub(super) fn lost(&mut self, conn: ConnId) -> Vec<Request> {
        self.owed.remove(&conn);
        self.debtors.retain(|debtor| *debtor != conn);
        let mut lost: Vec<_> = self
            .pending
            .extract_if(|_, pending| pending.conn == conn)
            .collect();
        if self.pending.is_empty() {
            self.first_deadline = None;
        }
        // The order of a hash map differs from run to run, and simulations must be reproducible.
        lost.sort_unstable_by_key(|(query, _)| *query);
        lost.into_iter().map(|(_, p)| p.request).collect()
    }

    /// Gives up requests whose deadline has passed at `now`. `patience` may put a deadline off, for
    /// a connection that works on the request.
    pub(super) fn expired(
        &mut self,
        now: Duration,
        patience: impl Fn(ConnId, Request) -> Option<Duration>,
    ) -> Vec<(ConnId, Request)> {
        if self.first_deadline.is_none_or(|first| now < first) {
            return Vec::new();
        }
        let mut expired = Vec::new();
        let mut first: Option<Duration> = None;
        for (query, pending) in &mut self.pending {
            // Kept only to recognize a late answer, so it has no deadline any more.
            if pending.request == Request::Abandoned {
                continue;
            }
            if pending.deadline <= now
                && let Some(until) = patience(pending.conn, pending.request)
            {
                pending.deadline = pending.deadline.max(until);
            }
            if pending.deadline <= now {
                expired.push((*query, pending.conn, pending.request));
                pending.request = Request::Abandoned;
            } else {
                first = Some(first.map_or(pending.deadline, |first| first.min(pending.deadline)));
            }
        }
        self.first_deadline = first;
        // In the order in which they were made, whatever the map's order is.
        expired.sort_unstable_by_key(|(query, ..)| *query);
        for (_, conn, _) in &expired {
            self.owes(*conn);
        }
        expired.into_iter().map(|(_, c, r)| (c, r)).collect()
    }

    /// Gives up all requests that `given_up` names.
    pub(super) fn abandon(&mut self, given_up: impl Fn(ConnId, Request) -> bool) {
        let mut owing = Vec::new();
        for pending in self.pending.values_mut() {
            if pending.request != Request::Abandoned && given_up(pending.conn, pending.request) {
                pending.request = Request::Abandoned;
                owing.push(pending.conn);
            }
        }
        // Sorted so that simulations are reproducible, as in `lost`.
        owing.sort_unstable();
        for conn in owing {
            self.owes(conn);
        }
    }

    fn owes(&mut self, conn: ConnId) {
        let owed = self.owed.entry(conn).or_default();
        *owed += 1;
        // `==` and not `>`, so that a connection is reported once, when it exceeds the bound.
        if *owed == self.most_owed.saturating_add(1) {
            self.debtors.push(conn);
        }
    }

    /// Takes a connection that left more abandoned requests unanswered than it may.
    pub(super) fn next_debtor(&mut self) -> Option<ConnId> {
        self.debtors.pop()
    }

    /// Returns the earliest time at which [`expired`](Self::expired) may return something.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.first_deadline
    }

    /// Returns true if a connection went past its bound of abandoned requests.
    pub(super) fn has_debtors(&self) -> bool {
        !self.debtors.is_empty()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 3] {
        [self.pending.len(), self.owed.len(), self.debtors.len()]
    }
}
