//! bincode with its legacy configuration: the wire of bincode 1, which MyDHT used.

use std::io::{self, Read, Write};

use bincode::config::{self, Config};
use bincode::error::{DecodeError, EncodeError};

use super::{MsgEnc, ProtoMessage};

/// The most memory that a length inside a message may claim before its bytes are there. The message
/// itself has the limit `sizes.message_bytes` of the node.
const CLAIM_LIMIT: usize = 1 << 20;

/// Fixed-width little-endian integers, lengths as u64.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bincode;

impl Bincode {
    fn config() -> impl Config {
        // bincode takes this limit as a const generic, so it cannot be the limit of the node.
        config::legacy().with_limit::<CLAIM_LIMIT>()
    }
}

impl MsgEnc for Bincode {
    const ID: u8 = 1;

    fn encode_into<W: Write>(&self, w: &mut W, message: &ProtoMessage) -> io::Result<()> {
        bincode::serde::encode_into_std_write(message, w, Self::config())
            .map(drop)
            .map_err(|error| match error {
                EncodeError::Io { inner, .. } => inner,
                other => io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("the message cannot be encoded: {other}"),
                ),
            })
    }

    fn decode_from<R: Read>(&self, r: &mut R) -> io::Result<ProtoMessage> {
        // Of a `Read`, bincode wants it owned or by `&mut`, and keeps nothing of it.
        bincode::serde::decode_from_std_read(r, Self::config()).map_err(|error| match error {
            DecodeError::Io { inner, .. } => inner,
            DecodeError::UnexpectedEnd { .. } => io::ErrorKind::UnexpectedEof.into(),
            DecodeError::LimitExceeded => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a message claims over {CLAIM_LIMIT} bytes (limit sizes.message_bytes)"),
            ),
            other => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the peer sent bytes that are no message: {other}"),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_2_to_the_60_is_refused_before_its_memory_is_claimed() {
        // FOUND, query 1, key by content, a byte string of 2^60 bytes.
        let mut bytes = Vec::new();
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend([0; 32]);
        bytes.extend(0u32.to_le_bytes());
        bytes.extend((1u64 << 60).to_le_bytes());
        let error = Bincode.decode_from(&mut &bytes[..]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("message_bytes"), "{error}");
    }

    #[test]
    fn the_legacy_wire_is_fixed_width_and_little_endian() {
        let mut bytes = Vec::new();
        let message = ProtoMessage::NotFound {
            query: 0x0102,
            nodes: Vec::new(),
        };
        Bincode.encode_into(&mut bytes, &message).unwrap();
        assert_eq!(
            bytes,
            [2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn an_app_message_is_what_docs_wire_says() {
        let mut bytes = Vec::new();
        let message = ProtoMessage::App {
            service: "chat".into(),
            body: b"hi".to_vec(),
        };
        Bincode.encode_into(&mut bytes, &message).unwrap();
        let name = [4, 0, 0, 0, 0, 0, 0, 0, b'c', b'h', b'a', b't'];
        let body = [2, 0, 0, 0, 0, 0, 0, 0, b'h', b'i'];
        assert_eq!(bytes, [&[9, 0, 0, 0][..], &name, &body].concat());
    }
}
