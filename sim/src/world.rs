//! The nodes, and what lets them go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mydht_evloop::VirtualClock;
use mydht_spawner::{Error, Result};
use mydht_transports::memory::MemoryAddress;

use super::hostile::{Gang, Shelf, Tongue};
use super::scenario::Scenario;
use super::trace::Trace;
use mydht::Components;
use mydht::memory::{self, Conf, EPOCH, MemoryNode, Network};
use mydht_proto::engine::{Command, Event};
use mydht_proto::handshake::Credentials;
use mydht_proto::id::Hash;
use mydht_proto::identity::Identity;
use mydht_proto::routing::{Kademlia, KademliaParams};
use mydht_proto::shadow::NoShadow;
use mydht_store::{MemoryAttachments, MemoryKV};

type NodeConf = Conf<Tongue, NoShadow, Shelf>;

/// Names a node for as long as the simulation lasts: the number of its loop on the clock.
pub(super) type NodeId = u64;

/// Names what a user asked.
pub(super) type RequestId = u64;

pub(super) struct Member {
    node: MemoryNode<NodeConf>,
    pub(super) hostile: bool,
}

/// Turns in one moment: more mean that a node goes round in circles.
const TURNS_AT_ONCE: u64 = 100_000_000;

pub(super) struct World {
    clock: VirtualClock,
    network: Network,
    seed: u64,
    bucket: usize,
    limits: mydht_proto::Limits,
    members: BTreeMap<NodeId, Member>,
    /// Honest nodes that live and may be asked, in no order.
    honest: Vec<NodeId>,
    gang: Gang,
    trace: Arc<Mutex<Trace>>,
    heard: Arc<Mutex<Vec<(RequestId, Event)>>>,
    /// Messages read by nodes that are gone.
    messages_before: u64,
    /// Messages of handshakes that they read.
    handshakes_before: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let network = Network::new();
        network.set_latency(scenario.weather.seeded(scenario.seed));
        let trace = Arc::new(Mutex::new(Trace::default()));
        let seen = Arc::clone(&trace);
        network.set_watch(move |delivery| lock(&seen).delivered(delivery));
        World {
            clock: VirtualClock::new(scenario.seed),
            network,
            seed: scenario.seed,
            bucket: scenario.bucket,
            limits: mydht_proto::Limits {
                routing: mydht_proto::RoutingLimits {
                    closest: scenario.bucket,
                    ..scenario.limits.clone().routing
                },
                ..scenario.limits.clone()
            },
            members: BTreeMap::new(),
            honest: Vec::new(),
            gang: Gang::default(),
            trace,
            heard: Arc::default(),
            messages_before: 0,
            handshakes_before: 0,
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.now()
    }

    pub(super) fn trace(&self) -> std::sync::MutexGuard<'_, Trace> {
        lock(&self.trace)
    }

    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn honest(&self) -> &[NodeId] {
        &self.honest
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    pub(super) fn member(&self, id: NodeId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// A node that knows one that is there.
    pub(super) fn join(&mut self, known: Option<NodeId>, hostile: bool) -> Result<NodeId> {
        let (id, poll) = self.clock.numbered_poll();
        let (tongue, shelf) = if hostile {
            (Tongue(Some(self.gang.clone())), Shelf::Nowhere)
        } else {
            // A clock that stands still, so that nothing depends on the time of this machine.
            let kv = MemoryKV::default().with_clock(|| EPOCH.as_millis() as u64);
            (Tongue(None), Shelf::Memory(Box::new(kv)))
        };
        let stores = (shelf, MemoryAttachments::default());
        let mut parts: Components<NodeConf> =
            memory::components(&self.network, poll, tongue, NoShadow, stores)?;
        let mut name = self.seed.to_le_bytes().to_vec();
        name.extend(id.to_le_bytes());
        // Derived from the seed, so that a node has the same id in each run.
        let identity = Identity::from_seed(&Hash::of(&name).0);
        parts.credentials = Credentials::no_auth(Arc::new(identity));
        let own = parts.credentials.id();
        let params = KademliaParams {
            bucket: self.bucket,
            ..KademliaParams::default()
        };
        parts.route = Box::new(Kademlia::new(own, params));
        parts.limits = self.limits.clone();
        let known = known.and_then(|known| self.members.get(&known));
        parts
            .bootstrap
            .extend(known.map(|known| known.node.address));
        let mut node: MemoryNode<NodeConf> = memory::node_of(parts)?;
        if hostile {
            self.gang.join(node.id, node.address);
        } else {
            self.honest.push(id);
        }
        node.turn()?;
        self.members.insert(id, Member { node, hostile });
        Ok(id)
    }

    /// A node goes: it says so, or it loses power.
    pub(super) fn leave(&mut self, id: NodeId, says_so: bool) -> Result<()> {
        self.honest.retain(|other| *other != id);
        let Some(member) = self.members.get(&id) else {
            return Ok(());
        };
        self.gang.leave(&member.node.id);
        if says_so {
            // The node stays a member until its last turn, because its last messages must still be
            // sent.
            return Ok(member.node.node().stop()?);
        }
        self.network.unplug(member.node.address);
        self.forget(id);
        Ok(())
    }

    fn forget(&mut self, id: NodeId) {
        if let Some(member) = self.members.remove(&id) {
            self.messages_before += member.messages();
            self.handshakes_before += member.handshakes();
        }
    }

    pub(super) fn request(&self, id: NodeId, request: RequestId, command: Command) -> Result<()> {
        let Some(member) = self.members.get(&id) else {
            return Err(Error::Closed);
        };
        let heard = Arc::clone(&self.heard);
        let hear = move |event| lock(&heard).push((request, event));
        Ok(member.node.node().request(command, hear)?)
    }

    /// Takes the events that users have heard since the last call.
    pub(super) fn heard(&self) -> Vec<(RequestId, Event)> {
        std::mem::take(&mut lock(&self.heard))
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<Duration> {
        let deadline = self.clock.next_deadline();
        let delivery = self.network.next_delivery();
        deadline.into_iter().chain(delivery).min()
    }

    /// Moves time on and delivers what has arrived.
    pub(super) fn advance(&self, to: Duration) {
        self.clock.advance_to(to);
        self.network.advance(to);
    }

    /// Lets the nodes go on that have something to do.
    pub(super) fn turn(&mut self) -> Result<()> {
        let mut turns = 0;
        while let Some(id) = self.clock.take_turn() {
            turns += 1;
            if turns > TURNS_AT_ONCE {
                let what = format!("node {id} goes round in circles at {:?}", self.now());
                return Err(Error::service(what));
            }
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            if !member.node.turn()? {
                self.forget(id);
            }
        }
        Ok(())
    }

    /// Messages that nodes have read.
    pub(super) fn messages(&self) -> u64 {
        let now = self.members.values().map(Member::messages);
        self.messages_before + now.sum::<u64>()
    }

    /// Messages of handshakes that nodes have read.
    pub(super) fn handshakes(&self) -> u64 {
        let now = self.members.values().map(Member::handshakes);
        self.handshakes_before + now.sum::<u64>()
    }
}

impl Member {
    pub(super) fn address(&self) -> MemoryAddress {
        self.node.address
    }

    pub(super) fn messages(&self) -> u64 {
        self.node.metrics.snapshot().messages_in
    }

    fn handshakes(&self) -> u64 {
        self.node.metrics.snapshot().handshakes_in
    }

    pub(super) fn bytes(&self) -> u64 {
        let counted = self.node.metrics.snapshot();
        counted.bytes_in + counted.bytes_out
    }

    /// Hops of all that was found for its user.
    pub(super) fn hops(&self) -> u64 {
        self.node.metrics.snapshot().lookup_hops
    }
}
