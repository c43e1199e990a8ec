//! Names of an attachment's content, as strings.

use std::fmt;
use std::str::FromStr;

use mydht_small::Excerpt;

use crate::record::AttachmentId;

/// Error of reading the name of an attachment from text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// Text without one of the known prefixes.
    #[error("invalid attachment `{0}`: write file:PATH, store:HASH-LENGTH or web:NAME")]
    Kind(Excerpt),
    /// Text after `store:` that is not a hash and a length.
    #[error(
        "invalid attachment `{0}`: write store:HASH-LENGTH, a hash of 64 hex digits and a number of bytes"
    )]
    Id(Excerpt),
}

/// Names content: `file:photos/a.jpg` under a folder that is served, `store:HASH-LENGTH` in
/// a node's store, `web:a.jpg` among the files that a web page keeps in its browser.
///
/// ```
/// use mydht_proto::attachment::Name;
///
/// let name: Name = "file:photos/a.jpg".parse()?;
/// assert_eq!(name, Name::File("photos/a.jpg".into()));
/// assert_eq!(name.to_string(), "file:photos/a.jpg");
/// # Ok::<(), mydht_proto::attachment::InvalidName>(())
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
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.split_once(':') {
            Some(("file", path)) => Ok(Name::File(path.into())),
            Some(("web", name)) => Ok(Name::Web(name.into())),
            Some(("store", id)) => {
                let invalid = || InvalidName::Id(text.into());
                let (hash, len) = id.split_once('-').ok_or_else(invalid)?;
                let hash = hash.parse().map_err(|_| invalid())?;
                let len = len.parse().map_err(|_| invalid())?;
                Ok(Name::Store(AttachmentId { hash, len }))
            }
            _ => Err(InvalidName::Kind(text.into())),
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
        for text in ["", "a/b", "ftp:a"] {
            let error = InvalidName::Kind(text.into());
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
        let longer = [format!("store:{hash}"), format!("store:{hash}-x")];
        let short = ["store:", "store:07-1"].map(str::to_owned);
        for text in short.iter().chain(&longer) {
            let error = InvalidName::Id(text.as_str().into());
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
    }
}
