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
        addresses: number,
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
    contacts.iter().map(|contact| contact.addresses).collect()
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
    for (seed, paths) in (0..50_u32).flat_map(|seed| [(seed, 1), (seed, 8)]) {
        let target = Hash::of(&seed.to_be_bytes());
        let mut search = world.search(seed, target, params(3, paths, 8));
        let mut deepest = 0;
        while let Some(next) = search.next() {
            deepest = deepest.max(search.depth(&next.id).unwrap());
            search.answered(
                &next.id,
                world.tables[next.addresses as usize].closest(&target, 8),
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

/// A path asks one at a time, whatever the number of questions; the pool as many as it may.
#[test]
fn no_more_are_asked_at_once_than_may_be() {
    let seeds: Vec<_> = (1..100).map(contact).collect();
    let table = [(3, 1, 3, 3), (6, 3, 3, 6), (1, 3, 3, 1), (0, 0, 1, 1)];
    for (parallel, paths, on_paths, in_pool) in table {
        let mut search = Search::new(id(0).0, id(0), seeds.clone(), params(parallel, paths, 20));
        let asked: Vec<_> = std::iter::from_fn(|| search.next()).collect();
        assert_eq!(asked.len(), on_paths);
        for done in asked {
            search.answered(&done.id, vec![]);
        }
        let mut asked: VecDeque<_> = std::iter::from_fn(|| search.next()).collect();
        assert_eq!(asked.len(), in_pool);
        let done = asked.pop_front().unwrap();
        search.answered(&done.id, vec![]);
        asked.push_back(search.next().unwrap());
        assert!(search.next().is_none());
        search.failed(&asked.pop_front().unwrap().id);
        assert!(search.next().is_some());
        assert!(search.next().is_none());
    }
}

/// Returns these numbers in the order of their distance to the contact 0.
fn by_distance(numbers: std::ops::Range<u32>) -> Vec<u32> {
    let mut all: Vec<u32> = numbers.collect();
    all.sort_by_key(|number| Distance::between(&id(*number).0, &id(0).0));
    all
}

fn asked(search: &mut Search<u32>) -> Vec<u32> {
    std::iter::from_fn(|| search.next())
        .map(|c| c.addresses)
        .collect()
}

#[test]
fn what_a_lone_seed_names_is_dealt_out_to_all_paths() {
    let near = by_distance(2..20);
    let mut search = Search::new(id(0).0, id(1), [contact(100)], params(3, 4, 20));
    assert_eq!(asked(&mut search), [100]);
    search.answered(&id(100), near.iter().copied().map(contact).collect());
    // The nearest goes on with the path that has asked, whose turn is the last one now.
    let dealt = [near[1], near[2], near[3], near[0]];
    assert_eq!(asked(&mut search), dealt);
    // From then on each has its own: that the nearest of all is named again leads nobody there.
    search.answered(&id(near[1]), vec![contact(near[0]), contact(near[2])]);
    assert!(asked(&mut search).is_empty());
}

#[test]
fn a_path_that_has_lost_all_it_had_is_given_a_part_of_the_next_answer() {
    let near = by_distance(2..20);
    let seeds = [contact(near[16]), contact(near[17])];
    let mut search = Search::new(id(0).0, id(1), seeds, params(3, 2, 20));
    assert_eq!(asked(&mut search), near[16..]);
    search.failed(&id(near[17]));
    assert!(asked(&mut search).is_empty());
    search.answered(&id(near[16]), vec![contact(near[5]), contact(near[4])]);
    assert_eq!(asked(&mut search), [near[4], near[5]]);
}

#[test]
fn paths_end_where_nobody_is_nearer_and_then_the_nearest_of_all_are_asked() {
    let near = by_distance(2..30);
    let of = |at: &[usize]| at.iter().map(|at| contact(near[*at])).collect::<Vec<_>>();
    let mut search = Search::new(id(0).0, id(1), of(&[10, 11]), params(2, 2, 4));
    assert_eq!(asked(&mut search), [near[10], near[11]]);
    search.answered(&id(near[10]), of(&[2, 12]));
    search.answered(&id(near[11]), of(&[14, 15]));
    assert_eq!(
        asked(&mut search),
        [near[2]],
        "the other path is at its end"
    );
    search.answered(&id(near[2]), of(&[9, 13]));
    // 9 is among the nearest four, and so is 12; the others are no more when these have answered.
    assert_eq!(asked(&mut search), [near[9]]);
    assert!(!search.is_done());
    search.failed(&id(near[9]));
    assert_eq!(asked(&mut search), [near[12]]);
    search.answered(&id(near[12]), vec![]);
    assert!(search.is_done());
    assert_eq!(
        numbers(&search.closest()),
        [near[2], near[10], near[11], near[12]]
    );
}

#[test]
fn a_path_of_contacts_that_are_not_there_holds_nobody_up() {
    let near = by_distance(2..40);
    let seeds = near[20..22].iter().copied().map(contact);
    let mut search = Search::new(id(0).0, id(1), seeds, params(8, 2, 8));
    assert_eq!(asked(&mut search).len(), 2);
    let made_up = near[..8].iter().copied().map(contact).collect();
    search.answered(&id(near[20]), made_up);
    search.answered(&id(near[21]), vec![]);
    for number in &near[..3] {
        assert_eq!(asked(&mut search), [*number]);
        search.failed(&id(*number));
    }
    // The rest is asked at once.
    assert_eq!(asked(&mut search), near[3..8]);
    for number in &near[3..8] {
        search.failed(&id(*number));
    }
    assert!(search.is_done());
    assert_eq!(numbers(&search.closest()), near[20..22]);
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
                world.tables[next.addresses as usize].closest(&target, 8),
            );
        }
        assert!(search.is_done());
    }
}

#[test]
fn who_fails_is_replaced_by_the_next_nearest() {
    let target = id(0).0;
    let seeds = (1..20).map(contact);
    let mut search = Search::new(target, id(0), seeds, params(1, 1, 4));
    let mut asked = Vec::new();
    while let Some(next) = search.next() {
        asked.push(next.addresses);
        if asked.len() % 2 == 1 {
            search.failed(&next.id);
        } else {
            search.answered(&next.id, vec![]);
        }
    }
    assert!(search.is_done());
    assert_eq!(asked, by_distance(1..20)[..8]);
    let answered: Vec<_> = asked.iter().skip(1).step_by(2).copied().collect();
    assert_eq!(numbers(&search.closest()), answered);
}

#[test]
fn an_answer_that_was_not_asked_for_or_comes_twice_changes_nothing() {
    let mut search = Search::new(id(0).0, id(0), [contact(1)], params(1, 1, 4));
    search.answered(&id(1).clone(), vec![contact(5)]);
    search.answered(&id(9), vec![contact(5)]);
    let next = search.next().unwrap();
    assert_eq!(next.addresses, 1);
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

/// Whoever answers with made-up contacts near the target is forgotten past a bound, and costs no
/// more than a bounded number of questions a path.
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
