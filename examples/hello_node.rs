//! Two nodes: what one puts, the other gets.

use std::time::Duration;

use mydht::Command;
use mydht::native::Config;

fn main() -> std::io::Result<()> {
    let any_port = "127.0.0.1:0".parse().map_err(std::io::Error::other)?;
    let first = Config::listen(any_port).start()?;
    let key = first.put_bytes(None, b"hello")?;

    let known = first.address().into_iter().collect();
    let second = Config {
        bootstrap: known,
        ..Config::default()
    }
    .start()?;
    second.ask(Command::AwaitPeer(Duration::from_secs(5)), |_, _| ())?;
    println!("{key} is {:?}", second.get_bytes(&key)?);
    second.stop()?;
    first.stop()
}
