//! The local service: one of the user's own for each peer, between that peer and the global
//! service.

use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

use crate::id::PeerId;

/// Event for a local service: a message of its peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalIn {
    /// The peer.
    pub from: PeerId,
    /// The service that it is meant for.
    pub service: String,
    /// Body of the message.
    pub body: Vec<u8>,
}

/// Act that a local service asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalDo {
    /// Send a message to a service of the peer.
    Reply {
        /// The service there.
        service: String,
        /// Body of the message.
        body: Vec<u8>,
    },
    /// Pass a message to the global service, as if the peer had sent it.
    Global {
        /// The service that it is meant for.
        service: String,
        /// Body of the message.
        body: Vec<u8>,
    },
}

/// All that follows from one message.
pub type LocalOut = Vec<LocalDo>;

/// A service of the user's own, of which each peer has an instance: a clone of the one that the
/// node is given.
///
/// It is implemented for every service with these commands. Its instance ends with its connection,
/// or after [`MyDHTConf::LOCAL_NB_LOOP`](crate::MyDHTConf::LOCAL_NB_LOOP) messages. One that fails
/// takes its connection with it, for what it failed at came from there.
pub trait LocalService:
    ServiceRestartable<CommandIn = LocalIn, CommandOut = LocalOut> + Clone + 'static
{
}

impl<S> LocalService for S where
    S: ServiceRestartable<CommandIn = LocalIn, CommandOut = LocalOut> + Clone + 'static
{
}

/// A node without local services: all that peers say goes to the global one. There is no value of
/// it.
#[derive(Clone, Copy, Debug)]
pub enum NoLocal {}

impl Service for NoLocal {
    type CommandIn = LocalIn;
    type CommandOut = LocalOut;

    fn call<Y: SpawnerYield>(&mut self, _: LocalIn, _: &mut Y) -> Result<LocalOut> {
        match *self {}
    }
}

impl ServiceRestartable for NoLocal {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<LocalOut>> {
        match *self {}
    }
}
