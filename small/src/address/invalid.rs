//! Errors of reading an address from text.

use std::fmt;

use crate::Excerpt;

/// Error of reading an address from text, shared by the addresses of all kinds.
///
/// ```
/// use mydht_small::{InvalidAddress, WsAddress};
///
/// let error = "tcp:1".parse::<WsAddress>().unwrap_err();
/// assert!(matches!(error, InvalidAddress::Form { .. }));
/// let expected = "invalid address `tcp:1`: write ws://HOST:PORT/PATH, as ws://127.0.0.1:4000/";
/// assert_eq!(error.to_string(), expected);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// Text that is not an address of this kind.
    #[error("invalid address `{text}`: write {expected}")]
    Form {
        /// Text that was read.
        text: Excerpt,
        /// Form of a valid address, for people.
        expected: &'static str,
    },
    /// Host without a port, where the port has no default.
    #[error("invalid address `{text}`: add a port, as {text}:4000")]
    NoPort {
        /// Text that was read.
        text: Excerpt,
    },
    /// Text that is not an address of either of two transports.
    #[error("{0}, or {expected}", expected = Expected(.1))]
    Neither(Box<InvalidAddress>, Box<InvalidAddress>),
}

impl InvalidAddress {
    /// Creates the error of an address type whose valid text looks like `expected`.
    pub fn new(text: &str, expected: &'static str) -> Self {
        let text = text.into();
        InvalidAddress::Form { text, expected }
    }
}

/// Forms that an error asks for, without the text that was read.
struct Expected<'a>(&'a InvalidAddress);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            InvalidAddress::Form { expected, .. } => f.write_str(expected),
            InvalidAddress::NoPort { .. } => f.write_str("HOST:PORT"),
            InvalidAddress::Neither(first, second) => {
                write!(f, "{}, or {}", Expected(first), Expected(second))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_kinds_of_addresses_name_the_text_once() {
        let of = |expected| Box::new(InvalidAddress::new("x\ny", expected));
        let two = InvalidAddress::Neither(of("a:"), of("b:"));
        let three = InvalidAddress::Neither(Box::new(two.clone()), of("c:"));
        let text = r"invalid address `x\ny`: write a:, or b:, or c:";
        assert_eq!(three.to_string(), text);
        let three = InvalidAddress::Neither(of("c:"), Box::new(two));
        let text = r"invalid address `x\ny`: write c:, or a:, or b:";
        assert_eq!(three.to_string(), text);
    }
}
