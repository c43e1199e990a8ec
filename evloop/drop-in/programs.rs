//! Real programs of mio 0.6's time, for `cargo xtask bench drop-in`: built once over the registry's
//! mio and once over ours. Each prints how many requests it served a second, and how many
//! nanoseconds of processor time each took its server.
//!
//! `programs NAME REQUESTS`

use rustix::time::{ClockId, clock_gettime};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Instant;

const CONNECTIONS: usize = 64;
const BYTES: usize = 64;

/// A server's thread, which returns its processor time in nanoseconds.
type Server = JoinHandle<u64>;

fn cpu(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Runs `serve` on a thread of its own, whose processor time is measured.
fn server(serve: impl FnOnce() + Send + 'static) -> Server {
    std::thread::spawn(|| {
        let start = cpu(ClockId::ThreadCPUTime);
        serve();
        cpu(ClockId::ThreadCPUTime) - start
    })
}

/// Sends on all connections, then receives on all of them, until `requests` were answered.
fn echo_clients(address: SocketAddr, requests: usize) {
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        })
        .collect();
    let mut buf = [7; BYTES];
    for _ in 0..requests / CONNECTIONS {
        for stream in &mut streams {
            stream.write_all(&buf).unwrap();
        }
        for stream in &mut streams {
            stream.read_exact(&mut buf).unwrap();
        }
    }
}

mod tokio_0_1 {
    use super::{CONNECTIONS, Server, server};
    use futures::{Future, Stream};
    use std::net::SocketAddr;
    use tokio_0_1::io::{AsyncRead, copy};
    use tokio_0_1::net::TcpListener;
    use tokio_0_1::runtime::current_thread::{Runtime, spawn};

    pub fn echo() -> (SocketAddr, Server) {
        let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let accept = listener
            .incoming()
            .take(CONNECTIONS as u64)
            .for_each(|stream| {
                stream.set_nodelay(true)?;
                let (reader, writer) = stream.split();
                spawn(
                    copy(reader, writer)
                        .map(drop)
                        .map_err(|error| panic!("{error}")),
                );
                Ok(())
            })
            .map_err(|error| panic!("{error}"));
        let thread = server(|| {
            let mut runtime = Runtime::new().unwrap();
            runtime.spawn(accept);
            runtime.run().unwrap();
        });
        (address, thread)
    }
}

mod tokio_0_2 {
    use super::{CONNECTIONS, Server, server};
    use std::net::SocketAddr;
    use tokio_0_2::io::{copy, split};
    use tokio_0_2::net::TcpListener;

    pub fn echo() -> (SocketAddr, Server) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = server(|| {
            let mut builder = tokio_0_2::runtime::Builder::new();
            let mut runtime = builder.basic_scheduler().enable_io().build().unwrap();
            runtime.block_on(async {
                let mut listener = TcpListener::from_std(listener).unwrap();
                let mut tasks = Vec::new();
                for _ in 0..CONNECTIONS {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    tasks.push(tokio_0_2::spawn(async {
                        let (mut reader, mut writer) = split(stream);
                        copy(&mut reader, &mut writer).await.unwrap();
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
            });
        });
        (address, thread)
    }
}

mod websockets {
    use super::{BYTES, CONNECTIONS, Server, server};
    use std::net::SocketAddr;
    use std::sync::mpsc;
    use ws::{CloseCode, Handler, Message, Sender, WebSocket};

    /// Echoes, and ends the server with the last connection.
    struct Echo {
        out: Sender,
        open: std::rc::Rc<std::cell::Cell<usize>>,
    }

    impl Handler for Echo {
        fn on_message(&mut self, message: Message) -> ws::Result<()> {
            self.out.send(message)
        }

        fn on_close(&mut self, _: CloseCode, _: &str) {
            self.open.set(self.open.get() - 1);
            if self.open.get() == 0 {
                self.out.shutdown().unwrap();
            }
        }
    }

    pub fn echo() -> (SocketAddr, Server) {
        let (tell, told) = mpsc::channel();
        let thread = server(move || {
            let open = std::rc::Rc::new(std::cell::Cell::new(CONNECTIONS));
            let socket = WebSocket::new(|out| Echo {
                out,
                open: open.clone(),
            });
            let socket = socket.unwrap().bind("127.0.0.1:0").unwrap();
            tell.send(socket.local_addr().unwrap()).unwrap();
            socket.run().unwrap();
        });
        (told.recv().unwrap(), thread)
    }

    /// Sends the next message when the last one has come back.
    struct Client {
        out: Sender,
        left: usize,
    }

    impl Handler for Client {
        fn on_open(&mut self, _: ws::Handshake) -> ws::Result<()> {
            self.out.send(vec![7; BYTES])
        }

        fn on_message(&mut self, message: Message) -> ws::Result<()> {
            self.left -= 1;
            match self.left {
                0 => self.out.close(CloseCode::Normal),
                _ => self.out.send(message),
            }
        }
    }

    pub fn clients(address: SocketAddr, requests: usize) {
        let left = requests / CONNECTIONS;
        let mut socket = WebSocket::new(|out| Client { out, left }).unwrap();
        let url: url::Url = format!("ws://{address}").parse().unwrap();
        for _ in 0..CONNECTIONS {
            socket.connect(url.clone()).unwrap();
        }
        socket.run().unwrap();
    }
}

mod ping_pong {
    use mio::{Events, Poll, PollOpt, Ready, Token};
    use mio_extras::channel::{Receiver, Sender, channel};

    fn side(out: Sender<usize>, inbox: Receiver<usize>, last: usize, first: bool) {
        let poll = Poll::new().unwrap();
        poll.register(&inbox, Token(0), Ready::readable(), PollOpt::edge())
            .unwrap();
        let mut events = Events::with_capacity(16);
        if first {
            out.send(0).unwrap();
        }
        loop {
            poll.poll(&mut events, None).unwrap();
            while let Ok(number) = inbox.try_recv() {
                if number <= last {
                    // The last of them finds nobody who receives it.
                    let _ = out.send(number + 1);
                }
                if number >= last {
                    return;
                }
            }
        }
    }

    /// One number goes to and fro between two threads.
    pub fn run(messages: usize) {
        let (to_a, a) = channel();
        let (to_b, b) = channel();
        let other = std::thread::spawn(move || side(to_b, a, messages, true));
        side(to_a, b, messages, false);
        other.join().unwrap();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (name, requests) = (args[1].as_str(), args[2].parse().unwrap());
    let (start, before) = (Instant::now(), cpu(ClockId::ProcessCPUTime));
    let serve = match name {
        "tokio-0.1" => Some(tokio_0_1::echo()),
        "tokio-0.2" => Some(tokio_0_2::echo()),
        "ws-0.9" => Some(websockets::echo()),
        _ => None,
    };
    let spent = match serve {
        Some((address, server)) => {
            match name {
                "ws-0.9" => websockets::clients(address, requests),
                _ => echo_clients(address, requests),
            }
            server.join().unwrap()
        }
        None => {
            ping_pong::run(requests);
            cpu(ClockId::ProcessCPUTime) - before
        }
    };
    let rate = requests as f64 / start.elapsed().as_secs_f64();
    println!("{rate:.0} {:.0}", spent as f64 / requests as f64);
}
