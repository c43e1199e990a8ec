//! Modes of a source's reports.

use crate::ready::write_names;
use std::fmt;
use std::ops::{BitAnd, BitOr, BitXor, Sub};

/// Edge, level and oneshot.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PollOpt(pub(crate) usize);

impl PollOpt {
    /// No option: level-triggered.
    #[inline]
    pub fn empty() -> PollOpt {
        PollOpt(0)
    }

    /// Once per change.
    #[inline]
    pub fn edge() -> PollOpt {
        PollOpt(0b001)
    }

    /// As long as the source is ready.
    #[inline]
    pub fn level() -> PollOpt {
        PollOpt(0b010)
    }

    /// Once, until the source is registered again. For user sources only together with
    /// [`edge`](PollOpt::edge) under [`Compat::Mio06`](crate::Compat), as in mio.
    #[inline]
    pub fn oneshot() -> PollOpt {
        PollOpt(0b100)
    }

    /// True if edge is set.
    #[inline]
    pub fn is_edge(&self) -> bool {
        self.contains(PollOpt::edge())
    }

    /// True if level is set.
    #[inline]
    pub fn is_level(&self) -> bool {
        self.contains(PollOpt::level())
    }

    /// True if oneshot is set.
    #[inline]
    pub fn is_oneshot(&self) -> bool {
        self.contains(PollOpt::oneshot())
    }

    /// True if all of `other` is set.
    #[inline]
    pub fn contains(&self, other: PollOpt) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets all of `other`.
    #[inline]
    pub fn insert(&mut self, other: PollOpt) {
        self.0 |= other.0;
    }

    /// Unsets all of `other`.
    #[inline]
    pub fn remove(&mut self, other: PollOpt) {
        self.0 &= !other.0;
    }
}

impl BitOr for PollOpt {
    type Output = PollOpt;

    #[inline]
    fn bitor(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 | other.0)
    }
}

impl BitXor for PollOpt {
    type Output = PollOpt;

    #[inline]
    fn bitxor(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 ^ other.0)
    }
}

impl BitAnd for PollOpt {
    type Output = PollOpt;

    #[inline]
    fn bitand(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 & other.0)
    }
}

impl Sub for PollOpt {
    type Output = PollOpt;

    #[inline]
    fn sub(self, other: PollOpt) -> PollOpt {
        PollOpt(self.0 & !other.0)
    }
}

impl fmt::Debug for PollOpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(
            f,
            self.0,
            &[
                (PollOpt::edge().0, "Edge-Triggered"),
                (PollOpt::level().0, "Level-Triggered"),
                (PollOpt::oneshot().0, "OneShot"),
            ],
        )
    }
}
