//! The `mydht` command.
#![allow(clippy::print_stdout, reason = "a command prints its results")]

mod client;
mod get;
mod identity;
mod membership;
mod node;
mod progress;
mod put;
mod sign;
#[cfg(feature = "server")]
mod signal;
mod sim;
mod stats;
mod store;
mod users;
#[cfg(feature = "server")]
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// A distributed hash table: nodes keep values and files for each other.
///
/// Start a node, and more that know it; put a value or a file through any of them; get it through
/// any other.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Try it in three terminals:
  mydht node --listen 127.0.0.1:4000
  mydht node --bootstrap 127.0.0.1:4000
  mydht put --bootstrap 127.0.0.1:4000 --key greeting hello
  mydht get --bootstrap 127.0.0.1:4000 greeting

Of which nobody but you makes a new version (get it by what put prints):
  mydht put --bootstrap 127.0.0.1:4000 --sign me.key --salt status hello

With browsers:
  mydht signal --listen 127.0.0.1:8080               (open http://127.0.0.1:8080 in a browser)
  mydht put --rendezvous ws://127.0.0.1:8080 --key greeting hello

Set MYDHT_LOG=info (or debug, trace) to see on standard error what happens."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Node(node::Args),
    Put(put::Args),
    Get(get::Args),
    Identity(identity::Args),
    #[cfg(feature = "server")]
    Signal(signal::Args),
    Store(store::Args),
    Sim(sim::Args),
}

/// Turns the reason for which an argument is refused into an error.
fn invalid(why: impl std::fmt::Display) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidInput, why.to_string())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("MYDHT_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Standard output is reserved for results, which scripts read.
        .with_writer(std::io::stderr)
        .init();
    let result = match cli.command {
        Command::Node(args) => node::run(args),
        Command::Put(args) => put::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Identity(args) => identity::run(&args),
        #[cfg(feature = "server")]
        Command::Signal(args) => signal::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Sim(args) => sim::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mydht: {error}");
            ExitCode::FAILURE
        }
    }
}
