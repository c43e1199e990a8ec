//! Tunnels that speak with each other, with nodes that only pretend to be there.

use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::engine::Event;
use crate::id::Key;
use crate::limits::Limits;
use crate::record::{Record, Value};
use crate::service::{GlobalDo, GlobalIn, UserId, Wish};

const PACKET: u8 = 1;

fn id(number: usize) -> PeerId {
    PeerId(Hash::of(&[number as u8]))
}

/// Change to a message on its way. `None`: the message is lost.
type Weather = Box<dyn FnMut(usize, usize, &[u8]) -> Option<Vec<u8>>>;

/// Nodes that are all connected with each other, and one network of values behind them.
struct Mesh {
    tunnels: Vec<Tunnel>,
    on_their_way: VecDeque<(usize, usize, Vec<u8>)>,
    /// All packets: from, to, and the bytes.
    packets: Vec<(usize, usize, Vec<u8>)>,
    /// Nodes that carried out a request, with the request.
    wishes: Vec<(usize, Wish)>,
    values: BTreeMap<Key, Record>,
    heard: Vec<(usize, Answer)>,
    weather: Weather,
}

impl Mesh {
    fn new(nodes: usize) -> Self {
        let tunnel = |at| Tunnel::new(id(at), Limits::default()).unwrap();
        let mut mesh = Mesh {
            tunnels: (0..nodes).map(tunnel).collect(),
            on_their_way: VecDeque::new(),
            packets: Vec::new(),
            wishes: Vec::new(),
            values: BTreeMap::new(),
            heard: Vec::new(),
            weather: Box::new(|_, _, body| Some(body.to_vec())),
        };
        for a in 0..nodes {
            for b in (0..nodes).filter(|b| *b != a) {
                mesh.tell(a, GlobalIn::PeerUp(id(b)));
            }
        }
        mesh.run();
        mesh
    }

    fn tell(&mut self, node: usize, heard: GlobalIn) {
        for to_do in self.tunnels[node].hear(heard) {
            match to_do {
                GlobalDo::Send { to, service, body } => {
                    assert_eq!(service, TUNNEL);
                    assert!(body.len() <= Limits::default().sizes.app_bytes);
                    let to = (0..self.tunnels.len()).find(|at| id(*at) == to).unwrap();
                    self.on_their_way.push_back((node, to, body));
                }
                GlobalDo::Ask { number, wish } => {
                    self.wishes.push((node, wish.clone()));
                    let event = match wish {
                        Wish::Get(key, _) => match self.values.get(&key) {
                            Some(record) => Event::Found(record.clone()),
                            None => Event::NotFound,
                        },
                        Wish::Put(record) => {
                            self.values.insert(record.key, record);
                            Event::Stored { copies: 8 }
                        }
                    };
                    self.tell(node, GlobalIn::Answered { number, event });
                }
                GlobalDo::Answer { body, .. } => {
                    self.heard.push((node, Answer::from_bytes(&body).unwrap()));
                }
                GlobalDo::Done(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn run(&mut self) {
        while let Some((from, to, body)) = self.on_their_way.pop_front() {
            if body.first() == Some(&PACKET) {
                self.packets.push((from, to, body[1..].to_vec()));
            }
            let Some(body) = (self.weather)(from, to, &body) else {
                continue;
            };
            let message = GlobalIn::Message {
                from: id(from),
                service: TUNNEL.into(),
                body,
            };
            self.tell(to, message);
        }
    }

    /// The first node's user asks; gives what is heard at once, if anything.
    fn ask(&mut self, request: &Request) -> Option<Answer> {
        let user: UserId = 0;
        let body = request.to_bytes().unwrap();
        self.tell(0, GlobalIn::User { user, body });
        self.run();
        let heard = std::mem::take(&mut self.heard);
        assert!(heard.len() <= 1 && heard.iter().all(|(node, _)| *node == 0));
        heard.into_iter().next().map(|(_, answer)| answer)
    }
}

fn value(text: &str) -> Record {
    Record::by_content(Value::Bytes(text.into()))
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn a_put_and_a_get_go_through_three_hops_that_see_neighbours_and_one_length() {
    let mut mesh = Mesh::new(7);
    let record = value("nobody on the way reads this");
    for (request, answer) in [
        (Request::Put(record.clone()), Answer::Stored(8)),
        (Request::Get(record.key), Answer::Found(record.clone())),
        (Request::Get(Key::named("x")), Answer::NotFound),
    ] {
        mesh.packets.clear();
        mesh.wishes.clear();
        assert_eq!(mesh.ask(&request), Some(answer));
        let way: Vec<(usize, usize)> = mesh.packets.iter().map(|(a, b, _)| (*a, *b)).collect();
        // Three hops there, two and the asker back: each gives it to the next.
        assert_eq!(way.len(), 6);
        assert!(way.windows(2).all(|two| two[0].1 == two[1].0));
        assert_eq!((way[0].0, way[5].1), (0, 0));
        assert!(way[..5].iter().all(|(_, to)| *to != 0));
        // Who carries it out was not given it by who asks.
        assert_eq!(mesh.wishes.len(), 1);
        assert_eq!(mesh.wishes[0].0, way[2].1);
        assert_ne!(way[0].1, way[2].1);
        for (_, _, packet) in &mesh.packets {
            assert_eq!(packet.len(), Class::Small.packet_len());
            assert!(!contains(packet, b"nobody on the way"));
            assert!(!contains(packet, &record.key.hash().0));
            assert!(
                (0..7).all(|node| !contains(packet, &id(node).0.0)),
                "an id in plain"
            );
        }
    }
}

#[test]
fn with_too_few_neighbours_there_is_no_tunnel() {
    let mut mesh = Mesh::new(3);
    let Some(Answer::Failed(why)) = mesh.ask(&Request::Get(Key::named("x"))) else {
        panic!("there is a tunnel of two");
    };
    assert!(why.contains("three neighbours"), "{why}");
    assert!(mesh.packets.is_empty());
}

#[test]
fn a_hop_that_drops_costs_an_answer_and_another_try_may_go_another_way() {
    let mut mesh = Mesh::new(5);
    mesh.weather =
        Box::new(|from, _, body| (from != 3 || body[0] != PACKET).then(|| body.to_vec()));
    let answers = (0..60).map(|_| mesh.ask(&Request::Get(Key::named("x"))));
    let answers: Vec<_> = answers.collect();
    assert!(answers.contains(&None) && answers.contains(&Some(Answer::NotFound)));
    // More than may wait: the oldest fails in front of its user, so that nobody waits for ever.
    mesh.weather = Box::new(|_, to, body| (to == 0 || body[0] != PACKET).then(|| body.to_vec()));
    let ended = (0..200).filter_map(|_| mesh.ask(&Request::Get(Key::named("x"))));
    let ended: Vec<_> = ended.collect();
    let late =
        |answer: &Answer| matches!(answer, Answer::Failed(why) if why.contains("newer requests"));
    assert!(
        ended.len() >= 200 - 64 && ended.iter().all(late),
        "{ended:?}"
    );
    assert!(mesh.tunnels[0].waiting() <= 64);
}

#[test]
fn a_packet_that_a_hop_changes_goes_no_further_than_the_next() {
    for hop in 0..3 {
        let mut mesh = Mesh::new(6);
        let mut packets = 0;
        mesh.weather = Box::new(move |_, _, body| {
            let mut body = body.to_vec();
            if body[0] == PACKET {
                if packets == hop {
                    let last = body.len() - 1;
                    body[last] ^= 1;
                }
                packets += 1;
            }
            Some(body)
        });
        // Only the hop that lies could say so.
        assert_eq!(mesh.ask(&Request::Get(Key::named("x"))), None);
        assert!(mesh.wishes.is_empty());
        assert_eq!(mesh.packets.len(), hop + 1);
    }
}

#[test]
fn a_changed_answer_is_not_taken_for_one() {
    let mut mesh = Mesh::new(6);
    let mut packets = 0;
    mesh.weather = Box::new(move |_, _, body| {
        let mut body = body.to_vec();
        packets += usize::from(body[0] == PACKET);
        // That from the last hop to the first on the way back.
        if body[0] == PACKET && packets == 4 {
            let last = body.len() - 1;
            body[last] ^= 1;
        }
        Some(body)
    });
    let Some(Answer::Failed(why)) = mesh.ask(&Request::Get(Key::named("x"))) else {
        panic!("it was taken");
    };
    assert!(why.contains("changed on its way"), "{why}");
}

#[test]
fn a_packet_that_is_sent_again_is_not_carried_out_again() {
    let mut mesh = Mesh::new(6);
    let record = value("once");
    assert_eq!(mesh.ask(&Request::Put(record)), Some(Answer::Stored(8)));
    assert_eq!(mesh.wishes.len(), 1);
    for (from, to, packet) in mesh.packets.clone() {
        let body = [&[PACKET][..], &packet].concat();
        mesh.on_their_way.push_back((from, to, body));
    }
    mesh.run();
    assert_eq!(mesh.wishes.len(), 1);
    assert!(mesh.heard.is_empty());
}

#[test]
fn who_asked_hears_of_a_hop_that_is_gone() {
    let mut mesh = Mesh::new(4);
    // The others have not heard yet that nobody is connected with the fourth.
    for node in 1..3 {
        let peers = &mut mesh.tunnels[node];
        peers.loses(&id(3));
    }
    let mut failed = 0;
    for _ in 0..20 {
        match mesh.ask(&Request::Get(Key::named("x"))) {
            Some(Answer::Failed(why)) => {
                assert!(why.contains("could not pass it on"), "{why}");
                failed += 1;
            }
            // By a route on which nobody has lost it, or with an answer that is lost.
            Some(Answer::NotFound) | None => {}
            Some(other) => panic!("{other:?}"),
        }
    }
    assert!(failed > 0);
}

#[test]
fn another_record_than_the_one_that_was_asked_for_is_not_taken() {
    let mut mesh = Mesh::new(5);
    let wanted = value("wanted");
    let forged = Record::new(wanted.key, Value::Bytes(b"forged".to_vec()));
    for wrong in [forged, value("another")] {
        mesh.values.insert(wanted.key, wrong);
        let Some(Answer::Failed(why)) = mesh.ask(&Request::Get(wanted.key)) else {
            panic!("it was taken");
        };
        assert!(why.contains("another record"), "{why}");
    }
}

#[test]
fn what_is_too_long_for_a_packet_is_said_to_be() {
    let mut mesh = Mesh::new(4);
    let long = Record::by_content(Value::Bytes(vec![0; 100_000]));
    let Some(Answer::Failed(why)) = mesh.ask(&Request::Put(long.clone())) else {
        panic!("it was sent");
    };
    assert!(why.contains("too long for a tunnel"), "{why}");
    mesh.values.insert(long.key, long.clone());
    let Some(Answer::Failed(why)) = mesh.ask(&Request::Get(long.key)) else {
        panic!("it was sent back");
    };
    assert!(why.contains("too long for a tunnel"), "{why}");
}

/// Whatever a peer says, a tunnel goes on.
#[test]
fn nonsense_does_nothing() {
    let mut mesh = Mesh::new(4);
    for body in [
        vec![],
        vec![0],
        vec![0; 20],
        vec![1],
        vec![1; 2049],
        vec![2],
        vec![2; 33],
        vec![9],
    ] {
        mesh.on_their_way.push_back((1, 0, body));
    }
    mesh.run();
    assert_eq!(
        mesh.ask(&Request::Get(Key::named("x"))),
        Some(Answer::NotFound)
    );
}
