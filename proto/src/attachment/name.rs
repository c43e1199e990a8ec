//! Where the content of an attachment is, as a string.

use std::fmt;
use std::str::FromStr;

use crate::record::AttachmentId;

/// Names content: `file:photos/a.jpg` under a folder that is given out from, `store:HASH-LENGTH` in a node's store,
/// `web:a.jpg` among the files that a web page keeps in its browser.
///
/// ```
/// use mydht_proto::attachment::Name;
///
/// let name: Name = "file:photos/a.jpg".parse()?;
/// assert_eq!(name, Name::File("photos/a.jpg".into()));
/// assert_eq!(name.to_string(), "file:photos/a.jpg");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// A path under a folder, its components separated by `/`.
    File(String),
    /// Content that a store keeps.
    Store(AttachmentId),
    /// A file that a page keeps (`WebFiles`), by the name that it gave it.
    Web(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::File(path) => write!(f, "file:{path}"),
            Name::Store(id) => write!(f, "store:{}-{}", id.hash, id.len),
            Name::Web(name) => write!(f, "web:{name}"),
        }
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!("«{text}» names no attachment: write file:PATH, store:HASH-LENGTH or web:NAME")
        };
        match text.split_once(':') {
            Some(("file", path)) => Ok(Name::File(path.into())),
            Some(("web", name)) => Ok(Name::Web(name.into())),
            Some(("store", id)) => {
                let (hash, len) = id.split_once('-').ok_or_else(unknown)?;
                let hash = hash.parse().map_err(|_| unknown())?;
                let len = len.parse().map_err(|_| unknown())?;
                Ok(Name::Store(AttachmentId { hash, len }))
            }
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Hash;

    #[test]
    fn names_are_read_as_they_are_written_and_others_refused() {
        let id = AttachmentId {
            hash: Hash([7; 32]),
            len: 12,
        };
        let web = Name::Web("a: b/c".into());
        for name in [Name::File("a/b:c".into()), Name::Store(id), web] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        let hash = "07".repeat(32);
        let wrong = ["", "a/b", "ftp:a", "store:", "store:07-1"];
        let longer = [format!("store:{hash}"), format!("store:{hash}-x")];
        for text in wrong.into_iter().chain(longer.iter().map(String::as_str)) {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
