//! The evented channel: what it tells its loop, and when.
#![cfg(test)]

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use mydht_evloop::traits::{
    Event, Events, Poll, Ready, Registerable, Token, TriggerReady, UserSources,
};
use mydht_spawner::channel::{LocalRcChannel, MioChannel};
use mydht_spawner::{Error, SpawnChannel, SpawnRecv, SpawnSend};

/// The smallest loop with user sources: edge-triggered, same thread.
#[derive(Default)]
struct Loop {
    registered: RefCell<Vec<(Token, Source)>>,
}

#[derive(Clone, Default)]
struct Source(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    ready: bool,
    registered: bool,
    /// Called inside `set_readiness`.
    watch: Option<Box<dyn FnMut()>>,
}

struct Found(Vec<Event>);

impl Iterator for Found {
    type Item = Event;
    fn next(&mut self) -> Option<Event> {
        self.0.pop()
    }
}

impl Events for Found {
    fn with_capacity(_: usize) -> Self {
        Found(Vec::new())
    }
}

impl Poll for Loop {
    type Events = Found;
    fn poll(&self, events: &mut Found, _: Option<Duration>) -> io::Result<usize> {
        events.0.clear();
        for (token, source) in self.registered.borrow().iter() {
            if std::mem::take(&mut source.0.borrow_mut().ready) {
                events.0.push(Event {
                    kind: Ready::Readable,
                    token: *token,
                });
            }
        }
        Ok(events.0.len())
    }
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl Registerable<Loop> for Source {
    fn register(&self, poll: &Loop, token: Token, _: Ready) -> io::Result<bool> {
        if std::mem::replace(&mut self.0.borrow_mut().registered, true) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        poll.registered.borrow_mut().push((token, self.clone()));
        Ok(true)
    }
    fn reregister(&self, poll: &Loop, token: Token, interest: Ready) -> io::Result<bool> {
        self.deregister(poll)?;
        self.register(poll, token, interest)
    }
    fn deregister(&self, poll: &Loop) -> io::Result<()> {
        if !std::mem::replace(&mut self.0.borrow_mut().registered, false) {
            return Err(io::ErrorKind::NotFound.into());
        }
        poll.registered
            .borrow_mut()
            .retain(|(_, source)| !Rc::ptr_eq(&source.0, &self.0));
        Ok(())
    }
}

impl TriggerReady for Source {
    fn set_readiness(&self, _: Ready) -> io::Result<()> {
        let watch = self.0.borrow_mut().watch.take();
        if let Some(mut watch) = watch {
            watch();
            self.0.borrow_mut().watch = Some(watch);
        }
        self.0.borrow_mut().ready = true;
        Ok(())
    }
}

impl UserSources for Loop {
    type Registration = Source;
    type Trigger = Source;
    fn user_source() -> (Source, Source) {
        let source = Source::default();
        (source.clone(), source)
    }
}

fn tokens(poll: &Loop) -> Vec<Token> {
    let mut events = Found::with_capacity(8);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    events.map(|event| event.token).collect()
}

type Channel = MioChannel<LocalRcChannel, Loop>;

#[test]
fn sending_makes_the_receiver_ready() {
    let poll = Loop::default();
    let (mut send, mut recv) = Channel::default().new_channel().unwrap();
    assert!(recv.register(&poll, 5, Ready::Readable).unwrap());
    assert!(recv.register(&poll, 6, Ready::Readable).is_err());
    assert_eq!(tokens(&poll), []);
    send.send('a').unwrap();
    send.send('b').unwrap();
    assert_eq!(tokens(&poll), [5]);
    assert_eq!(tokens(&poll), []);
    assert_eq!(recv.recv().unwrap(), Some('a'));
    assert_eq!(recv.recv().unwrap(), Some('b'));
    assert_eq!(recv.recv().unwrap(), None);
    send.send('c').unwrap();
    assert!(recv.reregister(&poll, 9, Ready::Readable).unwrap());
    assert_eq!(tokens(&poll), [9]);
    recv.deregister(&poll).unwrap();
    send.send('d').unwrap();
    assert_eq!(tokens(&poll), []);
    assert!(recv.deregister(&poll).is_err());
    assert_eq!(recv.recv().unwrap(), Some('c'));
    assert_eq!(recv.recv().unwrap(), Some('d'));
}

#[test]
fn closing_makes_the_receiver_ready() {
    let poll = Loop::default();
    let (send, mut recv) = Channel::default().new_channel().unwrap();
    recv.register(&poll, 1, Ready::Readable).unwrap();
    let second = send.clone();
    drop(send);
    tokens(&poll);
    assert_eq!(recv.recv().unwrap(), None::<u8>);
    drop(second);
    assert_eq!(tokens(&poll), [1]);
    assert!(matches!(recv.recv(), Err(Error::Closed)));
}

#[test]
fn the_channel_is_closed_before_the_loop_is_told() {
    let (send, recv) = Channel::default().new_channel().unwrap();
    let (recv, source) = recv.into_parts();
    let recv: Rc<RefCell<mydht_spawner::channel::LocalRcRecv<u8>>> = Rc::new(recv.into());
    let (seen, inside) = (Rc::new(RefCell::new(Vec::new())), recv.clone());
    let log = seen.clone();
    source.0.borrow_mut().watch = Some(Box::new(move || {
        log.borrow_mut().push(inside.borrow_mut().recv().is_err());
    }));
    drop(send);
    assert_eq!(*seen.borrow(), [true]);
}

#[test]
fn a_refused_command_comes_back_and_tells_nobody() {
    let poll = Loop::default();
    let (mut send, recv) = MioChannel::<_, Loop>::new(LocalRcChannel::bounded(1))
        .new_channel()
        .unwrap();
    recv.register(&poll, 1, Ready::Readable).unwrap();
    send.send(1).unwrap();
    assert_eq!(tokens(&poll), [1]);
    let refused = send.try_send(2).unwrap_err();
    assert!(matches!(
        (refused.error, refused.command),
        (Error::Full, Some(2))
    ));
    assert_eq!(tokens(&poll), []);
}
