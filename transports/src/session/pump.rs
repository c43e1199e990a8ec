//! Moves messages between a session and what carries them.

use std::io;
use std::time::Duration;

use super::Session;

/// Messages taken from a pipe before others have their turn: a mebibyte, a millisecond or two.
const MESSAGES_PER_TURN: usize = 64;

/// Carrier of messages: whole, in order, without blocking.
pub trait Pipe {
    /// Sends a message.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room: then nothing of it was taken. Any other error: the pipe
    /// is gone.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Sees to it that what was sent leaves soon.
    ///
    /// # Errors
    /// `WouldBlock` when that must be called again once there is room. Any other error: the pipe is
    /// gone.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Returns true if so much waits to be sent that the pipe reports when it has less. Short
    /// messages can wait until then.
    fn is_busy(&self) -> bool {
        false
    }

    /// Takes the next message, in the place of what is in `message`; false if what came concerns
    /// the pipe alone.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has come; `UnexpectedEof` when the peer closed; any other error:
    /// the pipe is gone.
    fn receive(&mut self, message: &mut Vec<u8>) -> io::Result<bool>;
}

/// Extent to which a turn finished its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All that can be done now is done.
    Done,
    /// More has come than is taken in one turn.
    More,
}

/// The buffers between a session and its pipe.
#[derive(Debug, Default)]
pub struct Pump {
    incoming: Vec<u8>,
    /// A message that the pipe had no room for.
    waiting: Option<Vec<u8>>,
    spare: Vec<u8>,
}

impl Pump {
    /// Receives, runs the work whose deadline has passed, and sends. A closed pipe ends the
    /// session.
    pub fn turn(&mut self, session: &mut Session, pipe: &mut impl Pipe, now: Duration) -> Progress {
        let progress = self.receive(session, pipe, now);
        session.tick(now);
        self.send(session, pipe);
        progress
    }

    /// True if the pipe had no room for a message.
    pub fn is_blocked(&self) -> bool {
        self.waiting.is_some()
    }

    fn receive(&mut self, session: &mut Session, pipe: &mut impl Pipe, now: Duration) -> Progress {
        for _ in 0..MESSAGES_PER_TURN {
            // A session that is leaving reads on, for the peer's goodbye.
            if session.end().is_some() && !session.is_leaving() {
                return Progress::Done;
            }
            match pipe.receive(&mut self.incoming) {
                Ok(true) => session.receive(&self.incoming, now),
                Ok(false) => session.carried(now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Progress::Done,
                Err(error) => {
                    session.lose(&error.to_string());
                    return Progress::Done;
                }
            }
        }
        Progress::More
    }

    /// Sends what the session has to say and the pipe takes.
    pub fn send(&mut self, session: &mut Session, pipe: &mut impl Pipe) {
        self.send_some(session, pipe, true);
    }

    /// As [`send`](Pump::send), but leaves bytes that do not fill a message, which more may be
    /// added to, to the next turn.
    pub fn send_whole(&mut self, session: &mut Session, pipe: &mut impl Pipe) {
        self.send_some(session, pipe, false);
    }

    fn send_some(&mut self, session: &mut Session, pipe: &mut impl Pipe, even_short: bool) {
        loop {
            // What found no room goes first, or messages would change their order.
            let message = match self.waiting.take() {
                Some(message) => message,
                None => {
                    let mut message = std::mem::take(&mut self.spare);
                    let some = match even_short && !pipe.is_busy() {
                        true => session.transmit(&mut message),
                        false => session.transmit_whole(&mut message),
                    };
                    if !some {
                        self.spare = message;
                        break;
                    }
                    message
                }
            };
            match pipe.send(&message) {
                Ok(()) => self.spare = message,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waiting = Some(message);
                    break;
                }
                Err(error) => return session.lose(&error.to_string()),
            }
        }
        match pipe.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                session.lose(&error.to_string());
            }
            // Done, or flushed again when the pipe reports that there is room.
            _ => {}
        }
    }
}
