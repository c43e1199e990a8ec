//! A node gives its thread back in time, whatever moves: where a page waits for it.

use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use mydht::attachment::tree::{PART_LEN, Tree};
use mydht::engine::Event;
use mydht::memory::{self, MemoryNode, Network};
use mydht::msg::{Bincode, MsgEnc, ProtoMessage};
use mydht::service::Request;
use mydht::shadow::Records;
use mydht::store::{Content, MemoryAttachments, MemoryKV};
use mydht::{FlowLimits, Limits, Record, Value};
use mydht_evloop::{Handle, VirtualClock};

/// Time for which a turn may go on taking the next step.
const BUDGET: Duration = Duration::from_millis(4);
/// Time that a part takes to be encrypted and sent, or to be read and checked.
const PART: Duration = Duration::from_millis(2);
/// Time that any other message takes.
const MESSAGE: Duration = Duration::from_micros(50);
const PARTS: u64 = 100;

/// An encoding that takes its time, on the nodes' clock.
#[derive(Clone)]
struct Slow(VirtualClock);

impl Slow {
    fn spend(&self, message: &ProtoMessage) {
        self.0.advance(match message.attachment_len() {
            Some(_) => PART,
            None => MESSAGE,
        });
    }
}

impl MsgEnc for Slow {
    const ID: u8 = Bincode::ID;

    fn encode_into<W: Write>(&self, w: &mut W, message: &ProtoMessage) -> io::Result<()> {
        self.spend(message);
        Bincode.encode_into(w, message)
    }

    fn decode_from<R: Read>(&self, r: &mut R) -> io::Result<ProtoMessage> {
        let message = Bincode.decode_from(r)?;
        self.spend(&message);
        Ok(message)
    }
}

type Slowly = MemoryNode<memory::Conf<Slow>>;

fn node(
    clock: &VirtualClock,
    network: &Network,
    known: Option<&Slowly>,
    at_once: u32,
) -> (Slowly, Handle) {
    let poll = clock.poll();
    let handle = poll.handle();
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let mut parts =
        memory::components(network, poll, Slow(clock.clone()), Records, stores).unwrap();
    parts.bootstrap = known.map(|node| node.address).into_iter().collect();
    parts.limits = Limits {
        flow: FlowLimits {
            messages_at_once: at_once,
            ..FlowLimits::default()
        },
        ..Limits::default()
    };
    (memory::node_of(parts).unwrap(), handle)
}

/// Gives each node its turns while it has something to do, and then the next one, to which as much
/// has come meanwhile as can: the longest turn, and how many of them did something.
fn turns(clock: &VirtualClock, nodes: &mut [(Slowly, Handle)]) -> (Duration, u32) {
    let (mut longest, mut count) = (Duration::ZERO, 0);
    loop {
        for (node, handle) in &mut *nodes {
            let mut more = true;
            while more {
                let begin = clock.now();
                handle.begin_turn(begin, BUDGET);
                assert!(node.turn().unwrap());
                let took = clock.now() - begin;
                longest = longest.max(took);
                count += u32::from(!took.is_zero());
                more = handle.end_turn().more;
            }
        }
        if !clock.any_woken() {
            return (longest, count);
        }
    }
}

/// Puts a file, which moves to the other node; gives the longest turn of the two, and how many
/// there were.
fn moved(at_once: u32) -> (Duration, u32) {
    let clock = VirtualClock::new(1);
    let network = Network::new();
    // As much as a browser has waiting for a node that is slow.
    network.set_capacity(4 << 20);
    let first = node(&clock, &network, None, at_once);
    let second = node(&clock, &network, Some(&first.0), at_once);
    let mut nodes = [first, second];
    turns(&clock, &mut nodes);
    let content: Vec<u8> = (0..PARTS as usize * PART_LEN)
        .map(|at| (at * 31 / 7) as u8)
        .collect();
    let tree = Tree::of_reader(&content[..], |_| ()).unwrap();
    let record = Record::by_content(Value::Attachment {
        id: tree.id(),
        name: "file".into(),
    });
    let content = Some((tree, Content::Bytes(content.into())));
    let (send, heard) = mpsc::channel();
    let put = Request::put(record, content);
    let reply = move |event| drop(send.send(event));
    nodes[0].0.node().request(put, reply).unwrap();
    let seen = turns(&clock, &mut nodes);
    assert_eq!(heard.iter().last(), Some(Event::Stored { copies: 1 }));
    seen
}

#[test]
fn a_turn_lasts_no_longer_than_its_budget_and_one_step() {
    let (longest, count) = moved(1);
    // A step may ask for as many parts as may be asked for at once, beside the part that it handles.
    let step = PART + MESSAGE * 20;
    assert!(longest <= BUDGET + step, "{longest:?}");
    // They are long enough, too: each part is sent once and read once.
    assert!(u64::from(count) < 2 * PARTS, "{count} turns");
}

#[test]
fn without_the_bound_a_reader_keeps_the_thread() {
    let (longest, _) = moved(0);
    assert!(longest > BUDGET + 4 * PART, "{longest:?}");
}
