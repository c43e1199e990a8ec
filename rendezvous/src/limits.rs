//! Everything that a server bounds, by name.

use mydht_small::Excerpt;

/// Error of setting a limit that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("unknown limit `{0}`: the limits are {names}", names = names())]
pub struct UnknownLimit(pub Excerpt);

/// Returns the names of all limits, for people.
fn names() -> String {
    let all = Limits::default().all();
    let names: Vec<_> = all.into_iter().map(|(name, _)| name).collect();
    names.join(", ")
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $default:expr),* $(,)?) => {
        /// Bounds on what a server takes from its users. Past a bound, the user learns its name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $name: u64),* }

        impl Default for Limits {
            fn default() -> Self {
                Limits { $($name: $default),* }
            }
        }

        impl Limits {
            /// All names with their values, in order.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }

            /// Sets the limit of this name.
            ///
            /// # Errors
            /// When no limit has this name: the error lists them.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), UnknownLimit> {
                match name {
                    $(stringify!($name) => self.$name = value,)*
                    _ => return Err(UnknownLimit(name.into())),
                }
                Ok(())
            }
        }
    };
}

limits! {
    /// Bytes of one message of the protocol, as JSON.
    message_bytes = 40 << 10,
    /// Bytes of what one user says to another in one message: a description or a candidate.
    body_bytes = 16 << 10,
    /// Bytes of one relayed frame, its header not counted.
    relay_frame_bytes = 64 << 10,
    /// Messages a second from one connection, over time.
    messages_per_second = 50,
    /// Messages at once from one connection.
    messages_burst = 200,
    /// Messages refused in a row, because of the two above, before the connection is closed.
    refusals = 100,
    /// Bytes a second that one connection has relayed, over time. Past it the connection is read
    /// more slowly.
    relay_bytes_per_second = 4 << 20,
    /// Bytes that one connection has relayed at once.
    relay_burst = 4 << 20,
    /// Connections in all.
    connections = 10_000,
    /// Connections from one address.
    connections_per_address = 64,
    /// Connections that have not proved who they are, in all.
    pending_logins = 1_000,
    /// Milliseconds that a connection has to prove who it is.
    login_timeout_ms = 10_000,
    /// Milliseconds without a word after which a connection is given up. Clients say something
    /// every 20 s.
    idle_timeout_ms = 60_000,
    /// Bytes that wait to be sent to one connection: past it, it is closed as too slow.
    outgoing_bytes = 8 << 20,
    /// Rooms in all.
    rooms = 10_000,
    /// Rooms that one user is in.
    rooms_per_user = 16,
    /// Members of one room.
    members_per_room = 64,
    /// Bytes of a room's name.
    room_name_bytes = 64,
    /// Users that one user waits for.
    waiting_per_user = 64,
    /// Relays of one user: open, asked for, or offered to it.
    relays_per_user = 32,
    /// Milliseconds over which clients spread their coming back after a restart.
    restart_spread_ms = 5_000,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_by_name() {
        let mut limits = Limits::default();
        for (name, value) in Limits::default().all() {
            limits.set(name, value + 1).unwrap();
        }
        for ((name, value), (_, default)) in limits.all().into_iter().zip(Limits::default().all()) {
            assert_eq!(value, default + 1, "{name}");
        }
        let error = limits.set("room", 1).unwrap_err();
        assert_eq!(error, UnknownLimit("room".into()));
        let error = error.to_string();
        assert!(error.contains("members_per_room"), "{error}");
    }

    #[test]
    fn a_body_fits_into_a_message_even_if_each_byte_is_escaped_once() {
        let limits = Limits::default();
        assert!(limits.message_bytes >= 2 * limits.body_bytes);
    }
}
