//! The walk towards a target.

mod path;

use std::collections::HashSet;

use super::{Contact, Distance};
use crate::address::Addresses;
use crate::id::{Hash, PeerId};
use path::{Path, State};

/// Parameters of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchParams {
    /// Contacts that are asked at once when the paths have ended: the paper's α.
    pub parallel: usize,
    /// Paths that go towards the target first, with no contact in common. Each asks one at a time.
    /// 1: none, the search asks `parallel` at once from its beginning.
    pub paths: usize,
    /// Nearest contacts that are looked for: the paper's k.
    pub want: usize,
}

impl Default for SearchParams {
    /// α = 3 and k = 20 (Kademlia §2.3), after eight disjoint paths (S/Kademlia §5 measures 4 and
    /// 8: with a fifth of the nodes hostile, eight find nearly all).
    fn default() -> Self {
        SearchParams {
            parallel: 3,
            paths: 8,
            want: 20,
        }
    }
}

/// An iterative search for the contacts nearest to a target.
///
/// Whoever runs it asks those that [`next`](Search::next) gives and tells what they said. It goes
/// in two steps:
///
/// 1. Several paths go side by side, and nobody is asked on two of them (Baumgart and Mies,
///    "S/Kademlia", 2007, §4.4). Each asks the nearest that it has heard of until there is none
///    nearer. A hostile contact names its like, nearer than whatever honest ones have named until
///    then, and leads its own path astray; but only its own. A path that has nobody to ask is given
///    a part of the next answer, so that a search that begins at one contact has all its paths.
/// 2. All that the paths have heard of is one pool, whose nearest are asked until
///    [`SearchParams::want`] have answered. One path that has arrived is enough for it: those that
///    honest contacts near the target name are nearer than most that lie.
///
/// ```
/// use mydht_proto::{Hash, PeerId};
/// use mydht_proto::routing::{Contact, Search, SearchParams};
/// let contact = |name: &[u8]| Contact { id: PeerId(Hash::of(name)), addresses: () };
/// let (own, near) = (contact(b"own"), contact(b"near"));
/// let mut search = Search::new(near.id.0, own.id, [contact(b"first")], SearchParams::default());
/// let first = search.next().unwrap();
/// search.answered(&first.id, vec![near.clone(), own]);
/// assert_eq!(search.next(), Some(near.clone()));
/// assert_eq!(search.next(), None);
/// search.answered(&near.id, vec![]);
/// assert!(search.is_done());
/// assert_eq!(search.closest()[0], near);
/// ```
#[derive(Clone, Debug)]
pub struct Search<A = Addresses> {
    target: Hash,
    params: SearchParams,
    /// The paths; then the pool alone.
    paths: Vec<Path<A>>,
    /// Whoever was asked, on whichever path; and this node itself, which is never asked.
    taken: HashSet<PeerId>,
    /// The path that is next in turn.
    turn: usize,
    stopped: bool,
}

impl<A: Clone> Search<A> {
    /// A search of the node `own`, which begins at `seeds`: in turn, each begins another path.
    pub fn new(
        target: Hash,
        own: PeerId,
        seeds: impl IntoIterator<Item = Contact<A>>,
        params: SearchParams,
    ) -> Self {
        let paths = match params.paths {
            0 | 1 => vec![Path::pool(&params)],
            several => (0..several).map(|_| Path::walk(&params)).collect(),
        };
        let mut search = Search {
            target,
            params,
            paths,
            taken: HashSet::from([own]),
            turn: 0,
            stopped: false,
        };
        for (at, seed) in seeds.into_iter().enumerate() {
            search.offer(at % search.paths.len(), seed, 0);
        }
        // Without seeds, all paths are done from the start.
        search.merge();
        search
    }

    fn offer(&mut self, path: usize, contact: Contact<A>, depth: u32) {
        if !self.taken.contains(&contact.id) {
            let distance = Distance::between(&contact.id.0, &self.target);
            self.paths[path].offer(contact, distance, depth);
        }
    }

    /// Returns the contact to ask now. `None`: wait for an answer, or the search [is
    /// done](Search::is_done).
    #[expect(
        clippy::should_implement_trait,
        reason = "it has more to give after an answer"
    )]
    pub fn next(&mut self) -> Option<Contact<A>> {
        if self.stopped {
            return None;
        }
        for _ in 0..self.paths.len() {
            let at = self.turn;
            self.turn = (self.turn + 1) % self.paths.len();
            if let Some(contact) = self.paths[at].next(&self.taken) {
                self.taken.insert(contact.id);
                return Some(contact);
            }
        }
        None
    }

    /// `id` was asked and names these contacts, of which the nearest [`SearchParams::want`] count.
    /// An answer from one that was not asked is ignored.
    pub fn answered(&mut self, id: &PeerId, mut closer: Vec<Contact<A>>) {
        let Some((path, depth)) = self.settle(id, State::Answered) else {
            return;
        };
        closer.sort_by_cached_key(|contact| Distance::between(&contact.id.0, &self.target));
        // Truncated before known contacts are dropped: an answer counts for `want` contacts at
        // most, known or not.
        closer.truncate(self.params.want);
        closer.retain(|contact| !self.taken.contains(&contact.id));
        let is_idle = |at: &usize| *at != path && self.paths[*at].is_idle(&self.taken);
        let idle = (0..self.paths.len()).filter(is_idle);
        let dealt: Vec<usize> = std::iter::once(path).chain(idle).collect();
        for (at, contact) in closer.into_iter().enumerate() {
            self.offer(dealt[at % dealt.len()], contact, depth + 1);
        }
        self.merge();
    }

    /// `id` was asked and did not answer, or could not be reached.
    pub fn failed(&mut self, id: &PeerId) {
        self.settle(id, State::Failed);
        self.merge();
    }

    /// When all paths have come to their ends, what they have heard of is one pool.
    fn merge(&mut self) {
        if self.paths.len() > 1 && self.paths.iter().all(|path| path.is_done(&self.taken)) {
            let mut pool = Path::pool(&self.params);
            for path in self.paths.drain(..) {
                pool.absorb(path);
            }
            self.paths.push(pool);
            // The old index may be out of range for the single pool that is left.
            self.turn = 0;
        }
    }

    fn settle(&mut self, id: &PeerId, state: State) -> Option<(usize, u32)> {
        self.paths
            .iter_mut()
            .enumerate()
            .find_map(|(at, path)| Some((at, path.settle(id, state)?)))
    }

    /// Nobody else is to be asked: what was looked for is there.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Returns true if the search was stopped, or the nearest contacts that it could find have
    /// answered, or no contact is left to ask.
    pub fn is_done(&self) -> bool {
        let is_done = |pool: &Path<A>| pool.is_done(&self.taken);
        self.stopped || matches!(&self.paths[..], [pool] if is_done(pool))
    }

    /// The nearest contacts that have answered, nearest first, [`SearchParams::want`] at most.
    pub fn closest(&self) -> Vec<Contact<A>> {
        let mut all: Vec<_> = self.paths.iter().flat_map(Path::answered).collect();
        all.sort_unstable_by_key(|candidate| candidate.distance);
        all.truncate(self.params.want);
        all.into_iter().map(|c| c.contact.clone()).collect()
    }

    /// Returns the number of contacts between this node and `id`, which was asked: 0 for a seed.
    pub fn depth(&self, id: &PeerId) -> Option<u32> {
        self.paths.iter().find_map(|path| path.depth(id))
    }
}

#[cfg(test)]
mod liars;

#[cfg(test)]
mod tests;

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod any;
