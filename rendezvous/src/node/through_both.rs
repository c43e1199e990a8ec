//! Rendezvous through a server while one is reachable, and through peers otherwise.

use std::io;

use crate::{Handle, ServerRendezvous, State};
use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};
use mydht_small::{BTreeMap, BTreeSet};
use mydht_transports::rendezvous::{Rendezvous, RtcAddress, Signal, SignalKind};

use super::PeerRendezvous;

/// Peers that are remembered not to be at the server, and peers that have not answered yet.
const PEERS: usize = 1024;

/// Signals to one peer that are remembered until it answers.
const SIGNALS: usize = 16;

/// Signals of a node's transport: through its server while both ends are logged in there, else
/// through its peers. The peers also get what the server did not deliver.
pub struct NodeRendezvous<P: UserSources> {
    handle: Handle<P>,
    server: ServerRendezvous<P>,
    peers: PeerRendezvous<P>,
    /// Peers that the server did not reach the last time.
    away: BTreeSet<RtcAddress>,
    /// Signals that the server was given for peers that have not answered since.
    unsure: BTreeMap<RtcAddress, Vec<(SignalKind, String)>>,
}

impl<P: UserSources> NodeRendezvous<P> {
    /// Creates the rendezvous of this handle's user. `peers` belongs to the same node.
    pub fn new(handle: Handle<P>, peers: PeerRendezvous<P>) -> Self {
        NodeRendezvous {
            server: ServerRendezvous::new(handle.clone()),
            handle,
            peers,
            away: BTreeSet::new(),
            unsure: BTreeMap::new(),
        }
    }

    fn is_online(&self) -> bool {
        matches!(self.handle.state(), State::Online { .. })
    }

    /// Keeps a signal that the server was given, until the peer answers: it may come back.
    fn keep(&mut self, peer: &RtcAddress, kind: SignalKind, body: &str) {
        if self.unsure.len() >= PEERS && !self.unsure.contains_key(peer) {
            self.unsure.pop_first();
        }
        let kept = self.unsure.entry(peer.clone()).or_default();
        if kept.len() >= SIGNALS {
            kept.remove(0);
        }
        kept.push((kind, body.to_owned()));
    }

    /// The server did not reach a peer.
    fn missed(&mut self, peer: RtcAddress) -> io::Result<()> {
        for (kind, body) in self.unsure.remove(&peer).unwrap_or_default() {
            // In their order: a candidate means nothing before its offer.
            self.peers.send(&peer, kind, body)?;
        }
        if self.away.len() >= PEERS {
            self.away.pop_first();
        }
        self.away.insert(peer);
        Ok(())
    }
}

impl<P: UserSources> Registerable<P> for NodeRendezvous<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let server = self.server.register(poll, token, interest)?;
        Ok(self.peers.register(poll, token, interest)? | server)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let server = self.server.reregister(poll, token, interest)?;
        Ok(self.peers.reregister(poll, token, interest)? | server)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.server.deregister(poll)?;
        self.peers.deregister(poll)
    }
}

impl<P: UserSources> Rendezvous<P> for NodeRendezvous<P> {
    fn local(&self) -> Option<RtcAddress> {
        self.server.local()
    }

    fn send(&mut self, peer: &RtcAddress, kind: SignalKind, body: String) -> io::Result<()> {
        if self.is_online() && !self.away.contains(peer) {
            self.keep(peer, kind, &body);
            return self.server.send(peer, kind, body);
        }
        self.peers.send(peer, kind, body)
    }

    fn receive(&mut self) -> io::Result<Signal> {
        loop {
            match self.server.receive() {
                Ok(Signal::Unreachable { peer, .. }) => self.missed(peer)?,
                Ok(signal) => {
                    if let Signal::From { peer, .. } = &signal {
                        // It answered, so it is at the server and has what it was sent.
                        self.away.remove(peer);
                        self.unsure.remove(peer);
                    }
                    return Ok(signal);
                }
                // The server may have ended for good: the peers have not.
                Err(_) => return self.peers.receive(),
            }
        }
    }
}
