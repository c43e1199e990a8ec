//! Streams of records: whole, cut, changed, and stopped at every byte.

mod standards;
mod tampered;
mod vectors;

use std::io::{self, ErrorKind, Read, Write};

use readwrite_comp::testing::Choppy;
use readwrite_comp::{CompR, CompW, ExtRead};

use super::{Cipher, HEADER, RECORD, RECORDS_PER_KEY, RecordR, RecordW, Secret};

pub(super) const CIPHERS: [Cipher; 2] = [Cipher::ChaCha20Poly1305, Cipher::Aes256CtrHmacSha256];

pub(super) fn writer(cipher: Cipher) -> RecordW {
    RecordW::new(cipher, Secret::new([7; 32])).unwrap()
}

pub(super) fn reader(cipher: Cipher) -> RecordR {
    RecordR::new(cipher, Secret::new([7; 32])).unwrap()
}

/// Each of `parts` as a record, and the end record: the whole stream, and where its records begin
/// and end.
pub(super) fn stream(cipher: Cipher, parts: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
    let mut wire = Vec::new();
    let mut borders = vec![0];
    let mut layer = writer(cipher);
    for part in parts {
        let mut sink = CompW::new(&mut layer, &mut wire);
        sink.write_all(part).unwrap();
        sink.flush().unwrap();
        borders.push(wire.len());
    }
    CompW::new(&mut layer, &mut wire).write_end().unwrap();
    borders.push(wire.len());
    (wire, borders)
}

/// All that is returned, and the error that came instead of the end.
pub(super) fn read_all(layer: &mut RecordR, mut wire: impl Read) -> (Vec<u8>, Option<ErrorKind>) {
    let mut plain = Vec::new();
    let mut buf = [0; 1000];
    loop {
        match layer.read_from(&mut wire, &mut buf) {
            Ok(0) => return (plain, None),
            Ok(count) => plain.extend_from_slice(&buf[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return (plain, Some(error.kind())),
        }
    }
}

/// Writes all of it, however often the sink blocks.
fn write_all(sink: &mut CompW<&mut RecordW, &mut Choppy<Vec<u8>>>, mut plain: &[u8]) {
    let again = |result: io::Result<usize>| match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        other => other.unwrap(),
    };
    while !plain.is_empty() {
        plain = &plain[again(sink.write(plain))..];
    }
    while again(sink.write_end().map(|()| 1)) == 0 {}
    while again(sink.flush().map(|()| 1)) == 0 {}
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * i / 7) as u8).collect()
}

#[test]
fn records_are_read_and_written_across_every_split() {
    let plain = content(2 * RECORD + 100);
    for cipher in CIPHERS {
        for chunk in [1, 2, 3, 5, 16, 19, 35, 536, 1460, RECORD, 3 * RECORD] {
            let mut sink = Choppy::every(Vec::new(), chunk);
            write_all(&mut CompW::new(&mut writer(cipher), &mut sink), &plain);
            let wire = sink.into_inner();
            let overhead = HEADER + if cipher == CIPHERS[0] { 16 } else { 32 };
            assert_eq!(wire.len(), plain.len() + 4 * overhead);
            let source = Choppy::every(&wire[..], chunk);
            assert_eq!(read_all(&mut reader(cipher), source), (plain.clone(), None));
        }
    }
}

#[test]
fn it_may_block_before_any_byte_and_at_any_call() {
    for cipher in CIPHERS {
        let (wire, borders) = stream(cipher, &[b"one", b"", b"three"]);
        assert_eq!(borders[1], borders[2], "nothing makes no record");
        for at in 0..=wire.len() as u64 {
            let source = Choppy::at_bytes(&wire[..], [at]);
            let read = read_all(&mut reader(cipher), source);
            assert_eq!(read, (b"onethree".to_vec(), None));
            let source = Choppy::at_calls(&wire[..], [at, at + 1]);
            let read = read_all(&mut reader(cipher), source);
            assert_eq!(read, (b"onethree".to_vec(), None));
            let (mut blocked, mut whole) = (Choppy::at_bytes(Vec::new(), [at]), Vec::new());
            write_all(
                &mut CompW::new(&mut writer(cipher), &mut blocked),
                b"onethree",
            );
            let mut layer = writer(cipher);
            let mut sink = CompW::new(&mut layer, &mut whole);
            sink.write_all(b"onethree").unwrap();
            sink.write_end().unwrap();
            assert_eq!(blocked.into_inner(), whole);
        }
    }
}

#[test]
fn seeded_schedules_change_nothing() {
    let plain = content(50_000);
    for seed in 0..40 {
        let cipher = CIPHERS[seed as usize % 2];
        let mut sink = Choppy::seeded(Vec::new(), seed, 9_000);
        write_all(&mut CompW::new(&mut writer(cipher), &mut sink), &plain);
        let source = Choppy::seeded(&sink.inner()[..], seed + 1, 9_000);
        assert_eq!(read_all(&mut reader(cipher), source), (plain.clone(), None));
    }
}

#[test]
fn what_is_flushed_can_be_read_and_a_stream_can_follow_a_stream() {
    for cipher in CIPHERS {
        let mut layer = writer(cipher);
        let mut wire = Vec::new();
        let mut sink = CompW::new(&mut layer, &mut wire);
        for part in [&b"first"[..], b"second"] {
            sink.write_all(part).unwrap();
            sink.write_end().unwrap();
        }
        sink.write_all(b"third").unwrap();
        sink.flush().unwrap();
        let mut source = CompR::new(reader(cipher), &wire[..]);
        for part in ["first", "second"] {
            let mut text = String::new();
            source.read_to_string(&mut text).unwrap();
            assert_eq!(text, part);
            source.read_end().unwrap();
        }
        let mut third = [0; 5];
        source.read_exact(&mut third).unwrap();
        assert_eq!(&third, b"third");
    }
}

#[test]
fn nothing_is_written_into_an_end_that_is_on_its_way() {
    let mut sink = Choppy::at_bytes(Vec::new(), [1]);
    let mut layer = writer(CIPHERS[0]);
    let mut sink = CompW::new(&mut layer, &mut sink);
    assert_eq!(sink.write_end().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(
        sink.write(b"x").unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    sink.write_end().unwrap();
    sink.write_all(b"x").unwrap();
}

#[test]
fn keys_are_changed_after_a_bounded_number_of_records() {
    for cipher in CIPHERS {
        let mut layer = writer(cipher);
        let mut reading = reader(cipher);
        let mut wire = Vec::new();
        let mut keyless = std::collections::BTreeSet::new();
        for number in 0..=RECORDS_PER_KEY {
            wire.clear();
            let mut sink = CompW::new(&mut layer, &mut wire);
            sink.write_all(&number.to_le_bytes()).unwrap();
            sink.flush().unwrap();
            let mut back = [0; 8];
            CompR::new(&mut reading, &wire[..])
                .read_exact(&mut back)
                .unwrap();
            assert_eq!(back, number.to_le_bytes());
            keyless.insert(wire[HEADER..HEADER + 8].to_vec());
        }
        assert_eq!(keyless.len() as u64, RECORDS_PER_KEY + 1);
        // The record after the change is under the key of the next secret.
        let next = super::kdf::expand::<32>(&[7; 32], &[b"mydht 1 next secret"]);
        let keyed = super::cipher::Keyed::new(cipher, &next).unwrap();
        let (header, rest) = wire.split_at_mut(HEADER);
        let (body, tag) = rest.split_at_mut(8);
        assert_eq!(
            keyed.open(RECORDS_PER_KEY, header, (&mut *body).into(), tag),
            Ok(())
        );
        assert_eq!(body, RECORDS_PER_KEY.to_le_bytes());
    }
}

#[test]
fn no_cipher_has_no_records() {
    assert!(RecordW::new(Cipher::None, Secret::new([0; 32])).is_none());
    assert!(RecordR::new(Cipher::None, Secret::new([0; 32])).is_none());
}

#[test]
fn the_two_ciphers_are_preferred_in_some_order() {
    let mut preferred = Cipher::preferred();
    preferred.sort_unstable();
    assert_eq!(preferred, CIPHERS);
    for number in 0..=255 {
        let cipher = Cipher::from_wire(number);
        assert!(cipher.is_none_or(|cipher| cipher as u8 == number));
    }
}
