use std::fmt;

use zeroize::Zeroizing;

/// The version of the format.
const VERSION: &str = "1";

/// Secret as text: one line of its kind, the format's version, 64 hexadecimal digits, and 16 digits
/// of a checksum of what is before them.
///
/// ```
/// use mydht_proto::identity::{Armor, Identity};
///
/// let me = Identity::from_seed(&[1; 32]);
/// let text = me.to_text();
/// assert!(text.starts_with("mydht-identity 1 0101"));
/// assert_eq!(Identity::from_text(&text)?.id(), me.id());
/// # Ok::<(), mydht_proto::identity::ArmorError>(())
/// ```
pub trait Armor: Sized {
    /// The first word of the text.
    const KIND: &'static str;

    /// The secret bytes.
    fn secret(&self) -> &[u8; 32];

    /// From its bytes.
    fn from_secret(secret: &[u8; 32]) -> Self;

    /// The secret as text. Whoever reads it has the secret.
    fn to_text(&self) -> Zeroizing<String> {
        // Its room is made at once: a string that grew would leave parts of the secret behind.
        let mut text = Zeroizing::new(String::with_capacity(128));
        text.push_str(Self::KIND);
        text.push(' ');
        text.push_str(VERSION);
        text.push(' ');
        push_hex(&mut text, self.secret());
        let sum = checksum(&text);
        text.push(' ');
        push_hex(&mut text, &sum);
        text.push('\n');
        text
    }

    /// Reads what [`to_text`](Armor::to_text) wrote.
    ///
    /// # Errors
    /// What the text is instead.
    fn from_text(text: &str) -> Result<Self, ArmorError> {
        let line = text.trim_end();
        let mut words = line.split(' ');
        if words.next() != Some(Self::KIND) {
            return Err(ArmorError::Foreign(Self::KIND));
        }
        // Checked before the checksum, which a later version may compute differently.
        match words.next() {
            Some(VERSION) => {}
            Some(version) if version.parse::<u16>().is_ok() => {
                return Err(ArmorError::Version(version.to_owned()));
            }
            _ => return Err(ArmorError::Damaged),
        }
        let (Some(secret), Some(sum), None) = (words.next(), words.next(), words.next()) else {
            return Err(ArmorError::Damaged);
        };
        // Cannot underflow: the checksum is the last word, and a space precedes it.
        let before = line.len() - sum.len() - 1;
        if line.get(..before).map(checksum) != from_hex(sum) {
            return Err(ArmorError::Damaged);
        }
        let secret = Zeroizing::new(from_hex(secret).ok_or(ArmorError::Damaged)?);
        Ok(Self::from_secret(&secret))
    }
}

/// Tells damage, not malice: whoever can write the file can also write the checksum.
fn checksum(text: &str) -> [u8; 8] {
    let hash = blake3::derive_key("mydht 2026-11-24 the checksum of a file", text.as_bytes());
    let mut sum = [0; 8];
    sum.copy_from_slice(&hash[..8]);
    sum
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    // Not `hex::encode`, whose temporary string would be freed without being wiped.
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// Why a text is no secret of the kind that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArmorError {
    /// Text of another kind.
    Foreign(&'static str),
    /// Text that a later version wrote.
    Version(String),
    /// Text that was changed or cut since it was written.
    Damaged,
}

impl fmt::Display for ArmorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArmorError::Foreign(kind) => {
                write!(f, "is no {kind} file: name another, it was left as it is")
            }
            ArmorError::Version(version) => write!(
                f,
                "is of version {version} and this program knows {VERSION}: update it"
            ),
            ArmorError::Damaged => f.write_str(
                "is damaged: restore it from an export, or name another file; it was left as it is",
            ),
        }
    }
}

impl std::error::Error for ArmorError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{GroupSecret, Identity};

    #[test]
    fn text_comes_back_and_its_form_is_fixed() {
        let text = Identity::from_seed(&[0xab; 32]).to_text();
        let secret = "ab".repeat(32);
        assert!(text.starts_with(&format!("mydht-identity 1 {secret} ")));
        assert_eq!(text.len(), 17 + 64 + 1 + 16 + 1);
        let back = Identity::from_text(&text).unwrap();
        assert_eq!(back.secret(), &[0xab; 32]);
        // Editors and shells take a last line break away, or make two of it.
        assert!(Identity::from_text(text.trim_end()).is_ok());
        let group = GroupSecret::from_bytes([3; 32]);
        let back = GroupSecret::from_text(&group.to_text()).unwrap();
        assert_eq!(back.secret(), &[3; 32]);
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let text = Identity::from_seed(&[0xab; 32]).to_text();
        for at in 0..text.len() - 1 {
            for change in [1u8, 0x20] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= change;
                let changed = String::from_utf8(bytes).unwrap();
                // A hexadecimal digit may be written large; the checksum covers all others.
                let same = at > 81 && changed.eq_ignore_ascii_case(&text);
                assert_eq!(Identity::from_text(&changed).is_ok(), same, "{changed}");
            }
            assert!(Identity::from_text(&text[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn what_it_is_instead_is_said() {
        let group = GroupSecret::from_bytes([3; 32]).to_text();
        let error = |text: &str| Identity::from_text(text).unwrap_err();
        assert_eq!(error(&group), ArmorError::Foreign("mydht-identity"));
        assert_eq!(error(""), ArmorError::Foreign("mydht-identity"));
        let later = "mydht-identity 2 what comes then";
        assert_eq!(error(later), ArmorError::Version("2".into()));
        assert_eq!(error("mydht-identity x"), ArmorError::Damaged);
        assert_eq!(error("mydht-identity 1 00 00"), ArmorError::Damaged);
    }
}
