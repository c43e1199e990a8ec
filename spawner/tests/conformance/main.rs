//! Runs the exported conformance suite over every spawner and every channel that fits.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod test_loop;
#[cfg(feature = "future")]
mod tokio_world;

use mydht_spawner::channel::{LocalRcChannel, MioChannel, MpscChannel};
use mydht_spawner::testing::{Here, Threads};
use mydht_spawner::{Blocker, RestartOrError, ThreadBlock, ThreadPark, conformance_tests};
use test_loop::{LocalLoop, SyncLoop};

macro_rules! batch {
    ($name:ident, $world:expr, $spawner:expr, $channel:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            conformance_tests!(batch, test, $world, $spawner, $channel);
            conformance_tests!(batch_panics, test, $world, $spawner, $channel);
        }
    };
}

macro_rules! live {
    ($name:ident, $world:expr, $spawner:expr, $channel:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            batch!(batched, $world, $spawner, $channel);
            conformance_tests!(live, test, $world, $spawner, $channel);
            conformance_tests!(live_panics, test, $world, $spawner, $channel);
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
    use tokio_world::TokioWorld;

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
