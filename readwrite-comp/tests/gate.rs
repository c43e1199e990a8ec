//! The constant that says whether services restart.
#![cfg(test)]

mod common;

use common::*;
use readwrite_comp::testing::Choppy;
use readwrite_comp::*;
use std::io::{self, ErrorKind, Read, Write};

struct Bincode;

impl Decode for Bincode {
    type Value = Message;
    fn decode<R: Read>(&mut self, r: &mut R) -> io::Result<Message> {
        AnyCodec::Bincode.decode(r)
    }
}

impl Encode for Message {
    fn encode<W: Write>(&self, w: &mut W) -> io::Result<()> {
        AnyCodec::Bincode.encode(self, w)
    }
}

fn send<const RESTARTABLE: bool>(sink: &mut impl Write) {
    let mut sender = Sender::<RESTARTABLE>::default();
    let mut limiter = SizedWindowsW::default();
    for message in messages() {
        until_done(|| sender.send(&mut limiter, sink, &message)).unwrap();
    }
}

fn receive<const RESTARTABLE: bool>(source: &mut impl Read) -> Vec<Message> {
    let mut receiver = Receiver::<RESTARTABLE>::default();
    let mut limiter = SizedWindowsR::default();
    let mut all = Vec::new();
    while let Some(message) =
        until_done(|| receiver.receive(&mut limiter, source, &mut Bincode)).unwrap()
    {
        all.push(message);
    }
    all
}

#[test]
fn both_settings_speak_the_same_wire() {
    let (mut plain, mut choppy) = (Vec::new(), Choppy::every(Vec::new(), 3));
    send::<false>(&mut plain);
    send::<true>(&mut choppy);
    assert_eq!(&plain, choppy.inner());
    assert_eq!(receive::<false>(&mut plain.as_slice()), messages());
    let mut source = Choppy::every(plain.as_slice(), 3);
    assert_eq!(receive::<true>(&mut source), messages());
}

#[test]
fn an_end_inside_a_message_is_an_error_in_both() {
    let mut wire = Vec::new();
    send::<false>(&mut wire);
    wire.pop();
    let mut source = &wire[..];
    let mut receiver = Receiver::<false>::default();
    let mut limiter = SizedWindowsR::default();
    let last = loop {
        match receiver.receive(&mut limiter, &mut source, &mut Bincode) {
            Ok(message) => assert!(message.is_some(), "the end was not noticed"),
            Err(e) => break e,
        }
    };
    assert_eq!(last.kind(), ErrorKind::UnexpectedEof);
}
