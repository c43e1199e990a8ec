//! The protocol of a node, without any I/O: its answer to messages, requests and time.
//!
//! [`Engine::handle`] takes an event and its time, and [`Engine::next_output`] returns what to do.
//! The services around the engine carry it out. So every case is tested without a socket or a
//! clock.
//!
//! Every request of the user ends in exactly one last [`Event`], whatever peers and the store do.
//! The store must answer in the order in which it was asked.
//!
//! # Organs
//!
//! Each of searches, lookups, puts, transfers, provider records, announcements, republishing and
//! links owns its state and the methods on it. They share a `Context` and do not know each other:
//! an organ leaves a `Task` for another, and the [`Engine`] routes inputs and tasks. A search
//! reports to the organ that began it.

mod admission;
mod after_store;
mod announcements;
mod awaiting;
mod cache;
mod connections;
mod context;
mod counts;
mod dials;
mod failure;
mod housekeeping;
mod interface;
mod known_providers;
mod links;
mod lookups;
mod messages;
mod named;
mod peers;
mod provider_records;
mod puts;
mod query;
mod quotas;
mod republish;
mod requests;
mod searches;
mod store_replies;
mod table;
mod task;
mod transfers;

#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use failure::Failure;
pub use interface::{
    Command, ConnId, Event, Input, Insight, Output, Owner, StoreOp, StoreReply, StoreTicket,
    Ticket, Usage,
};
pub use query::{Query, QueryMode, QueryPriority};

use std::sync::Arc;
use std::time::Duration;

use crate::id::PeerId;
use crate::limits::Limits;
use crate::routing::{Route, Search};

use admission::Admission;
use after_store::AfterStore;
use announcements::Announcements;
use awaiting::Awaiting;
use cache::Cache;
use context::Context;
use links::Links;
use lookups::Lookups;
use provider_records::ProviderRecords;
use puts::Puts;
use republish::Republish;
use requests::SearchId;
use searches::Searches;
use table::Table;
use task::{Report, Task};
use transfers::Transfers;

/// The protocol of one node.
#[derive(Debug)]
pub struct Engine {
    cx: Context,
    searches: Searches,
    lookups: Lookups,
    puts: Puts,
    admission: Admission,
    transfers: Transfers,
    provider_records: ProviderRecords,
    announcements: Announcements,
    republish: Republish,
    cache: Cache,
    links: Links,
    awaiting: Awaiting,
    /// Times that housekeeping has run.
    #[cfg(test)]
    tidied: u64,
}

impl Engine {
    /// Creates the node `own`, without peers; it will know those that `route` keeps. `epoch` is
    /// when its time began, since 1970 (UTC): records expire by the clock that everybody has.
    pub fn new(
        own: PeerId,
        limits: impl Into<Arc<Limits>>,
        route: Box<dyn Route + Send>,
        epoch: Duration,
    ) -> Self {
        Engine {
            cx: Context::new(own, limits.into(), Table::new(route), epoch),
            searches: Searches::default(),
            lookups: Lookups::default(),
            puts: Puts::default(),
            admission: Admission::default(),
            transfers: Transfers::default(),
            provider_records: ProviderRecords::default(),
            announcements: Announcements::default(),
            republish: Republish::default(),
            cache: Cache::default(),
            links: Links::default(),
            awaiting: Awaiting::default(),
            #[cfg(test)]
            tidied: 0,
        }
    }

    /// Takes in an event that happened at `now` (time since any fixed moment; never goes back).
    pub fn handle(&mut self, now: Duration, input: Input) {
        // Organs keep deadlines in the order of insertion, which is sorted only if time never goes
        // back.
        self.cx.now = self.cx.now.max(now);
        self.route(input);
        self.run();
        // Runs after the input, so that an answer which arrives just at its deadline still counts.
        self.keep_house();
        self.run();
    }

    /// Returns the next thing to do; `None` when all is done.
    pub fn next_output(&mut self) -> Option<Output> {
        self.cx.outputs.pop_front()
    }

    /// Returns when `handle` wants to be called, even if nothing happened.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.earliest_deadline()
    }

    /// Takes the counts of what has happened since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.cx.counts)
    }

    /// Routes an input to the organ that it concerns.
    fn route(&mut self, input: Input) {
        match input {
            Input::Command(ticket, command) => self.command(ticket, command),
            Input::PeerUp(conn, id, rank) => self.peer_up(conn, id, rank),
            Input::PeerDown(conn) => self.peer_down(conn),
            Input::ConnectFailed(why, hopeless) if hopeless => {
                for ticket in self.awaiting.take() {
                    let reason = why.clone();
                    self.cx
                        .reply(ticket, Event::Failed(Failure::Unreachable { reason }));
                }
            }
            Input::ConnectFailed(..) => {}
            Input::Unreachable(id) => self.unreachable(&id),
            Input::Reachable(conn, addresses) => self.reachable(conn, addresses),
            Input::Message(conn, message, part) => self.message(conn, message, part),
            Input::Used(conn) => {
                if let Some(peer) = self.cx.peers.get_mut(conn) {
                    peer.used = self.cx.now;
                }
            }
            Input::Stored(ticket, result) => {
                let after = self.cx.store_answered(ticket);
                self.stored(after, result);
            }
            Input::Tick => {}
            Input::Stop => {
                // Set before `puts.stop`, which then stores at connected peers instead of searching
                // for others.
                self.cx.stopping = true;
                self.puts.stop(&mut self.cx, &mut self.searches);
            }
        }
    }

    /// Routes a command of the user.
    fn command(&mut self, ticket: Ticket, command: Command) {
        let cx = &mut self.cx;
        match command {
            Command::Put { record, tree } => self.puts.put(cx, ticket, record, tree),
            Command::Propagate { record } => self.puts.put_by_proxy(cx, ticket, record),
            Command::Get { key } => self.lookups.query(cx, ticket, key, Query::default()),
            Command::Query { key, query } => self.lookups.query(cx, ticket, key, query),
            Command::Read { id, part } => {
                cx.ask_store(StoreOp::Read(id, part), AfterStore::LocalRead(ticket));
            }
            Command::Status => self.status(ticket),
            Command::Insight => cx.ask_store(StoreOp::Usage, AfterStore::Insight(ticket)),
            Command::AwaitPeer(_) if !cx.peers.is_empty() => self.status(ticket),
            Command::AwaitPeer(wait) => self.awaiting.add(ticket, cx.now.saturating_add(wait)),
        }
    }

    /// Carries out the tasks that organs have left, in order. Tasks that one of them leaves come
    /// before the rest.
    fn run(&mut self) {
        for task in std::mem::take(&mut self.cx.tasks) {
            self.carry_out(task);
            self.run();
        }
    }

    /// Routes a task to the organ that it is left for.
    fn carry_out(&mut self, task: Task) {
        let cx = &mut self.cx;
        match task {
            Task::Report(search, Report::Connected(peer, conn)) => {
                // Adds the provider before the search goes on: the search may end below, and a
                // download without providers and without pending searches fails.
                self.transfers.met(cx, search, conn);
                self.run();
                self.searches
                    .answered(&mut self.cx, search, &peer, Vec::new());
            }
            Task::Report(search, Report::Done(result)) => self.search_done(search, &result),
            Task::Disconnect(conn, why) => self.disconnect(conn, why),
            Task::Download(id, then) => self.transfers.download(cx, id, then),
            Task::Provider(id, conn) => self.transfers.note_provider(cx, id, conn),
            Task::Hope(id, search) => self.transfers.hope(id, search),
            Task::HopeOver(id, search) => self.transfers.hope_over(cx, id, search),
            Task::Seek(id) => self.transfers.seek(cx, &mut self.searches, id),
            Task::PartSent(conn, id, part) => {
                self.puts.part_sent(cx, conn, id, part);
                self.transfers.demand(cx, id, part);
            }
            Task::Announce(id) => self.announcements.add(cx, id),
            Task::RepublishNext => self.republish.next(cx),
        }
    }

    /// Routes the result of a search to the organ that began it. The search of a refresh has none.
    fn search_done(&mut self, search: SearchId, result: &Search) {
        let cx = &mut self.cx;
        if let Some(located) = self.puts.located(search) {
            self.send_copies(located, &result.closest());
        } else if !self.lookups.done(cx, &mut self.searches, search)
            && !self.transfers.search_done(cx, search)
        {
            self.announcements.done(cx, search, || result.closest());
        }
    }

    /// Tells the user how the node is.
    fn status(&mut self, ticket: Ticket) {
        let peers = self.cx.peers.ids();
        let downloads = self.transfers.count();
        self.cx.reply(ticket, Event::Status { peers, downloads });
    }

    /// Tells the user what the node holds, with what its store said of itself.
    fn insight(&mut self, ticket: Ticket, usage: &Usage) {
        let insight = Insight {
            peers: self.cx.peers.count(),
            buckets: self.cx.table.buckets(),
            searches: self.searches.count(),
            downloads: self.transfers.count(),
            records: usage.entries,
            record_bytes: usage.bytes,
        };
        self.cx.reply(ticket, Event::Insight(insight));
    }

    /// Returns the number of things that are kept in memory, by name, where there are any.
    #[cfg(test)]
    fn held(&self) -> Vec<(&'static str, usize)> {
        let [pending, owed, debtors] = self.cx.requests.held();
        let [peers, connected, worse] = self.cx.peers.held();
        let [dials, queued] = self.cx.dials.held();
        let [after_store, outputs, tasks] = self.cx.held();
        let [puts, located] = self.puts.held();
        let [downloads, providers, seeks] = self.transfers.held();
        let [to_announce, announced] = self.announcements.held();
        let all = [
            ("peers", peers),
            ("requests", pending),
            ("owed", owed),
            ("debtors", debtors),
            ("connected", connected),
            ("dials", dials),
            ("queued", queued),
            ("worse", worse),
            ("searches", self.searches.count()),
            ("lookups", self.lookups.held()),
            ("puts", puts),
            ("located", located),
            ("downloads", downloads),
            ("providers", providers),
            ("seeks", seeks),
            ("provider_records", self.provider_records.held()),
            ("to_announce", to_announce),
            ("announced", announced),
            ("cached", self.cache.held()),
            ("awaiting", self.awaiting.held()),
            ("after_store", after_store),
            ("outputs", outputs),
            ("tasks", tasks),
        ];
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
