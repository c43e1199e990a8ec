//! Faults of legacy MyDHT, each as a test.
#![cfg(test)]

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use mydht_spawner::channel::{
    DefaultRecvChannel, LocalRcChannel, LocalRcRecv, LocalRcSend, NoSend,
};
use mydht_spawner::{
    Error, ReadYield, RestartHandle, RestartOrError, Result, Service, ServiceRestartable,
    SpawnChannel, SpawnHandle, SpawnRecv, SpawnSend, SpawnUnyield, Spawner, SpawnerYield,
    YieldReturn,
};

/// Writes its command as two halves into a log, and yields between them while the sink is blocked.
/// It fails at a restart if it is told to.
struct Halves {
    log: Vec<(u32, char)>,
    blocked: Rc<Cell<bool>>,
    second_half_of: Option<u32>,
    fail_at_restart: bool,
}

type Handle = RestartHandle<Halves, LocalRcSend<u32>, LocalRcRecv<u32>>;
type Started = (Handle, LocalRcSend<u32>, LocalRcRecv<u32>, Rc<Cell<bool>>);

fn halves(first: Option<u32>, nb_loop: usize, fail_at_restart: bool) -> Started {
    let (send, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let (out, results) = LocalRcChannel::unbounded().new_channel().unwrap();
    let blocked = Rc::new(Cell::new(true));
    let service = Halves {
        log: Vec::new(),
        blocked: blocked.clone(),
        second_half_of: None,
        fail_at_restart,
    };
    let handle = RestartOrError::new()
        .spawn(service, out, first, recv, nb_loop)
        .unwrap();
    (handle, send, results, blocked)
}

impl Halves {
    fn go_on(&mut self) -> Result<u32> {
        if self.blocked.get() {
            return Err(Error::Yield);
        }
        let n = self.second_half_of.take().unwrap();
        self.log.push((n, 'b'));
        Ok(n)
    }
}

impl Service for Halves {
    type CommandIn = u32;
    type CommandOut = u32;

    fn call<Y: SpawnerYield>(&mut self, command: u32, _: &mut Y) -> Result<u32> {
        self.log.push((command, 'a'));
        self.second_half_of = Some(command);
        self.go_on()
    }
}

impl ServiceRestartable for Halves {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u32>> {
        if self.fail_at_restart {
            return Err(Error::service("the restart failed"));
        }
        self.go_on().map(Some)
    }
}

#[test]
fn a_new_command_does_not_land_inside_a_half_written_one() {
    let (mut handle, mut commands, mut results, blocked) = halves(Some(1), 0, false);
    commands.send(2).unwrap();
    commands.send(3).unwrap();
    handle.unyield().unwrap();
    blocked.set(false);
    handle.unyield().unwrap();
    for n in 1..=3 {
        assert_eq!(results.recv().unwrap(), Some(n));
    }
    assert_eq!(
        handle.unwrap_state().unwrap().0.log,
        [(1, 'a'), (1, 'b'), (2, 'a'), (2, 'b'), (3, 'a'), (3, 'b')]
    );
}

#[test]
fn a_command_that_yields_is_not_lost() {
    let (mut handle, mut commands, mut results, blocked) = halves(None, 0, false);
    for n in 0..100 {
        blocked.set(true);
        commands.send(n).unwrap();
        handle.unyield().unwrap();
        handle.unyield().unwrap();
        assert_eq!(results.recv().unwrap(), None);
        blocked.set(false);
        handle.unyield().unwrap();
        assert_eq!(results.recv().unwrap(), Some(n));
    }
    let counters = handle.counters();
    assert_eq!(
        (counters.commands, counters.yields, counters.restarts),
        (100, 200, 200)
    );
}

#[test]
fn an_error_of_a_restart_is_not_swallowed() {
    let (mut handle, _commands, _results, _blocked) = halves(Some(1), 0, true);
    assert!(!handle.is_finished());
    assert_eq!(
        handle.unyield().unwrap_err().to_string(),
        "the restart failed"
    );
    assert!(handle.is_finished());
}

#[test]
fn a_handle_whose_unyield_failed_is_not_empty() {
    let (mut handle, mut commands, _results, _blocked) = halves(Some(1), 0, true);
    commands.send(2).unwrap();
    handle.unyield().unwrap_err();
    // It answers, it does not fail again, and everything is still in it.
    handle.unyield().unwrap();
    assert!(handle.is_finished());
    assert_eq!(handle.with_service(|s| s.log.clone()).unwrap(), [(1, 'a')]);
    let (service, mut out, mut recv, ended) = handle.unwrap_state().unwrap();
    assert_eq!(service.second_half_of, Some(1));
    assert_eq!(recv.recv().unwrap(), Some(2));
    out.send(9).unwrap();
    assert_eq!(ended.unwrap_err().to_string(), "the restart failed");
}

#[test]
fn nb_loop_is_counted_across_restarts() {
    let (mut handle, mut commands, mut results, blocked) = halves(Some(1), 3, false);
    for n in 2..=9 {
        commands.send(n).unwrap();
    }
    for _ in 0..4 {
        handle.unyield().unwrap();
        assert!(!handle.is_finished());
    }
    blocked.set(false);
    handle.unyield().unwrap();
    for n in 1..=3 {
        assert_eq!(results.recv().unwrap(), Some(n));
    }
    assert_eq!(results.recv().unwrap(), None);
    assert!(handle.is_finished());
    assert_eq!(handle.counters().commands, 3);
}

/// Yields in each of its commands, once.
struct EachOnce {
    pending: Option<u32>,
}

impl Service for EachOnce {
    type CommandIn = u32;
    type CommandOut = u32;
    fn call<Y: SpawnerYield>(&mut self, command: u32, _: &mut Y) -> Result<u32> {
        self.pending = Some(command);
        Err(Error::Yield)
    }
}

impl ServiceRestartable for EachOnce {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u32>> {
        Ok(self.pending.take().filter(|n| !n.is_multiple_of(2)))
    }
}

#[test]
fn nb_loop_counts_commands_that_a_restart_ended_without_a_result() {
    let (mut commands, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let (out, mut results) = LocalRcChannel::unbounded().new_channel().unwrap();
    for n in 0..10 {
        commands.send(n).unwrap();
    }
    let mut handle = RestartOrError::new()
        .spawn(EachOnce { pending: None }, out, None, recv, 4)
        .unwrap();
    for _ in 0..3 {
        assert!(!handle.is_finished());
        handle.unyield().unwrap();
    }
    assert!(!handle.is_finished());
    handle.unyield().unwrap();
    assert!(handle.is_finished());
    assert_eq!(results.recv().unwrap(), Some(1));
    assert_eq!(results.recv().unwrap(), Some(3));
    assert_eq!(results.recv().unwrap(), None);
}

/// A message of four bytes that comes in two pieces. It is read by a reader that keeps what it has.
struct Message {
    got: Vec<u8>,
    stream: Pieces,
    calls: u32,
}

struct Pieces(Vec<Option<&'static [u8]>>);

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.pop() {
            Some(Some(bytes)) => {
                buf[..bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Message {
    fn go_on<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<Vec<u8>> {
        while self.got.len() < 4 {
            let mut buf = [0; 4];
            let n = ReadYield::new(&mut self.stream, async_yield).read(&mut buf)?;
            self.got.extend_from_slice(&buf[..n]);
        }
        Ok(std::mem::take(&mut self.got))
    }
}

impl Service for Message {
    type CommandIn = ();
    type CommandOut = Vec<u8>;

    /// From the start: on a half-read message it would lose what came before.
    fn call<Y: SpawnerYield>(&mut self, (): (), async_yield: &mut Y) -> Result<Vec<u8>> {
        self.calls += 1;
        self.got.clear();
        self.go_on(async_yield)
    }
}

impl ServiceRestartable for Message {
    fn restart<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<Option<Vec<u8>>> {
        self.go_on(async_yield).map(Some)
    }
}

#[test]
fn the_default_receiver_does_not_decode_from_the_start_at_each_wake() {
    let channel = LocalRcChannel::unbounded();
    let (_commands, recv) = DefaultRecvChannel::new(channel, ()).new_channel().unwrap();
    let (out, mut results) = { channel }.new_channel().unwrap();
    let stream = Pieces(vec![
        None,
        Some(b"llo!"),
        None,
        Some(b"wo"),
        None,
        Some(b"he"),
    ]);
    let service = Message {
        got: Vec::new(),
        stream,
        calls: 0,
    };
    let mut handle = RestartOrError::new()
        .spawn(service, out, None, recv, 0)
        .unwrap();
    assert_eq!(results.recv().unwrap(), None);
    handle.unyield().unwrap();
    assert_eq!(results.recv().unwrap(), Some(b"hewo".to_vec()));
    handle.unyield().unwrap();
    assert_eq!(results.recv().unwrap(), Some(b"llo!".to_vec()));
    // Once for each message that was begun: two whole ones, and the one that waits.
    assert_eq!(handle.with_service(|s| s.calls), Some(3));
}

#[test]
fn a_service_that_yields_to_a_spawner_that_cannot_restart_it_says_so() {
    struct Raw;
    impl Service for Raw {
        type CommandIn = ();
        type CommandOut = ();
        fn call<Y: SpawnerYield>(&mut self, (): (), async_yield: &mut Y) -> Result<()> {
            assert_eq!(async_yield.spawn_yield(), YieldReturn::Loop);
            Err(Error::Yield)
        }
    }
    let (_commands, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
    let handle = mydht_spawner::Blocker::new()
        .spawn(Raw, NoSend, Some(()), recv, 0)
        .unwrap();
    assert!(matches!(
        handle.unwrap_state().unwrap().3,
        Err(Error::NotRestartable)
    ));
}
