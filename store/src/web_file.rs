//! A file of a web page.

use std::io;

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::Blob;

use mydht_proto::attachment::leaves::Leaves;
use mydht_proto::attachment::tree::{PART_LEN, Tree};

use crate::refused;

/// Parts that are hashed at once, 1 MiB: a request to the browser costs about the same for one part
/// as for many.
const AT_ONCE: u64 = 16;

/// Content that the browser has: a `File` that the page's user chose or dropped, one of its private
/// file system (OPFS), or any other `Blob`. It is read where it is, slice by slice, and never as a
/// whole.
///
/// ```no_run
/// # use mydht_store::WebFile;
/// use mydht_store::Content;
/// use mydht_proto::{Command, Record, Value};
///
/// # async fn put(dropped: web_sys::File) -> std::io::Result<Command> {
/// let name = dropped.name();
/// let file = WebFile::from(dropped);
/// let tree = file.tree(|_hashed| ()).await?;
/// let value = Value::Attachment { id: tree.id(), name };
/// let record = Record::by_content(value);
/// let content = Some((tree, Content::Web(file)));
/// # Ok(Request::put(record, content))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WebFile(Blob);

impl From<Blob> for WebFile {
    fn from(blob: Blob) -> Self {
        WebFile(blob)
    }
}

impl From<web_sys::File> for WebFile {
    fn from(file: web_sys::File) -> Self {
        WebFile(file.into())
    }
}

impl WebFile {
    /// Returns the length in bytes.
    pub fn len(&self) -> u64 {
        // Exact: lengths are whole numbers up to 2^53.
        self.0.size() as u64
    }

    /// Returns whether the file has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the file as the JavaScript object.
    pub fn blob(&self) -> &Blob {
        &self.0
    }

    /// Reads up to `len` bytes from `start` on: fewer only at the end of the file.
    ///
    /// # Errors
    /// When the browser cannot read the file any more, because it changed or was removed.
    pub async fn read(&self, start: u64, len: u64) -> io::Result<Vec<u8>> {
        let end = start.saturating_add(len);
        let slice = self
            .0
            .slice_with_f64_and_f64(start as f64, end as f64)
            .map_err(|error| unreadable(&error))?;
        let bytes = slice.array_buffer().await;
        let bytes = bytes.map_err(|error| unreadable(&error))?;
        Ok(Uint8Array::new(&bytes).to_vec())
    }

    /// Reads the file to its end and returns its hash tree; calls `progress` with the bytes read so
    /// far.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn tree(&self, mut progress: impl FnMut(u64)) -> io::Result<Tree> {
        let mut leaves = Leaves::default();
        let mut done = 0;
        while done < self.len() {
            let bytes = self.read(done, AT_ONCE * PART_LEN as u64).await?;
            // An empty read would repeat forever.
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            for part in bytes.chunks(PART_LEN) {
                done = leaves.push(part);
            }
            progress(done);
        }
        Ok(leaves.finish())
    }
}

fn unreadable(error: &JsValue) -> io::Error {
    refused(
        "the file cannot be read (put it again if it was changed)",
        error,
    )
}
