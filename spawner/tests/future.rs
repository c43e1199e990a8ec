//! Services as futures, polled by hand: what wakes them, and when they end.
#![cfg(test)]
#![cfg(feature = "future")]

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use mydht_spawner::channel::{LocalRcChannel, LocalRcRecv, LocalRcSend, NoRecv, NoSend};
use mydht_spawner::{
    BoxedService, Error, FutureHandle, FutureSpawner, POLL_BUDGET, Result, Service,
    ServiceRestartable, SpawnChannel, SpawnHandle, SpawnRecv, SpawnSend, SpawnUnyield, Spawner,
    SpawnerYield, service_future,
};

/// Counts wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    fn take(&self) -> usize {
        self.0.swap(0, SeqCst)
    }
}

/// Calls a closure.
struct Doer<F>(F);

impl<F: FnMut(u32) -> Result<u32>> Service for Doer<F> {
    type CommandIn = u32;
    type CommandOut = u32;
    fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<u32> {
        (self.0)(n)
    }
}

impl<F: FnMut(u32) -> Result<u32>> ServiceRestartable for Doer<F> {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u32>> {
        (self.0)(u32::MAX).map(Some)
    }
}

fn channel() -> (LocalRcSend<u32>, LocalRcRecv<u32>) {
    LocalRcChannel::unbounded().new_channel().unwrap()
}

fn poll(future: &mut (impl Future<Output = ()> + Unpin), wakes: &Arc<Wakes>) -> Poll<()> {
    let waker = Waker::from(wakes.clone());
    Pin::new(future).poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_service_runs_only_when_it_is_polled_and_is_woken_by_unyield() {
    let wakes = Arc::<Wakes>::default();
    let (mut commands, recv) = channel();
    let (out, mut results) = channel();
    let (mut handle, mut future) = service_future(Doer(Ok), out, Some(1), recv, 0);
    handle.unyield().unwrap();
    assert_eq!(results.recv().unwrap(), None);
    assert_eq!(poll(&mut future, &wakes), Poll::Pending);
    assert_eq!(results.recv().unwrap(), Some(1));
    assert_eq!(wakes.take(), 0);
    commands.send(2).unwrap();
    handle.unyield().unwrap();
    handle.weak().unwrap().unyield().unwrap();
    assert_eq!(wakes.take(), 2);
    assert_eq!(results.recv().unwrap(), None);
    assert_eq!(poll(&mut future, &wakes), Poll::Pending);
    assert_eq!(results.recv().unwrap(), Some(2));
    drop(commands);
    assert_eq!(poll(&mut future, &wakes), Poll::Ready(()));
    assert!(handle.is_finished());
    handle.unwrap_state().unwrap().3.unwrap();
}

#[test]
fn many_commands_are_run_in_shares_and_nobody_must_unyield() {
    let wakes = Arc::<Wakes>::default();
    let (mut commands, recv) = channel();
    let (out, results) = channel();
    for n in 0..3 * POLL_BUDGET - 1 {
        commands.send(n).unwrap();
    }
    let (_handle, mut future) = service_future(Doer(Ok), out, None, recv, 0);
    for share in 1..=2 {
        assert_eq!(poll(&mut future, &wakes), Poll::Pending);
        assert_eq!(results.len(), (share * POLL_BUDGET) as usize);
        assert_eq!(wakes.take(), 1, "it waits with work left");
    }
    assert_eq!(poll(&mut future, &wakes), Poll::Pending);
    assert_eq!(results.len(), (3 * POLL_BUDGET - 1) as usize);
    assert_eq!(wakes.take(), 0);
}

#[test]
fn dropping_the_handle_ends_the_future() {
    let wakes = Arc::<Wakes>::default();
    let (commands, recv) = channel();
    let (handle, mut future) = service_future(Doer(Ok), NoSend, None, recv, 0);
    assert_eq!(poll(&mut future, &wakes), Poll::Pending);
    let mut weak = handle.weak().unwrap();
    drop(handle);
    assert_eq!(wakes.take(), 1);
    assert!(commands.is_closed());
    weak.unyield().unwrap();
    assert_eq!(wakes.take(), 0);
    assert!(weak.is_finished());
    assert_eq!(poll(&mut future, &wakes), Poll::Ready(()));
}

#[test]
fn a_future_that_is_dropped_leaves_the_state_in_the_handle() {
    let (mut commands, recv) = channel();
    let (mut handle, future) = service_future(Doer(Ok), NoSend, None, recv, 0);
    drop(future);
    commands.send(5).unwrap();
    handle.unyield().unwrap();
    let (_, _, mut recv, ended) = handle.unwrap_state().unwrap();
    ended.unwrap();
    assert_eq!(recv.recv().unwrap(), Some(5));
}

/// Act of a service on its own handle in its second command.
#[derive(Clone, Copy, PartialEq)]
enum Own {
    Drop,
    Unwrap,
    Unyield,
}

#[test]
fn a_service_may_use_its_own_handle() {
    type Call = Box<dyn FnMut(u32) -> Result<u32>>;
    type Handle = FutureHandle<Doer<Call>, NoSend, LocalRcRecv<u32>>;
    for own in [Own::Drop, Own::Unwrap, Own::Unyield] {
        let wakes = Arc::<Wakes>::default();
        let slot = Rc::new(RefCell::new(None::<Handle>));
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (inside, log) = (slot.clone(), seen.clone());
        let call: Call = Box::new(move |n| {
            log.borrow_mut().push(n);
            if n == 2 {
                match own {
                    Own::Drop => drop(inside.borrow_mut().take()),
                    Own::Unwrap => {
                        let handle = inside.borrow_mut().take().unwrap();
                        assert!(matches!(handle.unwrap_state(), Err(Error::Running)));
                    }
                    Own::Unyield => {
                        let mut slot = inside.borrow_mut();
                        let handle = slot.as_mut().unwrap();
                        handle.unyield()?;
                        assert!(!handle.is_finished());
                        assert_eq!(handle.counters().commands, 1);
                    }
                }
            }
            Ok(n)
        });
        let (mut commands, recv) = channel();
        for n in 1..=3 {
            commands.send(n).unwrap();
        }
        let (handle, mut future) = service_future(Doer(call), NoSend, None, recv, 0);
        *slot.borrow_mut() = Some(handle);
        let _ = poll(&mut future, &wakes);
        if own == Own::Unyield {
            assert_eq!(*seen.borrow(), [1, 2, 3]);
            assert_eq!(wakes.take(), 1);
        } else {
            assert_eq!(*seen.borrow(), [1, 2], "it went on without an owner");
            assert!(commands.is_closed());
            assert_eq!(poll(&mut future, &wakes), Poll::Ready(()));
        }
    }
}

#[test]
fn any_executor_will_do() {
    let taken = Rc::new(RefCell::new(Vec::<BoxedService>::new()));
    let into = taken.clone();
    let mut spawner = FutureSpawner::new(move |future| into.borrow_mut().push(future));
    let fails = Doer(|_| Err(Error::service("no")));
    let mut handle = spawner.spawn(fails, NoSend, Some(1), NoRecv, 0).unwrap();
    assert!(!handle.is_finished());
    let wakes = Arc::<Wakes>::default();
    assert_eq!(poll(&mut taken.borrow_mut()[0], &wakes), Poll::Ready(()));
    assert!(handle.is_finished());
    assert_eq!(handle.unyield().unwrap_err().to_string(), "no");
    handle.unyield().unwrap();
}
