//! Dialing of the members of a room: which peer a node connects with, by which path, and when.
//! Pure: time is an argument.

use std::time::Duration;

use mydht_proto::{Address, Link, PeerId};
use mydht_small::BTreeMap;

/// Time for a direct path before the server's relay is used.
const HEAD_START: Duration = Duration::from_millis(1500);

/// Time for a newcomer to connect before the others do.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits after a failure, doubled up to a bound.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const MOST_WAIT: Duration = Duration::from_secs(60);

/// Path to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// From end to end.
    Direct,
    /// Over the server.
    Relayed,
}

/// Connection of the node by one of these paths, established or being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// With whom.
    pub peer: PeerId,
    /// Path to the peer.
    pub path: Path,
    /// The peer has proved who it is.
    pub is_up: bool,
}

impl Connection {
    /// Returns a connection of a node as its dialer sees it. `None` while its peer is unknown.
    pub fn of(link: &Link) -> Option<Self> {
        let (path, sought) = match link.address {
            Address::Relay(id) => (Path::Relayed, Some(id)),
            Address::WebRtc(id) => (Path::Direct, Some(id)),
            _ => (Path::Direct, None),
        };
        Some(Connection {
            peer: link.peer.or(sought)?,
            path,
            is_up: link.peer.is_some(),
        })
    }
}

/// Peers that are present, and how far this node is with each.
///
/// Who comes connects with those that are there: it may be one that was there before and began
/// anew, and its first word is what ends the connection of before at the others. If it does not,
/// the one with the smaller id does. The direct path is tried first; if it is not there soon, the
/// server carries what is said, and the direct path is tried again and again: when it is there, the
/// node itself leaves the worse connection
/// ([`Transport::rank`](mydht_transports::Transport::rank)).
///
/// ```
/// use std::time::Duration;
/// use mydht_rendezvous::{Dialer, Path};
/// use mydht_proto::{Hash, PeerId};
///
/// let [here, there] = [1, 2].map(|byte| PeerId(Hash([byte; 32])));
/// let mut dialer = Dialer::new(here);
/// dialer.join([there]);
/// assert_eq!(dialer.turn(Duration::ZERO, &[]), [(there, Path::Direct)]);
/// ```
#[derive(Debug)]
pub struct Dialer {
    own: PeerId,
    peers: BTreeMap<PeerId, Peer>,
}

#[derive(Debug, Default)]
struct Peer {
    direct: Attempts,
    relayed: Attempts,
    /// Since when there is no connection with it.
    alone: Option<Duration>,
    /// Set if this node is the one that connects.
    is_ours: bool,
    /// Set if the server named the peer. A peer that a search found is known as long as it is
    /// connected.
    is_said: bool,
}

/// Attempts to connect by one path.
#[derive(Debug, Default)]
struct Attempts {
    /// One was made that is not known to have failed.
    open: bool,
    /// Failures in a row.
    failures: u32,
    /// The next is not made before.
    not_before: Duration,
}

impl Attempts {
    /// Notes the state of this path at `now`: up, being tried, or neither.
    fn see(&mut self, now: Duration, is_up: bool, is_tried: bool) {
        if is_up {
            *self = Attempts::default();
        } else if !is_tried && std::mem::take(&mut self.open) {
            // The bound is reached long before, and the shift cannot overflow.
            let doubled = FIRST_WAIT.saturating_mul(1 << self.failures.min(16));
            self.not_before = now.saturating_add(doubled.min(MOST_WAIT));
            self.failures += 1;
        }
    }

    /// Whether to try now: then it is tried.
    fn try_at(&mut self, now: Duration) -> bool {
        let tries = !self.open && self.not_before <= now;
        self.open |= tries;
        tries
    }
}

impl Dialer {
    /// A node that knows of nobody.
    pub fn new(own: PeerId) -> Self {
        Dialer {
            own,
            peers: BTreeMap::new(),
        }
    }

    /// This node has come to where these are, and nobody else: whatever failed before is tried
    /// again at once.
    pub fn join(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        let came = |peer| {
            let known = Peer {
                is_ours: true,
                is_said: true,
                ..Peer::default()
            };
            (peer, known)
        };
        self.peers = peers.into_iter().map(came).collect();
        self.peers.remove(&self.own);
    }

    /// A peer has come.
    pub fn come(&mut self, peer: PeerId) {
        if peer != self.own {
            let known = Peer {
                is_said: true,
                ..Peer::default()
            };
            self.peers.insert(peer, known);
        }
    }

    /// A peer is not there any more.
    pub fn leave(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    /// Returns the peers that are present.
    pub fn peers(&self) -> impl Iterator<Item = &PeerId> {
        self.peers.keys()
    }

    /// With whom to connect now, and how. Each that is given is taken for tried: it shows among
    /// `ways`, the connections that the node has, when this is next asked, or has failed. Ask
    /// often: twice a second, say.
    ///
    /// A peer that is connected over the server counts as there, whether it is said to be or not.
    pub fn turn(&mut self, now: Duration, ways: &[Connection]) -> Vec<(PeerId, Path)> {
        let relayed = |way: &&Connection| way.is_up && way.path == Path::Relayed;
        for way in ways.iter().filter(relayed) {
            self.peers.entry(way.peer).or_insert_with(|| Peer {
                is_ours: self.own < way.peer,
                ..Peer::default()
            });
        }
        let is_tied = |id: &PeerId| ways.iter().any(|way| way.peer == *id);
        self.peers.retain(|id, peer| peer.is_said || is_tied(id));
        let mut wanted = Vec::new();
        let own = self.own;
        for (id, peer) in &mut self.peers {
            let has = |path, is_up| {
                let sought = Connection {
                    peer: *id,
                    path,
                    is_up,
                };
                ways.contains(&sought)
            };
            let (direct, relayed) = (has(Path::Direct, true), has(Path::Relayed, true));
            (peer.direct).see(now, direct, has(Path::Direct, false));
            (peer.relayed).see(now, relayed, has(Path::Relayed, false));
            if direct || relayed {
                peer.alone = None;
            }
            let alone = *peer.alone.get_or_insert(now);
            // From then on it stays this node's task.
            peer.is_ours |= own < *id && now.saturating_sub(alone) >= PATIENCE;
            if direct || !peer.is_ours {
                continue;
            }
            if peer.direct.try_at(now) {
                wanted.push((*id, Path::Direct));
            }
            let is_late = !relayed && now.saturating_sub(alone) >= HEAD_START;
            if is_late && peer.relayed.try_at(now) {
                wanted.push((*id, Path::Relayed));
            }
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mydht_proto::Hash;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn peer(number: u8) -> PeerId {
        PeerId(Hash([number; 32]))
    }

    fn way(number: u8, path: Path, is_up: bool) -> Connection {
        Connection {
            peer: peer(number),
            path,
            is_up,
        }
    }

    use Path::{Direct, Relayed};

    /// The node 5, which came to where the node 9 was.
    fn room() -> Dialer {
        let mut dialer = Dialer::new(peer(5));
        dialer.join([peer(5), peer(9)]);
        dialer
    }

    #[test]
    fn who_comes_connects_directly_first_and_then_over_the_server() {
        let mut dialer = room();
        assert_eq!(dialer.turn(MS(0), &[]), [(peer(9), Direct)]);
        let trying = [way(9, Direct, false)];
        assert_eq!(dialer.turn(MS(1499), &trying), []);
        assert_eq!(dialer.turn(MS(1500), &trying), [(peer(9), Relayed)]);
        let both = [way(9, Direct, false), way(9, Relayed, false)];
        assert_eq!(dialer.turn(MS(5000), &both), []);
    }

    #[test]
    fn who_was_there_waits_for_it_and_then_the_smaller_id_connects() {
        let mut dialer = Dialer::new(peer(5));
        dialer.come(peer(1));
        dialer.come(peer(9));
        dialer.come(peer(5));
        assert_eq!(dialer.turn(MS(0), &[]), []);
        assert_eq!(dialer.turn(MS(2999), &[]), []);
        let both = [(peer(9), Direct), (peer(9), Relayed)];
        assert_eq!(dialer.turn(MS(3000), &[]), both);
        // One that was connected with before, and is so still as far as this node knows.
        let before = [way(7, Direct, true)];
        dialer.come(peer(7));
        assert_eq!(dialer.turn(MS(9000), &before), []);
        assert_eq!(dialer.turn(MS(20_000), &before), both);
        assert_eq!(dialer.peers().count(), 3);
    }

    #[test]
    fn the_direct_path_is_tried_again_with_longer_and_longer_waits_while_the_relay_carries() {
        let mut dialer = room();
        let relayed = [way(9, Relayed, true)];
        let mut tried = Vec::new();
        for second in 0..400 {
            // Each attempt fails within its second.
            for (_, path) in dialer.turn(MS(second * 1000), &relayed) {
                assert_eq!(path, Direct);
                tried.push(second);
            }
        }
        let waits: Vec<u64> = tried.windows(2).map(|two| two[1] - two[0]).collect();
        // One second to see that it failed.
        assert_eq!(waits[..6], [3, 5, 9, 17, 33, 61]);
        assert!(waits[6..].iter().all(|wait| *wait == 61));
    }

    #[test]
    fn a_direct_path_is_enough_and_a_new_one_is_made_at_once_when_it_is_lost() {
        let mut dialer = room();
        assert_eq!(dialer.turn(MS(0), &[]).len(), 1);
        assert_eq!(dialer.turn(MS(100), &[way(9, Direct, true)]), []);
        assert_eq!(dialer.turn(MS(90_000), &[way(9, Direct, true)]), []);
        assert_eq!(dialer.turn(MS(91_000), &[]), [(peer(9), Direct)]);
        assert_eq!(dialer.turn(MS(92_500), &[]), [(peer(9), Relayed)]);
        // What failed before is tried at once where this node comes anew.
        dialer.turn(MS(93_000), &[]);
        dialer.join([peer(9)]);
        assert_eq!(dialer.turn(MS(93_001), &[]), [(peer(9), Direct)]);
        dialer.leave(&peer(9));
        assert_eq!(dialer.turn(MS(200_000), &[]), []);
    }

    #[test]
    fn who_came_over_the_server_by_a_search_gets_a_direct_path_too() {
        let mut dialer = Dialer::new(peer(5));
        let found = [way(7, Relayed, true), way(2, Relayed, true)];
        assert_eq!(dialer.turn(MS(0), &found), [(peer(7), Direct)]);
        // And is not looked for when it has gone.
        assert_eq!(dialer.turn(MS(9000), &[]), []);
        assert_eq!(dialer.peers().count(), 0);
    }

    #[test]
    fn links_are_ways_when_it_is_known_with_whom() {
        let id = peer(7);
        let link = |address, peer| Connection::of(&Link { address, peer });
        let tcp: Address = "tcp:127.0.0.1:1".parse().unwrap();
        let trying = |path| Some(way(7, path, false));
        assert_eq!(link(Address::Relay(id), None), trying(Relayed));
        assert_eq!(link(Address::WebRtc(id), None), trying(Direct));
        assert_eq!(link(tcp.clone(), None), None);
        let up = Some(way(7, Direct, true));
        assert_eq!(link(tcp, Some(id)), up);
    }
}
