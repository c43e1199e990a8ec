use std::io::{self, Read, Write};

use super::{CompR, CompW};
use crate::ext::{ExtRead, ExtWrite};

/// Two reading layers as one: `outer` is next to the plain bytes, `inner` next to the wire.
///
/// The end of the outer layer is read, then the end of the inner one.
#[derive(Clone, Debug, Default)]
pub struct CompExtR<O, I> {
    outer: O,
    inner: I,
    /// The outer end was read and the inner one was not: reading the outer end again would take the
    /// next message's.
    outer_ended: bool,
}

impl<O: ExtRead, I: ExtRead> CompExtR<O, I> {
    /// One layer of two.
    pub const fn new(outer: O, inner: I) -> Self {
        Self {
            outer,
            inner,
            outer_ended: false,
        }
    }
}

impl<O, I> CompExtR<O, I> {
    /// Both layers, outer first.
    pub const fn layers_mut(&mut self) -> (&mut O, &mut I) {
        (&mut self.outer, &mut self.inner)
    }

    /// Takes the pair apart, outer first.
    pub fn into_inner(self) -> (O, I) {
        (self.outer, self.inner)
    }
}

impl<O: ExtRead, I: ExtRead> ExtRead for CompExtR<O, I> {
    #[inline]
    fn read_header<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        if self.outer_ended {
            return Ok(());
        }
        // The outer header travels inside of the inner layer, which has to be open first.
        self.inner.read_header(r)?;
        self.outer.read_header(&mut CompR::new(&mut self.inner, r))
    }

    #[inline]
    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        if self.outer_ended {
            return Ok(0);
        }
        self.outer
            .read_from(&mut CompR::new(&mut self.inner, r), buf)
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        if !self.outer_ended {
            self.outer
                .read_end(&mut CompR::new(&mut self.inner, &mut *r))?;
            self.outer_ended = true;
        }
        self.inner.read_end(r)?;
        self.outer_ended = false;
        Ok(())
    }
}

/// Two writing layers as one: `outer` is next to the plain bytes, `inner` next to the wire.
#[derive(Clone, Debug, Default)]
pub struct CompExtW<O, I> {
    outer: O,
    inner: I,
    /// The outer end was written and the inner one was not.
    outer_ended: bool,
}

impl<O: ExtWrite, I: ExtWrite> CompExtW<O, I> {
    /// One layer of two.
    pub const fn new(outer: O, inner: I) -> Self {
        Self {
            outer,
            inner,
            outer_ended: false,
        }
    }
}

impl<O, I> CompExtW<O, I> {
    /// Both layers, outer first.
    pub const fn layers_mut(&mut self) -> (&mut O, &mut I) {
        (&mut self.outer, &mut self.inner)
    }

    /// Takes the pair apart, outer first.
    pub fn into_inner(self) -> (O, I) {
        (self.outer, self.inner)
    }
}

impl<O: ExtWrite, I: ExtWrite> ExtWrite for CompExtW<O, I> {
    #[inline]
    fn write_header<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        if self.outer_ended {
            return Ok(());
        }
        self.inner.write_header(w)?;
        self.outer.write_header(&mut CompW::new(&mut self.inner, w))
    }

    #[inline]
    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        if self.outer_ended {
            return Err(super::written_while_ending());
        }
        self.outer
            .write_into(&mut CompW::new(&mut self.inner, w), buf)
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        // The outer layer has ended, so it holds nothing back.
        if self.outer_ended {
            return self.inner.flush_into(w);
        }
        self.outer.flush_into(&mut CompW::new(&mut self.inner, w))
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        if !self.outer_ended {
            self.outer
                .write_end(&mut CompW::new(&mut self.inner, &mut *w))?;
            self.outer_ended = true;
        }
        self.inner.write_end(w)?;
        self.outer_ended = false;
        Ok(())
    }
}
