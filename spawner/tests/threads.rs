//! Services on other threads, woken only by those who send to them: a lost wake hangs here.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use std::sync::mpsc;
use std::time::Duration;

use mydht_spawner::channel::{HandleSend, MpscChannel, MpscRecv, MpscSend, NoSend};
use mydht_spawner::{
    Error, Result, Service, ServiceRestartable, SpawnChannel, SpawnHandle, SpawnRecv, SpawnSend,
    SpawnUnyield, Spawner, SpawnerYield, ThreadBlock, ThreadPark, YieldReturn,
};

/// Gives its commands to a channel that the test blocks on.
struct Sink(mpsc::Sender<u32>);

impl Service for Sink {
    type CommandIn = u32;
    type CommandOut = ();
    fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<()> {
        self.0.send(n).map_err(|_| Error::Closed)
    }
}

impl ServiceRestartable for Sink {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<()>> {
        Ok(None)
    }
}

/// Three threads send, each waking the service after each send. Nobody else wakes it.
fn senders_alone_wake<P>(mut spawner: P, rounds: usize)
where
    P: Spawner<Sink, NoSend, MpscRecv<u32>>,
    <P::Handle as SpawnHandle<Sink, NoSend, MpscRecv<u32>>>::Weak: Send,
{
    const EACH: u32 = 50;
    for _ in 0..rounds {
        let (send, recv) = MpscChannel::unbounded().new_channel().unwrap();
        let (sink, results) = mpsc::channel();
        let handle = spawner.spawn(Sink(sink), NoSend, None, recv, 0).unwrap();
        let mut got = Vec::new();
        std::thread::scope(|scope| {
            for sender in 0..3 {
                let mut send = HandleSend::new(send.clone(), handle.weak().unwrap());
                scope.spawn(move || {
                    for n in 0..EACH {
                        send.send(sender * EACH + n).unwrap();
                    }
                });
            }
            for _ in 0..3 * EACH {
                let n = results.recv_timeout(Duration::from_secs(60));
                got.push(n.expect("a wake was lost"));
            }
        });
        // In order for each sender, and each once.
        for sender in 0..3 {
            let its: Vec<u32> = got.iter().copied().filter(|n| n / EACH == sender).collect();
            assert_eq!(
                its,
                (sender * EACH..(sender + 1) * EACH).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn a_parked_thread_is_woken_by_its_senders() {
    senders_alone_wake(ThreadPark::new(), 300);
}

#[test]
fn a_pausing_thread_is_woken_by_its_senders() {
    senders_alone_wake(ThreadBlock::with_pause(Duration::from_secs(3600)), 300);
}

#[cfg(feature = "pool")]
#[test]
fn a_pool_is_woken_by_its_senders() {
    senders_alone_wake(mydht_spawner::Pool::new(3).unwrap(), 300);
}

/// A ring of services on threads hands a number round, each waking the next one.
#[test]
fn a_ring_of_threads_loses_nothing() {
    struct Next(
        Option<HandleSend<MpscSend<u32>, mydht_spawner::ThreadWeak>>,
        mpsc::Sender<u32>,
    );
    impl Service for Next {
        type CommandIn = u32;
        type CommandOut = ();
        fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<()> {
            match &mut self.0 {
                Some(next) => next.send(n + 1),
                None => self.1.send(n).map_err(|_| Error::Closed),
            }
        }
    }
    let (done, results) = mpsc::channel();
    let mut handles = Vec::new();
    let mut next = None;
    for _ in 0..5 {
        let (send, recv) = MpscChannel::unbounded().new_channel().unwrap();
        let handle = ThreadPark::new()
            .spawn(Next(next.take(), done.clone()), NoSend, None, recv, 0)
            .unwrap();
        next = Some(HandleSend::new(send, handle.weak().unwrap()));
        handles.push(handle);
    }
    let mut first = next.unwrap();
    for n in 0..2000 {
        first.send(10 * n).unwrap();
        let got = results.recv_timeout(Duration::from_secs(60));
        assert_eq!(got.expect("a wake was lost"), 10 * n + 4);
    }
    // Closing runs round the ring: each service that is taken apart drops its sender, and that wakes the next one.
    drop(first);
    for handle in handles.into_iter().rev() {
        let (service, _, _, ended) = handle.join().unwrap();
        ended.unwrap();
        drop(service);
    }
}

#[test]
fn the_state_of_a_running_thread_is_refused_and_the_thread_ends() {
    let (mut send, recv) = MpscChannel::unbounded().new_channel().unwrap();
    let (sink, results) = mpsc::channel();
    let mut handle = ThreadPark::new()
        .spawn(Sink(sink), NoSend, Some(0), recv, 0)
        .unwrap();
    assert_eq!(results.recv().unwrap(), 0);
    send.send(1).unwrap();
    handle.unyield().unwrap();
    assert_eq!(results.recv().unwrap(), 1);
    assert!(!handle.is_finished());
    let Err(Error::Running) = handle.unwrap_state() else {
        panic!("it is running");
    };
    // That was the owner: the service ends, and closes what it held.
    assert!(results.recv().is_err());
}

#[test]
fn a_detached_thread_goes_on_to_its_end() {
    let (mut send, recv) = MpscChannel::unbounded().new_channel().unwrap();
    let (sink, results) = mpsc::channel();
    let handle = ThreadBlock::new()
        .spawn(Sink(sink), NoSend, None, recv, 0)
        .unwrap();
    handle.detach();
    for n in 0..10 {
        send.send(n).unwrap();
        assert_eq!(results.recv().unwrap(), n);
    }
    drop(send);
    assert!(results.recv().is_err());
}

#[test]
fn a_dropped_handle_gets_a_service_out_of_its_own_wait() {
    struct Waits(mpsc::Sender<YieldReturn>);
    impl Service for Waits {
        type CommandIn = ();
        type CommandOut = ();
        fn call<Y: SpawnerYield>(&mut self, (): (), async_yield: &mut Y) -> Result<()> {
            let mut second = async_yield.opt_clone().unwrap();
            loop {
                let back = second.spawn_yield();
                self.0.send(back).map_err(|_| Error::Closed)?;
                if back == YieldReturn::Return {
                    return Err(Error::Yield);
                }
            }
        }
    }
    for _ in 0..200 {
        let (_send, recv) = MpscChannel::unbounded().new_channel().unwrap();
        let (sink, results) = mpsc::channel();
        let mut handle = ThreadPark::new()
            .spawn(Waits(sink), NoSend, Some(()), recv, 0)
            .unwrap();
        handle.unyield().unwrap();
        assert_eq!(results.recv().unwrap(), YieldReturn::Loop);
        drop(handle);
        assert_eq!(results.recv().unwrap(), YieldReturn::Return);
        assert!(results.recv().is_err());
    }
}

#[test]
fn a_thread_has_the_name_it_was_given() {
    struct Name;
    impl Service for Name {
        type CommandIn = ();
        type CommandOut = Option<String>;
        fn call<Y: SpawnerYield>(&mut self, (): (), _: &mut Y) -> Result<Option<String>> {
            Ok(std::thread::current().name().map(str::to_owned))
        }
    }
    let (out, mut results) = MpscChannel::unbounded().new_channel().unwrap();
    let handle = ThreadPark::with_threads("re\0ader", Some(64 * 1024))
        .spawn(Name, out, Some(()), mydht_spawner::channel::NoRecv, 0)
        .unwrap();
    handle.join().unwrap().3.unwrap();
    assert_eq!(results.recv().unwrap(), Some(Some("reader".to_owned())));
}

/// Stands in its first command until the test says go.
struct Stands {
    started: mpsc::Sender<u32>,
    go: mpsc::Receiver<()>,
}

impl Service for Stands {
    type CommandIn = u32;
    type CommandOut = ();
    fn call<Y: SpawnerYield>(&mut self, n: u32, _: &mut Y) -> Result<()> {
        self.started.send(n).map_err(|_| Error::Closed)?;
        self.go.recv().map_err(|_| Error::Closed)
    }
}

impl ServiceRestartable for Stands {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<()>> {
        Ok(None)
    }
}

fn ends_between_two_commands<P: Spawner<Stands, NoSend, MpscRecv<u32>>>(mut spawner: P) {
    let (mut send, recv) = MpscChannel::unbounded().new_channel().unwrap();
    let (started, starts) = mpsc::channel();
    let (open, go) = mpsc::channel();
    for n in 0..3 {
        send.send(n).unwrap();
    }
    let handle = spawner
        .spawn(Stands { started, go }, NoSend, None, recv, 0)
        .unwrap();
    assert_eq!(starts.recv().unwrap(), 0);
    drop(handle);
    for _ in 0..3 {
        // It may be gone already.
        let _ = open.send(());
    }
    assert!(starts.recv().is_err(), "it took another command");
}

#[test]
fn a_dropped_thread_ends_between_two_commands() {
    ends_between_two_commands(ThreadPark::new());
    ends_between_two_commands(ThreadBlock::new());
}

#[cfg(feature = "pool")]
#[test]
fn a_dropped_service_of_a_pool_ends_between_two_commands() {
    ends_between_two_commands(mydht_spawner::Pool::new(1).unwrap());
}

#[cfg(feature = "pool")]
#[test]
fn a_pool_runs_many_commands_in_shares_and_nobody_must_unyield() {
    const N: u32 = 5 * mydht_spawner::POOL_BUDGET + 1;
    let mut spawner = mydht_spawner::Pool::new(1).unwrap();
    let (sink, results) = mpsc::channel();
    let mut handles = Vec::new();
    for service in 0..2 {
        let (mut send, recv) = MpscChannel::unbounded().new_channel().unwrap();
        for n in 0..N {
            send.send(service * N + n).unwrap();
        }
        let handle = spawner.spawn(Sink(sink.clone()), NoSend, None, recv, 0);
        handles.push(handle.unwrap());
    }
    for _ in 0..2 * N {
        let n = results.recv_timeout(Duration::from_secs(60));
        n.expect("it waits with work left");
    }
    for handle in handles {
        let (_, _, _, ended) = handle.join().unwrap();
        ended.unwrap();
    }
}
