//! Arbitrary bytes, and changed sessions, into the reader of records: what it returns is a
//! beginning of what was written, and nothing panics.
#![no_main]

use std::io::{ErrorKind, Write};

use mydht_proto::shadow::{Cipher, RecordR, RecordW, Secret};
use readwrite_comp::testing::Choppy;
use readwrite_comp::{CompW, ExtRead};

const WRITTEN: &[u8] = b"what is said to a peer, in records of eight bytes each, until it ends.";

fn session(cipher: Cipher) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut layer = RecordW::new(cipher, Secret::new([7; 32])).unwrap();
    let mut sink = CompW::new(&mut layer, &mut wire);
    for part in WRITTEN.chunks(8) {
        sink.write_all(part).unwrap();
        sink.flush().unwrap();
    }
    sink.write_end().unwrap();
    wire
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [choice, seed, low, high, with @ ..] = data else {
        return;
    };
    let cipher = match choice & 1 {
        0 => Cipher::ChaCha20Poly1305,
        _ => Cipher::Aes256CtrHmacSha256,
    };
    let honest = session(cipher);
    let place = usize::from(u16::from_le_bytes([*low, *high])) % (honest.len() + 1);
    let removed = match choice >> 1 & 3 {
        0 => 0,
        1 => with.len(),
        2 => honest.len(),
        _ => usize::from(*seed),
    };
    let mut wire = honest.clone();
    wire.splice(
        place..(place + removed).min(honest.len()),
        with.iter().copied(),
    );
    let mut source = Choppy::seeded(&wire[..], u64::from(*seed), 64);
    let mut layer = RecordR::new(cipher, Secret::new([7; 32])).unwrap();
    let mut given = Vec::new();
    let mut buf = [0; 13];
    let whole = loop {
        match layer.read_from(&mut source, &mut buf) {
            Ok(0) => break true,
            Ok(count) => given.extend_from_slice(&buf[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break false,
        }
    };
    assert!(WRITTEN.starts_with(&given));
    assert_eq!(whole, wire.starts_with(&honest));
});
