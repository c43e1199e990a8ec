//! Reading and writing stopped at every byte and at every call: the same messages, the same bytes.

mod waiting;

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use mydht_evloop::Poll;
use mydht_spawner::channel::{LocalRcChannel, NoSend};
use mydht_spawner::{
    RestartOrError, Result, SpawnChannel, SpawnRecv, SpawnSend, SpawnUnyield, Spawner,
};
use mydht_transports::memory::{Faults, MemoryStream};
use mydht_transports::{Stream, Transport};
use proptest::prelude::*;
use readwrite_comp::testing::{XorR, XorW};

use super::{FromPeer, ReadIn, ReadOut, ReadService, WriteIn, WriteService};
use crate::attachment::ReceivedPart;
use crate::attachment::tree::PartHasher;
use crate::limits::Limits;
use crate::memory::{Conf, Network};
use crate::metrics::Metrics;
use crate::msg::{Bincode, Json, MsgEnc, ProtoMessage, samples::samples};
use crate::shadow::{Cipher, Keys, NoShadow, Records, Secret, Shadow};
use crate::store::{MemoryAttachments, MemoryKV};

type TestConf<E, S> = Conf<E, S, MemoryKV, MemoryAttachments>;
type Received = (ProtoMessage, Option<ReceivedPart>);

/// A cipher that hides nothing, with a header and records like those of a real one.
#[derive(Clone, Copy, Debug)]
struct TestCipher;

impl Shadow for TestCipher {
    type Read = XorR;
    type Write = XorW;

    fn ciphers(&self) -> Vec<Cipher> {
        vec![Cipher::None]
    }

    fn read_layer(&self, _: Keys) -> XorR {
        XorR::new(0x5eed)
    }

    fn write_layer(&self, _: Keys) -> XorW {
        XorW::new(0x5eed, 0x1234_5678)
    }
}

/// Returns the keys that a handshake would agree on.
fn keys(cipher: Cipher) -> Keys {
    let secret = Secret::new([7; 32]);
    Keys { cipher, secret }
}

/// The cipher that `shadow` likes best.
fn keys_for(shadow: &impl Shadow) -> Keys {
    keys(shadow.ciphers()[0])
}

/// One of each message; the PART is followed by its content.
fn outgoing() -> Vec<(ProtoMessage, Option<Vec<u8>>)> {
    let content: Vec<u8> = (0..300u32).map(|i| (i * 7) as u8).collect();
    samples()
        .into_iter()
        .map(|message| match message {
            ProtoMessage::Part {
                query,
                hash,
                part,
                proof,
                ..
            } => {
                let len = content.len() as u32;
                let message = ProtoMessage::Part {
                    query,
                    hash,
                    part,
                    len,
                    proof,
                };
                (message, Some(content.clone()))
            }
            other => (other, None),
        })
        .collect()
}

/// Returns the messages that [`outgoing`] must produce.
fn expected() -> Vec<Received> {
    let received = |(message, part): (ProtoMessage, Option<Vec<u8>>)| {
        let part = part.map(|bytes| {
            let mut hasher = PartHasher::new(5, false);
            hasher.update(&bytes);
            let node = hasher.finish();
            let bytes = bytes.into();
            ReceivedPart { bytes, node }
        });
        (message, part)
    };
    outgoing().into_iter().map(received).collect()
}

/// The two ends of a connection with `faults` on what goes from the first to the second.
fn pair(faults: &Faults) -> [MemoryStream<Poll>; 2] {
    let network = Network::new();
    let (mut a, mut b) = (network.endpoint(), network.endpoint());
    let faults = faults.clone();
    network.set_faults(move || faults.clone());
    let near = Transport::<Poll>::connect_with(&mut a, &b.address()).unwrap();
    let (far, _) = Transport::<Poll>::accept(&mut b).unwrap();
    [near, far]
}

/// All that is there to be read now.
fn drain(reader: &mut impl Read, into: &mut Vec<u8>) {
    match reader.read_to_end(into) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        other => panic!("{other:?}"),
    }
}

/// The bytes that the messages are on the wire, and how often writing was restarted.
fn write_all<E: MsgEnc + Default + 'static, S: Shadow + 'static>(
    shadow: &S,
    faults: &Faults,
) -> (Vec<u8>, u64) {
    let [near, far] = pair(faults);
    let metrics = Metrics::default();
    let service = WriteService::<TestConf<E, S>>::new(
        near.write_stream(),
        shadow.clone(),
        E::default(),
        &Limits::default(),
        metrics.clone(),
    );
    let (mut send, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let messages = outgoing();
    let count = messages.len() as u64;
    send.send(WriteIn::Keys(keys_for(shadow))).unwrap();
    for (message, part) in messages {
        send.send(WriteIn::Message(message.into(), part.map(Into::into)))
            .unwrap();
    }
    let mut handle = RestartOrError::new()
        .spawn(service, NoSend, None, recv, 0)
        .unwrap();
    let (mut reader, mut wire) = (far.read_stream(), Vec::new());
    while metrics.snapshot().messages_out < count {
        handle.unyield().unwrap();
        drain(&mut reader, &mut wire);
    }
    drain(&mut reader, &mut wire);
    // The faults of the reading end may hold the last bytes back a few times.
    for _ in 0..3 {
        drain(&mut reader, &mut wire);
    }
    (wire, metrics.snapshot().restarts)
}

/// Hears what a reading service sends.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Received>>>);

impl SpawnSend<ReadOut> for Heard {
    const CAN_SEND: bool = true;

    fn send(&mut self, read: ReadOut) -> Result<()> {
        let FromPeer::Message(message, part) = *read.from_peer else {
            panic!("a message of a handshake");
        };
        self.0.lock().unwrap().push((message, part));
        Ok(())
    }
}

/// Asks for the next message, over and over; the first time with keys.
#[derive(Clone, Debug)]
struct NextMessage(Option<Keys>);

impl SpawnRecv<ReadIn> for NextMessage {
    fn recv(&mut self) -> Result<Option<ReadIn>> {
        Ok(Some(ReadIn(self.0.take())))
    }
}

/// The messages that `wire` is.
fn read_all<E: MsgEnc + Default + 'static, S: Shadow + 'static>(
    shadow: &S,
    faults: &Faults,
    wire: &[u8],
) -> Vec<Received> {
    let [near, far] = pair(faults);
    let service = ReadService::<TestConf<E, S>>::new(
        far.read_stream(),
        shadow.clone(),
        E::default(),
        &Limits::default(),
        Metrics::default(),
    );
    let heard = Heard::default();
    let mut handle = RestartOrError::new()
        .spawn(
            service,
            heard.clone(),
            None,
            NextMessage(Some(keys_for(shadow))),
            0,
        )
        .unwrap();
    let (mut writer, mut rest) = (near.write_stream(), wire);
    while !rest.is_empty() {
        match writer.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        handle.unyield().unwrap();
    }
    while heard.0.lock().unwrap().len() < expected().len() {
        handle.unyield().unwrap();
    }
    near.disconnect();
    // A cipher that was not ended tells that the stream may have been cut: that is no end between two messages.
    let _ = handle.unyield();
    std::mem::take(&mut *heard.0.lock().unwrap())
}

fn every_split<E: MsgEnc + Default + 'static, S: Shadow + 'static>(shadow: &S) {
    let (whole, _) = write_all::<E, S>(shadow, &Faults::none());
    assert_eq!(
        read_all::<E, S>(shadow, &Faults::none(), &whole),
        expected()
    );
    for split in 0..=whole.len() as u64 {
        let faults = Faults::stop_at([split]);
        let (wire, _) = write_all::<E, S>(shadow, &faults);
        assert!(wire == whole, "written otherwise when stopped at {split}");
        let read = read_all::<E, S>(shadow, &faults, &whole);
        assert!(read == expected(), "read otherwise when stopped at {split}");
    }
}

fn every_call<E: MsgEnc + Default + 'static, S: Shadow + 'static>(shadow: &S) {
    let (whole, _) = write_all::<E, S>(shadow, &Faults::none());
    for step in [1, 2, 3, 16, 1460] {
        let faults = Faults::block_every_call(step);
        let (wire, restarts) = write_all::<E, S>(shadow, &faults);
        assert!(wire == whole, "{step} bytes a call");
        assert!(restarts >= (whole.len() / step.max(8 * 1024)) as u64);
        assert_eq!(read_all::<E, S>(shadow, &faults, &whole), expected());
    }
}

#[test]
fn every_split_gives_the_same_bincode() {
    every_split::<Bincode, NoShadow>(&NoShadow);
}

#[test]
fn every_split_gives_the_same_json() {
    every_split::<Json, NoShadow>(&NoShadow);
}

#[test]
fn every_split_gives_the_same_under_a_cipher() {
    every_split::<Bincode, TestCipher>(&TestCipher);
    every_split::<Bincode, Records>(&Records);
}

#[test]
fn a_block_at_every_call_gives_the_same() {
    every_call::<Bincode, NoShadow>(&NoShadow);
    every_call::<Json, NoShadow>(&NoShadow);
    every_call::<Bincode, TestCipher>(&TestCipher);
    every_call::<Bincode, Records>(&Records);
}

#[test]
fn a_cipher_leaves_no_plain_text_on_the_wire() {
    let plain = b"a name.bin";
    let shows = |wire: &[u8]| wire.windows(plain.len()).any(|window| window == plain);
    let (wire, _) = write_all::<Bincode, NoShadow>(&NoShadow, &Faults::none());
    assert!(shows(&wire));
    let (wire, _) = write_all::<Bincode, TestCipher>(&TestCipher, &Faults::none());
    assert!(!shows(&wire));
    let (wire, _) = write_all::<Bincode, Records>(&Records, &Faults::none());
    assert!(!shows(&wire));
}

/// The legacy spawner took the next command before it restarted the one that had yielded.
#[test]
fn a_new_command_during_a_half_written_one_waits_for_its_end() {
    let (whole, _) = write_all::<Bincode, NoShadow>(&NoShadow, &Faults::none());
    let network = Network::new();
    network.set_capacity(7);
    let (mut a, mut b) = (network.endpoint(), network.endpoint());
    let near = Transport::<Poll>::connect_with(&mut a, &b.address()).unwrap();
    let (far, _) = Transport::<Poll>::accept(&mut b).unwrap();
    let service = WriteService::<TestConf<Bincode, NoShadow>>::new(
        near.write_stream(),
        NoShadow,
        Bincode,
        &Limits::default(),
        Metrics::default(),
    );
    let (mut send, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    send.send(WriteIn::Keys(keys_for(&NoShadow))).unwrap();
    let mut handle = RestartOrError::new()
        .spawn(service, NoSend, None, recv, 0)
        .unwrap();
    let (mut reader, mut wire) = (far.read_stream(), Vec::new());
    for (message, part) in outgoing() {
        // The pipe is full in the middle of the one before.
        send.send(WriteIn::Message(message.into(), part.map(Into::into)))
            .unwrap();
        handle.unyield().unwrap();
        drain(&mut reader, &mut wire);
        handle.unyield().unwrap();
    }
    while wire.len() < whole.len() {
        drain(&mut reader, &mut wire);
        handle.unyield().unwrap();
    }
    assert!(wire == whole);
}

/// A reading service without a cipher.
fn plain_reader(stream: &MemoryStream<Poll>) -> ReadService<TestConf<Bincode, NoShadow>> {
    let (limits, metrics) = (Limits::default(), Metrics::default());
    ReadService::new(stream.read_stream(), NoShadow, Bincode, &limits, metrics)
}

/// Asks for what is sent without a cipher.
fn plain() -> NextMessage {
    NextMessage(Some(keys(Cipher::None)))
}

/// Reads `wire` to its end and gives the error that ends it.
fn refused(wire: &[u8]) -> String {
    let [near, far] = pair(&Faults::none());
    let service = plain_reader(&far);
    near.write_stream().write_all(wire).unwrap();
    near.disconnect();
    let mut handle = RestartOrError::new()
        .spawn(service, Heard::default(), None, plain(), 0)
        .unwrap();
    let error = handle.unyield().unwrap_err().to_string();
    assert!(handle.is_finished());
    error
}

#[test]
fn a_truncated_stream_is_an_error_wherever_it_is_cut() {
    let (wire, _) = write_all::<Bincode, NoShadow>(&NoShadow, &Faults::none());
    let mut cut_between = 0;
    for cut in 1..wire.len() {
        let [near, far] = pair(&Faults::none());
        let service = plain_reader(&far);
        near.write_stream().write_all(&wire[..cut]).unwrap();
        near.disconnect();
        let heard = Heard::default();
        let mut handle = RestartOrError::new()
            .spawn(service, heard.clone(), None, plain(), 0)
            .unwrap();
        cut_between += usize::from(handle.unyield().is_ok());
        assert!(handle.is_finished(), "cut at {cut}");
        let heard = heard.0.lock().unwrap();
        assert!(expected().starts_with(&heard), "cut at {cut}");
    }
    // Right after the preamble, and between two messages.
    assert_eq!(cut_between, outgoing().len());
}

#[test]
fn a_frame_of_2_to_the_32_is_refused_by_its_limit() {
    let mut wire = b"MYDHT\x01\x02\x00".to_vec();
    wire.extend([0xff; 4]);
    let error = refused(&wire);
    assert!(error.contains("max_window"), "{error}");
}

#[test]
fn a_length_of_2_to_the_60_inside_a_frame_is_refused() {
    let mut message = Vec::new();
    message.extend(1u32.to_le_bytes());
    message.extend(1u64.to_le_bytes());
    message.extend(0u32.to_le_bytes());
    message.extend([0; 32]);
    message.extend(0u32.to_le_bytes());
    message.extend((1u64 << 60).to_le_bytes());
    let mut wire = b"MYDHT\x01\x02\x00".to_vec();
    wire.extend((message.len() as u32).to_le_bytes());
    wire.extend(&message);
    wire.extend([0; 4]);
    let error = refused(&wire);
    assert!(error.contains("message_bytes"), "{error}");
}

#[test]
fn a_message_longer_than_its_limit_is_refused() {
    let mut wire = b"MYDHT\x01\x02\x00".to_vec();
    for _ in 0..20 {
        wire.extend(60_000u32.to_le_bytes());
        wire.extend([0; 60_000]);
    }
    // It would fill the pipe: only what the service takes matters.
    let network = Network::new();
    network.set_capacity(2 << 20);
    let (mut a, mut b) = (network.endpoint(), network.endpoint());
    let near = Transport::<Poll>::connect_with(&mut a, &b.address()).unwrap();
    let (far, _) = Transport::<Poll>::accept(&mut b).unwrap();
    near.write_stream().write_all(&wire).unwrap();
    let service = plain_reader(&far);
    let mut handle = RestartOrError::new()
        .spawn(service, Heard::default(), None, plain(), 0)
        .unwrap();
    let error = handle.unyield().unwrap_err().to_string();
    assert!(error.contains("max_total"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn many_splits_give_the_same(
        stops in proptest::collection::vec(0u64..3000, 0..40),
        seed: u64,
        chunk in 1usize..200,
        percent in 0u8..80,
    ) {
        let (whole, _) = write_all::<Bincode, TestCipher>(&TestCipher, &Faults::none());
        for faults in [Faults::stop_at(stops), Faults::seeded(seed, chunk, percent)] {
            let (wire, _) = write_all::<Bincode, TestCipher>(&TestCipher, &faults);
            // With random faults the last bytes may still be in the pipe.
            prop_assert!(whole.starts_with(&wire));
            let read = read_all::<Bincode, TestCipher>(&TestCipher, &faults, &whole);
            prop_assert_eq!(read, expected());
        }
    }

    #[test]
    fn random_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), framed: bool) {
        let mut wire = b"MYDHT\x01\x02\x00".to_vec();
        if framed {
            wire.extend((bytes.len() as u32).to_le_bytes());
        }
        wire.extend(&bytes);
        wire.extend([0; 4]);
        let [near, far] = pair(&Faults::none());
        let service = plain_reader(&far);
        near.write_stream().write_all(&wire).unwrap();
        near.disconnect();
        let mut handle = RestartOrError::new()
            .spawn(service, Heard::default(), None, plain(), 0)
            .unwrap();
        // An error or a clean end: in any case an end.
        let _ = handle.unyield();
        prop_assert!(handle.is_finished());
    }
}
