//! A node under load: nine honest peers of ten, and one hostile.

mod echo;
mod hostile;
pub mod memory;
pub mod tcp;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use mydht::engine::Event;
use mydht::metrics::Snapshot;
use mydht::service::Request;
use mydht::{Limits, MyDHTConf, Node, PeerLimits, Record, RoutingLimits, Timeouts, Value};

/// Length and size of a soak.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Time of asking; the last answers are waited for after that.
    pub time: Duration,
    /// Peers of the node: one in ten is hostile.
    pub connections: usize,
}

/// Questions that one peer has on their way at once: more are asked as soon as they are answered.
const WINDOW: u64 = 8;

/// Time for which the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the bounds of the node under load. It forwards no questions, connects with nobody, and
/// loses patience early.
fn limits(plan: &Plan) -> Limits {
    Limits {
        peers: PeerLimits {
            connections: plan.connections * 2 + 100,
            connections_per_host: plan.connections * 2 + 100,
            handshakes: plan.connections * 2 + 100,
            handshakes_per_host: plan.connections * 2 + 100,
            dials: 0,
            ..PeerLimits::default()
        },
        routing: RoutingLimits {
            hops: 0,
            ..RoutingLimits::default()
        },
        timeouts: Timeouts {
            handshake_timeout: Duration::from_secs(2),
            stall_timeout: Duration::from_secs(3),
            ..Timeouts::default()
        },
        ..Limits::default()
    }
}

/// Questions of the peers, and their answers.
#[derive(Debug, Default)]
pub struct Asked {
    over: AtomicBool,
    asked: AtomicU64,
    answered: AtomicU64,
    wrong: AtomicU64,
}

impl Asked {
    fn heard(&self, right: bool) {
        self.answered.fetch_add(1, Relaxed);
        self.wrong.fetch_add(u64::from(!right), Relaxed);
    }

    fn waits(&self) -> u64 {
        self.asked.load(Relaxed) - self.answered.load(Relaxed)
    }
}

/// Asks the node under load one thing after the other, from now on: mostly for an echo, sometimes
/// to keep a record.
fn keep_asking<MC: MyDHTConf>(handle: Node<MC>, asked: Arc<Asked>, number: u64)
where
    Node<MC>: Send,
{
    if asked.over.load(Relaxed) {
        return;
    }
    asked.asked.fetch_add(1, Relaxed);
    let again = handle.clone();
    let next = number.wrapping_add(1);
    // A node that has ended asks nothing more.
    let _ = if number.is_multiple_of(16) {
        let record = Record::by_content(Value::Bytes(vec![(number / 16) as u8; 200]));
        let content = None;
        handle.request(Request::put(record, content), move |event| {
            if let Event::Progress { .. } = event {
                return;
            }
            asked.heard(event == Event::Stored { copies: 1 });
            keep_asking(again.clone(), Arc::clone(&asked), next);
        })
    } else {
        let body = [&number.to_le_bytes()[..], &[7; 100]].concat();
        let expected = body.clone();
        handle.tell(body, move |answer| {
            asked.heard(answer == expected);
            keep_asking(again.clone(), Arc::clone(&asked), next);
        })
    };
}

/// Asks `window` things at once, and goes on with each.
fn ask_much<MC: MyDHTConf>(handle: &Node<MC>, asked: &Arc<Asked>, peer: usize, window: u64)
where
    Node<MC>: Send,
{
    for chain in 0..window {
        let first = (peer as u64) << 40 | chain << 32;
        keep_asking(handle.clone(), Arc::clone(asked), first);
    }
}

/// Samples the memory of this process, and keeps the peaks of the two halves of the run.
struct Memory {
    start: Instant,
    half: Duration,
    before: u64,
    peaks: [u64; 2],
}

impl Memory {
    fn new(plan: &Plan) -> Self {
        Memory {
            start: Instant::now(),
            half: plan.time / 2,
            before: resident(),
            peaks: [0; 2],
        }
    }

    /// All peers are there: the run begins.
    fn begin(&mut self) -> Instant {
        self.start = Instant::now();
        self.start
    }

    fn sample(&mut self) {
        let half = usize::from(self.start.elapsed() > self.half);
        self.peaks[half] = self.peaks[half].max(resident());
    }
}

/// Bytes of this process in memory; 0 where the system does not tell.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0u64) * 4096
}

/// Outcome of a soak.
#[derive(Debug)]
pub struct Report {
    transport: &'static str,
    time: Duration,
    honest: usize,
    hostile: usize,
    asked: u64,
    unanswered: u64,
    wrong: u64,
    acts: u64,
    /// Before the first connection, and the peaks of the two halves, in bytes.
    memory: [u64; 3],
    node: Snapshot,
    failed: Option<String>,
}

impl Report {
    /// Returns what the node did not do that it should have done.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(why) = &self.failed {
            faults.push(format!("the node failed: {why}"));
        }
        if self.asked == 0 {
            faults.push("nothing was asked".into());
        }
        if self.unanswered + self.wrong > 0 {
            faults.push(format!(
                "{} honest questions unanswered, {} answered wrongly",
                self.unanswered, self.wrong
            ));
        }
        let [_, first, second] = self.memory;
        if second > first + first / 5 + (16 << 20) {
            faults.push("its memory grew in the second half".into());
        }
        faults
    }

    /// The titles of the columns of [`row`](Self::row).
    pub const TITLES: &str = "| transport | honest peers | hostile | seconds | questions, all answered | a second | hostile acts | refused or limited | held back | memory before, first half, second half |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

    /// A line of the table.
    pub fn row(&self) -> String {
        let [before, first, second] = self.memory.map(|bytes| bytes >> 20);
        let seconds = self.time.as_secs();
        let node = &self.node;
        format!(
            "| {} | {} | {} | {seconds} | {} | {} | {} | {} | {} | {before}, {first}, {second} MiB |",
            self.transport,
            self.honest,
            self.hostile,
            self.asked,
            self.asked / seconds.max(1),
            self.acts,
            node.peers_refused + node.limited,
            node.reads_held + node.rate_held,
        )
    }
}
