//! The layers between messages and transport: MyDHT's word for a cipher is a shadow.
//!
//! [`RecordW`] cuts what it is given into records of at most 16 KiB, encrypts and authenticates
//! each, and [`RecordR`] returns the plain bytes of a record once all of it has been proved. The
//! keys come from the [`handshake`](crate::handshake). docs/wire.md has the format,
//! docs/security.md what it promises.

mod chain;
mod cipher;
mod kdf;
mod read;
mod records;
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
pub use records::{Records, RecordsR, RecordsW};
pub use write::RecordW;

/// The most plain bytes of a record.
pub const RECORD: usize = 16 << 10;

/// A record's header: its kind, and the number of its plain bytes (u16, little-endian).
const HEADER: usize = 3;

/// A record that carries bytes.
const DATA: u8 = 1;
/// A record that ends a stream, with no bytes.
const END: u8 = 2;

/// Keys of one direction of a connection, as a handshake agreed on them.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The cipher.
    pub cipher: Cipher,
    /// Secret that the keys are derived from.
    pub secret: Secret,
}

/// Makes the two layers of a connection. All that is read and written goes through them, but for
/// the preamble and the handshake: messages with their framing, and attachments.
///
/// A layer must be restartable at any byte; what it holds back it must release when it is
/// flushed.
pub trait Shadow: Clone {
    /// The layer on what is read.
    type Read: ExtRead;
    /// The layer on what is written.
    type Write: ExtWrite;

    /// The ciphers that it can make layers for, the best first. No other is offered to a peer, or
    /// taken.
    fn ciphers(&self) -> Vec<Cipher>;

    /// The layer on what is read of a connection.
    fn read_layer(&self, keys: Keys) -> Self::Read;

    /// The layer on what is written to a connection.
    fn write_layer(&self, keys: Keys) -> Self::Write;
}

/// No cipher: plain bytes. Only for connections that are not authenticated either
/// ([`Mode::NoAuth`]).
///
/// [`Mode::NoAuth`]: crate::handshake::Mode::NoAuth
#[derive(Clone, Copy, Debug, Default)]
pub struct NoShadow;

impl Shadow for NoShadow {
    type Read = NoExt;
    type Write = NoExt;

    fn ciphers(&self) -> Vec<Cipher> {
        vec![Cipher::None]
    }

    fn read_layer(&self, _: Keys) -> NoExt {
        NoExt
    }

    fn write_layer(&self, _: Keys) -> NoExt {
        NoExt
    }
}
