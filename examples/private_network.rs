//! Makes a network private: its nodes share a secret, and a node without it is refused.
//!
//! Prints:
//!
//! ```text
//! bob reads: for members only
//! a stranger: [..]private network[..]
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::sync::Arc;
use std::time::Duration;

use mydht::handshake::Credentials;
use mydht::identity::{GroupSecret, Identity};
use mydht::native::Config;
use mydht::{Address, Error};

/// Returns the configuration of a node of the network that has this secret.
fn member(secret: &GroupSecret) -> Result<Config, Error> {
    let any: Address = "127.0.0.1:0".parse()?;
    let identity = Arc::new(Identity::generate()?);
    Ok(Config {
        credentials: Some(Credentials::private(identity, secret.clone())),
        ..Config::listen(any)
    })
}

/// Runs the example.
pub fn main() -> Result<(), Error> {
    // Members get the secret by hand, as a file or a line of text: nobody can ask a node for it.
    let secret = GroupSecret::generate()?;
    let alice = member(&secret)?.start()?;
    let address = alice.address().ok_or(Error::Closed)?;
    let bob = member(&secret)?.bootstrap(address.clone()).start()?;
    bob.await_peer(Duration::from_secs(10)).wait()?;

    let stored = alice.put(b"for members only").wait()?;
    let found = bob.get(&stored.key).wait()?.unwrap_or_default();
    println!("bob reads: {}", String::from_utf8_lossy(&found));

    let other = GroupSecret::generate()?;
    let stranger = member(&other)?.bootstrap(address).start()?;
    match stranger.await_peer(Duration::from_secs(10)).wait() {
        Ok(_) => println!("a stranger is a member"),
        Err(error) => println!("a stranger: {error}"),
    }

    stranger.stop()?;
    bob.stop()?;
    alice.stop()
}
