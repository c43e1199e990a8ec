//! Packets of a tunnel: a header of fixed length with a layer for each hop, and a body of one of
//! three lengths.
//!
//! The form is Sphinx's (Danezis and Goldberg, 2009) with a fresh key for each hop in the place of
//! one that is blinded on the way: a header is longer by 32 bytes a hop, and nothing is computed
//! but X25519 and ChaCha20-Poly1305.
//!
//! A header is: an ephemeral key; the tag of the slots; [`HOPS`] slots, encrypted. A hop decrypts
//! the slots, takes the first, and puts as many bytes behind the rest, so that the header stays as
//! long. A slot is: kind; where to; the next hop's ephemeral key; the tag of its slots; the tag of
//! this hop's body.

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::layer::{KEY, Layer, TAG, open, seal};
use crate::id::{Hash, PeerId};

/// A route has so many hops at most, its end among them.
pub const HOPS: usize = 5;

const SLOT: usize = 1 + KEY + KEY + TAG + TAG;
const SLOTS: usize = HOPS * SLOT;
const HEADER: usize = KEY + TAG + SLOTS;

/// Forward the packet to a peer.
const FORWARD: u8 = 1;
/// Forward an answer to a peer. Its body is anybody's.
const ANSWER: u8 = 2;
/// This is where it goes.
const HERE: u8 = 3;
/// This is where it goes, and it is the answer of that name.
const HOME: u8 = 4;

/// Lengths of packets. All of one class look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// 2 KiB.
    Small,
    /// 16 KiB.
    Medium,
    /// 60 KiB: what fits into a message of the user's services, by default.
    Large,
}

impl Class {
    const ALL: [Class; 3] = [Class::Small, Class::Medium, Class::Large];

    /// The bytes of a packet.
    pub fn packet_len(self) -> usize {
        match self {
            Class::Small => 2 << 10,
            Class::Medium => 16 << 10,
            Class::Large => 60 << 10,
        }
    }

    fn body_len(self) -> usize {
        self.packet_len() - HEADER
    }

    /// The most bytes of content.
    pub fn content_len(self) -> usize {
        self.body_len() - LEN - TAG
    }

    fn of_packet(len: usize) -> Option<Class> {
        Class::ALL
            .into_iter()
            .find(|class| class.packet_len() == len)
    }

    /// The smallest that has room for so many bytes.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn for_content(len: usize) -> Result<Class, TunnelError> {
        let mut all = Class::ALL.into_iter();
        all.find(|class| class.content_len() >= len)
            .ok_or(TunnelError::TooLong)
    }
}

/// The length of a content, before it.
const LEN: usize = 4;

/// Why a packet was not made, or is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelError {
    /// The route has no hop, or more than [`HOPS`], or one whose key is weak.
    Route,
    /// The content is longer than the largest class.
    TooLong,
    /// Bytes that are no packet for this hop, or were changed.
    Broken,
    /// The system gives no random bytes.
    Random,
}

impl std::fmt::Display for TunnelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            TunnelError::Route => "a route needs one to five hops with good keys",
            TunnelError::TooLong => "this is too long for a tunnel (60 KiB): put it without one",
            TunnelError::Broken => "a packet is not for this hop, or was changed",
            TunnelError::Random => "the system gives no random bytes",
        })
    }
}

impl std::error::Error for TunnelError {}

/// A hop, for whoever makes a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Id of the hop.
    pub id: PeerId,
    /// Its X25519 key for packets.
    pub key: [u8; KEY],
}

/// The secret that a hop reads its layers with.
#[derive(Clone)]
pub struct HopSecret(StaticSecret);

impl HopSecret {
    /// A new one.
    ///
    /// # Errors
    /// `Random`.
    pub fn generate() -> Result<Self, TunnelError> {
        Ok(HopSecret(StaticSecret::from(random()?)))
    }

    /// Public key with which layers for the hop are made.
    pub fn key(&self) -> [u8; KEY] {
        PublicKey::from(&self.0).to_bytes()
    }
}

/// Result of opening a packet at a hop.
#[derive(Debug, PartialEq, Eq)]
pub enum Peeled {
    /// Packet for this peer, as long as it was.
    Forward(PeerId, Vec<u8>),
    /// Packet that ends here, with this content.
    Here(Vec<u8>),
    /// Answer of this name, which [`AnswerKeys`] open.
    Home([u8; KEY], Vec<u8>),
}

fn random<const N: usize>() -> Result<[u8; N], TunnelError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| TunnelError::Random)?;
    Ok(bytes)
}

/// Instruction to a hop, beside the layers behind it.
struct Note {
    kind: u8,
    to: [u8; KEY],
    body_tag: [u8; TAG],
}

/// A layer for each hop, and its ephemeral key.
fn layers(route: &[Hop]) -> Result<Vec<([u8; KEY], Layer)>, TunnelError> {
    if route.is_empty() || route.len() > HOPS {
        return Err(TunnelError::Route);
    }
    let one = |hop: &Hop| {
        let secret = StaticSecret::from(random()?);
        let ephemeral = PublicKey::from(&secret).to_bytes();
        let layer = Layer::new(&secret, &hop.key, &ephemeral).ok_or(TunnelError::Route)?;
        Ok((ephemeral, layer))
    };
    route.iter().map(one).collect()
}

/// The header for these layers: `notes` are what the hops read.
fn header(layers: &[([u8; KEY], Layer)], notes: &[Note]) -> Result<[u8; HEADER], TunnelError> {
    // What the last hop finds behind its own slot: what those before it have put there, through their layers.
    let mut filler: Vec<u8> = Vec::new();
    for (_, layer) in &layers[..layers.len() - 1] {
        let stream = layer.header_stream(SLOTS);
        let at = SLOTS - filler.len();
        filler
            .iter_mut()
            .zip(&stream[at..])
            .for_each(|(byte, with)| *byte ^= with);
        filler.extend(layer.pad(SLOT));
    }
    // Random, not zero: zeroes behind its slot would reveal the length of the route to the last
    // hop.
    let mut slots: [u8; SLOTS] = random()?;
    let mut next = ([0; KEY], [0; TAG]);
    for (at, ((ephemeral, layer), note)) in layers.iter().zip(notes).enumerate().rev() {
        let is_last = at + 1 == layers.len();
        if !is_last {
            // The slot that is cut off at the end is the one that this hop regenerates with `pad`.
            slots.copy_within(..SLOTS - SLOT, SLOT);
        }
        let slot = [&[note.kind][..], &note.to, &next.0, &next.1, &note.body_tag].concat();
        slots[..SLOT].copy_from_slice(&slot);
        if is_last {
            let stream = layer.header_stream(SLOTS);
            let at = SLOTS - filler.len();
            for ((byte, with), fill) in slots[at..].iter_mut().zip(&stream[at..]).zip(&filler) {
                *byte = fill ^ with;
            }
        }
        let tag = layer.seal_header(&mut slots);
        next = (*ephemeral, tag);
    }
    let mut header = [0; HEADER];
    header[..KEY].copy_from_slice(&next.0);
    header[KEY..KEY + TAG].copy_from_slice(&next.1);
    header[KEY + TAG..].copy_from_slice(&slots);
    Ok(header)
}

/// A content, padded to the bytes that a class has for it.
fn padded(content: &[u8], class: Class) -> Result<Vec<u8>, TunnelError> {
    if content.len() > class.content_len() {
        return Err(TunnelError::TooLong);
    }
    let len = u32::try_from(content.len()).map_err(|_| TunnelError::TooLong)?;
    let mut body = len.to_le_bytes().to_vec();
    body.extend(content);
    body.resize(class.body_len(), 0);
    Ok(body)
}

fn unpadded(body: &[u8]) -> Result<Vec<u8>, TunnelError> {
    let (len, rest) = body.split_first_chunk::<LEN>().ok_or(TunnelError::Broken)?;
    let len = u32::from_le_bytes(*len) as usize;
    rest.get(..len)
        .map(<[u8]>::to_vec)
        .ok_or(TunnelError::Broken)
}

/// A packet for the first hop of `route` that brings `content` to the last. Every hop notices if a
/// byte of it was changed.
///
/// # Errors
/// As [`TunnelError`] says.
pub fn wrap(route: &[Hop], content: &[u8], class: Class) -> Result<Vec<u8>, TunnelError> {
    let layers = layers(route)?;
    let mut body = padded(content, class)?;
    // Tags travel in the slots and not behind the body, so that the body keeps its length at each
    // hop.
    let mut tags: Vec<[u8; TAG]> = layers
        .iter()
        .rev()
        .map(|(_, layer)| layer.seal_body(&mut body))
        .collect();
    tags.reverse();
    let onward = route.iter().skip(1).map(|hop| (FORWARD, hop.id.0.0));
    let notes: Vec<Note> = onward
        .chain([(HERE, [0; KEY])])
        .zip(tags)
        .map(|((kind, to), body_tag)| Note { kind, to, body_tag })
        .collect();
    let mut packet = header(&layers, &notes)?.to_vec();
    packet.append(&mut body);
    Ok(packet)
}

/// Takes off the layer for this hop. Also gives the packet's name here: of one name only the first
/// is to be taken, or somebody could send a packet again to see where it goes.
///
/// # Errors
/// `Broken`: then nothing is to be done for it.
pub fn peel(secret: &HopSecret, packet: &[u8]) -> Result<([u8; KEY], Peeled), TunnelError> {
    // A packet of an unusual length could be traced from hop to hop.
    Class::of_packet(packet.len()).ok_or(TunnelError::Broken)?;
    let (ephemeral, rest) = packet
        .split_first_chunk::<KEY>()
        .ok_or(TunnelError::Broken)?;
    let (tag, rest) = rest.split_first_chunk::<TAG>().ok_or(TunnelError::Broken)?;
    let (slots, body) = rest.split_at_checked(SLOTS).ok_or(TunnelError::Broken)?;
    let layer = Layer::new(&secret.0, ephemeral, ephemeral).ok_or(TunnelError::Broken)?;
    let mut slots = slots.to_vec();
    if !layer.open_header(&mut slots, tag) {
        return Err(TunnelError::Broken);
    }
    let (slot, after) = slots.split_at(SLOT);
    let (kind, slot) = slot.split_first().ok_or(TunnelError::Broken)?;
    let (to, slot) = slot.split_first_chunk::<KEY>().ok_or(TunnelError::Broken)?;
    let (next, body_tag) = slot.split_at(KEY + TAG);
    let body_tag = body_tag.try_into().map_err(|_| TunnelError::Broken)?;
    let mut body = body.to_vec();
    let is_answer = matches!(*kind, ANSWER | HOME);
    if is_answer {
        // Whoever answers made the body: each hop puts a layer around it.
        layer.seal_body(&mut body);
    } else if !layer.open_body(&mut body, body_tag) {
        return Err(TunnelError::Broken);
    }
    let peeled = match *kind {
        FORWARD | ANSWER => {
            let packet = [next, after, &layer.pad(SLOT), &body].concat();
            Peeled::Forward(PeerId(Hash(*to)), packet)
        }
        HERE => Peeled::Here(unpadded(&body)?),
        HOME => Peeled::Home(*to, body),
        _ => return Err(TunnelError::Broken),
    };
    Ok((layer.name, peeled))
}

/// By what somebody can be answered without being known: good for one answer.
#[derive(Clone, PartialEq, Eq)]
pub struct AnswerBlock {
    first: PeerId,
    header: Box<[u8; HEADER]>,
    key: [u8; KEY],
}

/// Keys that open the answer.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct AnswerKeys {
    name: [u8; KEY],
    key: [u8; KEY],
    layers: Vec<Layer>,
}

impl AnswerBlock {
    /// Its bytes.
    pub const LEN: usize = KEY + HEADER + KEY;

    /// For an answer that comes by `route`, whose last hop is who asks.
    ///
    /// # Errors
    /// `Route`, `Random`.
    pub fn new(route: &[Hop]) -> Result<(Self, AnswerKeys), TunnelError> {
        let layers = layers(route)?;
        let (name, key) = (random()?, random()?);
        let onward = route.iter().skip(1).map(|hop| (ANSWER, hop.id.0.0));
        let notes: Vec<Note> = onward
            .chain([(HOME, name)])
            .map(|(kind, to)| Note {
                kind,
                to,
                body_tag: [0; TAG],
            })
            .collect();
        let header = Box::new(header(&layers, &notes)?);
        let first = route.first().ok_or(TunnelError::Route)?.id;
        let block = AnswerBlock { first, header, key };
        let layers = layers.into_iter().map(|(_, layer)| layer).collect();
        Ok((block, AnswerKeys { name, key, layers }))
    }

    /// The packet that brings `content` to who asked, and the peer that it is given to.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn answer(self, content: &[u8]) -> Result<(PeerId, Vec<u8>), TunnelError> {
        let class = Class::for_content(content.len())?;
        let mut body = padded(content, class)?;
        // Cuts off padding only: `content_len` reserves room for the tag.
        body.truncate(class.body_len() - TAG);
        let tag = seal(&self.key, &mut body);
        Ok((self.first, [&self.header[..], &body, &tag].concat()))
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.first.0.0[..], &self.header[..], &self.key].concat()
    }

    /// What was sent so, and what follows it.
    pub fn from_bytes(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (first, rest) = bytes.split_first_chunk::<KEY>()?;
        let (header, rest) = rest.split_first_chunk::<HEADER>()?;
        let (key, rest) = rest.split_first_chunk::<KEY>()?;
        let block = AnswerBlock {
            first: PeerId(Hash(*first)),
            header: Box::new(*header),
            key: *key,
        };
        Some((block, rest))
    }
}

impl AnswerKeys {
    /// Returns the name of the answer, as [`Peeled::Home`] has it.
    pub fn name(&self) -> &[u8; KEY] {
        &self.name
    }

    /// The content of the answer.
    ///
    /// # Errors
    /// `Broken`: a hop has changed it.
    pub fn open(&self, mut body: Vec<u8>) -> Result<Vec<u8>, TunnelError> {
        // The layers come off as they were put around, the last first: each is a stream.
        for layer in self.layers.iter().rev() {
            layer.seal_body(&mut body);
        }
        let (sealed, tag) = body
            .split_last_chunk_mut::<TAG>()
            .ok_or(TunnelError::Broken)?;
        if !open(&self.key, sealed, tag) {
            return Err(TunnelError::Broken);
        }
        unpadded(sealed)
    }
}
