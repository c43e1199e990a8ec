use std::io::{self, Read, Write};

use readwrite_comp::{ExtRead, ExtWrite, NoExt};

use super::{Cipher, Keys, RecordR, RecordW, Shadow};

/// Records under the cipher that the handshake agreed on: what nodes use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Records;

impl Shadow for Records {
    type Read = RecordsR;
    type Write = RecordsW;

    fn ciphers(&self) -> Vec<Cipher> {
        let mut ciphers = Cipher::preferred();
        // Where nothing is authenticated, that too may be agreed on.
        ciphers.push(Cipher::None);
        ciphers
    }

    fn read_layer(&self, keys: Keys) -> RecordsR {
        let sealed = RecordR::new(keys.cipher, keys.secret);
        sealed.map_or(RecordsR::Plain(NoExt), |layer| {
            RecordsR::Sealed(Box::new(layer))
        })
    }

    fn write_layer(&self, keys: Keys) -> RecordsW {
        let sealed = RecordW::new(keys.cipher, keys.secret);
        sealed.map_or(RecordsW::Plain(NoExt), |layer| {
            RecordsW::Sealed(Box::new(layer))
        })
    }
}

/// Reads records, or plain bytes where the handshake agreed on no cipher.
pub enum RecordsR {
    /// No cipher.
    Plain(NoExt),
    /// Records.
    Sealed(Box<RecordR>),
}

impl ExtRead for RecordsR {
    fn read_header<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        match self {
            RecordsR::Plain(layer) => layer.read_header(r),
            RecordsR::Sealed(layer) => layer.read_header(r),
        }
    }

    fn read_from<R: Read>(&mut self, r: &mut R, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            RecordsR::Plain(layer) => layer.read_from(r, buf),
            RecordsR::Sealed(layer) => layer.read_from(r, buf),
        }
    }

    fn read_end<R: Read>(&mut self, r: &mut R) -> io::Result<()> {
        match self {
            RecordsR::Plain(layer) => layer.read_end(r),
            RecordsR::Sealed(layer) => layer.read_end(r),
        }
    }
}

/// Writes records, or plain bytes where the handshake agreed on no cipher.
pub enum RecordsW {
    /// No cipher.
    Plain(NoExt),
    /// Records.
    Sealed(Box<RecordW>),
}

impl ExtWrite for RecordsW {
    fn write_header<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        match self {
            RecordsW::Plain(layer) => layer.write_header(w),
            RecordsW::Sealed(layer) => layer.write_header(w),
        }
    }

    fn write_into<W: Write>(&mut self, w: &mut W, buf: &[u8]) -> io::Result<usize> {
        match self {
            RecordsW::Plain(layer) => layer.write_into(w, buf),
            RecordsW::Sealed(layer) => layer.write_into(w, buf),
        }
    }

    fn flush_into<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        match self {
            RecordsW::Plain(layer) => layer.flush_into(w),
            RecordsW::Sealed(layer) => layer.flush_into(w),
        }
    }

    fn write_end<W: Write>(&mut self, w: &mut W) -> io::Result<()> {
        match self {
            RecordsW::Plain(layer) => layer.write_end(w),
            RecordsW::Sealed(layer) => layer.write_end(w),
        }
    }
}
