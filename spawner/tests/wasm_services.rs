//! The conformance suite in Node and in a browser: the spawners and channels that are there, and
//! services as futures on the browser's own microtasks. Panics abort there, so the cases that catch
//! one are left out.
#![cfg(target_arch = "wasm32")]

#[allow(dead_code)]
#[path = "conformance/batch.rs"]
mod batch;
#[allow(dead_code)]
#[path = "conformance/live.rs"]
mod live;
#[path = "conformance/services.rs"]
mod services;
#[allow(dead_code)]
#[path = "conformance/test_loop.rs"]
mod test_loop;
#[allow(dead_code)]
#[path = "conformance/world.rs"]
mod world;

use mydht_spawner::channel::{LocalRcChannel, MioChannel, MpscChannel};
use mydht_spawner::{Blocker, RestartOrError};
use test_loop::LocalLoop;
use wasm_bindgen_test::wasm_bindgen_test;
use world::Here;

macro_rules! cases {
    ($suite:ident, $spawner:expr, $channel:expr, $($case:ident),+ $(,)?) => {
        $(#[wasm_bindgen_test]
        fn $case() {
            crate::$suite::$case(&mut Here, $spawner, $channel);
        })+
    };
}

macro_rules! batch {
    ($name:ident, $spawner:expr, $channel:expr) => {
        mod $name {
            use super::*;
            cases!(
                batch,
                $spawner,
                $channel,
                every_command_is_answered_once_and_in_order,
                the_first_command_comes_before_the_channel,
                nb_loop_bounds_the_commands,
                nothing_to_do_is_an_end,
                a_yield_at_every_single_call_of_a_stream_loses_nothing,
                an_error_ends_the_service_and_reaches_the_handle,
                an_error_after_a_yield_reaches_the_handle,
                an_end_is_no_failure,
                an_end_after_a_yield_is_no_failure,
                a_closed_out_channel_is_a_failure,
                results_that_nobody_reads_are_not_sent,
                the_state_comes_back,
            );
        }
    };
}

macro_rules! live {
    ($name:ident, $spawner:expr, $channel:expr) => {
        mod $name {
            use super::*;
            batch!(batched, $spawner, $channel);
            cases!(
                live,
                $spawner,
                $channel,
                commands_one_by_one,
                an_empty_channel_suspends_and_a_closed_one_ends,
                unyield_of_a_service_that_still_waits_changes_nothing,
                unyield_of_a_finished_service_does_nothing,
                a_yielded_command_goes_on_before_the_next_one,
                a_weak_unyielder_wakes_and_keeps_nothing_alive,
                a_failure_is_not_given_to_a_weak_unyielder,
                dropping_before_the_first_command,
                dropping_in_the_middle_of_a_read,
                dropping_in_the_middle_of_a_write,
                dropping_with_commands_waiting,
                dropping_a_finished_service,
                a_full_out_channel_delays_and_loses_nothing,
                dropping_with_a_result_that_did_not_fit,
            );
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

    use super::services::{Blocks, Copy, Drops, Stream};
    use super::*;
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
        let service = services::Echo::dropping(&drops);
        let handle = FutureSpawner::new(Browser)
            .spawn(service, out, None, recv, 0)
            .unwrap();
        turn().await;
        drop(handle);
        assert_eq!(drops.count(), 1);
        turn().await;
    }
}
