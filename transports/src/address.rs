//! Addresses in text that no transport can read.

use std::fmt;

use mydht_small::Excerpt;

/// Error of reading an address from text, shared by the addresses of all transports.
///
/// ```
/// use mydht_transports::InvalidAddress;
/// use mydht_transports::memory::MemoryAddress;
///
/// let error = "tcp:1".parse::<MemoryAddress>().unwrap_err();
/// assert_eq!(error, InvalidAddress::new("tcp:1", "mem:NUMBER"));
/// assert_eq!(error.to_string(), "invalid address `tcp:1`: write mem:NUMBER");
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
