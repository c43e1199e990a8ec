use std::io::{self, Read, Write};

use crate::ext::{ExtRead, ExtWrite};

/// The layer that changes nothing: MyDHT's "no shadow".
///
/// It has no header and no end of its own, so the body ends where the reader ends, and
/// [`read_end`](ExtRead::read_end) skips nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoExt;

impl ExtRead for NoExt {
    #[inline]
    fn read_header<R: Read>(&mut self, _: &mut R) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        r.read(buf)
    }

    #[inline]
    fn read_end<R: Read>(&mut self, _: &mut R) -> io::Result<()> {
        Ok(())
    }
}

impl ExtWrite for NoExt {
    #[inline]
    fn write_header<W: Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        w.write(buf)
    }

    #[inline]
    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.flush()
    }

    #[inline]
    fn write_end<W: Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }
}
