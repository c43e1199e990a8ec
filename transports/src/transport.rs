//! What every transport offers.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::io::{self, Read, Write};
use std::str::FromStr;

use mydht_evloop::traits::{Poll, Ready, Registerable};

use crate::InvalidAddress;

/// Accepts and opens connections. Registered readable, it is reported when a connection waits to be accepted, or when
/// the transport has something to do for itself: it does that inside `accept`, so call that until it says `WouldBlock`.
///
/// Dropping it stops accepting; streams that it gave live on.
pub trait Transport<P: Poll>: Registerable<P> {
    /// Where a peer is found. Its text form is what peers tell each other, and reads back as the same address.
    type Address: Clone + Debug + Display + Eq + Hash + FromStr<Err = InvalidAddress>;
    /// A connection.
    type Stream: Stream<P>;

    /// What the addresses of one host have in common: by this, connections of one host are counted and bounded.
    fn host(address: &Self::Address) -> String {
        address.to_string()
    }

    /// How good a path to a peer an address names, among several to the same one: the greater is used, and the others are
    /// given up. By default all are as good.
    fn rank(address: &Self::Address) -> u8 {
        let _ = address;
        1
    }

    /// Where others find this end, if they can.
    fn local_address(&self) -> Option<Self::Address>;

    /// All places where others find this end, the best first.
    fn local_addresses(&self) -> Vec<Self::Address> {
        self.local_address().into_iter().collect()
    }

    /// Where a peer is found that says it listens on `claimed` and was seen at `observed`. A peer that listens on all
    /// its interfaces, or behind a translated address, does not know where it is seen; by default it is believed.
    fn address_of(&self, claimed: Self::Address, observed: &Self::Address) -> Self::Address {
        let _ = observed;
        claimed
    }

    /// The next connection that a peer opened.
    ///
    /// # Errors
    /// `WouldBlock` when none waits. Other errors concern one connection: the transport goes on.
    fn accept(&mut self) -> io::Result<(Self::Stream, Self::Address)>;

    /// Opens a connection. It may still be under way when this returns: the stream is reported writable when it
    /// is open, and reading or writing gives the error if it cannot be opened.
    ///
    /// # Errors
    /// When it is known at once that there is no way to `address`.
    fn connect_with(&mut self, address: &Self::Address) -> io::Result<Self::Stream>;
}

/// A connection: reliable, ordered, and never blocking.
///
/// It is registered once, for both directions; its halves may be owned by different services.
pub trait Stream<P: Poll>: Registerable<P> {
    /// The reading half. `Ok(0)` when the peer has closed its writing.
    type ReadStream: Read;
    /// The writing half.
    type WriteStream: Write;

    /// Does what the stream has to do for itself, such as answering a heartbeat: call it with the loop that it is
    /// registered on and what was reported, at each report, before the halves are used. Gives what they can be used
    /// for now.
    fn turn(&self, poll: &P, reported: Ready) -> Option<Ready> {
        let _ = poll;
        Some(reported)
    }

    /// What identifies the channel that the stream is carried by, where there is one with keys of its own: the same
    /// bytes at both ends (of DTLS the fingerprints of who connected and of who accepted, in this order). Who is at the
    /// other end is proved for this channel only. Known at the latest when something was read. Empty by default: there
    /// is none.
    fn channel_binding(&self) -> Vec<u8> {
        Vec::new()
    }

    /// A handle on the reading half.
    fn read_stream(&self) -> Self::ReadStream;

    /// A handle on the writing half.
    fn write_stream(&self) -> Self::WriteStream;

    /// Closes both directions. What was written and not yet sent may be lost; the halves give errors or the end
    /// of the stream from now on.
    fn disconnect(&self);
}
