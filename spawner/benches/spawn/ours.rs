//! Our spawners that run services on the caller's thread.

use std::any::Any;
use std::hint::black_box;
use std::rc::Rc;

use mydht_spawner::channel::{HandleSend, LocalRcChannel, LocalRcRecv, NoRecv, NoSend};
use mydht_spawner::{
    Coroutine, Error, FutureSpawner, RestartOrError, Result, Service, ServiceRestartable,
    SpawnChannel, SpawnHandle, SpawnSend, SpawnUnyield, Spawner, SpawnerYield, Tokio, YieldReturn,
};
use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::Contender;

/// Adds a number to its sum after so many yields; `u64::MAX`: it yields for ever.
#[derive(Default)]
struct Adder {
    sum: u64,
    pending: u64,
    yields: u64,
}

impl Adder {
    const fn yielding(yields: u64) -> Self {
        Adder {
            sum: 0,
            pending: 0,
            yields,
        }
    }
}

impl Service for Adder {
    type CommandIn = u64;
    type CommandOut = u64;

    fn call<Y: SpawnerYield>(&mut self, n: u64, async_yield: &mut Y) -> Result<u64> {
        self.pending = n;
        for _ in 0..self.yields {
            if async_yield.spawn_yield() == YieldReturn::Return {
                return Err(Error::Yield);
            }
        }
        self.sum += black_box(n);
        Ok(self.sum)
    }
}

impl ServiceRestartable for Adder {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u64>> {
        if self.yields == u64::MAX {
            return Err(Error::Yield);
        }
        self.sum += black_box(self.pending);
        Ok(Some(self.sum))
    }
}

pub fn all() -> Vec<Contender> {
    vec![
        Contender {
            name: "RestartOrError",
            life: |n| here_life(RestartOrError::new(), n),
            switch: |n| here_switch(RestartOrError::new(), n),
            command: || here_command(RestartOrError::new()),
            suspended: |n| here_suspended(RestartOrError::new(), n),
            crowd: 1_000_000,
            slow: false,
        },
        Contender {
            name: "RestartOrError, weak",
            life: weak_life,
            switch: weak_switch,
            command: weak_command,
            suspended: weak_suspended,
            crowd: 1_000_000,
            slow: false,
        },
        Contender {
            name: "Coroutine",
            life: |n| here_life(Coroutine::new(), n),
            switch: |n| here_switch(Coroutine::new(), n),
            command: || here_command(Coroutine::new()),
            suspended: |n| here_suspended(Coroutine::new(), n),
            crowd: 20_000,
            slow: false,
        },
        Contender {
            name: "FutureSpawner (tokio)",
            life: future_life,
            switch: future_switch,
            command: future_command,
            suspended: future_suspended,
            crowd: 1_000_000,
            slow: false,
        },
    ]
}

fn here_life<P: Spawner<Adder, NoSend, NoRecv>>(mut spawner: P, n: u64) {
    for i in 0..n {
        let mut handle = spawner
            .spawn(Adder::yielding(1), NoSend, Some(black_box(i)), NoRecv, 0)
            .expect("it starts");
        handle.unyield().expect("it does not fail");
        assert!(black_box(handle.is_finished()));
    }
}

fn here_switch<P>(mut spawner: P, n: usize) -> Box<dyn FnMut()>
where
    P: Spawner<Adder, NoSend, NoRecv>,
    P::Handle: 'static,
{
    let mut handles: Vec<P::Handle> = (0..n)
        .map(|_| {
            spawner
                .spawn(Adder::yielding(u64::MAX), NoSend, Some(1), NoRecv, 0)
                .expect("it starts")
        })
        .collect();
    Box::new(move || {
        for handle in &mut handles {
            handle.unyield().expect("it does not fail");
        }
    })
}

fn here_command<P>(mut spawner: P) -> Box<dyn FnMut()>
where
    P: Spawner<Adder, NoSend, LocalRcRecv<u64>>,
    P::Handle: 'static,
{
    let (mut send, recv) = LocalRcChannel::unbounded()
        .new_channel()
        .expect("a channel");
    let mut handle = spawner
        .spawn(Adder::default(), NoSend, None, recv, 0)
        .expect("it starts");
    Box::new(move || {
        send.send(black_box(1)).expect("it is open");
        handle.unyield().expect("it does not fail");
    })
}

fn here_suspended<P>(mut spawner: P, n: usize) -> Box<dyn Any>
where
    P: Spawner<Adder, NoSend, LocalRcRecv<u64>>,
    P::Handle: 'static,
{
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let (send, recv) = LocalRcChannel::unbounded()
            .new_channel()
            .expect("a channel");
        let handle = spawner
            .spawn(Adder::default(), NoSend, None, recv, 0)
            .expect("it starts");
        all.push((send, handle));
    }
    Box::new(all)
}

fn weak_life(n: u64) {
    let mut spawner = RestartOrError::new();
    for i in 0..n {
        let mut handle = spawner
            .spawn(Adder::yielding(1), NoSend, Some(black_box(i)), NoRecv, 0)
            .expect("it starts");
        let mut weak = handle.weak().expect("it has one");
        weak.unyield().expect("it never fails");
        assert!(black_box(handle.is_finished()));
    }
}

fn weak_switch(n: usize) -> Box<dyn FnMut()> {
    let mut spawner = RestartOrError::new();
    let mut all: Vec<_> = (0..n)
        .map(|_| {
            let handle = spawner
                .spawn(Adder::yielding(u64::MAX), NoSend, Some(1), NoRecv, 0)
                .expect("it starts");
            (handle.weak().expect("it has one"), handle)
        })
        .collect();
    Box::new(move || {
        for (weak, _) in &mut all {
            weak.unyield().expect("it never fails");
        }
    })
}

fn weak_command() -> Box<dyn FnMut()> {
    let (send, recv) = LocalRcChannel::unbounded()
        .new_channel()
        .expect("a channel");
    let handle = RestartOrError::new()
        .spawn(Adder::default(), NoSend, None, recv, 0)
        .expect("it starts");
    let mut send = HandleSend::new(send, handle.weak().expect("it has one"));
    Box::new(move || {
        let _keep = &handle;
        send.send(black_box(1)).expect("it is open");
    })
}

fn weak_suspended(n: usize) -> Box<dyn Any> {
    let mut spawner = RestartOrError::new();
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let (send, recv) = LocalRcChannel::unbounded()
            .new_channel()
            .expect("a channel");
        let handle = spawner
            .spawn(Adder::default(), NoSend, None, recv, 0)
            .expect("it starts");
        let send = HandleSend::new(send, handle.weak().expect("it has one"));
        all.push((send, handle));
    }
    Box::new(all)
}

/// A runtime with a local set, for services as futures.
struct World {
    runtime: Runtime,
    set: Rc<LocalSet>,
}

impl World {
    fn new() -> Self {
        World {
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
            set: Rc::new(LocalSet::new()),
        }
    }

    fn spawner(&self) -> FutureSpawner<Tokio> {
        FutureSpawner::new(Tokio::new(self.set.clone()))
    }

    /// Lets every task run that is woken. A local set runs 61 tasks in a turn.
    fn turn(&self, tasks: usize) {
        self.runtime.block_on(self.set.run_until(async {
            for _ in 0..tasks / 61 + 1 {
                tokio::task::yield_now().await;
            }
        }));
    }
}

fn future_life(n: u64) {
    let world = World::new();
    let mut spawner = world.spawner();
    world.runtime.block_on(world.set.run_until(async {
        for i in 0..n {
            let mut handle = spawner
                .spawn(Adder::yielding(1), NoSend, Some(black_box(i)), NoRecv, 0)
                .expect("it starts");
            tokio::task::yield_now().await;
            while !handle.is_finished() {
                handle.unyield().expect("it does not fail");
                tokio::task::yield_now().await;
            }
        }
    }));
}

fn future_switch(n: usize) -> Box<dyn FnMut()> {
    let world = World::new();
    let mut spawner = world.spawner();
    let mut handles: Vec<_> = (0..n)
        .map(|_| {
            spawner
                .spawn(Adder::yielding(u64::MAX), NoSend, Some(1), NoRecv, 0)
                .expect("it starts")
        })
        .collect();
    world.turn(n);
    Box::new(move || {
        for handle in &mut handles {
            handle.unyield().expect("it does not fail");
        }
        world.turn(n);
    })
}

fn future_command() -> Box<dyn FnMut()> {
    let world = World::new();
    let (mut send, recv) = LocalRcChannel::unbounded()
        .new_channel()
        .expect("a channel");
    let mut handle = world
        .spawner()
        .spawn(Adder::default(), NoSend, None, recv, 0)
        .expect("it starts");
    world.turn(1);
    Box::new(move || {
        send.send(black_box(1)).expect("it is open");
        handle.unyield().expect("it does not fail");
        world.turn(1);
    })
}

fn future_suspended(n: usize) -> Box<dyn Any> {
    let world = World::new();
    let mut spawner = world.spawner();
    let mut all = Vec::with_capacity(n);
    for _ in 0..n {
        let (send, recv) = LocalRcChannel::unbounded()
            .new_channel()
            .expect("a channel");
        let handle = spawner
            .spawn(Adder::default(), NoSend, None, recv, 0)
            .expect("it starts");
        all.push((send, handle));
    }
    world.turn(n);
    Box::new((all, world))
}
