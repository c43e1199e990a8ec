//! Alternatives that a user would take otherwise.

use evloop_bench::{Contender, Registers};
use rustix::event::{EventfdFlags, eventfd};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

const CAPACITY: usize = 1024;
const NOW: Option<Duration> = Some(Duration::ZERO);

pub struct Mio06 {
    poll: mio06::Poll,
    events: mio06::Events,
    sources: Vec<(mio06::Registration, mio06::SetReadiness)>,
}

impl Contender for Mio06 {
    const NAME: &'static str = "mio 0.6.23 `SetReadiness`";

    fn new(sources: usize) -> Self {
        let poll = mio06::Poll::new().unwrap();
        let sources = (0..sources)
            .map(|token| {
                let pair = mio06::Registration::new2();
                poll.register(
                    &pair.0,
                    mio06::Token(token),
                    mio06::Ready::readable(),
                    mio06::PollOpt::edge(),
                )
                .unwrap();
                pair
            })
            .collect();
        Mio06 {
            poll,
            events: mio06::Events::with_capacity(CAPACITY),
            sources,
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            self.sources[*index]
                .1
                .set_readiness(mio06::Ready::readable())
                .unwrap();
        }
        self.poll.poll(&mut self.events, NOW).unwrap();
        self.events.iter().map(std::hint::black_box).count()
    }
}

impl Registers for Mio06 {
    fn again(&mut self, index: usize) {
        let source = &self.sources[index].0;
        self.poll.deregister(source).unwrap();
        let (token, ready) = (mio06::Token(index), mio06::Ready::readable());
        self.poll
            .register(source, token, ready, mio06::PollOpt::edge())
            .unwrap();
    }
}

/// mio 1 has no user sources: a waker, and a list made by hand.
pub struct Mio1 {
    poll: mio::Poll,
    events: mio::Events,
    waker: mio::Waker,
    list: RefCell<Vec<usize>>,
    queued: Vec<Cell<bool>>,
}

impl Contender for Mio1 {
    const NAME: &'static str = "mio 1 `Waker` + a list";

    fn new(sources: usize) -> Self {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        Mio1 {
            poll,
            events: mio::Events::with_capacity(CAPACITY),
            waker,
            list: RefCell::new(Vec::with_capacity(CAPACITY)),
            queued: vec![Cell::new(false); sources],
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            if !self.queued[*index].replace(true) {
                let mut list = self.list.borrow_mut();
                list.push(*index);
                if list.len() == 1 {
                    self.waker.wake().unwrap();
                }
            }
        }
        self.poll.poll(&mut self.events, NOW).unwrap();
        let mut seen = 0;
        for event in &self.events {
            if event.token() == mio::Token(0) {
                for index in self.list.borrow_mut().drain(..) {
                    self.queued[index].set(false);
                    std::hint::black_box(index);
                    seen += 1;
                }
            }
        }
        seen
    }
}

/// One task per source, woken by its waker.
pub struct Executor {
    executor: async_executor::LocalExecutor<'static>,
    wakers: Rc<RefCell<Vec<Option<Waker>>>>,
    seen: Rc<Cell<usize>>,
}

impl Contender for Executor {
    const NAME: &'static str = "async-executor";
    const MOST: usize = 100_000;

    fn new(sources: usize) -> Self {
        let executor = async_executor::LocalExecutor::new();
        let wakers = Rc::new(RefCell::new(vec![None; sources]));
        let seen = Rc::new(Cell::new(0));
        for index in 0..sources {
            let (wakers, seen) = (wakers.clone(), seen.clone());
            executor
                .spawn(poll_fn(move |context| {
                    wakers.borrow_mut()[index] = Some(context.waker().clone());
                    seen.set(seen.get() + 1);
                    Poll::<()>::Pending
                }))
                .detach();
        }
        while executor.try_tick() {}
        Executor {
            executor,
            wakers,
            seen,
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        self.seen.set(0);
        for index in ready {
            let waker = self.wakers.borrow_mut()[*index].take();
            waker.unwrap().wake();
        }
        while self.executor.try_tick() {}
        self.seen.get()
    }
}

/// One task per source, waiting for its `Notify`, on the current-thread runtime.
pub struct Notify {
    runtime: tokio::runtime::Runtime,
    tasks: tokio::task::LocalSet,
    notifies: Vec<Rc<tokio::sync::Notify>>,
    seen: Rc<Cell<usize>>,
}

impl Contender for Notify {
    const NAME: &'static str = "tokio `Notify`";
    const MOST: usize = 100_000;

    fn new(sources: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let tasks = tokio::task::LocalSet::new();
        let seen = Rc::new(Cell::new(0));
        let notifies: Vec<_> = (0..sources)
            .map(|_| Rc::new(tokio::sync::Notify::new()))
            .collect();
        for notify in &notifies {
            let (notify, seen) = (notify.clone(), seen.clone());
            tasks.spawn_local(async move {
                loop {
                    notify.notified().await;
                    seen.set(seen.get() + 1);
                }
            });
        }
        let mut this = Notify {
            runtime,
            tasks,
            notifies,
            seen,
        };
        this.run(0);
        for index in 0..sources {
            this.round(&[index]);
        }
        this
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        self.seen.set(0);
        for index in ready {
            self.notifies[*index].notify_one();
        }
        self.run(ready.len());
        self.seen.get()
    }
}

impl Notify {
    fn run(&mut self, until: usize) {
        let seen = self.seen.clone();
        self.tasks.block_on(&self.runtime, async move {
            tokio::task::yield_now().await;
            while seen.get() < until {
                tokio::task::yield_now().await;
            }
        });
    }
}

/// One eventfd per source, by way of calloop's pings.
pub struct Calloop {
    event_loop: calloop::EventLoop<'static, usize>,
    pings: Vec<calloop::ping::Ping>,
}

impl Contender for Calloop {
    const NAME: &'static str = "calloop ping";
    const MOST: usize = 1_000;

    fn new(sources: usize) -> Self {
        let event_loop = calloop::EventLoop::try_new().unwrap();
        let pings = (0..sources)
            .map(|_| {
                let (ping, source) = calloop::ping::make_ping().unwrap();
                event_loop
                    .handle()
                    .insert_source(source, |(), &mut (), seen: &mut usize| *seen += 1)
                    .unwrap();
                ping
            })
            .collect();
        Calloop { event_loop, pings }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            self.pings[*index].ping();
        }
        let mut seen = 0;
        while seen < ready.len() {
            self.event_loop.dispatch(NOW, &mut seen).unwrap();
        }
        seen
    }
}

/// One eventfd per source, edge-triggered.
pub struct Polling {
    poller: polling::Poller,
    events: polling::Events,
    sources: Vec<OwnedFd>,
}

impl Contender for Polling {
    const NAME: &'static str = "polling, eventfd, edge";
    const MOST: usize = 1_000;

    fn new(sources: usize) -> Self {
        let poller = polling::Poller::new().unwrap();
        let sources: Vec<OwnedFd> = (0..sources)
            .map(|_| eventfd(0, EventfdFlags::NONBLOCK).unwrap())
            .collect();
        for (key, source) in sources.iter().enumerate() {
            // SAFETY: the descriptors live as long as the poller.
            unsafe {
                poller
                    .add_with_mode(
                        source,
                        polling::Event::readable(key),
                        polling::PollMode::Edge,
                    )
                    .unwrap();
            }
        }
        Polling {
            poller,
            events: polling::Events::new(),
            sources,
        }
    }

    fn round(&mut self, ready: &[usize]) -> usize {
        for index in ready {
            rustix::io::write(&self.sources[*index], &1u64.to_ne_bytes()).unwrap();
        }
        self.events.clear();
        self.poller.wait(&mut self.events, NOW).unwrap();
        self.events.iter().map(std::hint::black_box).count()
    }
}
