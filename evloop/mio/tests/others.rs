//! Crates of others that were written for mio 0.6, from the registry, built over this package by
//! `[patch.crates-io]`: tokio 0.1, with its threads and without, and ws 0.9.

use futures::{Future, Stream, future};
use std::io;
use std::sync::mpsc;
use tokio::io::{AsyncRead, copy, read_exact, write_all};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

const CLIENTS: u64 = 30;
const BYTES: usize = 100_000;

fn failed(error: io::Error) {
    panic!("{error}");
}

/// A server that gives back what it is sent, and who talks to it.
fn echo() -> (
    impl Future<Item = (), Error = ()> + Send,
    impl Future<Item = Vec<u64>, Error = io::Error> + Send,
) {
    let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let clients = listener.incoming().take(CLIENTS).map_err(failed);
    let server = clients.for_each(|stream| {
        let (reader, writer) = stream.split();
        tokio::spawn(copy(reader, writer).map(drop).map_err(failed))
    });
    let clients = future::join_all((0..CLIENTS).map(move |number| {
        let sent = vec![number as u8; BYTES];
        TcpStream::connect(&address).and_then(move |stream| {
            let (reader, writer) = stream.split();
            write_all(writer, sent)
                .join(read_exact(reader, vec![0; BYTES]))
                .map(move |((_, sent), (_, heard))| {
                    assert!(heard == sent);
                    number
                })
        })
    }));
    (server, clients)
}

#[test]
fn tokio_on_threads() {
    let mut runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, clients) = echo();
    runtime.spawn(server);
    let answered = runtime.block_on(clients).unwrap();
    assert_eq!(answered.len() as u64, CLIENTS);
    runtime.shutdown_on_idle().wait().unwrap();
}

#[test]
fn tokio_on_one_thread() {
    let mut runtime = tokio::runtime::current_thread::Runtime::new().unwrap();
    let (server, clients) = echo();
    runtime.spawn(server);
    let answered = runtime.block_on(clients).unwrap();
    assert_eq!(answered.len() as u64, CLIENTS);
    runtime.run().unwrap();
}

#[test]
fn tokios_datagrams_and_unix_sockets() {
    let any = "127.0.0.1:0".parse().unwrap();
    let [one, two] = [(); 2].map(|()| UdpSocket::bind(&any).unwrap());
    let address = two.local_addr().unwrap();
    let datagram = one
        .send_dgram("hello", &address)
        .join(two.recv_dgram(vec![0; 16]));
    let (near, far) = UnixStream::pair().unwrap();
    let unix = write_all(near, "hello").join(read_exact(far, vec![0; 5]));
    let mut runtime = tokio::runtime::Runtime::new().unwrap();
    let ((_, (_, buf, count, _)), (_, (_, heard))) = runtime.block_on(datagram.join(unix)).unwrap();
    assert_eq!((&buf[..count], &heard[..]), (&b"hello"[..], &b"hello"[..]));
}

#[test]
fn websockets_of_ws() {
    let echo = |out: ws::Sender| move |message| out.send(message);
    let server = ws::WebSocket::new(echo).unwrap();
    let server = server.bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let stop = server.broadcaster();
    let thread = std::thread::spawn(move || server.run().map(drop).unwrap());
    let text = "hello ".repeat(20_000);
    let (tell, told) = mpsc::channel();
    ws::connect(format!("ws://{address}"), |out| {
        out.send(&text[..]).unwrap();
        let tell = tell.clone();
        move |message: ws::Message| {
            tell.send(message.into_text()?).unwrap();
            out.close(ws::CloseCode::Normal)
        }
    })
    .unwrap();
    assert_eq!(told.recv().unwrap(), text);
    stop.shutdown().unwrap();
    thread.join().unwrap();
}
