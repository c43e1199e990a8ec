//! Messages between users that no server carries.

use super::message::{Kind, Sealed};
use super::proof::{Rejected, sealed_bytes};
use super::replay::{LIFETIME_MS, ReplayGuard};
use super::user::{IdOf, Identity, PublicKey, Signature, UserId, verify};
use mydht_transports::rendezvous::MAX_BODY;

/// Context of such messages' signatures: a message that went over a server is invalid here, and the
/// other way round.
pub const CARRIED: &str = "mydht-signal 1 carried";

/// Bytes before the body: key, kind, number, when it is void, signature.
const HEADER: usize = 32 + 1 + 8 + 8 + 64;

/// Seals what one user says to others, and opens what they say to it, whoever carries it. Pure:
/// time is an argument.
///
/// ```
/// # use ed25519_dalek::SigningKey;
/// # use mydht_rendezvous::{Kind, Post, PublicKey, Rejected, UserId};
/// # let post = |seed| Post::new(Box::new(SigningKey::from_bytes(&[seed; 32])), |key| Some(UserId(key.0)));
/// let (mut alice, mut bob) = (post(1), post(2));
/// let sealed = alice.seal(1_000, bob.own(), Kind::Offer, "hello");
/// let opened = bob.open(1_200, &sealed);
/// assert_eq!(opened, Ok((alice.own(), Kind::Offer, "hello".to_owned())));
/// assert_eq!(bob.open(1_300, &sealed), Err(Rejected::Replayed));
/// ```
pub struct Post {
    identity: Box<dyn Identity + Send>,
    own: UserId,
    id_of: IdOf,
    guard: ReplayGuard,
    next_seq: Option<u64>,
}

impl Post {
    /// Creates the post of this user.
    pub fn new(identity: Box<dyn Identity + Send>, id_of: IdOf) -> Self {
        // A user whose key has no id receives nothing: nobody can say anything to it.
        let own = id_of(&identity.public_key()).unwrap_or(UserId([0; 32]));
        Post {
            identity,
            own,
            id_of,
            guard: ReplayGuard::default(),
            next_seq: None,
        }
    }

    /// Returns the id of the user.
    pub fn own(&self) -> UserId {
        self.own
    }

    /// Signs something for `to`. `unix_ms` is the time in milliseconds since 1970.
    pub fn seal(&mut self, unix_ms: u64, to: UserId, kind: Kind, body: &str) -> Vec<u8> {
        // From the clock, so that the numbers of a user rise over restarts too.
        let seq = self.next_seq.unwrap_or(unix_ms << 10);
        self.next_seq = Some(seq.wrapping_add(1));
        let expires = unix_ms.saturating_add(LIFETIME_MS);
        let key = self.identity.public_key();
        let signed = sealed_bytes(&key, &to, kind, seq, expires, body);
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend(key.0);
        bytes.push(kind.code());
        bytes.extend(seq.to_be_bytes());
        bytes.extend(expires.to_be_bytes());
        bytes.extend(self.identity.sign(CARRIED, &signed).0);
        bytes.extend(body.as_bytes());
        bytes
    }

    /// Returns the sender and the message, if it is proved and new.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn open(&mut self, unix_ms: u64, bytes: &[u8]) -> Result<(UserId, Kind, String), Rejected> {
        let (key, sealed) = parse(self.own, bytes).ok_or(Rejected::Malformed)?;
        let from = (self.id_of)(&key).ok_or(Rejected::WrongKey)?;
        let signed = sealed_bytes(
            &key,
            &sealed.to,
            sealed.kind,
            sealed.seq,
            sealed.expires,
            &sealed.body,
        );
        // Before the guard: a forged message must not use up a number of its alleged sender.
        if !verify(&key, CARRIED, &signed, &sealed.signature) {
            return Err(Rejected::Forged);
        }
        self.guard.admit(unix_ms, from, &sealed)?;
        Ok((from, sealed.kind, sealed.body))
    }
}

fn parse(to: UserId, bytes: &[u8]) -> Option<(PublicKey, Sealed)> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (kind, rest) = rest.split_first()?;
    let (seq, rest) = rest.split_first_chunk()?;
    let (expires, rest) = rest.split_first_chunk()?;
    let (signature, body) = rest.split_first_chunk()?;
    // Bounded before it is copied.
    if body.len() > MAX_BODY {
        return None;
    }
    let sealed = Sealed {
        to,
        kind: Kind::from_code(*kind)?,
        seq: u64::from_be_bytes(*seq),
        expires: u64::from_be_bytes(*expires),
        body: std::str::from_utf8(body).ok()?.to_owned(),
        signature: Signature(*signature),
    };
    Some((PublicKey(*key), sealed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    const NOW: u64 = 1_700_000_000_000;

    fn post(seed: u8) -> Post {
        let identity = Box::new(SigningKey::from_bytes(&[seed; 32]));
        Post::new(identity, |key| Some(UserId(key.0)))
    }

    #[test]
    fn what_is_sealed_is_opened_once_by_whom_it_is_for() {
        let (mut a, mut b, mut c) = (post(1), post(2), post(3));
        for (index, kind) in [Kind::Offer, Kind::Answer, Kind::Candidate, Kind::Bye]
            .into_iter()
            .enumerate()
        {
            let body = "ü".repeat(index);
            let sealed = a.seal(NOW, b.own(), kind, &body);
            assert_eq!(sealed.len(), HEADER + body.len());
            assert_eq!(c.open(NOW, &sealed), Err(Rejected::Forged));
            assert_eq!(b.open(NOW, &sealed), Ok((a.own(), kind, body)));
            assert_eq!(b.open(NOW, &sealed), Err(Rejected::Replayed));
        }
    }

    #[test]
    fn it_is_void_after_a_while_and_too_long_it_is_not_taken() {
        let (mut a, mut b) = (post(1), post(2));
        let sealed = a.seal(NOW, b.own(), Kind::Offer, "");
        assert_eq!(b.open(NOW + 181_000, &sealed), Err(Rejected::Expired));
        assert_eq!(b.open(NOW - 181_000, &sealed), Err(Rejected::FromTheFuture));
        let long = a.seal(NOW, b.own(), Kind::Offer, &"x".repeat(MAX_BODY + 1));
        assert_eq!(b.open(NOW, &long), Err(Rejected::Malformed));
    }

    #[test]
    fn what_was_said_over_a_server_is_not_taken_here() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let mut b = post(2);
        let over = Sealed::new(&key, b.own(), Kind::Offer, 7, NOW, "x".into());
        let mut bytes = key.public_key().0.to_vec();
        bytes.push(Kind::Offer.code());
        bytes.extend(7u64.to_be_bytes());
        bytes.extend(NOW.to_be_bytes());
        bytes.extend(over.signature.0);
        bytes.extend(b"x");
        assert_eq!(b.open(NOW, &bytes), Err(Rejected::Forged));
    }

    proptest! {
        #[test]
        fn whatever_is_changed_or_cut_is_refused(at in 0usize..HEADER + 5, to in any::<u8>(), cut in any::<bool>()) {
            let (mut a, mut b) = (post(1), post(2));
            let mut sealed = a.seal(NOW, b.own(), Kind::Offer, "offer");
            let right = sealed.clone();
            if cut { sealed.truncate(at) } else { sealed[at] = to }
            prop_assert_eq!(b.open(NOW, &sealed).is_ok(), sealed == right);
            prop_assert!(b.open(NOW, &right).is_ok() != (sealed == right));
        }

        #[test]
        fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(post(1).open(NOW, &bytes).is_err());
        }
    }
}
