//! The blind relay: bytes between two users that both want it.

use super::super::message::{Code, FromServer, relay_frame, split_relay_frame};
use super::super::user::UserId;
use super::cluster::{Letter, Ticket};
use super::{ConnId, Frame, Server, User, refuse, refuse_limit};

/// Why a relay is closed whose other user logged in again.
const CAME_BACK: &str = "the other user came back";

/// State of a relay at one of its ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Relay {
    /// The user of this end wants it.
    ours: bool,
    /// The other wants it.
    theirs: bool,
}

impl Relay {
    fn is_open(self) -> bool {
        self.ours && self.theirs
    }
}

impl User {
    pub(super) fn open_relays(&self) -> u64 {
        self.relays.values().filter(|relay| relay.is_open()).count() as u64
    }
}

impl Server {
    pub(super) fn relay(&mut self, id: UserId, other: UserId) {
        if id == other {
            return self.refuse_user(id, refuse(Code::Yourself, "that is you"));
        }
        let most = self.limits.relays_per_user;
        let Some(user) = self.users.get_mut(&id) else {
            return;
        };
        // One that the other user asked for is counted already, so agreeing never fails here.
        if !user.relays.contains_key(&other) && user.relays.len() as u64 >= most {
            let mut refusal = refuse_limit("relays_per_user", format!("you have {most} relays"));
            refusal.user = Some(other);
            return self.refuse_user(id, refusal);
        }
        let relay = user.relays.entry(other).or_default();
        if relay.is_open() {
            return;
        }
        relay.ours = true;
        let letter = if relay.theirs {
            self.tell(id, &FromServer::RelayOpen { user: other });
            Letter::RelayAgree
        } else {
            Letter::RelayAsk
        };
        let ticket = Ticket::Relay {
            from: id,
            to: other,
        };
        if !self.post(id, other, &letter, ticket) {
            self.relay_absent(id, other);
        }
    }

    pub(super) fn unrelay(&mut self, id: UserId, other: UserId) {
        let known = self
            .users
            .get_mut(&id)
            .and_then(|user| user.relays.remove(&other));
        // Or anybody could end relays that never were.
        if known.is_some() {
            let reason = "the other user ended it".to_owned();
            self.post(id, other, &Letter::RelayEnd { reason }, Ticket::None);
        }
    }

    /// The other user of a relay is not there.
    pub(super) fn relay_absent(&mut self, id: UserId, other: UserId) {
        if let Some(user) = self.users.get_mut(&id)
            && user.relays.remove(&other).is_some()
        {
            self.absent(id, other);
        }
    }

    /// `from` wants a relay with `to`, who is here.
    pub(super) fn relay_asked(&mut self, from: UserId, to: UserId) {
        let most = self.limits.relays_per_user;
        let Some(user) = self.users.get_mut(&to) else {
            return;
        };
        // Offers are counted too, or strangers could fill the memory with them.
        if !user.relays.contains_key(&from) && user.relays.len() as u64 >= most {
            let reason = "relays_per_user: the other user has too many relays".to_owned();
            self.post(to, from, &Letter::RelayEnd { reason }, Ticket::None);
            return;
        }
        let relay = user.relays.entry(from).or_default();
        let was_open = relay.is_open();
        relay.theirs = true;
        if !relay.ours {
            return self.tell(to, &FromServer::RelayAsked { user: from });
        }
        if was_open {
            // It came back without having left: for this end that is another relay.
            let reason = CAME_BACK.to_owned();
            self.tell(to, &FromServer::RelayClosed { user: from, reason });
        }
        self.tell(to, &FromServer::RelayOpen { user: from });
        self.post(to, from, &Letter::RelayAgree, Ticket::None);
    }

    /// `from` agrees to the relay that `to`, who is here, asked for.
    pub(super) fn relay_agreed(&mut self, from: UserId, to: UserId) {
        let relay = self
            .users
            .get_mut(&to)
            .and_then(|user| user.relays.get_mut(&from));
        match relay {
            Some(relay) if relay.ours => {
                // Told once, although both may have asked at the same time.
                if !relay.theirs {
                    relay.theirs = true;
                    self.tell(to, &FromServer::RelayOpen { user: from });
                }
            }
            _ => {
                let reason = "the other user does not want it any more".to_owned();
                self.post(to, from, &Letter::RelayEnd { reason }, Ticket::None);
            }
        }
    }

    /// `from` ended, or refused, its relay with `to`, who is here.
    pub(super) fn relay_ended(&mut self, from: UserId, to: UserId, reason: &str) {
        let known = self
            .users
            .get_mut(&to)
            .and_then(|user| user.relays.remove(&from));
        if known.is_some() {
            let reason = reason.to_owned();
            self.tell(to, &FromServer::RelayClosed { user: from, reason });
        }
    }

    /// Ends the relay of `from`, who logged in again, with `to`, who is here.
    pub(super) fn relay_replaced(&mut self, from: UserId, to: UserId) {
        self.relay_ended(from, to, CAME_BACK);
    }

    /// The server of `from` takes it that there is a relay with `to`, who is here.
    pub(super) fn relay_checked(&mut self, from: UserId, to: UserId) {
        let user = self.users.get(&to);
        if user.is_some_and(|user| !user.relays.contains_key(&from)) {
            let reason = CAME_BACK.to_owned();
            self.post(to, from, &Letter::RelayEnd { reason }, Ticket::None);
        }
    }

    /// A user leaves: the other ends of its relays hear it.
    pub(super) fn end_relays(&mut self, id: UserId) {
        let Some(user) = self.users.get_mut(&id) else {
            return;
        };
        for other in std::mem::take(&mut user.relays).into_keys() {
            let reason = "the other user left".to_owned();
            self.post(id, other, &Letter::RelayEnd { reason }, Ticket::None);
        }
    }

    /// A user logged in here: a relay that somebody here has with it is that of a login at another
    /// server.
    pub(super) fn end_relays_elsewhere(&mut self, id: UserId) {
        if self.cluster.is_none() {
            return;
        }
        let with: Vec<_> = self
            .users
            .iter()
            .filter(|(_, user)| user.relays.contains_key(&id))
            .map(|(other, _)| *other)
            .collect();
        for other in with {
            self.relay_replaced(id, other);
        }
    }

    /// A binary frame of a user.
    pub(super) fn frame_from(&mut self, conn: ConnId, from: UserId, bytes: &[u8]) {
        let Some((to, payload)) = split_relay_frame(bytes) else {
            return self.malformed(conn, "a binary frame that is not relayed".into());
        };
        let most = self.limits.relay_frame_bytes;
        if payload.len() as u64 > most {
            let text = format!("a frame of {} bytes; {most} are allowed", payload.len());
            let mut refusal = refuse_limit("relay_frame_bytes", text);
            refusal.user = Some(to);
            return self.refuse(conn, refusal);
        }
        let open = self
            .users
            .get(&from)
            .and_then(|user| user.relays.get(&to))
            .is_some_and(|relay| relay.is_open());
        if !open {
            let mut refusal = refuse(Code::NoRelay, "no relay is open with this user");
            refusal.user = Some(to);
            return self.refuse(conn, refusal);
        }
        self.counters.relayed_frames += 1;
        self.counters.relayed_bytes += payload.len() as u64;
        if self.users.contains_key(&to) {
            self.deliver_frame(from, to, payload);
        } else if !self.post_frame(from, to, payload) {
            self.relay_lost(from, to);
        }
    }

    /// A relayed frame for a user of this server.
    pub(super) fn deliver_frame(&mut self, from: UserId, to: UserId, payload: &[u8]) {
        let Some(user) = self.users.get(&to) else {
            return;
        };
        let conn = user.conn;
        match user.relays.get(&from) {
            Some(relay) if relay.is_open() => {}
            // It ended, and may begin anew: what was under way is lost.
            Some(_) => return,
            None => {
                let reason = CAME_BACK.to_owned();
                self.post(to, from, &Letter::RelayEnd { reason }, Ticket::None);
                return;
            }
        }
        // Honest ends stop each other long before this. Half is left to the protocol itself.
        let full = self.connections.get(&conn).is_some_and(|connection| {
            connection.queued + payload.len() as u64 > self.limits.outgoing_bytes / 2
        });
        if full {
            let reason = "outgoing_bytes: more was sent than the receiver took".to_owned();
            self.relay_ended(from, to, &reason);
            self.post(to, from, &Letter::RelayEnd { reason }, Ticket::None);
            return;
        }
        self.send_frame(conn, Frame::Binary(relay_frame(&from, payload)));
    }

    /// The other end of an open relay cannot be reached.
    pub(super) fn relay_lost(&mut self, id: UserId, other: UserId) {
        self.relay_ended(other, id, "the other user is not here");
    }
}
