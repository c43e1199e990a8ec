//! Adds a service to a node in one file: nodes count words for their peers.
//!
//! Prints:
//!
//! ```text
//! a peer counted 4 words
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::{error::Error, sync::mpsc, time::Duration};

use mydht::native::Config;
use mydht::service::{GlobalDo, GlobalIn, GlobalOut, UserId};
use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

/// The names that a message to this service has: the question, and the answer to it.
const COUNT: &str = "words.count";
const COUNTED: &str = "words.counted";

/// Sends its user's text to all peers, and counts the words of theirs.
#[derive(Default)]
pub struct Words {
    asking: Option<UserId>,
}

impl Service for Words {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, command: GlobalIn, _: &mut Y) -> Result<GlobalOut> {
        Ok(match command {
            GlobalIn::User { user, body } => {
                self.asking = Some(user);
                let service = COUNT.into();
                vec![GlobalDo::SendAll { service, body }]
            }
            GlobalIn::Message {
                from: to,
                service,
                body,
            } if service == COUNT => {
                let words = String::from_utf8_lossy(&body).split_whitespace().count();
                let (service, body) = (COUNTED.into(), words.to_string().into());
                vec![GlobalDo::Send { to, service, body }]
            }
            GlobalIn::Message { service, body, .. } if service == COUNTED => {
                let answer = |user| vec![GlobalDo::Answer { user, body }, GlobalDo::Done(user)];
                self.asking.take().map_or_else(Vec::new, answer)
            }
            _ => vec![],
        })
    }
}

impl ServiceRestartable for Words {
    /// Never called: the service does not wait inside a call.
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<GlobalOut>> {
        Ok(None)
    }
}

/// Runs the example.
pub fn main() -> std::result::Result<(), Box<dyn Error>> {
    let alice = Config::listen("127.0.0.1:0".parse()?).start_with(Words::default())?;
    let address = alice.address().ok_or("no TCP address")?;
    let bob = Config::default()
        .bootstrap(address)
        .start_with(Words::default())?;
    bob.await_peer(Duration::from_secs(10)).wait()?;

    let (send, answers) = mpsc::channel();
    bob.tell(b"a node is enough".to_vec(), move |n| drop(send.send(n)))?;
    let words = answers.recv_timeout(Duration::from_secs(10))?;
    println!("a peer counted {} words", String::from_utf8_lossy(&words));

    bob.stop()?;
    Ok(alice.stop()?)
}
