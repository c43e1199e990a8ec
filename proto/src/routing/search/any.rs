//! Any search among any contacts that know any others.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;

fn id(number: usize) -> PeerId {
    PeerId(Hash::of(&number.to_le_bytes()))
}

fn contact(number: usize) -> Contact<usize> {
    Contact {
        id: id(number),
        addresses: number,
    }
}

/// No more than a path remembers, so that nothing is forgotten.
const MOST: usize = 60;

/// Contacts that a node knows; none if it does not answer.
fn knows() -> impl Strategy<Value = Option<Vec<usize>>> {
    prop_oneof![
        3 => proptest::collection::vec(0..MOST, 0..30).prop_map(Some),
        1 => Just(None),
    ]
}

proptest! {
    /// Checks that a search ends, asks nobody twice and no more at once than it may, and leaves out
    /// nobody that it heard of and that is nearer than those that it found.
    #[test]
    fn a_search_finds_the_nearest_that_it_hears_of(
        nodes in proptest::collection::vec(knows(), MOST),
        seeds in proptest::collection::vec(0..MOST, 0..12),
        (parallel, paths, want) in (0usize..6, 0usize..10, 8usize..24),
        order in proptest::collection::vec(any::<usize>(), MOST),
    ) {
        let target = Hash::of(b"target");
        let distance = |number: &usize| Distance::between(&id(*number).0, &target);
        let own = MOST;
        let params = SearchParams { parallel, paths, want };
        let mut heard: BTreeSet<usize> = seeds.iter().copied().collect();
        let mut search = Search::new(target, id(own), seeds.into_iter().map(contact), params);
        let mut asked = HashSet::new();
        let mut answered = Vec::new();
        let mut waiting: Vec<usize> = Vec::new();
        for order in order.into_iter().chain(std::iter::repeat(0)) {
            while let Some(next) = search.next() {
                prop_assert!(asked.insert(next.addresses), "{} twice", next.addresses);
                prop_assert!(next.addresses != own);
                waiting.push(next.addresses);
            }
            prop_assert!(waiting.len() <= parallel.max(paths).max(1));
            if waiting.is_empty() {
                break;
            }
            let number = waiting.swap_remove(order % waiting.len());
            match &nodes[number] {
                None => search.failed(&id(number)),
                Some(known) => {
                    let mut told: Vec<usize> = known.clone();
                    told.sort_by_key(distance);
                    search.answered(&id(number), told.iter().copied().map(contact).collect());
                    heard.extend(told.into_iter().take(want));
                    answered.push(number);
                }
            }
        }
        prop_assert!(search.is_done());
        answered.sort_by_key(distance);
        answered.truncate(want);
        let closest: Vec<usize> = search.closest().iter().map(|c| c.addresses).collect();
        prop_assert_eq!(&closest, &answered);
        let furthest = closest.last().filter(|_| closest.len() == want).map(distance);
        let left_out = heard.iter().filter(|number| !asked.contains(*number));
        for number in left_out {
            prop_assert!(furthest.is_some_and(|far| far < distance(number)), "{number} was not asked");
        }
    }
}
