//! The floor, and the three faces of this crate.

use evloop_bench::{Contender, Registers};
use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token, epoll, local};
use slab::Slab;
use std::collections::VecDeque;
use std::time::Duration;

const CAPACITY: usize = 1024;
const NOW: Option<Duration> = Some(Duration::ZERO);

/// A slab and a queue: what any loop has to do at least.
pub struct Floor {
    sources: Slab<(usize, bool)>,
    queue: VecDeque<usize>,
}

impl Contender for Floor {
    const NAME: &'static str = "slab + VecDeque";

    fn new(sources: usize) -> Self {
        Floor {
            sources: (0..sources).map(|token| (token, (token, false))).collect(),
            queue: VecDeque::with_capacity(CAPACITY),
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            let source = &mut self.sources[*index];
            if !source.1 {
                source.1 = true;
                self.queue.push_back(*index);
            }
        }
        let mut seen = 0;
        while let Some(index) = self.queue.pop_front() {
            let source = &mut self.sources[index];
            source.1 = false;
            std::hint::black_box(source.0);
            seen += 1;
        }
        seen
    }
}

impl Registers for Floor {
    fn again(&mut self, index: usize) {
        let source = self.sources.remove(index);
        assert_eq!(self.sources.insert(source), index);
    }
}

pub struct Local {
    poll: local::Poll,
    events: Events,
    sources: Vec<(local::Registration, local::SetReadiness)>,
}

impl Contender for Local {
    const NAME: &'static str = "**ours, same thread**";

    fn new(sources: usize) -> Self {
        let poll = local::Poll::new().unwrap();
        let sources = (0..sources)
            .map(|token| {
                let pair = local::Registration::new2();
                poll.register(&pair.0, Token(token), Ready::readable(), PollOpt::edge())
                    .unwrap();
                pair
            })
            .collect();
        Local {
            poll,
            events: Events::with_capacity(CAPACITY),
            sources,
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            self.sources[*index]
                .1
                .set_readiness(Ready::readable())
                .unwrap();
        }
        self.poll.poll(&mut self.events, NOW).unwrap();
        self.events.iter().map(std::hint::black_box).count()
    }
}

impl Registers for Local {
    fn again(&mut self, index: usize) {
        let source = &self.sources[index].0;
        self.poll.deregister(source).unwrap();
        let (token, ready) = (Token(index), Ready::readable());
        self.poll
            .register(source, token, ready, PollOpt::edge())
            .unwrap();
    }
}

pub struct Shared {
    poll: Poll,
    events: Events,
    sources: Vec<(Registration, SetReadiness)>,
}

impl Contender for Shared {
    const NAME: &'static str = "**ours, Send + Sync**";

    fn new(sources: usize) -> Self {
        let poll = Poll::new().unwrap();
        let sources = (0..sources)
            .map(|token| {
                let pair = Registration::new2();
                poll.register(&pair.0, Token(token), Ready::readable(), PollOpt::edge())
                    .unwrap();
                pair
            })
            .collect();
        Shared {
            poll,
            events: Events::with_capacity(CAPACITY),
            sources,
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            self.sources[*index]
                .1
                .set_readiness(Ready::readable())
                .unwrap();
        }
        self.poll.poll(&mut self.events, NOW).unwrap();
        self.events.iter().map(std::hint::black_box).count()
    }
}

impl Registers for Shared {
    fn again(&mut self, index: usize) {
        let source = &self.sources[index].0;
        self.poll.deregister(source).unwrap();
        let (token, ready) = (Token(index), Ready::readable());
        self.poll
            .register(source, token, ready, PollOpt::edge())
            .unwrap();
    }
}

pub struct Face {
    epoll: epoll::Epoll,
    events: Vec<epoll::Event>,
    sources: Vec<epoll::Source>,
}

impl Contender for Face {
    const NAME: &'static str = "**ours, `epoll`**";

    fn new(sources: usize) -> Self {
        let epoll = epoll::Epoll::park();
        let sources = (0..sources)
            .map(|token| {
                let source = epoll::Source::new();
                let flags = epoll::Flags::IN | epoll::Flags::ET;
                epoll.add(&source, epoll::Event::new(flags, token)).unwrap();
                source
            })
            .collect();
        Face {
            epoll,
            events: vec![epoll::Event::default(); CAPACITY],
            sources,
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            self.sources[*index].wake(epoll::Flags::IN);
        }
        let count = self.epoll.wait(&mut self.events, NOW).unwrap();
        self.events[..count]
            .iter()
            .map(std::hint::black_box)
            .count()
    }
}

impl Registers for Face {
    fn again(&mut self, index: usize) {
        let source = &self.sources[index];
        self.epoll.delete(source).unwrap();
        let flags = epoll::Flags::IN | epoll::Flags::ET;
        self.epoll
            .add(source, epoll::Event::new(flags, index))
            .unwrap();
    }
}
