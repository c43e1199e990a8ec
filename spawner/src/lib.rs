//! Services that are suspended and resumed explicitly, on one thread, many, or none.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout
    )
)]
#![forbid(unsafe_code)]

pub mod channel;
pub mod error;
pub mod service;

mod blocker;
mod contain;
mod restart;
mod straight;
mod stream;
mod task;

pub use blocker::{Blocker, BlockerYield, EndedHandle, EndedWeak, NoSpawn};
pub use channel::{SendError, SpawnChannel, SpawnRecv, SpawnSend};
pub use error::{Error, Result};
pub use restart::{RestartHandle, RestartOrError, RestartWeak};
pub use service::{
    Service, ServiceRestartable, SpawnHandle, SpawnUnyield, SpawnWeakUnyield, Spawner,
    SpawnerYield, YieldReturn,
};
pub use stream::{ReadYield, WriteYield};
pub use task::{Counters, RestartYield};
