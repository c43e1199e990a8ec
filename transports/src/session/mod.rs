//! Streams over anything that carries messages: credits, fragments, a heartbeat and an end that is
//! noticed.
//!
//! A data channel and a WebSocket carry messages, cannot be told to wait by whoever receives, and
//! may look open long after the peer has gone. A [`Session`] makes reliable byte streams of them.
//! It is a pure state machine: what arrives is given to it, what is to be sent is taken from it,
//! and it is told the time.
//!
//! * A stream may send what it has credit for; the reader gives credit as it reads. A slow reader
//!   stops its own stream, no other one, and the memory for what it has not read is bounded.
//! * No message is longer than [`MAX_MESSAGE`]. Streams that have something to send take turns, a
//!   message each.
//! * A peer that is silent is asked, and given up after [`SessionLimits::dead_after`].
//!
//! ```
//! use mydht_transports::session::{Session, SessionLimits, Side};
//! use std::time::Duration;
//!
//! let now = Duration::ZERO;
//! let mut a = Session::new(Side::A, SessionLimits::default(), now);
//! let mut b = Session::new(Side::B, SessionLimits::default(), now);
//! let stream = a.open()?;
//! a.write(stream, b"hello")?;
//! let mut message = Vec::new();
//! while a.transmit(&mut message) {
//!     b.receive(&message, now);
//! }
//! let stream = b.accept().expect("a stream was opened");
//! let mut buf = [0; 16];
//! assert_eq!(b.read(stream, &mut buf)?, 5);
//! # Ok::<(), std::io::Error>(())
//! ```

mod end;
mod frame;
mod heartbeat;
mod limits;
mod pump;
mod stream;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Duration;

use mydht_evloop::traits::Ready;

pub use end::End;
use frame::{Frame, Violation};
pub use frame::{MAX_FRAGMENT, MAX_MESSAGE};
use heartbeat::{Beat, Heartbeat};
pub use limits::{FIRST_CREDIT, SessionLimits};
pub use pump::{Pipe, Progress, Pump};
use stream::Stream;

/// Refusals that a peer may be owed before it is taken for an attacker.
const MOST_REFUSALS: usize = 64;

/// Which of the two ends a session is: A numbers its streams 1, 3, 5…, B its 2, 4, 6…
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that opened the connection, where there is such a one.
    A,
    /// The other one.
    B,
}

/// A stream's number in its session. It is never used again.
pub type StreamId = u32;

/// See the [module](self).
#[derive(Debug)]
pub struct Session {
    limits: SessionLimits,
    streams: HashMap<StreamId, Stream>,
    /// The next stream that this end opens.
    next: StreamId,
    /// The lowest number that the peer's next stream may have.
    peer_next: StreamId,
    accepted: VecDeque<StreamId>,
    refused: VecDeque<StreamId>,
    /// Streams with frames to send, in the order of their turns.
    speakers: VecDeque<StreamId>,
    /// Streams whose users must be told that they need not wait any longer.
    reports: VecDeque<StreamId>,
    /// Streams that were closed before all was sent, and when that is given up; ascending.
    lingering: VecDeque<(Duration, StreamId)>,
    heartbeat: Heartbeat,
    ping: bool,
    pong: bool,
    end: Option<End>,
    bye: Option<String>,
    moved: u64,
    peer_left: bool,
}

impl Session {
    /// A session that begins `now`: the peer's silence is counted from here.
    pub fn new(side: Side, limits: SessionLimits, now: Duration) -> Self {
        let (next, peer_next) = match side {
            Side::A => (1, 2),
            Side::B => (2, 1),
        };
        Session {
            heartbeat: Heartbeat::new(limits.heartbeat, limits.dead_after, now),
            limits,
            streams: HashMap::new(),
            next,
            peer_next,
            accepted: VecDeque::new(),
            refused: VecDeque::new(),
            speakers: VecDeque::new(),
            reports: VecDeque::new(),
            lingering: VecDeque::new(),
            ping: false,
            pong: false,
            end: None,
            bye: None,
            moved: 0,
            peer_left: false,
        }
    }

    /// Counts silence from `now`: the carrier opened, or the peer's end of it showed a sign of
    /// life.
    pub fn carried(&mut self, now: Duration) {
        self.heartbeat.heard(now);
    }

    /// Takes a message of the peer.
    pub fn receive(&mut self, message: &[u8], now: Duration) {
        if self.end.is_some() {
            // Both may leave at the same time.
            self.peer_left |= matches!(Frame::parse(message), Ok(Frame::Bye(_)));
            return;
        }
        self.heartbeat.heard(now);
        if let Err(violation) = Frame::parse(message).and_then(|frame| self.take(frame)) {
            self.close(End::Violation(violation.to_string()));
        }
    }

    fn take(&mut self, frame: Frame<'_>) -> Result<(), Violation> {
        match frame {
            Frame::Ping => self.pong = true,
            Frame::Pong => {}
            Frame::Open(id) => return self.peer_opens(id),
            Frame::Data(id, payload) => {
                if let Some(stream) = known(&mut self.streams, id, self.next, self.peer_next)? {
                    stream.receive(payload, &self.limits)?;
                    self.moved += payload.len() as u64;
                    self.touched(id);
                }
            }
            Frame::Credit(id, count) => {
                if let Some(stream) = known(&mut self.streams, id, self.next, self.peer_next)? {
                    stream.add_credit(count)?;
                    self.touched(id);
                }
            }
            Frame::Close(id) => {
                if let Some(stream) = known(&mut self.streams, id, self.next, self.peer_next)? {
                    stream.peer_closes();
                    self.touched(id);
                }
            }
            Frame::Bye(reason) => {
                self.peer_left = true;
                self.close(End::Left(reason.to_owned()));
            }
        }
        Ok(())
    }

    fn peer_opens(&mut self, id: StreamId) -> Result<(), Violation> {
        // Numbers only rise, so a late frame never reaches a newer stream.
        if id < self.peer_next || id % 2 != self.peer_next % 2 {
            return Err(Violation::UnknownStream(id));
        }
        self.peer_next = id.checked_add(2).ok_or(Violation::UnknownStream(id))?;
        // Not a violation: the peer does not know this end's limit.
        if self.streams.len() >= self.limits.streams {
            if self.refused.len() >= MOST_REFUSALS {
                return Err(Violation::TooManyStreams);
            }
            self.refused.push_back(id);
            return Ok(());
        }
        // Not announced: the peer opened it.
        self.streams.insert(id, Stream::new(id, false));
        self.accepted.push_back(id);
        Ok(())
    }

    /// The next message to be sent, in the place of what is in `message`; false if there is none.
    pub fn transmit(&mut self, message: &mut Vec<u8>) -> bool {
        self.next_message(message, true)
    }

    /// As [`transmit`](Session::transmit), without messages that more bytes of their stream could
    /// still join.
    pub fn transmit_whole(&mut self, message: &mut Vec<u8>) -> bool {
        self.next_message(message, false)
    }

    fn next_message(&mut self, message: &mut Vec<u8>, even_short: bool) -> bool {
        message.clear();
        // An ended session has this one message left, so it comes before the end is looked at.
        if let Some(reason) = self.bye.take() {
            Frame::Bye(&reason).encode(message);
            return true;
        }
        if self.end.is_some() {
            return false;
        }
        // Before the streams: behind the bytes of busy ones, an answer could come too late.
        if std::mem::take(&mut self.pong) {
            Frame::Pong.encode(message);
        } else if std::mem::take(&mut self.ping) {
            Frame::Ping.encode(message);
        } else if let Some(id) = self.refused.pop_front() {
            Frame::Close(id).encode(message);
        } else {
            return self.let_one_speak(message, even_short);
        }
        true
    }

    fn let_one_speak(&mut self, message: &mut Vec<u8>, even_short: bool) -> bool {
        // Each at most once, because those without a whole message go back into the queue.
        for _ in 0..self.speakers.len() {
            let Some(id) = self.speakers.pop_front() else {
                break;
            };
            // It was closed after it had been queued.
            let Some(stream) = self.streams.get_mut(&id) else {
                continue;
            };
            if !even_short && stream.has_to_say(&self.limits) && !stream.has_whole(&self.limits) {
                self.speakers.push_back(id);
                continue;
            }
            stream.queued = false;
            if !stream.has_to_say(&self.limits) {
                continue;
            }
            if stream.say(message, &self.limits) {
                self.streams.remove(&id);
            } else {
                self.touched(id);
            }
            return true;
        }
        false
    }

    /// Runs the work whose deadline has passed. Call it after receiving, and again at
    /// [`next_deadline`](Session::next_deadline) at the latest.
    pub fn tick(&mut self, now: Duration) {
        if self.end.is_some() {
            return;
        }
        while let Some((_, id)) = self.lingering.pop_front_if(|(until, _)| *until <= now) {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.discard_unsent();
                self.touched(id);
            }
        }
        match self.heartbeat.poll(now) {
            Beat::Fine => {}
            Beat::Ask => self.ping = true,
            Beat::Dead => self.close(End::Silent(self.limits.dead_after.as_secs())),
        }
    }

    /// Returns the time of the next [`tick`](Session::tick); `None` once the session is over.
    pub fn next_deadline(&self) -> Option<Duration> {
        if self.end.is_some() {
            return None;
        }
        let lingering = self.lingering.front().map(|(until, _)| *until);
        let heartbeat = self.heartbeat.next_deadline();
        Some(lingering.map_or(heartbeat, |until| until.min(heartbeat)))
    }

    /// Opens a stream. The peer hears of it with the next message.
    ///
    /// # Errors
    /// When the session is over, or has as many streams as it may (limit `streams`).
    pub fn open(&mut self) -> io::Result<StreamId> {
        if let Some(end) = &self.end {
            return Err(end.error());
        }
        if self.streams.len() >= self.limits.streams {
            return Err(io::Error::other(format!(
                "{} streams are open to this peer: close one first (limit streams)",
                self.limits.streams
            )));
        }
        let id = self.next;
        let used_up = || io::Error::other("this connection has used up its stream numbers");
        self.next = id.checked_add(2).ok_or_else(used_up)?;
        self.streams.insert(id, Stream::new(id, true));
        self.touched(id);
        Ok(id)
    }

    /// The next stream that the peer opened.
    pub fn accept(&mut self) -> Option<StreamId> {
        self.accepted.pop_front()
    }

    /// Reads bytes of a stream.
    ///
    /// # Errors
    /// `WouldBlock` when none have come: the stream will be [reported](Session::take_report). Why
    /// the session is over, once what came before was read. `Ok(0)`: the peer closed.
    pub fn read(&mut self, id: StreamId, buf: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(0);
        };
        match stream.read(buf) {
            Some(result) => {
                self.touched(id);
                result
            }
            None => match &self.end {
                Some(end) => end.on_read(),
                None => Err(io::ErrorKind::WouldBlock.into()),
            },
        }
    }

    /// Writes bytes to a stream; they are sent by and by.
    ///
    /// # Errors
    /// `WouldBlock` when it holds as many unsent bytes as it may: it will be
    /// [reported](Session::take_report). Why the session or the stream is over.
    pub fn write(&mut self, id: StreamId, buf: &[u8]) -> io::Result<usize> {
        if let Some(end) = &self.end {
            return Err(end.error());
        }
        let stream = self.streams.get_mut(&id).ok_or(io::ErrorKind::BrokenPipe)?;
        let result = stream.write(buf, &self.limits);
        self.moved += result.as_ref().map_or(0, |count| *count as u64);
        self.touched(id);
        result
    }

    /// True if nothing of a stream waits to be sent. If not, the stream is reported writable when
    /// there is room.
    pub fn is_flushed(&mut self, id: StreamId) -> bool {
        self.end.is_some() || self.streams.get_mut(&id).is_none_or(Stream::is_flushed)
    }

    /// Closes a stream: what was written is still sent, as far as the peer takes it within
    /// [`linger`](SessionLimits::linger).
    pub fn close_stream(&mut self, id: StreamId, now: Duration) {
        if self.end.is_some() {
            self.streams.remove(&id);
        } else if let Some(stream) = self.streams.get_mut(&id)
            // The first of the handle and its halves sets the deadline.
            && !stream.is_closing()
        {
            stream.close();
            stream.wake();
            self.lingering.push_back((now + self.limits.linger, id));
            self.touched(id);
        }
    }

    /// Closes the session and all its streams, for this reason; the first reason stays.
    ///
    /// The reason of [`End::Closed`] and [`End::Violation`] is told to the peer with the next
    /// message. Nothing else is sent.
    pub fn close(&mut self, end: End) {
        if self.end.is_some() {
            return;
        }
        if let End::Closed(reason) | End::Violation(reason) = &end {
            self.bye = Some(reason.clone());
        }
        self.end = Some(end);
        self.speakers.clear();
        self.lingering.clear();
        self.accepted.clear();
        // A stream that is closing has no user left who could hear of the end.
        self.streams.retain(|_, stream| !stream.is_closing());
        let ids: Vec<StreamId> = self.streams.keys().copied().collect();
        for id in ids {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.wake();
                self.touched(id);
            }
        }
    }

    /// Closes with [`End::Lost`].
    pub fn lose(&mut self, why: &str) {
        self.close(End::Lost(why.to_owned()));
    }

    /// Why the session is over, if it is.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// True if this end has said goodbye to a peer that has not: its last message is on its way.
    pub fn is_leaving(&self) -> bool {
        matches!(self.end, Some(End::Closed(_) | End::Violation(_))) && !self.peer_left
    }

    /// Bytes of streams that were received or taken to be sent.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Streams that are open, or still sending what was written before they were closed.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// A stream whose user was told to wait and need not any longer, and for what.
    pub fn take_report(&mut self) -> Option<(StreamId, Ready)> {
        while let Some(id) = self.reports.pop_front() {
            if let Some(ready) = self.streams.get_mut(&id).and_then(Stream::take_report) {
                return Some((id, ready));
            }
        }
        None
    }

    /// Returns what a stream can be used for now.
    pub fn readiness(&self, id: StreamId) -> Option<Ready> {
        match self.streams.get(&id) {
            Some(stream) if self.end.is_none() => stream.readiness(&self.limits),
            _ => Some(Ready::Both),
        }
    }

    /// Something about a stream has changed: it is queued where it belongs.
    fn touched(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if !stream.queued && self.end.is_none() && stream.has_to_say(&self.limits) {
            stream.queued = true;
            self.speakers.push_back(id);
        }
        if stream.has_report() && !self.reports.contains(&id) {
            self.reports.push_back(id);
        }
    }
}

/// A stream by its number; `None` if it is closed already, which the peer may not know yet.
fn known(
    streams: &mut HashMap<StreamId, Stream>,
    id: StreamId,
    next: StreamId,
    peer_next: StreamId,
) -> Result<Option<&mut Stream>, Violation> {
    let used = if id % 2 == next % 2 {
        id < next
    } else {
        id < peer_next
    };
    // 0 is even, but the even numbers begin at 2.
    if id == 0 || !used {
        return Err(Violation::UnknownStream(id));
    }
    Ok(streams.get_mut(&id))
}
