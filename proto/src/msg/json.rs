//! JSON: for people who watch a wire, and for peers written in a hurry.

use std::io::{self, Read, Write};

use serde::Deserialize;

use super::{MsgEnc, ProtoMessage};

/// One JSON object a message; hashes and byte strings are hexadecimal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl MsgEnc for Json {
    const ID: u8 = 2;

    fn encode_into<W: Write>(&self, w: &mut W, message: &ProtoMessage) -> io::Result<()> {
        serde_json::to_writer(w, message).map_err(io::Error::from)
    }

    fn decode_from<R: Read>(&self, r: &mut R) -> io::Result<ProtoMessage> {
        // Not `from_reader`, which reads on to the end of the stream.
        let mut json = serde_json::Deserializer::from_reader(r);
        ProtoMessage::deserialize(&mut json).map_err(|error| {
            // These errors keep their kind, because `WouldBlock` makes the service stop and start
            // again later.
            if error.is_io() || error.is_eof() {
                error.into()
            } else {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("the peer sent JSON that is no message: {error}"),
                )
            }
        })
    }
}
