//! One connection over anything that becomes a pipe: opening, session, end. Told the time; it never
//! waits.

use std::io;
use std::time::Duration;

use mydht_evloop::traits::Ready;

use super::Limits;
use crate::session::{End, Pipe, Progress, Pump, Session, Side, StreamId};

/// A pipe that opens first, and closes when it is dropped.
pub trait Carrier: Pipe {
    /// Goes on opening.
    ///
    /// # Errors
    /// `WouldBlock` while it is under way; why it cannot be opened.
    fn open(&mut self) -> io::Result<()>;

    /// Says that this end closes, if the peer takes that at once.
    fn say_close(&mut self);

    /// When to try again after `WouldBlock` where nothing reports that there is room.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// A connection.
#[derive(Debug)]
pub struct Machine<C> {
    /// `None`: over.
    carrier: Option<C>,
    is_open: bool,
    session: Session,
    /// The one stream: the client opens it.
    stream: Option<StreamId>,
    pump: Pump,
    open_deadline: Duration,
    /// When it must be open; counted from the first turn. Then, when blocked sending is tried
    /// again.
    deadline: Option<Duration>,
}

impl<C: Carrier> Machine<C> {
    /// The end that connects.
    ///
    /// # Errors
    /// When the limits allow no stream.
    pub fn client(carrier: C, limits: &Limits) -> io::Result<Self> {
        let mut machine = Machine::new(carrier, Side::A, limits);
        machine.stream = Some(machine.session.open()?);
        Ok(machine)
    }

    /// The end that was connected to.
    pub fn server(carrier: C, limits: &Limits) -> Self {
        Machine::new(carrier, Side::B, limits)
    }

    fn new(carrier: C, side: Side, limits: &Limits) -> Self {
        Machine {
            carrier: Some(carrier),
            is_open: false,
            session: Session::new(side, limits.session.clone(), Duration::ZERO),
            stream: None,
            pump: Pump::default(),
            open_deadline: limits.open_deadline,
            deadline: None,
        }
    }

    /// Does what can be done at this time.
    pub fn turn(&mut self, now: Duration) -> Progress {
        if !self.is_open {
            self.open(now);
        }
        let Some(carrier) = self.carrier.as_mut().filter(|_| self.is_open) else {
            return Progress::Done;
        };
        let progress = self.pump.turn(&mut self.session, carrier, now);
        let retry = carrier.retry_after().filter(|_| self.pump.is_blocked());
        self.deadline = retry.map(|after| now + after);
        if self.stream.is_none() {
            self.stream = self.session.accept();
        }
        self.drop_carrier_if_ended();
        progress
    }

    fn open(&mut self, now: Duration) {
        let Some(carrier) = &mut self.carrier else {
            return;
        };
        match carrier.open() {
            Ok(()) => {
                self.is_open = true;
                // From here on the field is for retries.
                self.deadline = None;
                return self.session.carried(now);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let deadline = *self.deadline.get_or_insert(now + self.open_deadline);
                if now < deadline {
                    return;
                }
                let seconds = self.open_deadline.as_secs();
                let why = format!("the connection was not open within {seconds} s");
                self.session.lose(&why);
            }
            Err(error) => self.session.lose(&error.to_string()),
        }
        self.carrier = None;
    }

    fn drop_carrier_if_ended(&mut self) {
        if self.session.end().is_some()
            && let Some(mut carrier) = self.carrier.take()
        {
            carrier.say_close();
        }
    }

    /// True once what carried it is closed.
    pub fn is_over(&self) -> bool {
        self.carrier.is_none()
    }

    /// Returns the deadline of the next turn.
    pub fn next_deadline(&self) -> Option<Duration> {
        let session = self.session.next_deadline().filter(|_| self.is_open);
        session
            .into_iter()
            .chain(self.deadline)
            .min()
            .filter(|_| !self.is_over())
    }

    /// Returns what the one stream can be used for.
    pub fn readiness(&self) -> Option<Ready> {
        match self.stream {
            Some(stream) => self.session.readiness(stream),
            None => self.session.end().map(|_| Ready::Both),
        }
    }

    /// Takes the readiness to report to a user that waited.
    pub fn take_report(&mut self) -> Option<Ready> {
        self.session.take_report().map(|(_, ready)| ready)
    }

    /// Reads from the stream; then sends what the session has to say to that.
    ///
    /// # Errors
    /// As [`Session::read`]; also `WouldBlock` while there is no stream yet.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let stream = self.stream.ok_or_else(|| self.no_stream())?;
        let result = self.session.read(stream, buf);
        self.send();
        result
    }

    /// Writes to the stream, and sends what can be sent.
    ///
    /// # Errors
    /// As [`Session::write`]; also `WouldBlock` while there is no stream yet.
    pub fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let stream = self.stream.ok_or_else(|| self.no_stream())?;
        let result = self.session.write(stream, buf);
        self.send();
        result
    }

    /// Returns the error of a stream that does not exist yet, or never will.
    fn no_stream(&self) -> io::Error {
        let blocks = || io::ErrorKind::WouldBlock.into();
        self.session.end().map_or_else(blocks, End::error)
    }

    fn send(&mut self) {
        if let Some(carrier) = self.carrier.as_mut().filter(|_| self.is_open) {
            self.pump.send(&mut self.session, carrier);
            self.drop_carrier_if_ended();
        }
    }

    /// Closes, after what can be sent at once was sent.
    pub fn close(&mut self, now: Duration) {
        // The stream's bytes and its close first: the session's goodbye ends everything.
        if let Some(stream) = self.stream {
            self.session.close_stream(stream, now);
            self.send();
        }
        self.session.close(End::Closed(String::new()));
        self.send();
        self.carrier = None;
    }
}
