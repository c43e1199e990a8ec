//! A steady-state poll allocates nothing, shown by a counting allocator.
#![cfg(not(target_arch = "wasm32"))]

use mydht_evloop::epoll::{Epoll, Event, Flags, Source};
use mydht_evloop::net::{TcpListener, TcpStream};
use mydht_evloop::{Events, Poll, PollOpt, Ready, Registration, Token, local};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::time::Duration;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: Option<Duration> = Some(Duration::ZERO);
const SOURCES: usize = 100;

/// Allocations of a thousand rounds, after ten to warm up.
fn allocations(mut round: impl FnMut()) -> usize {
    (0..10).for_each(|_| round());
    let before = ALLOCATIONS.with(Cell::get);
    (0..1_000).for_each(|_| round());
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn the_allocator_counts() {
    assert_eq!(
        allocations(|| drop(std::hint::black_box(Box::new(1)))),
        1_000
    );
}

#[test]
fn user_sources_allocate_nothing() {
    let poll = Poll::new().unwrap();
    let sources: Vec<_> = (0..SOURCES)
        .map(|token| {
            let pair = Registration::new2();
            poll.register(&pair.0, Token(token), Ready::readable(), PollOpt::edge())
                .unwrap();
            pair
        })
        .collect();
    let mut events = Events::with_capacity(SOURCES);
    let count = allocations(|| {
        for (_, set) in &sources {
            set.set_readiness(Ready::readable()).unwrap();
        }
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), SOURCES);
    });
    assert_eq!(count, 0);
}

#[test]
fn same_thread_sources_allocate_nothing() {
    let poll = local::Poll::new().unwrap();
    let sources: Vec<_> = (0..SOURCES)
        .map(|token| {
            let pair = local::Registration::new2();
            poll.register(&pair.0, Token(token), Ready::readable(), PollOpt::edge())
                .unwrap();
            pair
        })
        .collect();
    let mut events = Events::with_capacity(SOURCES);
    let count = allocations(|| {
        for (_, set) in &sources {
            set.set_readiness(Ready::readable()).unwrap();
        }
        assert_eq!(poll.poll(&mut events, NOW).unwrap(), SOURCES);
    });
    assert_eq!(count, 0);
}

#[test]
fn the_epoll_face_allocates_nothing() {
    let epoll = Epoll::park();
    let sources: Vec<_> = (0..SOURCES).map(|_| Source::new()).collect();
    for (number, source) in sources.iter().enumerate() {
        epoll
            .add(source, Event::new(Flags::IN | Flags::ET, number))
            .unwrap();
    }
    let mut events = [Event::default(); SOURCES];
    let count = allocations(|| {
        sources.iter().for_each(|source| source.wake(Flags::IN));
        assert_eq!(epoll.wait(&mut events, NOW).unwrap(), SOURCES);
    });
    assert_eq!(count, 0);
}

#[test]
fn sockets_allocate_nothing() {
    let poll = Poll::new().unwrap();
    let listener = TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    // A connection that is established can be accepted.
    let (server, _) = listener.accept().unwrap();
    poll.register(&server, Token(1), Ready::readable(), PollOpt::edge())
        .unwrap();
    let mut events = Events::with_capacity(16);
    let mut server: TcpStream = server;
    let count = allocations(|| {
        client.write_all(b"ping").unwrap();
        poll.poll(&mut events, None).unwrap();
        let mut buf = [0; 16];
        while server.read(&mut buf).is_ok() {}
    });
    assert_eq!(count, 0);
}
