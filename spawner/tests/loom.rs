//! `Signal` and `RunState` under loom: every interleaving of their atomics.
#![cfg(not(target_arch = "wasm32"))]

/// Primitives that the two modules are built on here, in the place of `src/sync.rs`.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
}

#[path = "../src/run_state.rs"]
mod run_state;
#[path = "../src/signal.rs"]
mod signal;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use run_state::RunState;
use signal::{Signal, Wake};

#[test]
fn a_wake_between_the_look_and_the_sleep_is_not_lost() {
    loom::model(|| {
        let signal = Arc::new(Signal::new());
        let sent = Arc::new(AtomicUsize::new(0));
        let (inside, from) = (signal.clone(), sent.clone());
        let service = thread::spawn(move || {
            // Relaxed, and no read-modify-write, which would always see the newest: the signal itself must carry what was
            // written before it.
            while from.load(Relaxed) < 2 {
                let wake = inside.wait(|_| {
                    thread::park();
                    true
                });
                assert_eq!(wake, Wake::Notified);
            }
            inside.finish();
        });
        for n in 1..=2 {
            sent.store(n, Relaxed);
            if signal.notify() {
                service.thread().unpark();
            }
        }
        service.join().unwrap();
        assert!(signal.is_finished());
    });
}

#[test]
fn two_wakers_lose_nothing() {
    loom::model(|| {
        let signal = Arc::new(Signal::new());
        let queue = Arc::new(AtomicUsize::new(0));
        let (inside, from) = (signal.clone(), queue.clone());
        let service = thread::spawn(move || {
            let mut taken = 0;
            while taken < 2 {
                taken += from.swap(0, Relaxed);
                if taken < 2 {
                    inside.wait(|_| {
                        thread::park();
                        true
                    });
                }
            }
        });
        let unpark = service.thread().clone();
        let (other_signal, other_queue) = (signal.clone(), queue.clone());
        let other = thread::spawn(move || {
            other_queue.fetch_add(1, Relaxed);
            if other_signal.notify() {
                unpark.unpark();
            }
        });
        queue.fetch_add(1, Relaxed);
        if signal.notify() {
            service.thread().unpark();
        }
        other.join().unwrap();
        service.join().unwrap();
    });
}

#[test]
fn a_cancelled_wait_comes_back() {
    loom::model(|| {
        let signal = Arc::new(Signal::new());
        let inside = signal.clone();
        let service = thread::spawn(move || {
            let mut wakes = 0;
            while inside.wait(|_| {
                thread::park();
                true
            }) != Wake::Cancelled
            {
                wakes += 1;
            }
            assert!(inside.is_cancelled());
            wakes
        });
        if signal.notify() {
            service.thread().unpark();
        }
        signal.cancel();
        service.thread().unpark();
        assert!(service.join().unwrap() <= 1);
    });
}

#[test]
fn a_wait_gives_up_when_it_is_told_to() {
    loom::model(|| {
        let signal = Signal::new();
        let mut times = Vec::new();
        let wake = signal.wait(|nth| {
            times.push(nth);
            nth < 2
        });
        assert_eq!((wake, times), (Wake::Nothing, vec![0, 1, 2]));
    });
}

/// A pool of two wakers that run what they queue: never two at a time, and no command is left
/// behind.
#[test]
fn one_job_at_a_time_and_no_wake_is_lost() {
    struct Shared {
        state: RunState,
        queue: AtomicUsize,
        running: AtomicUsize,
        done: AtomicUsize,
    }
    fn job(shared: &Shared) {
        loop {
            assert_eq!(
                shared.running.fetch_add(1, Relaxed),
                0,
                "two jobs at a time"
            );
            // Not one operation: the state itself must keep the others out.
            let n = shared.queue.swap(0, Relaxed);
            shared.done.store(shared.done.load(Relaxed) + n, Relaxed);
            shared.running.fetch_sub(1, Relaxed);
            if !shared.state.rest() {
                return;
            }
        }
    }
    loom::model(|| {
        let shared = Arc::new(Shared {
            state: RunState::queued(),
            queue: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        });
        // The job of the spawn, and two wakers.
        let workers: Vec<_> = (0..2)
            .map(|i| {
                let shared = shared.clone();
                thread::spawn(move || {
                    if i == 0 {
                        job(&shared);
                    }
                    shared.queue.fetch_add(1, Relaxed);
                    if shared.state.wake() {
                        job(&shared);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(shared.done.load(Relaxed), 2);
        assert!(shared.state.is_at_rest());
        shared.state.finish();
        assert!(shared.state.is_finished() && shared.state.is_at_rest());
        assert!(!shared.state.wake() && !shared.state.rest());
    });
}
