// Included twice by `tests/mio_deprecated.rs`, once per loop; the names come from there.

use std::net::SocketAddr;
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn sets_of_readiness() {
    let both = Ready::readable() | Ready::writable();
    // How tokio 0.1 takes one kind away.
    assert_eq!(both & !Ready::writable(), Ready::readable());
    assert_eq!(!!both, both);
    assert_eq!(Ready::none(), Ready::empty());
    assert!(Ready::none().is_none() && !both.is_none());
    assert_eq!(Ready::error(), UnixReady::error().into());
    assert_eq!(Ready::hup(), UnixReady::hup().into());
    assert!(Ready::error().is_error() && !Ready::error().is_hup());
    assert!(Ready::hup().is_hup() && !Ready::hup().is_error());
    assert_eq!((both | Ready::hup()).bits(), 0b1011);
}

#[test]
fn options() {
    let all = PollOpt::edge() | PollOpt::level() | PollOpt::oneshot();
    assert_eq!(PollOpt::all(), all);
    assert_eq!((!PollOpt::edge()) & all, PollOpt::level() | PollOpt::oneshot());
    assert!(PollOpt::urgent().is_urgent() && !all.is_urgent());
    assert_eq!((all | PollOpt::urgent()).bits(), 0b1111);
}

#[test]
fn registrations() {
    let poll = Poll::new().unwrap();
    let (readable, edge) = (Ready::readable(), PollOpt::edge());
    let (registration, set) = Registration::new(&poll, Token(1), readable, edge);
    let mut events = Events::with_capacity(4);
    let mut next = |poll: &Poll| {
        set.set_readiness(readable).unwrap();
        poll.poll(&mut events, NOW).unwrap();
        let event = events.iter().next();
        event.map(|event| (event.token(), event.kind()))
    };
    assert_eq!(next(&poll), Some((Token(1), readable)));
    registration.update(&poll, Token(2), readable, edge).unwrap();
    assert_eq!(next(&poll), Some((Token(2), readable)));
    registration.deregister(&poll).unwrap();
    assert_eq!(next(&poll), None);
}

#[test]
fn sockets() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = std::net::TcpListener::bind(any).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = mio::tcp::TcpListener::from_listener(listener, &address).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), mio::would_block().kind());
    let stream = mio::tcp::TcpStream::connect(&address).unwrap();
    for keepalive in [Some(90_000), None] {
        stream.set_keepalive_ms(keepalive).unwrap();
        assert_eq!(stream.keepalive_ms().unwrap(), keepalive);
    }
}
