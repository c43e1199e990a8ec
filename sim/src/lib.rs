//! Simulates whole networks in one process, on a virtual clock.
//!
//! ```text
//!   Scenario, seed                                  Figures, trace
//!         |                                               ^
//!         v                                               |
//!    Simulation  -- next event, time jumps to it -->  counts
//!         |
//!         v
//!    nodes of mydht: honest ones, and hostile ones (Shelf, Tongue)
//!         |
//!         v
//!    Weather: latency, loss, Partition   over a network in memory
//! ```
//!
//! The nodes are those of `mydht`. The network has latency, loss, partitions and hostile members.
//! Everything is decided by a [`Scenario`] and its seed: the same seed gives the same run, natively
//! and in a browser, and a hash of everything that happened says so.
//!
//! Nothing waits: time jumps to what happens next, and a step costs what happens in it, however
//! many nodes there are.
//!
//! ```
//! use mydht_sim::{Scenario, Simulation};
//!
//! let scenario = Scenario { puts: 3, lookups: 5, ..Scenario::quiet(10, 1) };
//! let figures = Simulation::new(scenario.clone())?.run(|_| ())?;
//! assert_eq!(figures.lookups.done, 5);
//! let again = Simulation::new(scenario)?.run(|_| ())?;
//! assert_eq!(figures.trace, again.trace);
//! # Ok::<(), mydht_spawner::Error>(())
//! ```
//!
//! # Start here
//!
//! * [`Scenario`]: everything that decides a run. [`Scenario::quiet`] is the simplest.
//! * [`Simulation`]: runs it.
//! * [`Figures`]: the result, as counts and distributions.
//! * [`Weather`]: the network between the nodes.

#![forbid(unsafe_code)]

mod figures;
mod hostile;
mod run;
mod scenario;
mod trace;
mod weather;
mod world;

pub use figures::{Distribution, Figures, Tally};
pub use hostile::{Shelf, Tongue};
pub use run::{Progress, Simulation};
pub use scenario::{Scenario, Split};
pub use weather::{RETRANSMIT, Weather};

/// Fate of what is sent across a partition.
pub use mydht_transports::memory::Partition;
