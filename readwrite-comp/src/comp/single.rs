use std::io::{self, Read, Write};

use crate::ext::{ExtRead, ExtWrite};

/// A layer on a reader, as a reader of plain bytes.
///
/// Both may be owned or borrowed (`&mut layer`, `&mut reader`). The header is read before the first
/// byte of the body; after `Ok(0)` call [`read_end`](CompR::read_end) to go on to the next message.
///
/// ```
/// use readwrite_comp::{CompR, CompW, SizedWindowsR, SizedWindowsW};
/// use std::io::{Read, Write};
///
/// let mut wire = Vec::new();
/// let mut writer = CompW::new(SizedWindowsW::default(), &mut wire);
/// writer.write_all(b"plain")?;
/// writer.write_end()?;
/// assert_eq!(wire, b"\x05\0\0\0plain\0\0\0\0");
///
/// let mut reader = CompR::new(SizedWindowsR::default(), wire.as_slice());
/// let mut plain = String::new();
/// reader.read_to_string(&mut plain)?;
/// reader.read_end()?;
/// assert_eq!(plain, "plain");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct CompR<L, R> {
    layer: L,
    reader: R,
}

impl<L: ExtRead, R: Read> CompR<L, R> {
    /// Puts `layer` on `reader`. Nothing is read yet.
    #[inline]
    pub const fn new(layer: L, reader: R) -> Self {
        Self { layer, reader }
    }

    /// Reads the end of the message, skipping what is left of its body.
    ///
    /// # Errors
    /// As [`ExtRead::read_end`]; after `WouldBlock` call it again.
    #[inline]
    pub fn read_end(&mut self) -> io::Result<()> {
        self.layer.read_end(&mut self.reader)
    }
}

impl<L, R> CompR<L, R> {
    /// The layer.
    pub const fn layer(&self) -> &L {
        &self.layer
    }

    /// The layer, to change its settings.
    pub const fn layer_mut(&mut self) -> &mut L {
        &mut self.layer
    }

    /// The reader below.
    pub const fn reader(&self) -> &R {
        &self.reader
    }

    /// The reader below. Bytes taken from it are missing in the layer.
    pub const fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Takes the composition apart.
    pub fn into_inner(self) -> (L, R) {
        (self.layer, self.reader)
    }
}

impl<L: ExtRead, R: Read> Read for CompR<L, R> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // A read of nothing must not read a header, which could block.
        if buf.is_empty() {
            return Ok(0);
        }
        self.layer.read_header(&mut self.reader)?;
        self.layer.read_from(&mut self.reader, buf)
    }
}

/// A layer on a writer, as a writer of plain bytes.
///
/// Both may be owned or borrowed. The header is written before the first byte of the body. `flush`
/// writes down what the layer holds back and flushes the writer; it ends nothing. The end is
/// written by [`write_end`](CompW::write_end) only, never by a drop.
#[derive(Debug)]
pub struct CompW<L, W> {
    layer: L,
    writer: W,
}

impl<L: ExtWrite, W: Write> CompW<L, W> {
    /// Puts `layer` on `writer`. Nothing is written yet.
    #[inline]
    pub const fn new(layer: L, writer: W) -> Self {
        Self { layer, writer }
    }

    /// Writes the end of the message (and its header, if nothing was written). It does not flush
    /// the writer.
    ///
    /// # Errors
    /// As [`ExtWrite::write_end`]; after `WouldBlock` call it again and write nothing in between.
    #[inline]
    pub fn write_end(&mut self) -> io::Result<()> {
        self.layer.write_end(&mut self.writer)
    }
}

impl<L, W> CompW<L, W> {
    /// The layer.
    pub const fn layer(&self) -> &L {
        &self.layer
    }

    /// The layer, to change its settings.
    pub const fn layer_mut(&mut self) -> &mut L {
        &mut self.layer
    }

    /// The writer below.
    pub const fn writer(&self) -> &W {
        &self.writer
    }

    /// The writer below.
    pub const fn writer_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Takes the composition apart; what the layer holds back stays in it.
    pub fn into_inner(self) -> (L, W) {
        (self.layer, self.writer)
    }
}

impl<L: ExtWrite, W: Write> Write for CompW<L, W> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        // A write of nothing begins no message.
        if buf.is_empty() {
            return Ok(0);
        }
        self.layer.write_header(&mut self.writer)?;
        self.layer.write_into(&mut self.writer, buf)
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        self.layer.flush_into(&mut self.writer)
    }
}
