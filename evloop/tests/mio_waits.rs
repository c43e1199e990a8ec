//! Random programs over user sources, which must give on `Compat::Mio06` what they give on the
//! registry's mio 0.6.23: each result, each event in order, each readiness, and each wait's length.
//! A model of mio's queue stands between the two, so that ours can be compared with it on a clock
//! that costs no time.
//!
//! `MIO_WAITS=20000 cargo test -p mydht-evloop --test mio_waits` runs so many programs over mio
//! instead of a share of them.
#![cfg(test)]
#![cfg(unix)]

#[path = "common/mio_waits/mod.rs"]
mod waits;

use mydht_evloop::driver::Driver;
use mydht_evloop::{Compat, Poll};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waits::{Op, difference, program};

mod registry {
    use ::mio06 as mio;
    include!("common/mio_waits/world.rs");
}

mod ours {
    use mydht_evloop as mio;
    include!("common/mio_waits/world.rs");
}

const LENGTH: usize = 14;
const TIMEOUT: Duration = Duration::from_millis(5);

/// A driver that does during a wait what the program says, and lets the time pass if that wakes
/// nobody.
#[derive(Clone, Debug, Default)]
struct Rehearsed {
    inner: Arc<Mutex<Rehearsal>>,
}

#[derive(Default)]
struct Rehearsal {
    now: Duration,
    notified: bool,
    during: VecDeque<Op>,
    world: Option<Arc<ours::World>>,
}

impl std::fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsal").finish_non_exhaustive()
    }
}

impl Driver for Rehearsed {
    fn now(&self) -> Duration {
        self.inner.lock().unwrap().now
    }

    fn may_block(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>, _: &mut dyn FnMut(u64, u16)) -> io::Result<()> {
        loop {
            let mut state = self.inner.lock().unwrap();
            if std::mem::take(&mut state.notified) {
                return Ok(());
            }
            let (Some(op), Some(world)) = (state.during.pop_front(), state.world.clone()) else {
                state.now += timeout.expect("the program would wait for ever");
                return Ok(());
            };
            drop(state);
            let _ = world.simple(&op);
        }
    }

    fn notify(&self) -> io::Result<()> {
        self.inner.lock().unwrap().notified = true;
        Ok(())
    }
}

fn compatible(poll: Poll) -> Poll {
    poll.set_compat(Compat::Mio06);
    poll
}

fn rehearse(program: &waits::Program) -> Vec<waits::Outcome> {
    let drivers = [Rehearsed::default(), Rehearsed::default()];
    let world = ours::World::new(|number| compatible(Poll::with_driver(drivers[number].clone())));
    world.run(program, |world, number, events, during| {
        let driver = &drivers[number];
        {
            let mut state = driver.inner.lock().unwrap();
            state.during = during.iter().cloned().collect();
            state.world = Some(world.clone());
        }
        let start = driver.now();
        let poll = world.poll(number).unwrap();
        poll.poll(events, Some(TIMEOUT)).unwrap();
        let mut state = driver.inner.lock().unwrap();
        state.world = None;
        assert!(state.during.is_empty(), "the poll did not wait");
        state.now - start >= TIMEOUT
    })
}

/// A busy machine delays what should be early, so a difference counts only if it stays at longer
/// timeouts.
fn on_the_clock(
    seeds: std::ops::Range<u64>,
    run: impl Fn(&waits::Program, Duration) -> Vec<waits::Outcome>,
) {
    for seed in seeds {
        let program = program(seed, LENGTH);
        let found = [1, 8, 64]
            .into_iter()
            .map(|times| difference(&program, &run(&program, TIMEOUT * times)))
            .find(Option::is_none);
        assert!(
            found.is_some(),
            "seed {seed}: {}",
            difference(&program, &run(&program, TIMEOUT * 64)).unwrap_or_default()
        );
    }
}

fn over_mio() -> u64 {
    let asked = std::env::var("MIO_WAITS").ok();
    asked.map_or(250, |count| count.parse().expect("a number of programs"))
}

#[test]
fn mio_agrees_with_the_model() {
    on_the_clock(0..over_mio(), |program, timeout| {
        registry::World::new(|_| ::mio06::Poll::new().unwrap()).run_on_the_clock(program, timeout)
    });
}

#[test]
fn ours_agrees_with_the_model_on_the_clock() {
    on_the_clock(0..over_mio(), |program, timeout| {
        ours::World::new(|_| compatible(Poll::new().unwrap())).run_on_the_clock(program, timeout)
    });
}

#[test]
fn ours_agrees_with_the_model() {
    for seed in 0..40_000 {
        let program = program(seed, LENGTH);
        if let Some(difference) = difference(&program, &rehearse(&program)) {
            panic!("seed {seed}: {difference}");
        }
    }
}

/// Otherwise the comparisons would say little.
#[test]
fn the_programs_wait_come_back_early_and_give_events() {
    let (mut whole, mut early, mut woken, mut events, mut errors) = (0, 0, 0, 0, 0);
    for seed in 0..1_000 {
        for (op, outcome) in program(seed, LENGTH) {
            errors += usize::from(outcome.error.is_some());
            events += outcome.events.len();
            if let Op::Poll {
                waits: true,
                during,
                ..
            } = op
            {
                let empty = outcome.events.is_empty();
                whole += usize::from(outcome.waited);
                early += usize::from(!outcome.waited && empty);
                woken += usize::from(!outcome.waited && !empty && !during.is_empty());
            }
        }
    }
    for count in [whole, early, woken, events, errors] {
        assert!(count >= 50, "{whole} {early} {woken} {events} {errors}");
    }
}
