//! The first things a loop has to do.
#![cfg(not(target_arch = "wasm32"))]

use mydht_evloop::traits::{self, Registerable, TriggerReady, UserSources};
use mydht_evloop::{
    Events, Handle, Poll, PollOpt, Ready, Registration, Token, VirtualClock, driver,
};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);
const LONG: Option<Duration> = Some(Duration::from_secs(30));

fn tokens(events: &Events) -> Vec<usize> {
    events.iter().map(|event| event.token().0).collect()
}

#[test]
fn a_user_source_wakes_a_sleeping_loop_on_every_blocking_driver() {
    for poll in [Poll::new().unwrap(), Poll::with_driver(driver::Park::new())] {
        let (registration, set) = Registration::new2();
        poll.register(&registration, Token(5), Ready::readable(), PollOpt::edge())
            .unwrap();
        let thread = std::thread::spawn(move || set.set_readiness(Ready::readable()).unwrap());
        let mut events = Events::with_capacity(4);
        assert_eq!(poll.poll(&mut events, LONG).unwrap(), 1);
        assert_eq!(tokens(&events), [5]);
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 0);
        thread.join().unwrap();
    }
}

#[test]
fn tcp_echoes_through_the_loop_traits() {
    use mydht_evloop::net::{TcpListener, TcpStream};
    use traits::Events as _;

    let poll = Poll::new().unwrap();
    let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    assert!(Registerable::register(&listener, &poll, 0, traits::Ready::Readable).unwrap());
    let mut client = TcpStream::connect(&listener.local_addr().unwrap()).unwrap();
    assert!(Registerable::register(&client, &poll, 1, traits::Ready::Both).unwrap());
    assert_eq!(
        Registerable::register(&client, &poll, 1, traits::Ready::Both)
            .unwrap_err()
            .kind(),
        ErrorKind::AlreadyExists
    );

    let mut server = None;
    let mut echoed = Vec::new();
    let mut sent = false;
    let mut events = mydht_evloop::LoopEvents::with_capacity(16);
    while echoed.len() < 5 {
        assert!(traits::Poll::poll(&poll, &mut events, LONG).unwrap() > 0);
        for event in events.by_ref() {
            match event.token {
                0 => {
                    let (stream, _) = listener.accept().unwrap();
                    Registerable::register(&stream, &poll, 2, traits::Ready::Readable).unwrap();
                    server = Some(stream);
                }
                1 => {
                    if event.kind.is_writable() && !sent {
                        assert_eq!(client.write(b"hello").unwrap(), 5);
                        sent = true;
                    }
                    let mut buf = [0; 16];
                    match client.read(&mut buf) {
                        Ok(n) => echoed.extend_from_slice(&buf[..n]),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                }
                2 => {
                    let stream = server.as_mut().unwrap();
                    let mut buf = [0; 16];
                    let n = stream.read(&mut buf).unwrap();
                    stream.write_all(&buf[..n]).unwrap();
                }
                token => panic!("unknown token {token}"),
            }
        }
    }
    assert_eq!(echoed, b"hello");
    Registerable::deregister(&client, &poll).unwrap();
    assert_eq!(
        Registerable::deregister(&client, &poll).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(poll.now() > Duration::ZERO);
}

#[test]
fn a_trigger_keeps_what_was_not_reported_yet() {
    use traits::Events as _;
    let poll = Poll::turns();
    let (registration, trigger) = <Poll as UserSources>::user_source();
    Registerable::register(&registration, &poll, 9, traits::Ready::Both).unwrap();
    let mut events = mydht_evloop::LoopEvents::with_capacity(4);
    TriggerReady::set_readiness(&trigger, traits::Ready::Readable).unwrap();
    TriggerReady::set_readiness(&trigger, traits::Ready::Writable).unwrap();
    assert_eq!(traits::Poll::poll(&poll, &mut events, None).unwrap(), 1);
    assert_eq!(events.next().unwrap().kind, traits::Ready::Both);
    TriggerReady::set_readiness(&trigger, traits::Ready::Writable).unwrap();
    assert_eq!(traits::Poll::poll(&poll, &mut events, None).unwrap(), 1);
    assert_eq!(events.next().unwrap().kind, traits::Ready::Writable);
    drop(poll);
}

#[test]
fn an_idle_loop_asks_for_one_turn() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let poll = Poll::turns();
    let wakes = Arc::new(AtomicUsize::new(0));
    let counter = wakes.clone();
    let handle: Handle = poll.handle();
    assert!(handle.on_wake(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    }));
    let (registration, set) = Registration::new2();
    poll.register(&registration, Token(0), Ready::readable(), PollOpt::edge())
        .unwrap();
    for _ in 0..3 {
        set.set_readiness(Ready::readable()).unwrap();
    }
    assert_eq!(wakes.load(Ordering::Relaxed), 1);
    let mut events = Events::with_capacity(4);
    assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(wakes.load(Ordering::Relaxed), 1, "it is not idle yet");
    assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
    assert_eq!(
        poll.poll(&mut events, None).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    set.set_readiness(Ready::readable()).unwrap();
    assert_eq!(wakes.load(Ordering::Relaxed), 2);
}

#[test]
fn a_virtual_clock_jumps_over_its_loops_deadlines() {
    let clock = VirtualClock::new(7);
    let polls = [clock.poll(), clock.poll()];
    let mut events = Events::with_capacity(4);
    for (poll, seconds) in polls.iter().zip([20, 10]) {
        let error = poll.poll(&mut events, Some(Duration::from_secs(seconds)));
        assert_eq!(error.unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(clock.jump(), Some(Duration::from_secs(10)));
    let again = polls[0].poll(&mut events, Some(Duration::from_secs(20)));
    assert_eq!(again.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(
        polls[1]
            .poll(&mut events, Some(Duration::from_secs(10)))
            .unwrap(),
        0
    );
    assert_eq!(clock.next_deadline(), Some(Duration::from_secs(10)));
    let last = polls[1].poll(&mut events, None);
    assert_eq!(last.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(
        clock.jump(),
        Some(Duration::from_secs(20)),
        "still from the first call"
    );
    assert_eq!(polls[0].poll(&mut events, None).unwrap(), 0);
    drop(polls);
    assert_eq!(clock.next_deadline(), None);
}

#[test]
fn triggers_merge_although_the_loop_has_taken_the_first_one_in() {
    let poll = Poll::turns();
    let both = Ready::readable() | Ready::writable();
    for opts in [PollOpt::edge(), PollOpt::level()] {
        let (registration, set) = Registration::new2();
        poll.register(&registration, Token(1), both, opts).unwrap();
        let mut events = Events::with_capacity(4);
        set.trigger(Ready::readable()).unwrap();
        // It takes the loop's lock, and with it what was triggered.
        poll.set_os_budget(1);
        set.trigger(Ready::writable()).unwrap();
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
        assert_eq!(events.iter().next().unwrap().readiness(), both);
        set.trigger(Ready::readable()).unwrap();
        poll.set_os_budget(1);
        set.set_readiness(Ready::empty()).unwrap();
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 0, "cleared");
        set.trigger(Ready::readable()).unwrap();
        poll.set_os_budget(1);
        set.set_readiness(Ready::writable()).unwrap();
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), 1);
        let seen = events.iter().next().unwrap().readiness();
        assert_eq!(seen, Ready::writable(), "replaced");
    }
}
