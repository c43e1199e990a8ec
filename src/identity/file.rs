use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::{Armor, Identity};
use crate::id::PeerId;

/// More than any file of ours has. What is longer is foreign, and not read into memory.
const LONGEST: u64 = 4096;

fn at(path: &Path, kind: ErrorKind, why: impl std::fmt::Display) -> io::Error {
    io::Error::new(kind, format!("{} {why}", path.display()))
}

/// Reads a secret.
///
/// # Errors
/// `NotFound`; `PermissionDenied` when others than the owner could read the file (what was a secret
/// may be none any more); `InvalidData` for a damaged or foreign file. The error names the file and
/// says what to do.
pub fn load<T: Armor>(path: &Path) -> io::Result<T> {
    let unreadable = |error: io::Error| at(path, error.kind(), format!("cannot be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    // Read from the open file: under its path there may be another file by now.
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(at(path, ErrorKind::InvalidData, "is not a file"));
    }
    only_owner(path, &meta)?;
    // Allocated at full size: growing the string would leave copies of the secret in freed memory.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) => {}
        // Not even text.
        Err(error) if error.kind() == ErrorKind::InvalidData => text.clear(),
        Err(error) => return Err(unreadable(error)),
    }
    T::from_text(&text).map_err(|error| at(path, ErrorKind::InvalidData, error))
}

#[cfg(unix)]
fn only_owner(path: &Path, meta: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if meta.permissions().mode() & 0o077 != 0 {
        let why = format!(
            "can be read by others: make sure that nobody did, then `chmod 600 {}`",
            path.display()
        );
        return Err(at(path, ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

#[cfg(not(unix))]
fn only_owner(_: &Path, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Writes a secret to a new file that its owner alone can read. It is there whole or not at all,
/// and nothing is ever overwritten.
///
/// # Errors
/// `AlreadyExists`; what the file system says.
pub fn create<T: Armor>(path: &Path, secret: &T) -> io::Result<()> {
    let unwritten = |error: io::Error| {
        let why = if error.kind() == ErrorKind::AlreadyExists {
            "is there already and was left as it is: name another file".to_owned()
        } else {
            format!("cannot be written: {error}")
        };
        at(path, error.kind(), why)
    };
    temporary(path, secret)
        // Never overwrites a file that has appeared meanwhile: it may be the only copy of a key.
        .and_then(|file| file.persist_noclobber(path).map_err(|error| error.error))
        .map_err(unwritten)?;
    sync_folder(path).map_err(unwritten)
}

/// The secret in a temporary file in the same folder, on disk, of mode 0600.
fn temporary<T: Armor>(path: &Path, secret: &T) -> io::Result<NamedTempFile> {
    // On Unix, `tempfile` creates the file with mode 0600, before the secret is written to it.
    let mut file = tempfile::Builder::new()
        .prefix(".mydht-identity")
        .tempfile_in(folder(path))?;
    file.write_all(secret.to_text().as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The file's name is on disk too.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Other systems cannot open a folder as a file.
    if cfg!(unix) {
        File::open(folder(path))?.sync_all()?;
    }
    Ok(())
}

/// The identity in `path`; a new one is made if there is no file. Anything else there is an error,
/// never overwritten.
///
/// # Errors
/// As [`load`] and [`create`].
pub fn load_or_create(path: &Path) -> io::Result<Identity> {
    match load(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        other => return other,
    }
    let identity = Identity::generate()?;
    match create(path, &identity) {
        Ok(()) => Ok(identity),
        // Another process made one at the same time.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => load(path),
        Err(error) => Err(error),
    }
}

/// Copies the identity in `path` to the new file `to`.
///
/// # Errors
/// As [`load`] and [`create`].
pub fn export(path: &Path, to: &Path) -> io::Result<PeerId> {
    let identity: Identity = load(path)?;
    create(to, &identity)?;
    Ok(identity.id())
}

/// Result of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Id of the node before.
    pub old: PeerId,
    /// Id of the node from its next start on.
    pub new: PeerId,
    /// File that keeps the old key.
    pub kept: PathBuf,
}

/// Puts a new identity into `path` and keeps the old one beside it, under the same name with the
/// old id's first eight digits. At every moment `path` has one of the two, whole.
///
/// # Errors
/// As [`load`] and [`create`]; then `path` is as it was.
pub fn rotate(path: &Path) -> io::Result<Rotated> {
    let old: Identity = load(path)?;
    let new = Identity::generate()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", &old.id().to_string()[..8]));
    let kept = path.with_file_name(name);
    // Saves the old key before replacing it, so that it exists at every moment.
    match create(&kept, &old) {
        Ok(()) => {}
        // An earlier rotation got as far as this.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let there: Identity = load(&kept)?;
            if there.id() != old.id() {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    temporary(path, &new)
        .and_then(|file| file.persist(path).map_err(|error| error.error))
        .and_then(|_| sync_folder(path))
        .map_err(|error| at(path, error.kind(), format!("cannot be written: {error}")))?;
    Ok(Rotated {
        old: old.id(),
        new: new.id(),
        kept,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn an_identity_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity");
        let first = load_or_create(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap().id(), first.id());
        assert_eq!(names(dir.path()), ["identity"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_there_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity");
        let mut damaged = Identity::from_seed(&[1; 32]).to_text().as_bytes().to_vec();
        damaged[30] ^= 1;
        let foreign = b"my precious notes".to_vec();
        let binary = vec![0xff; 10_000];
        for (content, why) in [(damaged, "damaged"), (foreign, "is no"), (binary, "is no")] {
            let mut file = tempfile::Builder::new().tempfile_in(dir.path()).unwrap();
            file.write_all(&content).unwrap();
            file.persist(&path).unwrap();
            let errors = [
                load_or_create(&path).unwrap_err(),
                rotate(&path).unwrap_err(),
                export(&path, &dir.path().join("to")).unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), ErrorKind::InvalidData);
                assert!(error.to_string().contains(why), "{error}");
                assert!(error.to_string().contains("identity"), "{error}");
            }
            let error = create(&path, &Identity::from_seed(&[2; 32])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&path).unwrap(), content);
            assert_eq!(names(dir.path()), ["identity"]);
        }
    }

    #[test]
    fn a_folder_is_no_identity() {
        let dir = tempfile::tempdir().unwrap();
        assert!(load_or_create(dir.path()).is_err());
        let nowhere = dir.path().join("no").join("where");
        assert!(load_or_create(&nowhere).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_could_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity");
        load_or_create(&path).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = load::<Identity>(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        load::<Identity>(&path).unwrap();
    }

    #[test]
    fn rotation_keeps_the_old_key_and_goes_on_where_it_was_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity");
        let first = load_or_create(&path).unwrap();
        // As if a rotation had been stopped between its two files.
        let kept = dir
            .path()
            .join(format!("identity.{}", &first.id().to_string()[..8]));
        create(&kept, &first).unwrap();
        let rotated = rotate(&path).unwrap();
        assert_eq!(rotated.old, first.id());
        assert_eq!(rotated.kept, kept);
        assert_eq!(load::<Identity>(&path).unwrap().id(), rotated.new);
        assert_eq!(load::<Identity>(&kept).unwrap().id(), rotated.old);
        assert_ne!(rotated.old, rotated.new);
        assert_eq!(names(dir.path()).len(), 2);
    }

    #[test]
    fn an_export_is_the_same_identity() {
        let dir = tempfile::tempdir().unwrap();
        let (path, to) = (dir.path().join("identity"), dir.path().join("backup"));
        let id = load_or_create(&path).unwrap().id();
        assert_eq!(export(&path, &to).unwrap(), id);
        assert_eq!(load::<Identity>(&to).unwrap().id(), id);
        assert!(export(&path, &to).is_err());
    }

    /// Whoever comes second takes what the first made.
    #[test]
    fn two_processes_make_one_identity() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity");
        let ids: Vec<PeerId> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| load_or_create(&path).unwrap().id()))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(ids.windows(2).all(|two| two[0] == two[1]));
        assert_eq!(names(dir.path()), ["identity"]);
    }
}
