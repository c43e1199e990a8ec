//! Statement 25: any ready source is delivered within ⌈ready/capacity⌉ + 1 polls, whatever kind it
//! is of.
#![cfg(test)]
#![cfg(unix)]

mod common;

use common::NOW;
use mydht_evloop::unix::EventedFd;
use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, Token, local};
use std::io::Write;
use std::os::fd::AsRawFd;

/// `os` readable pipes and `user` ready sources, all level-triggered: the longest that a source of
/// any kind waits.
struct Mixed {
    poll: Poll,
    _users: Vec<Registration>,
    _pipes: Vec<(std::io::PipeReader, std::io::PipeWriter)>,
    sources: usize,
}

impl Mixed {
    fn new(users: usize, pipes: usize) -> Mixed {
        let poll = Poll::new().unwrap();
        let users: Vec<_> = (0..users)
            .map(|token| {
                let (registration, set) = Registration::new2();
                set.set_readiness(Ready::readable()).unwrap();
                poll.register(
                    &registration,
                    Token(token),
                    Ready::readable(),
                    PollOpt::level(),
                )
                .unwrap();
                registration
            })
            .collect();
        let pipes: Vec<_> = (0..pipes)
            .map(|number| {
                let (reader, mut writer) = std::io::pipe().unwrap();
                writer.write_all(b"x").unwrap();
                let fd = reader.as_raw_fd();
                poll.register(
                    &EventedFd(&fd),
                    Token(users.len() + number),
                    Ready::readable(),
                    PollOpt::level(),
                )
                .unwrap();
                (reader, writer)
            })
            .collect();
        let sources = users.len() + pipes.len();
        Mixed {
            poll,
            _users: users,
            _pipes: pipes,
            sources,
        }
    }

    /// The greatest distance, in polls, between two reports of the same source, over many polls.
    fn longest_wait(&self, capacity: usize) -> usize {
        let mut events = Events::with_capacity(capacity);
        let mut last = vec![0; self.sources];
        let mut longest = 0;
        let polls = 40 * self.sources;
        for poll in 1..=polls {
            assert!(self.poll.poll(&mut events, NOW).unwrap() > 0);
            for event in &events {
                longest = longest.max(poll - last[event.token().0]);
                last[event.token().0] = poll;
            }
        }
        last.iter()
            .map(|last| polls - last)
            .fold(longest, usize::max)
    }
}

#[test]
fn s25_no_source_waits_longer_than_its_turn() {
    for (users, pipes) in [(1, 1), (4, 1), (1, 4), (7, 5), (0, 6), (6, 0)] {
        for capacity in [1, 2, 3, 8, 64] {
            let mixed = Mixed::new(users, pipes);
            let bound = mixed.sources.div_ceil(capacity) + 1;
            let longest = mixed.longest_wait(capacity);
            assert!(
                longest <= bound,
                "{users} user sources, {pipes} pipes, capacity {capacity}: {longest} polls, not {bound}"
            );
        }
    }
}

#[test]
fn s25_a_larger_budget_costs_that_many_polls_more() {
    let mixed = Mixed::new(1, 1);
    mixed.poll.set_os_budget(10);
    let longest = mixed.longest_wait(1);
    assert!((4..=13).contains(&longest), "{longest}");
}

#[test]
fn same_thread_and_shared_sources_do_not_starve_each_other() {
    let poll = local::Poll::new().unwrap();
    let mut keep = (Vec::new(), Vec::new());
    for token in 0..3 {
        let (registration, set) = local::Registration::new2();
        set.set_readiness(Ready::readable()).unwrap();
        poll.register(
            &registration,
            Token(token),
            Ready::readable(),
            PollOpt::level(),
        )
        .unwrap();
        keep.0.push(registration);
        let (registration, set) = Registration::new2();
        set.set_readiness(Ready::readable()).unwrap();
        poll.shared()
            .register(
                &registration,
                Token(3 + token),
                Ready::readable(),
                PollOpt::level(),
            )
            .unwrap();
        keep.1.push(registration);
    }
    for capacity in 1..8 {
        let mut events = Events::with_capacity(capacity);
        let mut last = [0; 6];
        for turn in 1..=200 {
            assert!(poll.poll(&mut events, NOW).unwrap() > 0);
            for event in &events {
                let wait = turn - last[event.token().0];
                let bound = 2 * 3_usize.div_ceil(capacity) + 2;
                assert!(wait <= bound, "capacity {capacity}: {wait} polls");
                last[event.token().0] = turn;
            }
        }
        assert!(last.iter().all(|last| *last > 190), "{last:?}");
    }
}
