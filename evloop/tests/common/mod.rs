//! Drivers that tests can look into.
#![allow(dead_code)]

use mydht_evloop::driver::Driver;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub const NOW: Option<Duration> = Some(Duration::ZERO);
pub const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// A blocking driver whose time passes only while it waits, and which wakes up spuriously after
/// each `step`.
#[derive(Clone, Debug)]
pub struct Scripted {
    inner: Arc<Script>,
}

#[derive(Debug)]
struct Script {
    now: Mutex<Duration>,
    step: Duration,
    waits: Mutex<Vec<Option<Duration>>>,
    clock_reads: AtomicUsize,
    interrupt: bool,
}

impl Scripted {
    pub fn new(step: Duration) -> Self {
        Scripted::with(step, false)
    }

    /// Every wait ends with `Interrupted`, and time passes all the same.
    pub fn interrupted(step: Duration) -> Self {
        Scripted::with(step, true)
    }

    fn with(step: Duration, interrupt: bool) -> Self {
        Scripted {
            inner: Arc::new(Script {
                now: Mutex::default(),
                step,
                waits: Mutex::default(),
                clock_reads: AtomicUsize::new(0),
                interrupt,
            }),
        }
    }

    pub fn time(&self) -> Duration {
        *self.inner.now.lock().unwrap()
    }

    pub fn waits(&self) -> Vec<Option<Duration>> {
        self.inner.waits.lock().unwrap().clone()
    }

    pub fn clock_reads(&self) -> usize {
        self.inner.clock_reads.load(Ordering::Relaxed)
    }
}

impl Driver for Scripted {
    fn now(&self) -> Duration {
        self.inner.clock_reads.fetch_add(1, Ordering::Relaxed);
        self.time()
    }

    fn may_block(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>, _: &mut dyn FnMut(u64, u16)) -> io::Result<()> {
        self.inner.waits.lock().unwrap().push(timeout);
        let timeout = timeout.expect("the script would wait for ever");
        *self.inner.now.lock().unwrap() += timeout.min(self.inner.step);
        if self.inner.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A parking driver that counts how often it was woken, and says when its thread is about to park.
/// It can be kept from waking up.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    inner: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Notified {
    pending: bool,
    held: bool,
}

#[derive(Debug, Default)]
struct Counts {
    notified: Mutex<Notified>,
    condvar: Condvar,
    notifies: AtomicUsize,
    parked: Mutex<usize>,
    parks: Condvar,
}

impl Counted {
    pub fn notifies(&self) -> usize {
        self.inner.notifies.load(Ordering::SeqCst)
    }

    /// While it is held, who waits goes on waiting although it was woken.
    pub fn hold(&self, held: bool) {
        self.inner.notified.lock().unwrap().held = held;
        self.inner.condvar.notify_all();
    }

    /// Returns once the loop has gone to sleep for the `n`th time.
    pub fn until_parked(&self, n: usize) {
        let mut parked = self.inner.parked.lock().unwrap();
        while *parked < n {
            parked = self.inner.parks.wait(parked).unwrap();
        }
    }
}

impl Driver for Counted {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn may_block(&self) -> bool {
        true
    }

    fn wait(&self, timeout: Option<Duration>, _: &mut dyn FnMut(u64, u16)) -> io::Result<()> {
        let mut notified = self.inner.notified.lock().unwrap();
        if timeout != NOW {
            *self.inner.parked.lock().unwrap() += 1;
            self.inner.parks.notify_all();
            while !notified.pending || notified.held {
                notified = self.inner.condvar.wait(notified).unwrap();
            }
        }
        notified.pending = false;
        Ok(())
    }

    fn notify(&self) -> io::Result<()> {
        self.inner.notifies.fetch_add(1, Ordering::SeqCst);
        self.inner.notified.lock().unwrap().pending = true;
        self.inner.condvar.notify_one();
        Ok(())
    }
}
