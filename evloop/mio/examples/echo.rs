// An echo server as it was written for mio 0.6. It names `mio` and nothing else: the same file runs over the
// registry's mio 0.6.23, over mydht-evloop, and over the package that `[patch.crates-io]` puts in mio's place
// (tests/mio_programs.rs of both packages).
//
// cargo run --manifest-path evloop/mio/Cargo.toml --example echo

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Poll, PollOpt, Ready, Registration, Token};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

const LISTENER: Token = Token(0);
const STOP: Token = Token(1);
const FIRST: usize = 2;

struct Client {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Client {
    /// Reads and writes until the socket blocks. False: it has nothing more to say or to hear.
    fn ready(&mut self) -> io::Result<bool> {
        let mut buf = [0; 4096];
        let open = loop {
            match self.stream.read(&mut buf) {
                Ok(0) => break false,
                Ok(count) => self.unsent.extend_from_slice(&buf[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break true,
                Err(error) => return Err(error),
            }
        };
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(open || !self.unsent.is_empty())
    }
}

/// Serves until `stop` is ready and all clients are gone; gives how many there were.
fn serve(listener: &TcpListener, stop: &Registration) -> io::Result<usize> {
    let poll = Poll::new()?;
    poll.register(listener, LISTENER, Ready::readable(), PollOpt::edge())?;
    poll.register(
        stop,
        STOP,
        Ready::readable(),
        PollOpt::edge() | PollOpt::oneshot(),
    )?;
    let mut clients = HashMap::new();
    let mut events = Events::with_capacity(16);
    let (mut next, mut stopped) = (FIRST, false);
    while !stopped || !clients.is_empty() {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                STOP => stopped = true,
                LISTENER => loop {
                    let stream = match listener.accept() {
                        Ok((stream, _)) => stream,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    };
                    let both = Ready::readable() | Ready::writable();
                    poll.register(&stream, Token(next), both, PollOpt::edge())?;
                    let unsent = Vec::new();
                    clients.insert(Token(next), Client { stream, unsent });
                    next += 1;
                },
                token => {
                    let Some(client) = clients.get_mut(&token) else {
                        continue;
                    };
                    if !client.ready()? {
                        poll.deregister(&client.stream)?;
                        clients.remove(&token);
                    }
                }
            }
        }
    }
    Ok(next - FIRST)
}

/// Sends bytes, then listens: all of them must come back.
fn client(address: SocketAddr, number: u8) -> io::Result<()> {
    let mut stream = std::net::TcpStream::connect(address)?;
    let sent = vec![number; 100_000 + usize::from(number)];
    stream.write_all(&sent)?;
    stream.shutdown(Shutdown::Write)?;
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard)?;
    if heard != sent {
        return Err(io::Error::other("something else came back"));
    }
    Ok(())
}

/// Runs the example.
pub fn main() -> io::Result<()> {
    let listener = TcpListener::bind(&SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    let (stopped, stop) = Registration::new2();
    let clients = std::thread::spawn(move || {
        let clients: Vec<_> = (1..=8)
            .map(|number| std::thread::spawn(move || client(address, number)))
            .collect();
        let heard: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        stop.set_readiness(Ready::readable())?;
        for one in heard {
            one.map_err(|_| io::Error::other("a client panicked"))??;
        }
        Ok::<(), io::Error>(())
    });
    let served = serve(&listener, &stopped)?;
    clients
        .join()
        .map_err(|_| io::Error::other("the clients panicked"))??;
    println!("{served} clients heard their own words");
    assert_eq!(served, 8);
    Ok(())
}
