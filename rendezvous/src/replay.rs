//! Protection against replays.

use std::collections::HashMap;

use super::message::Sealed;
use super::proof::Rejected;
use super::user::UserId;

/// Milliseconds for which a message is valid.
pub(super) const LIFETIME_MS: u64 = 60_000;

/// Most milliseconds that the clocks of two users may be apart.
const SKEW_MS: u64 = 120_000;

/// Users whose numbers are remembered at once.
const SENDERS: usize = 4096;

/// Most that a number may be behind the newest: as many as a word has bits.
const WINDOW: u64 = 64;

/// Remembers the numbers of what was said for as long as it would be valid.
///
/// Each sender has a sliding window of numbers (RFC 4303, section 3.4.3), so that messages that
/// went different ways may overtake each other. What it remembers is bounded.
#[derive(Debug, Default)]
pub struct ReplayGuard {
    senders: HashMap<UserId, Window>,
}

#[derive(Debug)]
struct Window {
    newest: u64,
    /// Bit `n`: whether `newest - n` was here.
    seen: u64,
    /// When the last of them is void.
    until: u64,
}

impl ReplayGuard {
    /// Takes a message of `from` that [`check`](Sealed::check) has passed. `now` is in milliseconds
    /// since 1970.
    ///
    /// # Errors
    /// When it is void, or was here before.
    pub fn admit(&mut self, now: u64, from: UserId, sealed: &Sealed) -> Result<(), Rejected> {
        // The clocks of two users differ, so both ends of the lifetime are tolerant.
        if sealed.expires.saturating_add(SKEW_MS) < now {
            return Err(Rejected::Expired);
        }
        // It would outlive the memory of its number.
        if sealed.expires > now.saturating_add(LIFETIME_MS + SKEW_MS) {
            return Err(Rejected::FromTheFuture);
        }
        if !self.senders.contains_key(&from) && self.senders.len() >= SENDERS {
            // Only when there is no room, because this looks at every sender.
            self.senders
                .retain(|_, window| window.until.saturating_add(SKEW_MS) >= now);
            // Forgetting one of these would let its messages be replayed.
            if self.senders.len() >= SENDERS {
                return Err(Rejected::TooManySenders);
            }
        }
        let window = self.senders.entry(from).or_insert(Window {
            newest: sealed.seq,
            seen: 0,
            until: sealed.expires,
        });
        window.admit(sealed.seq)?;
        // Messages overtake each other, so the last one need not be valid the longest.
        window.until = window.until.max(sealed.expires);
        Ok(())
    }
}

impl Window {
    fn admit(&mut self, seq: u64) -> Result<(), Rejected> {
        if seq > self.newest {
            let ahead = seq - self.newest;
            // A shift by 64 or more would overflow; then nothing of the old window is left.
            self.seen = if ahead < WINDOW {
                self.seen << ahead
            } else {
                0
            };
            self.newest = seq;
        }
        // By now `newest` is at least `seq`.
        let behind = self.newest - seq;
        if behind >= WINDOW || self.seen & (1 << behind) != 0 {
            return Err(Rejected::Replayed);
        }
        self.seen |= 1 << behind;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Kind;
    use super::super::user::Signature;
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    const NOW: u64 = 1_000_000;

    fn message(seq: u64, expires: u64) -> Sealed {
        Sealed {
            to: UserId([0; 32]),
            kind: Kind::Bye,
            seq,
            expires,
            body: String::new(),
            signature: Signature([0; 64]),
        }
    }

    fn sender(n: usize) -> UserId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        UserId(id)
    }

    #[test]
    fn void_and_early_messages_are_refused() {
        let mut guard = ReplayGuard::default();
        let a = sender(0);
        let mut admit = |seq, expires| guard.admit(NOW, a, &message(seq, expires));
        assert_eq!(admit(1, NOW + LIFETIME_MS), Ok(()));
        assert_eq!(admit(2, NOW - SKEW_MS), Ok(()));
        assert_eq!(admit(3, NOW - SKEW_MS - 1), Err(Rejected::Expired));
        assert_eq!(admit(4, NOW + LIFETIME_MS + SKEW_MS), Ok(()));
        assert_eq!(
            admit(5, NOW + LIFETIME_MS + SKEW_MS + 1),
            Err(Rejected::FromTheFuture)
        );
        assert_eq!(admit(u64::MAX, u64::MAX), Err(Rejected::FromTheFuture));
        assert_eq!(admit(u64::MAX, NOW), Ok(()));
        assert_eq!(admit(0, NOW), Err(Rejected::Replayed));
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_forgotten_too_early() {
        let mut guard = ReplayGuard::default();
        for n in 0..SENDERS {
            assert_eq!(
                guard.admit(NOW, sender(n), &message(1, NOW + LIFETIME_MS)),
                Ok(())
            );
        }
        let one_more = message(1, NOW + LIFETIME_MS);
        let refused = guard.admit(NOW, sender(SENDERS), &one_more);
        assert_eq!(refused, Err(Rejected::TooManySenders));
        assert_eq!(guard.admit(NOW, sender(0), &message(2, NOW)), Ok(()));
        // While the first could come again it is remembered; afterwards it is void.
        let last = NOW + LIFETIME_MS + SKEW_MS;
        let again = message(1, NOW + LIFETIME_MS);
        assert_eq!(
            guard.admit(last, sender(1), &again),
            Err(Rejected::Replayed)
        );
        assert_eq!(
            guard.admit(last + 1, sender(1), &again),
            Err(Rejected::Expired)
        );
        let later = last + 1;
        assert_eq!(
            guard.admit(later, sender(SENDERS), &message(1, later)),
            Ok(())
        );
        assert_eq!(guard.senders.len(), 1);
    }

    proptest! {
        /// No number passes twice, and a number that is new and near the newest always passes.
        #[test]
        fn each_number_once(numbers in prop::collection::vec(0u64..300, 1..200)) {
            let mut guard = ReplayGuard::default();
            let (mut here, mut newest) = (HashSet::new(), 0);
            for seq in numbers {
                let admitted = guard.admit(NOW, sender(0), &message(seq, NOW)).is_ok();
                let near = here.is_empty() || seq + WINDOW > newest;
                prop_assert_eq!(admitted, near && !here.contains(&seq));
                if admitted {
                    here.insert(seq);
                    newest = newest.max(seq);
                }
            }
        }
    }
}
