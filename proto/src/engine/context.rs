//! State and acts that all organs share.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::after_store::AfterStore;
use super::counts::Counts;
use super::dials::{Dial, Dials};
use super::interface::{ConnId, Event, Output, StoreOp, StoreTicket, Ticket};
use super::peers::Peers;
use super::requests::{Request, Requests, SearchId};
use super::table::Table;
use super::task::Task;
use crate::id::{Hash, PeerId};
use crate::limits::Limits;
use crate::msg::{ProtoMessage, QueryId};
use crate::routing::{Contact, Distance};

/// Forged records after which a peer is disconnected.
const MAX_FORGED: u32 = 3;

/// Requests that were given up, beside those of downloads that ended, and that a peer may leave
/// unanswered.
pub(super) const MAX_OWED: usize = 1024;

/// State and acts that all organs share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) own: PeerId,
    pub(super) limits: Arc<Limits>,
    /// Start of the engine's time, since 1970 (UTC): records expire by the clock that everybody
    /// has.
    epoch: Duration,
    /// Time of the input that is being handled. Never goes back.
    pub(super) now: Duration,
    /// Set once there is no time for searches any more.
    pub(super) stopping: bool,
    pub(super) table: Table,
    pub(super) peers: Peers,
    pub(super) dials: Dials,
    pub(super) requests: Requests,
    pub(super) counts: Counts,
    next_store_ticket: StoreTicket,
    /// Requests to the store that are not answered yet, with what to do then.
    after_store: HashMap<StoreTicket, AfterStore>,
    pub(super) outputs: VecDeque<Output>,
    /// Tasks that were left since the dispatcher last took them.
    pub(super) tasks: Vec<Task>,
}

impl Context {
    /// Creates the context of the node `own`, without peers.
    pub(super) fn new(own: PeerId, limits: Arc<Limits>, table: Table, epoch: Duration) -> Self {
        // A download that ends abandons its requests in flight, so even an honest peer may owe that
        // many answers.
        let of_downloads = limits
            .transfers
            .downloads
            .saturating_mul(limits.transfers.parts_in_flight);
        Context {
            own,
            limits,
            epoch,
            now: Duration::ZERO,
            stopping: false,
            table,
            peers: Peers::default(),
            dials: Dials::default(),
            requests: Requests::new(of_downloads.saturating_add(MAX_OWED)),
            counts: Counts::default(),
            next_store_ticket: 0,
            after_store: HashMap::new(),
            outputs: VecDeque::new(),
            tasks: Vec::new(),
        }
    }

    /// Returns the milliseconds since 1970 (UTC).
    pub(super) fn unix_millis(&self) -> u64 {
        u64::try_from(self.epoch.saturating_add(self.now).as_millis()).unwrap_or(u64::MAX)
    }

    /// Sends a message.
    pub(super) fn send(&mut self, conn: ConnId, message: ProtoMessage) {
        // The peer may have disconnected while its answer was prepared.
        if let Some(peer) = self.peers.get_mut(conn) {
            peer.used = self.now;
            self.outputs.push_back(Output::Send(conn, message, None));
        }
    }

    /// Sends a request with the number that it gets, to be answered within `patience`.
    pub(super) fn request(
        &mut self,
        conn: ConnId,
        request: Request,
        patience: Duration,
        message: impl FnOnce(QueryId) -> ProtoMessage,
    ) {
        let deadline = self.now.saturating_add(patience);
        // Registered even if the peer has just disconnected: then nothing is sent, and the request
        // times out.
        let query = self.requests.add(conn, request, deadline);
        self.send(conn, message(query));
    }

    /// Refuses a peer's request.
    pub(super) fn refuse(&mut self, conn: ConnId, query: QueryId, reason: &str) {
        let reason = reason.into();
        self.send(conn, ProtoMessage::Refused { query, reason });
    }

    /// Answers the user.
    pub(super) fn reply(&mut self, ticket: Ticket, event: Event) {
        self.outputs.push_back(Output::Reply(ticket, event));
    }

    /// Asks the store, and remembers what to do with its answer.
    pub(super) fn ask_store(&mut self, op: StoreOp, after: AfterStore) {
        let ticket = self.next_store_ticket;
        self.next_store_ticket += 1;
        if let Some(peer) = after.peer().and_then(|conn| self.peers.get_mut(conn)) {
            peer.at_store += 1;
        }
        self.after_store.insert(ticket, after);
        self.outputs.push_back(Output::Store(ticket, op));
    }

    /// Takes what is to be done with the store's answer to `ticket`.
    pub(super) fn store_answered(&mut self, ticket: StoreTicket) -> AfterStore {
        let after = self.after_store.remove(&ticket);
        // An unknown ticket belongs to a second answer to the same request, which is ignored.
        let after = after.unwrap_or(AfterStore::Nothing);
        if let Some(peer) = after.peer().and_then(|conn| self.peers.get_mut(conn)) {
            peer.at_store = peer.at_store.saturating_sub(1);
        }
        after
    }

    /// Leaves a task to the dispatcher.
    pub(super) fn leave(&mut self, task: Task) {
        self.tasks.push(task);
    }

    /// Disconnects a peer that does not follow the protocol. Its open requests are made of others.
    pub(super) fn violation(&mut self, conn: ConnId, what: String) {
        tracing::warn!(conn, %what, "a peer broke the protocol");
        self.leave(Task::Disconnect(conn, what));
    }

    /// Counts a forged record against the peer that gave it. Repeated forgeries disconnect it.
    pub(super) fn forged(&mut self, conn: ConnId, what: &str) {
        self.counts.records_forged += 1;
        let Some(peer) = self.peers.get_mut(conn) else {
            return;
        };
        tracing::warn!(conn, peer = %peer.id, %what, "a peer gave a forged record");
        peer.forged += 1;
        self.table.failed(&peer.id);
        if peer.forged >= MAX_FORGED {
            let why = format!("it gave {what}, not for the first time");
            self.leave(Task::Disconnect(conn, why));
        }
    }

    /// Connects with a peer so that `search` can ask it, as soon as the limit `peers.dials` allows.
    /// Returns false if that is impossible.
    pub(super) fn dial(&mut self, contact: Contact, search: SearchId) -> bool {
        match self.dials.dial(contact, search, self.limits.peers.dials) {
            Dial::Connect(Contact { id, addresses }) => {
                self.outputs.push_back(Output::Connect(id, addresses));
                true
            }
            Dial::Wait => true,
            Dial::Impossible => false,
        }
    }

    /// Returns the connected and known contacts nearest to `target`.
    pub(super) fn nearby(&self, target: &Hash, count: usize) -> Vec<Contact> {
        // Includes connected peers that named no address: they can be queried, though not dialled.
        let mut all = self.peers.near(target);
        let known = self.table.closest(target, count);
        all.extend(
            known
                .into_iter()
                .filter(|contact| !self.peers.has_id(&contact.id)),
        );
        all.sort_by_cached_key(|contact| Distance::between(&contact.id.0, target));
        all.truncate(count);
        all
    }

    /// Returns the contacts nearest to `target` that this node names to `conn`, without `conn`
    /// itself.
    pub(super) fn nodes_near(&self, target: &Hash, conn: ConnId) -> Vec<Contact> {
        let asker = self.peers.id(conn);
        // One more, since the asker may be among them.
        let mut nodes = self.table.closest(target, self.limits.routing.closest + 1);
        nodes.retain(|contact| Some(contact.id) != asker);
        nodes.truncate(self.limits.routing.closest);
        nodes
    }

    /// Checks the contacts that a peer names.
    pub(super) fn check_nodes(&self, nodes: &[Contact]) -> Result<(), &'static str> {
        // Others may be set up to name more than this node does, within reason.
        const MOST: usize = 64;
        if nodes.len() > MOST.max(self.limits.routing.closest) {
            return Err("it named too many nodes at once");
        }
        let most = self.limits.sizes.address_bytes;
        if nodes
            .iter()
            .any(|node| node.addresses.any_longer_than(most))
        {
            return Err("it named a node with too long an address (limit sizes.address_bytes)");
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 3] {
        let tasks = self.tasks.len();
        [self.after_store.len(), self.outputs.len(), tasks]
    }
}
