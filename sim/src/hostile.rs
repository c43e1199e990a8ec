//! Nodes that lie. They are nodes as all others, except that what they say goes through a
//! [`Tongue`] and what they are to keep into a [`Shelf`].

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use mydht_proto::Address;
use mydht_proto::id::{Hash, PeerId};
use mydht_proto::msg::{Bincode, MsgEnc, ProtoMessage};
use mydht_proto::record::{Record, Value};
use mydht_proto::routing::{Contact, Distance};
use mydht_store::{KVStore, Listed, MemoryKV, Millis, Usage};
use mydht_transports::memory::MemoryAddress;

/// The hostile nodes, which know each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Gang(Arc<Mutex<Vec<Contact>>>);

impl Gang {
    pub(super) fn join(&self, id: PeerId, address: MemoryAddress) {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = members.partition_point(|member| member.id < id);
        let addresses = Address::Memory(address.0).into();
        members.insert(at, Contact { id, addresses });
    }

    pub(super) fn leave(&self, id: &PeerId) {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| member.id != *id);
    }

    /// Members near `target`, nearest first. Those that share its first bits stand around its place
    /// in their order.
    fn near(&self, target: &Hash, count: usize) -> Vec<Contact> {
        let members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = members.partition_point(|member| member.id.0 < *target);
        let around = at.saturating_sub(count)..(at + count).min(members.len());
        let mut near = members[around].to_vec();
        near.sort_by_cached_key(|member| Distance::between(&member.id.0, target));
        near.truncate(count);
        near
    }
}

/// Encoding of a node that is honest, or a member of a gang.
///
/// A liar names members of its gang where an honest node names those that are near (the eclipse of
/// S/Kademlia §3), and answers with another value than was asked for where it knows one.
#[derive(Clone, Debug, Default)]
pub struct Tongue(pub(super) Option<Gang>);

impl Tongue {
    fn say(&self, gang: &Gang, message: &ProtoMessage) -> ProtoMessage {
        let mut said = message.clone();
        match &mut said {
            ProtoMessage::NotFound { nodes, .. }
            | ProtoMessage::Nodes { nodes, .. }
            | ProtoMessage::Providers { nodes, .. } => {
                // An honest answer begins with whoever is nearest to what was asked for.
                if let Some(nearest) = nodes.first() {
                    *nodes = gang.near(&nearest.id.0.clone(), nodes.len());
                }
            }
            ProtoMessage::Found { record, .. } => {
                *record = Record {
                    value: Value::Bytes(b"forged".to_vec()),
                    ..record.clone()
                };
            }
            _ => {}
        }
        said
    }
}

impl MsgEnc for Tongue {
    // The same number as honest nodes have, so that peers cannot tell a hostile one by its
    // preamble.
    const ID: u8 = Bincode::ID;

    fn encode_into<W: Write>(&self, w: &mut W, message: &ProtoMessage) -> io::Result<()> {
        match &self.0 {
            None => Bincode.encode_into(w, message),
            Some(gang) => Bincode.encode_into(w, &self.say(gang, message)),
        }
    }

    fn decode_from<R: Read>(&self, r: &mut R) -> io::Result<ProtoMessage> {
        Bincode.decode_from(r)
    }
}

/// Store of records: in memory, or nowhere although it answers that it keeps them.
pub enum Shelf {
    /// In memory.
    Memory(Box<MemoryKV>),
    /// Nowhere.
    Nowhere,
}

impl KVStore for Shelf {
    fn get(&mut self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        match self {
            Shelf::Memory(kv) => kv.get(key),
            Shelf::Nowhere => Ok(None),
        }
    }

    fn put(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()> {
        match self {
            Shelf::Memory(kv) => kv.put(key, value, expires),
            Shelf::Nowhere => Ok(()),
        }
    }

    fn put_own(&mut self, key: &[u8], value: &[u8], expires: Option<Millis>) -> io::Result<()> {
        match self {
            Shelf::Memory(kv) => kv.put_own(key, value, expires),
            Shelf::Nowhere => Ok(()),
        }
    }

    fn remove(&mut self, key: &[u8]) -> io::Result<()> {
        match self {
            Shelf::Memory(kv) => kv.remove(key),
            Shelf::Nowhere => Ok(()),
        }
    }

    fn page(&mut self, after: Option<&[u8]>, most: usize) -> io::Result<Vec<Listed>> {
        match self {
            Shelf::Memory(kv) => kv.page(after, most),
            Shelf::Nowhere => Ok(Vec::new()),
        }
    }

    fn usage(&mut self) -> io::Result<Usage> {
        match self {
            Shelf::Memory(kv) => kv.usage(),
            Shelf::Nowhere => Ok(Usage::default()),
        }
    }

    fn commit(&mut self) -> io::Result<()> {
        match self {
            Shelf::Memory(kv) => kv.commit(),
            Shelf::Nowhere => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mydht_proto::Key;

    fn contact(number: u64) -> Contact {
        Contact {
            id: PeerId(Hash::of(&number.to_le_bytes())),
            addresses: Address::Memory(number).into(),
        }
    }

    #[test]
    fn a_gang_names_its_nearest() {
        let gang = Gang::default();
        let members: Vec<_> = (0..500).map(contact).collect();
        for (number, member) in (0..).zip(&members) {
            gang.join(member.id, MemoryAddress(number));
        }
        let target = Hash::of(b"target");
        let near = gang.near(&target, 8);
        let mut all = members.clone();
        all.sort_by_cached_key(|member| Distance::between(&member.id.0, &target));
        // It looks around a place, not everywhere: the nearest is found, most of the next ones too.
        assert_eq!(near[0], all[0]);
        assert_eq!(near.len(), 8);
        gang.leave(&near[0].id);
        assert_ne!(gang.near(&target, 8)[0], near[0]);
        assert_eq!(Gang::default().near(&target, 8), []);
    }

    #[test]
    fn a_liar_names_its_gang_and_forges() {
        let gang = Gang::default();
        (0..20).for_each(|number| gang.join(contact(number).id, MemoryAddress(number)));
        let liar = Tongue(Some(gang));
        let speak = |tongue: &Tongue, message: &ProtoMessage| {
            let mut bytes = Vec::new();
            tongue.encode_into(&mut bytes, message).unwrap();
            tongue.decode_from(&mut &bytes[..]).unwrap()
        };
        let query = 7;
        let nodes = vec![contact(100), contact(101)];
        let message = ProtoMessage::Nodes { query, nodes };
        assert_eq!(speak(&Tongue(None), &message), message);
        let ProtoMessage::Nodes { nodes, .. } = speak(&liar, &message) else {
            panic!("another message");
        };
        assert_eq!(nodes.len(), 2);
        assert!(
            nodes
                .iter()
                .all(|node| (0..20).any(|n| contact(n) == *node))
        );
        let record = Record::by_content(Value::Bytes(b"truth".to_vec()));
        let ProtoMessage::Found { record: said, .. } = speak(
            &liar,
            &ProtoMessage::Found {
                query,
                record: record.clone(),
            },
        ) else {
            panic!("another message");
        };
        assert_eq!(said.key, record.key);
        assert_ne!(said.value, record.value);
        assert!(matches!(said.key, Key::Content(_)));
    }

    #[test]
    fn what_is_kept_nowhere_is_not_there() {
        let mut shelves = [Shelf::Memory(Box::default()), Shelf::Nowhere];
        let found = shelves.each_mut().map(|shelf| {
            shelf.put(b"key", b"value", None).unwrap();
            shelf.commit().unwrap();
            shelf.get(b"key").unwrap()
        });
        assert_eq!(found, [Some(b"value".to_vec()), None]);
    }
}
