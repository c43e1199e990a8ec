//! Peer connections without a network: descriptions are names, channels are queues, and time is
//! what it is told.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use mydht_evloop::Poll;
use mydht_evloop::traits::{Ready, Registerable, Token};

use crate::lock::lock;
use crate::session::Pipe;
use crate::webrtc::{Backend, Notify, Op, OpError, PathState, Peer, PeerEvent};

/// Messages that a channel holds.
const ROOM: usize = 16;

#[derive(Default)]
struct End {
    notify: Option<Notify>,
    linked: Option<u64>,
    offered: bool,
    events: VecDeque<PeerEvent>,
    messages: VecDeque<Vec<u8>>,
    datagrams: VecDeque<Vec<u8>>,
    sender_waits: bool,
}

#[derive(Default)]
struct State {
    next: u64,
    ends: HashMap<u64, End>,
    /// Whether messages are lost silently.
    cut: bool,
    /// Answers lead to no channel.
    blocked: bool,
    rollbacks: usize,
    restarts: usize,
    made: usize,
}

/// All peer connections of a test.
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<State>>);

impl Network {
    /// Sets whether messages sent from now on are lost silently.
    pub fn cut(&self, cut: bool) {
        lock(&self.0).cut = cut;
    }

    /// No path is found from now on.
    pub fn block(&self) {
        lock(&self.0).blocked = true;
    }

    /// Tells all ends about their path.
    pub fn say(&self, path: PathState) {
        lock(&self.0).tell_all(|| PeerEvent::Path(path));
    }

    /// Puts a message into every channel, as if the peer had sent it.
    pub fn inject(&self, message: &[u8]) {
        for end in lock(&self.0).ends.values_mut() {
            end.messages.push_back(message.to_vec());
            end.wake();
        }
    }

    /// Offers given up, restarts of ICE, connections made, connections open.
    pub fn counts(&self) -> (usize, usize, usize, usize) {
        let state = lock(&self.0);
        (
            state.rollbacks,
            state.restarts,
            state.made,
            state.ends.len(),
        )
    }
}

impl State {
    fn tell(&mut self, id: u64, event: PeerEvent) {
        if let Some(end) = self.ends.get_mut(&id) {
            end.events.push_back(event);
            end.wake();
        }
    }

    fn tell_all(&mut self, event: impl Fn() -> PeerEvent) {
        let ids: Vec<u64> = self.ends.keys().copied().collect();
        for id in ids {
            self.tell(id, event());
        }
    }

    fn link(&mut self, a: u64, b: u64) {
        let new = self.ends.get(&a).is_some_and(|end| end.linked.is_none());
        if self.blocked || !self.ends.contains_key(&b) {
            return;
        }
        for (near, far) in [(a, b), (b, a)] {
            if let Some(end) = self.ends.get_mut(&near) {
                end.linked = Some(far);
            }
            self.tell(near, PeerEvent::Path(PathState::Connected));
            if new {
                self.tell(near, PeerEvent::Open);
            }
        }
    }
}

impl End {
    fn wake(&self) {
        if let Some(notify) = &self.notify {
            notify.notify();
        }
    }
}

/// Makes [`FakePeer`]s.
pub struct Fake(pub Network);

impl Registerable<Poll> for Fake {
    fn register(&self, _: &Poll, _: Token, _: Ready) -> io::Result<bool> {
        Ok(false)
    }

    fn reregister(&self, _: &Poll, _: Token, _: Ready) -> io::Result<bool> {
        Ok(false)
    }

    fn deregister(&self, _: &Poll) -> io::Result<()> {
        Ok(())
    }
}

impl Backend for Fake {
    type Peer = FakePeer;

    fn peer(&mut self, notify: Notify) -> io::Result<FakePeer> {
        let mut state = lock(&self.0.0);
        state.next += 1;
        state.made += 1;
        let id = state.next;
        let end = End {
            notify: Some(notify),
            ..End::default()
        };
        state.ends.insert(id, end);
        Ok(FakePeer {
            network: self.0.clone(),
            id,
        })
    }
}

pub struct FakePeer {
    network: Network,
    id: u64,
}

impl Drop for FakePeer {
    fn drop(&mut self) {
        let mut state = lock(&self.network.0);
        let linked = state.ends.remove(&self.id).and_then(|end| end.linked);
        if let Some(far) = linked
            && !state.cut
        {
            state.tell(far, PeerEvent::Closed("the channel is closed".into()));
        }
    }
}

impl Peer for FakePeer {
    fn start(&mut self, op: Op) {
        let mut state = lock(&self.network.0);
        let id = self.id;
        let done = match op {
            Op::Offer { restart } => {
                state.restarts += usize::from(restart);
                if let Some(end) = state.ends.get_mut(&id) {
                    end.offered = true;
                }
                state.tell(id, PeerEvent::Candidate(format!("candidate:{id}")));
                Ok(format!("offer {id}"))
            }
            Op::Answer { offer, rollback } => {
                state.rollbacks += usize::from(rollback);
                let offered = state.ends.get(&id).is_some_and(|end| end.offered);
                assert_eq!(rollback, offered, "a rollback where an offer is out");
                if let Some(end) = state.ends.get_mut(&id) {
                    end.offered = false;
                }
                match offer.strip_prefix("offer ").map(str::parse::<u64>) {
                    Some(Ok(_)) => Ok(format!("answer {id}")),
                    _ => Err(OpError::rejected("it is no offer")),
                }
            }
            Op::Accept { answer } => {
                if let Some(end) = state.ends.get_mut(&id) {
                    assert!(std::mem::take(&mut end.offered), "an answer to nothing");
                }
                match answer.strip_prefix("answer ").map(str::parse) {
                    Some(Ok(far)) => {
                        state.link(id, far);
                        Ok(String::new())
                    }
                    _ => Err(OpError::rejected("it is no answer")),
                }
            }
            Op::Candidate(candidate) => match candidate.strip_prefix("candidate:") {
                Some(_) => Ok(String::new()),
                None => Err(OpError::rejected("it is no candidate")),
            },
        };
        state.tell(id, PeerEvent::Done(done));
    }

    fn poll(&mut self) -> Option<PeerEvent> {
        let mut state = lock(&self.network.0);
        state.ends.get_mut(&self.id)?.events.pop_front()
    }

    fn send_datagram(&mut self, message: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.network.0);
        let linked = state.ends.get(&self.id).and_then(|end| end.linked);
        if let Some(end) = linked.and_then(|far| state.ends.get_mut(&far)) {
            end.datagrams.push_back(message.to_vec());
            end.wake();
        }
        Ok(())
    }

    fn receive_datagram(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        let mut state = lock(&self.network.0);
        let end = state.ends.get_mut(&self.id);
        *message = end
            .and_then(|end| end.datagrams.pop_front())
            .ok_or(io::ErrorKind::WouldBlock)?;
        Ok(())
    }
}

impl Pipe for FakePeer {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.network.0);
        let cut = state.cut;
        let linked = state.ends.get(&self.id).and_then(|end| end.linked);
        let Some(end) = linked.and_then(|far| state.ends.get_mut(&far)) else {
            return Ok(());
        };
        if cut {
            return Ok(());
        }
        if end.messages.len() >= ROOM {
            end.sender_waits = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        end.messages.push_back(message.to_vec());
        end.wake();
        Ok(())
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> io::Result<bool> {
        let mut state = lock(&self.network.0);
        let end = state
            .ends
            .get_mut(&self.id)
            .ok_or(io::ErrorKind::NotConnected)?;
        *message = end.messages.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let room = end.messages.len() <= ROOM / 2 && std::mem::take(&mut end.sender_waits);
        if let Some(far) = end.linked.filter(|_| room)
            && let Some(end) = state.ends.get(&far)
        {
            end.wake();
        }
        Ok(true)
    }
}
