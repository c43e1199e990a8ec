//! The loop traits, on every loop that implements them: the same bodies.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use mydht_evloop::traits::{Events, Poll, Ready, Registerable, TriggerReady, UserSources};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

fn drain<P: Poll>(poll: &P) -> Vec<(usize, Ready)> {
    let mut events = P::Events::with_capacity(64);
    let count = poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    let list: Vec<_> = events.map(|event| (event.token, event.kind)).collect();
    assert_eq!(list.len(), count);
    list
}

fn user_sources<P: UserSources>(poll: &P) {
    let (registration, trigger) = P::user_source();
    let kind = |result: std::io::Result<bool>| result.map_err(|error| error.kind());
    assert_eq!(
        kind(registration.reregister(poll, 1, Ready::Readable)),
        Err(ErrorKind::NotFound)
    );
    assert_eq!(
        registration.deregister(poll).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(registration.register(poll, 1, Ready::Readable)),
        Ok(true)
    );
    assert_eq!(
        kind(registration.register(poll, 1, Ready::Readable)),
        Err(ErrorKind::AlreadyExists)
    );
    assert_eq!(drain(poll), []);
    trigger.clone().set_readiness(Ready::Readable).unwrap();
    assert_eq!(drain(poll), [(1, Ready::Readable)]);
    assert_eq!(drain(poll), [], "edge-triggered");
    trigger.set_readiness(Ready::Both).unwrap();
    assert_eq!(
        kind(registration.reregister(poll, 2, Ready::Both)),
        Ok(true)
    );
    assert_eq!(drain(poll), [(2, Ready::Both)]);
    trigger.set_readiness(Ready::Writable).unwrap();
    registration.deregister(poll).unwrap();
    assert_eq!(drain(poll), []);
    let before = poll.now();
    assert!(poll.now() >= before);
}

fn sockets<P, L, S>(poll: &P, listener: &L, accept: impl Fn(&L) -> S, connect: impl Fn(&L) -> S)
where
    P: Poll,
    L: Registerable<P>,
    S: Registerable<P> + Read + Write,
{
    assert!(listener.register(poll, 0, Ready::Readable).unwrap());
    let mut client = connect(listener);
    client.register(poll, 1, Ready::Both).unwrap();
    let mut server: Option<S> = None;
    let mut received = Vec::new();
    let mut sent = false;
    let mut events = P::Events::with_capacity(16);
    while received != b"ping" {
        assert!(
            poll.poll(&mut events, Some(Duration::from_secs(30)))
                .unwrap()
                > 0
        );
        for event in events.by_ref() {
            match event.token {
                0 => {
                    let stream = accept(listener);
                    stream.register(poll, 2, Ready::Readable).unwrap();
                    server = Some(stream);
                }
                1 if event.kind.is_writable() && !sent => {
                    client.write_all(b"ping").unwrap();
                    sent = true;
                }
                2 => {
                    let mut buf = [0; 8];
                    let count = server.as_mut().unwrap().read(&mut buf).unwrap();
                    received.extend_from_slice(&buf[..count]);
                }
                _ => {}
            }
        }
    }
    client.deregister(poll).unwrap();
    assert_eq!(
        client.deregister(poll).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

macro_rules! loops {
    ($($(#[$cfg:meta])* $name:ident: $new:expr, $net:path;)*) => {$(
        $(#[$cfg])*
        mod $name {
            use $net as net;

            #[test]
            fn user_sources() {
                super::user_sources(&$new);
            }

            #[test]
            fn sockets() {
                let listener = net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
                super::sockets(
                    &$new,
                    &listener,
                    |listener| listener.accept().unwrap().0,
                    |listener| net::TcpStream::connect(&listener.local_addr().unwrap()).unwrap(),
                );
            }
        }
    )*};
}

loops! {
    shared: mydht_evloop::Poll::new().unwrap(), mydht_evloop::net;
    same_thread: mydht_evloop::local::Poll::new().unwrap(), mydht_evloop::net;
    #[cfg(feature = "mio06")]
    registry: mydht_evloop::mio06::Poll::new().unwrap(), mio06::net;
}

#[test]
fn loops_without_the_operating_system() {
    user_sources(&mydht_evloop::Poll::with_driver(
        mydht_evloop::driver::Park::new(),
    ));
    user_sources(&mydht_evloop::Poll::turns());
    user_sources(&mydht_evloop::VirtualClock::new(3).poll());
    user_sources(&mydht_evloop::local::Poll::over(mydht_evloop::Poll::turns()));
    let listener = mydht_evloop::net::TcpListener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let refused =
        Registerable::register(&listener, &mydht_evloop::Poll::turns(), 0, Ready::Readable);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
}
