//! Peer management: who is at the other end of a connection, and whether to talk to them.

use std::collections::HashMap;
use std::io;

use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

use super::hosted::Recover;
use crate::engine::ConnId;
use crate::handshake::Handshake;
use crate::id::PeerId;
use crate::msg::{Challenge, ProtoMessage};

/// What happened to a connection that is not authenticated yet.
#[derive(Debug)]
pub enum PeersIn {
    /// This node opened it.
    Connected(ConnId),
    /// A peer opened it.
    Accepted(ConnId),
    /// A message came. The next one is read only when this one was answered.
    Message(ConnId, ProtoMessage),
    /// It is gone.
    Gone(ConnId),
}

/// What to do about it.
#[derive(Debug)]
pub enum PeersOut {
    /// Wait.
    Nothing,
    /// Send a message.
    Send(ConnId, ProtoMessage),
    /// The peer is known: send a message, if there is one, and let it in.
    Up(ConnId, PeerId, Option<ProtoMessage>),
    /// Close the connection, and why.
    Refuse(ConnId, String),
}

/// Runs the authentication of all connections.
pub struct PeerMgmtService {
    own: PeerId,
    handshakes: HashMap<ConnId, Handshake>,
    current: Option<ConnId>,
}

impl PeerMgmtService {
    pub(super) fn new(own: PeerId) -> Self {
        PeerMgmtService {
            own,
            handshakes: HashMap::new(),
            current: None,
        }
    }

    fn step(&mut self, command: PeersIn) -> io::Result<PeersOut> {
        Ok(match command {
            PeersIn::Connected(conn) => {
                let (handshake, ping) = Handshake::connect(self.own, challenge()?);
                self.handshakes.insert(conn, handshake);
                PeersOut::Send(conn, ping)
            }
            PeersIn::Accepted(conn) => {
                self.handshakes
                    .insert(conn, Handshake::accept(challenge()?));
                PeersOut::Nothing
            }
            PeersIn::Message(conn, message) => self.message(conn, &message),
            PeersIn::Gone(conn) => {
                self.handshakes.remove(&conn);
                PeersOut::Nothing
            }
        })
    }

    fn message(&mut self, conn: ConnId, message: &ProtoMessage) -> PeersOut {
        let Some(handshake) = self.handshakes.get_mut(&conn) else {
            return PeersOut::Nothing;
        };
        match handshake.receive(self.own, message) {
            Ok(step) => match (step.done, step.send) {
                (Some(peer), send) => {
                    self.handshakes.remove(&conn);
                    PeersOut::Up(conn, peer, send)
                }
                (None, Some(send)) => PeersOut::Send(conn, send),
                (None, None) => PeersOut::Nothing,
            },
            Err(why) => self.refuse(conn, why),
        }
    }

    fn refuse(&mut self, conn: ConnId, why: String) -> PeersOut {
        self.handshakes.remove(&conn);
        PeersOut::Refuse(conn, why)
    }
}

fn challenge() -> io::Result<Challenge> {
    let mut challenge = [0; 32];
    getrandom::fill(&mut challenge).map_err(io::Error::other)?;
    Ok(challenge)
}

impl Service for PeerMgmtService {
    type CommandIn = PeersIn;
    type CommandOut = PeersOut;

    fn call<Y: SpawnerYield>(&mut self, command: PeersIn, _: &mut Y) -> Result<PeersOut> {
        let (PeersIn::Connected(conn)
        | PeersIn::Accepted(conn)
        | PeersIn::Message(conn, _)
        | PeersIn::Gone(conn)) = command;
        self.current = Some(conn);
        let out = match self.step(command) {
            Ok(out) => out,
            Err(error) => self.refuse(conn, format!("no challenge could be made: {error}")),
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
        Some(self.refuse(conn, "its authentication failed".into()))
    }
}
