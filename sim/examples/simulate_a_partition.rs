//! Simulates a partition: values are put into both halves of a divided network, and found from
//! everywhere once it is whole again.
//!
//! Prints:
//!
//! ```text
//! divided for 10 minutes: 20 of 20 values were put
//! whole again: [..] of 40 lookups found their value, in [..] hops
//! [..] min of virtual time, [..] messages
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::time::Duration;

use mydht_sim::{Partition, Scenario, Simulation, Split};

const MINUTE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scenario = Scenario {
        split: Some(Split {
            lasts: 10 * MINUTE,
            // Connections between the halves are reset. `Stall` would be a pulled cable.
            how: Partition::Cut,
            // Until the halves have found each other, and copies are where they belong.
            rest: 10 * MINUTE,
        }),
        puts: 20,
        lookups: 40,
        ..Scenario::quiet(30, 4)
    };
    let figures = Simulation::new(scenario)?.run(|_| ())?;
    println!(
        "divided for 10 minutes: {} of {} values were put",
        figures.puts.done, figures.puts.asked
    );
    println!(
        "whole again: {} of {} lookups found their value, in {:.1} hops",
        figures.lookups.done,
        figures.lookups.asked,
        figures.hops.mean()
    );
    println!(
        "{:.0} min of virtual time, {} messages",
        figures.virtual_seconds / 60.0,
        figures.messages
    );
    assert!(figures.lookups.share() > 0.95);
    Ok(())
}
