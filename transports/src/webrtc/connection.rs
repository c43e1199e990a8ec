//! One connection to a peer: negotiation, channel, session, end. Told the time; it never waits.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::time::Duration;

use mydht_evloop::SetReadiness;
use mydht_evloop::traits::{Ready, TriggerReady};

use super::body::{Attempt, Body};
use super::fingerprints::Certificates;
use super::path::Path;
use super::usefulness::Usefulness;
use super::{Negotiation, Peer, PeerEvent, RtcLimits};
use crate::rendezvous::{Rendezvous, RtcAddress, SignalKind};
use crate::session::{End, Progress, Pump, Session, Side, StreamId};

/// Time that the channel of an ended connection stays open, so that a goodbye arrives before it
/// closes.
const LEAVING: Duration = Duration::from_millis(500);

/// Minimum time that an open connection waits for its first stream.
const FIRST_STREAM: Duration = Duration::from_secs(3);

pub(super) struct Connection<B> {
    pub address: RtcAddress,
    own: Attempt,
    /// The peer's number for it, once it is known.
    theirs: Option<Attempt>,
    /// `None`: closed.
    peer: Option<B>,
    negotiation: Negotiation,
    certificates: Certificates,
    path: Path,
    pub session: Session,
    pump: Pump,
    open_deadline: Option<Duration>,
    /// When it opened, and last moved a byte.
    last_used: Duration,
    was_used: bool,
    moved: u64,
    leaving_until: Option<Duration>,
    /// The peer has to be told by signal that this ended.
    bye: Option<String>,
    triggers: HashMap<StreamId, SetReadiness>,
}

impl<B: fmt::Debug> fmt::Debug for Connection<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .field("peer", &self.peer)
            .field("negotiation", &self.negotiation)
            .field("path", &self.path)
            .field("open_deadline", &self.open_deadline)
            .field("end", &self.session.end())
            .field("streams", &self.session.streams())
            .finish_non_exhaustive()
    }
}

impl<B: Peer> Connection<B> {
    /// A connection that is about to open. `polite`: who gives way where two offers cross.
    pub fn new(
        address: RtcAddress,
        own: Attempt,
        polite: bool,
        peer: B,
        limits: &RtcLimits,
        now: Duration,
    ) -> Self {
        // Both ends know who is polite, so they never number their streams alike.
        let side = if polite { Side::B } else { Side::A };
        Connection {
            address,
            own,
            theirs: None,
            peer: Some(peer),
            negotiation: Negotiation::new(polite),
            certificates: Certificates::default(),
            path: Path::new(polite),
            session: Session::new(side, limits.session.clone(), now),
            pump: Pump::default(),
            open_deadline: Some(now + limits.open_deadline),
            last_used: now,
            was_used: false,
            moved: 0,
            leaving_until: None,
            bye: None,
            triggers: HashMap::new(),
        }
    }

    /// Makes an offer.
    pub fn negotiate(&mut self) {
        self.negotiation.negotiate(false);
    }

    /// Takes a signal of its peer; false if it does not concern this attempt of either.
    pub fn signal(&mut self, kind: SignalKind, body: Body<'_>) -> bool {
        let to_this = body.to == self.own;
        let from_that = self.theirs.is_none_or(|theirs| theirs == body.from);
        // To 0: the sender did not know this attempt yet.
        let concerns = match kind {
            SignalKind::Offer => from_that && (to_this || body.to == 0),
            SignalKind::Answer => from_that && to_this,
            SignalKind::Candidate => self.theirs == Some(body.from) && (to_this || body.to == 0),
            SignalKind::Bye => to_this || self.theirs == Some(body.from),
        };
        if !concerns {
            return false;
        }
        match kind {
            SignalKind::Bye => {
                // The peer's text is cut before anybody logs or shows it.
                let reason: String = body.text.chars().take(200).collect();
                self.fail(&format!("the peer ended it: {reason}"));
            }
            _ => {
                // From here on, signals of other attempts of the peer are not heard.
                self.theirs = Some(body.from);
                self.negotiation.signal(kind, body.text.to_owned());
            }
        }
        true
    }

    /// Closes because it cannot go on. A peer that it was not open to yet is told by a signal.
    fn fail(&mut self, why: &str) {
        if self.session.end().is_none() && self.open_deadline.is_some() {
            self.bye = Some(why.to_owned());
        }
        self.session.lose(why);
    }

    /// Does what can be done at this time.
    pub fn turn<S: Rendezvous<mydht_evloop::Poll>>(
        &mut self,
        rendezvous: &mut S,
        limits: &RtcLimits,
        now: Duration,
    ) -> Progress {
        self.hear(now);
        if self.session.end().is_none() {
            self.signal_peer(rendezvous);
        }
        let mut progress = Progress::Done;
        if let Some(peer) = &mut self.peer {
            match self.open_deadline {
                Some(deadline) if deadline <= now => {
                    let seconds = limits.open_deadline.as_secs();
                    self.fail(&format!("the connection was not open within {seconds} s"));
                }
                Some(_) => {}
                None => progress = self.pump.turn(&mut self.session, peer, now),
            }
        }
        self.note_use(limits, now);
        self.finish_closing(rendezvous, now);
        self.report();
        progress
    }

    /// Handles the events of the peer connection, and starts its next operation.
    fn hear(&mut self, now: Duration) {
        let Some(peer) = &mut self.peer else {
            return;
        };
        // An ICE restart is an offer for new paths (RFC 8445, section 2.4).
        if self.path.is_due(now) {
            self.negotiation.negotiate(true);
        }
        loop {
            if let Some(op) = self.negotiation.next_op() {
                self.certificates.taken(&op);
                peer.start(op);
            }
            let Some(event) = peer.poll() else {
                break;
            };
            match event {
                PeerEvent::Done(result) => {
                    if let Ok(description) = &result {
                        self.certificates.made(description);
                    }
                    self.negotiation.done(result);
                }
                PeerEvent::Candidate(candidate) => self.negotiation.own_candidate(candidate),
                PeerEvent::Path(state) => self.path.changed(state, now),
                PeerEvent::Open => {
                    self.open_deadline = None;
                    self.last_used = now;
                    // Silence counts from here: before, the peer could not be heard.
                    self.session.carried(now);
                }
                PeerEvent::Closed(why) => {
                    // What came before it is read first.
                    while self.pump.turn(&mut self.session, peer, now) == Progress::More {}
                    self.session.lose(&why);
                    self.leaving_until = Some(now);
                }
            }
        }
        if let Some(why) = self.negotiation.failure().map(str::to_owned) {
            self.fail(&why);
        }
    }

    fn signal_peer<S: Rendezvous<mydht_evloop::Poll>>(&mut self, rendezvous: &mut S) {
        while let Some((kind, text)) = self.negotiation.next_signal() {
            if let Err(error) = self.send_signal(rendezvous, kind, &text) {
                // Without this signal it will never open.
                if self.open_deadline.is_some() {
                    return self.session.lose(&error.to_string());
                }
                // The connection lives without, unless its path is cut; then it is found to be silent.
                return;
            }
        }
    }

    fn send_signal<S: Rendezvous<mydht_evloop::Poll>>(
        &self,
        rendezvous: &mut S,
        kind: SignalKind,
        text: &str,
    ) -> io::Result<()> {
        let (from, to) = (self.own, self.theirs.unwrap_or(0));
        rendezvous.send(&self.address, kind, Body { from, to, text }.write())
    }

    fn note_use(&mut self, limits: &RtcLimits, now: Duration) {
        let moved = self.session.moved();
        if moved != self.moved {
            self.moved = moved;
            self.last_used = now;
        }
        self.was_used |= self.session.streams() > 0;
        if self.idle_deadline(limits).is_some_and(|at| at <= now) {
            let reason = "nothing uses this connection".to_owned();
            self.session.close(End::Closed(reason));
            self.flush();
        }
    }

    /// When it is closed because nothing uses it.
    fn idle_deadline(&self, limits: &RtcLimits) -> Option<Duration> {
        let is_idle = self.session.streams() == 0 && self.open_deadline.is_none();
        // The stream that it was opened for may be on its way.
        let patience = if self.was_used {
            limits.idle
        } else {
            limits.idle.max(FIRST_STREAM)
        };
        is_idle.then(|| self.last_used + patience)
    }

    /// Drops the peer of a session that has ended, after the time that the channel is left for its
    /// goodbye.
    fn finish_closing<S: Rendezvous<mydht_evloop::Poll>>(
        &mut self,
        rendezvous: &mut S,
        now: Duration,
    ) {
        if self.session.end().is_none() || self.peer.is_none() {
            return;
        }
        if let Some(why) = self.bye.take() {
            // It has a deadline of its own.
            let _ = self.send_signal(rendezvous, SignalKind::Bye, &why);
        }
        // Only an open channel can carry a goodbye.
        let leaving = self.open_deadline.is_none() && self.session.is_leaving();
        let until = *self.leaving_until.get_or_insert(now + LEAVING);
        if !leaving || until <= now {
            self.peer = None;
        }
    }

    /// Closes without waiting for the goodbye to leave.
    pub fn close_now<S: Rendezvous<mydht_evloop::Poll>>(
        &mut self,
        reason: &str,
        rendezvous: &mut S,
        limits: &RtcLimits,
        now: Duration,
    ) {
        self.session.close(End::Closed(reason.to_owned()));
        self.flush();
        self.turn(rendezvous, limits, now);
        self.peer = None;
    }

    /// Sends what can be sent at once.
    pub fn flush(&mut self) {
        if let (Some(peer), None) = (&mut self.peer, self.open_deadline) {
            self.pump.send(&mut self.session, peer);
        }
    }

    /// Sends full messages only, and leaves the rest to the next turn.
    pub fn flush_whole(&mut self) {
        if let (Some(peer), None) = (&mut self.peer, self.open_deadline) {
            self.pump.send_whole(&mut self.session, peer);
        }
    }

    /// Tells the users of streams that need not wait any longer.
    pub fn report(&mut self) {
        while let Some((stream, ready)) = self.session.take_report() {
            self.trigger(stream, ready);
        }
    }

    fn trigger(&self, stream: StreamId, ready: Ready) {
        if let Some(trigger) = self.triggers.get(&stream) {
            // It fails only when the system cannot wake a sleeping loop; this is the loop's own thread.
            let _ = TriggerReady::set_readiness(trigger, ready);
        }
    }

    /// Tells the user of a stream what it can be used for now, whatever he was told.
    pub fn report_all(&self, stream: StreamId) {
        if let Some(ready) = self.session.readiness(stream) {
            self.trigger(stream, ready);
        }
    }

    /// Sets the trigger of a stream's user.
    pub fn watch(&mut self, stream: StreamId, trigger: SetReadiness) {
        self.triggers.insert(stream, trigger);
    }

    /// Closes a stream that has no user any more.
    pub fn drop_stream(&mut self, stream: StreamId, now: Duration) {
        self.triggers.remove(&stream);
        self.session.close_stream(stream, now);
        self.flush();
        // The time that it may be idle begins with the end of its last stream.
        if self.session.streams() == 0 {
            self.last_used = now;
        }
    }

    /// True once nothing is left of it that anybody could use.
    pub fn is_gone(&self) -> bool {
        // A stream that somebody holds has an end to read.
        self.peer.is_none() && self.triggers.is_empty()
    }

    /// True if streams can be opened on it.
    pub fn is_usable(&self) -> bool {
        self.session.end().is_none()
    }

    /// True until its channel is open.
    pub fn is_opening(&self) -> bool {
        self.is_usable() && self.open_deadline.is_some()
    }

    /// Returns the channel binding of a stream that this end opened, or the peer did.
    pub fn binding(&self, opened_here: bool) -> Option<Vec<u8>> {
        self.certificates.binding(opened_here)
    }

    pub fn peer_mut(&mut self) -> Option<&mut B> {
        self.peer.as_mut().filter(|_| self.open_deadline.is_none())
    }

    pub fn usefulness(&self) -> Usefulness {
        Usefulness {
            is_opening: self.open_deadline.is_some(),
            streams: self.session.streams(),
            last_used: self.last_used,
        }
    }

    /// Returns the deadline of the next turn.
    pub fn next_deadline(&self, limits: &RtcLimits) -> Option<Duration> {
        self.peer.as_ref()?;
        if self.session.end().is_some() {
            return self.leaving_until;
        }
        if self.open_deadline.is_some() {
            return self.open_deadline;
        }
        let idle = self.idle_deadline(limits);
        let path = self.path.next_deadline();
        self.session
            .next_deadline()
            .into_iter()
            .chain(idle)
            .chain(path)
            .min()
    }
}
