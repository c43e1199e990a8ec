// Included twice by `tests/mio_api.rs`, once per loop; the names come from there.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(Duration::from_secs(30));

fn user(poll: &Poll, token: usize, opts: PollOpt) -> (Registration, SetReadiness) {
    let (registration, set) = Registration::new2();
    poll.register(&registration, Token(token), Ready::readable(), opts)
        .unwrap();
    (registration, set)
}

fn take(poll: &Poll, capacity: usize, timeout: Option<Duration>) -> Vec<(usize, Ready)> {
    let mut events = Events::with_capacity(capacity);
    let count = poll.poll(&mut events, timeout).unwrap();
    let list: Vec<_> = events
        .iter()
        .map(|event| (event.token().0, event.readiness()))
        .collect();
    assert_eq!(list.len(), count);
    assert_eq!(events.len(), count);
    assert_eq!(events.is_empty(), count == 0);
    assert_eq!(events.get(0).map(|event| event.token().0), list.first().map(|event| event.0));
    list
}

fn tokens(poll: &Poll) -> Vec<usize> {
    let mut tokens: Vec<usize> = take(poll, 64, NOW).iter().map(|event| event.0).collect();
    tokens.sort_unstable();
    tokens
}

/// Polls until `token` has been reported with all of `ready`; edges may come in parts.
fn until(poll: &Poll, token: usize, ready: Ready) {
    let mut seen = Ready::empty();
    while !seen.contains(ready) {
        let events = take(poll, 64, LONG);
        assert!(!events.is_empty(), "token {token} never became {ready:?}, only {seen:?}");
        for event in events {
            if event.0 == token {
                seen.insert(event.1);
            }
        }
    }
}

#[test]
fn s37_every_set_after_a_harvest_fires_even_with_the_same_value() {
    let poll = Poll::new().unwrap();
    let (_registration, set) = user(&poll, 1, PollOpt::edge());
    for _ in 0..3 {
        set.set_readiness(Ready::readable()).unwrap();
        set.set_readiness(Ready::readable()).unwrap();
        assert_eq!(tokens(&poll), [1]);
        assert_eq!(tokens(&poll), []);
    }
}

#[test]
fn s39_effective_readiness_is_readiness_and_interest() {
    let poll = Poll::new().unwrap();
    let (_registration, set) = user(&poll, 1, PollOpt::edge());
    set.set_readiness(Ready::writable()).unwrap();
    assert_eq!(tokens(&poll), []);
    set.set_readiness(UnixReady::hup().into()).unwrap();
    assert_eq!(tokens(&poll), [], "hang-up is not implied for user sources");
    set.set_readiness(Ready::readable() | Ready::writable()).unwrap();
    assert_eq!(take(&poll, 4, NOW), [(1, Ready::readable())]);
    assert_eq!(set.readiness(), Ready::readable() | Ready::writable());
}

#[test]
fn s41_registering_a_user_source_is_forgiving() {
    let poll = Poll::new().unwrap();
    let (registration, set) = Registration::new2();
    let (readable, edge) = (Ready::readable(), PollOpt::edge());
    poll.deregister(&registration).unwrap();
    poll.reregister(&registration, Token(1), readable, edge).unwrap();
    set.set_readiness(readable).unwrap();
    assert_eq!(tokens(&poll), [1]);
    poll.register(&registration, Token(2), readable, edge).unwrap();
    poll.register(&registration, Token(3), readable, edge).unwrap();
    assert_eq!(tokens(&poll), [3]);
    poll.deregister(&registration).unwrap();
    poll.deregister(&registration).unwrap();
    set.set_readiness(readable).unwrap();
    assert_eq!(tokens(&poll), []);
    poll.reregister(&registration, Token(4), readable, edge).unwrap();
    assert_eq!(tokens(&poll), [4], "what was set meanwhile is stored");
}

#[test]
fn s42_a_registration_is_bound_to_its_first_poll_for_ever() {
    let (first, second) = (Poll::new().unwrap(), Poll::new().unwrap());
    let (registration, _set) = user(&first, 1, PollOpt::edge());
    let register = || second.register(&registration, Token(1), Ready::readable(), PollOpt::edge());
    assert_eq!(register().unwrap_err().kind(), ErrorKind::Other);
    first.deregister(&registration).unwrap();
    assert_eq!(register().unwrap_err().kind(), ErrorKind::Other);
    drop(first);
    assert_eq!(register().unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(second.deregister(&registration).unwrap_err().kind(), ErrorKind::Other);
}

#[test]
fn s43_dropping_the_setter_delivers_and_dropping_the_registration_cancels() {
    let poll = Poll::new().unwrap();
    let (_registration, set) = user(&poll, 1, PollOpt::edge());
    set.set_readiness(Ready::readable()).unwrap();
    drop(set);
    let (registration, set) = user(&poll, 2, PollOpt::edge());
    set.set_readiness(Ready::readable()).unwrap();
    drop(registration);
    assert_eq!(tokens(&poll), [1]);
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(tokens(&poll), []);
}

#[test]
fn s44_the_greatest_token_is_invalid() {
    let poll = Poll::new().unwrap();
    let (registration, set) = Registration::new2();
    let register = |token| poll.register(&registration, Token(token), Ready::readable(), PollOpt::edge());
    let error = register(usize::MAX).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Other, "invalid token"));
    let reregister =
        poll.reregister(&registration, Token(usize::MAX), Ready::readable(), PollOpt::edge());
    assert_eq!(reregister.unwrap_err().kind(), ErrorKind::Other);
    register(usize::MAX - 1).unwrap();
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(tokens(&poll), [usize::MAX - 1]);
}

#[test]
fn s46_everything_is_send_and_sync() {
    fn both<T: Send + Sync>() {}
    both::<Poll>();
    both::<Registration>();
    both::<SetReadiness>();
    both::<Ready>();
    both::<Token>();
    both::<PollOpt>();
    both::<TcpListener>();
    both::<TcpStream>();
    both::<UdpSocket>();
    both::<Events>();
}

#[test]
fn s16_set_and_cleared_is_no_event() {
    let poll = Poll::new().unwrap();
    for opts in [PollOpt::edge(), PollOpt::level(), PollOpt::edge() | PollOpt::oneshot()] {
        let (_registration, set) = user(&poll, 1, opts);
        set.set_readiness(Ready::readable()).unwrap();
        set.set_readiness(Ready::empty()).unwrap();
        assert_eq!(tokens(&poll), []);
    }
}

#[test]
fn s17_ten_thousand_sets_are_one_event() {
    let poll = Poll::new().unwrap();
    for opts in [PollOpt::edge(), PollOpt::level()] {
        let (_registration, set) = user(&poll, 1, opts);
        for _ in 0..10_000 {
            set.set_readiness(Ready::readable()).unwrap();
        }
        assert_eq!(take(&poll, 64, NOW), [(1, Ready::readable())]);
    }
}

#[test]
fn level_repeats_and_edge_with_oneshot_disarms() {
    let poll = Poll::new().unwrap();
    let (_level, set_level) = user(&poll, 1, PollOpt::level());
    let (oneshot, set_oneshot) = user(&poll, 2, PollOpt::edge() | PollOpt::oneshot());
    set_level.set_readiness(Ready::readable()).unwrap();
    set_oneshot.set_readiness(Ready::readable()).unwrap();
    assert_eq!(tokens(&poll), [1, 2]);
    set_oneshot.set_readiness(Ready::readable()).unwrap();
    assert_eq!(tokens(&poll), [1]);
    set_level.set_readiness(Ready::empty()).unwrap();
    assert_eq!(tokens(&poll), []);
    let opts = PollOpt::edge() | PollOpt::oneshot();
    poll.reregister(&oneshot, Token(3), Ready::readable(), opts).unwrap();
    assert_eq!(tokens(&poll), [3], "still ready when it is armed again");
}

#[test]
fn s20_a_capacity_of_zero_is_invalid() {
    let poll = Poll::new().unwrap();
    let error = poll.poll(&mut Events::with_capacity(0), NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_full_buffer_leaves_the_rest_for_the_next_poll() {
    let poll = Poll::new().unwrap();
    let sources: Vec<_> = (0..10).map(|token| user(&poll, token, PollOpt::edge())).collect();
    for (_, set) in &sources {
        set.set_readiness(Ready::readable()).unwrap();
    }
    let mut seen = Vec::new();
    for expected in [4, 4, 2, 0] {
        let events = take(&poll, 4, NOW);
        assert_eq!(events.len(), expected);
        seen.extend(events.iter().map(|event| event.0));
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>(), "in the order in which they were set");
}

fn pair(poll: &Poll) -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let both = Ready::readable() | Ready::writable();
    poll.register(&listener, Token(100), Ready::readable(), PollOpt::edge()).unwrap();
    let client = TcpStream::connect(&listener.local_addr().unwrap()).unwrap();
    poll.register(&client, Token(101), both, PollOpt::edge()).unwrap();
    let mut accepted = None;
    let mut connected = false;
    while accepted.is_none() || !connected {
        for (token, ready) in take(poll, 16, LONG) {
            match token {
                100 => accepted = Some(listener.accept().unwrap()),
                101 => connected |= ready.is_writable(),
                _ => panic!("token {token}"),
            }
        }
    }
    let (server, address) = accepted.unwrap();
    assert_eq!(address, client.local_addr().unwrap());
    assert_eq!(server.local_addr().unwrap(), client.peer_addr().unwrap());
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(client.take_error().unwrap().is_none());
    (listener, client, server)
}

#[test]
fn tcp_carries_bytes_and_says_when_the_peer_is_gone() {
    let poll = Poll::new().unwrap();
    let (_listener, mut client, server) = pair(&poll);
    poll.register(&server, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    let mut buf = [0; 16];
    assert_eq!((&server).read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.write_all(b"hello").unwrap();
    until(&poll, 1, Ready::readable());
    assert_eq!(server.peek(&mut buf).unwrap(), 5);
    assert_eq!((&server).read(&mut buf).unwrap(), 5);
    let second = client.try_clone().unwrap();
    second.shutdown(std::net::Shutdown::Write).unwrap();
    until(&poll, 1, Ready::readable());
    assert_eq!((&server).read(&mut buf).unwrap(), 0);
}

#[test]
fn what_arrives_after_a_short_read_is_another_edge() {
    let poll = Poll::new().unwrap();
    let (_listener, mut client, server) = pair(&poll);
    poll.register(&server, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    let mut buf = [0; 16];
    for _ in 0..50 {
        client.write_all(b"x").unwrap();
        until(&poll, 1, Ready::readable());
        assert_eq!((&server).read(&mut buf).unwrap(), 1, "short, and not read until it blocks");
    }
    drop(client);
    until(&poll, 1, Ready::readable());
    assert_eq!((&server).read(&mut buf).unwrap(), 0);
}

#[test]
fn tcp_gathers_and_scatters() {
    let poll = Poll::new().unwrap();
    let (_listener, client, server) = pair(&poll);
    poll.register(&server, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    let parts: [&iovec::IoVec; 2] = [b"hel"[..].into(), b"lo!"[..].into()];
    assert_eq!(client.write_bufs(&parts).unwrap(), 6);
    until(&poll, 1, Ready::readable());
    let (mut first, mut second) = ([0; 4], [0; 4]);
    let mut parts: [&mut iovec::IoVec; 2] = [(&mut first[..]).into(), (&mut second[..]).into()];
    assert_eq!(server.read_bufs(&mut parts).unwrap(), 6);
    assert_eq!((&first, &second[..2]), (b"hell", &b"o!"[..]));
}

#[test]
fn tcp_options_read_back() {
    let poll = Poll::new().unwrap();
    let (listener, client, _server) = pair(&poll);
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    client.set_ttl(42).unwrap();
    assert_eq!(client.ttl().unwrap(), 42);
    listener.set_ttl(43).unwrap();
    assert_eq!(listener.ttl().unwrap(), 43);
    for keepalive in [Some(Duration::from_secs(90)), None] {
        client.set_keepalive(keepalive).unwrap();
        assert_eq!(client.keepalive().unwrap(), keepalive);
    }
    for linger in [Some(Duration::from_secs(7)), None] {
        client.set_linger(linger).unwrap();
        assert_eq!(client.linger().unwrap(), linger);
    }
    client.set_recv_buffer_size(8192).unwrap();
    assert!(client.recv_buffer_size().unwrap() >= 8192);
    client.set_send_buffer_size(8192).unwrap();
    assert!(client.send_buffer_size().unwrap() >= 8192);
    assert!(listener.take_error().unwrap().is_none());
    listener.try_clone().unwrap();
    // The addresses are IPv4, so the option does not exist.
    assert!(client.only_v6().is_err());
    assert!(listener.only_v6().is_err());
}

#[test]
fn s01_the_operating_systems_sources_are_strict() {
    let (poll, other) = (Poll::new().unwrap(), Poll::new().unwrap());
    let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let (readable, edge) = (Ready::readable(), PollOpt::edge());
    assert_eq!(poll.deregister(&listener).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        poll.reregister(&listener, Token(1), readable, edge).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    poll.register(&listener, Token(1), readable, edge).unwrap();
    assert_eq!(
        poll.register(&listener, Token(1), readable, edge).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        other.register(&listener, Token(1), readable, edge).unwrap_err().kind(),
        ErrorKind::Other
    );
    poll.deregister(&listener).unwrap();
    poll.register(&listener, Token(2), readable, edge).unwrap();
}

#[test]
fn a_taken_port_is_an_error() {
    let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let error = TcpListener::bind(&listener.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn s04_a_closed_socket_is_not_reported() {
    let poll = Poll::new().unwrap();
    let (_listener, mut client, server) = pair(&poll);
    poll.register(&server, Token(1), Ready::readable(), PollOpt::level()).unwrap();
    client.write_all(b"x").unwrap();
    until(&poll, 1, Ready::readable());
    drop(server);
    assert!(!tokens(&poll).contains(&1));
}

#[test]
fn s18_an_os_source_with_oneshot_reports_once_until_it_is_armed() {
    let poll = Poll::new().unwrap();
    let (_listener, mut client, server) = pair(&poll);
    let opts = PollOpt::level() | PollOpt::oneshot();
    poll.register(&server, Token(1), Ready::readable(), opts).unwrap();
    client.write_all(b"x").unwrap();
    until(&poll, 1, Ready::readable());
    client.write_all(b"y").unwrap();
    assert!(!tokens(&poll).contains(&1));
    poll.reregister(&server, Token(2), Ready::readable(), opts).unwrap();
    until(&poll, 2, Ready::readable());
}

#[test]
fn s13_an_os_source_at_level_repeats_until_it_is_read() {
    let poll = Poll::new().unwrap();
    let (_listener, mut client, server) = pair(&poll);
    poll.register(&server, Token(1), Ready::readable(), PollOpt::level()).unwrap();
    client.write_all(b"x").unwrap();
    until(&poll, 1, Ready::readable());
    for _ in 0..3 {
        assert_eq!(tokens(&poll), [1]);
    }
    assert_eq!((&server).read(&mut [0; 4]).unwrap(), 1);
    assert_eq!(tokens(&poll), []);
}

#[test]
fn udp_carries_datagrams() {
    let poll = Poll::new().unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let (one, two) = (UdpSocket::bind(&any).unwrap(), UdpSocket::bind(&any).unwrap());
    poll.register(&two, Token(2), Ready::readable(), PollOpt::edge()).unwrap();
    let mut buf = [0; 16];
    assert_eq!(two.recv_from(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    one.send_to(b"hello", &two.local_addr().unwrap()).unwrap();
    until(&poll, 2, Ready::readable());
    assert_eq!(two.recv_from(&mut buf).unwrap(), (5, one.local_addr().unwrap()));
    one.connect(two.local_addr().unwrap()).unwrap();
    let parts: [&iovec::IoVec; 2] = [b"hel"[..].into(), b"lo!"[..].into()];
    one.send_bufs(&parts).unwrap();
    until(&poll, 2, Ready::readable());
    let (mut first, mut second) = ([0; 4], [0; 4]);
    let mut parts: [&mut iovec::IoVec; 2] = [(&mut first[..]).into(), (&mut second[..]).into()];
    assert_eq!(two.recv_bufs(&mut parts).unwrap(), 6);
    one.set_broadcast(true).unwrap();
    assert!(one.broadcast().unwrap());
    one.set_ttl(9).unwrap();
    assert_eq!(one.ttl().unwrap(), 9);
    one.set_multicast_loop_v4(false).unwrap();
    assert!(!one.multicast_loop_v4().unwrap());
    one.set_multicast_ttl_v4(3).unwrap();
    assert_eq!(one.multicast_ttl_v4().unwrap(), 3);
    let clone = one.try_clone().unwrap();
    assert_eq!(clone.send(b"x").unwrap(), 1);
    assert!(one.take_error().unwrap().is_none());
}

#[test]
fn flags_print_and_combine_as_they_always_did() {
    let both = Ready::readable() | Ready::writable();
    assert_eq!(format!("{both:?}"), "Readable | Writable");
    assert_eq!(format!("{:?}", Ready::empty()), "(empty)");
    assert_eq!(format!("{:?}", PollOpt::edge() | PollOpt::oneshot()), "Edge-Triggered | OneShot");
    assert_eq!(format!("{:?}", Ready::all()), "Readable | Writable | Error | Hup");
    let unix = UnixReady::from(both | UnixReady::error());
    // mio goes on with " | Aio" where there is no such thing.
    assert!(format!("{unix:?}").to_lowercase().starts_with("readable | writable | error"));
    assert_eq!(Ready::from_usize(Ready::all().as_usize()), Ready::all());
    assert_eq!(both - Ready::readable(), Ready::writable());
    assert_eq!(both & Ready::readable(), Ready::readable());
    assert_eq!(both ^ Ready::readable(), Ready::writable());
    let mut set = both;
    set.remove(Ready::writable());
    set |= UnixReady::hup();
    set -= Ready::readable();
    assert!(UnixReady::from(set).is_hup() && !set.is_readable());
    assert!(format!("{:?}", Events::with_capacity(3)).contains("capacity: 3"));
}

#[test]
fn two_loops_and_boxed_sources() {
    let poll = Poll::new().unwrap();
    let (registration, set) = Registration::new2();
    let boxed: Box<dyn mio::event::Evented> = Box::new(registration);
    poll.register(&boxed, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    let (registration, second) = Registration::new2();
    let shared = std::sync::Arc::new(registration);
    poll.register(&shared, Token(2), Ready::readable(), PollOpt::edge()).unwrap();
    set.set_readiness(Ready::readable()).unwrap();
    second.set_readiness(Ready::readable()).unwrap();
    assert_eq!(tokens(&poll), [1, 2]);
    // The selector itself is a source, as in mio: its operating-system part.
    let outer = Poll::new().unwrap();
    let fd = poll.as_raw_fd();
    outer.register(&EventedFd(&fd), Token(3), Ready::readable(), PollOpt::level()).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let inner = reader.as_raw_fd();
    poll.register(&EventedFd(&inner), Token(4), Ready::readable(), PollOpt::level()).unwrap();
    writer.write_all(b"x").unwrap();
    until(&outer, 3, Ready::readable());
    until(&poll, 4, Ready::readable());
}
