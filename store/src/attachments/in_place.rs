//! Attachments that stay where they are, outside of the folder: `HASH.link` holds the path of the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::disk::{named, sync_dir, write_durably};
use mydht_proto::id::Hash;

/// Where the link of an attachment is.
fn link(dir: &Path, hash: &Hash) -> PathBuf {
    dir.join(format!("{hash}.link"))
}

/// Notes, durably, that the attachment is the file `path`.
///
/// # Errors
/// `InvalidInput` if the path is no text; when the note cannot be written.
pub(super) fn note(dir: &Path, hash: &Hash, path: &Path) -> io::Result<()> {
    let path = path.canonicalize().map_err(|error| named(path, &error))?;
    let text = path.to_str().ok_or_else(|| {
        let why = format!(
            "{} is no text: rename it, or import it as a copy",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidInput, why)
    })?;
    write_durably(&link(dir, hash), text.as_bytes())?;
    sync_dir(Some(dir))
}

/// The file that the attachment was noted to be.
///
/// # Errors
/// When the note cannot be read.
pub(super) fn noted(dir: &Path, hash: &Hash) -> io::Result<Option<PathBuf>> {
    let link = link(dir, hash);
    match fs::read_to_string(&link) {
        Ok(path) => Ok(Some(path.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(&link, &error)),
    }
}
