//! Readiness, options and events, with the kernel's numbers.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitOrAssign, Sub};

/// `EPOLLIN` and its siblings.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u32);

impl Flags {
    /// Nothing.
    pub const EMPTY: Flags = Flags(0);
    /// There is something to read.
    pub const IN: Flags = Flags(0x001);
    /// There is something urgent.
    pub const PRI: Flags = Flags(0x002);
    /// There is room to write.
    pub const OUT: Flags = Flags(0x004);
    /// An error; always watched.
    pub const ERR: Flags = Flags(0x008);
    /// Both directions are closed; always watched.
    pub const HUP: Flags = Flags(0x010);
    /// The peer closed its writing direction.
    pub const RDHUP: Flags = Flags(0x2000);
    /// Wake one of several epolls that sleep on one source. With add only.
    pub const EXCLUSIVE: Flags = Flags(1 << 28);
    /// Disarm after one report, until modified.
    pub const ONESHOT: Flags = Flags(1 << 30);
    /// Edge-triggered.
    pub const ET: Flags = Flags(1 << 31);

    /// All kinds of readiness, no option.
    pub const READINESS: Flags = Flags(0x201f);

    /// The kernel's number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From the kernel's number; unknown bits are ignored by all operations.
    pub const fn from_bits(bits: u32) -> Flags {
        Flags(bits)
    }

    /// True if all of `other` is set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if any of `other` is set.
    pub const fn intersects(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// True if nothing is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The readiness in it, without the options, as the core's bits.
    pub(super) const fn core(self) -> u16 {
        (self.0 & Flags::READINESS.0) as u16
    }

    pub(super) const fn from_core(bits: u16) -> Flags {
        Flags(bits as u32)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

impl Sub for Flags {
    type Output = Flags;

    fn sub(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Flags::IN, "IN"),
            (Flags::PRI, "PRI"),
            (Flags::OUT, "OUT"),
            (Flags::ERR, "ERR"),
            (Flags::HUP, "HUP"),
            (Flags::RDHUP, "RDHUP"),
            (Flags::EXCLUSIVE, "EXCLUSIVE"),
            (Flags::ONESHOT, "ONESHOT"),
            (Flags::ET, "ET"),
        ]
        .map(|(flag, name)| (flag.0 as usize, name));
        crate::ready::write_names(f, self.0 as usize, &names)
    }
}

/// `struct epoll_event`: what to watch for, or what is ready, and the user's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Readiness; in an interest also the options.
    pub flags: Flags,
    /// Comes back as it was given: a number, an index, a pointer.
    pub data: usize,
}

impl Event {
    /// The two together.
    pub const fn new(flags: Flags, data: usize) -> Event {
        Event { flags, data }
    }
}
