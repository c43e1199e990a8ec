//! The user's own services: what peers, the user and these services say to each other.

use mydht_spawner::Result;

use super::MainLoop;
use super::links::End;
use crate::conf::MyDHTConf;
use crate::engine::{Command, ConnId, Event, Input};
use crate::id::PeerId;
use crate::msg::ProtoMessage;
use crate::service::hosted::Way;
use crate::service::{
    Answer, GlobalDo, GlobalIn, GlobalOut, LocalDo, LocalIn, LocalOut, Routed, Wish,
};

impl<MC: MyDHTConf> MainLoop<MC> {
    /// A peer's service says something to one of ours.
    pub(super) fn app(
        &mut self,
        conn: ConnId,
        from: PeerId,
        service: String,
        body: Vec<u8>,
        way: Way,
    ) -> Result<()> {
        let limits = &self.common.limits;
        let why = if body.len() > limits.sizes.app_bytes {
            Some("a message to a service is too long (limit sizes.app_bytes)")
        } else if service.len() > limits.sizes.name_bytes {
            Some("the name of a service is too long (limit sizes.name_bytes)")
        } else {
            None
        };
        if let Some(why) = why {
            self.common.metrics.limited(1);
            return self.disconnect(conn, End::Refused(why));
        }
        self.common.metrics.app_in(1);
        self.used(conn)?;
        let Some(prototype) = self.common.local.clone() else {
            let message = GlobalIn::Message {
                from,
                service,
                body,
            };
            return self.tell_global(message, way);
        };
        let message = LocalIn {
            from,
            service,
            body,
        };
        match self.conns.get_mut(&conn) {
            Some(found) => found.tell_local(&mut self.common, prototype, Routed::new(message, way)),
            None => Ok(()),
        }
    }

    /// Tells the global service something, if there is one.
    pub(super) fn tell_global(&mut self, command: GlobalIn, way: Way) -> Result<()> {
        if let Some(global) = &mut self.global {
            return global.tell(Routed::new(command, way));
        }
        if let GlobalIn::Message { from, service, .. } = command {
            tracing::debug!(?from, %service, "a message for a service that is not here");
            self.common.metrics.app_dropped(1);
        }
        self.done(way)
    }

    /// The node's user asks the global service. Without one, `answer` is dropped.
    pub(super) fn user_asks(&mut self, body: Vec<u8>, answer: Answer) -> Result<()> {
        if self.global.is_none() || self.stopping.is_some() {
            return Ok(());
        }
        let user = self.next_user;
        self.next_user += 1;
        self.answers.insert(user, answer);
        self.tell_global(GlobalIn::User { user, body }, Way::none())
    }

    pub(super) fn global_said(&mut self, said: Routed<GlobalOut>) -> Result<()> {
        for to_do in said.command {
            match to_do {
                GlobalDo::Send { to, service, body } => {
                    let newest = self.peers.get(&to).and_then(|conns| conns.last());
                    if let Some(conn) = newest.copied() {
                        self.send_app(conn, service, body, &said.way)?;
                    }
                }
                GlobalDo::SendAll { service, body } => {
                    let newest = |conns: &Vec<ConnId>| conns.last().copied();
                    let all: Vec<ConnId> = self.peers.values().filter_map(newest).collect();
                    for conn in all {
                        self.send_app(conn, service.clone(), body.clone(), &said.way)?;
                    }
                }
                GlobalDo::Answer { user, body } => {
                    if let Some(answer) = self.answers.get_mut(&user) {
                        answer(body);
                    }
                }
                GlobalDo::Ask { number, wish } => self.wished(number, wish)?,
                GlobalDo::Done(user) => drop(self.answers.remove(&user)),
            }
        }
        if said.way.last {
            self.global_stopped()?;
        }
        self.done(said.way)
    }

    /// The global service asks the node something, as its user might.
    fn wished(&mut self, number: u64, wish: Wish) -> Result<()> {
        // Nothing new is begun any more.
        if self.stopping.is_some() {
            return Ok(());
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.wishes.insert(ticket, number);
        let command = match wish {
            Wish::Get(key, query) => Command::Query { key, query },
            Wish::Put(record) => Command::Put { record, tree: None },
        };
        self.protocol
            .tell(Input::Command(ticket, command), Way::of_user(ticket));
        Ok(())
    }

    /// Handles the outcome of a request of the global service.
    pub(super) fn wish_done(&mut self, number: u64, event: Event) -> Result<()> {
        match self.stopping {
            None => self.tell_global(GlobalIn::Answered { number, event }, Way::none()),
            Some(_) => Ok(()),
        }
    }

    pub(super) fn local_said(&mut self, conn: ConnId, said: Routed<LocalOut>) -> Result<()> {
        let Some(from) = self.conns.get(&conn).and_then(|found| found.peer()) else {
            // The peer disconnected while its service was working.
            return self.done(said.way);
        };
        for to_do in said.command {
            match to_do {
                LocalDo::Reply { service, body } => {
                    self.send_app(conn, service, body, &said.way)?;
                }
                LocalDo::Global { service, body } => {
                    let message = GlobalIn::Message {
                        from,
                        service,
                        body,
                    };
                    self.tell_global(message, said.way.branch())?;
                }
            }
        }
        self.done(said.way)
    }

    fn send_app(&mut self, conn: ConnId, service: String, body: Vec<u8>, way: &Way) -> Result<()> {
        let limits = &self.common.limits;
        if body.len() > limits.sizes.app_bytes || service.len() > limits.sizes.name_bytes {
            // Dropped without disconnecting the peer: the fault is with a service of this node.
            tracing::warn!(%service, "a message of {} bytes is not sent (limit sizes.app_bytes)", body.len());
            return Ok(());
        }
        self.common.metrics.app_out(1);
        self.used(conn)?;
        let message = ProtoMessage::App { service, body };
        self.send(conn, message, None, &way.span)
    }

    /// The protocol, which hears none of these messages, is told from time to time that the
    /// connection is in use, so that it does not give it up for one.
    fn used(&mut self, conn: ConnId) -> Result<()> {
        // Often enough that a connection in use never looks idle.
        let (now, often) = (self.now(), self.common.limits.peers.link_idle / 4);
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        if found.told_used.is_some_and(|at| now < at + often) {
            return Ok(());
        }
        found.told_used = Some(now);
        self.protocol.tell(Input::Used(conn), Way::none());
        Ok(())
    }
}
