//! Services that are suspended and resumed explicitly, on one thread, many, or none.
pub mod channel;
pub mod error;
pub mod service;

pub use channel::{SpawnChannel, SpawnRecv, SpawnSend};
pub use error::{Error, Result};
pub use service::{
    Service, ServiceRestartable, SpawnHandle, SpawnUnyield, SpawnWeakUnyield, Spawner,
    SpawnerYield, YieldReturn,
};
