//! Choices of a node's components.

mod ready;
mod runs;

use mydht_evloop::traits::UserSources;
use mydht_spawner::SpawnChannel;
use mydht_transports::{Stream, Transport};

#[cfg(all(feature = "coroutine", not(target_arch = "wasm32")))]
pub use ready::Coroutines;
pub use ready::SingleThread;
#[cfg(not(target_arch = "wasm32"))]
pub use ready::Threads;
pub use runs::{Channels, RunsGlobal, RunsLocal, RunsMainLoop, RunsReader, RunsStore, RunsWriter};

use crate::limits::Limits;
use crate::msg::MsgEnc;
use crate::service::{GlobalService, LocalService};
use crate::shadow::Shadow;
use crate::store::{AttachmentStore, KVStore};

/// The types of a node's parts. The values are given to [`Runner::new`](crate::Runner::new) in
/// [`Components`](crate::Components).
///
/// | ready-made | services | channels | where |
/// |---|---|---|---|
/// | [`SingleThread`] | on one thread, restarted where they stopped (`RestartOrError`) | `LocalRcChannel` | everywhere |
/// | `Coroutines` | on one thread, each on a stack of its own (`Coroutine`) | `LocalRcChannel` | natively, feature `coroutine` |
/// | `Threads` | each on a thread of its own (`ThreadPark`) | `MpscChannel` | natively |
///
/// Each service has a spawner of its own here, so a configuration can mix them: what it says must
/// fit together is checked by the compiler (a service on a thread needs a channel and parts that
/// are `Send`).
pub trait MyDHTConf: Sized + 'static {
    /// Services that would block hand their state back and are started again (`RestartOrError`):
    /// reading and writing then go through adapters that can be stopped at any byte. `false` for
    /// spawners that wait inside a service (threads, coroutines): the adapters are not there then.
    const RESTARTABLE: bool;
    /// Messages that one instance of a local service runs before there is a new one. 0: all that
    /// its peer sends; 1: an instance for each message.
    const LOCAL_NB_LOOP: usize = 0;

    /// The event loop.
    type Poll: UserSources;
    /// Transport by which peers are reached.
    type Transport: Transport<Self::Poll>;
    /// Encoding of messages.
    type MsgEnc: MsgEnc;
    /// Cipher layer of connections.
    type Shadow: Shadow;
    /// Store of records.
    type Records: KVStore;
    /// Store of attachments.
    type Attachments: AttachmentStore;
    /// The user's own service, of which there is one ([`NoGlobal`](crate::service::NoGlobal):
    /// none).
    type Global: GlobalService;
    /// The user's own service, of which each peer has one ([`NoLocal`](crate::service::NoLocal):
    /// none).
    type Local: LocalService;

    /// Channels from the main loop to the other services.
    type Channel: Channels;
    /// Runs the main loop.
    type MainSpawn: RunsMainLoop<Self>;
    /// Runs the reading of each connection.
    type ReadSpawn: RunsReader<Self>;
    /// Runs the writing of each connection.
    type WriteSpawn: RunsWriter<Self>;
    /// Runs the store.
    type StoreSpawn: RunsStore<Self>;
    /// Runs the user's own service.
    type GlobalSpawn: RunsGlobal<Self>;
    /// Runs the user's own service for each peer.
    type LocalSpawn: RunsLocal<Self>;

    /// Makes the channels. They are not bounded here: [`Limits`] bound what is in them.
    fn channel() -> Self::Channel;
    /// The spawner of the main loop.
    fn main_spawn() -> Self::MainSpawn;
    /// The spawners of all others.
    fn spawners(limits: &Limits) -> Spawners<Self>;
}

/// The spawners of a node's services. Those of connections start many.
pub struct Spawners<MC: MyDHTConf> {
    /// For the reading of connections.
    pub read: MC::ReadSpawn,
    /// For the writing of connections.
    pub write: MC::WriteSpawn,
    /// For the store.
    pub store: MC::StoreSpawn,
    /// For the user's own service.
    pub global: MC::GlobalSpawn,
    /// For the user's own services of peers.
    pub local: MC::LocalSpawn,
}

/// The end at which a service of the configuration `MC` receives commands of the type `C`.
pub(crate) type Recv<MC, C> = <<MC as MyDHTConf>::Channel as SpawnChannel<C>>::Recv;

/// The end at which the main loop of the configuration `MC` sends commands of the type `C`.
pub(crate) type Send<MC, C> = <<MC as MyDHTConf>::Channel as SpawnChannel<C>>::Send;

/// A channel of the configuration `MC` for commands of the type `C`.
pub(crate) fn new_channel<MC, C>() -> mydht_spawner::Result<(Send<MC, C>, Recv<MC, C>)>
where
    MC: MyDHTConf<Channel: SpawnChannel<C>>,
{
    MC::channel().new_channel()
}

/// The address type of a configuration.
pub type Address<MC> =
    <<MC as MyDHTConf>::Transport as Transport<<MC as MyDHTConf>::Poll>>::Address;

/// The connection type of a configuration.
pub(crate) type Connection<MC> =
    <<MC as MyDHTConf>::Transport as Transport<<MC as MyDHTConf>::Poll>>::Stream;

/// The reading half of a configuration's connections.
pub(crate) type Reader<MC> = <Connection<MC> as Stream<<MC as MyDHTConf>::Poll>>::ReadStream;

/// The writing half of a configuration's connections.
pub(crate) type Writer<MC> = <Connection<MC> as Stream<<MC as MyDHTConf>::Poll>>::WriteStream;
