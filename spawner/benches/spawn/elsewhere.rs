//! Our spawners that run services on other threads.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mydht_spawner::channel::{MpscChannel, MpscRecv, NoRecv, NoSend};
use mydht_spawner::{
    Error, Pool, Result, Service, ServiceRestartable, SpawnChannel, SpawnSend, SpawnUnyield,
    Spawner, SpawnerYield, ThreadPark, YieldReturn,
};

use crate::Contender;

pub fn all() -> Vec<Contender> {
    vec![
        Contender {
            name: "Pool, 2 threads",
            life: pool_life,
            switch: pool_switch,
            command: pool_command,
            suspended: pool_suspended,
            crowd: 1_000_000,
            slow: true,
        },
        Contender {
            name: "ThreadPark",
            life: park_life,
            switch: park_switch,
            command: park_command,
            suspended: park_suspended,
            crowd: 1000,
            slow: true,
        },
    ]
}

/// Says on which of its runs it is, so that a test on another thread can wait for that.
struct Ticker {
    runs: Arc<AtomicU64>,
    end_at: u64,
}

impl Service for Ticker {
    type CommandIn = u64;
    type CommandOut = u64;

    fn call<Y: SpawnerYield>(&mut self, _: u64, async_yield: &mut Y) -> Result<u64> {
        loop {
            if self.runs.fetch_add(1, Ordering::AcqRel) + 1 >= self.end_at {
                return Ok(0);
            }
            if async_yield.spawn_yield() == YieldReturn::Return {
                return Err(Error::Yield);
            }
        }
    }
}

impl ServiceRestartable for Ticker {
    fn restart<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<Option<u64>> {
        self.call(0, async_yield).map(Some)
    }
}

fn wait_for(runs: &AtomicU64, at_least: u64) {
    while runs.load(Ordering::Acquire) < at_least {
        std::thread::yield_now();
    }
}

fn life_elsewhere<P: Spawner<Ticker, NoSend, NoRecv>>(spawner: &mut P, n: u64) {
    for _ in 0..n {
        let runs = Arc::new(AtomicU64::new(0));
        let ticker = Ticker {
            runs: runs.clone(),
            end_at: 2,
        };
        let mut handle = spawner
            .spawn(ticker, NoSend, Some(0), NoRecv, 0)
            .expect("it starts");
        wait_for(&runs, 1);
        handle.unyield().expect("it does not fail");
        while !handle.is_finished() {
            std::thread::yield_now();
        }
    }
}

fn switch_elsewhere<P>(mut spawner: P, n: usize) -> Box<dyn FnMut()>
where
    P: Spawner<Ticker, NoSend, NoRecv> + 'static,
    P::Handle: 'static,
{
    let mut all: Vec<_> = (0..n)
        .map(|_| {
            let runs = Arc::new(AtomicU64::new(0));
            let ticker = Ticker {
                runs: runs.clone(),
                end_at: u64::MAX,
            };
            let handle = spawner
                .spawn(ticker, NoSend, Some(0), NoRecv, 0)
                .expect("it starts");
            wait_for(&runs, 1);
            (runs, handle)
        })
        .collect();
    Box::new(move || {
        let _keep = &spawner;
        for (_, handle) in &mut all {
            handle.unyield().expect("it does not fail");
        }
        // Each one has run once more since.
        for (runs, _) in &mut all {
            wait_for(runs, 2);
            runs.store(1, Ordering::Release);
        }
    })
}

/// Counts what it is sent.
struct Counter(Arc<AtomicU64>);

impl Service for Counter {
    type CommandIn = u64;
    type CommandOut = ();

    fn call<Y: SpawnerYield>(&mut self, n: u64, _: &mut Y) -> Result<()> {
        self.0.fetch_add(n, Ordering::AcqRel);
        Ok(())
    }
}

impl ServiceRestartable for Counter {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<()>> {
        Ok(None)
    }
}

fn command_elsewhere<P>(mut spawner: P) -> Box<dyn FnMut()>
where
    P: Spawner<Counter, NoSend, MpscRecv<u64>> + 'static,
    P::Handle: 'static,
{
    let (mut send, recv) = MpscChannel::unbounded().new_channel().expect("a channel");
    let count = Arc::new(AtomicU64::new(0));
    let mut handle = spawner
        .spawn(Counter(count.clone()), NoSend, None, recv, 0)
        .expect("it starts");
    let mut sent = 0;
    Box::new(move || {
        let _keep = &spawner;
        sent += 1;
        send.send(1).expect("it is open");
        handle.unyield().expect("it does not fail");
        wait_for(&count, sent);
    })
}

fn suspended_elsewhere<P>(mut spawner: P, n: usize) -> Box<dyn Any>
where
    P: Spawner<Counter, NoSend, MpscRecv<u64>> + 'static,
    P::Handle: 'static,
{
    let count = Arc::new(AtomicU64::new(0));
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let (send, recv) = MpscChannel::unbounded().new_channel().expect("a channel");
        let handle = spawner
            .spawn(Counter(count.clone()), NoSend, Some(1), recv, 0)
            .expect("it starts");
        all.push((send, handle));
    }
    wait_for(&count, n as u64);
    Box::new((all, spawner))
}

fn pool() -> Pool {
    Pool::new(2).expect("a pool")
}

fn pool_life(n: u64) {
    life_elsewhere(&mut pool(), n);
}

fn pool_switch(n: usize) -> Box<dyn FnMut()> {
    switch_elsewhere(pool(), n)
}

fn pool_command() -> Box<dyn FnMut()> {
    command_elsewhere(pool())
}

fn pool_suspended(n: usize) -> Box<dyn Any> {
    suspended_elsewhere(pool(), n)
}

fn park_life(n: u64) {
    life_elsewhere(&mut ThreadPark::new(), n);
}

fn park_switch(n: usize) -> Box<dyn FnMut()> {
    switch_elsewhere(ThreadPark::new(), n)
}

fn park_command() -> Box<dyn FnMut()> {
    command_elsewhere(ThreadPark::new())
}

fn park_suspended(n: usize) -> Box<dyn Any> {
    suspended_elsewhere(ThreadPark::new(), n)
}
