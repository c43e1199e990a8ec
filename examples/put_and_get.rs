//! Keeps bytes in a network of two nodes, and finds them by their hash and by a name.
//!
//! Prints:
//!
//! ```text
//! [..] is kept by 1 peer
//! bob found: hello
//! alice found: hello under a name
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::time::Duration;

use mydht::native::Config;
use mydht::{Error, Key};

/// Runs the example.
pub fn main() -> Result<(), Error> {
    let alice = Config::listen("127.0.0.1:0".parse()?).start()?;
    let address = alice.address().ok_or(Error::Closed)?;
    let bob = Config::default().bootstrap(address).start()?;
    bob.await_peer(Duration::from_secs(10)).wait()?;

    let stored = alice.put(b"hello").wait()?;
    println!("{} is kept by {} peer", stored.key, stored.copies);
    let found = bob.get(&stored.key).wait()?.unwrap_or_default();
    println!("bob found: {}", String::from_utf8_lossy(&found));

    let name = Key::named("greeting");
    bob.put_at(name, "hello under a name").wait()?;
    let found = alice.get(&name).wait()?.unwrap_or_default();
    println!("alice found: {}", String::from_utf8_lossy(&found));

    bob.stop()?;
    alice.stop()
}
