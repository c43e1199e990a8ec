//! The protocol of a node as the main loop owns it: inputs wait in order, and a panic in the engine
//! stays in it.

use std::collections::VecDeque;
use std::time::Duration;

use mydht_spawner::contain;

use super::hosted::Way;
use crate::engine::{Counts, Engine, Input, Output};

/// Outcome of one input.
pub(super) struct Handled {
    pub(super) way: Way,
    /// The input was [`Input::Stop`].
    pub(super) is_stop: bool,
    /// The panic that the engine ended in.
    pub(super) failure: Option<String>,
}

/// The [`Engine`], called and never waited for.
///
/// Handling one input's outputs produces further inputs. They are queued here and handled one after
/// the other, so the engine is never called from within its own output.
pub(super) struct Protocol {
    engine: Engine,
    inputs: VecDeque<(Input, Way)>,
    /// Whether inputs were handled since the deadline and the counts were last taken.
    is_stale: bool,
    deadline: Option<Duration>,
}

impl Protocol {
    pub(super) fn new(engine: Engine) -> Self {
        Protocol {
            engine,
            inputs: VecDeque::new(),
            is_stale: false,
            deadline: None,
        }
    }

    /// Queues an input.
    pub(super) fn tell(&mut self, input: Input, way: Way) {
        self.inputs.push_back((input, way));
    }

    /// Gives the engine the next input. Its outputs are taken with
    /// [`next_output`](Self::next_output) before the next call.
    ///
    /// An engine that panicked goes on with the state that it has: every bound in it still holds,
    /// and each request ends by its own deadline.
    pub(super) fn handle_next(&mut self, now: Duration) -> Option<Handled> {
        let (input, way) = self.inputs.pop_front()?;
        let is_stop = matches!(input, Input::Stop);
        // Set before the call, because deadlines may have changed even if the engine panics.
        self.is_stale = true;
        let result = way.span.in_scope(|| {
            tracing::trace!("protocol");
            contain(|| {
                self.engine.handle(now, input);
                Ok(())
            })
        });
        let failure = result.err().map(|error| error.to_string());
        Some(Handled {
            way,
            is_stop,
            failure,
        })
    }

    /// Takes what the engine wants done next.
    pub(super) fn next_output(&mut self) -> Option<Output> {
        self.engine.next_output()
    }

    /// Asks the engine for its next deadline, and takes its counts, if it has handled inputs since.
    pub(super) fn refresh(&mut self) -> Option<Counts> {
        if !std::mem::take(&mut self.is_stale) {
            return None;
        }
        // The routing table is asked, which may be the user's own.
        let deadline = contain(|| Ok(self.engine.next_deadline()));
        self.deadline = deadline.unwrap_or_else(|error| {
            tracing::error!(%error, "the protocol has no deadline until its next input");
            None
        });
        Some(self.engine.take_counts())
    }

    /// Returns the time at which the engine wants to be called although nothing happened.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }
}
