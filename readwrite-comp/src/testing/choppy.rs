use std::collections::BTreeSet;
use std::io::{self, Read, Write};

/// A reader or writer that blocks where it is told to, and gives or takes no more than it is told
/// to.
///
/// Every block is one `WouldBlock`: the next call goes on. So a test that calls again until it is
/// done ends.
///
/// ```
/// use readwrite_comp::testing::Choppy;
/// use std::io::{ErrorKind, Read};
///
/// let mut source = Choppy::every(&b"abc"[..], 2);
/// let mut buf = [0; 8];
/// assert_eq!(source.read(&mut buf)?, 2);
/// assert_eq!(source.read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
/// assert_eq!(source.read(&mut buf)?, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Choppy<S> {
    inner: S,
    plan: Plan,
    /// Bytes that passed.
    passed: u64,
    calls: u64,
    blocks: u64,
}

#[derive(Clone, Debug)]
enum Plan {
    Every { size: u64, left: u64 },
    AtBytes(BTreeSet<u64>),
    AtCalls(BTreeSet<u64>),
    Seeded { state: u64, max_chunk: u64 },
}

impl<S> Choppy<S> {
    fn new(inner: S, plan: Plan) -> Self {
        Self {
            inner,
            plan,
            passed: 0,
            calls: 0,
            blocks: 0,
        }
    }

    /// Lets `size` bytes (at least one) pass, then blocks once, and so on.
    pub fn every(inner: S, size: usize) -> Self {
        let size = (size as u64).max(1);
        Self::new(inner, Plan::Every { size, left: size })
    }

    /// Blocks once before each byte at these offsets.
    pub fn at_bytes(inner: S, offsets: impl IntoIterator<Item = u64>) -> Self {
        Self::new(inner, Plan::AtBytes(offsets.into_iter().collect()))
    }

    /// Blocks at these calls, counted from zero over reads, writes and flushes.
    pub fn at_calls(inner: S, calls: impl IntoIterator<Item = u64>) -> Self {
        Self::new(inner, Plan::AtCalls(calls.into_iter().collect()))
    }

    /// Blocks at one call in four and lets 1 to `max_chunk` bytes pass at the others, as drawn from
    /// `seed`.
    pub fn seeded(inner: S, seed: u64, max_chunk: usize) -> Self {
        let max_chunk = (max_chunk as u64).max(1);
        Self::new(
            inner,
            Plan::Seeded {
                state: seed,
                max_chunk,
            },
        )
    }

    /// Returns the number of calls that blocked.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Returns the number of calls, with those that blocked.
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// Returns the wrapped stream.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the wrapped stream.
    pub const fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Unwraps it.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Returns the number of bytes that may pass now, at most `wanted`.
    fn allow(&mut self, wanted: usize) -> io::Result<usize> {
        let call = self.calls;
        self.calls += 1;
        let allowed = match &mut self.plan {
            Plan::Every { size, left } => {
                if *left == 0 {
                    *left = *size;
                    None
                } else {
                    Some(*left)
                }
            }
            Plan::AtBytes(offsets) => {
                if offsets.remove(&self.passed) {
                    None
                } else {
                    let next = offsets.range(self.passed..).next();
                    Some(next.map_or(u64::MAX, |next| next - self.passed))
                }
            }
            Plan::AtCalls(calls) => (!calls.contains(&call)).then_some(u64::MAX),
            Plan::Seeded { state, max_chunk } => {
                let drawn = splitmix(state);
                // Other bits than the two that decide whether the call blocks.
                (drawn & 3 != 0).then_some(1 + (drawn >> 2) % *max_chunk)
            }
        };
        match allowed {
            None => {
                self.blocks += 1;
                Err(io::ErrorKind::WouldBlock.into())
            }
            Some(most) => Ok(usize::try_from(most).map_or(wanted, |most| most.min(wanted))),
        }
    }

    fn pass(&mut self, n: usize) {
        self.passed += n as u64;
        if let Plan::Every { left, .. } = &mut self.plan {
            *left = left.saturating_sub(n as u64);
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a seed gives the same schedule everywhere.
pub(super) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl<S: Read> Read for Choppy<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let most = self.allow(buf.len())?;
        let n = self.inner.read(&mut buf[..most])?;
        self.pass(n);
        Ok(n)
    }
}

impl<S: Write> Write for Choppy<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let most = self.allow(buf.len())?;
        let n = self.inner.write(&buf[..most])?;
        self.pass(n);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.allow(0)?;
        self.inner.flush()
    }
}
