//! The example runs: a parser of the registry that knows nothing of restart, over a stream that
//! blocks.
#![cfg(test)]
#![cfg(not(target_family = "wasm"))]

#[path = "../examples/restart_any_parser.rs"]
mod restart_any_parser;

#[test]
fn a_zip_archive_is_read_as_it_arrives() {
    restart_any_parser::main().unwrap();
}
