//! Runs code that was written for mio 0.6: an echo server and its client over TCP, on one thread.
//!
//! Only one import names this crate, and none where `Cargo.toml` renames it to `mio`.
//!
//! `cargo run -p mydht-evloop --example echo_over_mio_0_6`
//!
//! Prints:
//!
//! ```text
//! the server echoed 300000 bytes
//! the client received 300000 bytes, all as it sent them
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use mydht_evloop as mio;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Poll, PollOpt, Ready, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

const LISTENER: Token = Token(0);
const SERVER: Token = Token(1);
const CLIENT: Token = Token(2);

/// Bytes that the client sends: more than the buffers of two sockets, so that both ends wait.
const LEN: usize = 300_000;

/// Returns `None` where the socket would block: the loop reports it again when it does not.
fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// One end of the connection.
struct End {
    stream: TcpStream,
    unsent: Vec<u8>,
    sent: usize,
    received: Vec<u8>,
    ended: bool,
}

impl End {
    fn new(poll: &Poll, stream: TcpStream, token: Token, unsent: Vec<u8>) -> io::Result<End> {
        let both = Ready::readable() | Ready::writable();
        poll.register(&stream, token, both, PollOpt::edge())?;
        Ok(End {
            stream,
            unsent,
            sent: 0,
            received: Vec::new(),
            ended: false,
        })
    }

    /// Reads until the socket blocks, or is at its end.
    fn read(&mut self) -> io::Result<()> {
        let mut buf = [0; 4096];
        while let Some(count) = unless_blocked(self.stream.read(&mut buf))? {
            if count == 0 {
                self.ended = true;
                break;
            }
            self.received.extend_from_slice(&buf[..count]);
        }
        Ok(())
    }

    /// Writes until the socket blocks.
    fn write(&mut self) -> io::Result<()> {
        while self.sent < self.unsent.len() {
            let Some(count) = unless_blocked(self.stream.write(&self.unsent[self.sent..]))? else {
                return Ok(());
            };
            self.sent += count;
        }
        Ok(())
    }
}

/// Runs the example.
pub fn main() -> io::Result<()> {
    let poll = Poll::new()?;
    let listener = TcpListener::bind(&SocketAddr::from(([127, 0, 0, 1], 0)))?;
    poll.register(&listener, LISTENER, Ready::readable(), PollOpt::edge())?;

    let message: Vec<u8> = (0..LEN).map(|i| (i / 3) as u8).collect();
    let stream = TcpStream::connect(&listener.local_addr()?)?;
    let mut client = End::new(&poll, stream, CLIENT, message.clone())?;
    let mut server: Option<End> = None;
    let mut events = Events::with_capacity(16);
    let mut closed = false;
    while !client.ended {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => {
                    // Until it would block, like every read: an edge is reported once.
                    while let Some((stream, _)) = unless_blocked(listener.accept())? {
                        server = Some(End::new(&poll, stream, SERVER, Vec::new())?);
                    }
                }
                SERVER => {
                    let Some(server) = &mut server else { continue };
                    server.read()?;
                    server.unsent.append(&mut server.received);
                    server.write()?;
                    if server.ended && server.sent == server.unsent.len() {
                        server.stream.shutdown(Shutdown::Write)?;
                    }
                }
                _ => {
                    client.write()?;
                    client.read()?;
                    if client.sent == LEN && !closed {
                        client.stream.shutdown(Shutdown::Write)?;
                        closed = true;
                    }
                }
            }
        }
    }
    let echoed = server.map_or(0, |server| server.sent);
    println!("the server echoed {echoed} bytes");
    assert!(client.received == message);
    println!(
        "the client received {} bytes, all as it sent them",
        client.received.len()
    );
    Ok(())
}
