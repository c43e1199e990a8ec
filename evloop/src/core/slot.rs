//! One watched source.

use std::fmt;

/// Names a slot. A key outlives its slot harmlessly: the generation tells the old source from a new
/// one that took the same index.
// One word, so that a key is stored and loaded whole: two narrower stores would stall the load that follows them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// A key that names nothing.
    pub const NONE: Key = Key::new(u32::MAX, 0);

    pub(super) const fn new(index: u32, generation: u32) -> Key {
        Key((index as u64) << 32 | generation as u64)
    }

    /// Returns the index of the slot.
    #[inline]
    pub const fn index(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Which use of the slot is meant.
    #[inline]
    pub const fn generation(self) -> u32 {
        self.0 as u32
    }

    /// Returns the key as a number, for an atomic to hold.
    #[inline]
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    /// Returns the key that [`to_bits`](Key::to_bits) gave.
    #[inline]
    pub(crate) const fn from_bits(bits: u64) -> Key {
        Key(bits)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("index", &self.index())
            .field("generation", &self.generation())
            .finish()
    }
}

/// When a ready source is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// At every harvest while it is ready.
    Level,
    /// Once per wake.
    Edge,
    /// Once per wake, and the readiness is forgotten when it was reported: for sources whose true
    /// state lives elsewhere (the operating system) and would be stale here.
    Pulse,
}

/// Readiness that a source is watched for, and the mode of its reports.
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

    /// Disarms the source after one report.
    pub const fn oneshot(mut self) -> Self {
        self.oneshot = true;
        self
    }
}

/// Why a source was put on the ready list: the last reason before it was reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Ready when it was inserted or modified.
    #[default]
    Registered,
    /// Its readiness was set.
    Set,
    /// Woken.
    Woken,
    /// Level-triggered, and still ready after its last report.
    Level,
    /// A timer of its own was due.
    Timer,
}

impl Cause {
    #[inline]
    fn of(number: u8) -> Cause {
        match number {
            1 => Cause::Set,
            2 => Cause::Woken,
            3 => Cause::Level,
            4 => Cause::Timer,
            _ => Cause::Registered,
        }
    }
}

/// One report of a harvest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Which source.
    pub key: Key,
    /// The token it was given.
    pub token: usize,
    /// Readiness of the source: never empty, always within its interest.
    pub ready: u16,
    /// Why it was on the ready list.
    pub cause: Cause,
}

/// The readiness bits of a slot's word; above them is the mask.
const READY: u64 = 0xffff;
/// Position of the mask in a slot's word.
const MASK_SHIFT: u32 = 16;
const MASK: u64 = READY << MASK_SHIFT;
const LEVEL: u64 = 1 << 32;
const PULSE: u64 = 1 << 33;
const ONESHOT: u64 = 1 << 34;
/// On the ready list.
const LINKED: u64 = 1 << 35;
/// Free the slot when it comes off the ready list.
const ABANDONED: u64 = 1 << 36;
/// The readiness may have been cleared elsewhere: ask before it is reported.
const SAMPLED: u64 = 1 << 37;
const CAUSE_SHIFT: u32 = 40;
const CAUSE: u64 = 0xff << CAUSE_SHIFT;

/// 24 bytes, and 8 more for its key while it is ready: the target is 32 per source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub token: usize,
    /// Readiness, mask, trigger, flags and cause: most steps test and change several of them at
    /// once.
    word: u64,
    pub generation: u32,
}

/// The next step for a slot that came off the ready list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    /// Put it at the tail of the ready list.
    Again,
    /// Free it.
    Free,
}

impl Slot {
    pub fn new(token: usize, interest: Interest, ready: u16) -> Slot {
        let mut slot = Slot {
            token,
            word: u64::from(ready),
            generation: 0,
        };
        slot.set_interest(interest);
        slot
    }

    /// Replaces mask, trigger and oneshot.
    pub fn set_interest(&mut self, interest: Interest) {
        let trigger = match interest.trigger {
            Trigger::Edge => 0,
            Trigger::Level => LEVEL,
            Trigger::Pulse => PULSE,
        };
        let oneshot = if interest.oneshot { ONESHOT } else { 0 };
        self.word = self.word & !(MASK | LEVEL | PULSE | ONESHOT)
            | u64::from(interest.mask) << MASK_SHIFT
            | trigger
            | oneshot;
    }

    #[inline]
    pub fn ready(&self) -> u16 {
        (self.word & READY) as u16
    }

    #[inline]
    pub fn set_ready(&mut self, ready: u16) {
        self.word = self.word & !READY | u64::from(ready);
    }

    #[inline]
    pub fn mask(&self) -> u16 {
        (self.word >> MASK_SHIFT) as u16
    }

    /// Returns the readiness that would be reported now. A disarmed slot has an empty mask.
    #[inline]
    pub fn effective(&self) -> u16 {
        // The shift brings the mask over the readiness; the flags above end up beyond 16 bits.
        (self.word & self.word >> MASK_SHIFT) as u16
    }

    #[inline]
    pub fn is_pulse(&self) -> bool {
        self.word & PULSE != 0
    }

    #[inline]
    pub fn is_linked(&self) -> bool {
        self.word & LINKED != 0
    }

    #[inline]
    pub fn link(&mut self, cause: Cause) {
        debug_assert!(!self.is_linked());
        self.word = self.word & !CAUSE | (cause as u64) << CAUSE_SHIFT | LINKED;
    }

    /// Replaces the readiness, and links the slot if `wake` is true and it is not linked yet. True
    /// if it was.
    #[inline]
    pub fn set_and_link(&mut self, ready: u16, wake: bool) -> bool {
        // Written once: this is most of what setting a source costs.
        let mut word = self.word & !READY | u64::from(ready);
        let links = wake && word & LINKED == 0;
        if links {
            word = word & !CAUSE | (Cause::Set as u64) << CAUSE_SHIFT | LINKED;
        }
        self.word = word;
        links
    }

    /// Unlinks and reports a plain edge with something to report, and leaves any other slot as it
    /// was.
    #[inline]
    pub fn report_plain(&mut self, key: Key) -> Option<Fired> {
        // A sampled slot may have been cleared elsewhere; the others have more to do after a
        // report.
        if self.word & (LEVEL | PULSE | ONESHOT | SAMPLED) != 0 || self.effective() == 0 {
            return None;
        }
        self.unlink();
        Some(self.fired(key))
    }

    #[inline]
    pub fn unlink(&mut self) {
        self.word &= !LINKED;
    }

    /// Marks the slot as one whose readiness may be cleared elsewhere.
    pub fn sample(&mut self) {
        self.word |= SAMPLED;
    }

    #[inline]
    pub fn is_sampled(&self) -> bool {
        self.word & SAMPLED != 0
    }

    /// Drops its interest for good. The slot is freed when it comes off the ready list.
    pub fn abandon(&mut self) {
        // Without a mask nothing is effective, so the harvest passes over the slot and frees it.
        self.word = self.word & !MASK | ABANDONED;
    }

    /// Returns the event that is reported now.
    #[inline]
    pub fn fired(&self, key: Key) -> Fired {
        Fired {
            key,
            token: self.token,
            ready: self.effective(),
            cause: Cause::of((self.word >> CAUSE_SHIFT) as u8),
        }
    }

    /// Notes that the slot came off the ready list with nothing to report.
    #[inline]
    pub fn passed_over(&mut self) -> After {
        self.unlink();
        if self.word & ABANDONED == 0 {
            After::Nothing
        } else {
            After::Free
        }
    }

    /// Notes that the slot came off the ready list and was reported.
    #[inline]
    pub fn reported(&mut self) -> After {
        self.unlink();
        if self.word & (LEVEL | PULSE | ONESHOT) == 0 {
            return After::Nothing;
        }
        self.reported_otherwise()
    }

    /// All but plain edges.
    fn reported_otherwise(&mut self) -> After {
        // First: a level that is disarmed here must not go back to the tail.
        if self.word & ONESHOT != 0 {
            self.word &= !MASK;
        }
        if self.word & PULSE != 0 {
            self.word &= !READY;
        } else if self.word & LEVEL != 0 && self.word & MASK != 0 {
            return After::Again;
        }
        After::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Interest, Key, Slot, Trigger};

    #[test]
    fn a_source_costs_at_most_32_bytes() {
        let bytes = size_of::<Slot>() + size_of::<Key>();
        assert!(bytes <= 32, "{bytes}");
    }
    #[test]
    fn a_slot_gives_back_what_was_put_in() {
        let causes = [
            Cause::Registered,
            Cause::Set,
            Cause::Woken,
            Cause::Level,
            Cause::Timer,
        ];
        for cause in causes {
            let mut slot = Slot::new(7, Interest::new(0x8001, Trigger::Edge), 0xffff);
            slot.link(cause);
            assert_eq!((slot.ready(), slot.mask()), (0xffff, 0x8001));
            assert_eq!(slot.fired(Key::NONE).cause, cause);
            assert_eq!(slot.fired(Key::NONE).ready, 0x8001);
            slot.set_ready(2);
            assert_eq!((slot.effective(), slot.is_linked()), (0, true));
        }
    }

    #[test]
    fn a_key_is_its_index_and_its_generation() {
        let key = Key::new(3, 9);
        assert_eq!((key.index(), key.generation()), (3, 9));
        assert_eq!(Key::from_bits(key.to_bits()), key);
        assert!(Key::new(1, u32::MAX) < Key::new(2, 0), "by index first");
    }
}
