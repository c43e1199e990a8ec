//! Sorted vectors do what the standard library's maps do.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use mydht_small::map::SortedMap;
use mydht_small::set::SortedSet;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Insert(u8, u32),
    Remove(u8),
    Entry(u8),
    PopFirst,
    PopLast,
    Retain(u8),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (any::<u8>(), any::<u32>()).prop_map(|(key, value)| Step::Insert(key, value)),
        4 => any::<u8>().prop_map(Step::Remove),
        2 => any::<u8>().prop_map(Step::Entry),
        1 => Just(Step::PopFirst),
        1 => Just(Step::PopLast),
        1 => (1u8..8).prop_map(Step::Retain),
        1 => prop::bool::weighted(0.1).prop_map(|clear| if clear { Step::Clear } else { Step::PopFirst }),
    ]
}

fn bound() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![
        any::<u8>().prop_map(Bound::Included),
        any::<u8>().prop_map(Bound::Excluded),
        Just(Bound::Unbounded),
    ]
}

/// The standard library panics where a range ends before it begins.
fn is_range((from, to): (Bound<u8>, Bound<u8>)) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Excluded(from), Bound::Excluded(to)) => from < to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from <= to,
    }
}

proptest! {
    #[test]
    fn a_map_and_a_set_are_as_the_standard_librarys(
        steps in prop::collection::vec(step(), 0..200),
        range in (bound(), bound()),
    ) {
        let (mut map, mut real) = (SortedMap::new(), BTreeMap::new());
        let (mut set, mut real_set) = (SortedSet::new(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    prop_assert_eq!(map.insert(key, value), real.insert(key, value));
                    prop_assert_eq!(set.insert(key), real_set.insert(key));
                }
                Step::Remove(key) => {
                    prop_assert_eq!(map.remove_entry(&key), real.remove_entry(&key));
                    prop_assert_eq!(set.remove(&key), real_set.remove(&key));
                }
                Step::Entry(key) => {
                    *map.entry(key).or_default() += 1;
                    *real.entry(key).or_default() += 1;
                    prop_assert_eq!(map.entry(key).or_insert(7), real.entry(key).or_insert(7));
                }
                Step::PopFirst => {
                    prop_assert_eq!(map.pop_first(), real.pop_first());
                    prop_assert_eq!(set.pop_first(), real_set.pop_first());
                }
                Step::PopLast => prop_assert_eq!(map.pop_last(), real.pop_last()),
                Step::Retain(by) => {
                    map.retain(|key, value| { *value ^= 1; key % by == 0 });
                    real.retain(|key, value| { *value ^= 1; key % by == 0 });
                    set.retain(|key| key % by == 0);
                    real_set.retain(|key| key % by == 0);
                }
                Step::Clear => {
                    map.clear();
                    real.clear();
                    set.clear();
                    real_set.clear();
                }
            }
            prop_assert_eq!((map.len(), map.is_empty()), (real.len(), real.is_empty()));
            prop_assert_eq!(map.first_key_value(), real.first_key_value());
            prop_assert_eq!(map.last_key_value(), real.last_key_value());
            prop_assert_eq!((set.first(), set.last()), (real_set.first(), real_set.last()));
        }
        for key in 0..=u8::MAX {
            prop_assert_eq!(map.get(&key), real.get(&key));
            prop_assert_eq!(map.get_mut(&key), real.get_mut(&key));
            prop_assert_eq!(map.contains_key(&key), real.contains_key(&key));
            prop_assert_eq!(set.contains(&key), real_set.contains(&key));
        }
        if is_range(range) {
            prop_assert!(map.range::<u8, _>(range).eq(real.range::<u8, _>(range)));
            prop_assert!(set.range::<u8, _>(range).rev().eq(real_set.range::<u8, _>(range).rev()));
        }
        prop_assert!((&map).into_iter().eq(&real));
        prop_assert!(map.iter_mut().eq(real.iter_mut()));
        prop_assert!(map.keys().eq(real.keys()) && map.values().eq(real.values()));
        prop_assert_eq!(format!("{map:?} {set:?}"), format!("{real:?} {real_set:?}"));
        prop_assert!((&set).into_iter().eq(&real_set));
        let again: SortedMap<_, _> = real.clone().into_iter().rev().collect();
        prop_assert!(again == map);
        prop_assert!(map.into_iter().eq(real));
        prop_assert!(set.into_iter().eq(real_set));
    }
}
