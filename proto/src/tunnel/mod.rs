//! Puts and gets over layered routes (MyDHT's tunnel): each hop knows the one before it and the one
//! behind it, and only the last what is asked. What that promises and what not is in
//! [docs/security.md](https://github.com/cheme/mydht/blob/main/docs/security.md).
//!
//! [`wrap`], [`peel`] and [`AnswerBlock`] are pure: bytes and keys. `mydht::tunnel::Tunnel` is a
//! global service that carries them over any transport; start a node with it, and tell it
//! [`Request`]s:
//!
//! ```
//! use mydht_proto::Key;
//! use mydht_proto::tunnel::{Answer, Request};
//! let request = Request::Get(Key::named("greeting")).to_bytes()?;
//! // node.handle().tell(request, |answer| { Answer::from_bytes(&answer); })?;
//! # assert!(!request.is_empty());
//! # assert_eq!(Answer::from_bytes(b"nonsense"), None);
//! # Ok::<(), mydht_proto::tunnel::TunnelError>(())
//! ```
//!
//! ```
//! use mydht_proto::tunnel::{AnswerBlock, Class, Hop, HopSecret, Peeled, peel, wrap};
//! use mydht_proto::{Hash, PeerId};
//!
//! let secrets = [HopSecret::generate()?, HopSecret::generate()?];
//! let hop = |at: usize| Hop { id: PeerId(Hash::of(&[at as u8])), key: secrets[at].key() };
//! let packet = wrap(&[hop(0), hop(1)], b"hello", Class::Small)?;
//! let (_, Peeled::Forward(to, packet)) = peel(&secrets[0], &packet)? else { panic!("it ends") };
//! assert_eq!((to, packet.len()), (hop(1).id, Class::Small.packet_len()));
//! assert_eq!(peel(&secrets[1], &packet)?.1, Peeled::Here(b"hello".to_vec()));
//! # Ok::<(), mydht_proto::tunnel::TunnelError>(())
//! ```

mod keys;
mod layer;
mod packet;
mod request;

#[cfg(test)]
mod tests;

pub use keys::Keys;
pub use packet::{
    AnswerBlock, AnswerKeys, Class, HOPS, Hop, HopSecret, Peeled, TunnelError, peel, wrap,
};
pub use request::{Answer, Request};
