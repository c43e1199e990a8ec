//! Alternatives without this crate: what a user would pick today.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use async_executor::LocalExecutor;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::Contender;

pub fn all() -> Vec<Contender> {
    vec![
        Contender {
            name: "corosensei alone",
            life: coroutine_life,
            switch: coroutine_switch,
            command: coroutine_command,
            suspended: coroutine_suspended,
            crowd: 20_000,
            slow: false,
        },
        Contender {
            name: "tokio, current thread",
            life: tokio_life,
            switch: tokio_switch,
            command: tokio_command,
            suspended: tokio_suspended,
            crowd: 1_000_000,
            slow: false,
        },
        Contender {
            name: "async-executor, local",
            life: executor_life,
            switch: executor_switch,
            command: executor_command,
            suspended: executor_suspended,
            crowd: 1_000_000,
            slow: false,
        },
        Contender {
            name: "std threads",
            life: thread_life,
            switch: thread_switch,
            command: thread_command,
            suspended: thread_suspended,
            crowd: 1000,
            slow: true,
        },
    ]
}

fn stack() -> DefaultStack {
    DefaultStack::new(64 * 1024).expect("a stack")
}

fn coroutine_life(n: u64) {
    // The stack is used again, as ours are.
    let mut spare = stack();
    for i in 0..n {
        let mut routine =
            Coroutine::<u64, (), u64>::with_stack(spare, |yielder, n| n + yielder.suspend(()));
        assert!(matches!(
            routine.resume(black_box(i)),
            CoroutineResult::Yield(())
        ));
        assert!(matches!(routine.resume(1), CoroutineResult::Return(_)));
        spare = routine.into_stack();
    }
}

fn adding() -> Coroutine<u64, (), ()> {
    let mut routine = Coroutine::with_stack(stack(), |yielder, first: u64| {
        let mut sum = first;
        loop {
            sum += black_box(yielder.suspend(()));
            black_box(sum);
        }
    });
    routine.resume(0);
    routine
}

fn coroutine_switch(n: usize) -> Box<dyn FnMut()> {
    let mut all: Vec<_> = (0..n).map(|_| adding()).collect();
    Box::new(move || {
        for routine in &mut all {
            routine.resume(1);
        }
    })
}

/// With no channel, the command goes in by `resume`.
fn coroutine_command() -> Box<dyn FnMut()> {
    coroutine_switch(1)
}

fn coroutine_suspended(n: usize) -> Box<dyn Any> {
    Box::new((0..n).map(|_| adding()).collect::<Vec<_>>())
}

/// Place where a future waits until somebody wakes it, once.
#[derive(Default)]
struct Spot {
    woken: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Spot {
    async fn wait(&self) {
        poll_fn(|context| {
            if self.woken.replace(false) {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn wake(&self) {
        self.woken.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

async fn adding_at(spot: Rc<Spot>) {
    let mut sum = 0u64;
    loop {
        spot.wait().await;
        sum += black_box(1);
        black_box(sum);
    }
}

struct World {
    runtime: Runtime,
    set: LocalSet,
}

impl World {
    fn new() -> Self {
        World {
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("a runtime"),
            set: LocalSet::new(),
        }
    }

    /// As for our services on tokio.
    fn turn(&self, tasks: usize) {
        self.runtime.block_on(self.set.run_until(async {
            for _ in 0..tasks / 61 + 1 {
                tokio::task::yield_now().await;
            }
        }));
    }
}

fn tokio_life(n: u64) {
    let world = World::new();
    world.runtime.block_on(world.set.run_until(async {
        for i in 0..n {
            let spot = Rc::new(Spot::default());
            let inside = spot.clone();
            let task = tokio::task::spawn_local(async move {
                inside.wait().await;
                black_box(i)
            });
            tokio::task::yield_now().await;
            spot.wake();
            task.await.expect("it does not fail");
        }
    }));
}

fn tokio_switch(n: usize) -> Box<dyn FnMut()> {
    let world = World::new();
    let spots: Vec<Rc<Spot>> = (0..n).map(|_| Rc::default()).collect();
    for spot in &spots {
        world.set.spawn_local(adding_at(spot.clone()));
    }
    world.turn(n);
    Box::new(move || {
        spots.iter().for_each(|spot| spot.wake());
        world.turn(n);
    })
}

fn tokio_command() -> Box<dyn FnMut()> {
    let world = World::new();
    let (send, mut recv) = unbounded_channel::<u64>();
    world.set.spawn_local(async move {
        let mut sum = 0;
        while let Some(n) = recv.recv().await {
            sum += black_box(n);
        }
        sum
    });
    world.turn(1);
    Box::new(move || {
        send.send(black_box(1)).expect("it is open");
        world.turn(1);
    })
}

fn tokio_suspended(n: usize) -> Box<dyn Any> {
    let world = World::new();
    let mut all: Vec<UnboundedSender<u64>> = Vec::with_capacity(n);
    for _ in 0..n {
        let (send, mut recv) = unbounded_channel::<u64>();
        world.set.spawn_local(async move {
            let mut sum = 0;
            while let Some(n) = recv.recv().await {
                sum += black_box(n);
            }
            sum
        });
        all.push(send);
    }
    world.turn(n);
    Box::new((all, world))
}

fn run_all(executor: &LocalExecutor<'_>) {
    while executor.try_tick() {}
}

fn executor_life(n: u64) {
    let executor = LocalExecutor::new();
    for i in 0..n {
        let spot = Rc::new(Spot::default());
        let inside = spot.clone();
        let task = executor.spawn(async move {
            inside.wait().await;
            black_box(i)
        });
        run_all(&executor);
        spot.wake();
        run_all(&executor);
        assert!(task.is_finished());
    }
}

fn executor_switch(n: usize) -> Box<dyn FnMut()> {
    let executor = LocalExecutor::new();
    let spots: Vec<Rc<Spot>> = (0..n).map(|_| Rc::default()).collect();
    for spot in &spots {
        executor.spawn(adding_at(spot.clone())).detach();
    }
    run_all(&executor);
    Box::new(move || {
        spots.iter().for_each(|spot| spot.wake());
        run_all(&executor);
    })
}

fn executor_command() -> Box<dyn FnMut()> {
    let executor = LocalExecutor::new();
    let (send, mut recv) = unbounded_channel::<u64>();
    executor
        .spawn(async move {
            let mut sum = 0;
            while let Some(n) = recv.recv().await {
                sum += black_box(n);
            }
            sum
        })
        .detach();
    run_all(&executor);
    Box::new(move || {
        send.send(black_box(1)).expect("it is open");
        run_all(&executor);
    })
}

fn executor_suspended(n: usize) -> Box<dyn Any> {
    let executor = LocalExecutor::new();
    let mut all: Vec<UnboundedSender<u64>> = Vec::with_capacity(n);
    for _ in 0..n {
        let (send, mut recv) = unbounded_channel::<u64>();
        executor
            .spawn(async move {
                let mut sum = 0;
                while let Some(n) = recv.recv().await {
                    sum += black_box(n);
                }
                sum
            })
            .detach();
        all.push(send);
    }
    run_all(&executor);
    Box::new((all, executor))
}

/// A thread that answers each number with its sum.
fn adding_thread() -> (mpsc::Sender<u64>, mpsc::Receiver<u64>) {
    let (send, commands) = mpsc::channel();
    let (out, results) = mpsc::channel();
    thread::spawn(move || {
        let mut sum = 0;
        for n in commands {
            sum += n;
            if out.send(sum).is_err() {
                break;
            }
        }
    });
    (send, results)
}

fn thread_life(n: u64) {
    for i in 0..n {
        let thread = thread::spawn(move || {
            thread::park();
            black_box(i)
        });
        thread.thread().unpark();
        thread.join().expect("it does not fail");
    }
}

fn thread_switch(n: usize) -> Box<dyn FnMut()> {
    let all: Vec<_> = (0..n).map(|_| adding_thread()).collect();
    Box::new(move || {
        for (send, _) in &all {
            send.send(1).expect("it is open");
        }
        for (_, results) in &all {
            results.recv().expect("it answers");
        }
    })
}

fn thread_command() -> Box<dyn FnMut()> {
    thread_switch(1)
}

fn thread_suspended(n: usize) -> Box<dyn Any> {
    let all: Vec<_> = (0..n).map(|_| adding_thread()).collect();
    for (send, results) in &all {
        send.send(1).expect("it is open");
        results.recv().expect("it answers");
    }
    Box::new(all)
}
