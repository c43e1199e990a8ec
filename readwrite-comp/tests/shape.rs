//! Messages without frames, of which the end is told from the type.
#![cfg(test)]

mod common;

use common::*;
use proptest::prelude::*;
use readwrite_comp::testing::Choppy;
use readwrite_comp::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Debug;
use std::io::{self, ErrorKind, Read};
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

/// Sends `messages` in pieces of each length and gives how many attempts the decoder needed at most
/// for one.
fn attempts<T>(messages: &[T]) -> u64
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let shape = Shape::of::<T>().expect("it can be traced");
    let mut wire = Vec::new();
    let mut lengths = Vec::new();
    for message in messages {
        let before = wire.len();
        AnyCodec::Bincode.encode(message, &mut wire).unwrap();
        lengths.push(wire.len() - before);
    }
    let mut most = 0;
    for chunk in (1..20).chain([50, 1000]) {
        let mut replay = Replay::with_shape(ReplayLimits::default(), shape.clone());
        let mut source = Choppy::every(wire.as_slice(), chunk);
        for message in messages {
            let before = replay.stats().attempts;
            let got = until_done(|| replay.read(&mut source, |r| AnyCodec::Bincode.decode::<T>(r)));
            assert_eq!(got.unwrap().as_ref(), Some(message), "{chunk} at a time");
            most = most.max(replay.stats().attempts - before);
        }
        let end = until_done(|| replay.read(&mut source, |r| AnyCodec::Bincode.decode::<T>(r)));
        assert!(end.unwrap().is_none());
    }
    most
}

#[track_caller]
fn once<T>(messages: impl IntoIterator<Item = T>)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let messages: Vec<T> = messages.into_iter().collect();
    assert_eq!(attempts(&messages), 1, "{messages:?}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum LeafLast {
    Node(Box<LeafLast>, u8, Box<LeafLast>),
    Leaf,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct List {
    value: u16,
    next: Option<Box<List>>,
}

/// Each needs the other to be known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Ping {
    Pong(Pong),
    Last(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Pong {
    Ping(Box<Ping>),
    Both { a: Box<Ping>, b: Box<Pong> },
    Last,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Of<T> {
    inner: T,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct New(Of<String>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[test]
fn every_message_of_the_other_tests_is_decoded_once() {
    once(messages());
}

#[test]
fn every_kind_of_serde() {
    once([(true, 1u8, 2u16, 3u32, 4u64, 5u128)]);
    once([(-1i8, -2i16, -3i32, -4i64, -5i128, 0.5f32, 0.25f64)]);
    once(['a', 'é', '€', '🦀']);
    once([String::new(), "text".into()]);
    once([((), Unit, PhantomData::<String>, [7u8; 32], [1u16; 3])]);
    once([None, Some(None), Some(Some(3u8))]);
    once([Ok::<u8, String>(1), Err("no".into())]);
    once([Of { inner: 1u64 }]);
    // The same name with another type inside.
    once([(
        Of { inner: 1u8 },
        Of {
            inner: "x".to_owned(),
        },
        New(Of { inner: "y".into() }),
    )]);
    once([Cow::<'static, str>::Owned("cow".into())]);
    once([VecDeque::from([
        (1u8, String::from("a")),
        (2, String::new()),
    ])]);
    once([BTreeSet::from([1u8, 2])]);
    once([HashMap::from([
        (1u8, vec![String::from("one")]),
        (2, Vec::new()),
    ])]);
    once([BTreeMap::from([(String::from("key"), Some(Tree::Leaf))])]);
    once([Duration::from_millis(1500)]);
    once([NonZeroU32::MIN]);
    once(["127.0.0.1", "::1"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    once(["127.0.0.1:1", "[::1]:2"].map(|at| at.parse::<SocketAddr>().unwrap()));
    once([vec![(); 3], Vec::new()]);
}

#[test]
fn recursive_types() {
    let leaf = || Box::new(LeafLast::Leaf);
    once([
        LeafLast::Leaf,
        LeafLast::Node(Box::new(LeafLast::Node(leaf(), 1, leaf())), 2, leaf()),
    ]);
    let list = (0..500).fold(None, |next, value| Some(Box::new(List { value, next })));
    once(list);
    let last = || Box::new(Ping::Last("end".into()));
    once([
        Ping::Pong(Pong::Ping(last())),
        Ping::Pong(Pong::Both {
            a: last(),
            b: Box::new(Pong::Ping(last())),
        }),
        Ping::Pong(Pong::Last),
    ]);
}

fn trees() -> impl Strategy<Value = LeafLast> {
    Just(LeafLast::Leaf).prop_recursive(6, 60, 2, |inner| {
        (inner.clone(), any::<u8>(), inner)
            .prop_map(|(l, n, r)| LeafLast::Node(Box::new(l), n, Box::new(r)))
    })
}

type Anything = (
    Vec<(String, Option<LeafLast>)>,
    BTreeMap<u8, Result<char, Vec<u16>>>,
    Option<Box<[i128]>>,
);

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_values_are_decoded_once(
        messages in prop::collection::vec((
            prop::collection::vec((any::<String>(), prop::option::of(trees())), 0..4),
            prop::collection::btree_map(any::<u8>(), prop::result::maybe_ok(any::<char>(), any::<Vec<u16>>()), 0..4),
            prop::option::of(any::<Vec<i128>>().prop_map(Vec::into_boxed_slice)),
        ), 1..4),
    ) {
        prop_assert_eq!(attempts::<Anything>(&messages), 1);
    }
}

/// Reads another type for each version: what comes next depends on a value.
#[derive(Debug, PartialEq)]
struct Versioned(u8, String);

impl<'de> Deserialize<'de> for Versioned {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> serde::de::Visitor<'de> for V {
            type Value = Versioned;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a versioned value")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut a: A,
            ) -> Result<Versioned, A::Error> {
                let version: u8 = a.next_element()?.unwrap_or_default();
                let text = match version {
                    // Not one of the made-up values.
                    7 => a.next_element::<String>()?.unwrap_or_default(),
                    _ => String::new(),
                };
                Ok(Versioned(version, text))
            }
        }
        d.deserialize_tuple(2, V)
    }
}

impl Serialize for Versioned {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            7 => (self.0, &self.1).serialize(s),
            version => version.serialize(s),
        }
    }
}

/// A shape that is wrong, too short and too long: the decoder has the last word, and nothing is
/// held back for ever.
#[test]
fn a_wrong_shape_costs_attempts_and_nothing_else() {
    let messages = [
        Versioned(7, "a text that the shape does not know".into()),
        Versioned(1, String::new()),
    ];
    assert!(attempts(&messages) > 1);

    let long = Shape::of::<(u64, u64, String)>().unwrap();
    let mut replay = Replay::with_shape(ReplayLimits::default(), long);
    let mut source = Choppy::every(&[5, 0, 0, 0][..], 1);
    let mut calls = 0;
    let got = until_done(|| {
        calls += 1;
        replay.read(&mut source, |r| {
            let mut bytes = [0; 4];
            r.read_exact(&mut bytes)?;
            Ok(bytes)
        })
    });
    assert_eq!(got.unwrap(), Some([5, 0, 0, 0]));
    assert!(calls < 10);
}

#[test]
fn a_complete_message_is_tried_when_the_source_is_quiet_whatever_the_shape_says() {
    struct Silent<'a>(&'a [u8]);
    impl Read for Silent<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buf) {
                Ok(0) => Err(ErrorKind::WouldBlock.into()),
                other => other,
            }
        }
    }
    let mut replay = Replay::with_shape(ReplayLimits::default(), Shape::of::<[u64; 9]>().unwrap());
    let mut source = Silent(b"four");
    let mut decode = |r: &mut ReplayAttempt<'_, Silent<'_>>| {
        let mut bytes = [0; 4];
        r.read_exact(&mut bytes).map(|()| bytes)
    };
    let first = replay.read(&mut source, &mut decode).unwrap_err();
    assert_eq!(first.kind(), ErrorKind::WouldBlock);
    assert!(
        replay.deferred(),
        "the caller comes back when its loop is idle"
    );
    let got = replay.read(&mut source, &mut decode).unwrap();
    assert_eq!(got.as_ref(), Some(b"four"));
}

#[test]
fn a_lying_length_is_refused_at_once() {
    let mut wire = (1u64 << 60).to_le_bytes().to_vec();
    wire.extend([0; 100]);
    let shape = Shape::of::<serde_bytes::ByteBuf>().unwrap();
    let mut replay = Replay::with_shape(ReplayLimits::default(), shape);
    let mut source = Choppy::every(wire.as_slice(), 10);
    let read = until_done(|| {
        replay.read(&mut source, |r| {
            AnyCodec::Bincode.decode::<serde_bytes::ByteBuf>(r)
        })
    });
    assert_eq!(read.unwrap_err().kind(), ErrorKind::InvalidData);
    assert!(replay.stats().bytes_received < 100, "{:?}", replay.stats());
}

#[test]
fn what_cannot_be_traced_says_so() {
    let error = Shape::of::<serde_json::Value>().unwrap_err();
    assert!(
        error.to_string().contains("asks what comes next"),
        "{error}"
    );

    #[derive(Debug, Deserialize)]
    struct Endless {
        #[expect(dead_code, reason = "it is only traced")]
        inner: Box<Endless>,
    }
    let error = Shape::of::<Endless>().unwrap_err();
    assert!(error.to_string().contains("too deep"), "{error}");

    /// Reads a list or a number, as the first value says.
    #[derive(Debug)]
    struct Either;
    impl<'de> Deserialize<'de> for Either {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            struct V;
            impl<'de> serde::de::Visitor<'de> for V {
                type Value = Either;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("one or the other")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut a: A,
                ) -> Result<Either, A::Error> {
                    if a.next_element::<bool>()? == Some(true) {
                        a.next_element::<Vec<u8>>()?;
                    }
                    Ok(Either)
                }
            }
            d.deserialize_tuple(2, V)
        }
    }
    let error = Shape::of::<Either>().unwrap_err();
    assert!(
        error.to_string().contains("depends on the values"),
        "{error}"
    );
}

/// A variant that refuses made-up values is left out; the others are traced.
#[test]
fn a_variant_that_cannot_be_traced_is_left_to_the_decoder() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Mixed {
        Picky(#[serde(deserialize_with = "picky")] u32),
        Plain(String, Vec<u8>),
    }
    fn picky<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
        match u32::deserialize(d)? {
            n if n > 1000 => Ok(n),
            _ => Err(serde::de::Error::custom("too small")),
        }
    }
    once([Mixed::Plain("a plain text".into(), vec![1, 2, 3])]);
    assert!(attempts(&[Mixed::Picky(2000), Mixed::Plain(String::new(), Vec::new())]) >= 1);
}
