//! Hostile peers on connections that nobody has authenticated.

use std::io::{ErrorKind, Read, Result, Write};

/// Act that a hostile peer repeats.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Sends random bytes.
    Garbage,
    /// Says nothing.
    Silent,
    /// Begins a message and does not end it.
    Half,
    /// Sends well-formed frames of nonsense without end.
    Flood,
    /// Connects again at once.
    Reconnect,
}

/// All of them.
pub const KINDS: [Kind; 5] = [
    Kind::Garbage,
    Kind::Silent,
    Kind::Half,
    Kind::Flood,
    Kind::Reconnect,
];

const PREAMBLE: &[u8] = b"MYDHT\x01\x02\x00";

/// A hostile peer over connections of the type `W`, which do not block.
pub struct Hostile<W> {
    kind: Kind,
    wire: Option<W>,
    random: u64,
}

impl<W: Read + Write> Hostile<W> {
    /// The `number`th of them.
    pub fn new(number: usize) -> Self {
        Hostile {
            kind: KINDS[number % KINDS.len()],
            wire: None,
            random: 0x9e37_79b9_7f4a_7c15 ^ number as u64,
        }
    }

    fn random(&mut self) -> u64 {
        // xorshift64, Marsaglia 2003.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// Does the next thing. False if there was nothing to do.
    pub fn act(&mut self, connect: impl FnOnce() -> Result<W>) -> bool {
        let fresh = self.wire.is_none();
        if fresh {
            self.wire = connect().ok();
        }
        let bytes = match self.kind {
            Kind::Garbage => (0..64).flat_map(|_| self.random().to_le_bytes()).collect(),
            Kind::Silent => Vec::new(),
            Kind::Half if fresh => [PREAMBLE, &[200, 0, 0, 0], &[1; 100]].concat(),
            Kind::Half => Vec::new(),
            Kind::Flood if fresh => PREAMBLE.to_vec(),
            Kind::Flood => [&[64, 0, 0, 0], &[2; 64][..], &[0; 4]].concat().repeat(8),
            Kind::Reconnect => {
                self.wire = None;
                return true;
            }
        };
        let Some(wire) = &mut self.wire else {
            return false;
        };
        let blocks = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        let wrote = wire.write(&bytes);
        let closed = match wire.read(&mut [0; 1024]) {
            Ok(count) => count == 0,
            Err(error) => !blocks(&error),
        };
        if closed || wrote.as_ref().is_err_and(|error| !blocks(error)) {
            self.wire = None;
            return true;
        }
        fresh || wrote.is_ok_and(|count| count > 0)
    }
}
