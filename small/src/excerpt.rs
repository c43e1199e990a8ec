//! Untrusted text in errors.

use std::fmt;

/// Maximum number of characters that are shown. A sentence of a browser or of the system fits.
const MAX_SHOWN: usize = 160;

/// Untrusted text as an error shows it: escaped, and cut after 160 characters.
///
/// Whoever sent an invalid address or key must neither draw on a terminal nor fill a log with it.
///
/// ```
/// use mydht_small::Excerpt;
///
/// assert_eq!(Excerpt::from("a\u{1b}[2Jb").to_string(), "a\\u{1b}[2Jb");
/// assert_eq!(Excerpt::from("x".repeat(1000).as_str()).to_string(), "x".repeat(160) + "…");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Excerpt(Box<str>);

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        let mut shown = String::new();
        let mut room = MAX_SHOWN;
        for character in text.chars() {
            // Errors put text between backticks, so quotes may stay.
            let is_quote = matches!(character, '"' | '\'');
            let escapes = usize::from(is_quote);
            let escaped = character.escape_debug().skip(escapes);
            // Counted before it is shown, so that no escape is cut in half.
            let Some(left) = room.checked_sub(escaped.clone().count()) else {
                shown.push('…');
                break;
            };
            shown.extend(escaped);
            room = left;
        }
        Excerpt(shown.into())
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_never_inside_an_escape() {
        let shown = |text: &str| Excerpt::from(text).to_string();
        assert_eq!(shown(""), "");
        assert_eq!(shown(r#"it's "a\b""#), r#"it's "a\\b""#);
        assert_eq!(shown(&"é".repeat(160)), "é".repeat(160));
        assert_eq!(shown(&"é".repeat(161)), "é".repeat(160) + "…");
        assert_eq!(shown(&"\n".repeat(81)), "\\n".repeat(80) + "…");
        let mixed = "x".repeat(159) + "\n";
        assert_eq!(shown(&mixed), "x".repeat(159) + "…");
    }
}
