//! mio 0.6.23's readiness queue, without its atomics.

use super::{Op, Outcome, POLLS, SOURCES};
use std::collections::VecDeque;
use std::io::ErrorKind;

#[derive(Clone, Debug, Default)]
struct Node {
    ready: usize,
    interest: usize,
    token: usize,
    edge: bool,
    oneshot: bool,
    queued: bool,
    dropped: bool,
    home: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct Model {
    nodes: Vec<Node>,
    /// Which nodes the program's sources are.
    sources: [usize; SOURCES],
    /// `None` once the loop was dropped.
    queues: [Option<VecDeque<usize>>; POLLS],
}

impl Model {
    pub fn new() -> Self {
        Model {
            nodes: vec![Node::default(); SOURCES],
            sources: std::array::from_fn(|source| source),
            queues: std::array::from_fn(|_| Some(VecDeque::new())),
        }
    }

    pub fn would_wait(&self, poll: usize) -> bool {
        self.queues[poll].as_ref().is_some_and(VecDeque::is_empty)
    }

    pub fn run(&mut self, op: &Op) -> Outcome {
        let mut outcome = Outcome::default();
        match op {
            Op::Poll {
                poll,
                capacity,
                waits,
                during,
            } => {
                let sleeps = *waits && self.would_wait(*poll);
                for op in during {
                    let _ = self.simple(op);
                }
                outcome.waited = sleeps && self.would_wait(*poll);
                outcome.events = self.harvest(*poll, *capacity);
            }
            op => outcome.error = self.simple(op).err(),
        }
        outcome.readiness = self.sources.map(|node| self.nodes[node].ready);
        outcome
    }

    fn simple(&mut self, op: &Op) -> Result<(), ErrorKind> {
        match *op {
            Op::Set { source, ready } => {
                let node = self.sources[source];
                if !self.nodes[node].dropped {
                    self.nodes[node].ready = ready;
                    self.queue_if_effective(node);
                }
            }
            Op::Register {
                poll,
                source,
                token,
                interest,
                opts,
                ..
            } => return self.update(poll, source, token, interest, opts),
            Op::Deregister { poll, source } => return self.update(poll, source, 0, 0, 0),
            Op::Drop { source } => self.drop(source),
            Op::Renew { source } => {
                self.drop(source);
                self.sources[source] = self.nodes.len();
                self.nodes.push(Node::default());
            }
            Op::DropPoll { poll } => self.queues[poll] = None,
            Op::Poll { .. } => unreachable!("polls are not nested"),
        }
        Ok(())
    }

    fn update(
        &mut self,
        poll: usize,
        source: usize,
        token: usize,
        interest: usize,
        opts: usize,
    ) -> Result<(), ErrorKind> {
        let number = self.sources[source];
        let node = &mut self.nodes[number];
        // A program cannot use what it dropped.
        if node.dropped || self.queues[poll].is_none() {
            return Ok(());
        }
        if *node.home.get_or_insert(poll) != poll {
            return Err(ErrorKind::Other);
        }
        node.token = token;
        node.interest = interest;
        node.edge = opts & 1 != 0;
        node.oneshot = opts & 4 != 0;
        self.queue_if_effective(number);
        Ok(())
    }

    fn drop(&mut self, source: usize) {
        let node = self.sources[source];
        if !std::mem::replace(&mut self.nodes[node].dropped, true) {
            // mio queues it in order to free it.
            self.queue(node);
        }
    }

    fn queue_if_effective(&mut self, number: usize) {
        let node = &self.nodes[number];
        if node.ready & node.interest != 0 {
            self.queue(number);
        }
    }

    fn queue(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        if !std::mem::replace(&mut node.queued, true)
            && let Some(home) = node.home
            && let Some(queue) = &mut self.queues[home]
        {
            queue.push_back(number);
        }
    }

    fn harvest(&mut self, poll: usize, capacity: usize) -> Vec<(usize, usize)> {
        let Some(queue) = &mut self.queues[poll] else {
            return Vec::new();
        };
        let mut events = Vec::new();
        for _ in 0..queue.len() {
            if events.len() == capacity {
                break;
            }
            let Some(number) = queue.pop_front() else {
                break;
            };
            let node = &mut self.nodes[number];
            if node.dropped {
                continue;
            }
            let effective = node.ready & node.interest;
            if node.edge || effective == 0 {
                node.queued = false;
            } else {
                queue.push_back(number);
            }
            if node.edge && node.oneshot && effective != 0 {
                node.interest = 0;
            }
            if effective != 0 {
                events.push((node.token, effective));
            }
        }
        events
    }
}
