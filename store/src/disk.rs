//! File operations that the stores on disk share.

use std::fs::{File, TryLockError};
use std::io;
#[cfg(not(unix))]
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Adds the path of the file to its error.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Opens the file `path` with its content, or creates it.
pub(super) fn open_or_make(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        // Keeps existing content: a store resumes it, and another process may hold the file until
        // `lock` says otherwise.
        .truncate(false)
        .open(path)
        .map_err(|error| named(path, &error))
}

/// Locks the file against other processes for as long as it is open.
///
/// # Errors
/// `AlreadyExists` if another process holds the lock.
pub(super) fn lock(file: &File, path: &Path) -> io::Result<()> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!(
                "the store {} is open in another node: give this one its own --store",
                path.display()
            ),
        ),
        TryLockError::Error(error) => named(path, &error),
    })
}

/// Replaces the content of the file `path` by `bytes`, atomically. Durable once its folder is
/// synced.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let write = || {
        let mut file = File::create(&new)?;
        io::Write::write_all(&mut file, bytes)?;
        // Synced before the rename: the system may write the new name first, and a power cut would
        // leave an empty file under it.
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(|error| named(path, &error))
}

/// Fills `buf` from `offset` on.
#[cfg(unix)]
pub(super) fn read_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

/// Writes `bytes` from `offset` on.
#[cfg(unix)]
pub(super) fn write_at(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Fills `buf` from `offset` on.
#[cfg(not(unix))]
pub(super) fn read_at(mut file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(buf)
}

/// Writes `bytes` from `offset` on.
#[cfg(not(unix))]
pub(super) fn write_at(mut file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

/// Syncs a folder, which makes the files created or renamed in it durable.
#[cfg(unix)]
pub(super) fn sync_dir(dir: Option<&Path>) -> io::Result<()> {
    match dir {
        // The parent of a bare file name is empty and means the current folder.
        Some(dir) if dir.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Does nothing: other systems cannot sync a folder and do it by themselves.
#[cfg(not(unix))]
pub(super) fn sync_dir(_: Option<&Path>) -> io::Result<()> {
    Ok(())
}
