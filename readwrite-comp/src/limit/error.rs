use std::{error, fmt, io};

/// A named limit was passed: what comes out of every layer and adapter of this crate when a peer
/// asks for too much.
///
/// It travels inside an `io::Error` of kind `InvalidData`; [`LimitExceeded::of`] finds it there.
///
/// ```
/// use readwrite_comp::{CompR, LimitExceeded, SizedWindowsR};
/// use std::io::Read;
///
/// let lying = [0xff, 0xff, 0xff, 0xff];
/// let mut reader = CompR::new(SizedWindowsR::default(), &lying[..]);
/// let error = reader.read(&mut [0; 8]).unwrap_err();
/// assert_eq!(LimitExceeded::of(&error).unwrap().limit, "max_window");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The name of the limit: the field that sets it.
    pub limit: &'static str,
    /// Value that was needed.
    pub value: u64,
    /// The limit's value.
    pub max: u64,
}

impl LimitExceeded {
    /// The limit that `error` is about, if it is about one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, value, max } = self;
        write!(f, "{value} is over the limit {limit} of {max}")
    }
}

impl error::Error for LimitExceeded {}

impl From<LimitExceeded> for io::Error {
    fn from(error: LimitExceeded) -> Self {
        // No kind that is tried again: the same bytes would pass the limit again.
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}
