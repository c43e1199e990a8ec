//! Attachments: content that travels after a message, as bytes only, never encoded.
//!
//! An attachment is cut into [parts](tree::PART_LEN). Each is asked for, sent, checked against the
//! attachment's hash and stored alone, so that a transfer can stop anywhere and go on later, from
//! anyone, without trusting them, and so that a long one never holds up other messages for longer
//! than a part takes.

pub mod fetch;
pub mod leaves;
mod name;
mod part;
pub mod tree;

pub use name::{InvalidName, Name};
pub use part::{Part, ReceivedPart};

use std::io::{self, Read, Write};

/// Bytes that follow a message. Message encodings know nothing of them, and they know nothing of
/// encodings.
///
/// Both methods are restartable by an index: stopped by `WouldBlock` at any byte, they keep how far
/// they came and go on from there when called again.
pub trait Attachment {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// True if there is nothing to transfer.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that were read or written so far.
    fn index(&self) -> u64;

    /// Reads until the attachment is whole.
    ///
    /// # Errors
    /// What the reader says; `UnexpectedEof` if it ended before the attachment did.
    fn read_from<R: Read>(&mut self, r: &mut R) -> io::Result<()>;

    /// Writes until all is written.
    ///
    /// # Errors
    /// What the writer says; `WriteZero` if it takes nothing.
    fn write_into<W: Write>(&mut self, w: &mut W) -> io::Result<()>;
}
