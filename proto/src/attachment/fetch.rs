//! Which part to ask whom for: the plan of one attachment's way here.
//!
//! Pure: it is told what happened and says what to ask next.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::record::AttachmentId;

/// The parts that are here, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartSet {
    words: Vec<u64>,
    count: u64,
}

impl PartSet {
    /// Adds a part; false if it was there.
    pub fn insert(&mut self, part: u64) -> bool {
        let Ok(word) = usize::try_from(part / 64) else {
            return false;
        };
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (part % 64);
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.count += u64::from(new);
        new
    }

    /// Whether the part is there.
    pub fn contains(&self, part: u64) -> bool {
        usize::try_from(part / 64)
            .ok()
            .and_then(|word| self.words.get(word))
            .is_some_and(|word| word & (1 << (part % 64)) != 0)
    }

    /// The number of parts that are there.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their bytes, in an attachment.
    pub fn bytes(&self, id: &AttachmentId) -> u64 {
        let full = self.count * super::tree::PART_LEN as u64;
        // An empty attachment has one part, too.
        let last = id.parts() - 1;
        match id.part_len(last) {
            Some(len) if self.contains(last) => full - (super::tree::PART_LEN - len) as u64,
            _ => full,
        }
    }
}

/// A provider: someone who may have the attachment. `C` names a connection.
#[derive(Debug)]
struct Provider<C> {
    conn: C,
    in_flight: usize,
}

/// The plan.
#[derive(Debug)]
pub struct FetchPlan<C> {
    id: AttachmentId,
    have: PartSet,
    asked: HashMap<u64, C>,
    /// Wanted, or asked once and not received: before new ones, lowest first.
    again: BTreeSet<u64>,
    /// Every part below was asked for, or is here.
    next: u64,
    /// In turn: the first is asked next.
    providers: Vec<Provider<C>>,
    /// Providers that failed: they are not taken again.
    refused: HashSet<C>,
}

impl<C: Copy + Eq + std::hash::Hash> FetchPlan<C> {
    /// A plan for what is missing.
    pub fn new(id: AttachmentId, have: PartSet) -> Self {
        FetchPlan {
            id,
            have,
            asked: HashMap::new(),
            again: BTreeSet::new(),
            next: 0,
            providers: Vec::new(),
            refused: HashSet::new(),
        }
    }

    /// The parts that are here.
    pub fn have(&self) -> &PartSet {
        &self.have
    }

    /// Nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.have.count() == self.id.parts()
    }

    /// Something is missing and there is nobody left to ask.
    pub fn is_stuck(&self) -> bool {
        !self.is_complete() && self.providers.is_empty()
    }

    /// Someone who may have the attachment.
    pub fn add_provider(&mut self, conn: C) {
        if !self.refused.contains(&conn) && !self.providers.iter().any(|p| p.conn == conn) {
            self.providers.push(Provider { conn, in_flight: 0 });
        }
    }

    /// Someone is asked by `to` from now on, and no more by `from`: what was asked there is asked
    /// again.
    pub fn replace_provider(&mut self, from: C, to: C) {
        // Not `remove_provider`, which refuses `from` for good: when the better connection ends,
        // the peer is asked over the other one again.
        self.dismiss(from);
        self.add_provider(to);
    }

    /// Someone who is gone, or does not do what was asked: what they were asked for is asked of
    /// others.
    pub fn remove_provider(&mut self, conn: C) {
        self.dismiss(conn);
        self.refused.insert(conn);
    }

    fn dismiss(&mut self, conn: C) {
        self.providers.retain(|provider| provider.conn != conn);
        let lost = self.asked.extract_if(|_, asked| *asked == conn);
        self.again.extend(lost.map(|(part, _)| part));
    }

    /// Someone waits for `part`: it comes before those that nobody named.
    pub fn want(&mut self, part: u64) {
        if part < self.id.parts() && !self.have.contains(part) && !self.asked.contains_key(&part) {
            self.again.insert(part);
        }
    }

    /// Returns a provider and the part to request from it, if one has fewer than `most_in_flight`
    /// requests: first parts that were requested before or are wanted, then those `below` in their
    /// order.
    pub fn next_request(&mut self, most_in_flight: usize, below: u64) -> Option<(C, u64)> {
        let free = self
            .providers
            .iter()
            .position(|p| p.in_flight < most_in_flight)?;
        // `next_part` takes the part out of the plan, so a provider must be found first, or the
        // part is lost.
        let part = self.next_part(below)?;
        // The provider that was asked goes to the back, so that all have their share.
        let mut provider = self.providers.remove(free);
        provider.in_flight += 1;
        let conn = provider.conn;
        self.providers.push(provider);
        self.asked.insert(part, conn);
        Some((conn, part))
    }

    fn next_part(&mut self, below: u64) -> Option<u64> {
        if let Some(part) = self.again.pop_first() {
            return Some(part);
        }
        // `again` is empty here, so that no part of it is asked for a second time.
        while self.next < self.id.parts().min(below) {
            let part = self.next;
            self.next += 1;
            if !self.have.contains(part) && !self.asked.contains_key(&part) {
                return Some(part);
            }
        }
        None
    }

    /// Whether `conn` was asked for `part` and has not answered.
    pub fn expects(&self, conn: C, part: u64) -> bool {
        self.asked.get(&part) == Some(&conn)
    }

    /// `part` arrived whole and right from `conn`. False if it was not expected.
    pub fn received(&mut self, conn: C, part: u64) -> bool {
        if !self.expects(conn, part) {
            return false;
        }
        self.asked.remove(&part);
        if let Some(provider) = self.providers.iter_mut().find(|p| p.conn == conn) {
            // Cannot underflow: `in_flight` counts the provider's entries in `asked`, of which one
            // was just removed.
            provider.in_flight -= 1;
        }
        self.have.insert(part)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::PART_LEN;
    use super::*;
    use crate::id::Hash;
    use proptest::prelude::*;

    fn attachment(parts: u64) -> AttachmentId {
        AttachmentId {
            hash: Hash([0; 32]),
            len: parts * PART_LEN as u64,
        }
    }

    #[test]
    fn providers_take_turns_and_have_a_bound() {
        let mut plan = FetchPlan::new(attachment(5), PartSet::default());
        plan.add_provider('a');
        plan.add_provider('b');
        let asked: Vec<_> = std::iter::from_fn(|| plan.next_request(2, u64::MAX)).collect();
        assert_eq!(asked, [('a', 0), ('b', 1), ('a', 2), ('b', 3)]);
        assert!(plan.received('b', 1));
        assert!(!plan.received('b', 1), "twice");
        assert!(!plan.received('b', 0), "asked of another");
        assert_eq!(plan.next_request(2, u64::MAX), Some(('b', 4)));
    }

    #[test]
    fn what_a_lost_provider_owed_is_asked_again_and_never_of_it() {
        let mut plan = FetchPlan::new(attachment(3), PartSet::default());
        plan.add_provider('a');
        while plan.next_request(8, u64::MAX).is_some() {}
        plan.add_provider('b');
        assert_eq!(plan.next_request(8, u64::MAX), None);
        plan.remove_provider('a');
        plan.add_provider('a');
        let asked: Vec<_> = std::iter::from_fn(|| plan.next_request(8, u64::MAX)).collect();
        assert_eq!(asked, [('b', 0), ('b', 1), ('b', 2)]);
        plan.remove_provider('b');
        assert!(plan.is_stuck());
    }

    #[test]
    fn bytes_count_a_short_last_part() {
        let id = AttachmentId {
            hash: Hash([0; 32]),
            len: PART_LEN as u64 + 10,
        };
        let mut have = PartSet::default();
        assert_eq!(have.bytes(&id), 0);
        have.insert(1);
        assert_eq!(have.bytes(&id), 10);
        have.insert(0);
        assert_eq!(have.bytes(&id), id.len);
    }

    proptest! {
        /// Whatever is lost, answered twice or cut off: every part arrives once as long as one
        /// provider stays.
        #[test]
        fn every_part_arrives_once(
            parts in 1u64..80,
            here in proptest::collection::vec(0u64..80, 0..20),
            steps in proptest::collection::vec((0usize..5, 0u8..8), 0..400),
        ) {
            let mut have = PartSet::default();
            for part in here.into_iter().filter(|part| *part < parts) {
                have.insert(part);
            }
            let mut plan = FetchPlan::new(attachment(parts), have.clone());
            for conn in 0..5 {
                plan.add_provider(conn);
            }
            let mut flying: Vec<(usize, u64)> = Vec::new();
            for (conn, what) in steps {
                match what {
                    0 if conn > 0 => {
                        plan.remove_provider(conn);
                    }
                    1..4 => flying.extend(plan.next_request(3, u64::MAX)),
                    _ if !flying.is_empty() => {
                        let (conn, part) = flying.swap_remove(conn % flying.len());
                        if plan.received(conn, part) {
                            prop_assert!(have.insert(part));
                        }
                    }
                    _ => {}
                }
            }
            loop {
                flying.extend(std::iter::from_fn(|| plan.next_request(3, u64::MAX)));
                let Some((conn, part)) = flying.pop() else { break };
                if plan.received(conn, part) {
                    prop_assert!(have.insert(part));
                }
            }
            prop_assert!(plan.is_complete());
            prop_assert_eq!(have.count(), parts);
        }
    }
}
