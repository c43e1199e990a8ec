//! Messages of every serde shape, and the codecs.

#![allow(dead_code, reason = "each test file uses a part")]

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Tree {
    Leaf,
    Node(Box<Tree>, i16, Box<Tree>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    Unit,
    Tuple(u8, i64, f64, bool),
    Struct {
        id: u64,
        name: String,
        tags: Option<Vec<String>>,
    },
    Map(BTreeMap<String, u32>),
    Tree(Tree),
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
}

pub fn messages() -> Vec<Message> {
    let leaf = || Box::new(Tree::Leaf);
    vec![
        Message::Unit,
        Message::Tuple(1, -2, 0.5, true),
        Message::Struct {
            id: u64::MAX,
            name: "a name with \"quotes\" and é".into(),
            tags: Some(vec!["x".into(), String::new()]),
        },
        Message::Map((0..5).map(|i| (format!("key {i}"), i)).collect()),
        Message::Tree(Tree::Node(
            leaf(),
            -7,
            Box::new(Tree::Node(leaf(), 8, leaf())),
        )),
        Message::Bytes((0..=255).collect()),
        Message::Struct {
            id: 0,
            name: String::new(),
            tags: None,
        },
    ]
}

pub trait Codec {
    fn encode<T: Serialize>(&self, value: &T, w: &mut impl Write) -> io::Result<()>;
    fn decode<T: DeserializeOwned>(&self, r: &mut impl Read) -> io::Result<T>;
}

#[derive(Clone, Copy, Debug)]
pub enum AnyCodec {
    Bincode,
    Postcard,
    Json,
}

fn invalid(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, e)
}

impl Codec for AnyCodec {
    fn encode<T: Serialize>(&self, value: &T, w: &mut impl Write) -> io::Result<()> {
        match self {
            AnyCodec::Bincode => {
                bincode::serde::encode_into_std_write(value, w, bincode::config::legacy())
                    .map(drop)
                    .map_err(invalid)
            }
            AnyCodec::Postcard => postcard::to_io(value, w).map(drop).map_err(invalid),
            AnyCodec::Json => serde_json::to_writer(w, value).map_err(invalid),
        }
    }

    fn decode<T: DeserializeOwned>(&self, r: &mut impl Read) -> io::Result<T> {
        match self {
            AnyCodec::Bincode => {
                let config = bincode::config::legacy().with_limit::<{ 16 << 20 }>();
                bincode::serde::decode_from_std_read(r, config).map_err(invalid)
            }
            AnyCodec::Postcard => {
                let mut scratch = vec![0; 16 << 10];
                postcard::from_io((r, &mut scratch))
                    .map(|(value, _)| value)
                    .map_err(invalid)
            }
            AnyCodec::Json => {
                let mut json = serde_json::Deserializer::from_reader(r);
                T::deserialize(&mut json).map_err(invalid)
            }
        }
    }
}

/// Runs `step` again while it blocks.
pub fn until_done<T>(mut step: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match step() {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}
