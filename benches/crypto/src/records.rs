use std::hint::black_box;
use std::io::{self, Read, Write};

use aes::Aes256;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Tag};
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, Mac};
use mydht_proto::shadow::{Cipher, RECORD, RecordR, RecordW, Secret};
use readwrite_comp::{CompR, CompW};
use sha2::Sha256;

use crate::{Row, duel};

/// Records a round. What is read is 512 KiB, which stays near the processor as what a socket gave
/// does.
const RECORDS: usize = 32;

/// Takes everything.
struct Sink(u64);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0 += black_box(buf).len() as u64;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn secret() -> Secret {
    Secret::new([7; 32])
}

fn seal_chacha(chacha: &ChaCha20Poly1305, body: &mut [u8], number: u64) -> Tag {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    chacha
        .encrypt_inout_detached(&nonce.into(), &[1, 0, 64], body.into())
        .expect("a short body")
}

/// Bare primitives: encrypted and authenticated in place, with keys that are ready.
struct Bare {
    mac: Hmac<Sha256>,
}

impl Bare {
    fn new() -> Self {
        Bare {
            mac: <Hmac<Sha256> as KeyInit>::new(&[7; 64].into()),
        }
    }

    fn keystream(body: &mut [u8]) {
        Ctr128BE::<Aes256>::new(&[7; 32].into(), &[0; 16].into()).apply_keystream(body);
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(body);
        mac
    }
}

fn row(name: &str, [ours, peer, ratio]: [f64; 3]) -> Row {
    let mib = (RECORDS * RECORD) as f64 / f64::from(1 << 20);
    Row {
        name: name.into(),
        ours: mib / ours,
        peer: mib / peer,
        ratio,
    }
}

pub(crate) fn measure(rounds: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for cipher in [Cipher::ChaCha20Poly1305, Cipher::Aes256CtrHmacSha256] {
        let plain = vec![0x5a; RECORD];
        let mut writer = RecordW::new(cipher, secret()).expect("a cipher");
        let write = || {
            let mut sink = CompW::new(&mut writer, Sink(0));
            for _ in 0..RECORDS {
                sink.write_all(black_box(&plain)).expect("a sink");
            }
            sink.flush().expect("a sink");
        };
        let mut body = vec![0x5a; RECORD];
        let bare = Bare::new();
        let chacha = ChaCha20Poly1305::new(&[7; 32].into());
        let seal = || {
            for number in 0..RECORDS as u64 {
                if cipher == Cipher::ChaCha20Poly1305 {
                    black_box(seal_chacha(&chacha, &mut body, number));
                } else {
                    Bare::keystream(&mut body);
                    black_box(bare.mac(&body).finalize());
                }
            }
        };
        rows.push(row(&format!("{cipher}, write"), duel(rounds, write, seal)));

        let mut wire = Vec::new();
        let mut layer = RecordW::new(cipher, secret()).expect("a cipher");
        let mut sink = CompW::new(&mut layer, &mut wire);
        for _ in 0..RECORDS {
            sink.write_all(&plain).expect("memory");
        }
        sink.flush().expect("memory");
        let mut buf = vec![0; RECORD];
        let read = || {
            let layer = RecordR::new(cipher, secret()).expect("a cipher");
            let mut source = CompR::new(layer, &wire[..]);
            for _ in 0..RECORDS {
                source.read_exact(&mut buf).expect("a record");
                black_box(&buf);
            }
        };
        // What is sealed is opened again and again: a copy of it, as what comes from a socket is one.
        let mut sealed = vec![0x5a; RECORD];
        let tag = seal_chacha(&chacha, &mut sealed, 0);
        let mac = bare.mac(&sealed).finalize().into_bytes();
        let mut opened = vec![0; RECORD];
        let open = || {
            for _ in 0..RECORDS {
                opened.copy_from_slice(black_box(&sealed));
                if cipher == Cipher::ChaCha20Poly1305 {
                    chacha
                        .decrypt_inout_detached(
                            &[0; 12].into(),
                            &[1, 0, 64],
                            opened.as_mut_slice().into(),
                            &tag,
                        )
                        .expect("authentic");
                } else {
                    bare.mac(&opened).verify_slice(&mac).expect("authentic");
                    Bare::keystream(&mut opened);
                }
                black_box(&opened);
            }
        };
        rows.push(row(&format!("{cipher}, read"), duel(rounds, read, open)));
    }
    rows
}
