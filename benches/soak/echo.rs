//! A service that says back what peers say, and asks them to.

use std::collections::HashSet;

use mydht::service::{GlobalDo, GlobalIn, GlobalOut, UserId};
use mydht_spawner::{Result, Service, ServiceRestartable, SpawnerYield};

const ASK: &str = "ask";
const ANSWER: &str = "answer";

/// The number of the user stands before the body on the wire, so that an answer finds its way.
#[derive(Default)]
pub struct Echo {
    asked: HashSet<UserId>,
}

impl Service for Echo {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, heard: GlobalIn, _: &mut Y) -> Result<GlobalOut> {
        Ok(match heard {
            GlobalIn::User { user, body } => {
                self.asked.insert(user);
                let body = [&user.to_le_bytes()[..], &body].concat();
                let service = ASK.into();
                vec![GlobalDo::SendAll { service, body }]
            }
            GlobalIn::Message {
                from,
                service,
                body,
            } if service == ASK => {
                let service = ANSWER.into();
                vec![GlobalDo::Send {
                    to: from,
                    service,
                    body,
                }]
            }
            GlobalIn::Message { body, .. } => match body.split_first_chunk() {
                Some((user, rest)) if self.asked.remove(&u64::from_le_bytes(*user)) => {
                    let user = u64::from_le_bytes(*user);
                    let body = rest.to_vec();
                    vec![GlobalDo::Answer { user, body }, GlobalDo::Done(user)]
                }
                _ => vec![],
            },
            _ => vec![],
        })
    }
}

impl ServiceRestartable for Echo {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<GlobalOut>> {
        Ok(None)
    }
}
