//! The examples run: parsers that know nothing of restart, over a stream that blocks.
#![cfg(test)]
#![cfg(not(target_family = "wasm"))]

#[path = "../examples/restart_a_zip_parser.rs"]
mod restart_a_zip_parser;
#[path = "../examples/restart_any_parser.rs"]
mod restart_any_parser;

#[test]
fn a_zip_archive_is_read_as_it_arrives() {
    restart_a_zip_parser::main().unwrap();
}

#[test]
fn any_parser_is_restarted() {
    restart_any_parser::main().unwrap();
}
