//! The layer between messages and transport: MyDHT's word for a cipher is a shadow.

use readwrite_comp::{ExtRead, ExtWrite, NoExt};

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
