//! Configurations that run every service in one way: what else a node is made of are their type
//! parameters.

use std::marker::PhantomData;

#[cfg(not(target_arch = "wasm32"))]
use mydht_evloop::traits::Poll;
use mydht_evloop::traits::UserSources;
#[cfg(all(feature = "coroutine", not(target_arch = "wasm32")))]
use mydht_spawner::Coroutine;
use mydht_spawner::RestartOrError;
#[cfg(not(target_arch = "wasm32"))]
use mydht_spawner::ThreadPark;
use mydht_spawner::channel::LocalRcChannel;
#[cfg(not(target_arch = "wasm32"))]
use mydht_spawner::channel::MpscChannel;
#[cfg(not(target_arch = "wasm32"))]
use mydht_transports::Stream;
use mydht_transports::Transport;

use super::{MyDHTConf, Spawners};
use crate::limits::Limits;
use crate::msg::MsgEnc;
use crate::service::{GlobalService, LocalService, NoGlobal, NoLocal};
use crate::shadow::Shadow;
use crate::store::{AttachmentStore, KVStore};

/// Makes a configuration that runs every service under `$spawner`. A macro and not a type
/// parameter: what a spawner needs of a service (`Send` for a thread) can only be said of the
/// service, which needs the configuration.
macro_rules! every_service_under {
    (
        $(#[$doc:meta])*
        $conf:ident, $spawner:ty = $new:expr, $channel:ty, RESTARTABLE = $restartable:literal,
        where $($bounds:tt)*
    ) => {
        $(#[$doc])*
        ///
        /// `P`: event loop, `T`: transport, `E`: encoding, `S`: cipher layer, `R` and `A`: stores,
        /// `G` and `L`: the user's own services.
        pub struct $conf<P, T, E, S, R, A, G = NoGlobal, L = NoLocal>(
            PhantomData<(P, T, E, S, R, A, G, L)>,
        );

        impl<P, T, E, S, R, A, G, L> MyDHTConf for $conf<P, T, E, S, R, A, G, L>
        where
            P: UserSources + 'static,
            T: Transport<P> + 'static,
            E: MsgEnc + 'static,
            S: Shadow + 'static,
            R: KVStore + 'static,
            A: AttachmentStore + 'static,
            G: GlobalService,
            L: LocalService,
            $($bounds)*
        {
            const RESTARTABLE: bool = $restartable;
            type Poll = P;
            type Transport = T;
            type MsgEnc = E;
            type Shadow = S;
            type Records = R;
            type Attachments = A;
            type Global = G;
            type Local = L;
            type Channel = $channel;
            type MainSpawn = $spawner;
            type ReadSpawn = $spawner;
            type WriteSpawn = $spawner;
            type StoreSpawn = $spawner;
            type GlobalSpawn = $spawner;
            type LocalSpawn = $spawner;

            fn channel() -> $channel {
                <$channel>::unbounded()
            }

            fn main_spawn() -> $spawner {
                // The main loop has a time budget instead: see `turn_is_over` of the event loop.
                $new("main", 0)
            }

            fn spawners(limits: &Limits) -> Spawners<Self> {
                Spawners {
                    read: $new("read", limits.flow.messages_at_once),
                    write: $new("write", limits.flow.messages_at_once),
                    store: $new("store", limits.flow.messages_at_once),
                    // These services run one command each time that they are sent one.
                    global: $new("global", 0),
                    local: $new("local", 0),
                }
            }
        }
    };
}

every_service_under! {
    /// Every service on the thread of who runs the node, restarted where it stopped.
    SingleThread, RestartOrError = |_, at_once| RestartOrError::with_budget(at_once), LocalRcChannel, RESTARTABLE = true,
    where
}

/// Bytes of a coroutine's stack. Only what is touched takes memory.
#[cfg(all(feature = "coroutine", not(target_arch = "wasm32")))]
const STACK: usize = 512 * 1024;

#[cfg(all(feature = "coroutine", not(target_arch = "wasm32")))]
every_service_under! {
    /// Every service on the thread of who runs the node, each on a stack of its own (feature
    /// `coroutine`; natively only).
    Coroutines, Coroutine = |_, _: u32| Coroutine::with_stacks(STACK, 64), LocalRcChannel, RESTARTABLE = false,
    where
}

#[cfg(not(target_arch = "wasm32"))]
every_service_under! {
    /// Every service on a thread of its own: two for each connection (natively only).
    Threads, ThreadPark = |name, _: u32| ThreadPark::with_threads(name, None), MpscChannel, RESTARTABLE = false,
    where
        P: Poll<Events: Send> + UserSources<Registration: Send, Trigger: Send> + Send,
        T: Transport<P, Address: Send, Stream: Stream<P, ReadStream: Send, WriteStream: Send> + Send> + Send,
        E: Send,
        S: Shadow<Read: Send, Write: Send> + Send,
        R: Send,
        A: Send,
        G: Send,
        L: Send,
}
