//! The example of a service of one's own runs, and is as short as it is meant to be.

#[path = "../../examples/add_a_service.rs"]
mod example;

#[test]
fn the_example_runs_and_stays_short() {
    example::main().unwrap();
    let source = include_str!("../../examples/add_a_service.rs");
    assert!(source.lines().count() <= 80);
}
