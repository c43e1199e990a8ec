//! Several servers as one, over a backplane: something with topics, where whoever publishes hears
//! how many subscribed.
//!
//! A server subscribes to a topic for each of its users, so a topic's number of subscribers says
//! whether a user is anywhere, and a server that dies leaves nothing behind. Topics are ordered, so
//! of two logins of a user the one that is announced last wins, whatever the servers' clocks say.

mod notes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::message::{FromServer, Sealed, relay_frame, split_relay_frame};
use super::super::user::{PublicKey, UserId};
use super::{ConnId, Output, Server};
use notes::{ALL, ARRIVAL, Note, ROOM, USER, user_topic};
pub(super) use notes::{Letter, arrival_topic, room_topic};

/// Interval at which a server announces that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(5);

/// After so long without a word a server is taken for dead.
const DEAD_AFTER: Duration = Duration::from_secs(15);

/// Names a server among the others: random, new at each start.
pub(super) type InstanceId = u64;

/// Command to the backplane. Commands are carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterCommand {
    /// Receive what is published on a topic, from now on.
    Subscribe(String),
    /// Receive it no longer.
    Unsubscribe(String),
    /// Publish, and report by [`Backplane::Published`] how many servers received it.
    Publish {
        /// On which topic.
        topic: String,
        /// Bytes to publish.
        bytes: Vec<u8>,
        /// Given back in the report; 0 if no report is needed.
        ticket: u64,
    },
}

/// Number of receivers of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Ticket of the command.
    pub ticket: u64,
    /// Servers that received it.
    pub receivers: u64,
}

/// Report of the backplane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backplane {
    /// The backplane can be used: nothing is subscribed yet.
    Up,
    /// The backplane cannot be used. Subscriptions, and what was not reported yet, are lost.
    Down,
    /// Outcome of a publication.
    Published(Published),
    /// Something was published on a topic.
    Message(String, Vec<u8>),
}

/// The connection with the other servers.
#[derive(Debug)]
pub(super) struct Cluster {
    instance: InstanceId,
    up: bool,
    tickets: BTreeMap<u64, Ticket>,
    next_ticket: u64,
    heard: BTreeMap<InstanceId, Duration>,
    alive_at: Duration,
}

/// Act that follows when a publication reached nobody.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ticket {
    None,
    Signal { from: UserId, to: UserId },
    Relay { from: UserId, to: UserId },
    Frame { from: UserId, to: UserId },
    Find { asker: UserId, wanted: UserId },
}

impl Server {
    /// Makes it one of several; `instance` must be random. Nothing is shared before
    /// [`Backplane::Up`].
    #[must_use]
    pub fn with_backplane(mut self, instance: u64) -> Self {
        self.cluster = Some(Cluster {
            instance,
            up: false,
            tickets: BTreeMap::new(),
            next_ticket: 1,
            heard: BTreeMap::new(),
            alive_at: Duration::ZERO,
        });
        self
    }

    /// The backplane reports something.
    pub fn backplane(&mut self, now: Duration, event: Backplane) {
        match event {
            Backplane::Up => self.cluster_up(now),
            Backplane::Down => self.cluster_down(),
            Backplane::Published(Published { ticket, receivers }) => {
                let cluster = self.cluster.as_mut();
                if let Some(ticket) = cluster.and_then(|found| found.tickets.remove(&ticket)) {
                    self.published(ticket, receivers > 0);
                }
            }
            Backplane::Message(topic, bytes) => self.cluster_message(now, &topic, &bytes),
        }
    }

    /// Tells the other servers that this one is going.
    pub fn leave_cluster(&mut self) {
        if let Some(instance) = self.cluster.as_ref().map(|cluster| cluster.instance) {
            self.publish(ALL.into(), &Note::Gone { instance }, Ticket::None);
        }
    }

    pub(super) fn is_alone(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| !cluster.up)
    }

    fn is_up(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.up)
    }

    /// Gives a letter to a user, wherever it is. False if it is known at once that it is nowhere.
    pub(super) fn post(
        &mut self,
        from: UserId,
        to: UserId,
        letter: &Letter,
        ticket: Ticket,
    ) -> bool {
        if self.users.contains_key(&to) {
            self.deliver(from, to, letter);
            return true;
        }
        let letter = letter.clone();
        self.publish(user_topic(&to), &Note::Letter { from, letter }, ticket)
    }

    /// Posts relayed bytes to a user that is not here.
    pub(super) fn post_frame(&mut self, from: UserId, to: UserId, payload: &[u8]) -> bool {
        // Other than JSON, it begins with 1.
        let bytes = relay_frame(&from, payload);
        self.publish_bytes(user_topic(&to), bytes, Ticket::Frame { from, to })
    }

    fn deliver(&mut self, from: UserId, to: UserId, letter: &Letter) {
        match letter {
            Letter::Signal { .. } => self.deliver_signal(from, to, letter),
            Letter::Probe => {}
            Letter::RelayAsk => self.relay_asked(from, to),
            Letter::RelayAgree => self.relay_agreed(from, to),
            Letter::RelayEnd { reason } => self.relay_ended(from, to, reason),
            Letter::RelayCheck => self.relay_checked(from, to),
        }
    }

    /// Announces a user that logged in.
    pub(super) fn announce(&mut self, id: UserId) {
        let (Some(user), Some(cluster)) = (self.users.get(&id), &self.cluster) else {
            return;
        };
        let (instance, conn) = (cluster.instance, user.conn);
        // Before the announcement, which has to come back here: its place on the topic decides
        // which login is the newest.
        self.subscribe(user_topic(&id));
        self.publish(
            user_topic(&id),
            &Note::Login { instance, conn },
            Ticket::None,
        );
        // Who waits for the user may be at any server, hence a topic that all of these know.
        self.publish(arrival_topic(&id), &Note::Arrived, Ticket::None);
    }

    /// Withdraws a user that has logged out.
    pub(super) fn withdraw(&mut self, id: UserId) {
        self.unsubscribe(user_topic(&id));
    }

    /// Tells the other servers who of this one is in a room, and whether to say the same.
    pub(super) fn announce_room(&mut self, name: &str, ask: bool) {
        let (Some(room), Some(cluster)) = (self.rooms.get(name), &self.cluster) else {
            return;
        };
        let note = Note::Members {
            instance: cluster.instance,
            members: room.local.clone(),
            ask,
        };
        self.publish(room_topic(name), &note, Ticket::None);
    }

    pub(super) fn subscribe(&mut self, topic: String) {
        if self.is_up() {
            self.outputs
                .push_back(Output::Cluster(ClusterCommand::Subscribe(topic)));
        }
    }

    pub(super) fn unsubscribe(&mut self, topic: String) {
        if self.is_up() {
            self.outputs
                .push_back(Output::Cluster(ClusterCommand::Unsubscribe(topic)));
        }
    }

    fn publish(&mut self, topic: String, note: &Note, ticket: Ticket) -> bool {
        // No member of a note is a map with keys that are no strings: this cannot fail.
        let bytes = serde_json::to_vec(note).unwrap_or_default();
        self.publish_bytes(topic, bytes, ticket)
    }

    fn publish_bytes(&mut self, topic: String, bytes: Vec<u8>, ticket: Ticket) -> bool {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.up) else {
            return false;
        };
        let number = if matches!(ticket, Ticket::None) {
            0
        } else {
            let number = cluster.next_ticket;
            cluster.next_ticket += 1;
            cluster.tickets.insert(number, ticket);
            number
        };
        let ticket = number;
        let command = ClusterCommand::Publish {
            topic,
            bytes,
            ticket,
        };
        self.outputs.push_back(Output::Cluster(command));
        true
    }

    fn published(&mut self, ticket: Ticket, received: bool) {
        match ticket {
            Ticket::Find { asker, wanted } => self.probed(asker, wanted, received),
            _ if received => {}
            Ticket::None => {}
            Ticket::Signal { from, to } => self.absent(from, to),
            Ticket::Relay { from, to } => self.relay_absent(from, to),
            Ticket::Frame { from, to } => self.relay_lost(from, to),
        }
    }

    fn cluster_up(&mut self, now: Duration) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| !cluster.up) else {
            return;
        };
        cluster.up = true;
        cluster.alive_at = now + ALIVE_EVERY;
        let instance = cluster.instance;
        self.subscribe(ALL.into());
        let alive = Note::Alive {
            instance,
            back_with: Some(self.rooms.keys().cloned().collect()),
        };
        self.publish(ALL.into(), &alive, Ticket::None);
        let users: Vec<_> = self.users.keys().copied().collect();
        let waiting: Vec<_> = self
            .waiting
            .iter()
            .flat_map(|(wanted, who)| who.iter().map(|asker| (*asker, *wanted)))
            .collect();
        for wanted in self.waiting.keys().copied().collect::<Vec<_>>() {
            self.subscribe(arrival_topic(&wanted));
        }
        for id in users {
            self.announce(id);
            self.tell(id, &FromServer::Alone { alone: false });
        }
        for name in self.rooms.keys().cloned().collect::<Vec<_>>() {
            self.subscribe(room_topic(&name));
            self.announce_room(&name, true);
        }
        // Last: who arrives meanwhile is heard by the subscriptions above.
        for (asker, wanted) in waiting {
            let ticket = Ticket::Find { asker, wanted };
            self.post(asker, wanted, &Letter::Probe, ticket);
        }
    }

    fn cluster_down(&mut self) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.up) else {
            return;
        };
        cluster.up = false;
        let dead: Vec<_> = std::mem::take(&mut cluster.heard).into_keys().collect();
        // No report will come any more, so what was under way counts as not received.
        for ticket in std::mem::take(&mut cluster.tickets).into_values() {
            self.published(ticket, false);
        }
        for instance in dead {
            self.forget_instance(instance);
        }
        for (id, other) in self.relays_elsewhere() {
            self.relay_lost(id, other);
        }
        for id in self.users.keys().copied().collect::<Vec<_>>() {
            if let Some(user) = self.users.get_mut(&id) {
                // It is announced anew later; what is announced elsewhere until then is an older
                // login.
                user.announced = false;
            }
            self.tell(id, &FromServer::Alone { alone: true });
        }
    }

    /// Another server is on the backplane again, with users in these rooms.
    fn cluster_back(&mut self, instance: InstanceId, rooms: &BTreeSet<String>) {
        // It gave up the relays of its users, and whoever left it meanwhile left unheard.
        for (from, to) in self.relays_elsewhere() {
            self.post(from, to, &Letter::RelayCheck, Ticket::Frame { from, to });
        }
        for name in self.rooms.keys().cloned().collect::<Vec<_>>() {
            if !rooms.contains(&name) {
                self.remote_members(&name, instance, BTreeSet::new());
            }
        }
    }

    /// The users of relays of which only one end is here: that one, and the other.
    fn relays_elsewhere(&self) -> Vec<(UserId, UserId)> {
        let ends = self
            .users
            .iter()
            .flat_map(|(id, user)| user.relays.keys().map(|other| (*id, *other)));
        ends.filter(|(_, other)| !self.users.contains_key(other))
            .collect()
    }

    pub(super) fn tick_cluster(&mut self, now: Duration) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.up) else {
            return;
        };
        let instance = cluster.instance;
        let says_so = now >= cluster.alive_at;
        if says_so {
            cluster.alive_at = now + ALIVE_EVERY;
        }
        let dead: Vec<_> = cluster
            .heard
            .iter()
            .filter(|(_, heard)| now >= **heard + DEAD_AFTER)
            .map(|(instance, _)| *instance)
            .collect();
        if says_so {
            let alive = Note::Alive {
                instance,
                back_with: None,
            };
            self.publish(ALL.into(), &alive, Ticket::None);
        }
        for instance in dead {
            self.forget_instance(instance);
        }
    }

    fn forget_instance(&mut self, instance: InstanceId) {
        if let Some(cluster) = self.cluster.as_mut() {
            cluster.heard.remove(&instance);
        }
        for name in self.rooms.keys().cloned().collect::<Vec<_>>() {
            self.remote_members(&name, instance, BTreeSet::new());
        }
    }

    /// Whether another server is heard of for the first time.
    fn hear(&mut self, now: Duration, instance: InstanceId) -> bool {
        let cluster = self.cluster.as_mut();
        cluster.is_some_and(|cluster| cluster.heard.insert(instance, now).is_none())
    }

    fn cluster_message(&mut self, now: Duration, topic: &str, bytes: &[u8]) {
        let Some(own) = self.cluster.as_ref().map(|cluster| cluster.instance) else {
            return;
        };
        self.counters.cluster_messages += 1;
        let user = topic.strip_prefix(USER).and_then(|id| id.parse().ok());
        if let Some((from, payload)) = split_relay_frame(bytes) {
            if let Some(to) = user {
                self.deliver_frame(from, to, payload);
            }
            return;
        }
        // Whatever else is published there is none of ours.
        let Ok(note) = serde_json::from_slice(bytes) else {
            return;
        };
        match note {
            Note::Letter { from, letter } => {
                if let Some(to) = user {
                    self.deliver(from, to, &letter);
                }
            }
            Note::Login { instance, conn } => {
                if let Some(user) = user {
                    self.login_announced(user, (instance == own).then_some(conn));
                }
            }
            Note::Arrived => {
                if let Some(Ok(id)) = topic.strip_prefix(ARRIVAL).map(str::parse) {
                    self.arrived(id);
                }
            }
            Note::Members {
                instance,
                members,
                ask,
            } if instance != own => {
                self.hear(now, instance);
                let Some(name) = topic.strip_prefix(ROOM) else {
                    return;
                };
                self.remote_members(name, instance, members);
                if ask {
                    self.announce_room(name, false);
                }
            }
            Note::Alive {
                instance,
                back_with,
            } if instance != own => {
                if let Some(rooms) = back_with {
                    self.cluster_back(instance, &rooms);
                }
                // One that was given up for dead has heard nothing of ours meanwhile, nor we of its.
                if self.hear(now, instance) {
                    for name in self.rooms.keys().cloned().collect::<Vec<_>>() {
                        self.announce_room(&name, true);
                    }
                }
            }
            Note::Gone { instance } if instance != own => self.forget_instance(instance),
            // These are this server's own.
            Note::Members { .. } | Note::Alive { .. } | Note::Gone { .. } => {}
        }
    }

    /// A login of a user of this server was announced: by this server over the connection `ours`,
    /// or by another.
    fn login_announced(&mut self, id: UserId, ours: Option<ConnId>) {
        let Some(user) = self.users.get_mut(&id) else {
            return;
        };
        match ours {
            Some(conn) if conn == user.conn => user.announced = true,
            // An earlier login, here; or one whose announcement came before ours, so that ours is the newer.
            Some(_) => {}
            None if !user.announced => {}
            None => {
                // Who has a relay with the other login already may be on any server but this one: there the next frame
                // finds out that it is another. Who is here hears it before anything of the other login.
                let others = std::mem::take(&mut user.relays).into_keys();
                let here: Vec<_> = others
                    .filter(|other| self.users.contains_key(other))
                    .collect();
                for other in here {
                    self.relay_replaced(id, other);
                }
                self.replace(id);
            }
        }
    }
}
