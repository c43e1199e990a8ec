//! Counters of a server.

use std::collections::BTreeMap;

use super::super::message::Code;

/// Counts since the server began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections opened, refused ones included.
    pub connections: u64,
    /// Connections refused because a limit was reached.
    pub refused_connections: u64,
    /// Users that proved who they are.
    pub logins: u64,
    /// Users replaced by a later login.
    pub replaced: u64,
    /// Messages of the protocol that came.
    pub messages: u64,
    /// Descriptions, candidates and goodbyes passed on.
    pub signals: u64,
    /// Frames relayed.
    pub relayed_frames: u64,
    /// Bytes relayed, headers not counted.
    pub relayed_bytes: u64,
    /// Times a connection was read more slowly because it had too much relayed.
    pub pauses: u64,
    /// Messages from other servers.
    pub cluster_messages: u64,
    /// Refusals, by their code.
    pub refusals: BTreeMap<Code, u64>,
}

/// Numbers of connections, users and so on, at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Connections.
    pub connections: u64,
    /// Users that have proved who they are.
    pub users: u64,
    /// Rooms with a member on this server.
    pub rooms: u64,
    /// Pairs of a user and one that it waits for.
    pub waiting: u64,
    /// Ends of open relays.
    pub relays: u64,
    /// 1 if other servers should be reached and are not.
    pub alone: u64,
}
