//! A node that puts a file, and one that gets it: the smallest programs over the library.
//!
//! ```text
//! mydht-exchange put FILE                 listens, puts the file, prints its address and the key,
//!                                         and serves the file until its standard input ends
//! mydht-exchange get ADDRESS KEY FILE     gets what has the key from the node at the address
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command prints its results")]

use std::error::Error;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use mydht::native::Config;
use mydht::{Address, Key};

/// Time in which the two must be connected.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

fn put(file: &Path) -> Result<(), Box<dyn Error>> {
    let node = Config::listen("127.0.0.1:0".parse()?).start()?;
    let address = node.address().ok_or("the node listens nowhere")?;
    let stored = node.put_file(file).wait()?;
    println!("{address} {}", stored.key);
    // Whoever started this closes the pipe, also when they are killed.
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(node.stop()?)
}

fn get(address: &str, key: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let node = Config::default()
        .bootstrap(address.parse::<Address>()?)
        .start()?;
    node.await_peer(CONNECT_WITHIN).wait()?;
    let found = node.get_file(&key.parse::<Key>()?, file).wait()?;
    let found = found.ok_or("no node has a file of this key")?;
    println!("{}", found.len);
    Ok(node.stop()?)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["put", file] => put(Path::new(file)),
        ["get", address, key, file] => get(address, key, Path::new(file)),
        _ => {
            eprintln!("usage: mydht-exchange put FILE | mydht-exchange get ADDRESS KEY FILE");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
