//! Shares a file from where it is, and fetches it at another node, each part checked against its
//! hash.
//!
//! Prints:
//!
//! ```text
//! bob fetched 1000000 bytes
//! equal: true
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::fs;
use std::time::Duration;

use mydht::Error;
use mydht::native::Config;

/// Runs the example.
pub fn main() -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let original = folder.path().join("picture");
    fs::write(&original, vec![7; 1_000_000])?;

    let alice = Config::listen("127.0.0.1:0".parse()?).start()?;
    let address = alice.address().ok_or(Error::Closed)?;
    let bob = Config::default().bootstrap(address).start()?;
    bob.await_peer(Duration::from_secs(10)).wait()?;

    let key = alice.put_file(&original).wait()?.key;
    let copy = folder.path().join("copy");
    let fetched = bob.get_file(&key, &copy).wait()?;
    let len = fetched.map_or(0, |id| id.len);
    println!("bob fetched {len} bytes");
    println!("equal: {}", fs::read(&original)? == fs::read(&copy)?);

    bob.stop()?;
    alice.stop()
}
