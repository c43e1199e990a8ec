//! The services of the suite. All of them run on restarting spawners and on the others.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::{
    Error, ReadYield, Result, Service, ServiceRestartable, SpawnerYield, WriteYield, YieldReturn,
};

/// Counts how often services were dropped.
#[derive(Clone, Debug, Default)]
pub struct Drops(Arc<AtomicUsize>);

impl Drops {
    /// Returns the number of dropped services.
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// Returns a guard that counts when it is dropped.
    pub fn guard(&self) -> DropGuard {
        DropGuard(self.0.clone())
    }
}

/// Counts when it is dropped: see [`Drops`].
#[derive(Debug)]
pub struct DropGuard(Arc<AtomicUsize>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Semaphore that a service waits at: it lets as many pass as it has permits.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    permits: Arc<AtomicUsize>,
    /// `Some` for a stubborn gate: the number of attempts.
    asked: Option<Arc<AtomicUsize>>,
}

impl Gate {
    /// Creates a gate that refuses every other attempt, even with permits left.
    pub fn stubborn() -> Self {
        Gate {
            permits: Arc::default(),
            asked: Some(Arc::default()),
        }
    }

    /// Adds permits.
    pub fn open(&self, permits: usize) {
        self.permits.fetch_add(permits, SeqCst);
    }

    /// Returns the permits left.
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

/// Service whose result is the command plus 1,000 for each command before it. It never yields.
#[derive(Debug, Default)]
pub struct Echo {
    /// Commands so far.
    pub seen: Vec<u32>,
    pub(super) _drops: Option<DropGuard>,
}

impl Echo {
    /// Creates a service whose drop is counted.
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

/// Service that waits at a gate in each command, then returns what its function makes of it.
#[derive(Debug)]
pub struct Gated {
    gate: Gate,
    pending: Option<u32>,
    /// Number of commands that started.
    pub calls: Arc<AtomicUsize>,
    then: fn(u32) -> Result<u32>,
    _drops: DropGuard,
}

impl Gated {
    /// Creates a service that waits at `gate` and returns what `then` makes of a command.
    pub fn new(gate: &Gate, then: fn(u32) -> Result<u32>) -> Self {
        Self::dropping(gate, then, &Drops::default())
    }

    /// Creates a service whose drop is counted.
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

/// Calls at which a stream blocks.
#[derive(Clone, Debug)]
pub enum Blocks {
    /// Once, before the call of this number: from 0, reads, writes and flushes together.
    At(usize),
    /// Before every call, once.
    Always,
    /// Until the gate has a permit for the call.
    Gated(Gate),
}

/// Both directions of a stream, one byte a call.
#[derive(Debug)]
pub struct Stream {
    input: Vec<u8>,
    /// Number of bytes that were read.
    pub taken: usize,
    /// Bytes that were written.
    pub output: Arc<std::sync::Mutex<Vec<u8>>>,
    blocks: Blocks,
    /// Number of calls that did not block.
    pub call: usize,
    blocked: bool,
}

impl Stream {
    /// Creates a stream that reads `input`.
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

/// Service that copies as many bytes of its stream back to it as the command says. The result is
/// their sum.
#[derive(Debug)]
pub struct Copy {
    /// Stream that is read and written.
    pub stream: Stream,
    left: u32,
    held: Option<u8>,
    sum: u32,
    _drops: DropGuard,
}

impl Copy {
    /// Creates a service over `stream`.
    pub fn new(stream: Stream) -> Self {
        Self::dropping(stream, &Drops::default())
    }

    /// Creates a service whose drop is counted.
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
