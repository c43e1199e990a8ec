//! Peer management: who is at the other end of a connection, and whether to talk to them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

use super::hosted::Recover;
use crate::engine::ConnId;
use crate::handshake::{Channel, Credentials, Fresh, Handshake, Refusal, Session, Step};
use crate::id::PeerId;
use crate::policy::{PeerMgmtMeths, PeerPriority};
use mydht_small::BTreeMap;

/// What happened to a connection that is not authenticated yet, at which time of the event loop.
#[derive(Debug)]
pub enum PeersIn {
    /// This node opened it; who is expected at the other end, if that is known.
    Connected(ConnId, Option<PeerId>, Duration),
    /// A peer opened it.
    Accepted(ConnId, Duration),
    /// A message of its handshake came, by this channel. The next one is read only when this one was answered.
    Message(ConnId, Vec<u8>, Channel, Duration),
    /// It is gone.
    Gone(ConnId),
    /// The node's user says what a peer is.
    Priority(PeerId, PeerPriority),
}

/// What to do about it.
#[derive(Debug)]
pub enum PeersOut {
    /// Wait.
    Nothing,
    /// Send a message of the handshake.
    Send(ConnId, Vec<u8>),
    /// The peer is known: send a last message, if there is one, and let it in.
    Up {
        /// The connection.
        conn: ConnId,
        /// What to send.
        send: Option<Vec<u8>>,
        /// Who it is, and the keys.
        session: Box<Session>,
        /// What it is to this node.
        priority: PeerPriority,
    },
    /// Close the connection, and why.
    Refuse {
        /// The connection.
        conn: ConnId,
        /// For people.
        why: String,
        /// What to send before.
        send: Option<Vec<u8>>,
    },
}

/// Runs the authentication of all connections.
pub struct PeerMgmtService {
    credentials: Arc<Credentials>,
    methods: Box<dyn PeerMgmtMeths>,
    timeout: Duration,
    handshakes: BTreeMap<ConnId, Box<Handshake>>,
    current: Option<ConnId>,
}

impl PeerMgmtService {
    pub(super) fn new(
        credentials: Credentials,
        methods: Box<dyn PeerMgmtMeths>,
        timeout: Duration,
    ) -> Self {
        PeerMgmtService {
            credentials: Arc::new(credentials),
            methods,
            timeout,
            handshakes: BTreeMap::new(),
            current: None,
        }
    }

    fn step(&mut self, command: PeersIn) -> io::Result<PeersOut> {
        Ok(match command {
            PeersIn::Connected(conn, expected, now) => {
                let ours = Arc::clone(&self.credentials);
                let fresh = Fresh::generate()?;
                let deadline = now.saturating_add(self.timeout);
                let (handshake, ping) = Handshake::connect(ours, expected, &fresh, deadline);
                self.handshakes.insert(conn, Box::new(handshake));
                PeersOut::Send(conn, ping)
            }
            PeersIn::Accepted(conn, now) => {
                let ours = Arc::clone(&self.credentials);
                let deadline = now.saturating_add(self.timeout);
                let handshake = Handshake::accept(ours, Fresh::generate()?, deadline);
                self.handshakes.insert(conn, Box::new(handshake));
                PeersOut::Nothing
            }
            PeersIn::Message(conn, message, channel, now) => {
                self.message(conn, &message, &channel, now)
            }
            PeersIn::Gone(conn) => {
                self.handshakes.remove(&conn);
                PeersOut::Nothing
            }
            PeersIn::Priority(peer, priority) => {
                self.methods.set_priority(peer, priority);
                PeersOut::Nothing
            }
        })
    }

    fn message(
        &mut self,
        conn: ConnId,
        message: &[u8],
        channel: &Channel,
        now: Duration,
    ) -> PeersOut {
        let Some(handshake) = self.handshakes.get_mut(&conn) else {
            return PeersOut::Nothing;
        };
        let accepts = |peer: &PeerId| self.methods.accept(peer) != PeerPriority::Blocked;
        match handshake.receive(message, channel, now, accepts) {
            Ok(Step {
                send,
                session: Some(session),
            }) => {
                self.handshakes.remove(&conn);
                let priority = self.methods.accept(&session.peer());
                let session = Box::new(session);
                PeersOut::Up {
                    conn,
                    send,
                    session,
                    priority,
                }
            }
            Ok(Step {
                send: Some(send), ..
            }) => PeersOut::Send(conn, send),
            Ok(_) => PeersOut::Nothing,
            Err(refusal) => self.refuse(conn, refusal.to_string(), Some(&refusal)),
        }
    }

    fn refuse(&mut self, conn: ConnId, why: String, refusal: Option<&Refusal>) -> PeersOut {
        self.handshakes.remove(&conn);
        let send = refusal.and_then(Refusal::to_send);
        PeersOut::Refuse { conn, why, send }
    }
}

impl Service for PeerMgmtService {
    type CommandIn = PeersIn;
    type CommandOut = PeersOut;

    fn call<Y: SpawnerYield>(&mut self, command: PeersIn, _: &mut Y) -> Result<PeersOut> {
        self.current = match command {
            PeersIn::Connected(conn, ..)
            | PeersIn::Accepted(conn, ..)
            | PeersIn::Message(conn, ..)
            | PeersIn::Gone(conn) => Some(conn),
            PeersIn::Priority(..) => None,
        };
        let out = match (self.step(command), self.current) {
            (Ok(out), _) => out,
            (Err(error), Some(conn)) => {
                self.refuse(conn, format!("no challenge could be made: {error}"), None)
            }
            (Err(error), None) => return Err(error.into()),
        };
        self.current = None;
        Ok(out)
    }
}

impl ServiceRestartable for PeerMgmtService {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<PeersOut>> {
        Ok(None)
    }
}

impl Recover for PeerMgmtService {
    /// A connection whose handshake failed like that is let go.
    fn recover(&mut self) -> Option<PeersOut> {
        let conn = self.current.take()?;
        Some(self.refuse(conn, "its authentication failed".into(), None))
    }
}
