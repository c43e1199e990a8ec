//! Bounds on what one connection has in flight, in both directions.
//!
//! Shared by the main loop and the connection's two services, on whatever threads they are. Whoever
//! reads asks before each message ([`Flow::may_read`], in the receiver [`NextMessage`]); whoever
//! frees space resumes it ([`Flow::resume`]). So a peer that floods fills its own share and then
//! its own socket, under every spawner.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use mydht_spawner::{Result, SpawnRecv};

use super::{ReadIn, Routed};
use crate::engine::ConnId;
use crate::limits::{FlowLimits, Limits};
use crate::metrics::Metrics;
use crate::shadow::Keys;

/// Messages, and the bytes that they hold.
#[derive(Debug, Default)]
struct Level {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Level {
    fn add(&self, bytes: usize) {
        // SeqCst, because this is a store-load race: `hold` sets `waiting` and then loads the
        // levels, and `resume` runs after the levels were changed and loads `waiting`. Weaker
        // orders let both miss each other.
        self.messages.fetch_add(1, SeqCst);
        self.bytes.fetch_add(bytes, SeqCst);
    }

    fn remove(&self, bytes: usize) {
        self.messages.fetch_sub(1, SeqCst);
        self.bytes.fetch_sub(bytes, SeqCst);
    }

    fn is_below(&self, messages: usize, bytes: usize) -> bool {
        self.messages.load(SeqCst) < messages && self.bytes.load(SeqCst) < bytes
    }
}

/// The flow of one connection.
#[derive(Debug)]
pub(super) struct Flow {
    conn: ConnId,
    limits: Arc<Limits>,
    metrics: Metrics,
    /// Read, and not yet handled.
    incoming: Level,
    /// Queued, and not yet written.
    outgoing: Level,
    /// One message at a time until the peer is known.
    open: AtomicBool,
    /// Held back for its rate.
    paused: AtomicBool,
    /// Messages written until now.
    written: AtomicUsize,
    /// Key of the reading direction. Set before the reader may go on behind the handshake.
    keys: Mutex<Option<Keys>>,
    /// The reader found that it may not go on, and waits for [`Flow::resume`].
    waiting: AtomicBool,
}

/// One message's share of the flow: given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    flow: Arc<Flow>,
    incoming: bool,
    bytes: usize,
}

impl Permit {
    fn new(flow: &Arc<Flow>, incoming: bool, bytes: usize) -> Self {
        let permit = Permit {
            flow: Arc::clone(flow),
            incoming,
            bytes,
        };
        permit.level().add(bytes);
        permit
    }

    fn level(&self) -> &Level {
        if self.incoming {
            &self.flow.incoming
        } else {
            &self.flow.outgoing
        }
    }

    /// Gives it back, and gives the connection if its reader was waiting for that.
    pub(super) fn release(self) -> Option<ConnId> {
        let flow = Arc::clone(&self.flow);
        // Releases the share first, because `resume` checks whether there is room.
        drop(self);
        flow.resume().then_some(flow.conn)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.level().remove(self.bytes);
        if !self.incoming {
            self.flow.written.fetch_add(1, SeqCst);
        }
    }
}

impl Flow {
    pub(super) fn new(conn: ConnId, limits: &Arc<Limits>, metrics: &Metrics) -> Arc<Self> {
        Arc::new(Flow {
            conn,
            limits: Arc::clone(limits),
            metrics: metrics.clone(),
            incoming: Level::default(),
            outgoing: Level::default(),
            open: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            written: AtomicUsize::new(0),
            keys: Mutex::new(None),
            waiting: AtomicBool::new(false),
        })
    }

    /// The handshake is done: the reader is given these with its next command.
    pub(super) fn read_with(&self, keys: Keys) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }

    /// The peer is known: it has its full share from now on.
    pub(super) fn open(&self) {
        self.open.store(true, SeqCst);
    }

    /// Nothing is read until it is told otherwise.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, SeqCst);
    }

    /// Messages that wait to be written, and those written until now.
    pub(super) fn outgoing(&self) -> (usize, usize) {
        let waiting = self.outgoing.messages.load(SeqCst);
        (waiting, self.written.load(SeqCst))
    }

    /// Counts a message that was read.
    pub(super) fn received(self: &Arc<Self>, bytes: usize) -> Permit {
        Permit::new(self, true, bytes)
    }

    /// Counts a message that is to be written.
    ///
    /// # Errors
    /// Past a limit, which it names: for people.
    pub(super) fn queue(self: &Arc<Self>, bytes: usize) -> std::result::Result<Permit, String> {
        let FlowLimits {
            pending_messages,
            pending_bytes,
            ..
        } = self.limits.flow;
        // Only the main loop queues messages, so nothing is added between this check and the count
        // below.
        if self.outgoing.messages.load(SeqCst) >= pending_messages {
            return Err(format!(
                "it reads too slowly: {pending_messages} messages wait (limit flow.pending_messages)"
            ));
        }
        if self.outgoing.bytes.load(SeqCst) >= pending_bytes {
            return Err(format!(
                "it reads too slowly: {pending_bytes} bytes wait (limit flow.pending_bytes)"
            ));
        }
        Ok(Permit::new(self, false, bytes))
    }

    /// Whether another message may be read.
    ///
    /// A peer that does not take its answers is not asked for more questions: it is held back when
    /// half of what may wait for it waits, so that the other half is there for the answers to what
    /// it has asked already.
    pub(super) fn may_read(&self) -> bool {
        let most = if self.open.load(SeqCst) {
            self.limits.flow.messages_per_turn as usize
        } else {
            1
        };
        let limits = &self.limits;
        !self.paused.load(SeqCst)
            && self
                .incoming
                // With a bound of zero, the peer would never be read.
                .is_below(most.max(1), limits.flow.bytes_in_flight)
            && self.outgoing.is_below(
                // Rounded up: half of a limit of 1 must not be 0, which would stop all reading.
                limits.flow.pending_messages.div_ceil(2),
                limits.flow.pending_bytes.div_ceil(2),
            )
    }

    /// True if the reader waits and may go on now: whoever hears it must unyield it.
    pub(super) fn resume(&self) -> bool {
        // The order matters: clearing `waiting` without room would lose the wake-up, and stall the
        // reader.
        self.may_read() && self.waiting.swap(false, SeqCst)
    }

    /// For the reader: true if it must wait for a resume.
    fn hold(&self) -> bool {
        if self.may_read() {
            return false;
        }
        // Set before looking again: room that is made in between is seen here, or `waiting` is seen there.
        self.waiting.store(true, SeqCst);
        if self.may_read() && self.waiting.swap(false, SeqCst) {
            return false;
        }
        self.metrics.reads_held(1);
        true
    }
}

/// Source of a reading service's commands: asks for the next message as long as the flow has room.
#[derive(Clone, Debug)]
pub struct NextMessage(pub(super) Arc<Flow>);

impl SpawnRecv<Routed<ReadIn>> for NextMessage {
    fn recv(&mut self) -> Result<Option<Routed<ReadIn>>> {
        if self.0.hold() {
            return Ok(None);
        }
        let keys = &self.0.keys;
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(Some(ReadIn(keys).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(limits: Limits) -> (Arc<Flow>, NextMessage) {
        let flow = Flow::new(7, &Arc::new(limits), &Metrics::default());
        (Arc::clone(&flow), NextMessage(flow))
    }

    fn reads(next: &mut NextMessage) -> bool {
        next.recv().unwrap().is_some()
    }

    #[test]
    fn one_message_at_a_time_until_the_peer_is_known() {
        let (flow, mut next) = flow(Limits::default());
        assert!(reads(&mut next));
        let first = flow.received(10);
        assert!(!reads(&mut next));
        assert_eq!(first.release(), Some(7));
        assert!(reads(&mut next));
        let _first = flow.received(10);
        flow.open();
        assert!(reads(&mut next));
    }

    #[test]
    fn messages_in_flight_are_bounded_by_number_and_by_bytes() {
        let limits = Limits {
            flow: FlowLimits {
                messages_per_turn: 3,
                bytes_in_flight: 100,
                ..FlowLimits::default()
            },
            ..Limits::default()
        };
        let (flow, mut next) = flow(limits);
        flow.open();
        let mut permits: Vec<Permit> = (0..3).map(|_| flow.received(1)).collect();
        assert!(!reads(&mut next));
        assert_eq!(permits.remove(0).release(), Some(7));
        // It was told once.
        assert_eq!(permits.remove(0).release(), None);
        let _long = flow.received(100);
        assert!(!reads(&mut next));
    }

    #[test]
    fn a_peer_that_takes_no_answers_is_not_asked_for_more() {
        let limits = Limits {
            flow: FlowLimits {
                pending_messages: 4,
                pending_bytes: 1000,
                ..FlowLimits::default()
            },
            ..Limits::default()
        };
        let (flow, mut next) = flow(limits);
        flow.open();
        let one = flow.queue(10).unwrap();
        assert!(reads(&mut next));
        let two = flow.queue(10).unwrap();
        assert!(!reads(&mut next));
        let rest: Vec<Permit> = (0..2).map(|_| flow.queue(10).unwrap()).collect();
        let why = flow.queue(10).unwrap_err();
        assert!(why.contains("pending_messages"), "{why}");
        drop((rest, one));
        assert_eq!(two.release(), Some(7));
        let _long = flow.queue(1000).unwrap();
        let why = flow.queue(1).unwrap_err();
        assert!(why.contains("pending_bytes"), "{why}");
    }

    #[test]
    fn a_paused_reader_goes_on_when_it_is_let() {
        let (flow, mut next) = flow(Limits::default());
        flow.pause(true);
        assert!(!reads(&mut next));
        assert!(!flow.resume());
        flow.pause(false);
        assert!(flow.resume());
        assert!(reads(&mut next));
    }

    /// The wake-up is lost neither before nor after the reader says that it waits.
    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn no_resume_is_lost_between_threads() {
        let limits = Limits {
            flow: FlowLimits {
                messages_per_turn: 1,
                ..FlowLimits::default()
            },
            ..Limits::default()
        };
        let (flow, mut next) = flow(limits);
        flow.open();
        let (permits, released) = std::sync::mpsc::channel::<Permit>();
        let (unyield, unyielded) = std::sync::mpsc::channel();
        let main = std::thread::spawn(move || {
            for permit in released {
                if permit.release().is_some() {
                    unyield.send(()).unwrap();
                }
            }
        });
        for _ in 0..20_000 {
            while !reads(&mut next) {
                let waited = unyielded.recv_timeout(std::time::Duration::from_secs(20));
                waited.expect("the reader sleeps for ever");
            }
            permits.send(flow.received(1)).unwrap();
        }
        drop(permits);
        main.join().unwrap();
    }
}
