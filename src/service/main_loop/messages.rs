//! Messages: what connections are given to write, and where goes what they have read.

use bytes::Bytes;
use mydht_spawner::Result;
use tracing::Span;

use super::links::End;
use super::timers::Timer;
use super::{MainLoop, State};
use crate::conf::MyDHTConf;
use crate::engine::{ConnId, Input};
use crate::msg::ProtoMessage;
use crate::service::{FromPeer, ReadOut, Routed};

impl<MC: MyDHTConf> MainLoop<MC> {
    pub(super) fn send(
        &mut self,
        conn: ConnId,
        message: ProtoMessage,
        part: Option<Bytes>,
        span: &Span,
    ) -> Result<()> {
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        let sent = found.send(message, part, span);
        self.sent(conn, sent)
    }

    pub(super) fn send_handshake(&mut self, conn: ConnId, message: Vec<u8>) -> Result<()> {
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        let sent = found.send_handshake(message);
        self.sent(conn, sent)
    }

    /// Something was given to a connection: see that it is taken.
    pub(super) fn sent(
        &mut self,
        conn: ConnId,
        sent: std::result::Result<bool, String>,
    ) -> Result<()> {
        match sent {
            Ok(false) => Ok(()),
            Ok(true) => {
                let timeout = self.common.limits.timeouts.stall_timeout;
                self.timer(timeout, Timer::Stall(conn));
                Ok(())
            }
            Err(why) => {
                self.common.metrics.limited(1);
                self.disconnect(conn, End::Lost(&why))
            }
        }
    }

    pub(super) fn message(&mut self, conn: ConnId, read: Routed<ReadOut>) -> Result<()> {
        let Routed { command: out, way } = read;
        let now = self.now();
        // Dropping `way` releases the share of the flow; there is no reader left to resume.
        let Some(found) = self.conns.get_mut(&conn) else {
            return Ok(());
        };
        if let Some(until) = found.count(now) {
            self.common.metrics.rate_held(1);
            self.timers.insert((until, Timer::Rate(conn)));
        }
        match (found.state, *out.from_peer) {
            (State::Authenticating, FromPeer::Handshake(message)) => {
                let channel = found.channel();
                let verdict = self.peer_mgmt.message(conn, &message, &channel, now);
                // Handled before the share is released: until then the reader, limited to one
                // message here, cannot read on without its keys.
                self.authenticate(conn, verdict)?;
                self.done(way)
            }
            (State::Up(_), FromPeer::Message(ProtoMessage::Signal { to, sealed }, _)) => {
                self.signal(conn, to, sealed, way)
            }
            (State::Up(peer), FromPeer::Message(ProtoMessage::App { service, body }, _)) => {
                self.app(conn, peer, service, body, way)
            }
            (State::Up(_), FromPeer::Message(ProtoMessage::Hello { addresses }, _))
                if !found.said_hello =>
            {
                found.said_hello = true;
                self.hello(conn, &addresses, way)
            }
            (State::Up(_), FromPeer::Message(message, part)) => {
                self.protocol.tell(Input::Message(conn, message, part), way);
                Ok(())
            }
            // A reader decodes messages when it has the keys, and no handshake then.
            (State::Leaving, _)
            | (State::Authenticating, FromPeer::Message(..))
            | (State::Up(_), FromPeer::Handshake(_)) => Ok(()),
        }
    }
}
