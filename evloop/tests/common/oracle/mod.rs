//! Random sequences of operations over several implementations of epoll, which must agree event for
//! event.
#![allow(dead_code)]

#[cfg(target_os = "linux")]
pub mod kernel;
pub mod model;
pub mod ours;

use mydht_evloop::epoll::Flags;

/// Number of files; file `FILES` is the second epoll, which the first may watch.
pub const FILES: usize = 4;

/// Kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A counter: readable if it is not zero, always writable.
    Eventfd,
    /// The reading end.
    Pipe,
    /// One end of a stream socket pair.
    Socket,
}

pub const KINDS: [Kind; FILES] = [Kind::Eventfd, Kind::Pipe, Kind::Socket, Kind::Eventfd];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// On epoll 0 or 1.
    Add(usize, usize, Flags, usize),
    Modify(usize, usize, Flags, usize),
    Delete(usize, usize),
    /// One byte, or one to the counter.
    Write(usize),
    /// One byte, or the whole counter.
    Read(usize),
    /// The other end stops writing.
    Shutdown(usize),
    /// The other end is closed.
    Hangup(usize),
    Wait(usize, usize),
}

/// Result of an operation: an errno, or events.
pub type Outcome = Result<Vec<(u32, usize)>, i32>;

pub trait Oracle {
    fn new() -> Self;
    fn run(&mut self, op: Op) -> Outcome;
}

/// Subject of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One epoll that may watch another, with room for all events, as sets: Linux promises no order
    /// once an entry on the ready list was cleared in between, because it depends on when somebody
    /// looked. The inner epoll is not modified: Linux then does not tell the outer one if the entry
    /// is on the list already, though cleared; ours tells it.
    Nested,
    /// Two epolls side by side and everything, with room for all events, as sets.
    Flat,
    /// No reads and no nesting, and waits with too little room: event for event, in order.
    Order,
}

/// All of them.
pub const MODES: [Mode; 3] = [Mode::Nested, Mode::Flat, Mode::Order];

/// The most bytes that are written to a file: a socket of the kernel's is full after some 270.
const MOST: usize = 200;

/// Operations out of bytes: what a fuzzer and a generator of random numbers both have.
pub fn ops(mode: Mode, bytes: &[u8]) -> Vec<Op> {
    let mut written = [0; FILES];
    bytes
        .chunks_exact(4)
        .map(|bytes| {
            let [what, which, flags, data] = [bytes[0], bytes[1], bytes[2], bytes[3]];
            let epoll = usize::from(which >> 7);
            let nesting = usize::from(mode == Mode::Nested && epoll == 0);
            let file = usize::from(which & 0x7f) % (FILES + nesting);
            let plain = file.min(FILES - 1);
            let mut interest = Flags::EMPTY;
            for (bit, flag) in [
                (1, Flags::IN),
                (2, Flags::OUT),
                (4, Flags::RDHUP),
                (8, Flags::ET),
                (16, Flags::ONESHOT),
            ] {
                if flags & bit != 0 {
                    interest |= flag;
                }
            }
            let data = usize::from(data);
            match what % 16 {
                0..=2 => Op::Add(epoll, file, interest, data),
                3..=4 if mode != Mode::Nested || epoll == 0 => {
                    Op::Modify(epoll, file, interest, data)
                }
                5 => Op::Delete(epoll, file),
                6..=8 if written[plain] < MOST => {
                    written[plain] += 1;
                    Op::Write(plain)
                }
                9..=10 if mode != Mode::Order => Op::Read(plain),
                11 if data < 32 => Op::Shutdown(plain),
                11 if data < 48 => Op::Hangup(plain),
                3..=13 => Op::Wait(epoll, 16),
                _ if mode != Mode::Order => Op::Wait(epoll, 16),
                _ => Op::Wait(epoll, 1 + data % 3),
            }
        })
        .collect()
}

/// Runs `ops` over two implementations; panics with the operations at the first difference.
pub fn compare<A: Oracle, B: Oracle>(mode: Mode, bytes: &[u8]) {
    let ops = ops(mode, bytes);
    let (mut one, mut two) = (A::new(), B::new());
    for (step, op) in ops.iter().enumerate() {
        let (mut a, mut b) = (one.run(*op), two.run(*op));
        if mode != Mode::Order {
            for outcome in [&mut a, &mut b] {
                outcome.iter_mut().for_each(|events| events.sort_unstable());
            }
        }
        assert_eq!(
            a,
            b,
            "{} against {} at step {step} of {:#?}",
            std::any::type_name::<A>(),
            std::any::type_name::<B>(),
            &ops[..=step]
        );
    }
}

/// `count` pseudo-random bytes (Marsaglia's xorshift64).
pub fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
