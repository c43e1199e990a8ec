//! Peer management: who is at the other end of a connection, and whether to talk to them.

use std::sync::Arc;
use std::time::Duration;

use mydht_small::BTreeMap;
use mydht_spawner::{Error, contain};

use crate::engine::ConnId;
use crate::handshake::{Channel, Credentials, Fresh, Handshake, Refusal, Session, Step};
use crate::id::PeerId;
use crate::policy::{PeerMgmtMeths, PeerPriority};

/// Decision about a connection that is being authenticated.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Wait.
    Wait,
    /// Send a message of the handshake.
    Send(Vec<u8>),
    /// Send a last message, if there is one, and let the peer in.
    Up {
        /// The last message of the handshake.
        send: Option<Vec<u8>>,
        /// The peer's id, and the keys.
        session: Box<Session>,
        /// Priority of the peer at this node.
        priority: PeerPriority,
    },
    /// Close the connection.
    Refuse {
        /// The reason, for people.
        why: String,
        /// A message to send first.
        send: Option<Vec<u8>>,
    },
}

impl Verdict {
    fn refuse(why: impl Into<String>) -> Self {
        Verdict::Refuse {
            why: why.into(),
            send: None,
        }
    }
}

/// The authentication of all connections. It never waits: the main loop owns it and calls it.
///
/// A panic in a handshake, or in the user's [`PeerMgmtMeths`], refuses the connection that it
/// happened for.
pub(super) struct PeerMgmt {
    credentials: Arc<Credentials>,
    methods: Box<dyn PeerMgmtMeths>,
    timeout: Duration,
    handshakes: BTreeMap<ConnId, Box<Handshake>>,
}

impl PeerMgmt {
    pub(super) fn new(
        credentials: Credentials,
        methods: Box<dyn PeerMgmtMeths>,
        timeout: Duration,
    ) -> Self {
        PeerMgmt {
            credentials: Arc::new(credentials),
            methods,
            timeout,
            handshakes: BTreeMap::new(),
        }
    }

    /// Begins the handshake of a connection that this node opened, with the peer that is
    /// `expected`, if that is known.
    pub(super) fn connected(
        &mut self,
        conn: ConnId,
        expected: Option<PeerId>,
        now: Duration,
    ) -> Verdict {
        self.contained(conn, |this| {
            let ours = Arc::clone(&this.credentials);
            let deadline = now.saturating_add(this.timeout);
            let (handshake, ping) =
                Handshake::connect(ours, expected, &Fresh::generate()?, deadline);
            this.handshakes.insert(conn, Box::new(handshake));
            Ok(Verdict::Send(ping))
        })
    }

    /// Begins the handshake of a connection that a peer opened.
    pub(super) fn accepted(&mut self, conn: ConnId, now: Duration) -> Verdict {
        self.contained(conn, |this| {
            let ours = Arc::clone(&this.credentials);
            let deadline = now.saturating_add(this.timeout);
            let handshake = Handshake::accept(ours, Fresh::generate()?, deadline);
            this.handshakes.insert(conn, Box::new(handshake));
            Ok(Verdict::Wait)
        })
    }

    /// Takes a message of a handshake, which came by `channel`. The next one is read only when this
    /// one was answered.
    pub(super) fn message(
        &mut self,
        conn: ConnId,
        message: &[u8],
        channel: &Channel,
        now: Duration,
    ) -> Verdict {
        self.contained(conn, |this| Ok(this.answer(conn, message, channel, now)))
    }

    /// Forgets a connection that is gone.
    pub(super) fn gone(&mut self, conn: ConnId) {
        self.handshakes.remove(&conn);
    }

    /// Notes what a peer is to this node from now on.
    pub(super) fn set_priority(&mut self, peer: PeerId, priority: PeerPriority) {
        let set = contain(|| {
            self.methods.set_priority(peer, priority);
            Ok(())
        });
        if let Err(error) = set {
            tracing::error!(%error, "the priority of a peer was not set");
        }
    }

    fn contained(
        &mut self,
        conn: ConnId,
        step: impl FnOnce(&mut Self) -> mydht_spawner::Result<Verdict>,
    ) -> Verdict {
        contain(|| step(self)).unwrap_or_else(|error| {
            // A handshake that panicked is in an unknown state, so it is dropped.
            self.handshakes.remove(&conn);
            match error {
                Error::Panicked(what) => {
                    tracing::error!(conn, %what, "a handshake panicked");
                    Verdict::refuse("its authentication failed")
                }
                error => Verdict::refuse(format!("no challenge could be made: {error}")),
            }
        })
    }

    fn answer(
        &mut self,
        conn: ConnId,
        message: &[u8],
        channel: &Channel,
        now: Duration,
    ) -> Verdict {
        let Some(handshake) = self.handshakes.get_mut(&conn) else {
            // Refused before: the connection only waits for its last message to be written.
            return Verdict::Wait;
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
                Verdict::Up {
                    send,
                    session,
                    priority,
                }
            }
            Ok(Step {
                send: Some(send), ..
            }) => Verdict::Send(send),
            Ok(_) => Verdict::Wait,
            Err(refusal) => self.refuse(conn, &refusal),
        }
    }

    fn refuse(&mut self, conn: ConnId, refusal: &Refusal) -> Verdict {
        self.handshakes.remove(&conn);
        Verdict::Refuse {
            why: refusal.to_string(),
            send: refusal.to_send(),
        }
    }
}
