//! Negotiation of two descriptions: "perfect negotiation" (W3C, WebRTC 1.0, section 10.7), as a
//! pure state machine.

use std::collections::VecDeque;

use super::{Op, OpError};
use crate::rendezvous::SignalKind;

/// Signals that wait for an operation to be done, at most.
const MOST_WAITING: usize = 128;

/// Operation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Offer,
    Answer,
    Accept,
    Candidate,
}

/// One end of a negotiation.
///
/// Both ends may make an offer whenever they like. Where two offers cross, the polite end gives up
/// its own and answers; the impolite one does not hear the other's.
///
/// It is told what signals come ([`signal`](Negotiation::signal)), that an operation is done
/// ([`done`](Negotiation::done)), and of candidates. What is to be done is taken from it:
/// [`next_op`](Negotiation::next_op), [`next_signal`](Negotiation::next_signal).
#[derive(Debug)]
pub struct Negotiation {
    polite: bool,
    busy: Option<Busy>,
    /// An offer is to be made; `true`: for new paths.
    wanted: Option<bool>,
    /// An offer of this end is out, and not answered.
    offered: bool,
    /// The peer's description has been taken: candidates can be.
    described: bool,
    /// Nothing was sent yet that a candidate could belong to.
    silent: bool,
    /// The last offer of the peer was not heard: its candidates are not, either.
    deaf: bool,
    incoming: VecDeque<(SignalKind, String)>,
    outgoing: VecDeque<(SignalKind, String)>,
    own_candidates: VecDeque<String>,
    failure: Option<String>,
}

impl Negotiation {
    /// An end that has nothing to say yet. Exactly one of two must be polite.
    pub fn new(polite: bool) -> Self {
        Negotiation {
            polite,
            busy: None,
            wanted: None,
            offered: false,
            described: false,
            silent: true,
            deaf: false,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            own_candidates: VecDeque::new(),
            failure: None,
        }
    }

    /// Makes an offer, as soon as that can be.
    pub fn negotiate(&mut self, restart: bool) {
        // A later wish does not take back that new paths are wanted.
        self.wanted = Some(self.wanted.unwrap_or(false) || restart);
    }

    /// Something came from the peer. Goodbyes are not for this machine.
    pub fn signal(&mut self, kind: SignalKind, text: String) {
        if self.incoming.len() >= MOST_WAITING {
            // A candidate too many is no loss; a description is said again by who wants an answer.
            return;
        }
        self.incoming.push_back((kind, text));
    }

    /// This end can be reached by this candidate.
    pub fn own_candidate(&mut self, candidate: String) {
        // It belongs to the description that is being made, and goes after it.
        let describing = matches!(self.busy, Some(Busy::Offer | Busy::Answer));
        if self.silent || describing {
            self.own_candidates.push_back(candidate);
        } else {
            self.outgoing.push_back((SignalKind::Candidate, candidate));
        }
    }

    /// The last operation is done.
    pub fn done(&mut self, result: Result<String, OpError>) {
        let busy = self.busy.take();
        let description = match (busy, result) {
            // One path fewer; there may be others.
            (None | Some(Busy::Candidate), _) => return,
            (_, Ok(description)) => description,
            (Some(busy), Err(why)) => {
                self.failure = Some(match busy {
                    Busy::Offer => format!("cannot make an offer: {why}"),
                    _ => format!("cannot use the peer's description: {why}"),
                });
                return;
            }
        };
        match busy {
            Some(Busy::Offer) => {
                self.offered = true;
                // It would only be given up again.
                if !(self.polite && self.has_offer()) {
                    self.say(SignalKind::Offer, description);
                }
            }
            Some(Busy::Answer) => {
                self.described = true;
                self.say(SignalKind::Answer, description);
            }
            _ => self.described = true,
        }
    }

    fn has_offer(&self) -> bool {
        self.incoming
            .iter()
            .any(|(kind, _)| *kind == SignalKind::Offer)
    }

    fn say(&mut self, kind: SignalKind, description: String) {
        self.silent = false;
        self.outgoing.push_back((kind, description));
        let candidates = self.own_candidates.drain(..);
        self.outgoing
            .extend(candidates.map(|candidate| (SignalKind::Candidate, candidate)));
    }

    /// Returns the next operation to start; `None` while one is under way.
    pub fn next_op(&mut self) -> Option<Op> {
        if self.busy.is_some() || self.failure.is_some() {
            return None;
        }
        let (busy, op) = self.next_incoming().or_else(|| self.next_wanted())?;
        self.busy = Some(busy);
        Some(op)
    }

    fn next_incoming(&mut self) -> Option<(Busy, Op)> {
        while let Some((kind, text)) = self.incoming.pop_front() {
            match kind {
                // The polite peer answers this end's offer instead, and gives its own up.
                SignalKind::Offer if self.offered && !self.polite => self.deaf = true,
                SignalKind::Offer => {
                    self.deaf = false;
                    let rollback = std::mem::take(&mut self.offered);
                    // What this offer brings is what was wanted.
                    self.wanted = self.wanted.filter(|_| !rollback);
                    let offer = text;
                    return Some((Busy::Answer, Op::Answer { offer, rollback }));
                }
                SignalKind::Answer if self.offered => {
                    self.deaf = false;
                    self.offered = false;
                    return Some((Busy::Accept, Op::Accept { answer: text }));
                }
                SignalKind::Candidate if self.described && !self.deaf => {
                    return Some((Busy::Candidate, Op::Candidate(text)));
                }
                // A late answer, a candidate of an offer that was not heard.
                _ => {}
            }
        }
        None
    }

    fn next_wanted(&mut self) -> Option<(Busy, Op)> {
        if self.offered {
            return None;
        }
        let restart = self.wanted.take()?;
        Some((Busy::Offer, Op::Offer { restart }))
    }

    /// Returns the next signal to send to the peer.
    pub fn next_signal(&mut self) -> Option<(SignalKind, String)> {
        self.outgoing.pop_front()
    }

    /// Why it will not succeed.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
