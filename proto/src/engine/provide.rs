//! Attachments that are here are said to be: to the nodes nearest to their hash, which tell those who look for them
//! (libp2p's provider records, BEP 5's `announce_peer`).

use std::collections::VecDeque;
use std::time::Duration;

use super::provider_records::place;
use super::requests::Request;
use super::search::{Goal, Question};
use super::{ConnId, Engine};
use crate::id::{Hash, PeerId};
use crate::msg::{ProtoMessage, QueryId};
use crate::record::AttachmentId;
use crate::routing::Contact;

/// Whoever is gone sooner does not say that it has anything.
const SOON: Duration = Duration::from_secs(30);

/// Attachments that wait to be said to be here, at most: what is forgotten is said when it is put again.
const WAITING: usize = 1024;

/// Of the providers that one peer names, so many count: a liar names nobody who has it.
const NAMED_BY_ONE: usize = 4;

/// The attachments that are soon to be said to be here, and when.
#[derive(Debug, Default)]
pub(super) struct ToProvide(VecDeque<(Duration, Hash)>);

/// Providers that a search was told of.
#[derive(Debug, Default)]
pub(super) struct Named(Vec<PeerId>);

impl ToProvide {
    /// When the next is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.0.front().map(|(at, _)| *at)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.0.len()
    }
}

impl Engine {
    /// The attachment is here as a whole, and stays if this node does.
    pub(super) fn provide_soon(&mut self, id: AttachmentId) {
        let waits = self.to_provide.0.iter().any(|(_, hash)| *hash == id.hash);
        if !waits && self.to_provide.0.len() < WAITING && self.limits.providers > 0 {
            let at = self.now.saturating_add(SOON);
            self.to_provide.0.push_back((at, id.hash));
        }
    }

    /// Says what is due.
    pub(super) fn provide_due(&mut self) {
        while self.to_provide.deadline().is_some_and(|at| at <= self.now)
            && let Some((_, hash)) = self.to_provide.0.pop_front()
        {
            // Without peers nobody hears it: the next round of what is put again says it.
            if !self.peers.is_empty() && !self.stopping {
                self.search(hash, Question::FindNode(hash), Goal::Provide(hash));
            }
        }
    }

    /// Tells those nearest to an attachment that it is here.
    pub(super) fn provide(&mut self, hash: Hash, nearest: &[Contact<String>]) {
        let conns = nearest.iter().filter_map(|node| self.links.conn(&node.id));
        let conns: Vec<ConnId> = conns.take(self.limits.copies).collect();
        for conn in conns {
            let deadline = self.now.saturating_add(self.limits.request_timeout);
            let query = self.requests.add(conn, Request::Provide, deadline);
            self.send(conn, ProtoMessage::Provide { query, hash });
        }
    }

    /// A peer says that it has an attachment.
    pub(super) fn asked_to_provide(&mut self, conn: ConnId, query: QueryId, hash: Hash) {
        let Some(peer) = self.peers.get(&conn) else {
            return;
        };
        let Some(address) = peer.address.clone() else {
            let why = "nobody can be sent to you: say first where you can be connected with";
            return self.refuse(conn, query, why);
        };
        let contact = Contact {
            id: peer.id,
            address,
        };
        let distance = place(&self.own, &hash);
        let Engine {
            provider_records: records,
            limits,
            now,
            ..
        } = self;
        match records.note(distance, contact, *now, limits) {
            Ok(()) => self.send(conn, ProtoMessage::Stored { query }),
            Err(why) => self.refuse(conn, query, why),
        }
    }

    /// A peer asks who has an attachment.
    pub(super) fn asked_for_providers(&mut self, conn: ConnId, query: QueryId, target: Hash) {
        let asker = self.peers.get(&conn).map(|peer| peer.id);
        let distance = place(&self.own, &target);
        let providers = self.provider_records.of(&distance, asker.as_ref());
        let nodes = self.nodes_near(&target, conn);
        self.send(
            conn,
            ProtoMessage::Providers {
                query,
                providers,
                nodes,
            },
        );
    }

    /// Asks those near an attachment's hash who has it, once in a download.
    pub(super) fn seek_providers(&mut self, id: AttachmentId) {
        if !self.is_worth_seeking(&id) {
            return;
        }
        let goal = Goal::Providers(id, Named::default());
        self.hope(id, self.searches.next_number());
        self.search(id.hash, Question::Providers(id.hash), goal);
    }

    /// A search was told of providers: those that are new to it are met, and asked for parts.
    pub(super) fn providers_named(&mut self, search: u64, contacts: Vec<Contact<String>>) {
        let (own, most) = (self.own, self.limits.providers);
        let Some(goal) = self.searches.goal(search) else {
            return;
        };
        let (named, then) = match goal {
            Goal::Providers(id, named) => (named, Some(*id)),
            Goal::Holders(holders) => {
                let new = new_names(&mut holders.named, contacts, &own, most);
                holders.contacts.extend(new);
                return;
            }
            _ => return,
        };
        let new = new_names(named, contacts, &own, most);
        if let Some(id) = then.filter(|_| !new.is_empty()) {
            self.hope(id, self.searches.next_number());
            self.ask_only(id.hash, new, Question::Meet(id), Goal::Meet(id));
        }
    }
}

/// Of `contacts` those that count, and were not named before.
fn new_names(
    named: &mut Named,
    contacts: Vec<Contact<String>>,
    own: &PeerId,
    most: usize,
) -> Vec<Contact<String>> {
    let mut new = Vec::new();
    for contact in contacts.into_iter().take(NAMED_BY_ONE) {
        let is_new = contact.id != *own && !named.0.contains(&contact.id);
        if is_new && named.0.len() < most {
            named.0.push(contact.id);
            new.push(contact);
        }
    }
    new
}
