// Included once per loop by `tests/mio_waits.rs`; `mio` comes from there.

use super::waits::{Op, Outcome, POLLS, Program, SOURCES};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The loops and sources of a running program, which several threads may use.
pub struct World {
    polls: [Mutex<Option<Arc<mio::Poll>>>; POLLS],
    sources: [Mutex<Source>; SOURCES],
}

struct Source {
    registration: Option<mio::Registration>,
    set: mio::SetReadiness,
}

impl Source {
    fn new() -> Self {
        let (registration, set) = mio::Registration::new2();
        Source {
            registration: Some(registration),
            set,
        }
    }
}

fn ready(bits: usize) -> mio::Ready {
    let mut ready = mio::Ready::empty();
    if bits & 1 != 0 {
        ready.insert(mio::Ready::readable());
    }
    if bits & 2 != 0 {
        ready.insert(mio::Ready::writable());
    }
    ready
}

fn bits(ready: mio::Ready) -> usize {
    usize::from(ready.is_readable()) | usize::from(ready.is_writable()) << 1
}

fn options(bits: usize) -> mio::PollOpt {
    let mut opts = mio::PollOpt::empty();
    for (bit, opt) in [
        (1, mio::PollOpt::edge()),
        (2, mio::PollOpt::level()),
        (4, mio::PollOpt::oneshot()),
    ] {
        if bits & bit != 0 {
            opts.insert(opt);
        }
    }
    opts
}

impl World {
    pub fn new(poll: impl Fn(usize) -> mio::Poll) -> Arc<World> {
        Arc::new(World {
            polls: std::array::from_fn(|number| Mutex::new(Some(Arc::new(poll(number))))),
            sources: std::array::from_fn(|_| Mutex::new(Source::new())),
        })
    }

    pub fn poll(&self, number: usize) -> Option<Arc<mio::Poll>> {
        self.polls[number].lock().unwrap().clone()
    }

    pub fn simple(&self, op: &Op) -> std::io::Result<()> {
        match *op {
            Op::Set { source, ready: bits } => {
                self.sources[source].lock().unwrap().set.set_readiness(ready(bits))
            }
            Op::Register {
                poll,
                source,
                token,
                interest,
                opts,
                again,
            } => {
                let source = self.sources[source].lock().unwrap();
                let (Some(poll), Some(registration)) = (self.poll(poll), &source.registration)
                else {
                    return Ok(());
                };
                let (token, interest, opts) = (mio::Token(token), ready(interest), options(opts));
                if again {
                    poll.reregister(registration, token, interest, opts)
                } else {
                    poll.register(registration, token, interest, opts)
                }
            }
            Op::Deregister { poll, source } => {
                let source = self.sources[source].lock().unwrap();
                match (self.poll(poll), &source.registration) {
                    (Some(poll), Some(registration)) => poll.deregister(registration),
                    _ => Ok(()),
                }
            }
            Op::Drop { source } => {
                self.sources[source].lock().unwrap().registration = None;
                Ok(())
            }
            Op::Renew { source } => {
                *self.sources[source].lock().unwrap() = Source::new();
                Ok(())
            }
            Op::DropPoll { poll } => {
                *self.polls[poll].lock().unwrap() = None;
                Ok(())
            }
            Op::Poll { .. } => unreachable!("polls are not nested"),
        }
    }

    /// Runs a program. `wait` polls once and says whether that took the whole timeout.
    pub fn run(
        self: &Arc<Self>,
        program: &Program,
        mut wait: impl FnMut(&Arc<World>, usize, &mut mio::Events, &[Op]) -> bool,
    ) -> Vec<Outcome> {
        let steps = program.iter().map(|(op, _)| {
            let mut outcome = Outcome::default();
            if let Op::Poll {
                poll,
                capacity,
                waits,
                during,
            } = op
            {
                let mut events = mio::Events::with_capacity(*capacity);
                if let Some(open) = self.poll(*poll) {
                    if *waits {
                        drop(open);
                        outcome.waited = wait(self, *poll, &mut events, during);
                    } else {
                        let count = open.poll(&mut events, Some(Duration::ZERO)).unwrap();
                        assert_eq!(count, events.iter().count());
                    }
                }
                outcome.events = events
                    .iter()
                    .map(|event| (event.token().0, bits(event.readiness())))
                    .collect();
            } else {
                outcome.error = self.simple(op).err().map(|error| error.kind());
            }
            outcome.readiness = std::array::from_fn(|source| {
                bits(self.sources[source].lock().unwrap().set.readiness())
            });
            outcome
        });
        steps.collect()
    }

    /// As [`run`](World::run), on the clock, and with a thread that does what is done during a
    /// wait.
    pub fn run_on_the_clock(self: &Arc<Self>, program: &Program, timeout: Duration) -> Vec<Outcome> {
        self.run(program, |world, poll, events, during| {
            let poll = world.poll(poll).unwrap();
            std::thread::scope(|scope| {
                if !during.is_empty() {
                    scope.spawn(|| {
                        std::thread::sleep(timeout / 4);
                        during.iter().for_each(|op| drop(world.simple(op)));
                    });
                }
                let start = Instant::now();
                poll.poll(events, Some(timeout)).unwrap();
                start.elapsed() >= timeout
            })
        })
    }
}
