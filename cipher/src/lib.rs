//! The ciphers that protect MyDHT's records, under keys that are derived already.
//!
//! ```text
//!   key, nonce, header ----+
//!                          v
//!   body  --seal-->  body, encrypted in place  +  tag
//!   body  <--open--  encrypted body, if the tag fits
//! ```
//!
//! A crate of its own because of how it is compiled: the ciphers of RustCrypto are generic, so
//! their loops are compiled with who uses them. The node for web pages is optimised for size, and
//! ciphers that are take four times as long.
//!
//! ```
//! use mydht_cipher::ChaCha20Poly1305;
//!
//! let cipher = ChaCha20Poly1305::new(&[7; 32]);
//! let mut body = *b"hello";
//! let tag = cipher.seal(&[0; 12], b"header", &mut body);
//! assert_ne!(&body, b"hello");
//! assert!(!cipher.open(&[1; 12], b"header", body.as_mut_slice().into(), &tag));
//! assert!(cipher.open(&[0; 12], b"header", body.as_mut_slice().into(), &tag));
//! assert_eq!(&body, b"hello");
//! ```
//!
//! # Start here
//!
//! * [`ChaCha20Poly1305`]: the cipher for machines without instructions for AES.
//! * [`Aes256CtrHmacSha256`]: the cipher where [`has_aes_and_sha`] returns true.

#![forbid(unsafe_code)]

mod aes_hmac;
mod chacha;
mod hardware;

pub use aes_hmac::Aes256CtrHmacSha256;
pub use chacha::ChaCha20Poly1305;
pub use ctr::cipher::inout::InOutBuf;
pub use hardware::has_aes_and_sha;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
