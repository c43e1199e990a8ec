//! The short form of `cargo xtask soak`.

#[path = "../../benches/soak/run.rs"]
mod run;

use std::time::Duration;

use run::{Plan, Report};

const PLAN: Plan = Plan {
    time: Duration::from_secs(3),
    connections: 80,
};

fn check(report: &Report) {
    assert!(!Report::TITLES.is_empty() && !report.row().is_empty());
    assert_eq!(report.faults(), [""; 0], "{report:?}");
}

#[test]
fn a_node_in_memory_answers_every_honest_peer_and_outlives_the_hostile() {
    check(&run::memory::run(&PLAN).unwrap());
}

#[test]
fn a_node_over_tcp_answers_every_honest_peer_and_outlives_the_hostile() {
    check(&run::tcp::run(&PLAN).unwrap());
}
