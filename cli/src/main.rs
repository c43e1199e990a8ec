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

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

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
fn invalid(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_string())
}

/// Reads which log lines are wanted from the environment; errors, if it names none.
fn log_filter() -> io::Result<Targets> {
    let Some(wanted) = std::env::var_os("MYDHT_LOG") else {
        return Ok(Targets::new().with_default(LevelFilter::ERROR));
    };
    let wanted = wanted.to_string_lossy();
    wanted.parse().map_err(|error| {
        invalid(format!(
            "MYDHT_LOG={wanted}: {error}; write error, warn, info, debug, trace, or mydht=debug"
        ))
    })
}

fn run(command: Command) -> io::Result<ExitCode> {
    // Standard output is reserved for results, which scripts read.
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let wanted = lines.with_filter(log_filter()?);
    tracing_subscriber::registry().with(wanted).init();
    match command {
        Command::Node(args) => node::run(args),
        Command::Put(args) => put::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Identity(args) => identity::run(&args),
        #[cfg(feature = "server")]
        Command::Signal(args) => signal::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Sim(args) => sim::run(&args),
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mydht: {error}");
            ExitCode::FAILURE
        }
    }
}
