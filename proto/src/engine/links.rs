//! Links: connections with peers that are not needed any more.

use std::time::Duration;

use super::context::Context;
use super::interface::ConnId;
use super::peers::Peer;
use crate::id::PeerId;
use mydht_small::{BTreeMap, BTreeSet};

/// Interval at which connections are looked through while there are too many.
const TRIM_EVERY: Duration = Duration::from_secs(1);

/// Closes connections that are not needed any more.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Time of the next trim. `Some` while there are more connections than the limit
    /// `peers.links`.
    trim_at: Option<Duration>,
}

impl Links {
    /// Returns the next time at which a connection may have to be closed.
    ///
    /// A worse connection on which something is under way has none: the end of that is an input of
    /// its own.
    pub(super) fn next_deadline(&self, cx: &Context) -> Option<Duration> {
        let quiet = quiet(cx);
        let worse = cx.peers.worse();
        let worse = worse.map(|(_, peer)| peer.used.saturating_add(quiet));
        // A deadline in the past belongs to a busy connection, and would make the event loop spin.
        let worse = worse.filter(|at| *at > cx.now);
        worse.chain(self.trim_at).min()
    }

    /// Returns true if a connection with a peer that has a better one may have to be closed.
    pub(super) fn has_quiet_worse(&self, cx: &Context) -> bool {
        cx.peers.worse().any(|(_, peer)| is_quiet(cx, peer))
    }

    /// Returns true if [`trim`](Self::trim) has something to do.
    pub(super) fn is_trim_due(&self, cx: &Context) -> bool {
        match cx.peers.len() > cx.limits.peers.links {
            true => self.trim_at.is_none_or(|at| at <= cx.now),
            false => self.trim_at.is_some(),
        }
    }

    /// Returns the worse connections of peers that have a better one, on which nothing is under way
    /// in either direction.
    pub(super) fn quiet_worse(
        &self,
        cx: &Context,
        served: impl Iterator<Item = ConnId>,
    ) -> Vec<ConnId> {
        let worse = cx.peers.worse().filter(|(_, peer)| is_quiet(cx, peer));
        let mut over: Vec<ConnId> = worse.map(|(conn, _)| conn).collect();
        if !over.is_empty() {
            let busy = busy(cx, served);
            over.retain(|conn| !busy.contains(conn));
        }
        over
    }

    /// Returns connections to close while there are more than the limit `peers.links`: those that
    /// were not used for long, the least useful ones first. Connections of `served` have still to
    /// be answered, and peers of `wanted` will be asked.
    pub(super) fn trim(
        &mut self,
        cx: &Context,
        served: impl Iterator<Item = ConnId>,
        wanted: impl FnOnce() -> BTreeSet<PeerId>,
    ) -> Vec<ConnId> {
        let excess = cx.peers.len().saturating_sub(cx.limits.peers.links);
        if excess == 0 {
            self.trim_at = None;
            return Vec::new();
        }
        let due = self.trim_at.get_or_insert(cx.now);
        if *due > cx.now {
            return Vec::new();
        }
        *due = cx.now.saturating_add(TRIM_EVERY);
        let mut spare = spare(cx, &busy(cx, served), &wanted());
        let mut ids: Vec<PeerId> = spare.keys().copied().collect();
        let mut over = Vec::new();
        // Recomputed each time: closing a connection changes which bucket is the fullest.
        while over.len() < excess
            && let Some(id) = cx.table.least_useful(&ids)
            && let Some(conn) = spare.remove(&id)
        {
            ids.retain(|other| *other != id);
            over.push(conn);
        }
        over
    }
}

/// Returns the time within which a request of a peer is answered or given up, whatever is asked of
/// others for it.
fn quiet(cx: &Context) -> Duration {
    let hops = u32::from(cx.limits.routing.hops).saturating_add(1);
    cx.limits.timeouts.find_timeout.saturating_mul(hops)
}

/// Returns true if nothing that the peer has asked can be under way any more.
fn is_quiet(cx: &Context, peer: &Peer) -> bool {
    peer.at_store == 0 && peer.used.saturating_add(quiet(cx)) <= cx.now
}

/// Returns the connections whose end would lose an answer: of the peer, or to it.
fn busy(cx: &Context, served: impl Iterator<Item = ConnId>) -> BTreeSet<ConnId> {
    cx.requests.conns().chain(served).collect()
}

/// Returns connections that were not used for long, one a peer.
fn spare(
    cx: &Context,
    busy: &BTreeSet<ConnId>,
    wanted: &BTreeSet<PeerId>,
) -> BTreeMap<PeerId, ConnId> {
    let unused = |peer: &Peer| peer.used.saturating_add(cx.limits.peers.link_idle) <= cx.now;
    cx.peers
        .iter()
        .filter(|(conn, peer)| peer.at_store == 0 && unused(peer) && !busy.contains(conn))
        .filter(|(_, peer)| !wanted.contains(&peer.id))
        .map(|(conn, peer)| (peer.id, *conn))
        .collect()
}
