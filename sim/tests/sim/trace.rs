//! One small simulation, and the trace that it has wherever it runs: natively and in wasm.

use mydht_sim::{Scenario, Simulation};

/// The trace of [`trace`]. A change of the protocol, or of what a node does when, changes it: the
/// tests that fail then say what it is now, natively and in wasm, and both must say the same.
pub const TRACE: &str = "a9fe1faa55670c313af7bbeac2902916344e5a2046efb0f7cb449b37c9ee2c00";

/// Runs `mydht sim --peers 20 --seed 7 --puts 10 --lookups 20 --minutes 2 --hostile 0.1`, and
/// returns the trace that it prints.
pub fn trace() -> String {
    let scenario = Scenario {
        puts: 10,
        lookups: 20,
        hostile: 0.1,
        ..Scenario::quiet(20, 7)
    };
    let figures = Simulation::new(scenario).unwrap().run(|_| ()).unwrap();
    assert!(figures.lookups.done > 0);
    figures.trace.to_string()
}
