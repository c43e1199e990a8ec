//! The global service: one of the user's own, which hears the messages of all peers.

use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

use super::hosted::Recover;
use crate::engine::{Event, Query};
use crate::id::{Key, PeerId};
use crate::record::Record;

/// Names a question of this node's user to the global service.
pub type UserId = u64;

/// Event for the global service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobalIn {
    /// A peer is there.
    PeerUp(PeerId),
    /// The last connection with a peer is gone.
    PeerDown(PeerId),
    /// A peer's service says something, or this node's local service for that peer.
    Message {
        /// The peer.
        from: PeerId,
        /// The service that it is meant for.
        service: String,
        /// Body of the message.
        body: Vec<u8>,
    },
    /// The node's user asks something: see [`Node::tell`](crate::Node::tell).
    User {
        /// To be given with each answer.
        user: UserId,
        /// Body of the request.
        body: Vec<u8>,
    },
    /// Outcome of a request that the service made by [`GlobalDo::Ask`].
    Answered {
        /// The number that it gave it.
        number: u64,
        /// The last that is heard of it.
        event: Event,
    },
    /// The node stops. What is answered to this is still sent.
    Stop,
}

/// Act that the global service asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobalDo {
    /// Say something to a service of a peer. Lost if there is no such peer.
    Send {
        /// The peer.
        to: PeerId,
        /// The service there.
        service: String,
        /// Body of the message.
        body: Vec<u8>,
    },
    /// Say something to a service of every peer.
    SendAll {
        /// The service there.
        service: String,
        /// Body of the message.
        body: Vec<u8>,
    },
    /// Answer the node's user, as often as there is something to say.
    Answer {
        /// User that asked.
        user: UserId,
        /// The answer.
        body: Vec<u8>,
    },
    /// Ask the node something, as its user might. Answered by [`GlobalIn::Answered`], unless the
    /// node stops before.
    Ask {
        /// Names it in the answer.
        number: u64,
        /// Request.
        wish: Wish,
    },
    /// The node's user will hear no more.
    Done(UserId),
}

/// Request of a service to its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Find a record.
    Get(Key, Query),
    /// Put a value.
    Put(Record),
}

/// All that follows from one command.
pub type GlobalOut = Vec<GlobalDo>;

/// A service of the user's own, of which a node has one: see `examples/add_a_service.rs`.
///
/// It is implemented for every service with these commands. An error or a panic ends it; it is
/// started again with the state that it had, after a wait that doubles (`Timeouts::service_timeout`
/// at most). What it failed at is not tried again.
pub trait GlobalService:
    ServiceRestartable<CommandIn = GlobalIn, CommandOut = GlobalOut> + 'static
{
}

impl<S> GlobalService for S where
    S: ServiceRestartable<CommandIn = GlobalIn, CommandOut = GlobalOut> + 'static
{
}

/// A node without a global service. There is no value of it.
#[derive(Clone, Copy, Debug)]
pub enum NoGlobal {}

impl Service for NoGlobal {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, _: GlobalIn, _: &mut Y) -> Result<GlobalOut> {
        match *self {}
    }
}

impl ServiceRestartable for NoGlobal {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<GlobalOut>> {
        match *self {}
    }
}

/// The user's service, as the node runs it.
pub struct Global<G>(pub(super) G);

impl<G: GlobalService> Service for Global<G> {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, command: GlobalIn, y: &mut Y) -> Result<GlobalOut> {
        tracing::trace!("global");
        self.0.call(command, y)
    }
}

impl<G: GlobalService> ServiceRestartable for Global<G> {
    fn restart<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<Option<GlobalOut>> {
        self.0.restart(y)
    }
}

impl<G: GlobalService> Recover for Global<G> {
    /// An answer that does nothing: it gives back what the command held.
    fn recover(&mut self) -> Option<GlobalOut> {
        Some(Vec::new())
    }
}
