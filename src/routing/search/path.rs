//! One of the paths of a search.

use std::collections::HashSet;

use super::super::{Contact, Distance};
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

/// What one path has heard of, nearest first.
#[derive(Clone, Debug)]
pub(super) struct Path<A> {
    candidates: Vec<Candidate<A>>,
    at_once: usize,
    want: usize,
    asked: usize,
}

/// A path remembers so many times the contacts that are wanted: whoever lies cannot make it remember more.
pub(super) const REMEMBERED: usize = 8;

impl<A: Clone> Path<A> {
    pub(super) fn new(at_once: usize, want: usize) -> Self {
        Path {
            candidates: Vec::new(),
            at_once,
            want,
            asked: 0,
        }
    }

    pub(super) fn offer(&mut self, contact: Contact<A>, distance: Distance, depth: u32) {
        let Err(at) = self
            .candidates
            .binary_search_by_key(&distance, |candidate| candidate.distance)
        else {
            // Equal distances are equal ids: whoever was heard of first counts.
            return;
        };
        let candidate = Candidate {
            contact,
            distance,
            depth,
            state: State::Fresh,
        };
        self.candidates.insert(at, candidate);
        if self.candidates.len() > REMEMBERED * self.want
            && let Some(furthest) = self
                .candidates
                .iter()
                .rposition(|c| c.state == State::Fresh)
        {
            self.candidates.remove(furthest);
        }
    }

    /// The nearest that was not asked yet, if it is among those that are wanted and there is room for a question.
    pub(super) fn next(&mut self, taken: &HashSet<PeerId>) -> Option<Contact<A>> {
        if self.asked >= self.at_once {
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

    /// What became of one that this path asked; its depth.
    pub(super) fn settle(&mut self, id: &PeerId, state: State) -> Option<u32> {
        let candidate = self
            .candidates
            .iter_mut()
            .find(|candidate| candidate.contact.id == *id)?;
        if candidate.state != State::Asked {
            return None;
        }
        self.asked -= 1;
        candidate.state = state;
        Some(candidate.depth)
    }

    pub(super) fn is_done(&self, taken: &HashSet<PeerId>) -> bool {
        self.candidates
            .iter()
            .filter(|candidate| candidate.counts(taken))
            .take(self.want)
            .all(|candidate| candidate.state == State::Answered)
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
