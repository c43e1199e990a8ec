//! Reads the messages of one connection, and what follows them.

use std::io::{self, Read};

use mydht_spawner::{
    Error, ReadYield, Result, Service, ServiceRestartable, SpawnerYield, YieldReturn,
};
use readwrite_comp::{CompR, Replay, ReplayLimits, SizedWindowsR, WindowLimits};

use super::buffer::IdleReader;
use crate::attachment::{Attachment, Part, ReceivedPart};
use crate::conf::{MyDHTConf, Reader};
use crate::handshake::FrameIn;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::msg::{MsgEnc, ProtoMessage};
use crate::shadow::{Keys, Shadow};
use mydht_proto::wire::PreambleIn;

/// Reads one message a call: of the handshake, until it is given keys, and then of the
/// conversation, through the cipher layer of these keys. Nothing behind the handshake is decoded
/// before that. It yields where the transport blocks, and is done when the peer has closed.
pub struct ReadService<MC: MyDHTConf> {
    stream: IdleReader<Counted<Reader<MC>>>,
    preamble: PreambleIn,
    /// While a message of the handshake may come.
    handshake: Option<Box<FrameIn>>,
    shadow: MC::Shadow,
    /// `None` until the handshake is done.
    layer: Option<<MC::Shadow as Shadow>::Read>,
    enc: MC::MsgEnc,
    most: usize,
    /// A message of which a part is here, and the memory for the next. Where the peer says nothing
    /// there is nothing: most connections are idle.
    collected: Option<Box<Collected>>,
    /// A message whose attachment is on its way.
    incoming: Option<Box<(ProtoMessage, Part)>>,
    metrics: Metrics,
}

/// A message on its way in.
struct Collected {
    windows: SizedWindowsR,
    replay: Replay,
    /// Bytes that were read again and are counted.
    replayed: u64,
}

impl Collected {
    /// Nothing, of a message of at most so many bytes.
    fn new(most: usize) -> Self {
        Collected {
            windows: windows(most),
            replay: Replay::new(ReplayLimits {
                max_message: most,
                ..ReplayLimits::default()
            }),
            replayed: 0,
        }
    }
}

fn windows(most: usize) -> SizedWindowsR {
    SizedWindowsR::new(WindowLimits {
        max_window: u32::try_from(most).unwrap_or(u32::MAX),
        max_total: most as u64,
    })
}

/// Command to a reading service: read the next message.
#[derive(Debug)]
pub struct ReadIn(
    /// Keys to read with from now on: given once, when the handshake is done.
    pub Option<Keys>,
);

/// Message of a peer.
#[derive(Debug)]
pub enum FromPeer {
    /// A message of the handshake.
    Handshake(Vec<u8>),
    /// A message, and what followed it.
    Message(ProtoMessage, Option<ReceivedPart>),
}

/// A message of the peer.
#[derive(Debug)]
pub struct ReadOut {
    /// The message.
    pub from_peer: Box<FromPeer>,
    /// Bytes that were taken from the transport for it.
    pub bytes: usize,
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    metrics: Metrics,
    /// Bytes since the last message.
    bytes: usize,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.metrics.bytes_in(count as u64);
        self.bytes += count;
        Ok(count)
    }
}

impl<MC: MyDHTConf> ReadService<MC> {
    /// Reads `stream` from its first byte.
    pub(super) fn new(
        stream: Reader<MC>,
        shadow: MC::Shadow,
        enc: MC::MsgEnc,
        limits: &Limits,
        metrics: Metrics,
    ) -> Self {
        let counted = Counted {
            inner: stream,
            metrics: metrics.clone(),
            bytes: 0,
        };
        ReadService {
            stream: IdleReader::new(counted),
            preamble: PreambleIn::new(MC::MsgEnc::ID),
            handshake: None,
            shadow,
            layer: None,
            enc,
            most: limits.sizes.message_bytes,
            collected: None,
            incoming: None,
            metrics,
        }
    }

    /// The next of what the peer says, from wherever the last attempt stopped. `None`: the peer
    /// closed between two messages.
    fn next<Y: SpawnerYield>(&mut self, y: &mut Y) -> io::Result<Option<FromPeer>> {
        if !self.preamble(y)? {
            return Ok(None);
        }
        if self.layer.is_none() {
            return self.handshake(y);
        }
        if self.incoming.is_none() {
            let Some(message) = self.message(y)? else {
                return Ok(None);
            };
            let Some(len) = message.attachment_len() else {
                return Ok(Some(FromPeer::Message(message, None)));
            };
            let ProtoMessage::Part { part, proof, .. } = &message else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            // Only the part of an attachment that has no other has an empty proof.
            let incoming = Part::incoming(*part, len, proof.is_empty())?;
            // Kept in the service, so that a restart resumes the part and decodes no message again.
            self.incoming = Some(Box::new((message, incoming)));
        }
        if let (Some(incoming), Some(layer)) = (&mut self.incoming, &mut self.layer) {
            let (_, part) = &mut **incoming;
            if MC::RESTARTABLE {
                part.read_from(&mut CompR::new(layer, &mut self.stream))?;
            } else {
                let mut stream = ReadYield::new(&mut self.stream, y);
                part.read_from(&mut CompR::new(layer, &mut stream))?;
            }
        }
        let whole = self.incoming.take();
        self.metrics.parts_in(1);
        Ok(whole.map(|whole| FromPeer::Message(whole.0, whole.1.into_received())))
    }

    fn preamble<Y: SpawnerYield>(&mut self, y: &mut Y) -> io::Result<bool> {
        if MC::RESTARTABLE {
            self.preamble.read_from(&mut self.stream)
        } else {
            let mut stream = ReadYield::new(&mut self.stream, y);
            self.preamble.read_from(&mut stream)
        }
    }

    fn handshake<Y: SpawnerYield>(&mut self, y: &mut Y) -> io::Result<Option<FromPeer>> {
        let frame = self.handshake.get_or_insert_default();
        let message = if MC::RESTARTABLE {
            frame.read_from(&mut self.stream)?
        } else {
            let mut stream = ReadYield::new(&mut self.stream, y);
            frame.read_from(&mut stream)?
        };
        self.metrics.handshakes_in(u64::from(message.is_some()));
        Ok(message.map(FromPeer::Handshake))
    }

    fn message<Y: SpawnerYield>(&mut self, y: &mut Y) -> io::Result<Option<ProtoMessage>> {
        let (enc, Some(layer)) = (&self.enc, &mut self.layer) else {
            return Ok(None);
        };
        let message = if MC::RESTARTABLE {
            let mut source = CompR::new(layer, &mut self.stream);
            let most = self.most;
            let collected = self
                .collected
                .get_or_insert_with(|| Box::new(Collected::new(most)));
            let Collected {
                windows,
                replay,
                replayed,
            } = &mut **collected;
            let message = replay.read_framed(windows, &mut source, |r| enc.decode_from(r));
            // Counted before the error is returned: most attempts end in `WouldBlock`.
            let again = replay.stats().bytes_replayed;
            self.metrics
                .bytes_replayed(again - std::mem::replace(replayed, again));
            message?
        } else {
            let mut stream = ReadYield::new(&mut self.stream, y);
            let source = CompR::new(layer, &mut stream);
            let mut body = CompR::new(windows(self.most), source);
            let message = enc.decode_from(&mut body)?;
            // Consumes the end mark, which would otherwise be read as the next message.
            body.read_end()?;
            Some(message)
        };
        self.metrics.messages_in(u64::from(message.is_some()));
        Ok(message)
    }

    fn run<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<ReadOut> {
        loop {
            match self.next(y) {
                Ok(Some(from_peer)) => {
                    // Includes bytes that the buffer has read ahead, which the next message then
                    // does not count.
                    let bytes = std::mem::take(&mut self.stream.get_mut().bytes);
                    let from_peer = Box::new(from_peer);
                    return Ok(ReadOut { from_peer, bytes });
                }
                Ok(None) => return Err(Error::End),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.metrics.yields(1);
                    // Frees the memory between messages, because most connections are idle.
                    self.collected
                        .take_if(|collected| !collected.replay.in_flight());
                    if y.spawn_yield() == YieldReturn::Return {
                        return Err(Error::Yield);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<MC: MyDHTConf> Service for ReadService<MC> {
    type CommandIn = ReadIn;
    type CommandOut = ReadOut;

    fn call<Y: SpawnerYield>(&mut self, command: ReadIn, y: &mut Y) -> Result<ReadOut> {
        if let Some(keys) = command.0 {
            self.layer = Some(self.shadow.read_layer(keys));
            self.handshake = None;
        }
        self.run(y)
    }
}

impl<MC: MyDHTConf> ServiceRestartable for ReadService<MC> {
    fn restart<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<Option<ReadOut>> {
        self.metrics.restarts(1);
        self.run(y).map(Some)
    }
}
