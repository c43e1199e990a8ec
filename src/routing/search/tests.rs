use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use super::*;
use crate::routing::{Kademlia, KademliaParams, Route};

fn id(number: u32) -> PeerId {
    PeerId(Hash::of(&number.to_le_bytes()))
}

fn contact(number: u32) -> Contact<u32> {
    Contact {
        id: id(number),
        address: number,
    }
}

fn params(parallel: usize, paths: usize, want: usize) -> SearchParams {
    SearchParams {
        parallel,
        paths,
        want,
    }
}

fn numbers(contacts: &[Contact<u32>]) -> Vec<u32> {
    contacts.iter().map(|contact| contact.address).collect()
}

/// A network whose nodes know each other as a table allows.
struct World {
    tables: Vec<Kademlia<u32>>,
}

impl World {
    fn new(nodes: u32, bucket: usize) -> Self {
        let params = KademliaParams {
            bucket,
            ..KademliaParams::default()
        };
        let tables = (0..nodes).map(|own| {
            let mut table = Kademlia::new(id(own), params);
            // From another place each, so that not everybody knows the same first ones.
            for step in 1..nodes {
                table.seen(contact((own + step) % nodes), Duration::ZERO);
            }
            table
        });
        World {
            tables: tables.collect(),
        }
    }

    fn nearest(&self, target: &Hash, count: usize) -> Vec<u32> {
        let mut all: Vec<u32> = (0..self.tables.len() as u32).collect();
        all.sort_by_cached_key(|number| Distance::between(&id(*number).0, target));
        all.truncate(count);
        all
    }

    fn search(&self, from: u32, target: Hash, params: SearchParams) -> Search<u32> {
        let seeds = self.tables[from as usize].closest(&target, params.want);
        Search::new(target, id(from), seeds, params)
    }
}

#[test]
fn the_nearest_of_a_network_are_found() {
    let world = World::new(2000, 8);
    for seed in 0..50_u32 {
        let target = Hash::of(&seed.to_be_bytes());
        let mut search = world.search(seed, target, params(3, 1, 8));
        let mut deepest = 0;
        while let Some(next) = search.next() {
            deepest = deepest.max(search.depth(&next.id).unwrap());
            search.answered(
                &next.id,
                world.tables[next.address as usize].closest(&target, 8),
            );
        }
        assert!(search.is_done());
        let mut expected = world.nearest(&target, 9);
        expected.retain(|number| *number != seed);
        expected.truncate(8);
        assert_eq!(numbers(&search.closest()), expected, "seed {seed}");
        // log2(2,000) / 2
        assert!(deepest <= 6, "{deepest}");
    }
}

#[test]
fn no_more_are_asked_at_once_than_may_be() {
    let seeds: Vec<_> = (1..100).map(contact).collect();
    for (parallel, paths, expected) in [(3, 1, 3), (6, 3, 6), (1, 3, 3), (0, 0, 1)] {
        let mut search = Search::new(id(0).0, id(0), seeds.clone(), params(parallel, paths, 20));
        let mut asked: VecDeque<_> = std::iter::from_fn(|| search.next()).collect();
        assert_eq!(asked.len(), expected);
        let done = asked.pop_front().unwrap();
        search.answered(&done.id, vec![]);
        asked.push_back(search.next().unwrap());
        assert!(search.next().is_none());
        search.failed(&asked.pop_front().unwrap().id);
        assert!(search.next().is_some());
        assert!(search.next().is_none());
    }
}

#[test]
fn nobody_is_asked_twice_and_this_node_never() {
    let world = World::new(300, 8);
    for paths in 1..5 {
        let target = id(7).0;
        let mut search = world.search(7, target, params(8, paths, 8));
        let mut asked = HashSet::new();
        while let Some(next) = search.next() {
            assert!(asked.insert(next.id));
            assert_ne!(next.id, id(7));
            search.answered(
                &next.id,
                world.tables[next.address as usize].closest(&target, 8),
            );
        }
        assert!(search.is_done());
    }
}

#[test]
fn who_fails_is_replaced_by_the_next_nearest() {
    let target = id(0).0;
    let mut by_distance: Vec<u32> = (1..20).collect();
    by_distance.sort_by_key(|number| Distance::between(&id(*number).0, &target));
    let seeds = (1..20).map(contact);
    let mut search = Search::new(target, id(0), seeds, params(1, 1, 4));
    let mut asked = Vec::new();
    while let Some(next) = search.next() {
        asked.push(next.address);
        if asked.len() % 2 == 1 {
            search.failed(&next.id);
        } else {
            search.answered(&next.id, vec![]);
        }
    }
    assert!(search.is_done());
    assert_eq!(asked, by_distance[..8]);
    let answered: Vec<_> = asked.iter().skip(1).step_by(2).copied().collect();
    assert_eq!(numbers(&search.closest()), answered);
}

#[test]
fn an_answer_that_was_not_asked_for_or_comes_twice_changes_nothing() {
    let mut search = Search::new(id(0).0, id(0), [contact(1)], params(1, 1, 4));
    search.answered(&id(1).clone(), vec![contact(5)]);
    search.answered(&id(9), vec![contact(5)]);
    let next = search.next().unwrap();
    assert_eq!(next.address, 1);
    search.answered(&next.id, vec![]);
    search.answered(&next.id, vec![contact(6)]);
    search.failed(&next.id);
    assert!(search.next().is_none());
    assert_eq!(numbers(&search.closest()), [1]);
}

#[test]
fn with_nobody_to_ask_a_search_is_done_at_once() {
    let mut search = Search::<u32>::new(id(0).0, id(0), [contact(0)], SearchParams::default());
    assert!(search.is_done());
    assert!(search.next().is_none());
    assert!(search.closest().is_empty());
}

/// Whoever answers with made-up contacts near the target is forgotten past a bound, and costs no more than a bounded
/// number of questions a path.
#[test]
fn made_up_contacts_are_bounded() {
    let target = id(0).0;
    let mut search = Search::new(target, id(0), (1..4).map(contact), params(3, 3, 8));
    let mut made_up = 1000;
    for _ in 0..10_000 {
        let Some(next) = search.next() else {
            break;
        };
        let lies = (made_up..made_up + 100).map(contact).collect();
        made_up += 100;
        search.answered(&next.id, lies);
        let remembered: usize = search.paths.iter().map(Path::remembered).sum();
        assert!(remembered <= 3 * 8 * path::REMEMBERED, "{remembered}");
    }
    assert!(search.closest().len() <= 8);
}

/// A fifth of the nodes know only each other and name only each other. Paths that have no contact in common find the
/// nearest honest node far more often than one path does.
#[test]
fn disjoint_paths_find_the_way_around_hostile_contacts() {
    let world = World::new(1000, 8);
    let is_hostile = |number: &u32| number.is_multiple_of(5);
    let lies: Vec<_> = (0..1000).filter(is_hostile).map(contact).collect();
    let reached = |paths: usize| {
        let found = (0..200_u32).filter(|seed| {
            let target = Hash::of(&seed.to_be_bytes());
            let nearest = world.nearest(&target, 20);
            let goal = nearest.into_iter().find(|number| !is_hostile(number));
            let mut search = world.search(seed * 5 + 1, target, params(paths, paths, 8));
            let mut met = false;
            while let Some(next) = search.next() {
                met |= Some(next.address) == goal;
                let truth = || world.tables[next.address as usize].closest(&target, 8);
                let lie = is_hostile(&next.address).then(|| lies.clone());
                search.answered(&next.id, lie.unwrap_or_else(truth));
            }
            met
        });
        found.count()
    };
    let (one, four) = (reached(1), reached(4));
    assert!(four >= 195, "{four} of 200 by four paths");
    assert!(four > one, "{one} by one path, {four} by four");
}
