//! Signals for WebRTC, carried by common neighbours of both ends.

use mydht_spawner::Result;
use tracing::Span;

use super::MainLoop;
use super::links::End;
use crate::conf::MyDHTConf;
use crate::engine::ConnId;
use crate::id::PeerId;
use crate::msg::ProtoMessage;
use crate::routing::Distance;
use crate::service::hosted::Way;

/// Neighbours that are asked to carry one thing.
const CARRIERS: usize = 3;

impl<MC: MyDHTConf> MainLoop<MC> {
    /// Has neighbours carry what the transport has to say.
    pub(super) fn say_signals(&mut self) -> Result<()> {
        while let Some((to, sealed)) = self.signal_port.as_mut().and_then(|it| it.outgoing()) {
            for conn in self.carriers(&to) {
                let sealed = sealed.clone();
                let message = ProtoMessage::Signal { to, sealed };
                self.send(conn, message, None, &Span::none())?;
            }
        }
        Ok(())
    }

    /// Connections by which something reaches `to`: its own if there is one, else those of the
    /// neighbours nearest to it, who are likeliest to know it.
    fn carriers(&self, to: &PeerId) -> Vec<ConnId> {
        if let Some(conn) = self.peers.get(to).and_then(|conns| conns.last()) {
            return vec![*conn];
        }
        let mut nearest: Vec<_> = self
            .peers
            .iter()
            .filter_map(|(peer, conns)| Some((Distance::between(&peer.0, &to.0), *conns.last()?)))
            .collect();
        nearest.sort_unstable();
        nearest.truncate(CARRIERS);
        nearest.into_iter().map(|(_, conn)| conn).collect()
    }

    /// A peer says something to this node, or through it to one of its peers.
    pub(super) fn signal(
        &mut self,
        conn: ConnId,
        to: PeerId,
        sealed: Vec<u8>,
        way: Way,
    ) -> Result<()> {
        if sealed.len() > self.common.limits.sizes.signal_bytes {
            self.common.metrics.limited(1);
            return self.disconnect(
                conn,
                End::Refused("a signal is too long (limit sizes.signal_bytes)"),
            );
        }
        let now = self.now();
        let may = self.conns.get_mut(&conn).map(|conn| conn.may_signal(now));
        if may != Some(true) {
            self.common.metrics.limited(1);
            return self.done(way);
        }
        if to == self.own {
            if let Some(signal_port) = &mut self.signal_port {
                signal_port.incoming(&sealed);
            }
            return self.done(way);
        }
        let there = self.peers.get(&to).and_then(|conns| conns.last()).copied();
        let room = |there: &ConnId| self.conns.get(there).is_some_and(|conn| conn.has_room());
        // Never sent back to its origin, nor to a peer that is slow to accept messages.
        match there.filter(|there| *there != conn && room(there)) {
            Some(there) => {
                self.common.metrics.signals_carried(1);
                let message = ProtoMessage::Signal { to, sealed };
                self.send(there, message, None, &way.span)?;
            }
            None => tracing::debug!(conn, ?to, "a signal for somebody who is not there"),
        }
        self.done(way)
    }
}
