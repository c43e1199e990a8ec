//! Sections A to E of the specification: the epoll-like face.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{Counted, LONG, NOW};
use mydht_evloop::epoll::{Epoll, Error, Event, Flags, Pollable, Source};
use std::sync::Arc;

const IN: Flags = Flags::IN;
const OUT: Flags = Flags::OUT;
const ET: Flags = Flags::ET;
const ONESHOT: Flags = Flags::ONESHOT;

fn ev(flags: Flags, data: usize) -> Event {
    Event::new(flags, data)
}

/// Returns what one wait of `capacity` gives.
fn take(epoll: &Epoll, capacity: usize) -> Vec<(Flags, usize)> {
    let mut events = vec![Event::default(); capacity];
    let count = epoll.wait(&mut events, NOW).unwrap();
    events[..count]
        .iter()
        .map(|event| (event.flags, event.data))
        .collect()
}

fn data(epoll: &Epoll, capacity: usize) -> Vec<usize> {
    take(epoll, capacity).iter().map(|event| event.1).collect()
}

fn ready(flags: Flags) -> Source {
    let source = Source::new();
    source.set(flags);
    source
}

// A. Interest set

#[test]
fn s01_adding_twice_is_eexist_and_changing_the_unknown_is_enoent() {
    let (epoll, source) = (Epoll::park(), Source::new());
    assert_eq!(epoll.modify(&source, ev(IN, 0)), Err(Error::NotFound));
    assert_eq!(epoll.delete(&source), Err(Error::NotFound));
    epoll.add(&source, ev(IN, 0)).unwrap();
    assert_eq!(epoll.add(&source, ev(IN, 0)), Err(Error::Exists));
    epoll.delete(&source).unwrap();
    assert_eq!(epoll.delete(&source), Err(Error::NotFound));
    assert_eq!(Error::Exists.errno(), 17);
    assert_eq!(Error::NotFound.errno(), 2);
}

#[test]
fn s02_an_unknown_operation_is_einval_and_a_plain_file_eperm() {
    struct File;
    impl Pollable for File {
        fn source(&self) -> Option<&Source> {
            None
        }
    }
    let (epoll, source) = (Epoll::park(), Source::new());
    for operation in [0, 4, -1] {
        assert_eq!(
            epoll.ctl(operation, &source, ev(IN, 0)),
            Err(Error::Invalid)
        );
    }
    assert_eq!(epoll.add(&File, ev(IN, 0)), Err(Error::NotPollable));
    assert_eq!(Error::NotPollable.errno(), 1);
}

#[test]
fn s03_the_key_is_source_and_handle() {
    let epoll = Epoll::park();
    let first = ready(IN);
    let second = first.duplicate();
    epoll.add(&first, ev(IN, 1)).unwrap();
    epoll.add(&second, ev(IN, 2)).unwrap();
    assert_eq!(data(&epoll, 4), [1, 2], "two handles, two entries");
    epoll.delete(&first).unwrap();
    assert_eq!(data(&epoll, 4), [2]);
    // The slot of the deleted entry is used again, and the old source has no power over it.
    let other = Source::new();
    epoll.add(&other, ev(IN, 3)).unwrap();
    first.set(IN);
    assert_eq!(data(&epoll, 4), [2]);
}

#[test]
fn s04_closing_the_last_owner_removes_the_entry_and_what_is_pending() {
    let epoll = Epoll::park();
    let source = ready(IN);
    let second = source.duplicate();
    epoll.add(&source, ev(IN, 1)).unwrap();
    drop(source);
    assert_eq!(data(&epoll, 4), [1], "the file is still open");
    drop(second);
    assert_eq!(data(&epoll, 4), []);
}

#[test]
fn s05_a_ready_source_reports_at_add_and_wakes_a_sleeper() {
    let driver = Counted::default();
    let epoll = Arc::new(Epoll::with_driver(driver.clone()));
    let sleeper = {
        let epoll = epoll.clone();
        std::thread::spawn(move || {
            let mut events = [Event::default(); 4];
            let count = epoll.wait(&mut events, None).unwrap();
            (count, events[0])
        })
    };
    driver.until_parked(1);
    let source = ready(IN);
    epoll.add(&source, ev(IN | ET, 7)).unwrap();
    assert_eq!(sleeper.join().unwrap(), (1, ev(IN, 7)));
}

#[test]
fn s06_a_deleted_pending_entry_is_never_reported() {
    let (epoll, source) = (Epoll::park(), ready(IN));
    for flags in [IN, IN | ET, IN | ONESHOT] {
        epoll.add(&source, ev(flags, 1)).unwrap();
        epoll.delete(&source).unwrap();
        assert_eq!(data(&epoll, 4), []);
    }
}

#[test]
fn s07_modify_samples_again() {
    let (epoll, source) = (Epoll::park(), ready(IN));
    epoll.add(&source, ev(IN | ET, 1)).unwrap();
    assert_eq!(data(&epoll, 4), [1]);
    assert_eq!(data(&epoll, 4), []);
    epoll.modify(&source, ev(IN | ET, 2)).unwrap();
    assert_eq!(data(&epoll, 4), [2], "still ready: an edge fires again");
    source.set(IN);
    epoll.modify(&source, ev(OUT | ET, 3)).unwrap();
    assert_eq!(
        data(&epoll, 4),
        [],
        "what does not match any more is dropped"
    );
}

#[test]
fn s08_an_empty_interest_is_legal_and_arming_later_reports_what_is_stored() {
    let (epoll, source) = (Epoll::park(), Source::new());
    epoll.add(&source, ev(Flags::EMPTY, 1)).unwrap();
    source.set(IN | OUT);
    assert_eq!(data(&epoll, 4), []);
    epoll.modify(&source, ev(IN | ET, 1)).unwrap();
    assert_eq!(take(&epoll, 4), [(IN, 1)]);
}

// B. Masks

#[test]
fn s09_error_and_hang_up_are_always_implied() {
    let (epoll, source) = (Epoll::park(), Source::new());
    epoll.add(&source, ev(Flags::EMPTY, 1)).unwrap();
    source.set(Flags::ERR | Flags::HUP | IN);
    assert_eq!(take(&epoll, 4), [(Flags::ERR | Flags::HUP, 1)]);
}

#[test]
fn s10_only_what_was_asked_for_is_delivered() {
    let (epoll, source) = (Epoll::park(), Source::new());
    epoll.add(&source, ev(OUT, 1)).unwrap();
    source.set(IN);
    assert_eq!(take(&epoll, 4), []);
    source.set(IN | OUT | Flags::PRI | Flags::HUP);
    assert_eq!(take(&epoll, 4), [(OUT | Flags::HUP, 1)]);
}

#[test]
fn s11_an_edge_carries_all_that_is_true_now() {
    let (epoll, source) = (Epoll::park(), ready(OUT));
    epoll.add(&source, ev(IN | OUT | ET, 1)).unwrap();
    assert_eq!(take(&epoll, 4), [(OUT, 1)]);
    source.wake(IN);
    assert_eq!(take(&epoll, 4), [(IN | OUT, 1)]);
}

#[test]
fn s12_read_hang_up_is_not_hang_up_and_priority_is_not_in() {
    let epoll = Epoll::park();
    let sources = [ready(Flags::RDHUP), ready(Flags::PRI)];
    for source in &sources {
        epoll.add(source, ev(IN, 1)).unwrap();
    }
    assert_eq!(take(&epoll, 4), [], "neither is implied by IN, HUP or ERR");
    epoll.modify(&sources[0], ev(Flags::RDHUP, 2)).unwrap();
    epoll.modify(&sources[1], ev(Flags::PRI, 3)).unwrap();
    assert_eq!(take(&epoll, 4), [(Flags::RDHUP, 2), (Flags::PRI, 3)]);
}

// C. Level, edge, oneshot

#[test]
fn s13_level_repeats_until_cleared() {
    let (epoll, source) = (Epoll::park(), ready(IN));
    epoll.add(&source, ev(IN, 1)).unwrap();
    for _ in 0..3 {
        assert_eq!(data(&epoll, 4), [1]);
    }
    source.clear(IN);
    assert_eq!(data(&epoll, 4), []);
}

#[test]
fn s14_edge_reports_once_per_wake_up() {
    let (epoll, source) = (Epoll::park(), Source::new());
    epoll.add(&source, ev(IN | ET, 1)).unwrap();
    for _ in 0..3 {
        source.wake(IN);
        assert_eq!(data(&epoll, 4), [1]);
        assert_eq!(data(&epoll, 4), []);
    }
}

#[test]
fn s15_edge_is_notification_based() {
    let (epoll, source) = (Epoll::park(), Source::new());
    epoll.add(&source, ev(IN | ET, 1)).unwrap();
    source.wake(IN);
    assert_eq!(data(&epoll, 4), [1]);
    // A second write without a read.
    source.wake(IN);
    assert_eq!(data(&epoll, 4), [1]);
    // A partial read: it stays readable, and the reader's side wakes the writer only.
    source.wake(OUT);
    assert_eq!(data(&epoll, 4), []);
    assert_eq!(source.ready(), IN | OUT);
}

#[test]
fn s16_set_and_cleared_before_the_wait_is_no_event() {
    let (epoll, source) = (Epoll::park(), Source::new());
    for flags in [IN, IN | ET, IN | ONESHOT] {
        epoll.add(&source, ev(flags, 1)).unwrap();
        source.wake(IN);
        source.clear(IN);
        assert_eq!(data(&epoll, 4), []);
        epoll.delete(&source).unwrap();
    }
}

#[test]
fn s17_many_wakes_give_one_event_with_the_masks_merged() {
    let (epoll, source) = (Epoll::park(), Source::new());
    epoll.add(&source, ev(IN | OUT | ET, 1)).unwrap();
    for _ in 0..10_000 {
        source.wake(IN);
        source.wake(OUT);
    }
    assert_eq!(take(&epoll, 64), [(IN | OUT, 1)]);
}

#[test]
fn s18_oneshot_disarms_and_also_suppresses_hang_up() {
    for flags in [IN | ONESHOT, IN | ONESHOT | ET] {
        let (epoll, source) = (Epoll::park(), ready(IN));
        epoll.add(&source, ev(flags, 1)).unwrap();
        assert_eq!(data(&epoll, 4), [1]);
        source.wake(IN | Flags::HUP);
        assert_eq!(data(&epoll, 4), []);
        epoll.modify(&source, ev(flags, 2)).unwrap();
        assert_eq!(take(&epoll, 4), [(IN | Flags::HUP, 2)]);
        assert_eq!(data(&epoll, 4), []);
    }
}

#[test]
fn s19_exclusive_is_for_add_only() {
    let (epoll, source, inner) = (Epoll::park(), Source::new(), Epoll::park());
    let exclusive = IN | Flags::EXCLUSIVE;
    for bad in [ONESHOT, Flags::RDHUP] {
        assert_eq!(
            epoll.add(&source, ev(exclusive | bad, 0)),
            Err(Error::Invalid)
        );
    }
    assert_eq!(epoll.add(&inner, ev(exclusive, 0)), Err(Error::Invalid));
    epoll.add(&source, ev(exclusive | ET, 0)).unwrap();
    assert_eq!(epoll.modify(&source, ev(IN, 0)), Err(Error::Invalid));
    epoll.delete(&source).unwrap();
    epoll.add(&source, ev(IN, 0)).unwrap();
    assert_eq!(epoll.modify(&source, ev(exclusive, 0)), Err(Error::Invalid));
}

#[test]
fn s19_exclusive_wakes_one_of_two_sleepers() {
    let source = Source::new();
    let drivers = [Counted::default(), Counted::default()];
    let epolls = drivers
        .clone()
        .map(|driver| Arc::new(Epoll::with_driver(driver)));
    let threads: Vec<_> = epolls
        .iter()
        .map(|epoll| {
            epoll
                .add(&source, ev(IN | ET | Flags::EXCLUSIVE, 1))
                .unwrap();
            let epoll = epoll.clone();
            std::thread::spawn(move || epoll.wait(&mut [Event::default(); 4], None).unwrap())
        })
        .collect();
    for driver in &drivers {
        driver.until_parked(1);
    }
    source.wake(IN);
    assert_eq!(drivers.each_ref().map(Counted::notifies), [1, 0]);
    source.wake(IN);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 1);
    }
}

// D. Harvest and fairness

#[test]
fn s20_a_capacity_of_zero_is_einval() {
    let epoll = Epoll::park();
    let error = epoll.wait(&mut [], NOW).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn s21_the_unvisited_keep_the_head_and_the_delivered_go_to_the_tail() {
    let epoll = Epoll::park();
    let sources: [Source; 4] = std::array::from_fn(|_| ready(IN));
    for (number, source) in sources.iter().enumerate() {
        epoll.add(source, ev(IN, number)).unwrap();
    }
    for expected in [0, 1, 2, 3, 0] {
        assert_eq!(data(&epoll, 1), [expected]);
    }
    for expected in [[1, 2, 3], [0, 1, 2], [3, 0, 1]] {
        assert_eq!(data(&epoll, 3), expected);
    }
}

#[test]
fn s22_one_harvest_never_reports_an_entry_twice() {
    let epoll = Epoll::park();
    let sources: [Source; 3] = std::array::from_fn(|_| ready(IN));
    for (number, source) in sources.iter().enumerate() {
        epoll.add(source, ev(IN, number)).unwrap();
    }
    assert_eq!(data(&epoll, 64), [0, 1, 2]);
}

#[test]
fn s24_ready_means_that_a_wait_never_comes_back_empty() {
    let epoll = Arc::new(Epoll::park());
    let source = ready(IN);
    epoll.add(&source, ev(IN, 1)).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let epoll = epoll.clone();
            std::thread::spawn(move || {
                for _ in 0..5_000 {
                    assert_eq!(data(&epoll, 1), [1]);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

// E. Nesting

#[test]
fn s26_a_poll_is_readable_iff_something_in_it_really_is() {
    let (outer, inner, source) = (Epoll::park(), Epoll::park(), Source::new());
    outer.add(&inner, ev(IN, 9)).unwrap();
    inner.add(&source, ev(IN | ET, 1)).unwrap();
    assert_eq!(data(&outer, 4), []);
    source.wake(IN);
    for _ in 0..3 {
        assert_eq!(data(&outer, 4), [9], "looking does not consume the edge");
    }
    assert_eq!(data(&inner, 4), [1]);
    assert_eq!(data(&outer, 4), []);
    source.wake(IN);
    source.clear(IN);
    assert_eq!(data(&outer, 4), [], "cleared in between");
}

#[test]
fn s27_an_outer_edge_fires_once_per_inner_wake() {
    let (outer, inner, source) = (Epoll::park(), Epoll::park(), Source::new());
    outer.add(&inner, ev(IN | ET, 9)).unwrap();
    inner.add(&source, ev(IN, 1)).unwrap();
    source.wake(IN);
    assert_eq!(data(&outer, 4), [9]);
    assert_eq!(data(&outer, 4), []);
    source.wake(IN);
    assert_eq!(data(&outer, 4), [9]);
    assert_eq!(data(&inner, 4), [1]);
    assert_eq!(data(&outer, 4), []);
}

#[test]
fn s28_itself_is_einval_and_a_circle_eloop() {
    let epolls: [Epoll; 3] = std::array::from_fn(|_| Epoll::park());
    assert_eq!(epolls[0].add(&epolls[0], ev(IN, 0)), Err(Error::Invalid));
    epolls[0].add(&epolls[1], ev(IN, 0)).unwrap();
    epolls[1].add(&epolls[2], ev(IN, 0)).unwrap();
    assert_eq!(epolls[1].add(&epolls[0], ev(IN, 0)), Err(Error::Loop));
    assert_eq!(epolls[2].add(&epolls[0], ev(IN, 0)), Err(Error::Loop));
    assert_eq!(Error::Loop.errno(), 40);
    epolls[0].delete(&epolls[1]).unwrap();
    epolls[2].add(&epolls[0], ev(IN, 0)).unwrap();
}

#[test]
fn s29_five_polls_in_a_chain_and_no_sixth_from_either_end() {
    for from_outside in [true, false] {
        let chain: [Epoll; 6] = std::array::from_fn(|_| Epoll::park());
        let mut links: Vec<usize> = (0..5).collect();
        if !from_outside {
            links.reverse();
        }
        for (done, link) in links.into_iter().enumerate() {
            let result = chain[link].add(&chain[link + 1], ev(IN, link));
            let expected = if done < 4 { Ok(()) } else { Err(Error::Loop) };
            assert_eq!(
                result, expected,
                "link {link}, from outside: {from_outside}"
            );
        }
    }
}

#[test]
fn s29_five_deep_still_carries_a_wake() {
    let chain: [Epoll; 5] = std::array::from_fn(|_| Epoll::park());
    for link in 0..4 {
        chain[link].add(&chain[link + 1], ev(IN, link)).unwrap();
    }
    let source = Source::new();
    chain[4].add(&source, ev(IN, 4)).unwrap();
    source.wake(IN);
    assert_eq!(data(&chain[0], 4), [0]);
    source.clear(IN);
    assert_eq!(data(&chain[0], 4), []);
}

#[test]
fn s30_one_source_in_several_polls_with_oneshot_too() {
    let epolls = [Epoll::park(), Epoll::park()];
    let source = ready(IN);
    for epoll in &epolls {
        epoll.add(&source, ev(IN | ONESHOT, 1)).unwrap();
    }
    for epoll in &epolls {
        assert_eq!(data(epoll, 4), [1]);
        assert_eq!(data(epoll, 4), []);
    }
    epolls[0].modify(&source, ev(IN | ONESHOT, 2)).unwrap();
    assert_eq!(data(&epolls[0], 4), [2]);
    assert_eq!(data(&epolls[1], 4), []);
}

#[test]
fn a_wait_ends_when_another_thread_wakes_a_source() {
    let epoll = Epoll::park();
    let source = Arc::new(Source::new());
    epoll.add(&*source, ev(IN | ET, 1)).unwrap();
    let waker = {
        let source = source.clone();
        std::thread::spawn(move || source.wake(IN))
    };
    let mut events = [Event::default(); 4];
    assert_eq!(epoll.wait(&mut events, LONG).unwrap(), 1);
    waker.join().unwrap();
}

#[test]
fn an_epoll_dropped_while_it_watches_and_a_source_dropped_while_pending() {
    let source = ready(IN);
    let epoll = Epoll::park();
    epoll.add(&source, ev(IN, 1)).unwrap();
    drop(epoll);
    source.wake(IN);
    let epoll = Epoll::park();
    epoll.add(&source, ev(IN, 1)).unwrap();
    drop(source);
    assert_eq!(data(&epoll, 4), []);
    let inner = Epoll::park();
    epoll.add(&inner, ev(IN, 2)).unwrap();
    drop(inner);
    assert_eq!(data(&epoll, 4), []);
}
