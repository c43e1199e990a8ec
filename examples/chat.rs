//! Lets two people chat: a global service carries lines of text between their nodes.
//!
//! Prints:
//!
//! ```text
//! alice reads: hello, this is bob
//! bob reads: hello bob, this is alice
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::{error::Error, sync::mpsc, time::Duration};

use mydht::native::{Config, NativeNode};
use mydht::service::{GlobalDo, GlobalIn, GlobalOut, UserId};
use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

/// The name of the service, by which peers call it.
const CHAT: &str = "chat";

/// A chat with all peers. Its user subscribes with an empty message, and sends any other.
#[derive(Default)]
struct Chat {
    listeners: Vec<UserId>,
}

impl Service for Chat {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, command: GlobalIn, _: &mut Y) -> Result<GlobalOut> {
        Ok(match command {
            GlobalIn::User { user, body } if body.is_empty() => {
                self.listeners.push(user);
                vec![]
            }
            GlobalIn::User { user, body } => {
                let service = CHAT.into();
                vec![GlobalDo::SendAll { service, body }, GlobalDo::Done(user)]
            }
            GlobalIn::Message { service, body, .. } if service == CHAT => {
                let listeners = self.listeners.iter();
                let tell = |&user| GlobalDo::Answer {
                    user,
                    body: body.clone(),
                };
                listeners.map(tell).collect()
            }
            _ => vec![],
        })
    }
}

impl ServiceRestartable for Chat {
    /// Never called: the service does not wait inside a call.
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<GlobalOut>> {
        Ok(None)
    }
}

/// Returns the lines that reach a node from now on.
fn lines(node: &NativeNode<Chat>) -> std::result::Result<mpsc::Receiver<Vec<u8>>, mydht::Error> {
    let (send, lines) = mpsc::channel();
    // The closure runs on the node's thread, which must not block.
    node.tell(vec![], move |line| drop(send.send(line)))?;
    Ok(lines)
}

/// Prints the next line.
fn read(who: &str, lines: &mpsc::Receiver<Vec<u8>>) -> std::result::Result<(), Box<dyn Error>> {
    let line = lines.recv_timeout(Duration::from_secs(10))?;
    println!("{who} reads: {}", String::from_utf8_lossy(&line));
    Ok(())
}

/// Runs the example.
pub fn main() -> std::result::Result<(), Box<dyn Error>> {
    let alice = Config::listen("127.0.0.1:0".parse()?).start_with(Chat::default())?;
    let address = alice.address().ok_or("no TCP address")?;
    let bob = Config::default()
        .bootstrap(address)
        .start_with(Chat::default())?;
    bob.await_peer(Duration::from_secs(10)).wait()?;

    let (to_alice, to_bob) = (lines(&alice)?, lines(&bob)?);
    bob.tell(b"hello, this is bob".to_vec(), |_| ())?;
    read("alice", &to_alice)?;
    alice.tell(b"hello bob, this is alice".to_vec(), |_| ())?;
    read("bob", &to_bob)?;

    bob.stop()?;
    Ok(alice.stop()?)
}
