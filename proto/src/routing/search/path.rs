//! One of the paths of a search, or the pool that they end in.

use std::collections::HashSet;

use super::super::{Contact, Distance};
use super::SearchParams;
use crate::id::PeerId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Fresh,
    Asked,
    Answered,
    Failed,
}

#[derive(Clone, Debug)]
pub(super) struct Candidate<A> {
    pub(super) contact: Contact<A>,
    pub(super) distance: Distance,
    depth: u32,
    state: State,
}

impl<A> Candidate<A> {
    /// It may yet be, or is, among the nearest that answer on this path.
    fn counts(&self, taken: &HashSet<PeerId>) -> bool {
        match self.state {
            // Another path asks it.
            State::Fresh => !taken.contains(&self.contact.id),
            State::Asked | State::Answered => true,
            State::Failed => false,
        }
    }
}

/// Candidates of one path, nearest first.
#[derive(Clone, Debug)]
pub(super) struct Path<A> {
    candidates: Vec<Candidate<A>>,
    at_once: usize,
    /// So many of the nearest must have answered.
    want: usize,
    /// Most candidates that the path remembers.
    most: usize,
    asked: usize,
    /// After so many more failures it ends where it is.
    patience: u32,
}

/// A path remembers so many times the contacts that are wanted: whoever lies cannot make it
/// remember more.
pub(super) const REMEMBERED: usize = 8;

/// A path on which so many did not answer ends. Whoever names contacts that are not there holds up
/// no search by a path: those that it has not asked are left to the pool, which asks several at
/// once.
const PATIENCE: u32 = 3;

impl<A: Clone> Path<A> {
    /// A path that asks the nearest that it has heard of, one at a time, until there is none
    /// nearer.
    pub(super) fn walk(params: &SearchParams) -> Self {
        Path {
            at_once: 1,
            want: 1,
            patience: PATIENCE,
            ..Path::pool(params)
        }
    }

    /// Creates a path that asks until the nearest [`SearchParams::want`] have answered.
    pub(super) fn pool(params: &SearchParams) -> Self {
        Path {
            candidates: Vec::new(),
            at_once: params.parallel.max(1),
            want: params.want,
            most: REMEMBERED * params.want,
            asked: 0,
            patience: u32::MAX,
        }
    }

    pub(super) fn offer(&mut self, contact: Contact<A>, distance: Distance, depth: u32) {
        self.insert(Candidate {
            contact,
            distance,
            depth,
            state: State::Fresh,
        });
    }

    fn insert(&mut self, candidate: Candidate<A>) {
        let at = match self
            .candidates
            .binary_search_by_key(&candidate.distance, |known| known.distance)
        {
            Err(at) => at,
            // Equal distances are equal ids: of two paths that have heard of it, one has asked it.
            Ok(at) if self.candidates[at].state == State::Fresh => {
                if candidate.state != State::Fresh {
                    self.candidates[at] = candidate;
                }
                return;
            }
            Ok(_) => return,
        };
        self.candidates.insert(at, candidate);
        // Only candidates that were not queried are dropped: the answers of the others must still
        // be counted.
        if self.candidates.len() > self.most
            && let Some(furthest) = self
                .candidates
                .iter()
                .rposition(|c| c.state == State::Fresh)
        {
            self.candidates.remove(furthest);
        }
    }

    /// Takes in what `other`, which waits for no answer, has heard of.
    pub(super) fn absorb(&mut self, other: Path<A>) {
        for candidate in other.candidates {
            self.insert(candidate);
        }
    }

    /// The nearest that was not asked yet, if it is among those that are wanted and there is room
    /// for a question.
    pub(super) fn next(&mut self, taken: &HashSet<PeerId>) -> Option<Contact<A>> {
        if self.asked >= self.at_once || self.patience == 0 {
            return None;
        }
        let candidate = self
            .candidates
            .iter_mut()
            .filter(|candidate| candidate.counts(taken))
            .take(self.want)
            .find(|candidate| candidate.state == State::Fresh)?;
        candidate.state = State::Asked;
        self.asked += 1;
        Some(candidate.contact.clone())
    }

    /// Notes the outcome of a question of this path. Returns the depth of the contact.
    pub(super) fn settle(&mut self, id: &PeerId, state: State) -> Option<u32> {
        let candidate = self
            .candidates
            .iter_mut()
            .find(|candidate| candidate.contact.id == *id)?;
        // A second answer must not be counted, because `asked` would underflow.
        if candidate.state != State::Asked {
            return None;
        }
        self.asked -= 1;
        candidate.state = state;
        let depth = candidate.depth;
        if state == State::Failed {
            self.patience = self.patience.saturating_sub(1);
        }
        Some(depth)
    }

    /// Returns true if the path has asked all that it is to ask, and has their answers.
    pub(super) fn is_done(&self, taken: &HashSet<PeerId>) -> bool {
        if self.patience == 0 {
            // Open questions are waited for: `absorb` does not count them, and the pool would lose
            // track of them.
            return self.asked == 0;
        }
        self.candidates
            .iter()
            .filter(|candidate| candidate.counts(taken))
            .take(self.want)
            .all(|candidate| candidate.state == State::Answered)
    }

    /// Returns true if the path has no contact to ask and none that answered: any candidate is a
    /// gain.
    pub(super) fn is_idle(&self, taken: &HashSet<PeerId>) -> bool {
        self.patience > 0 && !self.candidates.iter().any(|c| c.counts(taken))
    }

    pub(super) fn answered(&self) -> impl Iterator<Item = &Candidate<A>> {
        let answered = |candidate: &&Candidate<A>| candidate.state == State::Answered;
        self.candidates.iter().filter(answered)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.candidates.len()
    }

    pub(super) fn depth(&self, id: &PeerId) -> Option<u32> {
        let found = self.candidates.iter().find(|c| c.contact.id == *id)?;
        (found.state != State::Fresh).then_some(found.depth)
    }
}
