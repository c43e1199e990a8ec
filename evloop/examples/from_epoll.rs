//! For who ports from C: epoll's own calls over objects of the program, with no descriptor and no
//! system call.
//!
//! A queue is readable while it has something in it, as an eventfd or a pipe would be; two of them,
//! one watched for edges and one for level, are in an epoll that is itself watched by another.
//!
//! `cargo run -p mydht-evloop --example from_epoll`
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

/// `epoll_wait` with a timeout of zero: what it wrote into the array.
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
    assert_eq!(wait(&outer)?, [10], "the inner one is readable");
    assert_eq!(wait(&inner)?, [1, 2]);
    assert_eq!(wait(&inner)?, [2], "an edge is told once, a level again");
    assert_eq!((edge.pop(), level.pop()), (Some("first"), Some("second")));
    assert_eq!(wait(&inner)?, []);

    // The errors are epoll's.
    let again = inner.add(&edge.source, Event::new(Flags::IN, 1));
    assert_eq!(again, Err(Error::Exists));
    let circle = inner.add(&outer, Event::new(Flags::IN, 11));
    assert_eq!(circle, Err(Error::Loop));

    // A source that goes takes its entry along: no EPOLL_CTL_DEL, no event of what is gone.
    edge.push("unheard");
    drop(edge);
    assert_eq!(wait(&inner)?, []);
    println!("edge, level, nesting and errors as epoll has them");
    Ok(())
}
