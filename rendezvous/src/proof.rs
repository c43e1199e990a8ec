//! Signed bytes, one by one.

use std::fmt;

use super::message::{Kind, Sealed};
use super::user::{IdOf, Identity, Nonce, PublicKey, Signature, UserId, verify};

/// Context of the signatures of logins.
pub const HELLO: &str = "mydht-signal 1 hello";

/// Context of the signatures of messages between users.
pub const SEALED: &str = "mydht-signal 1 sealed";

/// Returns the bytes that a client signs to log in, for [`HELLO`]: the server as the client knows
/// it, the server's nonce, and its own key.
///
/// The name is in it so that a server cannot pass another server's challenge on and log in there as
/// its user.
pub fn hello_bytes(server: &str, nonce: &Nonce, key: &PublicKey) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Longer than 2^32 no message is.
    bytes.extend((server.len() as u32).to_be_bytes());
    // All else has a fixed length, so no two logins are signed as the same bytes.
    bytes.extend(server.as_bytes());
    bytes.extend(nonce.0);
    bytes.extend(key.0);
    bytes
}

/// Returns the bytes that a user signs to send a message to another, for [`SEALED`]: sender,
/// receiver, kind, number, expiry, and the body, which is the rest.
pub fn sealed_bytes(
    from: &PublicKey,
    to: &UserId,
    kind: Kind,
    seq: u64,
    expires: u64,
    body: &str,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(from.0);
    bytes.extend(to.0);
    bytes.push(kind.code());
    bytes.extend(seq.to_be_bytes());
    bytes.extend(expires.to_be_bytes());
    bytes.extend(body.as_bytes());
    bytes
}

/// Why what another user is said to have said is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Bytes that are no message at all.
    Malformed,
    /// Message for another user.
    NotForUs,
    /// The key is not that of the user who is said to have sent it.
    WrongKey,
    /// The signature is not by that key over this.
    Forged,
    /// Message that has expired, or clocks that are too far apart.
    Expired,
    /// Message that is valid for longer than any may be, or clocks that are too far apart.
    FromTheFuture,
    /// Message that was received before.
    Replayed,
    /// Too many users say something at once.
    TooManySenders,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejected::Malformed => "it is malformed",
            Rejected::NotForUs => "it is for somebody else",
            Rejected::WrongKey => "its key is not that of its sender",
            Rejected::Forged => "its signature is forged",
            Rejected::Expired => "it came too late (or the clocks of both ends differ by minutes)",
            Rejected::FromTheFuture => {
                "it is valid for too long (or the clocks of both ends differ by minutes)"
            }
            Rejected::Replayed => "it was here before",
            Rejected::TooManySenders => "too many users say something at once",
        })
    }
}

impl Sealed {
    /// Signs what `identity` says.
    pub fn new(
        identity: &dyn Identity,
        to: UserId,
        kind: Kind,
        seq: u64,
        expires: u64,
        body: String,
    ) -> Self {
        let key = identity.public_key();
        let signature = identity.sign(SEALED, &sealed_bytes(&key, &to, kind, seq, expires, &body));
        Sealed {
            to,
            kind,
            seq,
            expires,
            body,
            signature,
        }
    }

    /// Whether `from`, whose key this is said to be, said it to `own`. A
    /// [`ReplayGuard`](super::ReplayGuard) says whether it is new.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        own: &UserId,
        from: &UserId,
        key: &PublicKey,
        id_of: IdOf,
    ) -> Result<(), Rejected> {
        // Or a server could give what was said to somebody else.
        if self.to != *own {
            return Err(Rejected::NotForUs);
        }
        // The server names both, so one has to follow from the other.
        if id_of(key) != Some(*from) {
            return Err(Rejected::WrongKey);
        }
        let bytes = sealed_bytes(key, &self.to, self.kind, self.seq, self.expires, &self.body);
        if !verify(key, SEALED, &bytes, &self.signature) {
            return Err(Rejected::Forged);
        }
        Ok(())
    }
}

/// Whether `signature` answers the challenge.
pub(super) fn is_hello(
    server: &str,
    nonce: &Nonce,
    key: &PublicKey,
    signature: &Signature,
) -> bool {
    verify(key, HELLO, &hello_bytes(server, nonce, key), signature)
}

#[cfg(test)]
mod tests {
    use super::super::user::in_context;
    use super::super::user::tests::{id_of, identity, user};
    use super::*;

    /// The vectors of docs/rendezvous.md.
    #[test]
    fn vectors() {
        let a = identity(1);
        let key = a.public_key();
        let doc = include_str!("../../docs/rendezvous.md");
        let written = |what: String| assert!(doc.contains(&what), "{what}");
        let bytes = hello_bytes("signal.example:443", &Nonce([7; 32]), &key);
        written(hex::encode(in_context(HELLO, &bytes)));
        written(Identity::sign(&a, HELLO, &bytes).to_string());
        let to = UserId([9; 32]);
        let sealed = Sealed::new(&a, to, Kind::Candidate, 1024, 2048, "body".into());
        let bytes = sealed_bytes(&key, &to, Kind::Candidate, 1024, 2048, "body");
        written(hex::encode(in_context(SEALED, &bytes)));
        written(sealed.signature.to_string());
    }

    #[test]
    fn whatever_is_changed_is_noticed() {
        let (a, b) = (identity(1), identity(2));
        let (alice, bob) = (user(1), user(2));
        let key = a.public_key();
        let sealed = Sealed::new(&a, bob, Kind::Offer, 5, 6, "body".into());
        assert_eq!(sealed.check(&bob, &alice, &key, id_of), Ok(()));
        assert_eq!(
            sealed.check(&alice, &alice, &key, id_of),
            Err(Rejected::NotForUs)
        );
        assert_eq!(
            sealed.check(&bob, &bob, &key, id_of),
            Err(Rejected::WrongKey)
        );
        let other_key = sealed.check(&bob, &bob, &b.public_key(), id_of);
        assert_eq!(other_key, Err(Rejected::Forged));
        let changes: [fn(&mut Sealed); 5] = [
            |sealed| sealed.kind = Kind::Answer,
            |sealed| sealed.seq += 1,
            |sealed| sealed.expires += 1,
            |sealed| sealed.body.push(' '),
            |sealed| sealed.signature.0[63] ^= 1,
        ];
        for change in changes {
            let mut changed = sealed.clone();
            change(&mut changed);
            assert_eq!(
                changed.check(&bob, &alice, &key, id_of),
                Err(Rejected::Forged)
            );
        }
        // To another, by a server that changes the address.
        let mut redirected = sealed;
        redirected.to = user(3);
        assert_eq!(
            redirected.check(&user(3), &alice, &key, id_of),
            Err(Rejected::Forged)
        );
    }

    #[test]
    fn a_hello_is_for_one_server_one_nonce_and_one_key() {
        let a = identity(1);
        let (key, nonce) = (a.public_key(), Nonce([1; 32]));
        let signature = Identity::sign(&a, HELLO, &hello_bytes("here:1", &nonce, &key));
        assert!(is_hello("here:1", &nonce, &key, &signature));
        assert!(!is_hello("here:2", &nonce, &key, &signature));
        assert!(!is_hello("here:1", &Nonce([2; 32]), &key, &signature));
        assert!(!is_hello(
            "here:1",
            &nonce,
            &identity(2).public_key(),
            &signature
        ));
        // A length comes before the name, so that no name runs into the nonce.
        assert_ne!(
            hello_bytes("ab", &Nonce([b'c'; 32]), &key)[..8],
            hello_bytes("abc", &Nonce([b'c'; 32]), &key)[..8]
        );
    }
}
