//! Two nodes: what one puts, the other gets.
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::{error::Error, time::Duration};

use mydht::native::Config;

fn main() -> Result<(), Box<dyn Error>> {
    let first = Config::listen("127.0.0.1:0".parse()?).start()?;
    let key = first.put_bytes(None, b"hello")?;

    let known = first.address().ok_or("it listens nowhere")?;
    let second = Config::default().bootstrap(known).start()?;
    second.await_peer(Duration::from_secs(5))?;
    println!("{key} is {:?}", second.get_bytes(&key)?);

    second.stop()?;
    Ok(first.stop()?)
}
