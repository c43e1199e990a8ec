//! Two loops that do nothing but remember which user sources were set: what evented channels are
//! tested on.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use mydht_evloop::traits::{
    Event, Events, Poll, Ready, Registerable, Token, TriggerReady, UserSources,
};

pub struct Nothing;

impl Iterator for Nothing {
    type Item = Event;
    fn next(&mut self) -> Option<Event> {
        None
    }
}

impl Events for Nothing {
    fn with_capacity(_: usize) -> Self {
        Nothing
    }
}

macro_rules! test_loop {
    ($name:ident, $registration:ident, $trigger:ident, $shared:ty, $count:expr) => {
        pub struct $name;
        pub struct $registration(#[allow(dead_code)] $shared);
        #[derive(Clone)]
        pub struct $trigger($shared);

        impl Poll for $name {
            type Events = Nothing;
            fn poll(&self, _: &mut Nothing, _: Option<Duration>) -> io::Result<usize> {
                Ok(0)
            }
            fn now(&self) -> Duration {
                Duration::ZERO
            }
        }

        impl Registerable<$name> for $registration {
            fn register(&self, _: &$name, _: Token, _: Ready) -> io::Result<bool> {
                Ok(true)
            }
            fn reregister(&self, _: &$name, _: Token, _: Ready) -> io::Result<bool> {
                Ok(true)
            }
            fn deregister(&self, _: &$name) -> io::Result<()> {
                Ok(())
            }
        }

        impl TriggerReady for $trigger {
            fn set_readiness(&self, ready: Ready) -> io::Result<()> {
                assert_eq!(ready, Ready::Readable);
                $count(&self.0);
                Ok(())
            }
        }

        impl UserSources for $name {
            type Registration = $registration;
            type Trigger = $trigger;
            fn user_source() -> ($registration, $trigger) {
                let shared = <$shared>::default();
                ($registration(shared.clone()), $trigger(shared))
            }
        }
    };
}

test_loop!(
    LocalLoop,
    LocalRegistration,
    LocalTrigger,
    Rc<Cell<usize>>,
    |n: &Rc<Cell<usize>>| n.set(n.get() + 1)
);
test_loop!(
    SyncLoop,
    SyncRegistration,
    SyncTrigger,
    Arc<AtomicUsize>,
    |n: &Arc<AtomicUsize>| n.fetch_add(1, SeqCst)
);
