//! Messages of the server to a client that is logged in.

use std::time::Duration;

use super::super::message::{
    Code, FromClient, FromServer, Kind, Refusal, Sealed, VERSION, split_relay_frame,
};
use super::super::replay::LIFETIME_MS;
use super::super::user::{PublicKey, UserId};
use super::{Client, Event, State, Time};

impl Client {
    /// A text frame came.
    pub fn text(&mut self, time: Time, text: &str) {
        self.heard = time.now;
        let message = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => {
                let why = format!("the server says what is no message: {error}");
                return self.lost(time, why);
            }
        };
        match (&self.state, message) {
            (State::Proving | State::Opening, FromServer::Challenge { version, nonce }) => {
                if version != VERSION {
                    self.backoff.exhaust();
                    let why = format!("the server speaks version {version}, this client {VERSION}");
                    return self.lost(time, why);
                }
                self.say_hello(&nonce);
            }
            (State::Proving, FromServer::Welcome { user, alone }) => {
                // Both derive the id from the key, so another one means that they differ in how.
                if user != self.own {
                    return self.lost(time, "the server takes this client for another".into());
                }
                self.welcome(time, alone);
            }
            (_, FromServer::Error(refusal)) => match refusal.user {
                Some(user) => self.refused_with(user, refusal),
                None => self.refused(time, refusal),
            },
            (_, FromServer::Restarting { spread_ms }) => {
                // A hostile server must not keep its clients away for long.
                let most = Duration::from_millis(spread_ms.min(60_000));
                let wait = self.backoff.within(most);
                self.lost_for(time, "the server restarts".into(), wait, false);
            }
            (State::Online { .. }, message) => self.online(time, message),
            _ => self.lost(time, "the server speaks out of turn".into()),
        }
    }

    /// A binary frame came.
    pub fn binary(&mut self, time: Time, bytes: &[u8]) {
        self.heard = time.now;
        // A server that relays what nobody asked for wastes its own time only.
        if let Some((from, payload)) = split_relay_frame(bytes)
            && self.relays.get(&from) == Some(&true)
        {
            self.events.push_back(Event::Frame(from, payload.to_vec()));
        }
    }

    fn welcome(&mut self, time: Time, alone: bool) {
        self.backoff.reset();
        self.pinged = time.now;
        self.enter(State::Online { alone }, time.now);
        for room in self.rooms.clone() {
            self.say(&FromClient::Join { room });
        }
        for user in self.wanted.clone() {
            self.say(&FromClient::Find { user });
        }
        for (_, to, kind, body) in std::mem::take(&mut self.kept) {
            self.say_sealed(time, to, kind, body);
        }
    }

    fn online(&mut self, time: Time, message: FromServer) {
        let event = match message {
            FromServer::Joined { room, members } => Event::Joined(room, members),
            FromServer::Entered { room, user } => Event::Entered(room, user),
            FromServer::Left { room, user } => Event::Left(room, user),
            FromServer::Here { user } => {
                self.wanted.remove(&user);
                Event::Here(user)
            }
            FromServer::Away { user } => Event::Away(user),
            FromServer::Signal { from, key, sealed } => return self.hear(time, from, &key, sealed),
            FromServer::RelayAsked { user } => Event::RelayAsked(user),
            FromServer::RelayOpen { user } => {
                let Some(open) = self.relays.get_mut(&user) else {
                    // Given up meanwhile.
                    return;
                };
                *open = true;
                Event::RelayOpen(user)
            }
            FromServer::RelayClosed { user, reason } => {
                self.relays.remove(&user);
                Event::RelayClosed(user, reason)
            }
            // It is still logged in, so the state began when it did.
            FromServer::Alone { alone } => return self.enter(State::Online { alone }, self.since),
            // `text` has noted already that the server lives.
            FromServer::Pong => return,
            FromServer::Challenge { .. }
            | FromServer::Welcome { .. }
            | FromServer::Error(_)
            | FromServer::Restarting { .. } => {
                return self.lost(time, "the server speaks out of turn".into());
            }
        };
        self.events.push_back(event);
    }

    /// Handles the refusal of a message that concerned one user.
    fn refused_with(&mut self, user: UserId, Refusal { code, text, .. }: Refusal) {
        if code == Code::NoRelay && self.relays.get(&user) == Some(&false) {
            // Of a frame over the relay of before: nothing is sent over one that is not open yet.
            return;
        }
        // It was not there when the relay was asked for. An open relay has its own end.
        if self.relays.get(&user) == Some(&false) {
            self.relays.remove(&user);
            self.events
                .push_back(Event::RelayClosed(user, text.clone()));
        }
        self.events.push_back(Event::Unreachable(user, text));
    }

    fn hear(&mut self, time: Time, from: UserId, key: &PublicKey, sealed: Sealed) {
        let checked = sealed
            // Checked first: a forged message must not use up a number of its alleged sender.
            .check(&self.own, &from, key, self.id_of)
            .and_then(|()| self.guard.admit(time.unix_ms, from, &sealed));
        self.events.push_back(match checked {
            Ok(()) => Event::Signal(from, sealed.kind, sealed.body),
            Err(why) => Event::Dropped(from, why),
        });
    }

    pub(super) fn say_sealed(&mut self, time: Time, to: UserId, kind: Kind, body: String) {
        // It begins at the clock, so that the numbers of a user rise over restarts too.
        let seq = self.next_seq.unwrap_or(time.unix_ms << 10);
        self.next_seq = Some(seq + 1);
        let expires = time.unix_ms + LIFETIME_MS;
        let sealed = Sealed::new(&*self.identity, to, kind, seq, expires, body);
        self.say(&FromClient::Signal { sealed });
    }
}
