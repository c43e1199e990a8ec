//! The machine over choppy pipes.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::pipe::WsPipe;
use super::{WsAddress, WsLimits};

type Machine<S> = crate::single::Machine<WsPipe<S>>;
use crate::memory::{Faults, MemoryReader, MemoryStream, MemoryWriter, Network};
use crate::session::SessionLimits;
use crate::{Stream, Transport};
use mydht_evloop::Poll;

struct Choppy {
    // Registered nowhere: the test polls by itself.
    _stream: MemoryStream<Poll>,
    reader: MemoryReader<Poll>,
    writer: MemoryWriter<Poll>,
}

impl Read for Choppy {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf)
    }
}

impl Write for Choppy {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writer.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn choppy(stream: MemoryStream<Poll>) -> Choppy {
    Choppy {
        reader: stream.read_stream(),
        writer: stream.write_stream(),
        _stream: stream,
    }
}

fn streams(capacity: usize, faults: impl Fn() -> Faults + Send + 'static) -> (Choppy, Choppy) {
    let network = Network::new();
    network.set_capacity(capacity);
    network.set_faults(faults);
    let mut near = network.endpoint();
    let mut far = network.endpoint();
    let to = near.connect_with(&far.address()).unwrap();
    let (from, _) = far.accept().unwrap();
    (choppy(to), choppy(from))
}

fn address() -> WsAddress {
    "ws://127.0.0.1:4000/node".parse().unwrap()
}

fn server(stream: Choppy) -> Machine<Choppy> {
    Machine::server(
        WsPipe::server(stream, &Arc::from("/node")),
        &WsLimits::default(),
    )
}

fn client(stream: Choppy, limits: &WsLimits) -> Machine<Choppy> {
    let pipe = WsPipe::client(stream, &address()).unwrap();
    Machine::client(pipe, limits).unwrap()
}

fn pair(capacity: usize, faults: impl Fn() -> Faults + Send + 'static) -> [Machine<Choppy>; 2] {
    let (near, far) = streams(capacity, faults);
    let client = client(near, &WsLimits::default());
    [client, server(far)]
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + (i >> 8)) as u8).collect()
}

/// Moves `bytes` from one to the other, with turns only where somebody blocks.
fn carry(from: &mut Machine<Choppy>, to: &mut Machine<Choppy>, bytes: &[u8]) {
    let (mut sent, mut got) = (0, Vec::new());
    let mut buf = vec![0; 30_000];
    let mut idle = 0;
    while got.len() < bytes.len() {
        idle += 1;
        assert!(idle < 10_000, "stuck after {sent} sent, {} got", got.len());
        from.turn(Duration::ZERO);
        if sent < bytes.len() {
            match from.write(&bytes[sent..]) {
                Ok(count) => {
                    sent += count;
                    idle = 0;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
            }
        }
        to.turn(Duration::ZERO);
        match to.read(&mut buf) {
            Ok(count) => {
                assert_ne!(count, 0, "an end after {} bytes", got.len());
                got.extend_from_slice(&buf[..count]);
                idle = 0;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
    assert!(got == bytes);
}

fn both_ways([mut client, mut server]: [Machine<Choppy>; 2], len: usize) {
    let bytes = content(len);
    carry(&mut client, &mut server, &bytes);
    carry(&mut server, &mut client, &bytes);
}

#[test]
fn messages_of_any_length_pass_both_ways() {
    for len in [1, 16383, 16384, 16385, 65536, (256 << 10) + 1, 5 << 20] {
        both_ways(pair(64 << 10, Faults::none), len);
    }
}

#[test]
fn a_stop_at_any_byte_changes_nothing() {
    // The handshake is 250 bytes one way and 170 the other; the frames after it are cut everywhere too.
    for stop in 0..700 {
        both_ways(pair(64 << 10, move || Faults::stop_at([stop])), 300);
    }
}

#[test]
fn a_block_at_every_call_changes_nothing() {
    // Fewer bytes at a time in a handshake are taken for an attack, as they should be.
    for most in [16, 100, 5000] {
        both_ways(
            pair(64 << 10, move || Faults::block_every_call(most)),
            40_000,
        );
    }
}

#[test]
fn random_faults_change_nothing() {
    for seed in 0..30 {
        let pipes = pair(3000, move || Faults::seeded(seed, 900, 30));
        both_ways(pipes, 100_000);
    }
}

#[test]
fn bytes_at_a_time_in_a_handshake_are_an_attack() {
    let [mut client, mut server] = pair(64 << 10, || Faults::seeded(1, 1, 0));
    for _ in 0..10_000 {
        client.turn(Duration::ZERO);
        server.turn(Duration::ZERO);
    }
    assert!(server.is_over());
}

/// Returns the answer of a server to these bytes, and how the connection ended.
fn server_says(sent: &[u8]) -> (String, io::Result<usize>) {
    let (mut client, far) = streams(1 << 20, Faults::none);
    let mut server = server(far);
    client.write_all(sent).unwrap();
    for _ in 0..10 {
        server.turn(Duration::ZERO);
    }
    let mut said = vec![0; 4096];
    let count = client.read(&mut said).unwrap_or(0);
    let text = String::from_utf8_lossy(&said[..count]).into_owned();
    (text, server.read(&mut [0; 16]))
}

fn request(path: &str, protocol: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
    )
}

const OURS: &str = "Sec-WebSocket-Protocol: chat, mydht.1\r\n";

#[test]
fn only_the_right_requests_become_connections() {
    let (said, read) = server_says(request("/node", OURS).as_bytes());
    assert!(said.starts_with("HTTP/1.1 101 "), "{said}");
    assert!(
        said.to_lowercase()
            .contains("sec-websocket-protocol: mydht.1\r\n")
    );
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
    for (sent, answer) in [
        (request("/", OURS), "HTTP/1.1 404 "),
        (request("/node", ""), "HTTP/1.1 400 "),
        (
            request("/node", "Sec-WebSocket-Protocol: chat\r\n"),
            "HTTP/1.1 400 ",
        ),
        ("GET /node HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), ""),
        ("POST /node HTTP/1.1\r\n\r\n".to_owned(), ""),
        ("garbage\r\n\r\n".to_owned(), ""),
        ("\u{16}\u{3}\u{1}\0\u{5}".repeat(50), ""),
        (
            format!("GET /node HTTP/1.1\r\nX: {}\r\n", "a".repeat(100_000)),
            "",
        ),
    ] {
        let (said, read) = server_says(sent.as_bytes());
        assert!(said.starts_with(answer), "{said}");
        assert_ne!(
            read.unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "{sent:.60}"
        );
    }
}

/// A client's frame, masked with zeros.
fn frame(first: u8, len: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[first], len, &[0; 4], payload].concat()
}

#[test]
fn an_open_connection_ends_at_what_it_may_not_carry() {
    let unmasked = vec![0x82, 1, 0];
    let mut oversized = frame(0x82, &[0x80 | 127, 0, 0, 0, 0, 0x7f, 0, 0, 0], &[]);
    oversized.extend([0; 100]);
    // Two fragments, each of which would do.
    let fragments = [
        frame(0x02, &[0x80 | 126, 0x3f, 0xff], &vec![0; 0x3fff]),
        frame(0x80, &[0x80 | 126, 0x3f, 0xff], &vec![0; 0x3fff]),
    ]
    .concat();
    for (what, bytes) in [
        ("text", frame(0x81, &[0x82], b"hi")),
        ("an unknown kind", frame(0x83, &[0x80], b"")),
        ("reserved bits", frame(0xf2, &[0x80], b"")),
        ("no mask", unmasked),
        ("2 GB", oversized),
        ("long in pieces", fragments),
        ("no frame of a session", frame(0x82, &[0x83], b"abc")),
        ("a close", frame(0x88, &[0x80], b"")),
        ("a long ping", frame(0x89, &[0x80 | 126, 1, 0], &[0; 256])),
        ("garbage", (0..=255).cycle().take(5000).collect()),
    ] {
        let (mut client, far) = streams(1 << 20, Faults::none);
        let mut server = server(far);
        client.write_all(request("/node", OURS).as_bytes()).unwrap();
        server.turn(Duration::ZERO);
        server.turn(Duration::ZERO);
        client.write_all(&bytes).unwrap();
        server.turn(Duration::ZERO);
        assert!(server.is_over(), "{what}");
        let error = server.write(b"x").unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "{what}");
    }
}

#[test]
fn a_ping_is_answered_and_a_sign_of_life() {
    let (mut client, far) = streams(1 << 20, Faults::none);
    let mut server = server(far);
    client.write_all(request("/node", OURS).as_bytes()).unwrap();
    let mut buf = vec![0; 4096];
    server.turn(Duration::ZERO);
    server.turn(Duration::ZERO);
    let _ = client.read(&mut buf).unwrap();
    for second in 1..100 {
        let now = Duration::from_secs(second);
        client.write_all(&frame(0x89, &[0x81], b"p")).unwrap();
        server.turn(now);
        assert!(!server.is_over());
        let count = client.read(&mut buf).unwrap();
        assert!(
            buf[..count]
                .windows(3)
                .any(|three| three == [0x8a, 1, b'p'])
        );
    }
}

#[test]
fn a_handshake_that_stalls_is_given_up() {
    let (mut client, far) = streams(1 << 20, Faults::none);
    let mut server = server(far);
    client.write_all(b"GET /node HTTP/1.1\r\n").unwrap();
    let start = Duration::from_secs(1000);
    server.turn(start);
    assert_eq!(
        server.next_deadline(),
        Some(start + Duration::from_secs(20))
    );
    server.turn(start + Duration::from_secs(19));
    assert!(!server.is_over());
    server.turn(start + Duration::from_secs(20));
    assert!(server.is_over());
    let error = server.read(&mut [0]).unwrap_err();
    assert!(error.to_string().contains("20 s"), "{error}");
}

#[test]
fn a_peer_that_falls_silent_is_noticed() {
    let [mut client, mut server] = pair(64 << 10, Faults::none);
    carry(&mut client, &mut server, b"hello");
    client.turn(Duration::ZERO);
    // Half open: the server is there no more, and no byte says so.
    while !client.is_over() {
        let now = client.next_deadline().unwrap();
        assert!(now < Duration::from_secs(10));
        client.turn(now);
    }
    assert_eq!(
        client.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
}

#[test]
fn a_close_is_seen_after_what_was_written_before() {
    let [mut client, mut server] = pair(64 << 10, Faults::none);
    carry(&mut client, &mut server, b"hello");
    assert_eq!(client.write(b"last words").unwrap(), 10);
    client.close(Duration::ZERO);
    server.turn(Duration::ZERO);
    let mut buf = [0; 32];
    assert_eq!(server.read(&mut buf).unwrap(), 10);
    assert_eq!(server.read(&mut buf).unwrap(), 0);
    assert_eq!(
        server.write(b"x").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    assert_eq!(client.read(&mut buf).unwrap(), 0);
}

#[test]
fn a_server_that_is_something_else_is_told_from_one_that_is_not_there() {
    let (near, mut far) = streams(1 << 20, Faults::none);
    let mut client = client(near, &WsLimits::default());
    client.turn(Duration::ZERO);
    far.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        .unwrap();
    client.turn(Duration::ZERO);
    let error = client.read(&mut [0]).unwrap_err();
    assert!(error.to_string().contains("does not speak"), "{error}");
}

#[test]
fn limits_are_what_they_are_set_to() {
    let limits = WsLimits {
        session: SessionLimits {
            send_buffer: 1000,
            ..WsLimits::default().session
        },
        ..WsLimits::default()
    };
    let (near, _far) = streams(10, Faults::none);
    let mut client = client(near, &limits);
    assert_eq!(client.write(&[0; 5000]).unwrap(), 1000);
    assert_eq!(
        client.write(&[0; 5000]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}
