//! One stream of a session.

use std::collections::VecDeque;
use std::io::{self, Read};

use mydht_evloop::traits::Ready;

use super::frame::{Frame, MAX_FRAGMENT, Violation};
use super::limits::{FIRST_CREDIT, SessionLimits};

/// The two directions of a stream, and what is to be said about it.
#[derive(Debug)]
pub(super) struct Stream {
    id: u32,
    received: VecDeque<u8>,
    /// Bytes that the peer may send.
    window: u32,
    /// Bytes read since the peer was last given credit, and what its first byte brings.
    owed: u32,
    raised: bool,
    to_send: VecDeque<u8>,
    /// Bytes that may be sent.
    credit: u32,
    announce: bool,
    closing: bool,
    peer_closed: bool,
    /// Its user was told that there is nothing to read, or no room to write.
    reader_waits: bool,
    writer_waits: bool,
    report: Option<Ready>,
    /// True if the stream is in the session's queue of speakers.
    pub queued: bool,
}

impl Stream {
    /// A stream that this end opened (`announce`) or its peer.
    pub fn new(id: u32, announce: bool) -> Self {
        Stream {
            id,
            received: VecDeque::new(),
            window: FIRST_CREDIT,
            owed: 0,
            raised: false,
            to_send: VecDeque::new(),
            credit: FIRST_CREDIT,
            announce,
            closing: false,
            peer_closed: false,
            reader_waits: true,
            writer_waits: true,
            report: None,
            queued: false,
        }
    }

    pub fn receive(&mut self, payload: &[u8], limits: &SessionLimits) -> Result<(), Violation> {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        // Both ends count the same credit, so more than this is no race but a broken rule.
        self.window = self
            .window
            .checked_sub(len)
            .ok_or(Violation::TooMuch(self.id))?;
        // With the first bytes, so that a stream without any costs no frame of credit.
        if !self.raised {
            self.raised = true;
            self.owed = limits.window.saturating_sub(FIRST_CREDIT);
        }
        // The peer may not know yet that it is closed, so its bytes count and are dropped.
        if !self.closing {
            self.received.extend(payload);
            self.wake_reader();
        }
        Ok(())
    }

    pub fn add_credit(&mut self, count: u32) -> Result<(), Violation> {
        self.credit = self
            .credit
            .checked_add(count)
            .ok_or(Violation::TooMuchCredit(self.id))?;
        Ok(())
    }

    pub fn peer_closes(&mut self) {
        self.peer_closed = true;
        // A peer that closes hears no more, as `Frame::Close` says.
        self.to_send.clear();
        self.wake_reader();
        self.wake_writer();
    }

    /// `None`: nothing has come, and the session's state says what that means.
    pub fn read(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        if self.received.is_empty() {
            let end = self.peer_closed || self.closing;
            self.reader_waits = !end;
            return end.then_some(Ok(0));
        }
        let result = self.received.read(buf);
        let count = result.as_ref().map_or(0, |count| *count);
        self.owed = self
            .owed
            .saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        Some(result)
    }

    pub fn write(&mut self, buf: &[u8], limits: &SessionLimits) -> io::Result<usize> {
        if self.closing || self.peer_closed {
            let why = "the peer closed the stream";
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, why));
        }
        let room = limits.send_buffer.saturating_sub(self.to_send.len());
        if room == 0 && !buf.is_empty() {
            self.writer_waits = true;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = room.min(buf.len());
        self.to_send.extend(&buf[..count]);
        Ok(count)
    }

    /// True if all that was written was sent.
    pub fn is_flushed(&mut self) -> bool {
        let flushed = self.to_send.is_empty() && !self.announce;
        self.writer_waits |= !flushed;
        flushed
    }

    /// Its user reads no more and writes no more.
    pub fn close(&mut self) {
        self.closing = true;
        self.received.clear();
    }

    /// Discards what was written and not sent.
    pub fn discard_unsent(&mut self) {
        self.to_send.clear();
    }

    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// A quarter of the window: often enough that a peer that sends evenly never waits, and seldom.
    fn credit_is_due(&self, limits: &SessionLimits) -> bool {
        self.owed > 0 && self.owed >= limits.window / 4 && !self.closing && !self.peer_closed
    }

    pub fn has_to_say(&self, limits: &SessionLimits) -> bool {
        self.announce
            || self.credit_is_due(limits)
            || (self.credit > 0 && !self.to_send.is_empty())
            || (self.closing && self.to_send.is_empty())
    }

    /// As [`has_to_say`](Stream::has_to_say), but of bytes only as many as fill a message.
    pub fn has_whole(&self, limits: &SessionLimits) -> bool {
        let sendable = self.to_send.len().min(self.credit as usize);
        let is_short = (1..MAX_FRAGMENT).contains(&sendable);
        self.announce || self.credit_is_due(limits) || (self.has_to_say(limits) && !is_short)
    }

    /// Appends its next frame; true if it has said its last one. Only if it
    /// [has](Stream::has_to_say) one.
    pub fn say(&mut self, message: &mut Vec<u8>, limits: &SessionLimits) -> bool {
        if std::mem::take(&mut self.announce) {
            Frame::Open(self.id).encode(message);
        } else if self.credit_is_due(limits) {
            let count = std::mem::take(&mut self.owed);
            // Now, when it is said: the peer cannot use it earlier.
            self.window = self.window.saturating_add(count);
            Frame::Credit(self.id, count).encode(message);
        } else if self.to_send.is_empty() {
            Frame::Close(self.id).encode(message);
            return true;
        } else {
            self.send(message);
            // At half, so that the writer is not woken for each message.
            if self.to_send.len() <= limits.send_buffer / 2 {
                self.wake_writer();
            }
        }
        false
    }

    fn send(&mut self, message: &mut Vec<u8>) {
        let credit = usize::try_from(self.credit).unwrap_or(usize::MAX);
        let count = self.to_send.len().min(credit).min(MAX_FRAGMENT);
        // The header alone: the bytes follow from both halves of the queue, copied once.
        Frame::Data(self.id, &[]).encode(message);
        let (front, back) = self.to_send.as_slices();
        let from_front = count.min(front.len());
        message.extend_from_slice(&front[..from_front]);
        message.extend_from_slice(&back[..count - from_front]);
        self.to_send.drain(..count);
        // `count` is at most the credit, so this is exact.
        self.credit -= u32::try_from(count).unwrap_or(self.credit);
    }

    /// Returns what the stream can be used for now, whatever its user was told.
    pub fn readiness(&self, limits: &SessionLimits) -> Option<Ready> {
        let over = self.peer_closed || self.closing;
        let readable = over || !self.received.is_empty();
        let writable = over || self.to_send.len() < limits.send_buffer;
        match (readable, writable) {
            (true, true) => Some(Ready::Both),
            (true, false) => Some(Ready::Readable),
            (false, true) => Some(Ready::Writable),
            (false, false) => None,
        }
    }

    fn wake_reader(&mut self) {
        if std::mem::take(&mut self.reader_waits) {
            self.add_report(Ready::Readable);
        }
    }

    fn wake_writer(&mut self) {
        if std::mem::take(&mut self.writer_waits) {
            self.add_report(Ready::Writable);
        }
    }

    /// The session is over: both of its users have something to hear.
    pub fn wake(&mut self) {
        self.wake_reader();
        self.wake_writer();
    }

    fn add_report(&mut self, ready: Ready) {
        self.report = match self.report {
            Some(before) if before != ready => Some(Ready::Both),
            _ => Some(ready),
        };
    }

    pub fn take_report(&mut self) -> Option<Ready> {
        self.report.take()
    }

    pub fn has_report(&self) -> bool {
        self.report.is_some()
    }
}
