//! Stores that have to wait, awaited.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;

use mydht::store::Wake;

use crate::answer::Answer;
use crate::time::clock;
use crate::turns::Turns;

/// Awaits `future`, and counts each time that it goes on as a turn.
pub(crate) async fn counted<T>(turns: &RefCell<Turns>, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        let begin = clock();
        let polled = future.as_mut().poll(context);
        turns.borrow_mut().add(clock() - begin);
        polled
    })
    .await
}

/// Set when a store that had to wait can go on.
#[derive(Clone)]
pub(crate) struct Woken(Answer<()>);

impl Woken {
    pub(crate) fn new() -> Self {
        Woken(Answer::new())
    }

    /// For the store's `on_ready`.
    pub(crate) fn wake(&self) -> Wake {
        let answer = self.0.clone();
        Rc::new(move || answer.set(()))
    }

    /// Asks again and again, until the answer is not that it has to wait.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn done<T>(&self, mut ask: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match ask() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // A wake that came before is not lost: the answer stays until it is taken.
                    self.0.clone().wait().await
                }
                done => return done,
            }
        }
    }
}
