//! A program that was written for mio 0.6 runs unchanged over this package.

#[path = "../examples/echo.rs"]
mod echo;

#[test]
fn an_echo_server() {
    echo::main().unwrap();
}
