//! Signalling over a server while there is one, and by the neighbours otherwise.

use std::collections::BTreeSet;
use std::io;

use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};
use mydht_transports::signal::{Hub, ServerSignaller, State};
use mydht_transports::signaller::{RtcAddress, Signal, SignalKind, Signaller};

use super::Neighbours;

/// Peers that are remembered not to be at the server.
const AWAY: usize = 1024;

/// What a node's transport signals by: its server while it is logged in there and the peer is there too, else its
/// neighbours.
pub struct Signals<P: UserSources> {
    hub: Hub<P>,
    server: ServerSignaller<P>,
    neighbours: Neighbours<P>,
    /// Whom the server did not reach the last time.
    away: BTreeSet<RtcAddress>,
}

impl<P: UserSources> Signals<P> {
    /// Of the user of this hub, who is the node of these neighbours.
    pub fn new(hub: Hub<P>, neighbours: Neighbours<P>) -> Self {
        Signals {
            server: ServerSignaller::new(hub.clone()),
            hub,
            neighbours,
            away: BTreeSet::new(),
        }
    }

    fn is_online(&self) -> bool {
        matches!(self.hub.state(), State::Online { .. })
    }
}

impl<P: UserSources> Registerable<P> for Signals<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let server = self.server.register(poll, token, interest)?;
        Ok(self.neighbours.register(poll, token, interest)? | server)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let server = self.server.reregister(poll, token, interest)?;
        Ok(self.neighbours.reregister(poll, token, interest)? | server)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.server.deregister(poll)?;
        self.neighbours.deregister(poll)
    }
}

impl<P: UserSources> Signaller<P> for Signals<P> {
    fn local(&self) -> Option<RtcAddress> {
        self.server.local()
    }

    fn send(&mut self, peer: &RtcAddress, kind: SignalKind, body: String) -> io::Result<()> {
        if self.is_online() && !self.away.contains(peer) {
            return self.server.send(peer, kind, body);
        }
        self.neighbours.send(peer, kind, body)
    }

    fn receive(&mut self) -> io::Result<Signal> {
        match self.server.receive() {
            Ok(signal) => {
                match &signal {
                    Signal::From { peer, .. } => {
                        self.away.remove(peer);
                    }
                    Signal::Unreachable { peer, .. } => {
                        if self.away.len() >= AWAY {
                            self.away.clear();
                        }
                        self.away.insert(peer.clone());
                    }
                }
                Ok(signal)
            }
            // The server may have ended for good: the neighbours have not.
            Err(_) => self.neighbours.receive(),
        }
    }
}
