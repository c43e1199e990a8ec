//! Tokens, by which users name sources.

/// Chosen by the user at registration and given back in every [`Event`](crate::event::Event) of
/// that source.
///
/// Any value but `usize::MAX` will do; two sources may share one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

impl From<usize> for Token {
    #[inline]
    fn from(value: usize) -> Token {
        Token(value)
    }
}

impl From<Token> for usize {
    #[inline]
    fn from(token: Token) -> usize {
        token.0
    }
}
