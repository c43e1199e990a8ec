//! `RestartOrError` where it differs from other spawners: re-entrancy, weak unyielders, budgets,
//! its handle.
#![cfg(test)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mydht_spawner::channel::{
    HandleRecv, HandleSend, LocalRcChannel, LocalRcRecv, LocalRcSend, NoRecv, NoSend,
};
use mydht_spawner::{
    Error, RestartHandle, RestartOrError, RestartWeak, Result, Service, ServiceRestartable,
    SpawnChannel, SpawnHandle, SpawnRecv, SpawnSend, SpawnUnyield, Spawner, SpawnerYield,
};

type Recv = LocalRcRecv<u32>;
type Send = LocalRcSend<u32>;

fn channel() -> (Send, Recv) {
    LocalRcChannel::unbounded().new_channel().unwrap()
}

/// Something that a service does in each of its calls.
type Act = Rc<RefCell<dyn FnMut(u32) -> Result<u32>>>;

/// Does it.
struct Doer(Act);

impl Service for Doer {
    type CommandIn = u32;
    type CommandOut = u32;
    fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<u32> {
        (self.0.borrow_mut())(n)
    }
}

impl ServiceRestartable for Doer {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u32>> {
        (self.0.borrow_mut())(u32::MAX).map(Some)
    }
}

fn act(f: impl FnMut(u32) -> Result<u32> + 'static) -> Act {
    Rc::new(RefCell::new(f))
}

type Slot<T> = Rc<RefCell<Option<T>>>;
type DoerHandle = RestartHandle<Doer, NoSend, Recv>;
type DoerWeak = RestartWeak<Doer, NoSend, Recv>;

#[test]
fn an_unyield_from_inside_its_own_call_is_remembered() {
    let (mut commands, recv) = channel();
    let weak: Slot<DoerWeak> = Slot::default();
    let (weak_inside, mut more) = (weak.clone(), commands.clone());
    let (running, calls) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(Vec::new())));
    let seen = calls.clone();
    let doer = Doer(act(move |n| {
        assert!(!running.replace(true), "it runs inside itself");
        seen.borrow_mut().push(n);
        if n == 1 {
            // Yields without reading on, but not without having asked to be woken.
            more.send(2).unwrap();
            let mut weak = weak_inside.borrow().clone().unwrap();
            weak.unyield().unwrap();
            assert!(!weak.is_finished());
            assert!(!weak.wants_unyield());
        }
        running.set(false);
        if n == 1 { Err(Error::Yield) } else { Ok(n) }
    }));
    let mut handle = RestartOrError::new()
        .spawn(doer, NoSend, None, recv, 0)
        .unwrap();
    *weak.borrow_mut() = handle.weak();
    commands.send(1).unwrap();
    handle.unyield().unwrap();
    // 1, then its restart, then 2: all in one unyield.
    assert_eq!(*calls.borrow(), [1, u32::MAX, 2]);
    // The same through the weak unyielder.
    calls.borrow_mut().clear();
    commands.send(1).unwrap();
    weak.borrow().clone().unwrap().unyield().unwrap();
    assert_eq!(*calls.borrow(), [1, u32::MAX, 2]);
}

#[test]
fn a_handle_dropped_inside_its_own_call_drops_the_service_after_it() {
    let (mut commands, recv) = channel();
    let handle: Slot<DoerHandle> = Slot::default();
    let inside = handle.clone();
    let calls = Rc::new(Cell::new(0));
    let count = calls.clone();
    let doer = Doer(act(move |n| {
        count.set(count.get() + 1);
        if n == 1 {
            drop(inside.borrow_mut().take());
        }
        Ok(n)
    }));
    let own = RestartOrError::new()
        .spawn(doer, NoSend, None, recv, 0)
        .unwrap();
    let mut weak = own.weak().unwrap();
    *handle.borrow_mut() = Some(own);
    for n in [0, 1, 2, 3] {
        commands.send(n).unwrap();
    }
    weak.unyield().unwrap();
    assert_eq!(calls.get(), 2, "it went on without an owner");
    assert!(weak.is_finished());
    assert!(commands.is_closed());
    weak.unyield().unwrap();
    assert_eq!(calls.get(), 2);
}

#[test]
fn a_state_taken_inside_its_own_call_is_refused() {
    let (mut commands, recv) = channel();
    let handle: Slot<DoerHandle> = Slot::default();
    let inside = handle.clone();
    let calls = Rc::new(Cell::new(0));
    let count = calls.clone();
    let doer = Doer(act(move |n| {
        count.set(count.get() + 1);
        if let Some(mut handle) = inside.borrow_mut().take() {
            assert!(!handle.is_finished());
            assert_eq!(handle.with_service(|_| ()), None);
            assert_eq!(handle.counters().commands, 0);
            assert!(matches!(handle.unwrap_state(), Err(Error::Running)));
        }
        Ok(n)
    }));
    let own = RestartOrError::new()
        .spawn(doer, NoSend, None, recv, 0)
        .unwrap();
    let mut weak = own.weak().unwrap();
    *handle.borrow_mut() = Some(own);
    commands.send(1).unwrap();
    commands.send(2).unwrap();
    weak.unyield().unwrap();
    assert!(handle.borrow().is_none());
    assert_eq!(calls.get(), 1, "it went on without an owner");
    assert!(commands.is_closed());
}

#[test]
fn a_failure_inside_spawn_is_in_the_handle() {
    let doer = Doer(act(|_| Err(Error::service("at once"))));
    let mut handle = RestartOrError::new()
        .spawn(doer, NoSend, Some(1), NoRecv, 0)
        .unwrap();
    assert!(handle.is_finished());
    assert_eq!(handle.unyield().unwrap_err().to_string(), "at once");
    assert!(handle.unyield().is_ok());
}

#[test]
fn the_original_error_comes_once_and_its_kind_stays() {
    let error = || std::io::Error::from_raw_os_error(104);
    let doer = Doer(act(move |_| Err(Error::Io(error()))));
    let mut handle = RestartOrError::new()
        .spawn(doer, NoSend, Some(1), NoRecv, 0)
        .unwrap();
    assert!(matches!(handle.unyield(), Err(Error::Io(e)) if e.kind() == error().kind()));
    let ended = handle.unwrap_state().unwrap().3;
    assert!(matches!(ended, Err(Error::Io(e)) if e.raw_os_error() == Some(104)));
}

#[test]
fn a_panic_while_it_is_shared_leaves_it_usable() {
    let (mut commands, recv) = channel();
    let doer = Doer(act(|n| if n == 2 { panic!("two") } else { Ok(n) }));
    let mut handle = RestartOrError::new()
        .spawn(doer, NoSend, None, recv, 0)
        .unwrap();
    let mut weak = handle.weak().unwrap();
    for n in 1..4 {
        commands.send(n).unwrap();
    }
    weak.unyield().unwrap();
    assert!(weak.is_finished());
    assert!(matches!(handle.unyield(), Err(Error::Panicked(m)) if m == "two"));
    let (_, _, mut recv, ended) = handle.unwrap_state().unwrap();
    assert_eq!(recv.recv().unwrap(), Some(3));
    assert!(matches!(ended, Err(Error::Panicked(m)) if m == "two"));
}

#[test]
fn a_payload_that_is_no_message_is_contained_as_well() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("and its drop");
        }
    }
    let doer = Doer(act(|_| std::panic::panic_any(Loud)));
    let mut handle = RestartOrError::new()
        .spawn(doer, NoSend, Some(1), NoRecv, 0)
        .unwrap();
    assert!(matches!(handle.unyield(), Err(Error::Panicked(_))));
}

#[test]
fn a_budget_stops_a_run_and_says_that_there_is_more() {
    let (mut commands, recv) = channel();
    let (out, mut results) = channel();
    for n in 0..10 {
        commands.send(n).unwrap();
    }
    let mut handle = RestartOrError::with_budget(4)
        .spawn(Doer(act(Ok)), out, None, recv, 0)
        .unwrap();
    assert_eq!(results.len(), 4);
    assert!(handle.wants_unyield());
    handle.unyield().unwrap();
    assert_eq!(results.len(), 8);
    let mut weak = handle.weak().unwrap();
    assert!(weak.wants_unyield());
    weak.unyield().unwrap();
    assert_eq!(results.len(), 10);
    assert!(!weak.wants_unyield());
    assert!(!handle.wants_unyield());
    while results.recv().unwrap().is_some() {}
    // A service that wakes itself for ever comes back as well.
    let slot: Slot<DoerWeak> = Slot::default();
    let inside = slot.clone();
    let (mut commands, recv) = channel();
    let doer = Doer(act(move |_| {
        if let Some(weak) = &mut *inside.borrow_mut() {
            weak.unyield()?;
        }
        Err(Error::Yield)
    }));
    let mut handle = RestartOrError::with_budget(7)
        .spawn(doer, NoSend, None, recv, 0)
        .unwrap();
    *slot.borrow_mut() = handle.weak();
    commands.send(1).unwrap();
    handle.unyield().unwrap();
    assert!(handle.wants_unyield());
    assert_eq!(handle.counters().yields, 7);
    slot.borrow_mut().take();
}

/// Two services that hand a number back and forth until it is 0, each waking the other.
#[test]
fn two_services_that_wake_each_other_do_not_nest() {
    /// The other one's channel. Its unyielder is filled in once the other one is there.
    type Peer = HandleSend<Send, Later>;

    #[derive(Clone, Default)]
    struct Later(Slot<RestartWeak<Ping, NoSend, Recv>>);
    impl SpawnUnyield for Later {
        fn is_finished(&mut self) -> bool {
            false
        }
        fn unyield(&mut self) -> Result<()> {
            let weak = self.0.borrow().clone();
            weak.map_or(Ok(()), |mut weak| weak.unyield())
        }
    }
    impl mydht_spawner::SpawnWeakUnyield for Later {}

    struct Ping {
        depth: Rc<Cell<u32>>,
        deepest: Rc<Cell<u32>>,
        peer: Peer,
        hits: Rc<Cell<u32>>,
    }
    impl Service for Ping {
        type CommandIn = u32;
        type CommandOut = ();
        fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<()> {
            self.depth.set(self.depth.get() + 1);
            self.deepest.set(self.deepest.get().max(self.depth.get()));
            self.hits.set(self.hits.get() + 1);
            if n > 0 {
                self.peer.send(n - 1)?;
            }
            self.depth.set(self.depth.get() - 1);
            Ok(())
        }
    }
    impl ServiceRestartable for Ping {
        fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<()>> {
            Ok(None)
        }
    }

    let (depth, deepest, hits) = <(Rc<Cell<u32>>, Rc<Cell<u32>>, Rc<Cell<u32>>)>::default();
    let (to_a, recv_a) = channel();
    let (to_b, recv_b) = channel();
    let (wake_a, wake_b) = (Later::default(), Later::default());
    let ping = |peer| Ping {
        depth: depth.clone(),
        deepest: deepest.clone(),
        hits: hits.clone(),
        peer,
    };
    let mut spawner = RestartOrError::new();
    let a = ping(HandleSend::new(to_b, wake_b.clone()));
    let b = ping(HandleSend::new(to_a.clone(), wake_a.clone()));
    let a = spawner.spawn(a, NoSend, None, recv_a, 0).unwrap();
    let b = spawner.spawn(b, NoSend, None, recv_b, 0).unwrap();
    *wake_a.0.borrow_mut() = a.weak();
    *wake_b.0.borrow_mut() = b.weak();
    let mut start = HandleSend::new(to_a, wake_a);
    start.send(100_000).unwrap();
    assert_eq!(hits.get(), 100_001);
    assert!(deepest.get() <= 2, "nested {} deep", deepest.get());
}

#[test]
fn a_held_result_comes_before_the_restart_and_before_the_next_command() {
    let (mut commands, recv) = channel();
    let (out, mut results) = LocalRcChannel::bounded(1).new_channel().unwrap();
    let calls = Rc::new(Cell::new(0));
    let count = calls.clone();
    let mut handle = RestartOrError::new()
        .spawn(
            Doer(act(move |n| {
                count.set(count.get() + 1);
                Ok(n)
            })),
            out,
            None,
            recv,
            3,
        )
        .unwrap();
    for n in 1..=3 {
        commands.send(n).unwrap();
    }
    handle.unyield().unwrap();
    assert_eq!(calls.get(), 2);
    handle.unyield().unwrap();
    assert_eq!(calls.get(), 2, "it made a result that it could not keep");
    assert_eq!(results.recv().unwrap(), Some(1));
    handle.unyield().unwrap();
    // The third one was made, does not fit, and the service has not ended before it is sent.
    assert_eq!(calls.get(), 3);
    assert!(!handle.is_finished());
    assert_eq!(results.recv().unwrap(), Some(2));
    handle.unyield().unwrap();
    assert!(handle.is_finished());
    assert_eq!(results.recv().unwrap(), Some(3));
}

#[test]
fn a_suspended_service_is_taken_apart_and_spawned_again() {
    let (mut commands, recv) = channel();
    let (out, mut results) = channel();
    let mut handle = RestartOrError::new()
        .spawn(Doer(act(Ok)), out, None, recv, 0)
        .unwrap();
    let weak = handle.weak();
    commands.send(1).unwrap();
    handle.unyield().unwrap();
    let (service, out, recv, ended) = handle.unwrap_state().unwrap();
    ended.unwrap();
    assert!(weak.unwrap().is_finished());
    commands.send(2).unwrap();
    let _handle = RestartOrError::new()
        .spawn(service, out, None, recv, 0)
        .unwrap();
    assert_eq!(results.recv().unwrap(), Some(1));
    assert_eq!(results.recv().unwrap(), Some(2));
}

#[test]
fn dropping_the_last_sender_through_a_handle_ends_the_service() {
    let (commands, recv) = channel();
    let mut handle = RestartOrError::new()
        .spawn(Doer(act(Ok)), NoSend, None, recv, 0)
        .unwrap();
    let send = HandleSend::new(commands, handle.weak().unwrap());
    let mut second = send.clone();
    drop(send);
    assert!(!handle.is_finished());
    second.send(1).unwrap();
    drop(second);
    assert!(handle.is_finished());
    assert_eq!(handle.counters().commands, 1);
}

#[test]
fn a_reader_that_wakes_its_writer_drains_a_bounded_channel() {
    let (mut commands, recv) = channel();
    for n in 0..1000 {
        commands.send(n).unwrap();
    }
    let (out, between) = LocalRcChannel::bounded(1).new_channel().unwrap();
    let mut spawner = RestartOrError::new();
    let writer = spawner.spawn(Doer(act(Ok)), out, None, recv, 0).unwrap();
    let between = HandleRecv::new(between, writer.weak().unwrap());
    let (out, mut results) = channel();
    // Nobody else unyields the writer.
    let _reader = spawner.spawn(Doer(act(Ok)), out, None, between, 0).unwrap();
    for n in 0..1000 {
        assert_eq!(results.recv().unwrap(), Some(n));
    }
}

#[test]
fn a_result_that_cannot_be_sent_is_not_even_tried() {
    struct Never;
    impl SpawnSend<u32> for Never {
        const CAN_SEND: bool = false;
        fn send(&mut self, _: u32) -> Result<()> {
            Err(Error::service("it was tried"))
        }
    }
    let mut handle = RestartOrError::new()
        .spawn(Doer(act(Ok)), Never, Some(1), NoRecv, 0)
        .unwrap();
    handle.unyield().unwrap();
    assert!(handle.is_finished());
    let mut handle = mydht_spawner::Blocker::new()
        .spawn(Doer(act(Ok)), Never, Some(1), NoRecv, 0)
        .unwrap();
    handle.unyield().unwrap();
}
