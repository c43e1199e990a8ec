//! Passing on what users say to each other.

use super::super::message::{Code, FromServer, Sealed};
use super::super::user::UserId;
use super::cluster::{Letter, Ticket};
use super::{Server, refuse, refuse_limit};

impl Server {
    pub(super) fn signal(&mut self, from: UserId, sealed: Sealed) {
        let to = sealed.to;
        let most = self.limits.body_bytes;
        if sealed.body.len() as u64 > most {
            let text = format!("a body of {} bytes; {most} are allowed", sealed.body.len());
            let mut refusal = refuse_limit("body_bytes", text);
            refusal.user = Some(to);
            return self.refuse_user(from, refusal);
        }
        if to == from {
            return self.refuse_user(from, refuse(Code::Yourself, "that is you"));
        }
        // The key of the login: the receiver checks that the sender's id follows from it.
        let Some(key) = self.users.get(&from).map(|user| user.key) else {
            return;
        };
        let letter = Letter::Signal { key, sealed };
        if !self.post(from, to, &letter, Ticket::Signal { from, to }) {
            self.absent(from, to);
        }
    }

    /// A user of this server is told what another said.
    pub(super) fn deliver_signal(&mut self, from: UserId, to: UserId, letter: &Letter) {
        let Letter::Signal { key, sealed } = letter else {
            return;
        };
        self.counters.signals += 1;
        let (key, sealed) = (*key, sealed.clone());
        self.tell(to, &FromServer::Signal { from, key, sealed });
    }

    /// Tells a user that another is not here.
    pub(super) fn absent(&mut self, user: UserId, other: UserId) {
        let mut refusal = refuse(Code::Absent, "the user is not here");
        if self.is_alone() {
            refusal.text = "the user is not at this server, and the other servers cannot be \
                            reached now"
                .into();
        }
        refusal.user = Some(other);
        self.refuse_user(user, refusal);
    }
}
