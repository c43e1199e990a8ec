//! The example of a service of one's own runs, and is as short as it is meant to be.

#[path = "../../examples/own_service.rs"]
mod example;

#[test]
fn the_example_runs_and_stays_short() {
    example::main().unwrap();
    assert!(
        include_str!("../../examples/own_service.rs")
            .lines()
            .count()
            <= 80
    );
}
