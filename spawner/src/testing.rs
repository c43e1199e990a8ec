//! A conformance suite for spawners, for whoever writes one.
//!
//! Needs the feature `testing`. The suite runs a few services over the channels that it is given
//! and panics at the first promise that the spawner breaks, so call it from a test:
//!
//! - [`batch::conforms`] checks every spawner: commands are answered once and in order, whichever
//!   read or write yields; `nb_loop` counts commands; errors, ends and panics reach the handle; the
//!   service and its channel ends come back.
//! - [`live::conforms`] checks all of that for a spawner whose services are suspended while their
//!   caller does something else. It also checks unyields, weak unyielders, dropped handles and full
//!   channels.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each case instead, and
//! [`World`] says where services run.
//!
//! ```
//! use std::cell::Cell;
//! use std::rc::Rc;
//!
//! use mydht_spawner::channel::LocalRcChannel;
//! use mydht_spawner::testing::{Here, live};
//! use mydht_spawner::{
//!     RestartHandle, RestartOrError, RestartYield, Result, ServiceRestartable, SpawnRecv,
//!     SpawnSend, Spawner,
//! };
//!
//! /// A spawner of one's own: here, one that counts the services that it starts.
//! struct Counting {
//!     inner: RestartOrError,
//!     started: Rc<Cell<usize>>,
//! }
//!
//! impl<S, D, R> Spawner<S, D, R> for Counting
//! where
//!     S: ServiceRestartable,
//!     D: SpawnSend<S::CommandOut>,
//!     R: SpawnRecv<S::CommandIn>,
//! {
//!     type Handle = RestartHandle<S, D, R>;
//!     type Yield = RestartYield;
//!
//!     fn spawn(
//!         &mut self,
//!         service: S,
//!         out: D,
//!         first: Option<S::CommandIn>,
//!         recv: R,
//!         nb_loop: usize,
//!     ) -> Result<Self::Handle> {
//!         self.started.set(self.started.get() + 1);
//!         self.inner.spawn(service, out, first, recv, nb_loop)
//!     }
//! }
//!
//! let started = Rc::new(Cell::new(0));
//! let spawner = |_: &Here| Counting {
//!     inner: RestartOrError::new(),
//!     started: started.clone(),
//! };
//! live::conforms(|| Here, spawner, LocalRcChannel::unbounded);
//! assert!(started.get() > 50);
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a suite fails by panicking, as a test does"
)]

pub mod batch;
pub mod live;
mod services;
mod world;

pub use services::{Blocks, Copy, DropGuard, Drops, Echo, Gate, Gated, Stream};
pub use world::{Here, Threads, World};

/// Makes a test of each case of the conformance suite.
///
/// The first word chooses the cases: `batch` and `live` are the modules of
/// [`testing`](crate::testing); `batch_panics` and `live_panics` are those of their cases in which
/// a service panics, which need a target that unwinds. `live` does not contain `batch`.
///
/// The attribute of a test follows: `test`, or another runner's. The three expressions are a
/// [`World`](crate::testing::World), a closure from the world to the spawner, and a channel. Each
/// test evaluates them anew.
///
/// ```
/// mod restart {
///     use mydht_spawner::channel::LocalRcChannel;
///     use mydht_spawner::testing::Here;
///     use mydht_spawner::{RestartOrError, conformance_tests};
///
///     fn spawner(_: &Here) -> RestartOrError {
///         RestartOrError::new()
///     }
///
///     conformance_tests!(batch, test, Here, spawner, LocalRcChannel::unbounded());
///     conformance_tests!(live, test, Here, spawner, LocalRcChannel::unbounded());
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($cases:ident, $test:meta, $world:expr, $spawner:expr, $channel:expr $(,)?) => {
        $crate::__conformance_cases!($cases, [test $test, $world, $spawner, $channel]);
    };
}

/// The lists of all cases, and what is made of one.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    (batch, $how:tt) => {
        $crate::__conformance_cases!(@batch $how
            every_command_is_answered_once_and_in_order
            the_first_command_comes_before_the_channel
            nb_loop_bounds_the_commands
            nothing_to_do_is_an_end
            a_yield_at_every_single_call_of_a_stream_loses_nothing
            an_error_ends_the_service_and_reaches_the_handle
            an_error_after_a_yield_reaches_the_handle
            an_end_is_no_failure
            an_end_after_a_yield_is_no_failure
            a_closed_out_channel_is_a_failure
            results_that_nobody_reads_are_not_sent
            the_state_comes_back
        );
    };
    (batch_panics, $how:tt) => {
        $crate::__conformance_cases!(@batch $how
            a_panic_is_contained
            a_panic_after_a_yield_is_contained
        );
    };
    (live, $how:tt) => {
        $crate::__conformance_cases!(@live $how
            commands_one_by_one
            an_empty_channel_suspends_and_a_closed_one_ends
            unyield_of_a_service_that_still_waits_changes_nothing
            unyield_of_a_finished_service_does_nothing
            a_yielded_command_goes_on_before_the_next_one
            a_weak_unyielder_wakes_and_keeps_nothing_alive
            a_failure_is_not_given_to_a_weak_unyielder
            dropping_before_the_first_command
            dropping_in_the_middle_of_a_read
            dropping_in_the_middle_of_a_write
            dropping_with_commands_waiting
            dropping_a_finished_service
            a_full_out_channel_delays_and_loses_nothing
            dropping_with_a_result_that_did_not_fit
        );
    };
    (live_panics, $how:tt) => {
        $crate::__conformance_cases!(@live $how
            dropping_a_failed_service
            another_service_lives_on_after_a_panic
        );
    };
    (@$suite:ident [test $test:meta, $world:expr, $spawner:expr, $channel:expr] $($case:ident)+) => {
        $(#[$test]
        fn $case() {
            let mut world = $world;
            let spawner = ($spawner)(&world);
            $crate::testing::$suite::$case(&mut world, spawner, $channel);
        })+
    };
    (@$suite:ident [call $world:ident, $spawner:ident, $channel:ident] $($case:ident)+) => {
        $({
            let mut world = $world();
            let spawner = $spawner(&world);
            $crate::testing::$suite::$case(&mut world, spawner, $channel());
        })+
    };
}
