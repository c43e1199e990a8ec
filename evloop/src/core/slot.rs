//! One watched source.

/// Names a slot. A key outlives its slot harmlessly: the generation tells the old source from a new one that
/// took the same index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Key {
    /// A key that names nothing.
    pub const NONE: Key = Key {
        index: u32::MAX,
        generation: 0,
    };

    /// Where the slot is.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Which use of the slot is meant.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

/// When a ready source is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// At every harvest while it is ready.
    Level,
    /// Once per wake.
    Edge,
    /// Once per wake, and the readiness is forgotten when it was reported: for sources whose true state lives
    /// elsewhere (the operating system) and would be stale here.
    Pulse,
}

/// What a source is watched for, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interest {
    /// The readiness bits that count. Implied bits (error, hang-up) are the caller's to add.
    pub mask: u16,
    /// When to report.
    pub trigger: Trigger,
    /// Disarm after one report, until the next [`modify`](super::Core::modify).
    pub oneshot: bool,
}

impl Interest {
    /// Interest in `mask`, without oneshot.
    pub const fn new(mask: u16, trigger: Trigger) -> Self {
        Interest {
            mask,
            trigger,
            oneshot: false,
        }
    }

    /// The same, disarmed after one report.
    pub const fn oneshot(mut self) -> Self {
        self.oneshot = true;
        self
    }
}

/// Why a source was put on the ready list: the last reason before it was reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cause {
    /// It was already ready when it was inserted or modified.
    #[default]
    Registered,
    /// Its readiness was set.
    Set,
    /// It was woken.
    Woken,
    /// It is level-triggered and was still ready after its last report.
    Level,
    /// A timer of its own was due.
    Timer,
}

/// One report of a harvest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Which source.
    pub key: Key,
    /// The token it was given.
    pub token: usize,
    /// What it is ready for: never empty, always within its interest.
    pub ready: u16,
    /// Why it was on the ready list.
    pub cause: Cause,
}

/// 24 bytes, and 8 more for its key while it is ready: the target is 32 per source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub token: usize,
    pub generation: u32,
    pub ready: u16,
    pub mask: u16,
    pub trigger: Trigger,
    pub oneshot: bool,
    /// On the ready list.
    pub linked: bool,
    pub cause: Cause,
}

impl Slot {
    /// What would be reported now. A disarmed slot has an empty mask.
    #[inline]
    pub fn effective(&self) -> u16 {
        self.ready & self.mask
    }

    /// What is reported now.
    #[inline]
    pub fn fired(&self, key: Key) -> Fired {
        Fired {
            key,
            token: self.token,
            ready: self.effective(),
            cause: self.cause,
        }
    }

    /// It was reported. True: it is ready still and goes to the tail of the ready list.
    #[inline]
    pub fn reported(&mut self) -> bool {
        if self.trigger == Trigger::Edge && !self.oneshot {
            return false;
        }
        if self.oneshot {
            self.mask = 0;
        }
        match self.trigger {
            Trigger::Pulse => {
                self.ready = 0;
                false
            }
            Trigger::Level if self.mask != 0 => {
                self.cause = Cause::Level;
                true
            }
            Trigger::Level | Trigger::Edge => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Slot};

    #[test]
    fn a_source_costs_at_most_32_bytes() {
        let bytes = size_of::<Slot>() + size_of::<Key>();
        assert!(bytes <= 32, "{bytes}");
    }
}
