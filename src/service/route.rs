//! What services tell the main loop, and how.

use mydht_evloop::traits::UserSources;
use mydht_spawner::channel::{MioSend, MpscSend};
use mydht_spawner::{Result, SpawnSend};

use crate::attachment::ReceivedPart;
use crate::conf::MyDHTConf;
use crate::engine::{Command, ConnId, Event, Output, StoreReply, StoreTicket};
use crate::msg::ProtoMessage;
use std::time::Duration;

/// Hears what becomes of a request, on the node's thread. It must not block.
pub type Reply = Box<dyn FnMut(Event) + Send>;

/// What the main loop is told.
pub enum MainCommand {
    /// By the node's user.
    Request(Command, Reply),
    /// By the node's user: leave the peers, keep what is to be kept, and end.
    Stop,
    /// By a reading service: a message, and what followed it.
    Message(ConnId, ProtoMessage, Option<ReceivedPart>),
    /// By the main loop itself: a peer has more to say, and the others had their turn.
    Resume(ConnId),
    /// By the main loop itself: a connection came to its end, and why. It waits behind what the peer said before.
    Lost(ConnId, String),
    /// By the protocol: what to do, and when it wants to be called again.
    Api(Vec<Output>, Option<Duration>),
    /// By the store: everything is durable.
    Flushed,
    /// By the store: what it waited for has come.
    StoreReady,
    /// By the store.
    Stored(StoreTicket, std::io::Result<StoreReply>),
}

/// The sending end of the main loop's queue: any thread may send, and a sleeping loop wakes.
pub struct MainSend<MC: MyDHTConf>(
    pub(super) MioSend<MpscSend<MainCommand>, <MC::Poll as UserSources>::Trigger>,
);

impl<MC: MyDHTConf> Clone for MainSend<MC> {
    fn clone(&self) -> Self {
        MainSend(self.0.clone())
    }
}

impl<MC: MyDHTConf, C: Into<MainCommand>> SpawnSend<C> for MainSend<MC> {
    const CAN_SEND: bool = true;

    fn send(&mut self, command: C) -> Result<()> {
        self.0.send(command.into())
    }
}

/// The sending end of one connection's reading service.
pub struct FromConn<MC: MyDHTConf> {
    pub(super) conn: ConnId,
    pub(super) main: MainSend<MC>,
}

impl<MC: MyDHTConf> SpawnSend<(ProtoMessage, Option<ReceivedPart>)> for FromConn<MC> {
    const CAN_SEND: bool = true;

    fn send(&mut self, (message, part): (ProtoMessage, Option<ReceivedPart>)) -> Result<()> {
        self.main
            .send(MainCommand::Message(self.conn, message, part))
    }
}
