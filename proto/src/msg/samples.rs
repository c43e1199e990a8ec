//! Samples of every message, for tests.

use super::ProtoMessage;
use crate::address::{Address, Addresses};
use crate::id::{Hash, Key};
use crate::record::{AttachmentId, Record, Value};
use crate::routing::Contact;

/// Returns docs/wire.md without spaces and line breaks, so that hexadecimal digits are one long
/// string.
#[cfg(test)]
pub(crate) fn wire_page() -> String {
    include_str!("../../../docs/wire.md")
        .split_whitespace()
        .collect()
}

/// A list of one address.
fn one() -> Addresses {
    let at = std::net::SocketAddr::from(([192, 0, 2, 1], 4000));
    Address::Tcp(at).into()
}

/// One of each, with the shapes that matter: empty, long, nested.
pub fn samples() -> Vec<ProtoMessage> {
    let hash = Hash::of(b"sample");
    let id = AttachmentId { hash, len: 1 << 40 };
    vec![
        ProtoMessage::Find {
            query: u64::MAX,
            key: Key::named("ü"),
            hops: 3,
        },
        ProtoMessage::Found {
            query: 1,
            record: Record::by_content(Value::Bytes((0..=255).collect())),
        },
        ProtoMessage::NotFound {
            query: 0,
            nodes: Vec::new(),
        },
        ProtoMessage::Store {
            query: 2,
            record: Record::by_content(Value::Attachment {
                id,
                name: "a name.bin".into(),
            }),
        },
        ProtoMessage::Stored { query: 2 },
        ProtoMessage::Fetch {
            query: 3,
            id,
            part: 5,
        },
        ProtoMessage::Part {
            query: 3,
            hash,
            part: 5,
            len: 3,
            proof: vec![[9; 32]; 3],
        },
        ProtoMessage::Refused {
            query: 9,
            reason: String::new(),
        },
        ProtoMessage::Bye {
            reason: "stopping".into(),
        },
        ProtoMessage::App {
            service: "chat".into(),
            body: (0..=255).collect(),
        },
        ProtoMessage::Hello { addresses: one() },
        ProtoMessage::FindNode {
            query: 4,
            target: hash,
        },
        ProtoMessage::Nodes {
            query: 4,
            nodes: vec![
                Contact {
                    id: crate::PeerId(hash),
                    addresses: one(),
                };
                2
            ],
        },
        ProtoMessage::Signal {
            to: crate::PeerId(hash),
            sealed: (0..=255).collect(),
        },
        ProtoMessage::Provide { query: 5, hash },
        ProtoMessage::FindProviders {
            query: 6,
            target: hash,
        },
        ProtoMessage::Providers {
            query: 6,
            providers: vec![Contact {
                id: crate::PeerId(hash),
                addresses: one(),
            }],
            nodes: Vec::new(),
        },
        ProtoMessage::Cache {
            record: Record::by_content(Value::Bytes(b"x".to_vec())),
        },
        ProtoMessage::Propagate {
            query: 8,
            record: Record::new(Key::named("x"), Value::Bytes(Vec::new())),
        },
    ]
}
