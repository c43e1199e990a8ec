//! Rooms.

use std::collections::{BTreeMap, BTreeSet};

use super::super::message::{Code, FromServer};
use super::super::user::UserId;
use super::cluster::{InstanceId, room_topic};
use super::{Server, refuse, refuse_limit};

/// Members of a room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Users of this server.
    pub(super) local: BTreeSet<UserId>,
    /// Users of others, by server.
    pub(super) remote: BTreeMap<InstanceId, BTreeSet<UserId>>,
}

impl Room {
    /// Everyone in it.
    fn members(&self) -> BTreeSet<UserId> {
        // A set: two servers may name the same user until its older login is replaced.
        let remote = self.remote.values().flatten();
        self.local.iter().chain(remote).copied().collect()
    }
}

impl Server {
    pub(super) fn join(&mut self, id: UserId, name: String) {
        let Some(user) = self.users.get(&id) else {
            return;
        };
        let limits = &self.limits;
        let (in_it, members) = match self.rooms.get(&name) {
            Some(room) => (room.local.contains(&id), room.members().len() as u64),
            None => (false, 0),
        };
        let rooms = self.rooms.len() as u64 + u64::from(!self.rooms.contains_key(&name));
        let refusal = if name.len() as u64 > limits.room_name_bytes {
            let text = format!(
                "the name of a room has at most {} bytes",
                limits.room_name_bytes
            );
            Some(refuse_limit("room_name_bytes", text))
        } else if name.is_empty() || name.chars().any(char::is_control) {
            let text = "the name of a room is empty or has control characters";
            Some(refuse(Code::RoomName, text))
        } else if in_it {
            // It hears who is there once more, and the others hear nothing.
            None
        } else if user.rooms.len() as u64 >= limits.rooms_per_user {
            let text = format!(
                "you are in {} rooms already: leave one first",
                user.rooms.len()
            );
            Some(refuse_limit("rooms_per_user", text))
        } else if members >= limits.members_per_room {
            Some(refuse_limit("members_per_room", "the room is full"))
        } else if rooms > limits.rooms {
            Some(refuse_limit(
                "rooms",
                "the server has no place for one more room",
            ))
        } else {
            None
        };
        if let Some(mut refusal) = refusal {
            // A name that is too long is not said back.
            refusal.room = (name.len() as u64 <= self.limits.room_name_bytes).then_some(name);
            return self.refuse_user(id, refusal);
        }
        // With its first member, this server asks the others who is there.
        let first = !self.rooms.contains_key(&name);
        let room = self.rooms.entry(name.clone()).or_default();
        let before = room.members();
        room.local.insert(id);
        if let Some(user) = self.users.get_mut(&id) {
            user.rooms.insert(name.clone());
        }
        let others: Vec<_> = before
            .iter()
            .copied()
            .filter(|other| *other != id)
            .collect();
        let (room, members) = (name.clone(), others);
        self.tell(id, &FromServer::Joined { room, members });
        if in_it {
            return;
        }
        self.changed(&name, &before);
        if first {
            self.subscribe(room_topic(&name));
        }
        self.announce_room(&name, first);
    }

    pub(super) fn leave(&mut self, id: UserId, name: &str) {
        let Some(room) = self
            .rooms
            .get_mut(name)
            .filter(|room| room.local.contains(&id))
        else {
            let mut refusal = refuse(Code::NotInRoom, "you are not in this room");
            refusal.room = (name.len() as u64 <= self.limits.room_name_bytes).then(|| name.into());
            return self.refuse_user(id, refusal);
        };
        let before = room.members();
        room.local.remove(&id);
        let last = room.local.is_empty();
        if let Some(user) = self.users.get_mut(&id) {
            user.rooms.remove(name);
        }
        self.changed(name, &before);
        // While the room is there: the others need the list without this user.
        self.announce_room(name, false);
        if last {
            self.rooms.remove(name);
            self.unsubscribe(room_topic(name));
        }
    }

    /// Handles another server's list of the members of a room there.
    pub(super) fn remote_members(
        &mut self,
        name: &str,
        instance: InstanceId,
        members: BTreeSet<UserId>,
    ) {
        let most = usize::try_from(self.limits.members_per_room).unwrap_or(usize::MAX);
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        let before = room.members();
        if members.is_empty() {
            room.remote.remove(&instance);
        } else {
            // Another server's limit may be higher.
            let members = members.into_iter().take(most).collect();
            room.remote.insert(instance, members);
        }
        self.changed(name, &before);
    }

    /// Tells the members of a room that are here what is new in it.
    fn changed(&mut self, name: &str, before: &BTreeSet<UserId>) {
        let Some(room) = self.rooms.get(name) else {
            return;
        };
        let after = room.members();
        let local: Vec<_> = room.local.iter().copied().collect();
        for member in local {
            for user in after
                .difference(before)
                .copied()
                .filter(|user| *user != member)
            {
                let room = name.to_owned();
                self.tell(member, &FromServer::Entered { room, user });
            }
            for user in before
                .difference(&after)
                .copied()
                .filter(|user| *user != member)
            {
                let room = name.to_owned();
                self.tell(member, &FromServer::Left { room, user });
            }
        }
    }
}
