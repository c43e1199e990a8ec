//! Over TCP on the loopback: each node on a thread of its own.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mydht::native::{Config, NativeNode};

use super::echo::Echo;
use super::hostile::Hostile;
use super::{Asked, PATIENCE, Plan, Report, WINDOW, ask_much, limits};

/// Questions that an authenticated hostile peer has on their way at once.
const FLOOD: u64 = 500;

/// Runs it, with `plan.connections` peers.
///
/// # Errors
/// When a node cannot be started: also when there are too few descriptors. A connection takes about
/// five.
pub fn run(plan: &Plan) -> io::Result<Report> {
    let mut memory = super::Memory::new(plan);
    let listen = "127.0.0.1:0".parse().map_err(io::Error::other)?;
    let target = Config {
        limits: limits(plan),
        ..Config::listen(listen)
    };
    let target = target.start_with(Echo::default())?;
    let address = target.address().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let at = address
        .socket_addr()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let hostile = plan.connections.div_ceil(10);
    let honest = plan.connections - hostile;
    let node = || {
        Config::default()
            .bootstrap(address.clone())
            .start_with(Echo::default())
    };
    let peers: Vec<NativeNode<Echo>> = (0..honest)
        .map(|_| node())
        .collect::<Result<_, mydht::Error>>()?;
    for peer in &peers {
        peer.await_peer(PATIENCE).wait()?;
    }
    let (asked, floods) = (Arc::new(Asked::default()), Arc::new(Asked::default()));
    for (number, peer) in peers.iter().enumerate() {
        ask_much(&peer.node(), &asked, number, WINDOW);
    }
    // Five of six hostile peers never say who they are; the sixth floods.
    let of_kind = |floods: bool| (0..hostile).filter(move |n| (n % 6 == 5) == floods);
    let mut raw: Vec<Hostile<TcpStream>> = of_kind(false).map(Hostile::new).collect();
    let flooding: Vec<NativeNode<Echo>> = of_kind(true)
        .map(|_| node())
        .collect::<Result<_, mydht::Error>>()?;
    for (number, peer) in flooding.iter().enumerate() {
        ask_much(&peer.node(), &floods, honest + number, FLOOD);
    }
    let mut acts = 0;
    let start = memory.begin();
    while start.elapsed() < plan.time {
        for peer in &mut raw {
            let connect = || {
                let stream = TcpStream::connect(at)?;
                stream.set_nonblocking(true)?;
                Ok(stream)
            };
            acts += u64::from(peer.act(connect));
        }
        memory.sample();
        std::thread::sleep(Duration::from_millis(5));
    }
    asked.over.store(true, Relaxed);
    floods.over.store(true, Relaxed);
    while asked.waits() > 0 && start.elapsed() < plan.time + PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    memory.sample();
    let report = Report {
        transport: "TCP",
        time: plan.time,
        honest,
        hostile,
        asked: asked.asked.load(Relaxed),
        unanswered: asked.waits(),
        wrong: asked.wrong.load(Relaxed),
        acts,
        memory: [memory.before, memory.peaks[0], memory.peaks[1]],
        node: target.metrics().snapshot(),
        failed: None,
    };
    for peer in peers.into_iter().chain(flooding) {
        peer.stop()?;
    }
    // Last, so that it is still there for those who leave.
    let failed = target.stop().err().map(|error| error.to_string());
    Ok(Report { failed, ..report })
}
