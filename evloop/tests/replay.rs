//! A run on a virtual clock, recorded and replayed.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use mydht_evloop::driver::Recording;
use mydht_evloop::{
    Events, Poll, PollOpt, Ready, Registration, SetReadiness, Timer, Token, VirtualClock,
};
use proptest::prelude::*;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// Digests of the recordings of seeds 0 to 3, 200 turns each.
const PINNED: [u64; 4] = [
    16_189_324_263_099_159_327,
    14_237_542_676_045_839_206,
    4_970_751_499_556_694_657,
    13_624_934_902_771_909_560,
];

/// A loop of a ring: what it hears it passes on to the next, and at times it waits for its timer
/// first.
struct Node {
    poll: Poll,
    sources: Vec<(Registration, SetReadiness)>,
    timer: Timer,
}

impl Node {
    fn new(clock: &VirtualClock) -> io::Result<Node> {
        let poll = clock.poll();
        let sources: Vec<_> = (0..4).map(|_| Registration::new2()).collect();
        for (token, (registration, _)) in sources.iter().enumerate() {
            poll.register(registration, Token(token), Ready::all(), PollOpt::edge())?;
        }
        let timer = Timer::new();
        poll.register(&timer, Token(9), Ready::readable(), PollOpt::edge())?;
        Ok(Node {
            poll,
            sources,
            timer,
        })
    }
}

/// Three nodes and `turns` turns; `odd` is the turn in which the program does something else, if
/// any.
fn run(clock: &VirtualClock, turns: u64, odd: Option<u64>) -> io::Result<()> {
    let nodes: Vec<_> = (0..3).map(|_| Node::new(clock)).collect::<Result<_, _>>()?;
    let mut events = Events::with_capacity(3);
    for turn in 0..turns {
        let (node, next) = (&nodes[turn as usize % 3], &nodes[(turn as usize + 1) % 3]);
        for (number, (_, set)) in node.sources.iter().enumerate() {
            if !(turn + number as u64).is_multiple_of(3) || odd == Some(turn) {
                set.set_readiness(Ready::readable())?;
            }
        }
        node.timer.set_after(Duration::from_millis(10 + turn % 7))?;
        loop {
            match node.poll.poll(&mut events, Some(Duration::from_millis(8))) {
                Ok(0) => break,
                Ok(_) => {
                    for event in &events {
                        if event.token() != Token(9) {
                            next.sources[event.token().0]
                                .1
                                .set_readiness(Ready::writable())?;
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    clock.advance(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn record(seed: u64, turns: u64) -> Recording {
    let clock = VirtualClock::recorded(seed);
    run(&clock, turns, None).unwrap();
    clock.recording().unwrap()
}

#[test]
fn a_recorded_run_replays_to_the_byte() {
    for seed in 0..8 {
        let recording = record(seed, 60);
        assert!(recording.len() > 120);
        assert_eq!(record(seed, 60), recording, "recorded again");
        let kept = Recording::from_bytes(recording.as_bytes().to_vec()).unwrap();
        let clock = VirtualClock::replay(kept);
        run(&clock, 60, None).unwrap();
        assert_eq!(clock.recording(), Some(recording));
    }
    assert_ne!(
        record(1, 60).as_bytes()[24..],
        record(2, 60).as_bytes()[24..],
        "the seed decides an order"
    );
}

/// Digest of `bytes` by FNV-1a, 64 bits: <https://www.rfc-editor.org/rfc/rfc9923>.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A recording holds the events that each poll delivered, in their order: a change of these digests
/// is a change of what a program on the loop sees.
#[test]
fn the_event_streams_of_these_seeds_are_what_they_were() {
    let digests: Vec<u64> = (0..4)
        .map(|seed| digest(record(seed, 200).as_bytes()))
        .collect();
    assert_eq!(digests, PINNED);
}

#[test]
fn a_program_that_changed_is_told_where_it_differs() {
    let recording = record(5, 30);
    let clock = VirtualClock::replay(recording.clone());
    let error = run(&clock, 30, Some(17)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let text = error.to_string();
    let confirmed = clock.recording().unwrap();
    assert!(!confirmed.is_empty() && recording.as_bytes().starts_with(confirmed.as_bytes()));
    let place = format!(
        "the run differs from its recording at poll {}: recorded was that loop ",
        confirmed.len() + 1
    );
    assert!(
        text.starts_with(&place) && text.contains("Token("),
        "{text}"
    );
}

#[test]
fn a_program_that_stops_early_or_goes_on_is_told_apart() {
    let recording = record(5, 30);
    let clock = VirtualClock::replay(recording.clone());
    run(&clock, 29, None).unwrap();
    assert_ne!(clock.recording(), Some(recording.clone()), "not to its end");
    let error = run(&VirtualClock::replay(recording.clone()), 31, None).unwrap_err();
    let place = format!(
        "the run goes on after the end of its recording at poll {}: loop ",
        recording.len() + 1
    );
    assert!(error.to_string().starts_with(&place), "{error}");
}

#[test]
fn a_clock_that_records_nothing_has_no_recording() {
    assert_eq!(VirtualClock::new(1).recording(), None);
    assert!(VirtualClock::recorded(1).recording().unwrap().is_empty());
}

proptest! {
    /// Whatever the bytes, reading them is an error or a recording that can be replayed and told
    /// apart.
    #[test]
    fn any_bytes_are_read_without_a_panic(
        cut in 0_usize..600,
        at in 0_usize..600,
        byte in any::<u8>(),
    ) {
        let mut bytes = record(3, 4).as_bytes().to_vec();
        let whole = bytes.clone();
        bytes.truncate(whole.len().min(cut.max(1)));
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        if let Ok(recording) = Recording::from_bytes(bytes.clone()) {
            let same = recording.as_bytes() == whole;
            let clock = VirtualClock::replay(recording);
            let outcome = run(&clock, 4, None);
            prop_assert_eq!(outcome.is_ok() && clock.recording().unwrap().as_bytes() == whole, same);
        } else {
            prop_assert_ne!(bytes, whole);
        }
    }
}
