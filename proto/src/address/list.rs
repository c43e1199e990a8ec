//! The addresses of one node.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Address;

/// Most addresses that one node names of itself.
pub const MAX_ADDRESSES: usize = 4;

/// Addresses of one node, the best first: none, or up to [`MAX_ADDRESSES`].
///
/// A node without an address can be spoken with, but not connected with. Clones share their memory.
///
/// ```
/// use mydht_proto::{Address, Addresses};
///
/// let list = Addresses::from_iter(["tcp:192.0.2.1:4000".parse::<Address>()?]);
/// assert_eq!(list.to_string(), "tcp:192.0.2.1:4000");
/// assert_eq!(list.len(), 1);
/// # Ok::<(), mydht_small::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Addresses(
    // `None` instead of an empty slice: most peers of a page have no address, and need no allocation.
    Option<Arc<[Address]>>,
);

impl Addresses {
    /// Returns true if the text form of one of the addresses has more than `most` bytes.
    pub fn any_longer_than(&self, most: usize) -> bool {
        self.iter().any(|address| address.is_longer_than(most))
    }
}

impl Deref for Addresses {
    type Target = [Address];

    fn deref(&self) -> &[Address] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// Takes the first [`MAX_ADDRESSES`].
impl FromIterator<Address> for Addresses {
    fn from_iter<I: IntoIterator<Item = Address>>(addresses: I) -> Self {
        let addresses: Vec<Address> = addresses.into_iter().take(MAX_ADDRESSES).collect();
        Addresses((!addresses.is_empty()).then(|| addresses.into()))
    }
}

impl From<Address> for Addresses {
    fn from(address: Address) -> Self {
        Addresses(Some([address].into()))
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, address) in self.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{address}")?;
        }
        Ok(())
    }
}

impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self[..].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Addresses;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX_ADDRESSES} addresses")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Addresses, A::Error> {
                let mut list = Vec::new();
                while let Some(address) = seq.next_element()? {
                    // The length on the wire is a claim: nothing is allocated by it.
                    if list.len() == MAX_ADDRESSES {
                        return Err(A::Error::invalid_length(list.len() + 1, &self));
                    }
                    list.push(address);
                }
                Ok(list.into_iter().collect())
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(count: u64) -> Vec<Address> {
        (0..count).map(Address::Memory).collect()
    }

    #[test]
    fn a_list_on_the_wire_has_at_most_four_addresses() {
        for count in 0..=4 {
            let text = serde_json::to_string(&list(count)).unwrap();
            let read: Addresses = serde_json::from_str(&text).unwrap();
            assert_eq!(read[..], list(count));
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        let five = serde_json::to_string(&list(5)).unwrap();
        assert!(serde_json::from_str::<Addresses>(&five).is_err());
        assert_eq!(list(5).into_iter().collect::<Addresses>().len(), 4);
        assert!(serde_json::from_str::<Addresses>(r#"["no address"]"#).is_err());
    }
}
