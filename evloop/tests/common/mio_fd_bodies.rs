// Descriptors. Included twice by `tests/mio_api.rs`, once per loop, after `mio_bodies.rs`; the names come from there.

/// Opens a pipe whose reading end has the descriptor `number`, which must be free.
fn pipe_at(number: i32) -> (std::io::PipeReader, std::io::PipeWriter) {
    let mut kept = Vec::new();
    loop {
        let (reader, writer) = std::io::pipe().unwrap();
        if reader.as_raw_fd() == number {
            return (reader, writer);
        }
        // Another test may have taken the number for a while.
        assert!(kept.len() < 500, "descriptor {number} stays in use");
        kept.push((reader, writer));
        std::thread::sleep(Duration::from_millis(1));
        if kept.len() % 50 == 0 {
            kept.clear();
        }
    }
}

#[test]
fn s03_a_closed_descriptor_with_a_duplicate_never_reports_as_another_source() {
    let poll = Poll::new().unwrap();
    for (opts, rounds) in [(PollOpt::level(), 3), (PollOpt::edge(), 1)] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let number = reader.as_raw_fd();
        let readable = Ready::readable();
        poll.register(&EventedFd(&number), Token(1), readable, opts).unwrap();
        let duplicate = reader.try_clone().unwrap();
        drop(reader);
        // It takes the number of the first one.
        let (second, _second_writer) = pipe_at(number);
        poll.register(&EventedFd(&number), Token(2), readable, opts).unwrap();
        let (third, _third_writer) = std::io::pipe().unwrap();
        let fd = third.as_raw_fd();
        poll.register(&EventedFd(&fd), Token(3), readable, opts).unwrap();
        writer.write_all(b"x").unwrap();
        for _ in 0..rounds {
            assert_eq!(take(&poll, 16, LONG), [(1, readable)]);
        }
        drop(duplicate);
        assert_eq!(tokens(&poll), []);
        poll.deregister(&EventedFd(&fd)).unwrap();
        poll.deregister(&EventedFd(&number)).unwrap();
        drop((second, writer));
        assert_eq!(tokens(&poll), []);
    }
}

#[test]
fn hang_up_is_reported_unasked() {
    let poll = Poll::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let fd = reader.as_raw_fd();
    poll.register(&EventedFd(&fd), Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    drop(writer);
    until(&poll, 1, UnixReady::hup().into());
    poll.deregister(&EventedFd(&fd)).unwrap();
}

#[test]
fn s02_a_regular_file_cannot_be_polled() {
    let poll = Poll::new().unwrap();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let fd = file.as_raw_fd();
    let error = poll.register(&EventedFd(&fd), Token(1), Ready::readable(), PollOpt::edge());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn a_descriptor_given_away_and_taken_back_is_the_same_socket() {
    let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let fd = listener.into_raw_fd();
    // SAFETY: it was given away a line above.
    let listener = unsafe { TcpListener::from_raw_fd(fd) };
    assert_eq!(listener.as_raw_fd(), fd);
    assert_eq!(listener.local_addr().unwrap(), address);
}
