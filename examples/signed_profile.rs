//! Publishes a profile that only its owner can change, and reads its newest version.
//!
//! Prints:
//!
//! ```text
//! alice published version 1
//! alice published version 2
//! bob reads version 2: on the road
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::sync::Arc;
use std::time::Duration;

use mydht::Error;
use mydht::identity::Identity;
use mydht::native::Config;

/// Runs the example.
pub fn main() -> Result<(), Error> {
    let alice = Config::listen("127.0.0.1:0".parse()?).start()?;
    let address = alice.address().ok_or(Error::Closed)?;
    let bob = Config::default().bootstrap(address).start()?;
    bob.await_peer(Duration::from_secs(10)).wait()?;

    let me = Arc::new(Identity::generate()?);
    let month = Duration::from_secs(30 * 86_400);
    for text in ["at home", "on the road"] {
        let signed = alice.put_signed(&me, b"profile", text, month).wait()?;
        println!("alice published version {}", signed.seal.sequence);
    }
    if let Some(signed) = bob.get_signed(&me.public_key(), b"profile").wait()? {
        let text = String::from_utf8_lossy(&signed.bytes);
        println!("bob reads version {}: {text}", signed.seal.sequence);
    }

    bob.stop()?;
    alice.stop()
}
