//! Messages that servers publish on the backplane, and their topics.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ConnId, InstanceId, PublicKey, Sealed, UserId};

/// Topic on which servers announce that they live.
pub(super) const ALL: &str = "mydht:all";
pub(super) const USER: &str = "mydht:u:";
pub(super) const ARRIVAL: &str = "mydht:w:";
pub(super) const ROOM: &str = "mydht:r:";

/// Message from one user's server to another's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) enum Letter {
    Signal {
        key: PublicKey,
        sealed: Sealed,
    },
    /// Nothing: only whether it is received counts.
    Probe,
    RelayAsk,
    RelayAgree,
    RelayEnd {
        reason: String,
    },
    /// There is a relay, as far as is known.
    RelayCheck,
}

/// Message of a server on a topic.
#[derive(Serialize, Deserialize)]
pub(super) enum Note {
    Letter {
        from: UserId,
        letter: Letter,
    },
    Login {
        instance: InstanceId,
        conn: ConnId,
    },
    Arrived,
    Members {
        instance: InstanceId,
        members: BTreeSet<UserId>,
        ask: bool,
    },
    Alive {
        instance: InstanceId,
        /// `Some`: it was not on the backplane until now, so nobody heard what its users left, and
        /// these are the rooms that they are in.
        #[serde(default)]
        back_with: Option<BTreeSet<String>>,
    },
    Gone {
        instance: InstanceId,
    },
}

pub(super) fn user_topic(user: &UserId) -> String {
    format!("{USER}{user}")
}

pub(in super::super) fn arrival_topic(user: &UserId) -> String {
    format!("{ARRIVAL}{user}")
}

pub(in super::super) fn room_topic(name: &str) -> String {
    format!("{ROOM}{name}")
}
