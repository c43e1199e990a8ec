//! Ends and failures of services.

use std::time::Duration;

use mydht_spawner::Result;

use super::links::End;
use super::stop::Stopping;
use super::{MainLoop, Timer};
use crate::conf::MyDHTConf;
use crate::service::Who;

/// A service that has told its end and has not quite ended on its own thread is looked at again
/// after this.
const SOON: Duration = Duration::from_millis(1);

impl<MC: MyDHTConf> MainLoop<MC> {
    pub(super) fn ended(&mut self, who: Who, why: Option<String>) -> Result<()> {
        let closed = || "the peer closed the connection".to_owned();
        match who {
            Who::Read(conn) => self.conn_ended(conn, false, &why.unwrap_or_else(closed)),
            Who::Write(conn) => self.conn_ended(conn, true, &why.unwrap_or_else(closed)),
            Who::Local(conn) => match why {
                Some(why) => {
                    tracing::error!(conn, %why, "a local service failed");
                    self.disconnect(conn, End::Refused("the service that it talks to failed"))
                }
                None => Ok(()),
            },
            Who::Global | Who::Store => self.node_service_ended(who, why),
        }
    }

    fn node_service_ended(&mut self, who: Who, why: Option<String>) -> Result<()> {
        match why {
            Some(why) => {
                tracing::error!(?who, %why, "a service failed, and is started again");
                let now = self.now();
                let at = match who {
                    Who::Store => self.store.failed(now),
                    _ => self.global.as_mut().map_or(now, |slot| slot.failed(now)),
                };
                self.timers.insert((at, Timer::Restart(who)));
            }
            None => tracing::info!(?who, "a service has ended"),
        }
        // A node that stops waits for none of them.
        match (self.stopping, who) {
            (Some(Stopping::Global), Who::Global) => self.global_stopped(),
            (Some(Stopping::Store { .. }), Who::Store) => {
                tracing::error!(
                    "the store failed while the node stopped: not everything may be kept"
                );
                self.flushed();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Starts a failed service again, when its time has come.
    pub(super) fn restart(&mut self, who: Who) -> Result<()> {
        let main = &mut self.common.main;
        let up = match who {
            Who::Store => self.store.restart(main)?,
            _ => match &mut self.global {
                Some(slot) => slot.restart(main)?,
                None => true,
            },
        };
        if up {
            self.common.metrics.services_restarted(1);
        } else {
            self.timer(SOON, Timer::Restart(who));
        }
        Ok(())
    }
}
