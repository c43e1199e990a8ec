//! docs/wire.md is held to what is sent, and both to the primitives.

use super::*;
use aes::Aes256;
use chacha20poly1305::{AeadInOut, KeyInit};
use ctr::cipher::{KeyIvInit, StreamCipher};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

fn derive(info: &str, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    Hkdf::<Sha256>::from_prk(&[7; 32])
        .unwrap()
        .expand(info.as_bytes(), &mut out)
        .unwrap();
    out
}

/// The second record of a stream, put together by hand.
fn second_by_hand(cipher: Cipher, plain: &[u8]) -> Vec<u8> {
    let header = [1, plain.len() as u8, 0];
    let sealed = match cipher {
        Cipher::ChaCha20Poly1305 => {
            let key = derive("mydht 1 chacha20-poly1305 key", 32);
            let nonce: [u8; 12] = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
            let mut body = plain.to_vec();
            let tag = chacha20poly1305::ChaCha20Poly1305::new_from_slice(&key)
                .unwrap()
                .encrypt_inout_detached(&nonce.into(), &header, body.as_mut_slice().into())
                .unwrap();
            body.extend_from_slice(&tag);
            body
        }
        _ => {
            let key = derive("mydht 1 aes-256-ctr key", 32);
            let iv = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            let mut body = plain.to_vec();
            ctr::Ctr128BE::<Aes256>::new_from_slices(&key, &iv)
                .unwrap()
                .apply_keystream(&mut body);
            let key = derive("mydht 1 hmac-sha-256 key", 64);
            let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&key).unwrap();
            mac.update(&[0, 0, 0, 0, 0, 0, 0, 1]);
            mac.update(&header);
            mac.update(&body);
            body.extend_from_slice(&mac.finalize().into_bytes());
            body
        }
    };
    [&header[..], &sealed].concat()
}

#[test]
fn a_record_is_what_the_page_says() {
    let mut missing = Vec::new();
    for cipher in CIPHERS {
        let (wire, borders) = stream(cipher, &[b"first", b"second"]);
        let second = &wire[borders[1]..borders[2]];
        assert_eq!(second, second_by_hand(cipher, b"second"), "{cipher}");
        let hex = hex::encode(&wire);
        if !crate::msg::samples::wire_page().contains(&hex) {
            missing.push(format!("{cipher}: {hex}"));
        }
    }
    assert!(missing.is_empty(), "not in docs/wire.md: {missing:#?}");
}
