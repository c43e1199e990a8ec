//! Recordings of what the polls of a run gave, and their replay.

use crate::event::Events;
use crate::{Ready, Token};
use std::fmt;
use std::io;
use std::time::Duration;

/// The first bytes of a recording: the name and the version of the format.
const MAGIC: &[u8; 8] = b"evlooprc";
const VERSION: u64 = 1;
/// Instead of a number of events: the poll said `WouldBlock`.
const BLOCKED: u64 = u64::MAX;
/// Magic, version, seed.
const HEADER: usize = 24;

/// Events of the polls of all loops of a [`VirtualClock`](super::VirtualClock), in the order in
/// which they were given.
///
/// # Format
/// `evlooprc`, then numbers of eight bytes, little-endian: the version (1), the seed of the clock,
/// and for each poll the number of its loop (from 1, in the order in which the loops were made),
/// the clock's time in nanoseconds, how many events it gave (all bits set if it said `WouldBlock`),
/// and for each event its token and its readiness ([`Ready::as_usize`]).
#[derive(Clone, PartialEq, Eq)]
pub struct Recording {
    bytes: Vec<u8>,
}

impl Recording {
    pub(super) fn new(seed: u64) -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(seed.to_le_bytes());
        Recording { bytes }
    }

    /// A recording that was kept.
    ///
    /// # Errors
    /// `InvalidData` if the bytes are not a recording, or one that was cut off.
    pub fn from_bytes(bytes: Vec<u8>) -> io::Result<Self> {
        let known = bytes.get(..8) == Some(MAGIC) && word(&bytes, 8) == Some(VERSION);
        if !known || bytes.len() < HEADER {
            return Err(invalid("not a recording of this version"));
        }
        let recording = Recording { bytes };
        let mut at = HEADER;
        while at < recording.bytes.len() {
            at = recording
                .end(at)
                .ok_or_else(|| invalid("the recording was cut off"))?;
        }
        Ok(recording)
    }

    /// The recording as it is kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The seed of the clock.
    pub fn seed(&self) -> u64 {
        word(&self.bytes, 16).unwrap_or_default()
    }

    /// Returns the number of polls.
    pub fn len(&self) -> usize {
        let mut at = HEADER;
        let mut polls = 0;
        while let Some(end) = self.end(at) {
            at = end;
            polls += 1;
        }
        polls
    }

    /// True if it holds no poll.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER
    }

    /// Returns the end of the entry that begins at `at`; `None` if it does not end within the
    /// recording.
    fn end(&self, at: usize) -> Option<usize> {
        // The bytes may come from a damaged file, so no sum may overflow.
        let events = match word(&self.bytes, at.checked_add(16)?)? {
            BLOCKED => 0,
            events => usize::try_from(events).ok()?,
        };
        let end = events.checked_mul(16)?.checked_add(at + 24)?;
        (end <= self.bytes.len()).then_some(end)
    }

    fn push(&mut self, poll: u64, time: Duration, given: Option<&Events>) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let events = given.map_or(BLOCKED, |events| events.len() as u64);
        for number in [poll, nanos, events] {
            self.bytes.extend(number.to_le_bytes());
        }
        for event in given.into_iter().flatten() {
            self.bytes.extend((event.token().0 as u64).to_le_bytes());
            let ready = event.readiness().as_usize() as u64;
            self.bytes.extend(ready.to_le_bytes());
        }
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("seed", &self.seed())
            .field("polls", &self.len())
            .finish()
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// One entry, for people.
struct Entry<'a>(&'a [u8]);

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |at: usize| word(self.0, at).unwrap_or_default();
        let time = Duration::from_nanos(number(8));
        write!(f, "loop {} at {time:?} gave ", number(0))?;
        match number(16) {
            BLOCKED => f.write_str("WouldBlock"),
            0 => f.write_str("nothing"),
            events => {
                for event in 0..events as usize {
                    let at = 24 + 16 * event;
                    let ready = Ready::from_usize(number(at + 8) as usize);
                    let separator = if event > 0 { ", " } else { "" };
                    let token = Token(number(at) as usize);
                    write!(f, "{separator}{token:?} {ready:?}")?;
                }
                Ok(())
            }
        }
    }
}

/// Use that a clock makes of what its polls give.
#[derive(Debug)]
pub(super) enum Journal {
    Off,
    Record(Recording),
    Replay {
        recording: Recording,
        /// Position of the run, in bytes and in polls.
        at: usize,
        polls: usize,
    },
}

impl Journal {
    pub fn replay(recording: Recording) -> Self {
        Journal::Replay {
            recording,
            at: HEADER,
            polls: 0,
        }
    }

    /// A poll gave `given` (`None`: `WouldBlock`).
    ///
    /// # Errors
    /// `InvalidData` if the recording says otherwise. The run stays where it is in the recording.
    pub fn note(&mut self, poll: u64, time: Duration, given: Option<&Events>) -> io::Result<()> {
        match self {
            Journal::Off => Ok(()),
            Journal::Record(recording) => {
                recording.push(poll, time, given);
                Ok(())
            }
            Journal::Replay {
                recording,
                at,
                polls,
            } => {
                let mut now = Recording { bytes: Vec::new() };
                now.push(poll, time, given);
                let now = now.bytes;
                let recorded = recording
                    .end(*at)
                    .and_then(|end| recording.bytes.get(*at..end));
                if recorded == Some(&now[..]) {
                    *at += now.len();
                    *polls += 1;
                    return Ok(());
                }
                let number = *polls + 1;
                let now = Entry(&now);
                Err(invalid(&match recorded {
                    Some(recorded) => format!(
                        "the run differs from its recording at poll {number}: recorded was that {}; now {now}",
                        Entry(recorded)
                    ),
                    None => format!(
                        "the run goes on after the end of its recording at poll {number}: {now}"
                    ),
                }))
            }
        }
    }

    /// Returns what was recorded, or replayed, so far.
    pub fn so_far(&self) -> Option<Recording> {
        match self {
            Journal::Off => None,
            Journal::Record(recording) => Some(recording.clone()),
            Journal::Replay { recording, at, .. } => Some(Recording {
                bytes: recording.bytes.get(..*at)?.to_vec(),
            }),
        }
    }
}
