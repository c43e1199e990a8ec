//! The messages of nodes, and how they are encoded.

mod bincode;
mod json;
#[cfg(any(test, feature = "testing"))]
pub mod samples;

pub use self::bincode::Bincode;
pub use json::Json;

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::address::Addresses;
use crate::attachment::tree::Node;
use crate::id::{Hash, Key, PeerId};
use crate::record::{AttachmentId, Record, Value};
use crate::routing::Contact;

/// The version of the wire, sent before anything else.
pub const WIRE_VERSION: u16 = 2;

/// An encoding of messages. It knows nothing of attachments, of framing or of ciphers.
pub trait MsgEnc: Clone {
    /// Names the encoding on the wire: peers that differ tell each other so, and do not guess.
    const ID: u8;

    /// Encodes one message.
    ///
    /// # Errors
    /// What the writer says, of the same kind (`WouldBlock` stays `WouldBlock`).
    fn encode_into<W: Write>(&self, w: &mut W, message: &ProtoMessage) -> io::Result<()>;

    /// Decodes one message and reads nothing after it.
    ///
    /// # Errors
    /// What the reader says, of the same kind; `InvalidData` for bytes that are no message.
    fn decode_from<R: Read>(&self, r: &mut R) -> io::Result<ProtoMessage>;
}

/// Names a request among those of one connection and direction; an answer carries it back.
pub type QueryId = u64;

/// A message between two nodes. Its order is part of the wire: see docs/wire.md.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProtoMessage {
    /// Asks for the record under a key.
    Find {
        /// The request.
        query: QueryId,
        /// The key.
        key: Key,
        /// Further peers that the question may pass (legacy's AProxy: each answers for those behind
        /// it).
        hops: u8,
    },
    /// The record that was asked for.
    Found {
        /// The request.
        query: QueryId,
        /// The record.
        record: Record,
    },
    /// There is no such record here, nor where this node asked.
    NotFound {
        /// The request.
        query: QueryId,
        /// Nodes nearest to the key that the sender knows.
        nodes: Vec<Contact>,
    },
    /// Asks to keep a record. The requester must serve the parts of an attachment while it waits.
    Store {
        /// The request.
        query: QueryId,
        /// The record.
        record: Record,
    },
    /// The record, and all of its attachment, is kept.
    Stored {
        /// The request.
        query: QueryId,
    },
    /// Asks for one part of an attachment.
    Fetch {
        /// The request.
        query: QueryId,
        /// The attachment.
        id: AttachmentId,
        /// The part, from 0.
        part: u64,
    },
    /// A part: `len` bytes follow the message.
    Part {
        /// The request.
        query: QueryId,
        /// The attachment's hash.
        hash: Hash,
        /// The part.
        part: u64,
        /// Its length in bytes.
        len: u32,
        /// The nodes beside the path from the part to the root of the attachment's tree.
        proof: Vec<Node>,
    },
    /// The request is not answered, and why.
    Refused {
        /// The request.
        query: QueryId,
        /// For people.
        reason: String,
    },
    /// The peer leaves on purpose.
    Bye {
        /// For people.
        reason: String,
    },
    /// From one service of the user's to another: the node carries it and does not look inside.
    App {
        /// The service, by name.
        service: String,
        /// Body of the message.
        #[serde(with = "crate::record::bytes_or_hex")]
        body: Vec<u8>,
    },
    /// Addresses at which the sender can be connected with. Sent once, before other messages.
    Hello {
        /// Addresses, the best first.
        addresses: Addresses,
    },
    /// Asks for those nearest to a place (Kademlia's FIND_NODE).
    FindNode {
        /// The request.
        query: QueryId,
        /// The place: a peer's id or a key's hash.
        target: Hash,
    },
    /// Nodes nearest to the target that the sender knows.
    Nodes {
        /// The request.
        query: QueryId,
        /// Nearest first.
        nodes: Vec<Contact>,
    },
    /// Something by which one node finds a way to another, carried by a node that both are
    /// connected with.
    Signal {
        /// For whom.
        to: PeerId,
        /// Proves from whom it is: nothing to whoever carries it.
        #[serde(with = "crate::record::bytes_or_hex")]
        sealed: Vec<u8>,
    },
    /// Says that who sends it has all of an attachment, for those who look for it. Answered by
    /// `Stored` or `Refused`.
    Provide {
        /// The request.
        query: QueryId,
        /// The attachment's hash.
        hash: Hash,
    },
    /// Asks who has an attachment, and who is near its hash.
    FindProviders {
        /// The request.
        query: QueryId,
        /// The attachment's hash.
        target: Hash,
    },
    /// Providers of an attachment, and the nodes nearest to its hash that the sender knows.
    Providers {
        /// The request.
        query: QueryId,
        /// Providers, as far as the sender knows.
        providers: Vec<Contact>,
        /// Nearest first.
        nodes: Vec<Contact>,
    },
    /// A record that the sender looked for here in vain, and found elsewhere. Nothing answers it.
    Cache {
        /// The record.
        record: Record,
    },
    /// Asks to keep a record and to put it with the nodes nearest to its key. Answered as `Store`,
    /// before the second is done.
    Propagate {
        /// The request.
        query: QueryId,
        /// The record.
        record: Record,
    },
}

impl ProtoMessage {
    /// The length in bytes of the attachment that follows, if one does.
    pub fn attachment_len(&self) -> Option<u32> {
        match self {
            ProtoMessage::Part { len, .. } => Some(*len),
            _ => None,
        }
    }

    /// The message's name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            ProtoMessage::Find { .. } => "FIND",
            ProtoMessage::Found { .. } => "FOUND",
            ProtoMessage::NotFound { .. } => "NOTFOUND",
            ProtoMessage::Store { .. } => "STORE",
            ProtoMessage::Stored { .. } => "STORED",
            ProtoMessage::Fetch { .. } => "FETCH",
            ProtoMessage::Part { .. } => "PART",
            ProtoMessage::Refused { .. } => "REFUSED",
            ProtoMessage::Bye { .. } => "BYE",
            ProtoMessage::App { .. } => "APP",
            ProtoMessage::Hello { .. } => "HELLO",
            ProtoMessage::FindNode { .. } => "FIND_NODE",
            ProtoMessage::Nodes { .. } => "NODES",
            ProtoMessage::Signal { .. } => "SIGNAL",
            ProtoMessage::Provide { .. } => "PROVIDE",
            ProtoMessage::FindProviders { .. } => "FIND_PROVIDERS",
            ProtoMessage::Providers { .. } => "PROVIDERS",
            ProtoMessage::Cache { .. } => "CACHE",
            ProtoMessage::Propagate { .. } => "PROPAGATE",
        }
    }

    /// The request that it makes or answers, if it does.
    pub fn query(&self) -> Option<QueryId> {
        match self {
            ProtoMessage::Find { query, .. }
            | ProtoMessage::Found { query, .. }
            | ProtoMessage::NotFound { query, .. }
            | ProtoMessage::FindNode { query, .. }
            | ProtoMessage::Nodes { query, .. }
            | ProtoMessage::Provide { query, .. }
            | ProtoMessage::FindProviders { query, .. }
            | ProtoMessage::Providers { query, .. }
            | ProtoMessage::Store { query, .. }
            | ProtoMessage::Propagate { query, .. }
            | ProtoMessage::Stored { query }
            | ProtoMessage::Fetch { query, .. }
            | ProtoMessage::Part { query, .. }
            | ProtoMessage::Refused { query, .. } => Some(*query),
            _ => None,
        }
    }

    /// The bytes that it holds in memory, about.
    pub fn weight(&self) -> usize {
        let record = |record: &Record| match &record.value {
            Value::Bytes(bytes) => bytes.len(),
            Value::Attachment { name, .. } => name.len(),
        };
        let named = |nodes: &[Contact]| -> usize {
            let one = |node: &Contact| size_of_val(node) + size_of_val(&*node.addresses);
            nodes.iter().map(one).sum()
        };
        let held = match self {
            ProtoMessage::Found { record: r, .. }
            | ProtoMessage::Store { record: r, .. }
            | ProtoMessage::Propagate { record: r, .. }
            | ProtoMessage::Cache { record: r } => record(r),
            ProtoMessage::Part { proof, .. } => proof.len() * 32,
            ProtoMessage::Refused { reason, .. } | ProtoMessage::Bye { reason } => reason.len(),
            ProtoMessage::App { service, body } => service.len() + body.len(),
            ProtoMessage::Hello { addresses } => size_of_val(&**addresses),
            ProtoMessage::Signal { sealed, .. } => sealed.len(),
            ProtoMessage::NotFound { nodes, .. } | ProtoMessage::Nodes { nodes, .. } => {
                named(nodes)
            }
            ProtoMessage::Providers {
                providers, nodes, ..
            } => named(providers) + named(nodes),
            _ => 0,
        };
        size_of::<Self>() + held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use samples::samples;

    fn survives(enc: impl MsgEnc) {
        for message in samples() {
            let mut bytes = Vec::new();
            enc.encode_into(&mut bytes, &message).unwrap();
            bytes.extend_from_slice(b"rest");
            let mut source = &bytes[..];
            assert_eq!(enc.decode_from(&mut source).unwrap(), message);
            assert_eq!(source, b"rest", "{} read too far", message.name());
        }
    }

    /// Each line is a message's name, then its length and the hash of its bytes in bincode, then
    /// the same in JSON. A line that changes is another wire, which needs another [`WIRE_VERSION`].
    #[test]
    fn the_bytes_of_every_message_are_pinned() {
        let mut lines = String::new();
        for message in samples() {
            lines += message.name();
            for encode in [
                |m: &ProtoMessage, bytes: &mut Vec<u8>| Bincode.encode_into(bytes, m),
                |m: &ProtoMessage, bytes: &mut Vec<u8>| Json.encode_into(bytes, m),
            ] {
                let mut bytes = Vec::new();
                encode(&message, &mut bytes).unwrap();
                lines += &format!(" {} {}", bytes.len(), Hash::of(&bytes));
            }
            lines += "\n";
        }
        assert_eq!(lines, include_str!("pinned.txt"));
    }

    #[test]
    fn every_message_survives_bincode() {
        survives(Bincode);
    }

    #[test]
    fn every_message_survives_json() {
        survives(Json);
    }

    /// Whatever kind of error the stream gives, the decoder gives: a restart depends on
    /// `WouldBlock`.
    #[test]
    fn an_error_of_the_stream_keeps_its_kind() {
        struct Blocked;
        impl Read for Blocked {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
        impl Write for Blocked {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::WouldBlock.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        fn check(enc: impl MsgEnc) {
            for message in samples() {
                let mut bytes = Vec::new();
                enc.encode_into(&mut bytes, &message).unwrap();
                for cut in 0..bytes.len() {
                    let error = enc
                        .decode_from(&mut (&bytes[..cut]).chain(Blocked))
                        .unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                    let error = enc.decode_from(&mut &bytes[..cut]).unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{error}");
                }
                let error = enc.encode_into(&mut Blocked, &message).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
            }
        }
        check(Bincode);
        check(Json);
    }
}
