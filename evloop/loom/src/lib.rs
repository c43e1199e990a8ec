//! The lock-free path of the Send handle under loom: every interleaving of its atomics.
#![allow(dead_code)]

#[path = "../../src/inbox.rs"]
mod inbox;

mod core {
    //! Key of the core, as far as `inbox.rs` needs it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Key(u64);

    impl Key {
        pub const NONE: Key = Key(u64::MAX);

        pub fn from_bits(bits: u64) -> Key {
            Key(bits)
        }

        pub const fn to_bits(self) -> u64 {
            self.0
        }
    }
}

mod sync {
    pub(crate) use loom::sync::{
        Arc,
        atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    };
}

#[cfg(test)]
mod tests {
    use crate::core::Key;
    use crate::inbox::{Inbox, Link, Linked};
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    struct Source {
        link: Link<Source>,
        drops: Arc<AtomicUsize>,
    }

    impl Linked for Source {
        fn link(&self) -> &Link<Source> {
            &self.link
        }
    }

    impl Drop for Source {
        fn drop(&mut self) {
            self.drops.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A loop in miniature: the inbox, the sleep flag, the lock, and a driver's notification.
    struct Loop {
        inbox: Inbox<Source>,
        asleep: AtomicBool,
        notified: AtomicUsize,
        lock: Mutex<()>,
        drops: Arc<AtomicUsize>,
    }

    impl Loop {
        fn new() -> Arc<Loop> {
            Arc::new(Loop {
                inbox: Inbox::new(),
                asleep: AtomicBool::new(false),
                notified: AtomicUsize::new(0),
                lock: Mutex::new(()),
                drops: Arc::new(AtomicUsize::new(0)),
            })
        }

        /// As `Shared::attach`: the loop keeps a reference.
        fn source(&self, index: u32) -> Arc<Source> {
            let source = Arc::new(Source {
                link: Link::new(),
                drops: self.drops.clone(),
            });
            std::mem::forget(source.clone());
            source.link.set_key(Key::from_bits(u64::from(index)));
            source.link.attach(7, u16::MAX, true);
            source
        }

        /// As `SetReadiness::set_readiness`.
        fn set(&self, source: &Arc<Source>, ready: u16) {
            if source.link.set(ready) {
                self.inbox.push(source);
                // loom takes SeqCst accesses for AcqRel ones (see its README); the fences here and in the sleeper
                // stand for the single order that the push and the load of the flag are in.
                fence(Ordering::SeqCst);
                if self.asleep.load(Ordering::SeqCst)
                    && self
                        .asleep
                        .compare_exchange(true, false, Ordering::SeqCst, Ordering::SeqCst)
                        .is_ok()
                {
                    self.notified.fetch_add(1, Ordering::SeqCst);
                }
            }
        }

        fn drain(&self) -> Vec<(u32, u16)> {
            let _guard = self.lock.lock().unwrap();
            let mut reports = Vec::new();
            self.inbox.drain(&mut reports);
            let in_order = reports.iter().rev();
            in_order
                .map(|report| (report.key.to_bits() as u32, report.ready))
                .collect()
        }

        /// As `Shared::kill`.
        fn kill(&self, source: &Arc<Source>) {
            let guard = self.lock.lock().unwrap();
            self.inbox.drain(&mut Vec::new());
            let ours = source.link.kill();
            drop(guard);
            if ours {
                // SAFETY: as in `Shared::kill`.
                unsafe { Arc::decrement_strong_count(Arc::as_ptr(source)) };
            }
        }
    }

    #[test]
    fn no_set_is_lost_and_none_reported_twice() {
        loom::model(|| {
            let this = Loop::new();
            let (one, two) = (this.source(1), this.source(2));
            let setter = {
                let (this, one) = (this.clone(), one.clone());
                thread::spawn(move || {
                    this.set(&one, 1);
                    this.set(&one, 3);
                })
            };
            let other = {
                let (this, two) = (this.clone(), two.clone());
                thread::spawn(move || this.set(&two, 1))
            };
            let mut seen = this.drain();
            setter.join().unwrap();
            other.join().unwrap();
            let last = this.drain();
            seen.extend(&last);
            let of = |index| {
                seen.iter()
                    .filter(move |(i, _)| *i == index)
                    .map(|(_, r)| *r)
            };
            assert_eq!(of(2).collect::<Vec<_>>(), [1]);
            assert_eq!(of(1).last(), Some(3), "the last value arrives");
            assert!(of(1).count() <= 2);
            assert!(this.drain().is_empty());
            this.kill(&one);
            this.kill(&two);
            drop((one, two));
            assert_eq!(this.drops.load(Ordering::SeqCst), 2);
        });
    }

    #[test]
    fn a_loop_that_sleeps_is_woken() {
        loom::model(|| {
            let this = Loop::new();
            let source = this.source(1);
            let setter = {
                let (this, source) = (this.clone(), source.clone());
                thread::spawn(move || this.set(&source, 1))
            };
            // As `Shared::sleep`: say so, look again, then wait in the driver.
            this.asleep.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            let sleeps = this.inbox.is_empty();
            setter.join().unwrap();
            if sleeps {
                assert_eq!(
                    this.notified.load(Ordering::SeqCst),
                    1,
                    "it would sleep for ever"
                );
            }
            assert_eq!(this.drain(), [(1, 1)]);
            this.kill(&source);
        });
    }

    #[test]
    fn a_registration_dropped_while_it_is_set_is_freed_once() {
        loom::model(|| {
            let this = Loop::new();
            let source = this.source(1);
            let setter = {
                let (this, source) = (this.clone(), source.clone());
                thread::spawn(move || this.set(&source, 1))
            };
            this.kill(&source);
            drop(source);
            setter.join().unwrap();
            this.drain();
            assert_eq!(this.drops.load(Ordering::SeqCst), 1);
            assert!(this.inbox.is_empty());
        });
    }

    #[test]
    fn detached_while_it_is_set_it_is_only_stored() {
        loom::model(|| {
            let this = Loop::new();
            let source = this.source(1);
            let setter = {
                let (this, source) = (this.clone(), source.clone());
                thread::spawn(move || this.set(&source, 1))
            };
            {
                let _guard = this.lock.lock().unwrap();
                this.inbox.drain(&mut Vec::new());
                source.link.detach();
            }
            setter.join().unwrap();
            assert!(this.drain().is_empty());
            assert_eq!(
                source.link.attach(7, u16::MAX, true),
                1,
                "and found when it is registered again"
            );
            this.kill(&source);
        });
    }
    #[test]
    fn what_is_set_while_the_interest_changes_is_found() {
        loom::model(|| {
            let this = Loop::new();
            let source = this.source(1);
            source.link.attach(7, 2, true);
            let setter = {
                let (this, source) = (this.clone(), source.clone());
                thread::spawn(move || this.set(&source, 1))
            };
            let found = {
                let _guard = this.lock.lock().unwrap();
                this.inbox.drain(&mut Vec::new());
                source.link.attach(7, 1, true)
            };
            setter.join().unwrap();
            let queued = this.drain();
            // Not both: as the core has it, one of them would be a second event.
            assert_eq!(usize::from(found == 1) + queued.len(), 1);
            assert_eq!(source.link.still_set(), 1);
            this.kill(&source);
        });
    }

    #[test]
    fn a_clear_undoes_what_was_set_and_nothing_that_is_set_later() {
        loom::model(|| {
            let this = Loop::new();
            let source = this.source(1);
            let setter = {
                let (this, source) = (this.clone(), source.clone());
                thread::spawn(move || {
                    this.set(&source, 1);
                    this.set(&source, 0);
                    this.set(&source, 3);
                })
            };
            // What the loop has taken in and narrows before it reports it.
            let mut reported = Vec::new();
            for _ in 0..2 {
                for (_, ready) in this.drain() {
                    reported.push(ready & source.link.still_set());
                }
            }
            setter.join().unwrap();
            reported.extend(this.drain().iter().map(|report| report.1));
            assert_eq!(reported.last(), Some(&3), "{reported:?}");
            this.kill(&source);
        });
    }

    #[test]
    fn a_dropped_registration_keeps_its_readiness() {
        loom::model(|| {
            let this = Loop::new();
            let source = this.source(1);
            let setter = {
                let (this, source) = (this.clone(), source.clone());
                thread::spawn(move || this.set(&source, 1))
            };
            this.kill(&source);
            let before = source.link.ready();
            setter.join().unwrap();
            assert_eq!(source.link.ready(), before);
            this.drain();
        });
    }
}
