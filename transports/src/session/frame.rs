//! Frames that two sessions exchange, one a message.

use std::fmt;

/// Bytes of a message at most: what every data channel carries as one piece (RFC 8831, section
/// 6.6).
pub const MAX_MESSAGE: usize = 16 * 1024;

/// Bytes of a frame before the payload of a stream.
pub(super) const DATA_HEADER: usize = 5;

/// Bytes of payload in a frame at most.
pub const MAX_FRAGMENT: usize = MAX_MESSAGE - DATA_HEADER;

/// Bytes of the reason in a goodbye at most.
const MAX_REASON: usize = 256;

const PING: u8 = 0;
const PONG: u8 = 1;
const OPEN: u8 = 2;
const DATA: u8 = 3;
const CREDIT: u8 = 4;
const CLOSE: u8 = 5;
const BYE: u8 = 6;

/// One message. Numbers are big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// 0: are you there?
    Ping,
    /// 1: I am.
    Pong,
    /// 2, stream (u32): the sender opened a stream.
    Open(u32),
    /// 3, stream (u32), 1 to [`MAX_FRAGMENT`] bytes: the next bytes of a stream.
    Data(u32, &'a [u8]),
    /// 4, stream (u32), count (u32): so many more bytes may be sent.
    Credit(u32, u32),
    /// 5, stream (u32): the sender says no more on this stream, and hears no more.
    Close(u32),
    /// 6, reason (UTF-8): the sender leaves.
    Bye(&'a str),
}

/// Message that a peer may not send. It ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Malformed,
    TooLong(usize),
    UnknownStream(u32),
    TooMuch(u32),
    TooMuchCredit(u32),
    TooManyStreams,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Malformed => write!(f, "it sent an invalid frame"),
            Violation::TooLong(len) => {
                write!(f, "it sent a message of {len} bytes (limit {MAX_MESSAGE})")
            }
            Violation::UnknownStream(id) => {
                write!(f, "it spoke on stream {id}, which nobody opened")
            }
            Violation::TooMuch(id) => write!(f, "it sent more on stream {id} than it had credit"),
            Violation::TooMuchCredit(id) => {
                write!(f, "it gave more credit on stream {id} than can be counted")
            }
            Violation::TooManyStreams => write!(f, "it opens streams faster than it is refused"),
        }
    }
}

impl<'a> Frame<'a> {
    pub fn parse(message: &'a [u8]) -> Result<Self, Violation> {
        if message.len() > MAX_MESSAGE {
            return Err(Violation::TooLong(message.len()));
        }
        let (&kind, rest) = message.split_first().ok_or(Violation::Malformed)?;
        let number = |at: usize| {
            let bytes = rest.get(at..at + 4).ok_or(Violation::Malformed)?;
            Ok(bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u32::from(*byte)))
        };
        let (frame, len) = match kind {
            PING => (Frame::Ping, 0),
            PONG => (Frame::Pong, 0),
            OPEN => (Frame::Open(number(0)?), 4),
            // An empty payload costs no credit, so a peer could flood with it.
            DATA if rest.len() > 4 => (Frame::Data(number(0)?, &rest[4..]), rest.len()),
            CREDIT => (Frame::Credit(number(0)?, number(4)?), 8),
            CLOSE => (Frame::Close(number(0)?), 4),
            BYE if rest.len() <= MAX_REASON => {
                let reason = str::from_utf8(rest).map_err(|_| Violation::Malformed)?;
                (Frame::Bye(reason), rest.len())
            }
            _ => return Err(Violation::Malformed),
        };
        // A frame fills its message: nothing may follow it.
        if len == rest.len() {
            Ok(frame)
        } else {
            Err(Violation::Malformed)
        }
    }

    /// Appends it.
    pub fn encode(&self, message: &mut Vec<u8>) {
        let mut numbers = |kind: u8, numbers: &[u32]| {
            message.push(kind);
            for number in numbers {
                message.extend_from_slice(&number.to_be_bytes());
            }
        };
        match *self {
            Frame::Ping => numbers(PING, &[]),
            Frame::Pong => numbers(PONG, &[]),
            Frame::Open(stream) => numbers(OPEN, &[stream]),
            Frame::Data(stream, payload) => {
                numbers(DATA, &[stream]);
                message.extend_from_slice(payload);
            }
            Frame::Credit(stream, count) => numbers(CREDIT, &[stream, count]),
            Frame::Close(stream) => numbers(CLOSE, &[stream]),
            Frame::Bye(reason) => {
                numbers(BYE, &[]);
                // Between two characters, or the peer would refuse the reason as no UTF-8.
                let end = reason.floor_char_boundary(MAX_REASON);
                message.extend_from_slice(&reason.as_bytes()[..end]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(frame: Frame<'_>) -> Vec<u8> {
        let mut message = Vec::new();
        frame.encode(&mut message);
        message
    }

    #[test]
    fn frames_are_these_bytes() {
        let table: [(Frame<'_>, &[u8]); 7] = [
            (Frame::Ping, &[0]),
            (Frame::Pong, &[1]),
            (Frame::Open(0x0102_0304), &[2, 1, 2, 3, 4]),
            (Frame::Data(7, b"hi"), &[3, 0, 0, 0, 7, b'h', b'i']),
            (Frame::Credit(7, 65536), &[4, 0, 0, 0, 7, 0, 1, 0, 0]),
            (Frame::Close(7), &[5, 0, 0, 0, 7]),
            (Frame::Bye("so"), &[6, b's', b'o']),
        ];
        for (frame, bytes) in table {
            assert_eq!(encoded(frame), bytes);
            assert_eq!(Frame::parse(bytes), Ok(frame));
        }
    }

    #[test]
    fn a_frame_that_is_cut_or_padded_is_none() {
        for frame in [
            Frame::Ping,
            Frame::Open(9),
            Frame::Credit(9, 9),
            Frame::Close(9),
        ] {
            let mut message = encoded(frame);
            message.push(0);
            assert_eq!(Frame::parse(&message), Err(Violation::Malformed));
            message.pop();
            message.pop();
            assert!(Frame::parse(&message).is_err());
        }
        assert!(
            Frame::parse(&[3, 0, 0, 0, 1]).is_err(),
            "no bytes of a stream"
        );
        assert!(Frame::parse(&[7]).is_err());
        assert!(Frame::parse(&[]).is_err());
        assert!(
            Frame::parse(&[6, 0xff]).is_err(),
            "a reason that is no text"
        );
    }

    #[test]
    fn a_message_is_bounded() {
        let long = encoded(Frame::Data(1, &[0; MAX_FRAGMENT]));
        assert_eq!(long.len(), MAX_MESSAGE);
        assert!(Frame::parse(&long).is_ok());
        let longer = encoded(Frame::Data(1, &[0; MAX_FRAGMENT + 1]));
        assert_eq!(
            Frame::parse(&longer),
            Err(Violation::TooLong(MAX_MESSAGE + 1))
        );
        let reason = "é".repeat(200);
        assert_eq!(encoded(Frame::Bye(&reason)).len(), 1 + MAX_REASON);
        assert!(Frame::parse(&encoded(Frame::Bye(&reason))).is_ok());
    }
}
