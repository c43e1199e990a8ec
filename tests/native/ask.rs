//! Requests whose events a test follows.

use std::sync::mpsc;

use mydht::engine::Event;
use mydht::service::Request;
use mydht::{Error, MyDHTConf, Node};

/// Makes requests of any kind.
pub(crate) trait Ask {
    /// Makes a request and waits for its last event; `progress` hears the others.
    fn ask(
        &self,
        request: impl Into<Request>,
        progress: impl FnMut(u64, u64),
    ) -> Result<Event, Error>;
}

impl<MC: MyDHTConf> Ask for Node<MC> {
    fn ask(
        &self,
        request: impl Into<Request>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Event, Error> {
        let (send, events) = mpsc::channel();
        self.request(request, move |event| drop(send.send(event)))?;
        loop {
            match events.recv().map_err(|_| Error::Closed)? {
                Event::Progress { done, total } => progress(done, total),
                Event::Failed(failure) => return Err(failure.into()),
                last => return Ok(last),
            }
        }
    }
}
