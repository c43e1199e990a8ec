//! Finding a user by its id, and waiting for it.

use super::super::message::FromServer;
use super::super::user::UserId;
use super::cluster::{Letter, Ticket, arrival_topic};
use super::{Server, refuse_limit};

impl Server {
    pub(super) fn find(&mut self, asker: UserId, wanted: UserId) {
        if self.users.contains_key(&wanted) {
            return self.tell(asker, &FromServer::Here { user: wanted });
        }
        let Some(user) = self.users.get_mut(&asker) else {
            return;
        };
        let most = self.limits.waiting_per_user;
        if !user.waiting.contains(&wanted) && user.waiting.len() as u64 >= most {
            let text = format!("you wait for {most} users already: forget one first");
            let mut refusal = refuse_limit("waiting_per_user", text);
            refusal.user = Some(wanted);
            return self.refuse_user(asker, refusal);
        }
        user.waiting.insert(wanted);
        let who = self.waiting.entry(wanted).or_default();
        // One subscription serves all who wait for the same user.
        let first = who.is_empty();
        who.insert(asker);
        if first {
            self.subscribe(arrival_topic(&wanted));
        }
        // Asked only after it would be heard that it comes.
        let ticket = Ticket::Find { asker, wanted };
        if !self.post(asker, wanted, &Letter::Probe, ticket) {
            self.tell(asker, &FromServer::Away { user: wanted });
        }
    }

    pub(super) fn forget(&mut self, asker: UserId, wanted: UserId) {
        if let Some(user) = self.users.get_mut(&asker) {
            user.waiting.remove(&wanted);
        }
        let Some(who) = self.waiting.get_mut(&wanted) else {
            return;
        };
        who.remove(&asker);
        if who.is_empty() {
            self.waiting.remove(&wanted);
            self.unsubscribe(arrival_topic(&wanted));
        }
    }

    /// A user came, here or at another server.
    pub(super) fn arrived(&mut self, id: UserId) {
        let Some(who) = self.waiting.remove(&id) else {
            return;
        };
        self.unsubscribe(arrival_topic(&id));
        for asker in who {
            if let Some(user) = self.users.get_mut(&asker) {
                user.waiting.remove(&id);
            }
            self.tell(asker, &FromServer::Here { user: id });
        }
    }

    /// Handles another server's answer whether a user is there.
    pub(super) fn probed(&mut self, asker: UserId, wanted: UserId, there: bool) {
        let waits = self
            .waiting
            .get(&wanted)
            .is_some_and(|who| who.contains(&asker));
        if !waits {
            // It has been told, or waits no longer.
            return;
        }
        if there {
            self.forget(asker, wanted);
            self.tell(asker, &FromServer::Here { user: wanted });
        } else {
            self.tell(asker, &FromServer::Away { user: wanted });
        }
    }
}
