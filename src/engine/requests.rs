//! The requests made of peers and not answered yet.

use std::collections::HashMap;
use std::time::Duration;

use super::ConnId;
use crate::msg::QueryId;
use crate::record::AttachmentId;

/// What a request was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// A lookup.
    Find(u64),
    /// A copy of a put.
    Store(u64),
    /// A part of a download.
    Fetch(AttachmentId, u64),
    /// Given up. Its late answer is no lie.
    Abandoned,
}

#[derive(Debug)]
struct Pending {
    conn: ConnId,
    request: Request,
    deadline: Duration,
}

/// The open requests of all connections.
#[derive(Debug, Default)]
pub(super) struct Requests {
    next: QueryId,
    pending: HashMap<QueryId, Pending>,
    /// No later than the first deadline: the map is looked through only when it has passed.
    first_deadline: Option<Duration>,
}

impl Requests {
    /// Notes a request and gives its number on the wire.
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

    /// Takes the request that `conn` answers; `None` if it was not asked.
    pub(super) fn answered(&mut self, conn: ConnId, query: QueryId) -> Option<Request> {
        if self.pending.get(&query)?.conn != conn {
            return None;
        }
        Some(self.pending.remove(&query)?.request)
    }

    /// Takes all requests of a connection that is gone.
    pub(super) fn lost(&mut self, conn: ConnId) -> Vec<Request> {
        self.take(|_, pending| pending.conn == conn)
    }

    /// Gives up what is due at `now`. Requests that move content are due only when their connection has made no
    /// progress: `patience` says until when it is given time.
    pub(super) fn expired(
        &mut self,
        now: Duration,
        patience: impl Fn(ConnId) -> Option<Duration>,
    ) -> Vec<(ConnId, Request)> {
        if self.first_deadline.is_none_or(|first| now < first) {
            return Vec::new();
        }
        let mut expired = Vec::new();
        let mut first: Option<Duration> = None;
        for (query, pending) in &mut self.pending {
            if pending.request == Request::Abandoned {
                continue;
            }
            if matches!(pending.request, Request::Store(_) | Request::Fetch(..))
                && let Some(until) = patience(pending.conn)
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
        expired.into_iter().map(|(_, c, r)| (c, r)).collect()
    }

    /// Gives up all requests that `given_up` names.
    pub(super) fn abandon(&mut self, given_up: impl Fn(Request) -> bool) {
        for pending in self.pending.values_mut() {
            if given_up(pending.request) {
                pending.request = Request::Abandoned;
            }
        }
    }

    /// When [`expired`](Self::expired) has something to say, at the earliest.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.first_deadline
    }

    fn take(&mut self, which: impl Fn(QueryId, &Pending) -> bool) -> Vec<Request> {
        let mut taken: Vec<_> = self
            .pending
            .extract_if(|query, pending| which(*query, pending))
            .collect();
        taken.sort_unstable_by_key(|(query, _)| *query);
        taken
            .into_iter()
            .map(|(_, pending)| pending.request)
            .collect()
    }
}
