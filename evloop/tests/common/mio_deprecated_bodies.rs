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
    let unix = UnixReady::error() | UnixReady::hup();
    assert_eq!(unix & !UnixReady::hup(), UnixReady::error());
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
    Evented::deregister(&registration, &poll).unwrap();
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

fn readable_now(poll: &Poll) -> bool {
    let mut events = Events::with_capacity(4);
    poll.poll(&mut events, NOW).unwrap() > 0
}

#[test]
fn a_channel_is_readable_while_something_is_in_it() {
    let poll = Poll::new().unwrap();
    let (sender, receiver) = mio::channel::channel();
    sender.send(1).unwrap();
    let level = PollOpt::level();
    assert!(poll.deregister(&receiver).is_err());
    poll.register(&receiver, Token(1), Ready::readable(), level).unwrap();
    assert!(poll.register(&receiver, Token(1), Ready::readable(), level).is_err());
    let second = sender.clone();
    second.send(2).unwrap();
    for expected in [1, 2] {
        assert!(readable_now(&poll) && readable_now(&poll));
        assert_eq!(receiver.try_recv().unwrap(), expected);
    }
    assert!(!readable_now(&poll));
    drop(sender);
    assert!(!readable_now(&poll), "one sender is left");
    drop(second);
    assert!(readable_now(&poll), "nothing more comes");
    assert!(receiver.try_recv().is_err());
}

#[test]
fn a_channel_with_a_bound_says_when_it_is_full_and_when_nobody_listens() {
    use mio::channel::{SendError, TrySendError, sync_channel};
    let (sender, receiver) = sync_channel(1);
    sender.try_send("one").unwrap();
    let full = sender.try_send("two").unwrap_err();
    assert!(matches!(full, TrySendError::Full("two")));
    assert_eq!(format!("{full} {full:?}"), "Full Full");
    assert_eq!(receiver.try_recv().unwrap(), "one");
    drop(receiver);
    let gone = sender.send("three").unwrap_err();
    assert!(matches!(gone, SendError::Disconnected("three")));
    assert_eq!(gone.to_string(), "Disconnected");
}

#[test]
fn a_channel_between_threads_loses_nothing() {
    let poll = Poll::new().unwrap();
    let (sender, receiver) = mio::channel::channel();
    poll.register(&receiver, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let sender = sender.clone();
            std::thread::spawn(move || (0..5_000).for_each(|n| sender.send(n).unwrap()))
        })
        .collect();
    let (mut sum, mut count) = (0u64, 0);
    let mut events = Events::with_capacity(4);
    while count < 20_000 {
        // For ever: a lost wake would hang the test.
        poll.poll(&mut events, None).unwrap();
        while let Ok(n) = receiver.try_recv() {
            sum += n;
            count += 1;
        }
    }
    assert_eq!(sum, 4 * (0..5_000).sum::<u64>());
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}

#[test]
fn a_timer_gives_its_timeouts_in_their_order() {
    let poll = Poll::new().unwrap();
    let builder = mio::timer::Builder::default().tick_duration(Duration::from_millis(5));
    let mut timer = builder.num_slots(16).capacity(16).build();
    let after = |millis| Duration::from_millis(millis);
    timer.set_timeout(after(40), "last").unwrap();
    poll.register(&timer, Token(1), Ready::readable(), PollOpt::edge()).unwrap();
    assert!(poll.register(&timer, Token(1), Ready::readable(), PollOpt::edge()).is_err());
    let never = timer.set_timeout(after(20), "never").unwrap();
    timer.set_timeout(after(10), "first").unwrap();
    assert_eq!(timer.cancel_timeout(&never), Some("never"));
    assert_eq!(timer.cancel_timeout(&never), None);
    let mut events = Events::with_capacity(4);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        poll.poll(&mut events, None).unwrap();
        seen.extend(std::iter::from_fn(|| timer.poll()));
    }
    assert_eq!(seen, ["first", "last"]);
    assert_eq!(timer.poll(), None);
}

#[test]
fn udp_says_none_where_it_would_block() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let [one, two] = [(); 2].map(|()| mio::udp::UdpSocket::bind(&any).unwrap());
    let poll = Poll::new().unwrap();
    poll.register(&two, Token(2), Ready::readable(), PollOpt::edge()).unwrap();
    let mut buf = [0; 16];
    assert_eq!(two.recv_from(&mut buf).unwrap(), None);
    let address = two.local_addr().unwrap();
    assert_eq!(one.send_to(b"hello", &address).unwrap(), Some(5));
    let mut events = Events::with_capacity(4);
    poll.poll(&mut events, None).unwrap();
    assert_eq!(two.recv_from(&mut buf).unwrap(), Some((5, one.local_addr().unwrap())));
    one.connect(address).unwrap();
    assert_eq!(one.send(b"again").unwrap(), Some(5));
    poll.poll(&mut events, None).unwrap();
    assert_eq!(two.recv(&mut buf).unwrap(), Some(5));
    assert!(!one.broadcast().unwrap() && one.take_error().unwrap().is_none());
}
