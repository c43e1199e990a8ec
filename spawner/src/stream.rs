//! Streams that suspend their service where they would block.

use std::io::{self, Read, Write};

use crate::service::{SpawnerYield, YieldReturn};

/// Reads; at `WouldBlock` it asks the spawner, and tries again (`Loop`) or gives `WouldBlock` back
/// (`Return`).
///
/// On a restarting spawner, what `read_exact` and its like had read before they came back is lost
/// with their buffer: put a replay reader above.
///
/// ```
/// # use std::io::Read;
/// # use mydht_spawner::{ReadYield, SpawnerYield};
/// fn read_length<R: Read, Y: SpawnerYield>(r: &mut R, y: &mut Y) -> mydht_spawner::Result<u32> {
///     let mut bytes = [0; 4];
///     // `?` makes `Error::Yield` of `WouldBlock`.
///     ReadYield::new(r, y).read_exact(&mut bytes)?;
///     Ok(u32::from_be_bytes(bytes))
/// }
/// ```
#[derive(Debug)]
pub struct ReadYield<'a, R: ?Sized, Y> {
    read: &'a mut R,
    async_yield: &'a mut Y,
}

impl<'a, R: Read + ?Sized, Y: SpawnerYield> ReadYield<'a, R, Y> {
    /// Over `read`, asking `async_yield`.
    pub const fn new(read: &'a mut R, async_yield: &'a mut Y) -> Self {
        ReadYield { read, async_yield }
    }
}

impl<R: Read + ?Sized, Y: SpawnerYield> Read for ReadYield<'_, R, Y> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        retry(&mut *self.read, &mut *self.async_yield, |r| r.read(buf))
    }
}

/// Writes; at `WouldBlock` it asks the spawner, and tries again (`Loop`) or gives `WouldBlock` back
/// (`Return`).
///
/// On a restarting spawner, how much `write_all` had written before it came back is lost: put a
/// skip writer above.
#[derive(Debug)]
pub struct WriteYield<'a, W: ?Sized, Y> {
    write: &'a mut W,
    async_yield: &'a mut Y,
}

impl<'a, W: Write + ?Sized, Y: SpawnerYield> WriteYield<'a, W, Y> {
    /// Over `write`, asking `async_yield`.
    pub const fn new(write: &'a mut W, async_yield: &'a mut Y) -> Self {
        WriteYield { write, async_yield }
    }
}

impl<W: Write + ?Sized, Y: SpawnerYield> Write for WriteYield<'_, W, Y> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        retry(&mut *self.write, &mut *self.async_yield, |w| w.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        retry(&mut *self.write, &mut *self.async_yield, |w| w.flush())
    }
}

fn retry<S: ?Sized, Y: SpawnerYield, T>(
    stream: &mut S,
    async_yield: &mut Y,
    mut f: impl FnMut(&mut S) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match f(stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // On `Loop` the spawner has waited, and the call is made again.
                if async_yield.spawn_yield() == YieldReturn::Return {
                    return Err(error);
                }
            }
            done => return done,
        }
    }
}
