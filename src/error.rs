//! Errors of a node's user.

use std::io;
#[cfg(not(target_arch = "wasm32"))]
use std::path::Path;
use std::path::PathBuf;

use crate::Key;
use crate::engine::{Event, Failure};
use mydht_transports::InvalidAddress;

/// Error of using a node.
///
/// A key that nobody has is not an error: [`Node::get`](crate::Node::get) returns `None` for it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Request that the node could not fulfil.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// Use of a node that has stopped.
    #[error("the node has stopped")]
    Closed,
    /// Panic of the node's thread.
    #[error("the thread of the node panicked: its log says why")]
    Panicked,
    /// Reply of another kind than the request asks for: a fault of the node.
    #[error("unexpected reply from the node: {reply}")]
    UnexpectedReply {
        /// Kind of the reply.
        reply: &'static str,
    },
    /// Attachment under a key that was asked for its bytes.
    #[error("a file is kept under {key:?}: fetch it with `get_file`")]
    IsFile {
        /// Key of the attachment.
        key: Key,
    },
    /// Bytes under a key that was asked for a file.
    #[error("no file is kept under {key:?}, but bytes: fetch them with `get`")]
    NotAFile {
        /// Key of the bytes.
        key: Key,
    },
    /// Last sequence number of a signed record.
    #[error("the signed record has the highest sequence number: choose another salt")]
    LastSequence,
    /// Name of content that this node cannot read.
    #[error("`{name}` names nothing here: {hint}")]
    NoSuchContent {
        /// Name of the content.
        name: String,
        /// Remedy.
        hint: &'static str,
    },
    /// File that cannot be read or written.
    #[error("cannot {act} {}: {source}", path.display())]
    File {
        /// `read`, `write`, …
        act: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Invalid address.
    #[error(transparent)]
    Address(#[from] InvalidAddress),
    /// Failure of the system: of a socket, of randomness, of a store.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Failure of one of the node's services.
    #[error(transparent)]
    Service(mydht_spawner::Error),
}

impl Error {
    /// Creates the error of an operation on a file.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn file(act: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Error::File { act, path, source }
    }

    /// Creates the error of a reply that is not the one that was asked for.
    pub(crate) fn unexpected(event: &Event) -> Self {
        let reply = match event {
            Event::Failed(failure) => return Error::Failed(failure.clone()),
            Event::Progress { .. } => "Progress",
            Event::Found(_) => "Found",
            Event::NotFound => "NotFound",
            Event::Stored { .. } => "Stored",
            Event::Part(_) => "Part",
            Event::Status { .. } => "Status",
            Event::Insight(_) => "Insight",
        };
        Error::UnexpectedReply { reply }
    }
}

impl From<mydht_spawner::Error> for Error {
    fn from(error: mydht_spawner::Error) -> Self {
        match error {
            mydht_spawner::Error::Closed => Error::Closed,
            mydht_spawner::Error::Io(error) => Error::Io(error),
            error => Error::Service(error),
        }
    }
}

/// For those who run nodes as services.
impl From<Error> for mydht_spawner::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Closed => mydht_spawner::Error::Closed,
            Error::Io(error) => mydht_spawner::Error::Io(error),
            Error::Service(error) => error,
            error => mydht_spawner::Error::service(error),
        }
    }
}

/// For callers whose errors are those of the system, such as a command.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => error,
            // Keeps the kind, by which callers distinguish a missing file from a forbidden one.
            Error::File { ref source, .. } => io::Error::new(source.kind(), error),
            error => io::Error::other(error),
        }
    }
}
