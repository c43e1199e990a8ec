//! Readiness.

use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Sub, SubAssign};

/// A set of readiness kinds: what a source is ready for, or what it is watched for.
///
/// The portable kinds are readable and writable; error, hang-up and priority are in
/// [`unix::UnixReady`](crate::unix::UnixReady), read-hang-up in [`Ready::read_hup`].
///
/// ```
/// use mydht_evloop::Ready;
///
/// let ready = Ready::readable() | Ready::writable();
/// assert!(ready.contains(Ready::readable()));
/// assert_eq!(ready - Ready::readable(), Ready::writable());
/// ```
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(usize);

impl Ready {
    pub(crate) const READABLE: Ready = Ready(0b0000_0001);
    pub(crate) const WRITABLE: Ready = Ready(0b0000_0010);
    pub(crate) const ERROR: Ready = Ready(0b0000_0100);
    pub(crate) const HUP: Ready = Ready(0b0000_1000);
    pub(crate) const AIO: Ready = Ready(0b0001_0000);
    pub(crate) const LIO: Ready = Ready(0b0010_0000);
    pub(crate) const PRIORITY: Ready = Ready(0b0100_0000);
    pub(crate) const READ_HUP: Ready = Ready(0b1000_0000);

    /// No readiness.
    #[inline]
    pub fn empty() -> Ready {
        Ready(0)
    }

    /// Readable.
    #[inline]
    pub fn readable() -> Ready {
        Ready::READABLE
    }

    /// Writable.
    #[inline]
    pub fn writable() -> Ready {
        Ready::WRITABLE
    }

    /// The peer has shut down its writing half (`EPOLLRDHUP`). Not part of mio's API, and not part
    /// of [`all`](Ready::all): it is reported only where it was asked for.
    #[inline]
    pub fn read_hup() -> Ready {
        Ready::READ_HUP
    }

    /// All kinds of the platform.
    #[inline]
    pub fn all() -> Ready {
        let mut all = Ready::READABLE.0 | Ready::WRITABLE.0;
        if cfg!(unix) {
            all |= Ready::ERROR.0 | Ready::HUP.0;
        }
        if cfg!(any(
            target_os = "dragonfly",
            target_os = "freebsd",
            target_os = "ios",
            target_os = "macos"
        )) {
            all |= Ready::AIO.0;
        }
        if cfg!(target_os = "freebsd") {
            all |= Ready::LIO.0;
        }
        if cfg!(any(
            target_os = "android",
            target_os = "illumos",
            target_os = "linux",
            target_os = "solaris"
        )) {
            all |= Ready::PRIORITY.0;
        }
        Ready(all)
    }

    /// True if nothing is in the set.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// True if readable is in the set.
    #[inline]
    pub fn is_readable(&self) -> bool {
        self.contains(Ready::READABLE)
    }

    /// True if writable is in the set.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.contains(Ready::WRITABLE)
    }

    /// Adds all of `other`.
    #[inline]
    pub fn insert<T: Into<Self>>(&mut self, other: T) {
        self.0 |= other.into().0;
    }

    /// Removes all of `other`.
    #[inline]
    pub fn remove<T: Into<Self>>(&mut self, other: T) {
        self.0 &= !other.into().0;
    }

    /// True if all of `other` is in the set.
    #[inline]
    pub fn contains<T: Into<Self>>(&self, other: T) -> bool {
        let other = other.into().0;
        self.0 & other == other
    }

    /// The set with these bits. User sources keep the lower sixteen.
    pub fn from_usize(value: usize) -> Ready {
        Ready(value)
    }

    /// The bits of the set.
    pub const fn as_usize(&self) -> usize {
        self.0
    }

    /// Returns the mask that the core works with.
    #[inline]
    pub(crate) const fn mask(self) -> u16 {
        self.0 as u16
    }

    #[inline]
    pub(crate) const fn from_bits(bits: u16) -> Ready {
        Ready(bits as usize)
    }
}

impl<T: Into<Ready>> BitOr<T> for Ready {
    type Output = Ready;

    #[inline]
    fn bitor(self, other: T) -> Ready {
        Ready(self.0 | other.into().0)
    }
}

impl<T: Into<Ready>> BitOrAssign<T> for Ready {
    #[inline]
    fn bitor_assign(&mut self, other: T) {
        self.0 |= other.into().0;
    }
}

impl<T: Into<Ready>> BitXor<T> for Ready {
    type Output = Ready;

    #[inline]
    fn bitxor(self, other: T) -> Ready {
        Ready(self.0 ^ other.into().0)
    }
}

impl<T: Into<Ready>> BitXorAssign<T> for Ready {
    #[inline]
    fn bitxor_assign(&mut self, other: T) {
        self.0 ^= other.into().0;
    }
}

impl<T: Into<Ready>> BitAnd<T> for Ready {
    type Output = Ready;

    #[inline]
    fn bitand(self, other: T) -> Ready {
        Ready(self.0 & other.into().0)
    }
}

impl<T: Into<Ready>> BitAndAssign<T> for Ready {
    #[inline]
    fn bitand_assign(&mut self, other: T) {
        self.0 &= other.into().0;
    }
}

impl<T: Into<Ready>> Sub<T> for Ready {
    type Output = Ready;

    #[inline]
    fn sub(self, other: T) -> Ready {
        Ready(self.0 & !other.into().0)
    }
}

impl<T: Into<Ready>> SubAssign<T> for Ready {
    #[inline]
    fn sub_assign(&mut self, other: T) {
        self.0 &= !other.into().0;
    }
}

/// Writes the names of the kinds in `ready`, or `(empty)`.
pub(crate) fn write_names(
    f: &mut fmt::Formatter<'_>,
    set: usize,
    names: &[(usize, &str)],
) -> fmt::Result {
    let mut separator = "";
    for (bit, name) in names {
        if *bit != 0 && set & bit == *bit {
            write!(f, "{separator}{name}")?;
            separator = " | ";
        }
    }
    if separator.is_empty() {
        f.write_str("(empty)")?;
    }
    Ok(())
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(
            f,
            self.0,
            &[
                (Ready::READABLE.0, "Readable"),
                (Ready::WRITABLE.0, "Writable"),
                (Ready::ERROR.0, "Error"),
                (Ready::HUP.0, "Hup"),
            ],
        )
    }
}
