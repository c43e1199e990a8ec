//! Two ends of a negotiation over a rendezvous that delivers in order, at any time.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::rendezvous::SignalKind;
use crate::webrtc::{Negotiation, Op, OpError};

/// One end, and what a browser would hold: descriptions are numbers.
struct End {
    negotiation: Negotiation,
    name: char,
    /// The browser's state: an offer of this end is out.
    offered: Option<u32>,
    next: u32,
    busy: Option<Op>,
    /// The exchange that is in force: the offer's number, and who made it.
    agreed: Option<String>,
    remote: bool,
    candidates_taken: usize,
    sent: VecDeque<(SignalKind, String)>,
}

impl End {
    fn new(name: char, polite: bool) -> Self {
        End {
            negotiation: Negotiation::new(polite),
            name,
            offered: None,
            next: 0,
            busy: None,
            agreed: None,
            remote: false,
            candidates_taken: 0,
            sent: VecDeque::new(),
        }
    }

    /// Begins or ends the next operation.
    fn work(&mut self) -> bool {
        let Some(op) = self.busy.take() else {
            self.busy = self.negotiation.next_op();
            return self.busy.is_some();
        };
        let result = match op {
            Op::Offer { .. } => {
                assert!(self.offered.is_none());
                self.next += 1;
                self.offered = Some(self.next);
                self.negotiation
                    .own_candidate(format!("{}{}", self.name, self.next));
                format!("{}{}", self.name, self.next)
            }
            Op::Answer { offer, rollback } => {
                // As a browser: an offer is taken in the stable state, or in the place of one's own.
                assert_eq!(self.offered.take().is_some(), rollback);
                self.remote = true;
                self.agreed = Some(offer.clone());
                self.negotiation.own_candidate(format!("{}x", self.name));
                offer
            }
            Op::Accept { answer } => {
                let offered = self.offered.take().expect("an answer in the stable state");
                assert_eq!(answer, format!("{}{offered}", self.name));
                self.remote = true;
                self.agreed = Some(answer);
                String::new()
            }
            Op::Candidate(_) => {
                assert!(self.remote, "a candidate before a description");
                self.candidates_taken += 1;
                String::new()
            }
        };
        self.negotiation.done(Ok(result));
        self.sent
            .extend(std::iter::from_fn(|| self.negotiation.next_signal()));
        true
    }
}

fn deliver(from: &mut End, to: &mut End) -> bool {
    match from.sent.pop_front() {
        Some((kind, text)) => {
            to.negotiation.signal(kind, text);
            true
        }
        None => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_crosses_both_agree_in_the_end(steps in prop::collection::vec(0..8_u8, 0..60)) {
        let [mut a, mut b] = [End::new('a', true), End::new('b', false)];
        a.negotiation.negotiate(false);
        for step in steps {
            match step {
                0 => a.negotiation.negotiate(step % 2 == 0),
                1 => b.negotiation.negotiate(step % 2 == 0),
                2 | 3 => drop(a.work()),
                4 | 5 => drop(b.work()),
                6 => drop(deliver(&mut a, &mut b)),
                _ => drop(deliver(&mut b, &mut a)),
            }
        }
        let mut left = 10_000;
        while a.work() | b.work() | deliver(&mut a, &mut b) | deliver(&mut b, &mut a) {
            left -= 1;
            prop_assert!(left > 0, "it never ends");
        }
        prop_assert!(a.offered.is_none() && b.offered.is_none());
        prop_assert!(a.agreed.is_some());
        prop_assert_eq!(&a.agreed, &b.agreed);
        prop_assert!(a.candidates_taken > 0 && b.candidates_taken > 0);
        prop_assert_eq!(a.negotiation.failure(), None);
    }
}

#[test]
fn the_polite_end_gives_way() {
    let [mut a, mut b] = [End::new('a', true), End::new('b', false)];
    for end in [&mut a, &mut b] {
        end.negotiation.negotiate(false);
        while end.work() {}
    }
    while a.work() | b.work() | deliver(&mut a, &mut b) | deliver(&mut b, &mut a) {}
    assert_eq!(a.agreed.as_deref(), Some("b1"));
    assert_eq!(b.agreed.as_deref(), Some("b1"));
}

#[test]
fn a_description_that_cannot_be_used_is_a_failure_and_a_candidate_is_none() {
    let mut negotiation = Negotiation::new(true);
    negotiation.signal(SignalKind::Offer, "nonsense".into());
    assert!(matches!(negotiation.next_op(), Some(Op::Answer { .. })));
    negotiation.done(Err(OpError::rejected("no")));
    assert!(negotiation.failure().is_some_and(|why| why.contains("no")));
    assert_eq!(negotiation.next_op(), None);

    let mut negotiation = Negotiation::new(true);
    negotiation.signal(SignalKind::Offer, "offer".into());
    negotiation.signal(SignalKind::Candidate, "nonsense".into());
    negotiation.next_op();
    negotiation.done(Ok("answer".into()));
    assert!(matches!(negotiation.next_op(), Some(Op::Candidate(_))));
    negotiation.done(Err(OpError::rejected("no")));
    assert_eq!(negotiation.failure(), None);
}

#[test]
fn a_flood_of_signals_is_bounded() {
    let mut negotiation = Negotiation::new(false);
    negotiation.negotiate(false);
    assert!(negotiation.next_op().is_some());
    for _ in 0..100_000 {
        negotiation.signal(SignalKind::Offer, "offer".into());
    }
    negotiation.done(Ok("own".into()));
    // All of them cross with its own offer, and are not heard.
    assert_eq!(negotiation.next_op(), None);
}
