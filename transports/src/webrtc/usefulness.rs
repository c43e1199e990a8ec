//! Which connection is closed when there are too many.

use std::time::Duration;

/// Usefulness of a connection, by which the one to close is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usefulness {
    /// Whether the connection is still opening, which has a deadline of its own.
    pub is_opening: bool,
    /// Streams on it.
    pub streams: usize,
    /// When it last moved a byte of a stream, or opened.
    pub last_used: Duration,
}

/// The place of the connection that is to be closed for a new one, or `None` if all are of use:
/// then the new one is refused. One without streams goes first; then one that moved nothing for
/// `useful_for`; of several, the one that was not used for longest.
///
/// ```
/// use mydht_transports::webrtc::usefulness::{Usefulness, least_useful};
/// use std::time::Duration;
///
/// let s = Duration::from_secs;
/// let busy = Usefulness { is_opening: false, streams: 1, last_used: s(99) };
/// let idle = Usefulness { streams: 0, ..busy };
/// assert_eq!(least_useful([busy, idle], s(100), s(30)), Some(1));
/// assert_eq!(least_useful([busy, busy], s(100), s(30)), None);
/// ```
pub fn least_useful(
    connections: impl IntoIterator<Item = Usefulness>,
    now: Duration,
    useful_for: Duration,
) -> Option<usize> {
    connections
        .into_iter()
        .enumerate()
        .filter(|(_, connection)| !connection.is_opening)
        .filter(|(_, connection)| {
            connection.streams == 0 || connection.last_used + useful_for <= now
        })
        // False comes before true: those without streams go first.
        .min_by_key(|(_, connection)| (connection.streams > 0, connection.last_used))
        .map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_useful_goes_first() {
        let of = |is_opening, streams, last_used| Usefulness {
            is_opening,
            streams,
            last_used: Duration::from_secs(last_used),
        };
        let table: &[(&[Usefulness], Option<usize>)] = &[
            (&[], None),
            (&[of(true, 1, 0)], None),
            (&[of(true, 0, 0)], None),
            (&[of(false, 1, 71)], None),
            (&[of(false, 1, 70)], Some(0)),
            (&[of(false, 1, 20), of(false, 0, 99)], Some(1)),
            (&[of(false, 0, 90), of(false, 0, 80)], Some(1)),
            (
                &[of(false, 2, 50), of(false, 3, 40), of(false, 1, 60)],
                Some(1),
            ),
        ];
        for (connections, victim) in table {
            let found = least_useful(
                connections.iter().copied(),
                Duration::from_secs(100),
                Duration::from_secs(30),
            );
            assert_eq!(found, *victim, "{connections:?}");
        }
    }
}
