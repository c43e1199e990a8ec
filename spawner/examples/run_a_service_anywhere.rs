//! Runs one service anywhere: on this thread with no stack of its own, and on a thread.
//!
//! The service reads numbers from a stream and adds them up. Where the stream blocks it asks its
//! spawner. `RestartOrError` takes it back and restarts it later; `ThreadPark` puts its thread to
//! sleep. The service has the same code for both.
//!
//! `cargo run -p mydht-spawner --example run_a_service_anywhere`
//!
//! Prints:
//!
//! ```text
//! restarted on this thread: [6, 9], over 5 yields
//! on a thread of its own: [6, 9]
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};

use mydht_spawner::channel::{MpscChannel, MpscRecv, MpscSend};
use mydht_spawner::{
    ReadYield, RestartOrError, Result, Service, ServiceRestartable, SpawnChannel, SpawnHandle,
    SpawnRecv, SpawnSend, SpawnUnyield, Spawner, SpawnerYield, ThreadPark,
};

/// A stream that blocks before each byte, as a slow peer does.
struct Slow {
    bytes: VecDeque<u8>,
    blocked: usize,
    ready: bool,
}

impl Read for Slow {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.ready = !self.ready;
        if self.ready {
            self.blocked += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        let Some(byte) = self.bytes.pop_front() else {
            return Ok(0);
        };
        buf[0] = byte;
        Ok(1)
    }
}

/// Adds up as many numbers of its stream as each command says.
struct Adder {
    stream: Slow,
    // A restart must find whatever was half done.
    left: u32,
    sum: u32,
}

impl Service for Adder {
    type CommandIn = u32;
    type CommandOut = u32;

    fn call<Y: SpawnerYield>(&mut self, count: u32, async_yield: &mut Y) -> Result<u32> {
        (self.left, self.sum) = (count, 0);
        self.go_on(async_yield)
    }
}

impl ServiceRestartable for Adder {
    fn restart<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<Option<u32>> {
        self.go_on(async_yield).map(Some)
    }
}

impl Adder {
    fn go_on<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<u32> {
        while self.left > 0 {
            let mut number = [0];
            // On a thread this waits. Else `?` returns `Error::Yield` at the first `WouldBlock`.
            ReadYield::new(&mut self.stream, async_yield).read_exact(&mut number)?;
            self.sum += u32::from(number[0]);
            self.left -= 1;
        }
        Ok(self.sum)
    }
}

/// Runs the service under any spawner; returns its results, and how often its stream blocked.
fn run<P>(mut spawner: P) -> Result<(Vec<u32>, usize)>
where
    P: Spawner<Adder, MpscSend<u32>, MpscRecv<u32>>,
{
    let stream = Slow {
        bytes: [1, 2, 3, 4, 5].into(),
        blocked: 0,
        ready: false,
    };
    let service = Adder {
        stream,
        left: 0,
        sum: 0,
    };
    let mut channel = MpscChannel::unbounded();
    let (mut commands, recv) = channel.new_channel()?;
    let (out, mut results) = channel.new_channel()?;
    commands.send(3)?;
    commands.send(2)?;
    drop(commands);

    let mut handle = spawner.spawn(service, out, None, recv, 0)?;
    // An event loop unyields the service when its stream is ready.
    while !handle.is_finished() {
        handle.unyield()?;
        std::thread::yield_now();
    }
    let (service, _, _, ended) = handle.unwrap_state()?;
    ended?;
    let results = std::iter::from_fn(|| results.recv().unwrap_or(None)).collect();
    Ok((results, service.stream.blocked))
}

/// Runs the example.
pub fn main() -> Result<()> {
    let (sums, yields) = run(RestartOrError::new())?;
    println!("restarted on this thread: {sums:?}, over {yields} yields");
    let (sums, _) = run(ThreadPark::new())?;
    println!("on a thread of its own: {sums:?}");
    Ok(())
}
