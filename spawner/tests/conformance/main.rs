//! One suite for every spawner over every channel that fits: the same services, the same questions.
//!
//! `batch` asks what every spawner can answer: all commands are there before it starts, and the
//! streams open by themselves. `live` asks the spawners whose services are suspended while the test
//! does something else.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod batch;
mod live;
mod services;
mod test_loop;
mod world;

use mydht_spawner::channel::{LocalRcChannel, MioChannel, MpscChannel};
use mydht_spawner::{Blocker, RestartOrError, ThreadBlock, ThreadPark};
use test_loop::{LocalLoop, SyncLoop};
use world::{Here, Threads};

macro_rules! cases {
    ($suite:ident, $world:expr, $spawner:expr, $channel:expr, $($case:ident),+ $(,)?) => {
        $(#[test]
        fn $case() {
            let mut world = $world;
            let spawner = $spawner(&world);
            crate::$suite::$case(&mut world, spawner, $channel);
        })+
    };
}

macro_rules! batch {
    ($name:ident, $world:expr, $spawner:expr, $channel:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            cases!(
                batch,
                $world,
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
                a_panic_is_contained,
                a_panic_after_a_yield_is_contained,
                a_closed_out_channel_is_a_failure,
                results_that_nobody_reads_are_not_sent,
                the_state_comes_back,
            );
        }
    };
}

macro_rules! live {
    ($name:ident, $world:expr, $spawner:expr, $channel:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            batch!(batched, $world, $spawner, $channel);
            cases!(
                live,
                $world,
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
                dropping_a_failed_service,
                a_full_out_channel_delays_and_loses_nothing,
                dropping_with_a_result_that_did_not_fit,
                another_service_lives_on_after_a_panic,
            );
        }
    };
}

fn local() -> LocalRcChannel {
    LocalRcChannel::unbounded()
}

fn mpsc() -> MpscChannel {
    MpscChannel::unbounded()
}

batch!(blocker_local, Here, |_: &_| Blocker::new(), local());
batch!(blocker_mpsc, Here, |_: &_| Blocker::new(), mpsc());

live!(restart_local, Here, |_: &_| RestartOrError::new(), local());
live!(restart_mpsc, Here, |_: &_| RestartOrError::new(), mpsc());
live!(
    restart_bounded,
    Here,
    |_: &_| RestartOrError::new(),
    LocalRcChannel::bounded(256)
);
live!(
    restart_evented,
    Here,
    |_: &_| RestartOrError::new(),
    MioChannel::<_, LocalLoop>::new(local())
);
live!(
    restart_with_a_budget_of_one,
    Here,
    |_: &_| RestartOrError::with_budget(1),
    local()
);

live!(thread_park_mpsc, Threads, |_: &_| ThreadPark::new(), mpsc());
live!(
    thread_park_bounded,
    Threads,
    |_: &_| ThreadPark::new(),
    MpscChannel::bounded(256)
);
live!(
    thread_park_evented,
    Threads,
    |_: &_| ThreadPark::new(),
    MioChannel::<_, SyncLoop>::new(mpsc())
);
live!(
    thread_block_mpsc,
    Threads,
    |_: &_| ThreadBlock::new(),
    mpsc()
);

#[cfg(feature = "coroutine")]
mod coroutine {
    use super::*;
    use mydht_spawner::Coroutine;

    live!(local_channel, Here, |_: &_| Coroutine::new(), local());
    live!(mpsc_channel, Here, |_: &_| Coroutine::new(), mpsc());
    live!(
        evented_channel,
        Here,
        |_: &_| Coroutine::new(),
        MioChannel::<_, LocalLoop>::new(local())
    );
}

#[cfg(feature = "pool")]
mod pool {
    use super::*;
    use mydht_spawner::Pool;

    fn pool() -> Pool {
        Pool::new(2).unwrap()
    }

    live!(mpsc_channel, Threads, |_: &_| pool(), mpsc());
    live!(
        evented_channel,
        Threads,
        |_: &_| pool(),
        MioChannel::<_, SyncLoop>::new(mpsc())
    );
}

#[cfg(feature = "future")]
mod future {
    use super::*;
    use world::TokioWorld;

    live!(
        local_channel,
        TokioWorld::new(),
        |world: &TokioWorld| world.spawner(),
        local()
    );
    live!(
        mpsc_channel,
        TokioWorld::new(),
        |world: &TokioWorld| world.spawner(),
        mpsc()
    );
}
