//! Over pipes in memory: all nodes on this thread, on a virtual clock that follows the real one.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use mydht::SingleThread;
use mydht::memory::{self, MemoryNode, Network, node_of};
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht_evloop::{Poll, VirtualClock};
use mydht_transports::memory::{Memory, MemoryAddress, MemoryReader, MemoryStream, MemoryWriter};
use mydht_transports::{Stream, Transport};

use super::echo::Echo;
use super::hostile::Hostile;
use super::{Asked, PATIENCE, Plan, Report, WINDOW, ask_much, limits};

type Conf = SingleThread<Poll, Memory<Poll>, Bincode, Records, MemoryKV, MemoryAttachments, Echo>;

/// Questions that an authenticated hostile peer has on their way at once.
const FLOOD: u64 = 2000;

/// An authenticated hostile peer vanishes after so long.
const LIFE: Duration = Duration::from_millis(500);

struct Crowd {
    clock: VirtualClock,
    network: Network,
    nodes: HashMap<u64, MemoryNode<Conf>>,
}

impl Crowd {
    fn add(&mut self, known: &[MemoryAddress], plan: &Plan) -> mydht_spawner::Result<u64> {
        let (number, poll) = self.clock.numbered_poll();
        let stores = (MemoryKV::default(), MemoryAttachments::default());
        let mut parts = memory::components::<Conf>(&self.network, poll, Bincode, Records, stores)?;
        parts.global = Some(Echo::default());
        parts.bootstrap = known.to_vec();
        if known.is_empty() {
            parts.limits = limits(plan);
        } else {
            // They would find each other: the load is for one node.
            parts.limits.peers.dials = 0;
        }
        let mut node = node_of(parts)?;
        node.turn()?;
        self.nodes.insert(number, node);
        Ok(number)
    }

    /// Gives up to `most` turns to those who have something to do; `withheld` get none. False if
    /// nobody had.
    fn turns(&mut self, most: usize, withheld: &[u64]) -> mydht_spawner::Result<bool> {
        for given in 0..most {
            let Some(number) = self.clock.take_turn() else {
                return Ok(given > 0);
            };
            if let Some(node) = self.nodes.get_mut(&number)
                && !withheld.contains(&number)
            {
                node.turn()?;
            }
        }
        Ok(true)
    }

    fn ask(&self, number: u64, asked: &Arc<Asked>, peer: usize, window: u64) {
        if let Some(node) = self.nodes.get(&number) {
            ask_much(&node.node(), asked, peer, window);
        }
    }
}

/// A raw connection.
struct Wire(MemoryReader<Poll>, MemoryWriter<Poll>);

impl Wire {
    fn new(stream: &MemoryStream<Poll>) -> Self {
        Wire(stream.read_stream(), stream.write_stream())
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.1.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// When a node cannot be made, or one fails.
pub fn run(plan: &Plan) -> mydht_spawner::Result<Report> {
    let mut memory = super::Memory::new(plan);
    let mut crowd = Crowd {
        clock: VirtualClock::new(1),
        network: Network::new(),
        nodes: HashMap::new(),
    };
    let target = crowd.add(&[], plan)?;
    let (address, metrics) = {
        let node = &crowd.nodes[&target];
        (node.address, node.metrics.clone())
    };
    let hostile = plan.connections.div_ceil(10);
    let honest = plan.connections - hostile;
    let (asked, floods) = (Arc::new(Asked::default()), Arc::new(Asked::default()));
    let mut peers = Vec::new();
    for peer in 0..honest {
        let number = crowd.add(&[address], plan)?;
        peers.push((number, peer));
        crowd.turns(64, &[])?;
    }
    while crowd.turns(usize::MAX, &[])? {}
    for (number, peer) in peers {
        crowd.ask(number, &asked, peer, WINDOW);
    }
    // Of eight hostile peers, five never say who they are. The others do, and one of these floods, one vanishes again and
    // again, and one asks much and then takes no answers.
    let of_kind =
        |kinds: std::ops::Range<usize>| (0..hostile).filter(move |n| kinds.contains(&(n % 8)));
    let mut raw: Vec<Hostile<Wire>> = of_kind(0..5).map(Hostile::new).collect();
    let mut endpoint = crowd.network.endpoint();
    for peer in of_kind(5..6) {
        let flooding = crowd.add(&[address], plan)?;
        crowd.ask(flooding, &floods, honest + peer, FLOOD);
    }
    let mut vanishing = Vec::new();
    let mut stalled = Vec::new();
    let mut acts = 0;
    let start = memory.begin();
    let mut born = start;
    while start.elapsed() < plan.time {
        crowd.clock.advance_to(start.elapsed());
        crowd.turns(2000, &stalled)?;
        if born.elapsed() > LIFE {
            born = Instant::now();
            for number in vanishing.drain(..).chain(stalled.drain(..)) {
                crowd.nodes.remove(&number);
                acts += 1;
            }
            for peer in of_kind(6..8) {
                let number = crowd.add(&[address], plan)?;
                crowd.turns(64, &[])?;
                crowd.ask(number, &floods, honest + peer, FLOOD / 10);
                crowd.turns(64, &[])?;
                if peer % 8 == 6 {
                    vanishing.push(number);
                } else {
                    stalled.push(number);
                }
            }
        }
        for peer in &mut raw {
            let connect = || {
                let stream = Transport::<Poll>::connect_with(&mut endpoint, &address)?;
                Ok(Wire::new(&stream))
            };
            acts += u64::from(peer.act(connect));
        }
        memory.sample();
    }
    asked.over.store(true, Relaxed);
    floods.over.store(true, Relaxed);
    while asked.waits() > 0 && start.elapsed() < plan.time + PATIENCE {
        crowd.clock.advance_to(start.elapsed());
        crowd.turns(2000, &stalled)?;
    }
    memory.sample();
    Ok(Report {
        transport: "memory",
        time: plan.time,
        honest,
        hostile,
        asked: asked.asked.load(Relaxed),
        unanswered: asked.waits(),
        wrong: asked.wrong.load(Relaxed),
        acts,
        memory: [memory.before, memory.peaks[0], memory.peaks[1]],
        node: metrics.snapshot(),
        failed: None,
    })
}
