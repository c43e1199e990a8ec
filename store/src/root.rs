//! A folder from which files are served, and nothing above it.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::disk::named;

/// The folder under which `file:` names are looked for.
#[derive(Clone, Debug)]
pub struct FileRoot(PathBuf);

impl FileRoot {
    /// Opens the folder `dir`.
    ///
    /// # Errors
    /// When the folder does not exist.
    pub fn new(dir: impl AsRef<Path>) -> io::Result<Self> {
        let dir = dir.as_ref();
        dir.canonicalize()
            .map(FileRoot)
            .map_err(|error| named(dir, &error))
    }

    /// Returns the path of the file `name` under the folder, with all links followed.
    ///
    /// # Errors
    /// `PermissionDenied` if the name leads out of the folder, by `..`, as an absolute path or
    /// through a link; `NotFound` if there is no such file. The folder is its user's: one who
    /// changes it in the same moment can still lead out.
    pub fn file(&self, name: &str) -> io::Result<PathBuf> {
        let outside = || {
            let why = format!("file:{name} leads out of {}", self.0.display());
            io::Error::new(io::ErrorKind::PermissionDenied, why)
        };
        let relative = Path::new(name);
        let inside = |component| matches!(component, Component::Normal(_) | Component::CurDir);
        // On Windows a backslash separates components; it is refused on all systems alike.
        if name.contains('\\') || !relative.components().all(inside) {
            return Err(outside());
        }
        let path = self.0.join(relative);
        let real = path.canonicalize().map_err(|error| named(&path, &error))?;
        // Checked after links were resolved: a link in the folder may lead out of it.
        if !real.starts_with(&self.0) {
            return Err(outside());
        }
        if !real.is_file() {
            let why = format!("file:{name} is no file");
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        Ok(real)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_outside_of_the_folder_is_reached() {
        let dir = tempfile::tempdir().unwrap();
        let (root, inner) = (dir.path().join("root"), dir.path().join("root/inner"));
        fs::create_dir_all(&inner).unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        fs::create_dir(dir.path().join("root-beside")).unwrap();
        fs::write(dir.path().join("root-beside/f"), "s").unwrap();
        fs::write(inner.join("f"), "f").unwrap();
        symlink(dir.path().join("secret"), root.join("link")).unwrap();
        symlink(dir.path(), inner.join("up")).unwrap();
        symlink("inner/f", root.join("within")).unwrap();
        let files = FileRoot::new(&root).unwrap();
        let real = inner.canonicalize().unwrap().join("f");
        for name in ["inner/f", "./inner/f", "inner/./f", "within"] {
            assert_eq!(files.file(name).unwrap(), real, "{name}");
        }
        let absolute = dir.path().join("secret");
        for name in [
            "../secret",
            "inner/../../secret",
            "inner/../inner/f",
            "link",
            "inner/up/secret",
            "../root-beside/f",
            "..\\secret",
            absolute.to_str().unwrap(),
        ] {
            let error = files.file(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{name}");
        }
        for name in ["", ".", "inner", "missing"] {
            assert_eq!(
                files.file(name).unwrap_err().kind(),
                io::ErrorKind::NotFound
            );
        }
    }
}
