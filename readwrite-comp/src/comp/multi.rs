use std::io::{self, Read, Write};

use crate::ext::{ExtRead, ExtWrite};

/// A run-time number of reading layers of one type as one layer: the routes of a tunnel.
///
/// The first layer is next to the plain bytes, the last next to the wire; no layer at all changes
/// nothing. Use an enum of layers where they differ in type.
#[derive(Clone, Debug, Default)]
pub struct MultiR<L> {
    layers: Vec<L>,
    /// Number of layers, from the first, that have read their end of the message that is being
    /// ended.
    ended: usize,
}

impl<L: ExtRead> MultiR<L> {
    /// One layer of many.
    pub const fn new(layers: Vec<L>) -> Self {
        Self { layers, ended: 0 }
    }
}

impl<L> MultiR<L> {
    /// The layers, the one next to the plain bytes first.
    pub fn layers_mut(&mut self) -> &mut [L] {
        &mut self.layers
    }

    /// Takes the stack apart.
    pub fn into_inner(self) -> Vec<L> {
        self.layers
    }
}

/// Some layers and the reader under them. The reader is a trait object so that the recursion over
/// the layers is one type and not a type per depth.
struct BelowR<'a, 'r, L> {
    layers: &'a mut [L],
    reader: &'a mut (dyn Read + 'r),
}

impl<'r, L: ExtRead> BelowR<'_, 'r, L> {
    fn split(&mut self) -> Option<(&mut L, BelowR<'_, 'r, L>)> {
        let (first, rest) = self.layers.split_first_mut()?;
        let below = BelowR {
            layers: rest,
            reader: &mut *self.reader,
        };
        Some((first, below))
    }

    fn header(&mut self) -> io::Result<()> {
        match self.split() {
            None => Ok(()),
            Some((layer, mut below)) => {
                // From the wire upwards: this layer's header is itself coded by the layers below.
                below.header()?;
                layer.read_header(&mut below)
            }
        }
    }
}

impl<L: ExtRead> Read for BelowR<'_, '_, L> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.split() {
            None => self.reader.read(buf),
            // Nothing was asked for, so no header may be read either: that could block.
            Some(_) if buf.is_empty() => Ok(0),
            Some((layer, mut below)) => {
                layer.read_header(&mut below)?;
                layer.read_from(&mut below, buf)
            }
        }
    }
}

impl<L: ExtRead> ExtRead for MultiR<L> {
    fn read_header<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        if self.ended > 0 {
            return Ok(());
        }
        let mut stack = BelowR {
            layers: &mut self.layers,
            reader: r,
        };
        stack.header()
    }

    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        // The first layer's end was read, so the bytes that follow belong to the next message.
        if self.ended > 0 {
            return Ok(0);
        }
        let mut stack = BelowR {
            layers: &mut self.layers,
            reader: r,
        };
        stack.read(buf)
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        while let Some((layer, rest)) = self
            .layers
            .get_mut(self.ended..)
            .and_then(|left| left.split_first_mut())
        {
            let mut below = BelowR {
                layers: rest,
                reader: &mut *r,
            };
            // Counted only after success: after `WouldBlock` the same layer's end goes on.
            layer.read_end(&mut below)?;
            self.ended += 1;
        }
        self.ended = 0;
        Ok(())
    }
}

/// A run-time number of writing layers of one type as one layer; the mirror of [`MultiR`].
#[derive(Clone, Debug, Default)]
pub struct MultiW<L> {
    layers: Vec<L>,
    /// Number of layers, from the first, that have written their end of the message that is being
    /// ended.
    ended: usize,
}

impl<L: ExtWrite> MultiW<L> {
    /// One layer of many.
    pub const fn new(layers: Vec<L>) -> Self {
        Self { layers, ended: 0 }
    }
}

impl<L> MultiW<L> {
    /// The layers, the one next to the plain bytes first.
    pub fn layers_mut(&mut self) -> &mut [L] {
        &mut self.layers
    }

    /// Takes the stack apart.
    pub fn into_inner(self) -> Vec<L> {
        self.layers
    }
}

struct BelowW<'a, 'w, L> {
    layers: &'a mut [L],
    writer: &'a mut (dyn Write + 'w),
}

impl<'w, L: ExtWrite> BelowW<'_, 'w, L> {
    fn split(&mut self) -> Option<(&mut L, BelowW<'_, 'w, L>)> {
        let (first, rest) = self.layers.split_first_mut()?;
        let below = BelowW {
            layers: rest,
            writer: &mut *self.writer,
        };
        Some((first, below))
    }

    fn header(&mut self) -> io::Result<()> {
        match self.split() {
            None => Ok(()),
            Some((layer, mut below)) => {
                // As on the reading side: this layer's header passes through those below.
                below.header()?;
                layer.write_header(&mut below)
            }
        }
    }
}

impl<L: ExtWrite> Write for BelowW<'_, '_, L> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.split() {
            None => self.writer.write(buf),
            Some(_) if buf.is_empty() => Ok(0),
            Some((layer, mut below)) => {
                layer.write_header(&mut below)?;
                layer.write_into(&mut below, buf)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.split() {
            None => self.writer.flush(),
            Some((layer, mut below)) => layer.flush_into(&mut below),
        }
    }
}

impl<L: ExtWrite> ExtWrite for MultiW<L> {
    fn write_header<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        if self.ended > 0 {
            return Ok(());
        }
        let mut stack = BelowW {
            layers: &mut self.layers,
            writer: w,
        };
        stack.header()
    }

    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        if self.ended > 0 {
            return Err(super::written_while_ending());
        }
        let mut stack = BelowW {
            layers: &mut self.layers,
            writer: w,
        };
        stack.write(buf)
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        // Layers that have ended hold nothing back.
        let mut stack = BelowW {
            layers: self.layers.get_mut(self.ended..).unwrap_or_default(),
            writer: w,
        };
        stack.flush()
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        while let Some((layer, rest)) = self
            .layers
            .get_mut(self.ended..)
            .and_then(|left| left.split_first_mut())
        {
            let mut below = BelowW {
                layers: rest,
                writer: &mut *w,
            };
            layer.write_end(&mut below)?;
            self.ended += 1;
        }
        self.ended = 0;
        Ok(())
    }
}
