//! Looks values up while nodes are replaced by others, and counts what was found.
//!
//! Prints:
//!
//! ```text
//! [..] of 20 values were found in [..] hops, over [..] virtual seconds
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use mydht_sim::{Scenario, Simulation};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenario = Scenario {
        // Nine nodes in ten would be replaced within an hour.
        churn: 0.9,
        puts: 10,
        lookups: 20,
        ..Scenario::quiet(30, 1)
    };
    let figures = Simulation::new(scenario)?.run(|_| ())?;
    println!(
        "{} of {} values were found in {:.1} hops, over {:.0} virtual seconds",
        figures.lookups.done,
        figures.lookups.asked,
        figures.hops.mean(),
        figures.virtual_seconds
    );
    assert!(figures.lookups.share() > 0.9);
    Ok(())
}
