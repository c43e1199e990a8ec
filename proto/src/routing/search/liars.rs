//! Networks of which a fifth lies: a model of the searches alone, with perfect links.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::*;
use crate::routing::{Kademlia, KademliaParams, Route};

/// The paper's k.
const K: usize = 20;

const COPIES: usize = 8;

fn id(number: u32) -> PeerId {
    PeerId(Hash::of(&number.to_le_bytes()))
}

fn contact(number: u32) -> Contact<u32> {
    Contact {
        id: id(number),
        addresses: number,
    }
}

fn is_liar(number: u32) -> bool {
    number % 5 == 4
}

/// Contacts that a liar names: others that lie.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// The nearest liars.
    Nearest,
    /// Each liar others, of those that are near.
    Varied,
}

/// Nodes that have joined one after the other, each by an honest one that was there.
struct Network {
    tables: Vec<Kademlia<u32>>,
    lie: Lie,
    params: SearchParams,
    rng: fastrand::Rng,
    questions: usize,
}

impl Network {
    fn grown(nodes: u32, lie: Lie, paths: usize) -> Self {
        let mut network = Network {
            tables: Vec::new(),
            lie,
            params: SearchParams {
                paths,
                ..SearchParams::default()
            },
            rng: fastrand::Rng::with_seed(1),
            questions: 0,
        };
        for number in 0..nodes {
            let own = Kademlia::new(id(number), KademliaParams::default());
            network.tables.push(own);
            if number > 0 {
                let seed = contact(network.honest(number));
                let search = Search::new(id(number).0, id(number), [seed], network.params);
                network.run(number, search, &HashSet::new());
            }
        }
        network.questions = 0;
        network
    }

    /// One of the first so many.
    fn honest(&mut self, below: u32) -> u32 {
        loop {
            let number = self.rng.u32(..below);
            if !is_liar(number) {
                return number;
            }
        }
    }

    fn answer(&mut self, number: u32, target: &Hash) -> Vec<Contact<u32>> {
        if !is_liar(number) {
            return self.tables[number as usize].closest(target, K);
        }
        let nodes = self.tables.len() as u32;
        let mut gang: Vec<u32> = (0..nodes).filter(|other| is_liar(*other)).collect();
        gang.sort_by_cached_key(|other| Distance::between(&id(*other).0, target));
        if let Lie::Varied = self.lie {
            gang.truncate(5 * K);
            fastrand::Rng::with_seed(number.into()).shuffle(&mut gang);
        }
        gang.into_iter().take(K).map(contact).collect()
    }

    /// Runs a search of `own` until it is done or has met one that `has` what it looks for: whether
    /// it has, and whom it found.
    fn run(
        &mut self,
        own: u32,
        mut search: Search<u32>,
        has: &HashSet<u32>,
    ) -> (bool, Vec<Contact<u32>>) {
        let mut asked = VecDeque::new();
        loop {
            asked.extend(std::iter::from_fn(|| search.next()));
            let Some(next) = asked.pop_front() else {
                assert!(search.is_done());
                return (false, search.closest());
            };
            self.questions += 1;
            // They are connected: each knows the other.
            let number = next.addresses as usize;
            self.tables[number].seen(contact(own), Duration::ZERO);
            self.tables[own as usize].seen(next.clone(), Duration::ZERO);
            if has.contains(&next.addresses) {
                return (true, search.closest());
            }
            let closer = self.answer(next.addresses, &search.target);
            search.answered(&next.id, closer);
        }
    }

    fn search(&mut self, target: Hash, has: &HashSet<u32>) -> (bool, Vec<Contact<u32>>) {
        let own = self.honest(self.tables.len() as u32);
        let seeds = self.tables[own as usize].closest(&target, K);
        self.run(own, Search::new(target, id(own), seeds, self.params), has)
    }

    /// Puts and gets so many values: how many are found, and what a put and a get ask.
    fn measure(&mut self, values: u32) -> Measured {
        let mut measured = Measured::default();
        for value in 0..values {
            let target = Hash::of(&value.to_be_bytes());
            let (_, nearest) = self.search(target, &HashSet::new());
            measured.put += std::mem::take(&mut self.questions);
            let kept = nearest.iter().take(COPIES).map(|contact| contact.addresses);
            let has = kept.filter(|number| !is_liar(*number)).collect();
            measured.found += u32::from(self.search(target, &has).0);
            measured.get += std::mem::take(&mut self.questions);
        }
        measured
    }
}

/// Values found, and the questions of all puts and all gets.
#[derive(Debug, Default)]
struct Measured {
    found: u32,
    put: usize,
    get: usize,
}

#[test]
fn what_was_put_is_found_whomever_liars_name() {
    const VALUES: u32 = 200;
    for lie in [Lie::Nearest, Lie::Varied] {
        let measured = Network::grown(2000, lie, 8).measure(VALUES);
        // 95 of 100 is what is promised of whole networks.
        assert!(measured.found >= VALUES * 98 / 100, "{lie:?}: {measured:?}");
        // Twice k for a put; and fewer for a get, which ends when somebody has the value.
        let most = VALUES as usize * 2 * K;
        assert!(measured.put <= most, "{lie:?}: {measured:?}");
        assert!(measured.get <= most / 2, "{lie:?}: {measured:?}");
    }
}

#[test]
fn a_search_on_one_path_is_led_astray() {
    let measured = Network::grown(1000, Lie::Nearest, 1).measure(100);
    assert!(measured.found < 90, "{measured:?}");
}
