//! The interface of every transport.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::io::{self, Read, Write};
use std::str::FromStr;

use mydht_evloop::traits::{Poll, Ready, Registerable};

use crate::InvalidAddress;

/// Accepts and opens connections. Registered readable, it is reported when a connection waits to be
/// accepted, or when the transport has something to do for itself: it does that inside `accept`, so
/// call that until it says `WouldBlock`.
///
/// Dropping it stops accepting; streams that it gave live on.
pub trait Transport<P: Poll>: Registerable<P> {
    /// Address of a peer. Peers exchange its text form, which must parse back to an equal address.
    type Address: Clone + Debug + Display + Eq + Hash + FromStr<Err = InvalidAddress>;
    /// A connection.
    type Stream: Stream<P>;

    /// Returns the part that all addresses of one host share. Connections of one host are counted
    /// and limited by it.
    fn host(address: &Self::Address) -> String {
        address.to_string()
    }

    /// Returns the rank of an address among several of the same peer: the connection with the
    /// greatest is used, and the others are closed. By default all rank alike.
    fn rank(address: &Self::Address) -> u8 {
        let _ = address;
        1
    }

    /// Returns the address at which peers reach this end, if there is one.
    fn local_address(&self) -> Option<Self::Address>;

    /// Returns all addresses at which peers reach this end, the best first.
    fn local_addresses(&self) -> Vec<Self::Address> {
        self.local_address().into_iter().collect()
    }

    /// Returns the address of a peer that claims to listen on `claimed` and connected from
    /// `observed`. A peer that listens on all its interfaces, or behind a NAT, does not know its
    /// outer address. By default the claim is believed.
    fn address_of(&self, claimed: Self::Address, observed: &Self::Address) -> Self::Address {
        let _ = observed;
        claimed
    }

    /// Accepts the next connection that a peer opened.
    ///
    /// # Errors
    /// `WouldBlock` when none is waiting. Any other error concerns one connection, and the
    /// transport keeps working.
    fn accept(&mut self) -> io::Result<(Self::Stream, Self::Address)>;

    /// Opens a connection. It may still be under way when this returns: the stream is reported
    /// writable when it is open, and reading or writing gives the error if it cannot be opened.
    ///
    /// # Errors
    /// When it is known at once that `address` cannot be reached.
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

    /// Runs the stream's own work, such as answering a heartbeat, and returns what the halves can
    /// be used for now. Call it at each report, before using the halves, with the loop of the
    /// registration and the reported readiness.
    fn turn(&self, poll: &P, reported: Ready) -> Option<Ready> {
        let _ = poll;
        Some(reported)
    }

    /// Returns bytes that identify the encrypted channel under the stream, equal at both ends. For
    /// DTLS these are the fingerprints of the connecting and of the accepting end, in this order.
    /// The peer's identity is proved for this channel only. The binding is known at the latest
    /// after the first read. Empty by default: there is no such channel.
    fn channel_binding(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Returns a handle on the reading half.
    fn read_stream(&self) -> Self::ReadStream;

    /// Returns a handle on the writing half.
    fn write_stream(&self) -> Self::WriteStream;

    /// Closes both directions. Bytes written and not yet sent may be lost. From now on the halves
    /// return errors or the end of the stream.
    fn disconnect(&self);
}
