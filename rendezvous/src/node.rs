//! A node among the users of a rendezvous server: the same key, and the same id.

mod dialer;
mod through_both;
mod through_peers;

use crate::{Identity as Signs, PublicKey, Signature, UserId};

use mydht_proto::identity::{self, Identity};
use mydht_proto::{Hash, PeerId};

pub use dialer::{Connection, Dialer, Path};
pub use through_both::NodeRendezvous;
pub use through_peers::PeerRendezvous;

impl Signs for Identity {
    fn public_key(&self) -> PublicKey {
        PublicKey(Identity::public_key(self).to_bytes())
    }

    fn sign(&self, context: &'static str, message: &[u8]) -> Signature {
        Signature(Identity::sign(self, context, message))
    }
}

/// The user that has this key: its id is the node's. `None` for what is no key.
pub fn id_of(key: &PublicKey) -> Option<UserId> {
    identity::PublicKey::from_bytes(&key.0).map(|key| key.id().into())
}

impl From<PeerId> for UserId {
    fn from(id: PeerId) -> Self {
        UserId(id.0.0)
    }
}

impl From<UserId> for PeerId {
    fn from(id: UserId) -> Self {
        PeerId(Hash(id.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify;

    #[test]
    fn a_node_signs_as_the_user_that_it_is() {
        let node = Identity::from_seed(&[1; 32]);
        let key = Signs::public_key(&node);
        let signature = Signs::sign(&node, "context", b"message");
        assert!(verify(&key, "context", b"message", &signature));
        assert!(!verify(&key, "contexT", b"message", &signature));
        assert_eq!(id_of(&key), Some(node.id().into()));
        assert_eq!(PeerId::from(UserId::from(node.id())), node.id());
        assert_eq!(id_of(&PublicKey([0; 32])), None, "a key of small order");
    }
}
