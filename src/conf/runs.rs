//! Spawners by the service that they run.
//!
//! Each trait here names one bound: a spawner of that service, with the channels that the node
//! gives it. All are implemented for every spawner that can run the service, so a configuration
//! names a spawner and nothing of what is inside a node.

use mydht_spawner::channel::{NoRecv, NoSend};
use mydht_spawner::{SpawnChannel, Spawner};

use super::{MyDHTConf, Recv};
use crate::service::{
    FromConn, Global, GlobalIn, Hosted, LocalIn, MainLoop, MainSend, NextMessage, ReadService,
    Routed, StoreIn, StoreService, WriteIn, WriteService,
};

/// Declares a trait for spawners of one service, and implements it for all of them.
macro_rules! spawner_of {
    ($(#[$doc:meta])* $name:ident, $service:ty, $out:ty, $recv:ty) => {
        $(#[$doc])*
        pub trait $name<MC: MyDHTConf>: Spawner<$service, $out, $recv> {}

        impl<MC: MyDHTConf, S: Spawner<$service, $out, $recv>> $name<MC> for S {}
    };
}

spawner_of! {
    /// Runs the main loop.
    RunsMainLoop, MainLoop<MC>, NoSend, NoRecv
}

spawner_of! {
    /// Runs the reading of a connection.
    RunsReader, Hosted<MC, ReadService<MC>>, FromConn<MC>, NextMessage
}

spawner_of! {
    /// Runs the writing of a connection.
    RunsWriter, Hosted<MC, WriteService<MC>>, FromConn<MC>, Recv<MC, Routed<WriteIn>>
}

spawner_of! {
    /// Runs the store.
    RunsStore, Hosted<MC, StoreService<MC>>, MainSend<MC>, Recv<MC, Routed<StoreIn>>
}

spawner_of! {
    /// Runs the user's global service.
    RunsGlobal, Hosted<MC, Global<MC::Global>>, MainSend<MC>, Recv<MC, Routed<GlobalIn>>
}

spawner_of! {
    /// Runs the user's local service of one peer.
    RunsLocal, Hosted<MC, MC::Local>, FromConn<MC>, Recv<MC, Routed<LocalIn>>
}

/// Channels for the commands of every service: implemented for whatever makes channels for
/// everything.
pub trait Channels:
    SpawnChannel<Routed<WriteIn>>
    + SpawnChannel<Routed<StoreIn>>
    + SpawnChannel<Routed<GlobalIn>>
    + SpawnChannel<Routed<LocalIn>>
{
}

impl<C> Channels for C where
    C: SpawnChannel<Routed<WriteIn>>
        + SpawnChannel<Routed<StoreIn>>
        + SpawnChannel<Routed<GlobalIn>>
        + SpawnChannel<Routed<LocalIn>>
{
}
