//! Requests of a connection for a turn.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use mydht_evloop::SetReadiness;
use mydht_evloop::traits::{Ready, TriggerReady};

use crate::lock::lock;

/// Names a connection of a transport.
pub(super) type Key = u64;

/// The connections that asked for a turn.
#[derive(Clone, Default)]
pub(super) struct Asking(Arc<Mutex<VecDeque<Key>>>);

impl Asking {
    pub fn pop(&self) -> Option<Key> {
        lock(&self.0).pop_front()
    }

    pub fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Asks for a turn.
    pub fn push(&self, key: Key) {
        let mut asking = lock(&self.0);
        // Once in the queue, or a flood of events would be a flood of turns.
        if !asking.contains(&key) {
            asking.push_back(key);
        }
    }
}

/// Asks for a turn of one connection. It never runs one, so it can be called from anywhere.
#[derive(Clone)]
pub struct Notify {
    pub(super) asking: Asking,
    pub(super) trigger: SetReadiness,
    pub(super) key: Key,
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Notify").field(&self.key).finish()
    }
}

impl Notify {
    /// Something happened.
    pub fn notify(&self) {
        self.asking.push(self.key);
        // It fails only when the system cannot wake a sleeping loop; the next report finds what is asked here.
        let _ = TriggerReady::set_readiness(&self.trigger, Ready::Readable);
    }
}
