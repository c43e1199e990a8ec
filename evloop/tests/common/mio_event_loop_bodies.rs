// The module `deprecated`. Included twice by `tests/mio_event_loop.rs`, once per loop; the names come from there.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Loop = EventLoop<Log>;

/// A handler that logs its calls.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ticks: usize,
    /// Shuts the loop down after so many lines.
    until: usize,
    streams: Vec<UnixStream>,
    listener: Option<UnixListener>,
}

impl Log {
    fn until(lines: usize) -> Log {
        Log {
            until: lines,
            ..Log::default()
        }
    }

    fn note(&mut self, event_loop: &mut Loop, line: String) {
        self.lines.push(line);
        if self.lines.len() == self.until {
            event_loop.shutdown();
        }
    }
}

impl Handler for Log {
    type Timeout = &'static str;
    type Message = u32;

    fn ready(&mut self, event_loop: &mut Loop, token: Token, events: Ready) {
        if let (Token(0), Some(listener)) = (token, &self.listener) {
            while let Some(stream) = TryAccept::accept(listener).unwrap() {
                let token = Token(1 + self.streams.len());
                event_loop.register(&stream, token, Ready::readable(), PollOpt::edge()).unwrap();
                self.streams.push(stream);
            }
        } else if let Some(stream) = self.streams.get_mut(token.0.wrapping_sub(1)) {
            let mut buf = [0; 64];
            while let Some(count) = stream.try_read(&mut buf).unwrap() {
                if count == 0 {
                    break;
                }
                assert_eq!(stream.try_write(&buf[..count]).unwrap(), Some(count));
            }
        }
        let readable = if events.is_readable() { " readable" } else { "" };
        self.note(event_loop, format!("ready {}{readable}", token.0));
    }

    fn notify(&mut self, event_loop: &mut Loop, message: u32) {
        self.note(event_loop, format!("notify {message}"));
    }

    fn timeout(&mut self, event_loop: &mut Loop, timeout: &'static str) {
        self.note(event_loop, format!("timeout {timeout}"));
    }

    fn tick(&mut self, _: &mut Loop) {
        self.ticks += 1;
    }
}

fn quick() -> Loop {
    let mut builder = EventLoopBuilder::new();
    builder.timer_tick(Duration::from_millis(5)).timer_wheel_size(64).timer_capacity(64);
    builder.notify_capacity(4).messages_per_tick(2);
    builder.build().unwrap()
}

fn path(name: &str) -> PathBuf {
    let name = format!("mio-{name}-{}-{}", module_path!().replace("::", "-"), std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn messages_come_a_few_per_tick_and_too_many_are_an_error() {
    let mut event_loop = quick();
    let sender = event_loop.channel();
    for message in 0..4 {
        sender.send(message).unwrap();
    }
    let error = sender.clone().send(4).unwrap_err();
    assert!(matches!(error, NotifyError::Full(4)));
    assert_eq!((format!("{error:?}"), error.to_string()), ("NotifyError::Full(..)".into(), "Full".into()));
    let mut log = Log::until(4);
    event_loop.run(&mut log).unwrap();
    assert_eq!(log.lines, ["notify 0", "notify 1", "notify 2", "notify 3"]);
    assert_eq!(log.ticks, 2);
    assert!(!event_loop.is_running());
    drop(event_loop);
    assert!(matches!(sender.send(5).unwrap_err(), NotifyError::Closed(Some(5))));
}

#[test]
fn a_message_from_another_thread_ends_the_wait() {
    let mut event_loop = quick();
    let sender = event_loop.channel();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        sender.send(7).unwrap();
    });
    let mut log = Log::until(1);
    event_loop.run(&mut log).unwrap();
    assert_eq!(log.lines, ["notify 7"]);
    thread.join().unwrap();
}

#[test]
fn timeouts_come_in_order_unless_they_are_cleared() {
    let mut event_loop = quick();
    let start = Instant::now();
    event_loop.timeout("late", Duration::from_millis(60)).unwrap();
    let cleared = event_loop.timeout("never", Duration::from_millis(30)).unwrap();
    event_loop.timeout("early", Duration::from_millis(20)).unwrap();
    assert!(event_loop.clear_timeout(&cleared));
    assert!(!event_loop.clear_timeout(&cleared));
    let mut log = Log::until(2);
    event_loop.run(&mut log).unwrap();
    assert_eq!(log.lines, ["timeout early", "timeout late"]);
    assert!(start.elapsed() >= Duration::from_millis(50), "to a tick");
}

#[test]
fn a_tick_with_nothing_lasts_its_timeout() {
    let mut event_loop = quick();
    let mut log = Log::default();
    let start = Instant::now();
    event_loop.run_once(&mut log, Some(Duration::from_millis(20))).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(20));
    assert_eq!((log.ticks, log.lines.len()), (1, 0));
    assert!(format!("{event_loop:?}").starts_with("EventLoop"));
}

#[test]
fn unix_sockets_echo() {
    let path = path("echo");
    let mut event_loop = quick();
    let listener = UnixListener::bind(&path).unwrap();
    event_loop.register(&listener, Token(0), Ready::readable(), PollOpt::edge()).unwrap();
    let client = {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            stream.write_all(b"hello").unwrap();
            let mut buf = [0; 5];
            stream.read_exact(&mut buf).unwrap();
            buf
        })
    };
    let mut log = Log {
        listener: Some(listener),
        ..Log::until(2)
    };
    event_loop.run(&mut log).unwrap();
    assert_eq!(log.lines, ["ready 0 readable", "ready 1 readable"]);
    assert_eq!(&client.join().unwrap(), b"hello");
    event_loop.deregister(&log.streams[0]).unwrap();
    assert!(event_loop.deregister(&log.streams[0]).is_err());
    std::fs::remove_file(path).unwrap();
}

/// A connected pair.
fn pair(name: &str) -> (UnixStream, UnixStream) {
    let path = path(name);
    let socket = UnixSocket::stream().unwrap();
    socket.bind(&path).unwrap();
    let listener = socket.listen(4).unwrap();
    assert!(TryAccept::accept(&listener).unwrap().is_none());
    let (client, done) = UnixSocket::stream().unwrap().connect(&path).unwrap();
    assert!(done);
    let server = listener.accept().unwrap();
    std::fs::remove_file(path).unwrap();
    (client, server)
}

#[test]
fn a_descriptor_goes_along_with_bytes() {
    let (mut client, mut server) = pair("descriptor");
    let (mut reader, writer) = pipe().unwrap();
    let mut buf = [0; 8];
    assert!(server.try_read_recv_fd(&mut buf).unwrap().is_none());
    assert_eq!(client.write_send_fd(b"x", writer.as_raw_fd()).unwrap(), 1);
    drop(writer);
    let (count, fd) = server.read_recv_fd(&mut buf).unwrap();
    assert_eq!((count, buf[0]), (1, b'x'));
    // SAFETY: it has just been received, and nobody else has it.
    let mut received = PipeWriter::from(unsafe { unix::Io::from_raw_fd(fd.unwrap()) });
    received.write_all(b"sent").unwrap();
    assert_eq!(reader.try_read(&mut buf).unwrap(), Some(4));
    assert_eq!(&buf[..4], b"sent");
    client.write_all(b"plain").unwrap();
    assert_eq!(server.try_read_recv_fd(&mut buf).unwrap(), Some((5, None)));
    assert!(client.try_write_send_fd(b"y", -1).is_err());
}

#[test]
fn a_direction_that_is_shut_down_ends_the_stream() {
    let (mut client, mut server) = pair("shutdown");
    assert_eq!(client.try_clone().unwrap().shutdown(Shutdown::Write).unwrap(), 0);
    assert_eq!(server.read(&mut [0; 4]).unwrap(), 0);
    server.write_all(b"still").unwrap();
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 5);
}

#[test]
fn pipes_report_and_do_not_block() {
    let poll = Poll::new().unwrap();
    let (reader, mut writer) = pipe().unwrap();
    poll.register(&reader, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    let mut buf = [0; 8];
    assert_eq!((&reader).read(&mut buf).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    writer.write_all(b"x").unwrap();
    writer.flush().unwrap();
    let mut events = Events::with_capacity(4);
    assert_eq!(poll.poll(&mut events, Some(Duration::from_secs(30))).unwrap(), 1);
    assert_eq!((&reader).read(&mut buf).unwrap(), 1);
    let fd = reader.into_raw_fd();
    // SAFETY: it was given away a line above.
    let mut reader = unsafe { PipeReader::from_raw_fd(fd) };
    drop(writer);
    assert_eq!(reader.read(&mut buf).unwrap(), 0);
}

#[test]
fn a_child_process_is_heard() {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut writer = PipeWriter::from_stdin(child.stdin.take().unwrap()).unwrap();
    let mut reader = PipeReader::from_stdout(child.stdout.take().unwrap()).unwrap();
    let poll = Poll::new().unwrap();
    poll.register(&reader, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    writer.write_all(b"meow").unwrap();
    drop(writer);
    let mut events = Events::with_capacity(4);
    let (mut heard, mut buf) = (Vec::<u8>::new(), [0; 16]);
    'open: loop {
        poll.poll(&mut events, None).unwrap();
        while let Some(count) = reader.try_read(&mut buf).unwrap() {
            if count == 0 {
                break 'open;
            }
            heard.extend(&buf[..count]);
        }
    }
    assert_eq!(heard, b"meow");
    child.wait().unwrap();
}
