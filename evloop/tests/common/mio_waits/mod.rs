//! Random programs over user sources, and what mio 0.6.23 gives for each of their steps: results,
//! events in order, every readiness, and whether a poll waited for its whole timeout.

pub mod model;

use model::Model;
use std::io::ErrorKind;

/// Number of sources that a program has at a time, and number of loops.
pub const SOURCES: usize = 3;
pub const POLLS: usize = 2;

/// Readiness is 0 to 3: bit 0 is readable, bit 1 writable. Options have a bit each for edge, level
/// and oneshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Set {
        source: usize,
        ready: usize,
    },
    Register {
        poll: usize,
        source: usize,
        token: usize,
        interest: usize,
        opts: usize,
        again: bool,
    },
    Deregister {
        poll: usize,
        source: usize,
    },
    /// Drops the registration; the setter stays.
    Drop {
        source: usize,
    },
    /// Drops both ends and puts a new pair in their place.
    Renew {
        source: usize,
    },
    DropPoll {
        poll: usize,
    },
    Poll {
        poll: usize,
        capacity: usize,
        waits: bool,
        /// Done by another thread while the poll waits. Only the last may end the wait.
        during: Vec<Op>,
    },
}

/// The values that a step gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub error: Option<ErrorKind>,
    /// Token and readiness.
    pub events: Vec<(usize, usize)>,
    /// The whole timeout has passed.
    pub waited: bool,
    /// Readiness of each setter after the step.
    pub readiness: [usize; SOURCES],
}

pub type Program = Vec<(Op, Outcome)>;

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }

    fn simple_op(&mut self) -> Op {
        let source = self.below(SOURCES);
        // Most of what happens is on the first loop, or little would.
        let poll = usize::from(self.below(12) == 0);
        match self.below(16) {
            0..=6 => Op::Set {
                source,
                ready: [0, 0, 1, 1, 2, 3][self.below(6)],
            },
            7..=11 => Op::Register {
                poll,
                source,
                token: self.below(100),
                interest: [1, 1, 3, 2, 0][self.below(5)],
                opts: self.below(8),
                again: self.below(2) == 0,
            },
            12 => Op::Deregister { poll, source },
            13 => Op::Drop { source },
            14 => Op::Renew { source },
            _ if self.below(8) == 0 => Op::DropPoll { poll },
            _ => Op::Set { source, ready: 1 },
        }
    }
}

/// The program of a seed, with the outcomes that the model of mio gives.
pub fn program(seed: u64, length: usize) -> Program {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::new();
    (0..length)
        .map(|_| {
            let op = if random.below(5) < 2 {
                let poll = usize::from(random.below(12) == 0);
                let waits = random.below(3) > 0;
                let mut during = Vec::new();
                if waits && model.would_wait(poll) && random.below(2) == 0 {
                    // What the program does after the wait ended would race with the loop.
                    let mut ahead = model.clone();
                    for _ in 0..1 + random.below(3) {
                        let op = random.simple_op();
                        if op == (Op::DropPoll { poll }) || !ahead.would_wait(poll) {
                            break;
                        }
                        ahead.run(&op);
                        during.push(op);
                    }
                }
                Op::Poll {
                    poll,
                    capacity: [1, 2, 16][random.below(3)],
                    waits,
                    during,
                }
            } else {
                random.simple_op()
            };
            let outcome = model.run(&op);
            (op, outcome)
        })
        .collect()
}

/// The first step at which `outcomes` differ from the program's.
pub fn difference(program: &Program, outcomes: &[Outcome]) -> Option<String> {
    let step = (0..program.len()).find(|step| outcomes.get(*step) != Some(&program[*step].1))?;
    let ops: Vec<&Op> = program[..=step].iter().map(|(op, _)| op).collect();
    Some(format!(
        "step {step} of {ops:#?}\ngave {:?}\ninstead of {:?}",
        outcomes.get(step),
        program[step].1
    ))
}
