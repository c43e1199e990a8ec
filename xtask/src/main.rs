//! The project's own commands, run as `cargo xtask <command>`.
#![allow(clippy::print_stdout, reason = "a command prints its results")]

mod api;
mod bench;
mod cache;
mod counts;
mod demo;
mod docs;
mod examples;
mod fuzz;
mod package;
mod page;
mod place;
mod run;
mod sanitize;
mod setup;
mod sim;
mod soak;
mod step;
mod test;
mod wasm;
mod web;
mod words;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// MyDHT's own commands: everything that is checked, shown or measured is run from here.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Test(test::Args),
    Demo(demo::Args),
    Docs(docs::Args),
    Bench(bench::Args),
    Fuzz(fuzz::Args),
    Api(api::Args),
    Sanitize(sanitize::Args),
    Soak(soak::Args),
    Web(web::Args),
    Sim(sim::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Api(args) => api::run(&args),
        Command::Sanitize(args) => sanitize::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Web(args) => web::run(&args),
        Command::Sim(args) => sim::run(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
