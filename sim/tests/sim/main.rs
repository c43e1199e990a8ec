//! Small networks: what large ones are expected to do.
#![cfg(test)]

use std::time::Duration;

mod trace;

use mydht_sim::{Figures, Partition, Scenario, Simulation, Split};
use trace::{TRACE, trace};

fn run(scenario: Scenario) -> Figures {
    Simulation::new(scenario).unwrap().run(|_| ()).unwrap()
}

fn small(peers: usize, seed: u64) -> Scenario {
    Scenario {
        puts: 30,
        lookups: 60,
        bucket: 8,
        ..Scenario::quiet(peers, seed)
    }
}

#[test]
fn what_was_put_is_found() {
    let figures = run(small(100, 1));
    assert_eq!(figures.puts.done, 30, "{:?}", figures.puts);
    assert_eq!(figures.lookups.done, 60, "{:?}", figures.lookups);
    // log2(100) / 2
    assert!(figures.hops.mean() <= 3.4, "{}", figures.hops.mean());
    assert_eq!(figures.connections.count(), 100);
}

#[test]
fn the_same_seed_is_the_same_run() {
    let scenario = |seed| Scenario {
        churn: 2.0,
        hostile: 0.1,
        ..small(40, seed)
    };
    let figures = run(scenario(5));
    assert_eq!(figures, run(scenario(5)));
    assert_ne!(figures.trace, run(scenario(6)).trace);
}

/// `tests/wasm_node_sim.rs` asks the same in Node.
#[test]
fn the_same_seed_is_the_same_run_here_and_in_wasm() {
    assert_eq!(trace(), TRACE);
}

#[test]
fn nodes_that_come_and_go_lose_nothing() {
    let figures = run(Scenario {
        // A third of them in the ten minutes of lookups.
        churn: 2.0,
        lookup_for: Duration::from_secs(600),
        ..small(60, 2)
    });
    assert!(figures.lookups.asked > 50);
    assert!(figures.lookups.share() >= 0.95, "{:?}", figures.lookups);
}

#[test]
fn a_fifth_that_lies_is_not_believed() {
    let figures = run(Scenario {
        hostile: 0.2,
        ..small(60, 3)
    });
    assert!(figures.lookups.share() >= 0.95, "{:?}", figures.lookups);
}

#[test]
fn halves_find_each_other_again() {
    for how in [Partition::Stall, Partition::Cut] {
        let figures = run(Scenario {
            split: Some(Split {
                lasts: Duration::from_secs(600),
                how,
                rest: Duration::from_secs(600),
            }),
            ..small(60, 4)
        });
        assert_eq!(figures.puts.done, 30, "{:?}", figures.puts);
        assert_eq!(figures.lookups.done, 60, "{how:?} {:?}", figures.lookups);
    }
}
