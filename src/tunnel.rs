//! Puts and gets over layered routes (MyDHT's tunnel), as a global service.
//!
//! The packets are pure and live in [`mydht_proto::tunnel`]; [`Tunnel`] carries them over any
//! transport. It is a hop for others, and sends its own user's requests through them. Start a node
//! with it, and tell it [`Request`]s.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

pub use mydht_proto::tunnel::{Answer, Request, TunnelError};
use mydht_proto::tunnel::{AnswerBlock, AnswerKeys, Class, Hop, Keys, Peeled, wrap};

use crate::engine::Query;
use crate::id::{Hash, PeerId};
use crate::limits::Limits;
use crate::record::Record;
use crate::service::{GlobalDo, GlobalIn, GlobalOut, UserId, Wish};

/// The name by which the tunnels of nodes call each other.
pub const TUNNEL: &str = "tunnel";

/// Hops of a request, the one that carries it out among them.
const OUT: usize = 3;

/// Hops of an answer before this node.
const BACK: usize = 2;

/// A peer names so many of its neighbours at most.
const NEAR: usize = 64;

/// Requests of one kind that wait, at most: of more the oldest is forgotten.
const WAITING: usize = 64;

/// Packets of which it is remembered whom they came from, so that a failure finds its way back.
const ON_THEIR_WAY: usize = 1024;

/// The kinds of what tunnels say to each other.
const KEY: u8 = 0;
const PACKET: u8 = 1;
const FAILED: u8 = 2;

/// Neighbour whose node has a tunnel.
struct Neighbour {
    key: [u8; 32],
    /// Neighbours that it is connected with.
    near: BTreeSet<PeerId>,
}

/// Origin of a packet.
enum From {
    Peer(PeerId, Hash),
    User([u8; 32]),
}

/// A request of this node's user, on its way.
struct Asked {
    name: [u8; 32],
    keys: AnswerKeys,
    user: UserId,
    request: Request,
}

/// By whom a request goes, and by whom its answer comes, this node at the end.
struct Routes {
    out: Vec<Hop>,
    back: Vec<Hop>,
}

/// A request that this node carries out for somebody.
struct Doing {
    number: u64,
    block: AnswerBlock,
}

/// A node's tunnel, as its [global service](crate::service::GlobalService).
///
/// Its user tells it a [`Request`] and hears an [`Answer`]; it hears nothing if a packet is lost,
/// so it is for the user to ask again after a while. A request goes over three neighbours of this
/// node that are neighbours of each other, chosen at random each time, and its answer over two. It
/// carries packets of others, and carries out requests, in the same way.
pub struct Tunnel {
    keys: Keys,
    own: PeerId,
    limits: Limits,
    peers: BTreeSet<PeerId>,
    neighbours: BTreeMap<PeerId, Neighbour>,
    asked: VecDeque<Asked>,
    doing: VecDeque<Doing>,
    /// By the hash of a packet as it went on: whom it went to, and whom it came from.
    on_their_way: VecDeque<(Hash, PeerId, From)>,
    next: u64,
}

impl Tunnel {
    /// The tunnel of the node `own`, whose limits are `limits`.
    ///
    /// # Errors
    /// `Random`.
    pub fn new(own: PeerId, limits: Limits) -> std::result::Result<Self, TunnelError> {
        Ok(Tunnel {
            keys: Keys::new()?,
            own,
            limits,
            peers: BTreeSet::new(),
            neighbours: BTreeMap::new(),
            asked: VecDeque::new(),
            doing: VecDeque::new(),
            on_their_way: VecDeque::new(),
            next: 0,
        })
    }

    /// Tells a peer this node's key and its neighbours.
    fn tell(&self, to: PeerId) -> GlobalDo {
        let near = self.neighbours.keys().filter(|id| **id != to).take(NEAR);
        let mut body = vec![KEY];
        body.extend(self.keys.key());
        near.for_each(|id| body.extend(id.0.0));
        say(to, body)
    }

    fn tell_all(&self) -> GlobalOut {
        self.neighbours.keys().map(|id| self.tell(*id)).collect()
    }

    /// Handles a message of a peer's tunnel.
    fn heard(&mut self, from: PeerId, body: &[u8]) -> GlobalOut {
        match body.split_first() {
            Some((&KEY, rest)) => self.neighbour(from, rest),
            Some((&PACKET, packet)) => self.packet(from, packet),
            Some((&FAILED, hash)) => self.failed(from, hash),
            // Unknown kinds are ignored: later versions may send them.
            _ => Vec::new(),
        }
    }

    fn neighbour(&mut self, from: PeerId, said: &[u8]) -> GlobalOut {
        let Some((key, near)) = said.split_first_chunk::<32>() else {
            return Vec::new();
        };
        let (near, _) = near.as_chunks::<32>();
        let near = near.iter().take(NEAR).map(|id| PeerId(Hash(*id)));
        let neighbour = Neighbour {
            key: *key,
            near: near.collect(),
        };
        match self.neighbours.insert(from, neighbour) {
            // The others may go over it too.
            None => self.tell_all(),
            // No reply to a known neighbour: two nodes would otherwise update each other forever.
            Some(_) => Vec::new(),
        }
    }

    fn packet(&mut self, from: PeerId, packet: &[u8]) -> GlobalOut {
        let Ok((peeled, is_worn)) = self.keys.take(packet) else {
            tracing::debug!(
                ?from,
                "a packet that is not for this node, was changed, or was here before"
            );
            return vec![failure(from, Hash::of(packet))];
        };
        let mut out = if is_worn { self.tell_all() } else { Vec::new() };
        match peeled {
            Peeled::Forward(to, _) if !self.peers.contains(&to) => {
                out.push(failure(from, Hash::of(packet)));
            }
            Peeled::Forward(to, onward) => {
                self.sends(Hash::of(&onward), to, From::Peer(from, Hash::of(packet)));
                out.push(send_packet(to, &onward));
            }
            Peeled::Here(content) => out.extend(self.asked_to_do(&content)),
            Peeled::Home(name, body) => out.extend(self.answered(&name, body)),
        }
        out
    }

    fn sends(&mut self, packet: Hash, to: PeerId, from: From) {
        // For a forgotten packet, only its failure report cannot find the way back.
        if self.on_their_way.len() >= ON_THEIR_WAY {
            self.on_their_way.pop_front();
        }
        self.on_their_way.push_back((packet, to, from));
    }

    /// A packet did not go on behind the peer that it was given to: whoever it came from hears it.
    fn failed(&mut self, from: PeerId, hash: &[u8]) -> GlobalOut {
        // Accepted only from the peer that got the packet: others could make users give up their
        // requests.
        let is_it = |(packet, to, _): &(Hash, PeerId, From)| packet.0 == *hash && *to == from;
        let at = self.on_their_way.iter().position(is_it);
        match at.and_then(|at| self.on_their_way.remove(at)) {
            Some((.., From::Peer(before, packet))) => vec![failure(before, packet)],
            Some((.., From::User(name))) => {
                let at = self.asked.iter().position(|asked| asked.name == name);
                let asked = at.and_then(|at| self.asked.remove(at));
                let why = "a hop could not pass it on: try again, by another route";
                asked.map_or(Vec::new(), |asked| answer_user(asked.user, &failed(why)))
            }
            None => Vec::new(),
        }
    }

    /// This node is the last hop: it does what is asked.
    fn asked_to_do(&mut self, content: &[u8]) -> GlobalOut {
        let Some((block, request)) = AnswerBlock::from_bytes(content) else {
            return Vec::new();
        };
        let Some(request) = Request::from_bytes(request) else {
            return answer(
                block,
                &failed("the last hop did not understand the request"),
            );
        };
        if self.doing.len() >= WAITING {
            return answer(block, &failed("the last hop has too much to do: try again"));
        }
        let wish = match request {
            Request::Get(key) => {
                let query = Query {
                    record_only: true,
                    ..Query::default()
                };
                Wish::Get(key, query)
            }
            Request::Put(record) => Wish::Put(record),
        };
        let number = self.next;
        self.next += 1;
        self.doing.push_back(Doing { number, block });
        vec![GlobalDo::Ask { number, wish }]
    }

    /// An answer has come for this node's user.
    fn answered(&mut self, name: &[u8; 32], body: Vec<u8>) -> GlobalOut {
        let at = self.asked.iter().position(|asked| asked.name == *name);
        let Some(asked) = at.and_then(|at| self.asked.remove(at)) else {
            return Vec::new();
        };
        let content = asked.keys.open(body).ok();
        let said = content.and_then(|content| Answer::from_bytes(&content));
        let said = match said {
            Some(Answer::Found(record)) if !self.fits(&asked.request, &record) => {
                failed("the last hop gave another record: try again, by another route")
            }
            Some(said) => said,
            None => failed("the answer was changed on its way: try again, by another route"),
        };
        answer_user(asked.user, &said)
    }

    /// The record is what was asked for, as far as that can be told.
    fn fits(&self, request: &Request, record: &Record) -> bool {
        let is_it = matches!(request, Request::Get(key) if *key == record.key);
        is_it && record.validate(&self.limits).is_ok()
    }

    /// This node's user asks.
    fn user(&mut self, user: UserId, body: &[u8]) -> GlobalOut {
        if let Err(why) = Class::for_content(body.len()) {
            return answer_user(user, &failed(&why.to_string()));
        }
        let Some(request) = Request::from_bytes(body) else {
            return answer_user(user, &failed("this is no request to a tunnel"));
        };
        match self.send_off(user, request, body) {
            Ok(done) => done,
            Err(why) => answer_user(user, &failed(&why)),
        }
    }

    fn send_off(
        &mut self,
        user: UserId,
        request: Request,
        body: &[u8],
    ) -> std::result::Result<GlobalOut, String> {
        let said = |why: TunnelError| why.to_string();
        let Routes { out, back } = self.routes().map_err(said)?.ok_or(
            "a tunnel needs three neighbours with tunnels that are connected with each other: wait for more peers",
        )?;
        let (block, keys) = AnswerBlock::new(&back).map_err(said)?;
        let content = [&block.to_bytes(), body].concat();
        let class = Class::for_content(content.len()).map_err(said)?;
        let packet = wrap(&out, &content, class).map_err(said)?;
        let first = out.first().ok_or_else(|| said(TunnelError::Route))?.id;
        let name = *keys.name();
        let mut done = Vec::new();
        if self.asked.len() >= WAITING
            && let Some(oldest) = self.asked.pop_front()
        {
            // Nothing else ends a request whose answer was lost on its route.
            let why = "no answer has come, and newer requests took its place: try again";
            done = answer_user(oldest.user, &failed(why));
        }
        self.asked.push_back(Asked {
            name,
            keys,
            user,
            request,
        });
        self.sends(Hash::of(&packet), first, From::User(name));
        done.push(send_packet(first, &packet));
        Ok(done)
    }

    /// A route for a request and one for its answer, whose hops can reach each other as far as they
    /// say; `None` if there are none.
    fn routes(&self) -> std::result::Result<Option<Routes>, TunnelError> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(|_| TunnelError::Random)?;
        let mut random = fastrand::Rng::with_seed(u64::from_le_bytes(seed));
        let Some(out) = self.path(Vec::new(), OUT, &mut random) else {
            return Ok(None);
        };
        // `path` returns exactly as many hops as requested.
        let last = out[OUT - 1];
        let Some(back) = self.path(vec![last], BACK + 1, &mut random) else {
            return Ok(None);
        };
        let hop = |id: &PeerId| Hop {
            id: *id,
            // All hops are neighbours, so the key is known; a key of zeroes would be refused as
            // weak.
            key: self.neighbours.get(id).map_or([0; 32], |known| known.key),
        };
        let out = out.iter().map(hop).collect();
        // The first hop of `back` is the last hop of the request, where the answer starts.
        let mut back: Vec<Hop> = back[1..].iter().map(hop).collect();
        back.push(Hop {
            id: self.own,
            key: self.keys.key(),
        });
        Ok(Some(Routes { out, back }))
    }

    /// Goes on from `path` to different neighbours, each connected with the one before it, until it
    /// is `len` long: tries all, in a random order.
    fn path(
        &self,
        path: Vec<PeerId>,
        len: usize,
        random: &mut fastrand::Rng,
    ) -> Option<Vec<PeerId>> {
        if path.len() == len {
            return Some(path);
        }
        let is_near = |id: &PeerId| {
            // `None` for the first hop, which may be any neighbour.
            let before = path.last().and_then(|last| self.neighbours.get(last));
            before.is_none_or(|before| before.near.contains(id))
        };
        let next = self.neighbours.keys();
        let next = next.filter(|id| !path.contains(id) && is_near(id));
        let mut next: Vec<PeerId> = next.copied().collect();
        random.shuffle(&mut next);
        next.into_iter().find_map(|id| {
            let longer = [&path[..], &[id]].concat();
            self.path(longer, len, random)
        })
    }
}

#[cfg(test)]
impl Tunnel {
    /// The requests of its user that wait for an answer.
    pub(super) fn waiting(&self) -> usize {
        self.asked.len()
    }

    /// A peer is gone, and nobody has heard of it.
    pub(super) fn loses(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }
}

fn say(to: PeerId, body: Vec<u8>) -> GlobalDo {
    let service = TUNNEL.into();
    GlobalDo::Send { to, service, body }
}

fn send_packet(to: PeerId, packet: &[u8]) -> GlobalDo {
    say(to, [&[PACKET], packet].concat())
}

fn failure(to: PeerId, packet: Hash) -> GlobalDo {
    say(to, [&[FAILED][..], &packet.0].concat())
}

fn failed(why: &str) -> Answer {
    Answer::Failed(why.into())
}

/// The answer to somebody at the other end.
fn answer(block: AnswerBlock, said: &Answer) -> GlobalOut {
    let sent = said.to_content().and_then(|content| block.answer(&content));
    sent.map_or(Vec::new(), |(to, packet)| vec![send_packet(to, &packet)])
}

/// The answer to this node's user.
fn answer_user(user: UserId, said: &Answer) -> GlobalOut {
    let body = said.to_bytes().unwrap_or_default();
    vec![GlobalDo::Answer { user, body }, GlobalDo::Done(user)]
}

impl Service for Tunnel {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, heard: GlobalIn, _: &mut Y) -> Result<GlobalOut> {
        Ok(self.hear(heard))
    }
}

impl Tunnel {
    /// Handles an event, and returns the acts that follow from it.
    pub(super) fn hear(&mut self, heard: GlobalIn) -> GlobalOut {
        match heard {
            GlobalIn::PeerUp(peer) => {
                self.peers.insert(peer);
                vec![self.tell(peer)]
            }
            GlobalIn::PeerDown(peer) => {
                self.peers.remove(&peer);
                match self.neighbours.remove(&peer) {
                    Some(_) => self.tell_all(),
                    None => Vec::new(),
                }
            }
            GlobalIn::Message {
                from,
                service,
                body,
            } if service == TUNNEL => self.heard(from, &body),
            GlobalIn::User { user, body } => self.user(user, &body),
            GlobalIn::Answered { number, event } => {
                let at = self.doing.iter().position(|doing| doing.number == number);
                let said = Answer::of_event(event);
                match said.zip(at.and_then(|at| self.doing.remove(at))) {
                    Some((said, doing)) => answer(doing.block, &said),
                    None => Vec::new(),
                }
            }
            GlobalIn::Message { .. } | GlobalIn::Stop => Vec::new(),
        }
    }
}

impl ServiceRestartable for Tunnel {
    /// Never called: the service does not wait inside a call.
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<GlobalOut>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
