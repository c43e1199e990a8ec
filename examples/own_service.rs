//! A service of one's own in one file: a chat. The nodes carry what it says from peer to peer.
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::{error::Error, sync::mpsc, time::Duration};

use mydht::native::Config;
use mydht::service::{GlobalDo, GlobalIn, GlobalOut, UserId};
use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

/// The name of the service, by which peers call it.
const CHAT: &str = "chat";

/// A chat with all peers. Its user listens by saying nothing, and speaks by saying something.
#[derive(Default)]
pub struct Chat {
    listeners: Vec<UserId>,
}

impl Service for Chat {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, heard: GlobalIn, _: &mut Y) -> Result<GlobalOut> {
        Ok(match heard {
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

/// Two nodes, and a line from one to the other.
pub fn main() -> std::result::Result<(), Box<dyn Error>> {
    let alice = Config::listen("127.0.0.1:0".parse()?).start_with(Chat::default())?;
    let known = alice.address().ok_or("it listens nowhere")?;
    let bob = Config::default()
        .bootstrap(known)
        .start_with(Chat::default())?;
    bob.await_peer(Duration::from_secs(10)).wait()?;

    let (send, lines) = mpsc::channel();
    let hear = move |line| drop(send.send(line));
    alice.node().tell(vec![], hear)?;
    bob.node().tell(b"hello from bob".to_vec(), |_| ())?;
    let line = lines.recv_timeout(Duration::from_secs(10))?;
    println!("alice hears: {}", String::from_utf8_lossy(&line));

    bob.stop()?;
    Ok(alice.stop()?)
}
