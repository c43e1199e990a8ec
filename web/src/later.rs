//! Stores that have to wait, awaited.

use std::io;
use std::rc::Rc;

use mydht::store::Wake;

use crate::answer::Answer;

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
                    self.0.clone().wait().await
                }
                done => return done,
            }
        }
    }
}
