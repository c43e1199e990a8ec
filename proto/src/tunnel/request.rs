//! Requests through a tunnel, and their answers.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Class, TunnelError};
use crate::engine::Event;
use crate::id::Key;
use crate::record::{Record, Value};

/// Request to the last hop, which carries it out in its own name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Find the value under a key.
    Get(Key),
    /// Put a value.
    Put(Record),
}

/// Answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The record. The requester must check that it belongs to its key, as `mydht::tunnel::Tunnel`
    /// does.
    Found(Record),
    /// There is none.
    NotFound,
    /// So many peers of the last hop keep it.
    Stored(u64),
    /// Failure, with a reason for people.
    Failed(String),
}

fn encode<T: Serialize>(what: &T) -> Result<Vec<u8>, TunnelError> {
    bincode::serde::encode_to_vec(what, bincode::config::legacy()).map_err(|_| TunnelError::TooLong)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    // A length in it claims no more memory than a packet has.
    const MOST: usize = 64 << 10;
    let config = bincode::config::legacy().with_limit::<MOST>();
    let (what, len) = bincode::serde::decode_from_slice(bytes, config).ok()?;
    (len == bytes.len()).then_some(what)
}

impl Request {
    /// Encodes the request as it travels, and as `mydht::tunnel::Tunnel` is told it.
    ///
    /// # Errors
    /// `TooLong` if it cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TunnelError> {
        encode(self)
    }

    /// Decodes a request. Returns `None` if the bytes are not exactly one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }
}

impl Answer {
    /// Reads an answer. `None`: the bytes are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        decode(bytes)
    }

    /// Encodes the answer.
    ///
    /// # Errors
    /// `TooLong` if it cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, TunnelError> {
        encode(self)
    }

    /// Returns the answer for the other end of a tunnel. `None`: more events follow.
    pub fn of_event(event: Event) -> Option<Self> {
        const FILE: &str = "this is a file, which does not go through a tunnel: get it without one";
        Some(match event {
            Event::Progress { .. } => return None,
            Event::Found(record) => match record.value {
                Value::Attachment { .. } => Answer::Failed(FILE.into()),
                Value::Bytes(_) => Answer::Found(record),
            },
            Event::NotFound => Answer::NotFound,
            Event::Stored { copies } => Answer::Stored(copies as u64),
            Event::Failed(why) => Answer::Failed(why.to_string()),
            _ => Answer::Failed("the last hop did something else".into()),
        })
    }

    /// As it travels; an error in the place of what is too long.
    pub fn to_content(&self) -> Result<Vec<u8>, TunnelError> {
        let bytes = self.to_bytes()?;
        match Class::for_content(bytes.len()) {
            Ok(_) => Ok(bytes),
            Err(why) => Answer::Failed(why.to_string()).to_bytes(),
        }
    }
}
