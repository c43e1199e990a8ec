//! One end of a connection in memory.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

use super::Faults;
use super::between::{Parcel, Route, Sent};
use super::pipe::Pipe;
use crate::lock::lock;

/// Both directions, and how to tell each end of a change.
pub(super) struct Link<P: UserSources> {
    /// `pipes[i]` is what end `i` reads.
    pipes: [Pipe; 2],
    triggers: [P::Trigger; 2],
    /// Route between the ends. `None` if each end sees at once what the other does.
    route: Option<Box<Route<Cargo<P>>>>,
}

/// Connection that a parcel belongs to.
pub(super) struct Cargo<P: UserSources> {
    pub(super) link: Arc<Mutex<Link<P>>>,
    /// Far end of a new connection, for the endpoint that will accept it.
    pub(super) knock: Option<MemoryStream<P>>,
}

impl<P: UserSources> Sent<Cargo<P>> {
    fn new(
        link: &Arc<Mutex<Link<P>>>,
        end: usize,
        parcel: Parcel,
        knock: Option<MemoryStream<P>>,
    ) -> Self {
        let link = Arc::clone(link);
        Sent {
            end,
            parcel,
            cargo: Cargo { link, knock },
        }
    }

    /// True for a wish to connect whose sender has closed meanwhile.
    fn is_given_up(&self) -> bool {
        matches!(self.parcel, Parcel::Knock) && lock(&self.cargo.link).is_closed_by(0)
    }
}

/// Sends again what walls have stalled, except what was given up.
pub(super) fn resend<P: UserSources>(mut stalled: Vec<Sent<Cargo<P>>>) {
    stalled.retain(|sent| !sent.is_given_up());
    for sent in stalled {
        let link = Arc::clone(&sent.cargo.link);
        lock(&link).send(sent);
    }
}

impl<P: UserSources> Link<P> {
    /// Reports to `end` what it can do now.
    fn report(&self, end: usize) {
        let readable = self.pipes[end].is_readable();
        let writable = self.pipes[1 - end].is_writable();
        let ready = match (readable, writable) {
            (true, true) => Ready::Both,
            (true, false) => Ready::Readable,
            (false, true) => Ready::Writable,
            (false, false) => return,
        };
        // It fails only when the system cannot wake a sleeping loop; the reader or writer has its result all the
        // same, and there is nobody here to tell.
        let _ = self.triggers[end].set_readiness(ready);
    }

    fn is_closed_by(&self, end: usize) -> bool {
        self.pipes[1 - end].shut
    }

    /// Sends to the end `sent.end`, which it reaches some time later.
    fn send(&mut self, sent: Sent<Cargo<P>>) {
        if let Some(route) = &mut self.route {
            route.send(sent);
        }
    }

    /// A parcel has arrived at `end`.
    pub(super) fn arrived(&mut self, end: usize, parcel: Parcel) {
        match parcel {
            Parcel::Bytes(count) => self.pipes[end].land(count),
            // The stream that goes with it is the parcel.
            Parcel::Knock => {}
            Parcel::Opened => self.pipes[1 - end].opening = false,
            Parcel::Closed => {
                self.pipes[end].closed = true;
                self.pipes[1 - end].broken = true;
            }
            Parcel::Refused => self.fail(io::ErrorKind::ConnectionRefused),
            Parcel::Reset => {
                self.fail(io::ErrorKind::ConnectionReset);
                // Both ends hear of a reset; any other parcel concerns the end that it reaches.
                self.report(1 - end);
            }
        }
        self.report(end);
    }

    fn fail(&mut self, why: io::ErrorKind) {
        for pipe in &mut self.pipes {
            pipe.fail(why);
        }
    }
}

fn close<P: UserSources>(shared: &Arc<Mutex<Link<P>>>, end: usize) {
    let link = &mut *lock(shared);
    let Some(route) = &mut link.route else {
        link.pipes[1 - end].close_writer();
        link.pipes[end].close_reader();
        link.pipes[end].broken = true;
        link.pipes[end].close_writer();
        link.report(0);
        link.report(1);
        return;
    };
    // Once, although the stream and its halves may all close.
    if !std::mem::replace(&mut link.pipes[1 - end].shut, true) {
        route.send(Sent::new(shared, 1 - end, Parcel::Closed, None));
    }
    link.pipes[end].close_reader();
    link.pipes[end].closed = true;
    link.report(end);
}

/// One end of a connection. It closes when this and its halves are dropped, or by `disconnect`.
pub struct MemoryStream<P: UserSources> {
    end: Arc<End<P>>,
    registration: P::Registration,
}

struct End<P: UserSources> {
    link: Arc<Mutex<Link<P>>>,
    index: usize,
}

impl<P: UserSources> Drop for End<P> {
    fn drop(&mut self) {
        close(&self.link, self.index);
    }
}

impl<P: UserSources> MemoryStream<P> {
    pub(super) fn pair(
        capacity: usize,
        faults: [Faults; 2],
        route: Option<Route<Cargo<P>>>,
    ) -> (Self, Self) {
        let (registration_a, trigger_a) = P::user_source();
        let (registration_b, trigger_b) = P::user_source();
        let mut pipes = faults.map(|faults| Pipe::new(capacity, faults));
        if route.is_some() {
            pipes.iter_mut().for_each(Pipe::make_frugal);
            // End 0 connects and writes into pipe 1: nothing leaves before the knock is answered.
            pipes[1].opening = true;
        }
        let link = Arc::new(Mutex::new(Link {
            pipes,
            triggers: [trigger_a, trigger_b],
            route: route.map(Box::new),
        }));
        let end = |index, registration| MemoryStream {
            end: Arc::new(End {
                link: Arc::clone(&link),
                index,
            }),
            registration,
        };
        (end(0, registration_a), end(1, registration_b))
    }

    /// Sends the wish to connect, with the far end of the connection.
    pub(super) fn knock(far: Self) {
        let link = Arc::clone(&far.end.link);
        lock(&link).send(Sent::new(&link, 1, Parcel::Knock, Some(far)));
    }

    /// Answers the wish to connect of which this is the far end.
    pub(super) fn answer(&self, parcel: Parcel) {
        let link = &self.end.link;
        lock(link).send(Sent::new(link, 0, parcel, None));
    }
}

impl<P: UserSources> Registerable<P> for MemoryStream<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
        // What changed before the registration was reported to nobody.
        lock(&self.end.link).report(self.end.index);
        Ok(done)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.reregister(poll, token, interest)?;
        lock(&self.end.link).report(self.end.index);
        Ok(done)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.registration.deregister(poll)
    }
}

impl<P: UserSources> crate::Stream<P> for MemoryStream<P> {
    type ReadStream = MemoryReader<P>;
    type WriteStream = MemoryWriter<P>;

    fn read_stream(&self) -> MemoryReader<P> {
        MemoryReader(Arc::clone(&self.end))
    }

    fn write_stream(&self) -> MemoryWriter<P> {
        MemoryWriter(Arc::clone(&self.end))
    }

    fn disconnect(&self) {
        close(&self.end.link, self.end.index);
    }
}

/// The reading half of a [`MemoryStream`].
pub struct MemoryReader<P: UserSources>(Arc<End<P>>);

/// The writing half of a [`MemoryStream`].
pub struct MemoryWriter<P: UserSources>(Arc<End<P>>);

impl<P: UserSources> Read for MemoryReader<P> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let End { link, index } = &*self.0;
        let mut link = lock(link);
        let was_full = !link.pipes[*index].is_writable();
        let result = link.pipes[*index].read(buf);
        // Only a writer that found the pipe full was told to wait.
        if was_full && link.pipes[*index].is_writable() {
            link.report(1 - index);
        }
        if result.is_err() && link.pipes[*index].is_readable() {
            // A fault, not an empty pipe: nothing else would report this end again.
            link.report(*index);
        }
        result
    }
}

impl<P: UserSources> Write for MemoryWriter<P> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let End {
            link: shared,
            index,
        } = &*self.0;
        let link = &mut *lock(shared);
        let result = link.pipes[1 - index].write(buf);
        match &result {
            Ok(count) if *count > 0 => match &mut link.route {
                None => link.report(1 - index),
                Some(route) => {
                    link.pipes[1 - index].fly(*count);
                    let parcel = Parcel::Bytes(*count);
                    route.send(Sent::new(shared, 1 - index, parcel, None));
                }
            },
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock
                    && link.pipes[1 - index].is_writable() =>
            {
                // A fault, not a full pipe: nothing else would report this end again.
                link.report(*index);
            }
            _ => {}
        }
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
