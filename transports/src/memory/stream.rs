//! One end of a connection in memory.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};

use super::pipe::Pipe;
use super::{Faults, lock};

/// Both directions, and how to tell each end of a change.
struct Link<P: UserSources> {
    /// `pipes[i]` is what end `i` reads.
    pipes: [Pipe; 2],
    triggers: [P::Trigger; 2],
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

    fn close(&mut self, end: usize) {
        self.pipes[1 - end].close();
        self.pipes[end].break_off();
        self.pipes[end].close();
        self.report(0);
        self.report(1);
    }
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
        lock(&self.link).close(self.index);
    }
}

impl<P: UserSources> MemoryStream<P> {
    pub(super) fn pair(capacity: usize, faults: [Faults; 2]) -> (Self, Self) {
        let (registration_a, trigger_a) = P::user_source();
        let (registration_b, trigger_b) = P::user_source();
        let link = Arc::new(Mutex::new(Link {
            pipes: faults.map(|faults| Pipe::new(capacity, faults)),
            triggers: [trigger_a, trigger_b],
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
}

impl<P: UserSources> Registerable<P> for MemoryStream<P> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let done = self.registration.register(poll, token, interest)?;
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
        lock(&self.end.link).close(self.end.index);
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
        let End { link, index } = &*self.0;
        let mut link = lock(link);
        let result = link.pipes[1 - index].write(buf);
        match &result {
            Ok(count) if *count > 0 => link.report(1 - index),
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock
                    && link.pipes[1 - index].is_writable() =>
            {
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
