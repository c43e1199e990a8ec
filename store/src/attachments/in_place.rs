//! Attachments that stay where they are, outside of the folder: `HASH.link` holds the path of the
//! file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::disk::{named, sync_dir, write_durably};
use mydht_proto::id::Hash;

/// Returns the path of the link of an attachment.
fn link(dir: &Path, hash: &Hash) -> PathBuf {
    dir.join(format!("{hash}.link"))
}

/// Writes, durably, a link from the attachment to the file `path`.
///
/// # Errors
/// `InvalidInput` if the path is not UTF-8; when the link cannot be written.
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

/// Returns the file that the attachment is linked to.
///
/// # Errors
/// When the link cannot be read.
pub(super) fn noted(dir: &Path, hash: &Hash) -> io::Result<Option<PathBuf>> {
    let link = link(dir, hash);
    match fs::read_to_string(&link) {
        Ok(path) => Ok(Some(path.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(&link, &error)),
    }
}
