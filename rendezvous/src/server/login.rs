//! Logging in and out.

use std::collections::{BTreeMap, BTreeSet};

use super::super::message::{Code, FromServer, VERSION};
use super::super::proof::is_hello;
use super::super::user::{PublicKey, Signature, UserId};
use super::{ConnId, Server, User, close, refuse};

impl Server {
    pub(super) fn log_in(
        &mut self,
        conn: ConnId,
        version: u32,
        key: PublicKey,
        name: &str,
        signature: &Signature,
    ) {
        let Some(connection) = self.connections.get(&conn) else {
            return;
        };
        // The client signs the name that it dialled, so no other server can pass its login on.
        let ours = self.names.contains(name) || connection.local == name;
        let id = (self.id_of)(&key);
        let why = if version != VERSION {
            let text = format!("this server speaks version {VERSION}, not {version}");
            Some(refuse(Code::Version, text))
        } else if !ours {
            let text = format!("this server is not called {name}: start it with --name {name}");
            Some(refuse(Code::WrongServer, text))
        } else if !is_hello(name, &connection.nonce, &key, signature) {
            Some(refuse(
                Code::NotProved,
                "the signature does not prove the key",
            ))
        } else {
            None
        };
        let id = match (why, id) {
            (None, Some(id)) => id,
            (why, _) => {
                let refusal = why.unwrap_or_else(|| refuse(Code::NotProved, "that is no key"));
                let reason = refusal.text.clone();
                self.refuse(conn, refusal);
                return self.close(conn, close::POLICY, &reason);
            }
        };
        // The newest wins: it is the one that the user can see.
        self.replace(id);
        self.end_relays_elsewhere(id);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.user = Some(id);
            // Every connection without a user is counted there.
            self.pending -= 1;
        }
        self.counters.logins += 1;
        let user = User {
            conn,
            key,
            rooms: BTreeSet::new(),
            waiting: BTreeSet::new(),
            relays: BTreeMap::new(),
            announced: false,
        };
        self.users.insert(id, user);
        let alone = self.is_alone();
        // First: others hear of the user below, and what they say has to come behind its welcome.
        self.send(conn, &FromServer::Welcome { user: id, alone });
        self.announce(id);
        self.arrived(id);
    }

    /// Closes the connection of a user that logged in elsewhere.
    pub(super) fn replace(&mut self, id: UserId) {
        let Some(conn) = self.users.get(&id).map(|user| user.conn) else {
            return;
        };
        self.counters.replaced += 1;
        self.refuse(
            conn,
            refuse(Code::Replaced, "the same user logged in again"),
        );
        self.close(conn, close::REPLACED, "the same user logged in again");
    }

    /// Takes a user out of everything.
    pub(super) fn log_out(&mut self, id: UserId) {
        let Some(user) = self.users.get(&id) else {
            return;
        };
        let (rooms, waiting) = (user.rooms.clone(), user.waiting.clone());
        for room in rooms {
            self.leave(id, &room);
        }
        for wanted in waiting {
            self.forget(id, wanted);
        }
        self.end_relays(id);
        // Last, because all of the above looks the user up.
        self.users.remove(&id);
        self.withdraw(id);
    }
}
