//! Where the parts of a node are chosen.

use mydht_evloop::traits::UserSources;
use mydht_spawner::channel::{LocalRcRecv, NoRecv, NoSend};
use mydht_spawner::{RestartOrError, Spawner};
use mydht_transports::{Stream, Transport};

use crate::limits::Limits;
use crate::msg::MsgEnc;
use crate::service::{ApiIn, FromConn, NextMessage, StoreIn, WriteIn};
use crate::service::{ApiService, MainLoop, MainSend, ReadService, StoreService, WriteService};
use crate::shadow::Shadow;
use crate::store::{AttachmentStore, KVStore};

/// The types of a node's parts. The values are given to [`Node::new`](crate::Node::new).
///
/// [`SingleThread`] implements it for the common case: every service on one thread, restarted where it stopped.
pub trait MyDHTConf: Sized + 'static {
    /// Services that would block hand their state back and are started again (`RestartOrError`): reading and writing
    /// then go through adapters that can be stopped at any byte. `false` for spawners that wait inside a service
    /// (threads, coroutines): the adapters are not there then.
    const RESTARTABLE: bool;

    /// The event loop.
    type Poll: UserSources;
    /// How peers are reached.
    type Transport: Transport<Self::Poll>;
    /// How messages are encoded.
    type MsgEnc: MsgEnc;
    /// How the bytes of a connection are ciphered.
    type Shadow: Shadow;
    /// Where records are kept.
    type Records: KVStore;
    /// Where attachments are kept.
    type Attachments: AttachmentStore;

    /// Runs the main loop.
    type MainSpawn: Spawner<MainLoop<Self>, NoSend, NoRecv> + Default;
    /// Runs the reading of one connection.
    type ReadSpawn: Spawner<ReadService<Self>, FromConn<Self>, NextMessage>;
    /// Runs the writing of one connection.
    type WriteSpawn: Spawner<WriteService<Self>, NoSend, LocalRcRecv<WriteIn>>;
    /// Runs the store.
    type StoreSpawn: Spawner<StoreService<Self>, MainSend<Self>, LocalRcRecv<StoreIn>>;
    /// Runs the protocol.
    type ApiSpawn: Spawner<ApiService, MainSend<Self>, LocalRcRecv<ApiIn>>;

    /// A spawner for the reading of a connection.
    fn read_spawn(limits: &Limits) -> Self::ReadSpawn;
    /// A spawner for the writing of a connection.
    fn write_spawn(limits: &Limits) -> Self::WriteSpawn;
    /// A spawner for the store.
    fn store_spawn(limits: &Limits) -> Self::StoreSpawn;
    /// A spawner for the protocol.
    fn api_spawn(limits: &Limits) -> Self::ApiSpawn;
}

/// The address type of a configuration.
pub type Address<MC> =
    <<MC as MyDHTConf>::Transport as Transport<<MC as MyDHTConf>::Poll>>::Address;

/// The connection type of a configuration.
pub type Connection<MC> =
    <<MC as MyDHTConf>::Transport as Transport<<MC as MyDHTConf>::Poll>>::Stream;

/// The reading half of a configuration's connections.
pub type Reader<MC> = <Connection<MC> as Stream<<MC as MyDHTConf>::Poll>>::ReadStream;

/// The writing half of a configuration's connections.
pub type Writer<MC> = <Connection<MC> as Stream<<MC as MyDHTConf>::Poll>>::WriteStream;

/// Every service on one thread, under `RestartOrError`: the parts are chosen by the type parameters.
pub struct SingleThread<P, T, E, S, R, A>(std::marker::PhantomData<(P, T, E, S, R, A)>);

impl<P, T, E, S, R, A> MyDHTConf for SingleThread<P, T, E, S, R, A>
where
    P: UserSources + 'static,
    T: Transport<P> + 'static,
    E: MsgEnc + 'static,
    S: Shadow + 'static,
    R: KVStore + 'static,
    A: AttachmentStore + 'static,
{
    const RESTARTABLE: bool = true;
    type Poll = P;
    type Transport = T;
    type MsgEnc = E;
    type Shadow = S;
    type Records = R;
    type Attachments = A;
    type MainSpawn = RestartOrError;
    type ReadSpawn = RestartOrError;
    type WriteSpawn = RestartOrError;
    type StoreSpawn = RestartOrError;
    type ApiSpawn = RestartOrError;

    fn read_spawn(limits: &Limits) -> RestartOrError {
        // A peer that floods this node has its share of each turn, and no more.
        RestartOrError::with_budget(limits.messages_per_turn)
    }

    fn write_spawn(_: &Limits) -> RestartOrError {
        RestartOrError::new()
    }

    fn store_spawn(_: &Limits) -> RestartOrError {
        RestartOrError::new()
    }

    fn api_spawn(_: &Limits) -> RestartOrError {
        RestartOrError::new()
    }
}
