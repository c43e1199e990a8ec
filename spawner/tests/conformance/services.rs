//! The services of the suite. All of them run on restarting spawners and on the others.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use mydht_spawner::{
    Error, ReadYield, Result, Service, ServiceRestartable, SpawnerYield, WriteYield, YieldReturn,
};

/// Counts how often something was dropped.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    pub fn guard(&self) -> DropGuard {
        DropGuard(self.0.clone())
    }
}

pub struct DropGuard(Arc<AtomicUsize>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Lets as many pass as it has permits.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    permits: Arc<AtomicUsize>,
    /// `Some` of a stubborn gate: how often it was asked.
    asked: Option<Arc<AtomicUsize>>,
}

impl Gate {
    /// Refuses every other time, permits or not.
    pub fn stubborn() -> Self {
        Gate {
            permits: Arc::default(),
            asked: Some(Arc::default()),
        }
    }

    pub fn open(&self, permits: usize) {
        self.permits.fetch_add(permits, SeqCst);
    }

    /// Permits left.
    pub fn left(&self) -> usize {
        self.permits.load(SeqCst)
    }

    fn pass(&self) -> bool {
        if let Some(asked) = &self.asked
            && asked.fetch_add(1, SeqCst).is_multiple_of(2)
        {
            return false;
        }
        self.permits
            .fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1))
            .is_ok()
    }
}

/// Answers a command with its number plus the count of those before, and remembers all that it saw.
#[derive(Default)]
pub struct Echo {
    pub seen: Vec<u32>,
    pub _drops: Option<DropGuard>,
}

impl Echo {
    pub fn dropping(drops: &Drops) -> Self {
        Echo {
            seen: Vec::new(),
            _drops: Some(drops.guard()),
        }
    }
}

impl Service for Echo {
    type CommandIn = u32;
    type CommandOut = u32;

    fn call<Y: SpawnerYield>(&mut self, command: u32, _: &mut Y) -> Result<u32> {
        self.seen.push(command);
        Ok(command + 1000 * (self.seen.len() as u32 - 1))
    }
}

impl ServiceRestartable for Echo {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<u32>> {
        Ok(None)
    }
}

/// Waits at a gate in every command, then does as it is told.
pub struct Gated {
    pub gate: Gate,
    pub pending: Option<u32>,
    /// Times that a command started.
    pub calls: Arc<AtomicUsize>,
    pub then: fn(u32) -> Result<u32>,
    pub _drops: DropGuard,
}

impl Gated {
    pub fn new(gate: &Gate, then: fn(u32) -> Result<u32>) -> Self {
        Self::dropping(gate, then, &Drops::default())
    }

    pub fn dropping(gate: &Gate, then: fn(u32) -> Result<u32>, drops: &Drops) -> Self {
        Gated {
            gate: gate.clone(),
            pending: None,
            calls: Arc::default(),
            then,
            _drops: drops.guard(),
        }
    }

    fn go_on<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<u32> {
        while !self.gate.pass() {
            if async_yield.spawn_yield() == YieldReturn::Return {
                return Err(Error::Yield);
            }
        }
        (self.then)(self.pending.take().expect("a command is pending"))
    }
}

impl Service for Gated {
    type CommandIn = u32;
    type CommandOut = u32;

    fn call<Y: SpawnerYield>(&mut self, command: u32, async_yield: &mut Y) -> Result<u32> {
        assert_eq!(self.pending, None, "a command inside another one");
        self.calls.fetch_add(1, SeqCst);
        self.pending = Some(command);
        self.go_on(async_yield)
    }
}

impl ServiceRestartable for Gated {
    fn restart<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<Option<u32>> {
        self.go_on(async_yield).map(Some)
    }
}

/// When a stream blocks.
#[derive(Clone, Debug)]
pub enum Blocks {
    /// Once, before this call (from 0, both streams together).
    At(usize),
    /// Before every call, once.
    Always,
    /// Until the gate has a permit for the call.
    Gated(Gate),
}

/// Both directions of a stream: one byte a call, blocking where it is told to.
pub struct Stream {
    pub input: Vec<u8>,
    pub taken: usize,
    pub output: Arc<std::sync::Mutex<Vec<u8>>>,
    pub blocks: Blocks,
    pub call: usize,
    blocked: bool,
}

impl Stream {
    pub fn new(input: Vec<u8>, blocks: Blocks) -> Self {
        Stream {
            input,
            taken: 0,
            output: Arc::default(),
            blocks,
            call: 0,
            blocked: false,
        }
    }

    fn step(&mut self) -> io::Result<()> {
        let block = match &self.blocks {
            Blocks::At(call) => *call == self.call && !self.blocked,
            Blocks::Always => !self.blocked,
            Blocks::Gated(gate) => !gate.pass(),
        };
        self.blocked = block;
        if block {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.call += 1;
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.step()?;
        let Some(byte) = self.input.get(self.taken) else {
            return Ok(0);
        };
        buf[0] = *byte;
        self.taken += 1;
        Ok(1)
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.step()?;
        self.output.lock().unwrap().push(buf[0]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.step()
    }
}

/// A command is a number of bytes to copy from the stream back to it; the answer is their sum.
pub struct Copy {
    pub stream: Stream,
    left: u32,
    held: Option<u8>,
    sum: u32,
    pub _drops: DropGuard,
}

impl Copy {
    pub fn new(stream: Stream) -> Self {
        Self::dropping(stream, &Drops::default())
    }

    pub fn dropping(stream: Stream, drops: &Drops) -> Self {
        Copy {
            stream,
            left: 0,
            held: None,
            sum: 0,
            _drops: drops.guard(),
        }
    }

    fn go_on<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<u32> {
        loop {
            if let Some(byte) = self.held {
                WriteYield::new(&mut self.stream, async_yield).write_all(&[byte])?;
                self.held = None;
                self.sum += u32::from(byte);
            }
            if self.left == 0 {
                WriteYield::new(&mut self.stream, async_yield).flush()?;
                return Ok(std::mem::take(&mut self.sum));
            }
            let mut byte = [0];
            ReadYield::new(&mut self.stream, async_yield).read_exact(&mut byte)?;
            self.held = Some(byte[0]);
            self.left -= 1;
        }
    }
}

impl Service for Copy {
    type CommandIn = u32;
    type CommandOut = u32;

    fn call<Y: SpawnerYield>(&mut self, command: u32, async_yield: &mut Y) -> Result<u32> {
        assert_eq!(
            (self.left, self.held),
            (0, None),
            "a command inside another"
        );
        self.left = command;
        self.go_on(async_yield)
    }
}

impl ServiceRestartable for Copy {
    fn restart<Y: SpawnerYield>(&mut self, async_yield: &mut Y) -> Result<Option<u32>> {
        self.go_on(async_yield).map(Some)
    }
}
