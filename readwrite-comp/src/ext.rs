//! The two traits that every layer implements.

use std::io::{self, Read, Write};

/// A layer on the reading side: it reads coded bytes from the reader below and gives plain bytes.
///
/// A message is read as header, body, end. Every method may be stopped by `WouldBlock` at any byte
/// and is then simply called again: a layer keeps its own progress and loses nothing.
pub trait ExtRead {
    /// Reads what the layer has before the body (an initialisation vector, a key). Nothing once it
    /// was read.
    ///
    /// # Errors
    /// What the reader says; `InvalidData` if the header is not one.
    fn read_header<R: Read>(&mut self, r: &mut R) -> io::Result<()>;

    /// Reads some of the body. `Ok(0)` for a buffer that is not empty is the end of the body: only
    /// [`read_end`](Self::read_end) may follow.
    ///
    /// # Errors
    /// What the reader says; `UnexpectedEof` if the reader ended inside the body; `InvalidData` for
    /// coded bytes that cannot be decoded.
    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize>;

    /// Reads what the layer has after the body (an end mark, a tag) and makes it ready for the next
    /// message. A body that was not read to its end is skipped.
    ///
    /// # Errors
    /// What the reader says; `InvalidData` if the end is not one.
    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()>;
}

/// A layer on the writing side: it takes plain bytes and writes coded bytes to the writer below.
///
/// The mirror of [`ExtRead`], restartable at any byte in the same way.
pub trait ExtWrite {
    /// Writes what the layer has before the body. Nothing once it was written.
    ///
    /// # Errors
    /// What the writer says.
    fn write_header<W: Write>(&mut self, w: &mut W) -> io::Result<()>;

    /// Takes some of `buf` into the layer and gives how many bytes it took: those must not be given
    /// again.
    ///
    /// # Errors
    /// What the writer says; `WouldBlock` only if nothing of `buf` was taken.
    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize>;

    /// Writes what the layer holds back down to the writer, then flushes the writer. It ends
    /// nothing.
    ///
    /// # Errors
    /// What the writer says.
    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()>;

    /// Writes what is held back and what the layer has after the body, and makes it ready for the
    /// next message.
    ///
    /// # Errors
    /// What the writer says.
    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()>;
}

impl<L: ExtRead + ?Sized> ExtRead for &mut L {
    #[inline]
    fn read_header<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        (**self).read_header(r)
    }

    #[inline]
    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        (**self).read_from(r, buf)
    }

    #[inline]
    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        (**self).read_end(r)
    }
}

impl<L: ExtWrite + ?Sized> ExtWrite for &mut L {
    #[inline]
    fn write_header<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        (**self).write_header(w)
    }

    #[inline]
    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        (**self).write_into(w, buf)
    }

    #[inline]
    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        (**self).flush_into(w)
    }

    #[inline]
    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        (**self).write_end(w)
    }
}
