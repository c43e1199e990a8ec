//! `Coroutine` where it differs from other spawners: re-entrancy, and what is on its stack.
#![cfg(all(feature = "coroutine", not(target_arch = "wasm32")))]

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mydht_spawner::channel::{LocalRcChannel, LocalRcRecv, NoSend};
use mydht_spawner::{
    Coroutine, CoroutineHandle, CoroutineWeak, Error, Result, Service, SpawnChannel, SpawnHandle,
    SpawnSend, SpawnUnyield, Spawner, SpawnerYield, YieldReturn,
};

/// Calls a closure, and yields after it as often as that says.
struct Doer(Box<dyn FnMut(u32) -> u32>, Rc<Cell<u32>>);

/// Sets a flag when the stack it is on is unwound.
struct Unwound(Rc<Cell<u32>>);

impl Drop for Unwound {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Service for Doer {
    type CommandIn = u32;
    type CommandOut = ();
    fn call<Y: SpawnerYield>(&mut self, n: u32, async_yield: &mut Y) -> Result<()> {
        let _on_the_stack = Unwound(self.1.clone());
        for _ in 0..(self.0)(n) {
            assert_eq!(async_yield.spawn_yield(), YieldReturn::Loop);
        }
        Ok(())
    }
}

type Handle = CoroutineHandle<Doer, NoSend, LocalRcRecv<u32>>;
type Weak = CoroutineWeak<Doer, NoSend, LocalRcRecv<u32>>;

#[test]
fn an_unyield_from_inside_its_own_call_is_remembered() {
    let (mut commands, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let (slot, unwound) = (Rc::new(RefCell::new(None::<Weak>)), Rc::default());
    let inside = slot.clone();
    let act = move |n| {
        if n == 1 {
            let mut weak = inside.borrow().clone().unwrap();
            weak.unyield().unwrap();
            assert!(!weak.is_finished());
        }
        1
    };
    let doer = Doer(Box::new(act), Rc::clone(&unwound));
    let mut handle = Coroutine::new().spawn(doer, NoSend, None, recv, 0).unwrap();
    *slot.borrow_mut() = handle.weak();
    commands.send(1).unwrap();
    handle.unyield().unwrap();
    // It yielded once, and went on because it had been woken.
    assert_eq!(unwound.get(), 1);
    commands.send(2).unwrap();
    handle.unyield().unwrap();
    assert_eq!(unwound.get(), 1);
    handle.unyield().unwrap();
    assert_eq!(unwound.get(), 2);
}

#[test]
fn a_handle_dropped_inside_its_own_call_ends_the_service_after_it() {
    let (mut commands, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let slot = Rc::new(RefCell::new(None::<Handle>));
    let (inside, calls) = (slot.clone(), Rc::new(Cell::new(0)));
    let count = calls.clone();
    let act = move |_| {
        count.set(count.get() + 1);
        drop(inside.borrow_mut().take());
        0
    };
    let doer = Doer(Box::new(act), Rc::default());
    let handle = Coroutine::new().spawn(doer, NoSend, None, recv, 0).unwrap();
    let mut weak = handle.weak().unwrap();
    *slot.borrow_mut() = Some(handle);
    for n in 1..=3 {
        commands.send(n).unwrap();
    }
    weak.unyield().unwrap();
    assert_eq!(calls.get(), 1, "it went on without an owner");
    assert!(weak.is_finished());
    assert!(commands.is_closed());
}

#[test]
fn a_suspended_stack_is_unwound_with_its_handle() {
    let mut spawner = Coroutine::with_stacks(32 * 1024, 0);
    let unwound = Rc::new(Cell::new(0));
    for round in 1..=50 {
        let (_commands, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
        let doer = Doer(Box::new(|_| u32::MAX), unwound.clone());
        let handle = spawner.spawn(doer, NoSend, Some(1), recv, 0).unwrap();
        assert_eq!(unwound.get(), round - 1);
        if round % 2 == 0 {
            assert!(matches!(handle.unwrap_state(), Err(Error::Running)));
        } else {
            drop(handle);
        }
        assert_eq!(unwound.get(), round);
    }
}

/// Only little fits through a stack switch; a service may be larger.
#[test]
fn a_service_of_any_size_is_started_and_given_back() {
    struct Large([u8; 64 * 1024]);

    impl Service for Large {
        type CommandIn = u8;
        type CommandOut = ();
        fn call<Y: SpawnerYield>(&mut self, n: u8, async_yield: &mut Y) -> Result<()> {
            async_yield.spawn_yield();
            self.0[n as usize] = n;
            Ok(())
        }
    }

    let (_commands, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let mut spawner = Coroutine::with_stacks(512 * 1024, 1);
    let service = Large([0; 64 * 1024]);
    let mut handle = spawner.spawn(service, NoSend, Some(7), recv, 1).unwrap();
    handle.unyield().unwrap();
    let (service, ..) = handle.unwrap_state().unwrap();
    assert_eq!(service.0[7], 7);
}
