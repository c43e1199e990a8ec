//! Searches under way: whom they ask, and what they are for.

use super::lookup::Lookup;
use super::provide::Named;
use super::put::For;
use super::requests::Request;
use super::{ConnId, Engine, QueryPriority};
use crate::id::{Hash, Key, PeerId};
use crate::msg::ProtoMessage;
use crate::record::{AttachmentId, Record};
use crate::routing::{Contact, Distance, Search, SearchParams};
use mydht_small::{BTreeMap, BTreeSet};

/// What a search asks of each peer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    /// A record, and to ask so many others in turn.
    Find(Key, u8),
    /// Who is near.
    FindNode(Hash),
    /// Who has an attachment.
    Providers(Hash),
    /// Nothing: whoever is connected is asked for parts of it.
    Meet(AttachmentId),
}

/// What is done with what a search finds.
#[derive(Debug)]
pub(super) enum Goal {
    /// A record that somebody wants.
    Lookup(Lookup),
    /// The peers that a record is to be copied to.
    Copies(For, Record),
    /// Those who are to know that an attachment is here.
    Provide(Hash),
    /// Those who have an attachment that is on its way here.
    Providers(AttachmentId, Named),
    /// The same, where nobody who was asked has the record.
    Holders(Box<Holders>),
    /// Those that were named as having it.
    Meet(AttachmentId),
    /// Peers to know.
    Table,
}

/// Whom a search may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Whoever is named, wherever it is.
    All,
    /// Those that it began with, wherever they are.
    Seeds,
    /// Those that it began with and that are connected.
    Neighbours,
}

/// A record that nobody near its key has, and who is said to have it.
#[derive(Debug)]
pub(super) struct Holders {
    pub(super) lookup: Lookup,
    pub(super) named: Named,
    pub(super) contacts: Vec<Contact<String>>,
}

#[derive(Debug)]
struct Open {
    search: Search<String>,
    question: Question,
    goal: Goal,
    reach: Reach,
    /// Peers that were asked, or are being connected with to be asked.
    waiting: usize,
}

/// The searches under way.
#[derive(Debug, Default)]
pub(super) struct Searches {
    next: u64,
    open: BTreeMap<u64, Box<Open>>,
}

impl Searches {
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Those that the searches of puts have found until now.
    pub(super) fn to_be_copied_to(&self) -> BTreeSet<PeerId> {
        let puts = self.open.values();
        puts.filter(|open| matches!(open.goal, Goal::Copies(..)))
            .flat_map(|open| open.search.closest())
            .map(|contact| contact.id)
            .collect()
    }

    /// How many peers were asked one after the other up to `peer`.
    pub(super) fn hops(&self, search: u64, peer: &PeerId) -> Option<u32> {
        Some(self.open.get(&search)?.search.depth(peer)? + 1)
    }

    /// It has not found what it looks for.
    pub(super) fn asks_more(&self, search: u64) -> bool {
        let open = self.open.get(&search);
        open.is_some_and(|open| !open.search.is_done())
    }

    /// What the next search will be called.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    /// Of those that have answered a search, and not with what it looks for, the nearest.
    pub(super) fn nearest(&self, search: u64) -> Option<PeerId> {
        let closest = self.open.get(&search)?.search.closest();
        closest.first().map(|contact| contact.id)
    }

    pub(super) fn goal(&mut self, search: u64) -> Option<&mut Goal> {
        self.open.get_mut(&search).map(|open| &mut open.goal)
    }
}

impl Engine {
    /// Begins a search of the whole network.
    pub(super) fn search(&mut self, target: Hash, question: Question, goal: Goal) {
        self.search_at(QueryPriority::Normal, target, question, goal);
    }

    /// The same, worth more work or less.
    pub(super) fn search_at(
        &mut self,
        priority: QueryPriority,
        target: Hash,
        question: Question,
        goal: Goal,
    ) {
        self.route.searched(&target, self.now);
        let seeds = self.nearby(&target, self.limits.closest);
        let params = self.params(priority);
        self.begin_search(
            Search::new(target, self.own, seeds, params),
            question,
            goal,
            Reach::All,
        );
    }

    /// How many are asked at once, and on how many paths.
    pub(super) fn params(&self, priority: QueryPriority) -> SearchParams {
        let (parallel, paths) = match priority {
            QueryPriority::Low => (1, 1),
            QueryPriority::Normal => (self.limits.parallel, self.limits.paths),
            QueryPriority::High => {
                let twice = |count: usize| count.saturating_mul(2);
                (twice(self.limits.parallel), twice(self.limits.paths))
            }
        };
        SearchParams {
            parallel,
            paths,
            want: self.limits.closest,
        }
    }

    /// Asks these alone, all at once.
    pub(super) fn ask_only(
        &mut self,
        target: Hash,
        contacts: Vec<Contact<String>>,
        question: Question,
        goal: Goal,
    ) {
        let params = SearchParams {
            parallel: contacts.len(),
            paths: 1,
            want: contacts.len(),
        };
        let search = Search::new(target, self.own, contacts, params);
        self.begin_search(search, question, goal, Reach::Seeds);
    }

    /// Asks the `few` connected peers that are nearest, but not `asker`.
    pub(super) fn search_neighbours(
        &mut self,
        target: Hash,
        question: Question,
        goal: Goal,
        asker: PeerId,
        few: usize,
    ) {
        let mut seeds = self.connected_near(&target);
        seeds.retain(|contact| contact.id != asker);
        let few = few.max(1);
        seeds.truncate(few);
        let params = SearchParams {
            parallel: few,
            paths: 1,
            want: few,
        };
        self.begin_search(
            Search::new(target, self.own, seeds, params),
            question,
            goal,
            Reach::Neighbours,
        );
    }

    fn begin_search(
        &mut self,
        search: Search<String>,
        question: Question,
        goal: Goal,
        reach: Reach,
    ) {
        let number = self.searches.next;
        self.searches.next += 1;
        let open = Open {
            search,
            question,
            goal,
            reach,
            waiting: 0,
        };
        self.searches.open.insert(number, Box::new(open));
        self.step(number);
    }

    /// The connected peers, nearest first. Those that did not say where they are found have an empty address.
    pub(super) fn connected_near(&self, target: &Hash) -> Vec<Contact<String>> {
        let contact = |(id, conn): (&PeerId, ConnId)| Contact {
            id: *id,
            address: self.address(conn).unwrap_or_default().to_owned(),
        };
        let mut all: Vec<_> = self.links.conns().map(contact).collect();
        all.sort_by_cached_key(|contact| Distance::between(&contact.id.0, target));
        all
    }

    /// The peers nearest to `target` that are connected or known.
    fn nearby(&self, target: &Hash, count: usize) -> Vec<Contact<String>> {
        let mut all = self.connected_near(target);
        let known = self.route.closest(target, count);
        all.extend(
            known
                .into_iter()
                .filter(|contact| !self.links.has(&contact.id)),
        );
        all.sort_by_cached_key(|contact| Distance::between(&contact.id.0, target));
        all.truncate(count);
        all
    }

    /// Asks as many as may be asked now, and ends the search when it is done.
    fn step(&mut self, number: u64) {
        loop {
            let Some(open) = self.searches.open.get_mut(&number) else {
                return;
            };
            let Some(contact) = open.search.next() else {
                break;
            };
            open.waiting += 1;
            let may_dial = open.reach != Reach::Neighbours;
            match self.links.conn(&contact.id) {
                Some(conn) => self.question(number, conn, contact.id),
                None => {
                    let id = contact.id;
                    if !may_dial || !self.dial(contact, number) {
                        self.search_failed(number, &id);
                    }
                }
            }
        }
        let done = |open: &Open| open.waiting == 0 && open.search.is_done();
        if self
            .searches
            .open
            .get(&number)
            .is_some_and(|open| done(open))
            && let Some(open) = self.searches.open.remove(&number)
        {
            self.search_done(number, *open);
        }
    }

    /// Asks a connected peer.
    pub(super) fn question(&mut self, number: u64, conn: ConnId, peer: PeerId) {
        let Some(open) = self.searches.open.get(&number) else {
            return;
        };
        let question = open.question;
        if let Question::Meet(id) = question {
            self.note_provider(id, conn);
            return self.search_answered(number, &peer, Vec::new());
        }
        let hops = match question {
            Question::Find(_, hops) => hops,
            _ => 0,
        };
        // Who asks others in turn needs less time the fewer hops are left, so that an answer still finds a waiter.
        let share = self.limits.find_timeout.saturating_mul(u32::from(hops) + 1);
        let deadline = self.now.saturating_add(share);
        let query = self
            .requests
            .add(conn, Request::Search(number, peer), deadline);
        let message = match question {
            Question::Find(key, hops) => ProtoMessage::Find { query, key, hops },
            Question::Providers(target) => ProtoMessage::FindProviders { query, target },
            Question::FindNode(target) | Question::Meet(AttachmentId { hash: target, .. }) => {
                ProtoMessage::FindNode { query, target }
            }
        };
        self.send(conn, message);
    }

    /// A peer that was asked names others, and has no more to say.
    pub(super) fn search_answered(
        &mut self,
        number: u64,
        peer: &PeerId,
        nodes: Vec<Contact<String>>,
    ) {
        if let Some(open) = self.searches.open.get_mut(&number) {
            open.waiting -= 1;
            // Otherwise those that are to be asked have been chosen already.
            let nodes = match open.reach {
                Reach::All => nodes,
                Reach::Seeds | Reach::Neighbours => Vec::new(),
            };
            open.search.answered(peer, nodes);
            self.step(number);
        }
    }

    /// A peer was not reached, or did not answer.
    pub(super) fn search_failed(&mut self, number: u64, peer: &PeerId) {
        if let Some(open) = self.searches.open.get_mut(&number) {
            open.waiting -= 1;
            open.search.failed(peer);
            self.step(number);
        }
    }

    /// Nobody else is asked: what was looked for is there. Who was asked already still may answer.
    pub(super) fn search_stops(&mut self, number: u64) {
        if let Some(open) = self.searches.open.get_mut(&number) {
            open.search.stop();
        }
    }

    fn search_done(&mut self, number: u64, open: Open) {
        match open.goal {
            Goal::Lookup(lookup) => self.lookup_done(number, lookup),
            Goal::Copies(whom, record) => {
                let nearest = open.search.closest();
                // What is put again is still here.
                if let Some(id) = record
                    .value
                    .attachment()
                    .filter(|_| matches!(whom, For::Round))
                {
                    match *record.key.hash() == id.hash {
                        true => self.provide(id.hash, &nearest),
                        false => self.provide_soon(id),
                    }
                }
                self.send_copies(whom, record, nearest);
            }
            Goal::Provide(hash) => self.provide(hash, &open.search.closest()),
            Goal::Providers(id, _) | Goal::Meet(id) => self.hope_gone(id, number),
            Goal::Holders(holders) => self.holders_named(*holders),
            Goal::Table => {}
        }
    }

    /// There is no time to search for the best places: what is to be copied goes to those that are connected.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        let open = self.searches.open.iter();
        let copies = open.filter(|(_, open)| matches!(open.goal, Goal::Copies(..)));
        let numbers: Vec<u64> = copies.map(|(number, _)| *number).collect();
        for number in numbers {
            let Some(open) = self.searches.open.remove(&number) else {
                continue;
            };
            if let Goal::Copies(whom @ (For::User(_) | For::Peer), record) = open.goal {
                self.copy(whom, record);
            }
        }
    }

    /// Looks for those whom the route wants to know.
    pub(super) fn refresh(&mut self) {
        let due = self.route.next_refresh().is_some_and(|at| at <= self.now);
        if self.peers.is_empty() || !due {
            return;
        }
        self.refreshes += 1;
        // Where in the range is of no matter, as long as it is not always the same place.
        let mut seed = self.own.0.0.to_vec();
        seed.extend(self.refreshes.to_le_bytes());
        if let Some(target) = self.route.refresh(self.now, &Hash::of(&seed)) {
            self.search(target, Question::FindNode(target), Goal::Table);
        }
    }

    /// A peer asks who is near.
    pub(super) fn asked_for_nodes(&mut self, conn: ConnId, query: u64, target: Hash) {
        let nodes = self.nodes_near(&target, conn);
        self.send(conn, ProtoMessage::Nodes { query, nodes });
    }

    /// Those whom this node would tell `conn` of: not itself.
    pub(super) fn nodes_near(&self, target: &Hash, conn: ConnId) -> Vec<Contact<String>> {
        let asker = self.peers.get(&conn).map(|peer| peer.id);
        let mut nodes = self.route.closest(target, self.limits.closest + 1);
        nodes.retain(|contact| Some(contact.id) != asker);
        nodes.truncate(self.limits.closest);
        nodes
    }

    /// What is wrong about contacts that a peer names, if anything.
    pub(super) fn check_nodes(&self, nodes: &[Contact<String>]) -> Result<(), &'static str> {
        // Others may be set up to tell of more than this node does, within reason.
        const MOST: usize = 64;
        if nodes.len() > MOST.max(self.limits.closest) {
            return Err("it named too many nodes at once");
        }
        if nodes
            .iter()
            .any(|node| node.address.len() > self.limits.address_bytes)
        {
            return Err("it named a node with too long an address (limit address_bytes)");
        }
        Ok(())
    }
}
