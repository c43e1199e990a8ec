#![doc = include_str!("../README.md")]
//!
//! # The pieces
//!
//! ```text
//!     commands                                                   results
//!   SpawnSend --> SpawnRecv  -->  Service::call, restart  -->  SpawnSend --> SpawnRecv
//!                                   |            ^
//!                       spawn_yield |            | unyield
//!                                   v            |
//!                                Spawner ---> SpawnHandle
//!         RestartOrError: Error::Yield, the handle keeps the service
//!         Coroutine, ThreadPark, ...: the spawner waits inside of spawn_yield
//! ```
//!
//! # Start here
//!
//! * [`Service`] and [`ServiceRestartable`]: what you write.
//! * [`RestartOrError`]: the spawner for one thread and for a browser.
//! * [`channel`]: the queues between services.
//! * [`Spawner`], [`SpawnHandle`] and [`SpawnUnyield`]: what a spawner implements.
//! * `testing` (feature `testing`): the conformance suite for spawners.
#![forbid(unsafe_code)]

pub mod channel;
pub mod error;
pub mod service;

mod blocker;
mod contain;
#[cfg(all(feature = "coroutine", not(target_arch = "wasm32")))]
mod coroutine;
mod debug;
#[cfg(feature = "future")]
mod future;
#[cfg(all(feature = "pool", not(target_arch = "wasm32")))]
mod pool;
mod restart;
#[cfg(all(feature = "pool", not(target_arch = "wasm32")))]
mod run_state;
#[cfg(not(target_arch = "wasm32"))]
mod signal;
mod straight;
mod stream;
#[cfg(not(target_arch = "wasm32"))]
mod sync;
mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(not(target_arch = "wasm32"))]
mod thread;
mod weak;

pub use blocker::{Blocker, BlockerYield, EndedHandle, EndedWeak, NoSpawn};
pub use channel::{SendError, SpawnChannel, SpawnRecv, SpawnSend};
pub use contain::contain;
#[cfg(all(feature = "coroutine", not(target_arch = "wasm32")))]
pub use coroutine::{Coroutine, CoroutineHandle, CoroutineWeak, CoroutineYield};
pub use error::{Error, Result};
#[cfg(all(feature = "future", target_arch = "wasm32"))]
pub use future::Browser;
#[cfg(all(feature = "future", not(target_arch = "wasm32")))]
pub use future::Tokio;
#[cfg(feature = "future")]
pub use future::{
    BoxedService, FutureHandle, FutureSpawner, FutureWeak, LocalExecutor, POLL_BUDGET,
    ServiceFuture, service_future,
};
#[cfg(all(feature = "pool", not(target_arch = "wasm32")))]
pub use pool::{POOL_BUDGET, Pool, PoolHandle, PoolWeak};
pub use restart::{RestartHandle, RestartOrError, RestartWeak};
pub use service::{
    Service, ServiceRestartable, SpawnHandle, SpawnUnyield, SpawnWeakUnyield, Spawner,
    SpawnerYield, YieldReturn,
};
pub use stream::{ReadYield, WriteYield};
pub use task::{Counters, RestartYield};
#[cfg(not(target_arch = "wasm32"))]
pub use thread::{Park, Pause, ThreadBlock, ThreadHandle, ThreadPark, ThreadWeak, ThreadYield};

/// The example of the manual is a test.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../docs/how-to/write-a-spawner.md")]
struct HowTo;
