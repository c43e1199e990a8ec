//! Searches under way: walks through the network that ask ever nearer peers.
//!
//! A search knows its question and its candidates, and nothing of its purpose. The organ that
//! begins one keeps the [`SearchId`], and gets [`Report::Done`] with the result.

use super::context::Context;
use super::interface::ConnId;
use super::query::QueryPriority;
use super::requests::{Request, SearchId};
use super::task::{Report, Task};
use crate::id::{Hash, Key, PeerId};
use crate::msg::ProtoMessage;
use crate::routing::{Contact, Search, SearchParams};
use mydht_small::BTreeMap;

/// Question that a search asks each peer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// The record under a key, asking further peers in turn for so many hops.
    Find(Key, u8),
    /// The nodes near a hash.
    FindNode(Hash),
    /// The providers of an attachment.
    Providers(Hash),
    /// None: to be connected with the peer is enough.
    Connect,
}

/// Peers that a search may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Everybody that is named.
    All,
    /// Contacts that the search began with.
    Seeds,
    /// Connected peers that the search began with.
    Neighbours,
}

#[derive(Debug)]
struct Open {
    search: Search,
    question: Question,
    reach: Reach,
    /// Peers that were asked, or are being connected with to be asked.
    waiting: usize,
}

/// The searches under way.
#[derive(Debug, Default)]
pub(super) struct Searches {
    next: SearchId,
    open: BTreeMap<SearchId, Box<Open>>,
}

impl Searches {
    /// Returns the number of searches under way.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Returns the number of peers that were asked one after the other up to `peer`.
    pub(super) fn hops(&self, id: SearchId, peer: &PeerId) -> Option<u32> {
        Some(self.open.get(&id)?.search.depth(peer)? + 1)
    }

    /// Returns true if the search still wants to ask peers.
    pub(super) fn asks_more(&self, id: SearchId) -> bool {
        let open = self.open.get(&id);
        open.is_some_and(|open| !open.search.is_done())
    }

    /// Returns the peers nearest to the target that have answered until now, nearest first.
    pub(super) fn closest(&self, id: SearchId) -> Vec<Contact> {
        let open = self.open.get(&id);
        open.map_or(Vec::new(), |open| open.search.closest())
    }

    /// Begins a search of the whole network.
    pub(super) fn begin(&mut self, cx: &mut Context, target: Hash, question: Question) -> SearchId {
        self.begin_at(cx, QueryPriority::Normal, target, question)
    }

    /// Begins a search of the whole network that is worth more work or less.
    pub(super) fn begin_at(
        &mut self,
        cx: &mut Context,
        priority: QueryPriority,
        target: Hash,
        question: Question,
    ) -> SearchId {
        cx.table.searched(&target, cx.now);
        let seeds = cx.nearby(&target, cx.limits.routing.closest);
        let search = Search::new(target, cx.own, seeds, params(cx, priority));
        self.open(cx, search, question, Reach::All)
    }

    /// Begins a search that asks these contacts alone, all at once.
    pub(super) fn begin_among(
        &mut self,
        cx: &mut Context,
        target: Hash,
        contacts: Vec<Contact>,
        question: Question,
    ) -> SearchId {
        let params = SearchParams {
            parallel: contacts.len(),
            paths: 1,
            want: contacts.len(),
        };
        let search = Search::new(target, cx.own, contacts, params);
        self.open(cx, search, question, Reach::Seeds)
    }

    /// Begins a search that asks the `few` connected peers nearest to the target, without `asker`.
    pub(super) fn begin_nearby(
        &mut self,
        cx: &mut Context,
        target: Hash,
        question: Question,
        asker: PeerId,
        few: usize,
    ) -> SearchId {
        let mut seeds = cx.peers.near(&target);
        seeds.retain(|contact| contact.id != asker);
        let few = few.max(1);
        seeds.truncate(few);
        let params = SearchParams {
            parallel: few,
            paths: 1,
            want: few,
        };
        let search = Search::new(target, cx.own, seeds, params);
        self.open(cx, search, question, Reach::Neighbours)
    }

    fn open(
        &mut self,
        cx: &mut Context,
        search: Search,
        question: Question,
        reach: Reach,
    ) -> SearchId {
        let id = self.next;
        self.next += 1;
        let open = Open {
            search,
            question,
            reach,
            waiting: 0,
        };
        self.open.insert(id, Box::new(open));
        self.step(cx, id);
        id
    }

    /// Asks as many peers as may be asked now, and reports the search when it is done.
    fn step(&mut self, cx: &mut Context, id: SearchId) {
        loop {
            let Some(open) = self.open.get_mut(&id) else {
                return;
            };
            let Some(contact) = open.search.next() else {
                break;
            };
            open.waiting += 1;
            match cx.peers.best(&contact.id) {
                // The report is dealt with before further peers are connected with.
                Some(conn) if matches!(open.question, Question::Connect) => {
                    return self.ask(cx, id, conn, contact.id);
                }
                Some(conn) => self.ask(cx, id, conn, contact.id),
                None => {
                    let peer = contact.id;
                    if open.reach == Reach::Neighbours || !cx.dial(contact, id) {
                        open.waiting -= 1;
                        open.search.failed(&peer);
                    }
                }
            }
        }
        let done = |open: &Open| open.waiting == 0 && open.search.is_done();
        if self.open.get(&id).is_some_and(|open| done(open))
            && let Some(open) = self.open.remove(&id)
        {
            cx.leave(Task::Report(id, Report::Done(open.search)));
        }
    }

    /// Asks a connected peer.
    pub(super) fn ask(&mut self, cx: &mut Context, id: SearchId, conn: ConnId, peer: PeerId) {
        // The search may have been cancelled while it waited for the connection.
        let Some(open) = self.open.get(&id) else {
            return;
        };
        let request = Request::Search(id, peer);
        let patience = cx.limits.timeouts.find_timeout;
        match open.question {
            Question::Connect => cx.leave(Task::Report(id, Report::Connected(peer, conn))),
            Question::Find(key, hops) => {
                // A peer that asks others in turn needs less time the fewer hops are left, so that its answer still
                // finds a requester.
                let patience = patience.saturating_mul(u32::from(hops) + 1);
                cx.request(conn, request, patience, |query| ProtoMessage::Find {
                    query,
                    key,
                    hops,
                });
            }
            Question::Providers(target) => {
                cx.request(conn, request, patience, |query| {
                    ProtoMessage::FindProviders { query, target }
                });
            }
            Question::FindNode(target) => {
                cx.request(conn, request, patience, |query| ProtoMessage::FindNode {
                    query,
                    target,
                });
            }
        }
    }

    /// Goes on after a peer has answered and named others.
    pub(super) fn answered(
        &mut self,
        cx: &mut Context,
        id: SearchId,
        peer: &PeerId,
        nodes: Vec<Contact>,
    ) {
        if let Some(open) = self.open.get_mut(&id) {
            open.waiting -= 1;
            // The others have chosen all their candidates already.
            let nodes = match open.reach {
                Reach::All => nodes,
                Reach::Seeds | Reach::Neighbours => Vec::new(),
            };
            open.search.answered(peer, nodes);
            self.step(cx, id);
        }
    }

    /// Goes on after a peer was not reached, or did not answer.
    pub(super) fn failed(&mut self, cx: &mut Context, id: SearchId, peer: &PeerId) {
        if let Some(open) = self.open.get_mut(&id) {
            open.waiting -= 1;
            open.search.failed(peer);
            self.step(cx, id);
        }
    }

    /// Asks nobody else. The answers of peers that were asked already still count.
    pub(super) fn stop(&mut self, id: SearchId) {
        if let Some(open) = self.open.get_mut(&id) {
            open.search.stop();
        }
    }

    /// Drops a search, which never reports.
    pub(super) fn cancel(&mut self, id: SearchId) {
        self.open.remove(&id);
    }
}

/// Returns the number of peers that are asked at once, and of paths, of a search of the whole
/// network.
pub(super) fn params(cx: &Context, priority: QueryPriority) -> SearchParams {
    let limits = &cx.limits;
    let (parallel, paths) = match priority {
        QueryPriority::Low => (1, 1),
        QueryPriority::Normal => (limits.routing.parallel, limits.routing.paths),
        QueryPriority::High => {
            let twice = |count: usize| count.saturating_mul(2);
            (twice(limits.routing.parallel), twice(limits.routing.paths))
        }
    };
    SearchParams {
        parallel,
        paths,
        want: limits.routing.closest,
    }
}
