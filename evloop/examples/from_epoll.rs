//! Ports code from C: epoll's own calls over objects of the program, with no descriptor and no
//! system call.
//!
//! A queue is readable while it has something in it, as an eventfd or a pipe would be. Two of them,
//! one edge-triggered and one level-triggered, are in an epoll that is itself watched by another.
//!
//! `cargo run -p mydht-evloop --example from_epoll`
//!
//! Prints:
//!
//! ```text
//! ready in the outer epoll: [10]
//! ready in the inner epoll: [1, 2]
//! once more: [2]
//! add a source twice: Err(Exists)
//! add a circle: Err(Loop)
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use mydht_evloop::epoll::{Epoll, Error, Event, Flags, Source};
use std::collections::VecDeque;
use std::time::Duration;

/// Queued items, and the source that reports them.
#[derive(Default)]
struct Queue {
    items: VecDeque<&'static str>,
    source: Source,
}

impl Queue {
    fn push(&mut self, item: &'static str) {
        self.items.push_back(item);
        self.source.wake(Flags::IN);
    }

    fn pop(&mut self) -> Option<&'static str> {
        let item = self.items.pop_front();
        if self.items.is_empty() {
            self.source.clear(Flags::IN);
        }
        item
    }
}

/// Waits as `epoll_wait` with a timeout of zero, and returns the data of the events.
fn wait(epoll: &Epoll) -> std::io::Result<Vec<usize>> {
    let mut events = [Event::default(); 8];
    let count = epoll.wait(&mut events, Some(Duration::ZERO))?;
    Ok(events[..count].iter().map(|event| event.data).collect())
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut edge, mut level) = (Queue::default(), Queue::default());
    let (inner, outer) = (Epoll::park(), Epoll::park());
    inner.add(&edge.source, Event::new(Flags::IN | Flags::ET, 1))?;
    inner.add(&level.source, Event::new(Flags::IN, 2))?;
    outer.add(&inner, Event::new(Flags::IN, 10))?;
    assert_eq!(wait(&outer)?, []);

    edge.push("first");
    level.push("second");
    println!("ready in the outer epoll: {:?}", wait(&outer)?);
    println!("ready in the inner epoll: {:?}", wait(&inner)?);
    // An edge is reported once, a level until it is gone.
    println!("once more: {:?}", wait(&inner)?);
    assert_eq!((edge.pop(), level.pop()), (Some("first"), Some("second")));
    assert_eq!(wait(&inner)?, []);

    // The errors are epoll's.
    let again = inner.add(&edge.source, Event::new(Flags::IN, 1));
    assert_eq!(again, Err(Error::Exists));
    println!("add a source twice: {again:?}");
    let circle = inner.add(&outer, Event::new(Flags::IN, 11));
    assert_eq!(circle, Err(Error::Loop));
    println!("add a circle: {circle:?}");

    // Dropping a source removes its entry: no EPOLL_CTL_DEL, and no event of a closed source.
    edge.push("unread");
    drop(edge);
    assert_eq!(wait(&inner)?, []);
    Ok(())
}
