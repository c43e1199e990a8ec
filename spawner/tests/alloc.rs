//! Allocations of `RestartOrError`: none for a call, and little for each suspended service.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use mydht_spawner::channel::{LocalRcChannel, LocalRcRecv, LocalRcSend, NoSend};
use mydht_spawner::{
    Error, RestartHandle, RestartOrError, Result, Service, ServiceRestartable, SpawnChannel,
    SpawnHandle, SpawnRecv, SpawnSend, SpawnUnyield, Spawner, SpawnerYield,
};

struct Counting;

thread_local! {
    /// Calls of this thread, and its bytes in use (with what malloc adds to a block: 8 bytes,
    /// multiples of 16).
    static COUNT: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn block(layout: Layout) -> usize {
    (layout.size() + 8).next_multiple_of(16).max(32)
}

// SAFETY: every call is handed to the system's allocator as it came; the counters are plain cells and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set((c.get().0 + 1, c.get().1.wrapping_add(block(layout)))));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        COUNT.with(|c| c.set((c.get().0, c.get().1.wrapping_sub(block(layout)))));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and additional bytes of `f`.
fn counted<T>(f: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = COUNT.get();
    let result = f();
    let after = COUNT.get();
    (after.0 - before.0, after.1.wrapping_sub(before.1), result)
}

/// Yields once in each command.
#[derive(Default)]
struct Once {
    pending: Option<u32>,
}

impl Service for Once {
    type CommandIn = u32;
    type CommandOut = u32;
    fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<u32> {
        self.pending = Some(n);
        Err(Error::Yield)
    }
}

impl ServiceRestartable for Once {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u32>> {
        Ok(self.pending.take())
    }
}

#[test]
fn spawn_call_yield_and_unyield_allocate_nothing() {
    let mut channel = LocalRcChannel::unbounded();
    let (mut commands, mut recv) = channel.new_channel().unwrap();
    let (mut out, mut results) = channel.new_channel().unwrap();
    // The queues have their memory: never more than two results wait at once.
    for _ in 0..2 {
        commands.send(0).unwrap();
        out.send(0).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(recv.recv().unwrap(), results.recv().unwrap());
    }
    let (allocations, _, results) = counted(|| {
        let mut handle = RestartOrError::new()
            .spawn(Once::default(), out, Some(1), recv, 0)
            .unwrap();
        handle.unyield().unwrap();
        for n in 2..1000 {
            commands.send(n).unwrap();
            handle.unyield().unwrap();
            handle.unyield().unwrap();
            results.recv().unwrap().unwrap();
        }
        handle.unwrap_state().unwrap().3.unwrap();
        results
    });
    assert_eq!(allocations, 0);
    drop(results);
}

#[test]
fn a_weak_unyielder_costs_one_allocation_for_all() {
    let (_commands, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let handle = RestartOrError::new()
        .spawn(Once::default(), NoSend, None, recv, 0)
        .unwrap();
    let (allocations, _, _weak) = counted(|| {
        let mut weak = handle.weak().unwrap();
        let mut second = handle.weak().unwrap().clone();
        weak.unyield().unwrap();
        second.unyield().unwrap();
        (weak, second)
    });
    assert_eq!(allocations, 1);
}

type Handle = RestartHandle<Once, LocalRcSend<u32>, LocalRcRecv<u32>>;

/// The requirement is 200 bytes for each suspended service beyond its own state. It holds with a
/// command channel of its own (the result channel is shared, as it is in a node), and, without that
/// channel, for a service with a weak unyielder.
#[test]
fn a_suspended_service_takes_at_most_200_bytes_beyond_its_state() {
    const N: usize = 10_000;
    let mut channel = LocalRcChannel::unbounded();
    let (out, results) = channel.new_channel().unwrap();
    let (_, ends, queue) = counted(|| SpawnChannel::<u32>::new_channel(&mut channel).unwrap());
    drop(queue);
    for weak in [false, true] {
        let (_, bytes, services) = counted(|| {
            let mut spawner = RestartOrError::new();
            let mut handles: Vec<Handle> = Vec::with_capacity(N);
            let mut commands = Vec::with_capacity(N);
            for n in 0..N as u32 {
                let (send, recv) = channel.new_channel().unwrap();
                let handle = spawner
                    .spawn(Once::default(), out.clone(), Some(n), recv, 0)
                    .unwrap();
                if weak {
                    handle.weak().unwrap();
                }
                handles.push(handle);
                commands.push(send);
            }
            (handles, commands)
        });
        let each = bytes / N - size_of::<Once>();
        if weak {
            // What the channel's memory, and its end in the test's hand, take.
            let each = each - ends - size_of::<LocalRcSend<u32>>();
            assert!(each <= 200, "{each} bytes with a weak unyielder");
        } else {
            assert!(each <= 200, "{each} bytes with a channel");
        }
        drop(services);
    }
    drop(results);
}
