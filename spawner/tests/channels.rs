//! The channels alone.
#![cfg(test)]

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use mydht_spawner::channel::{
    DefaultRecvChannel, HandleSend, LocalRcChannel, MpscChannel, NoChannel, NoRecv, NoSend,
    RefChannel, SendError,
};
use mydht_spawner::{
    Error, Result, SpawnChannel, SpawnRecv, SpawnSend, SpawnUnyield, SpawnWeakUnyield,
};

/// Checks a channel of numbers that keeps all it is given.
fn keeps_everything<Ch: SpawnChannel<u32>>(mut channel: Ch)
where
    Ch::Send: Clone,
{
    const { assert!(<Ch::Send as SpawnSend<u32>>::CAN_SEND) };
    let (mut send, mut recv) = channel.new_channel().unwrap();
    let mut second = send.clone();
    assert_eq!(recv.recv().unwrap(), None);
    send.send(1).unwrap();
    second.send(2).unwrap();
    send.send(3).unwrap();
    assert_eq!(recv.recv().unwrap(), Some(1));
    drop(send);
    // One sender is left.
    assert_eq!(recv.recv().unwrap(), Some(2));
    second.send(4).unwrap();
    drop(second);
    assert_eq!(recv.recv().unwrap(), Some(3));
    assert_eq!(recv.recv().unwrap(), Some(4));
    for _ in 0..2 {
        assert!(matches!(recv.recv(), Err(Error::Closed)));
    }

    let (mut send, recv) = channel.new_channel().unwrap();
    send.send(1).unwrap();
    drop(recv);
    assert!(matches!(send.send(2), Err(Error::Closed)));
    match send.try_send(3) {
        Err(SendError {
            error: Error::Closed,
            command: Some(3),
        }) => {}
        other => panic!("{other:?}"),
    }
}

/// Checks a bounded channel with room for two.
fn says_when_it_is_full<Ch: SpawnChannel<u32>>(mut channel: Ch) {
    let (mut send, mut recv) = channel.new_channel().unwrap();
    send.send(1).unwrap();
    send.send(2).unwrap();
    assert!(matches!(send.send(3), Err(Error::Full)));
    match send.try_send(4) {
        Err(SendError {
            error: Error::Full,
            command: Some(4),
        }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(recv.recv().unwrap(), Some(1));
    send.send(5).unwrap();
    assert_eq!(recv.recv().unwrap(), Some(2));
    assert_eq!(recv.recv().unwrap(), Some(5));
    assert_eq!(recv.recv().unwrap(), None);
}

#[test]
fn local() {
    keeps_everything(LocalRcChannel::unbounded());
    keeps_everything(LocalRcChannel::bounded(4));
    says_when_it_is_full(LocalRcChannel::bounded(2));
}

#[test]
fn mpsc() {
    keeps_everything(MpscChannel::unbounded());
    keeps_everything(MpscChannel::bounded(4));
    says_when_it_is_full(MpscChannel::bounded(2));
}

#[test]
fn a_local_channel_shows_both_ends_what_is_there() {
    let (mut send, mut recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    assert!(send.is_empty() && recv.is_empty());
    send.send('a').unwrap();
    assert_eq!((send.len(), recv.len()), (1, 1));
    assert!(!send.is_closed() && !recv.is_closed());
    drop(send);
    assert!(recv.is_closed());
    assert_eq!(recv.recv().unwrap(), Some('a'));
    let (send, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    drop::<mydht_spawner::channel::LocalRcRecv<u8>>(recv);
    assert!(send.is_closed());
}

#[test]
fn commands_dropped_with_a_local_channel_may_look_at_it() {
    struct Looks(mydht_spawner::channel::LocalRcSend<Looks>, Rc<Cell<u32>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            assert!(self.0.is_closed());
            assert!(self.0.is_empty());
            self.1.set(self.1.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let (mut send, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    for _ in 0..3 {
        let looks = Looks(send.clone(), dropped.clone());
        assert!(send.send(looks).is_ok());
    }
    drop(recv);
    assert_eq!(dropped.get(), 3);
}

#[test]
fn the_default_comes_when_there_is_nothing_else() {
    let mut channel = DefaultRecvChannel::new(LocalRcChannel::unbounded(), 7);
    let (mut send, mut recv) = channel.new_channel().unwrap();
    assert_eq!(recv.recv().unwrap(), Some(7));
    send.send(1).unwrap();
    assert_eq!(recv.recv().unwrap(), Some(1));
    assert_eq!(recv.recv().unwrap(), Some(7));
    send.send(2).unwrap();
    drop(send);
    assert_eq!(recv.recv().unwrap(), Some(2));
    assert!(matches!(recv.recv(), Err(Error::Closed)));
}

#[test]
fn nowhere() {
    let (mut send, mut recv): (NoSend, NoRecv) =
        SpawnChannel::<u32>::new_channel(&mut NoChannel).unwrap();
    const { assert!(!<NoSend as SpawnSend<u32>>::CAN_SEND) };
    send.send(1).unwrap();
    assert!(matches!(
        SpawnRecv::<u32>::recv(&mut recv),
        Err(Error::Closed)
    ));
}

#[test]
fn references_cross_threads() {
    let mut channel = RefChannel::new(MpscChannel::bounded(1));
    let (mut send, mut recv) = SpawnChannel::<Rc<String>>::new_channel(&mut channel).unwrap();
    let thread = std::thread::spawn(move || {
        let mut got = None;
        while got.is_none() {
            got = recv.recv().unwrap().map(|s| Rc::strong_count(&s) + s.len());
        }
        got
    });
    let text = Rc::new("four".to_owned());
    send.send(text.clone()).unwrap();
    assert_eq!(thread.join().unwrap(), Some(5));
    assert_eq!(Rc::strong_count(&text), 1);
    // Given back in the form it came in.
    let refused = send.try_send(text).unwrap_err();
    assert_eq!(**refused.command.as_ref().unwrap(), "four");
    assert!(matches!(refused.error, Error::Closed));

    // An `Arc` crosses as it is.
    let (mut send, mut recv) = SpawnChannel::<Arc<String>>::new_channel(&mut channel).unwrap();
    let shared = Arc::new("same".to_owned());
    send.send(shared.clone()).unwrap();
    assert!(Arc::ptr_eq(&recv.recv().unwrap().unwrap(), &shared));
}

/// Receives all that there is when it is unyielded, `enabled` or not at all.
#[derive(Clone)]
struct Drain {
    recv: Rc<std::cell::RefCell<mydht_spawner::channel::LocalRcRecv<u32>>>,
    got: Rc<std::cell::RefCell<Vec<u32>>>,
    enabled: Rc<Cell<bool>>,
    unyields: Rc<Cell<u32>>,
}

impl SpawnUnyield for Drain {
    fn is_finished(&mut self) -> bool {
        false
    }
    fn unyield(&mut self) -> Result<()> {
        self.unyields.set(self.unyields.get() + 1);
        while self.enabled.get()
            && let Some(n) = self.recv.borrow_mut().recv()?
        {
            self.got.borrow_mut().push(n);
        }
        Ok(())
    }
}

impl SpawnWeakUnyield for Drain {}

#[test]
fn sending_through_a_handle_wakes_and_makes_room() {
    let (send, recv) = LocalRcChannel::bounded(2).new_channel().unwrap();
    let drain = Drain {
        recv: Rc::new(recv.into()),
        got: Rc::default(),
        enabled: Rc::new(Cell::new(false)),
        unyields: Rc::default(),
    };
    let mut send = HandleSend::new(send, drain.clone());
    send.send(1).unwrap();
    send.send(2).unwrap();
    assert_eq!(drain.unyields.get(), 2);
    // Nobody frees a place: the command comes back, after a try to wake the receiver.
    let refused = send.try_send(3).unwrap_err();
    assert!(matches!(
        (refused.error, refused.command),
        (Error::Full, Some(3))
    ));
    assert_eq!(drain.unyields.get(), 3);
    // The receiver frees a place when it is woken.
    drain.enabled.set(true);
    drain.recv.borrow_mut().recv().unwrap();
    send.send(4).unwrap();
    drain.enabled.set(false);
    send.send(5).unwrap();
    send.send(6).unwrap();
    drain.enabled.set(true);
    send.send(7).unwrap();
    assert_eq!(*drain.got.borrow(), [2, 4, 5, 6, 7]);
}
