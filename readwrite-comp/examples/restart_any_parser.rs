//! Restarts any synchronous parser where its stream blocks: one written by hand, serde_json's and
//! bincode's go through the same function, which none of them knows of.
//!
//! Each message is in a frame, so its parser runs once, when the message is complete.
//! `restart_a_zip_parser` does without frames.
//!
//! `cargo run -p readwrite-comp --example restart_any_parser`
//!
//! Prints:
//!
//! ```text
//! by hand: [("name", "bob"), ("age", "7")]
//! JSON: "bob" is 7
//! bincode: ("bob", 7)
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use readwrite_comp::testing::Choppy;
use readwrite_comp::{Replay, SizedWindowsR};
use std::error::Error;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// Parses what arrives on `wire`, which blocks after every third byte.
fn receive<T>(wire: &[u8], parse: impl Fn(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
    let mut source = Choppy::every(wire, 3);
    let (mut replay, mut limiter) = (Replay::default(), SizedWindowsR::default());
    loop {
        match replay.read_framed(&mut limiter, &mut source, |mut body| parse(&mut body)) {
            // Where a service returns to its event loop.
            Err(e) if e.kind() == ErrorKind::WouldBlock => continue,
            Ok(Some(message)) => return Ok(message),
            Ok(None) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(e) => return Err(e),
        }
    }
}

/// Puts a message into a frame: a window with all of it, and the end mark.
fn framed(message: &[u8]) -> io::Result<Vec<u8>> {
    let len = u32::try_from(message.len()).map_err(io::Error::other)?;
    Ok([&len.to_le_bytes(), message, &[0; 4]].concat())
}

/// Parses headers: a line is `name: value`.
fn headers(body: &mut dyn Read) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for line in BufReader::new(body).lines() {
        let line = line?;
        let (name, value) = line.split_once(": ").ok_or(ErrorKind::InvalidData)?;
        found.push((name.to_owned(), value.to_owned()));
    }
    Ok(found)
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn Error>> {
    let text = framed(b"name: bob\nage: 7\n")?;
    println!("by hand: {:?}", receive(&text, headers)?);

    let json = framed(br#"{ "name": "bob", "age": 7 }"#)?;
    let person: serde_json::Value = receive(&json, |body| Ok(serde_json::from_reader(body)?))?;
    println!("JSON: {} is {}", person["name"], person["age"]);

    let config = bincode::config::standard();
    let bytes = framed(&bincode::serde::encode_to_vec(("bob", 7), config)?)?;
    let decode = |mut body: &mut dyn Read| {
        bincode::serde::decode_from_std_read::<(String, i32), _, _>(&mut body, config)
            .map_err(io::Error::other)
    };
    println!("bincode: {:?}", receive(&bytes, decode)?);
    Ok(())
}
