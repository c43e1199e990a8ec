//! The layers between messages and transport: MyDHT's word for a cipher is a shadow.
//!
//! [`RecordW`] cuts what it is given into records of at most 16 KiB, encrypts and authenticates each, and
//! [`RecordR`] gives out the plain bytes of a record once all of it has been proved. The keys come from the
//! [`handshake`](crate::handshake). docs/wire.md has the format, docs/security.md what it promises.

mod chain;
mod cipher;
mod kdf;
mod read;
#[cfg(test)]
mod tests;
mod write;

use readwrite_comp::{ExtRead, ExtWrite, NoExt};

#[cfg(test)]
pub(crate) use chain::secret_bytes;
pub use chain::{RECORDS_PER_KEY, Secret};
pub use cipher::Cipher;
pub(crate) use kdf::{expand, extract};
pub use read::RecordR;
pub use write::RecordW;

/// The most plain bytes of a record.
pub const RECORD: usize = 16 << 10;

/// A record's header: its kind, and the number of its plain bytes (u16, little-endian).
const HEADER: usize = 3;

/// A record that carries bytes.
const DATA: u8 = 1;
/// A record that ends a stream, with no bytes.
const END: u8 = 2;

/// Makes the two layers of a connection. All that is read and written goes through them, but for the preamble:
/// messages with their framing, and attachments.
///
/// A layer must be restartable at any byte; what it holds back it must let go of when it is flushed.
pub trait Shadow {
    /// The layer on what is read.
    type Read: ExtRead;
    /// The layer on what is written.
    type Write: ExtWrite;

    /// The layer on what is read of a new connection.
    fn read_layer(&self) -> Self::Read;

    /// The layer on what is written to a new connection.
    fn write_layer(&self) -> Self::Write;
}

/// No cipher: plain bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoShadow;

impl Shadow for NoShadow {
    type Read = NoExt;
    type Write = NoExt;

    fn read_layer(&self) -> NoExt {
        NoExt
    }

    fn write_layer(&self) -> NoExt {
        NoExt
    }
}
