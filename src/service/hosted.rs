//! Wrapper of every service of a node: reports its end, and returns a command's context with the
//! answer.

use std::sync::Arc;

use mydht_spawner::{Error, Result, Service, ServiceRestartable, SpawnSend, SpawnerYield};
use tracing::Span;

use super::flow::Permit;
use super::{MainCommand, MainSend};
use crate::conf::MyDHTConf;
use crate::engine::{ConnId, Ticket};

/// Which service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Reads a connection.
    Read(ConnId),
    /// Writes a connection.
    Write(ConnId),
    /// Handles the messages that one peer sends to a service of the user's.
    Local(ConnId),
    /// Keeps records and attachments.
    Store,
    /// The service of the user's.
    Global,
}

/// A command or an answer, and what belongs to it on its way through the services.
#[derive(Debug)]
pub struct Routed<C> {
    pub(super) command: C,
    pub(super) way: Way,
}

/// The party on whose behalf something is done: it is told when the protocol fails at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A peer, by a message on this connection.
    Peer(ConnId),
    /// The node's user or its global service, by a request.
    User(Ticket),
    /// The node itself.
    Node,
}

/// Context of a command, which comes back with its answer.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// The message that all this is done for: a user of `tracing` follows it by this span.
    pub(super) span: Span,
    /// Its share of its connection's flow, given back when all that is done for it is done.
    permit: Option<Arc<Permit>>,
    pub(super) origin: Origin,
    /// Nothing comes after it: the node stops.
    pub(super) last: bool,
}

impl Way {
    /// On behalf of no message.
    pub(super) fn none() -> Self {
        Way {
            span: Span::none(),
            permit: None,
            origin: Origin::Node,
            last: false,
        }
    }

    /// On behalf of a request of the node's user.
    pub(super) fn of_user(ticket: Ticket) -> Self {
        Way {
            origin: Origin::User(ticket),
            ..Way::none()
        }
    }

    /// On behalf of a message of or to the peer on `conn`, with its share of a flow.
    pub(super) fn new(conn: ConnId, span: Span, permit: Permit) -> Self {
        Way {
            span,
            permit: Some(Arc::new(permit)),
            origin: Origin::Peer(conn),
            last: false,
        }
    }

    /// The last.
    pub(super) fn last() -> Self {
        Way {
            last: true,
            ..Way::none()
        }
    }

    /// The way of something else that is done for the same message.
    pub(super) fn branch(&self) -> Self {
        Way {
            last: false,
            ..self.clone()
        }
    }

    /// Ends the context. Returns the connection whose reader may go on because of that: the caller
    /// must resume it.
    pub(super) fn done(self) -> Option<ConnId> {
        // `None` while another branch of the same message is under way. If two threads drop the
        // last two branches at once, `into_inner` returns the share to exactly one.
        Arc::into_inner(self.permit?)?.release()
    }
}

impl<C> From<C> for Routed<C> {
    fn from(command: C) -> Self {
        Routed {
            command,
            way: Way::none(),
        }
    }
}

impl<C> Routed<C> {
    pub(super) fn new(command: C, way: Way) -> Self {
        Routed { command, way }
    }
}

/// A service that can be started again after it failed.
pub(super) trait Recover: Service {
    /// The answer to the command that it failed at, if one is waited for.
    fn recover(&mut self) -> Option<Self::CommandOut>;
}

/// Runs `S` for a node.
///
/// Under every spawner the main loop hears of the end of a service in the same way: by
/// [`MainCommand::Ended`], behind all that the service said before. That is so for an error, for
/// the end, and for a panic, which the spawner contains.
pub struct Hosted<MC: MyDHTConf, S> {
    service: S,
    who: Who,
    main: MainSend<MC>,
    /// Context of the command that is being run, which may have yielded.
    way: Option<Way>,
}

impl<MC: MyDHTConf, S: Service> Hosted<MC, S> {
    pub(super) fn new(who: Who, service: S, main: MainSend<MC>) -> Self {
        Hosted {
            service,
            who,
            main,
            way: None,
        }
    }

    /// After a failure: the answer to the command under way.
    pub(super) fn recover(&mut self) -> Option<Routed<S::CommandOut>>
    where
        S: Recover,
    {
        let way = self.way.take();
        let answer = self.service.recover()?;
        Some(Routed::new(answer, way.unwrap_or_else(Way::none)))
    }

    fn watched<T>(&mut self, run: impl FnOnce(&mut S) -> Result<T>) -> Result<T> {
        let mut telling = Telling {
            main: &mut self.main,
            who: self.who,
            // Reported unless the call returns normally: a panic unwinds past the code below.
            why: Some(Some("its service panicked".to_owned())),
        };
        let span = self
            .way
            .as_ref()
            .map_or(Span::none(), |way| way.span.clone());
        let result = span.in_scope(|| run(&mut self.service));
        telling.why = match &result {
            Ok(_) | Err(Error::Yield) => None,
            Err(Error::End) => Some(None),
            Err(error) => Some(Some(error.to_string())),
        };
        result
    }

    fn route(&mut self, answer: S::CommandOut) -> Routed<S::CommandOut> {
        Routed::new(answer, self.way.take().unwrap_or_else(Way::none))
    }
}

/// Tells the main loop of a service's end when it is dropped, so also when the service panics.
struct Telling<'a, MC: MyDHTConf> {
    main: &'a mut MainSend<MC>,
    who: Who,
    /// `None`: it has not ended. `Some(None)`: it has nothing more to do.
    why: Option<Option<String>>,
}

impl<MC: MyDHTConf> Drop for Telling<'_, MC> {
    fn drop(&mut self) {
        if let Some(why) = self.why.take() {
            // A main loop that is gone need not be told.
            let _ = self.main.send(MainCommand::Ended(self.who, why));
        }
    }
}

impl<MC: MyDHTConf, S: Service> Service for Hosted<MC, S> {
    type CommandIn = Routed<S::CommandIn>;
    type CommandOut = Routed<S::CommandOut>;

    fn call<Y: SpawnerYield>(
        &mut self,
        command: Routed<S::CommandIn>,
        y: &mut Y,
    ) -> Result<Self::CommandOut> {
        self.way = Some(command.way);
        let answer = self.watched(|service| service.call(command.command, y))?;
        Ok(self.route(answer))
    }
}

impl<MC: MyDHTConf, S: ServiceRestartable> ServiceRestartable for Hosted<MC, S> {
    fn restart<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<Option<Self::CommandOut>> {
        let answer = self.watched(|service| service.restart(y))?;
        Ok(answer.map(|answer| self.route(answer)))
    }
}
