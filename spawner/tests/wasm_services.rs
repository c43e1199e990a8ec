//! The conformance suite in Node and in a browser: the spawners and channels that are there, and
//! services as futures on the browser's own microtasks. Panics abort there, so the cases that catch
//! one are left out.
#![cfg(target_arch = "wasm32")]

#[allow(dead_code)]
#[path = "conformance/test_loop.rs"]
mod test_loop;

use mydht_spawner::channel::{LocalRcChannel, MioChannel, MpscChannel};
use mydht_spawner::testing::Here;
use mydht_spawner::{Blocker, RestartOrError, conformance_tests};
use test_loop::LocalLoop;
use wasm_bindgen_test::wasm_bindgen_test;

macro_rules! batch {
    ($name:ident, $spawner:expr, $channel:expr) => {
        mod $name {
            use super::*;
            conformance_tests!(batch, wasm_bindgen_test, Here, |_| $spawner, $channel);
        }
    };
}

macro_rules! live {
    ($name:ident, $spawner:expr, $channel:expr) => {
        mod $name {
            use super::*;
            batch!(batched, $spawner, $channel);
            conformance_tests!(live, wasm_bindgen_test, Here, |_| $spawner, $channel);
        }
    };
}

batch!(blocker_local, Blocker::new(), LocalRcChannel::unbounded());
live!(
    restart_local,
    RestartOrError::new(),
    LocalRcChannel::unbounded()
);
live!(
    restart_mpsc,
    RestartOrError::new(),
    MpscChannel::unbounded()
);
live!(
    restart_evented,
    RestartOrError::new(),
    MioChannel::<_, LocalLoop>::new(LocalRcChannel::unbounded())
);

#[cfg(feature = "future")]
mod future {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;
    use mydht_spawner::testing::{Blocks, Copy, Drops, Echo, Stream};
    use mydht_spawner::{
        Browser, FutureSpawner, SpawnChannel, SpawnHandle, SpawnRecv, SpawnSend, SpawnUnyield,
        Spawner,
    };

    /// Lets the other microtasks run.
    async fn turn() {
        let mut turned = false;
        poll_fn(|context| {
            if std::mem::replace(&mut turned, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[wasm_bindgen_test]
    async fn a_service_yields_and_goes_on_as_a_future() {
        let mut channel = LocalRcChannel::unbounded();
        let (mut commands, recv) = channel.new_channel().unwrap();
        let (out, mut results) = channel.new_channel().unwrap();
        let service = Copy::new(Stream::new(vec![3; 10], Blocks::Always));
        let mut handle = FutureSpawner::new(Browser)
            .spawn(service, out, None, recv, 0)
            .unwrap();
        for n in 1..=4u32 {
            commands.send(n).unwrap();
            let mut result = None;
            for _ in 0..100 {
                handle.unyield().unwrap();
                turn().await;
                result = results.recv().unwrap();
                if result.is_some() {
                    break;
                }
            }
            assert_eq!(result, Some(3 * n));
        }
        drop(commands);
        handle.unyield().unwrap();
        turn().await;
        assert!(handle.is_finished());
        assert_eq!(handle.counters().commands, 4);
        let (service, _, _, ended) = handle.unwrap_state().unwrap();
        ended.unwrap();
        assert_eq!(*service.stream.output.lock().unwrap(), vec![3; 10]);
    }

    #[wasm_bindgen_test]
    async fn a_dropped_handle_drops_the_service_of_a_future() {
        let drops = Drops::default();
        let (_commands, recv) =
            SpawnChannel::<u32>::new_channel(&mut LocalRcChannel::unbounded()).unwrap();
        let (out, _results) = LocalRcChannel::unbounded().new_channel().unwrap();
        let service = Echo::dropping(&drops);
        let handle = FutureSpawner::new(Browser)
            .spawn(service, out, None, recv, 0)
            .unwrap();
        turn().await;
        drop(handle);
        assert_eq!(drops.count(), 1);
        turn().await;
    }
}
