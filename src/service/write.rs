//! Writes the messages of one connection, and what follows them.

use std::io::{self, Write};

use bytes::Bytes;
use mydht_spawner::{
    Error, Result, Service, ServiceRestartable, SpawnerYield, WriteYield, YieldReturn,
};
use readwrite_comp::{CompW, SizedWindowsW, Skip, SkipLimits};

use super::buffer::IdleWriter;
use crate::attachment::{Attachment, Part};
use crate::conf::{MyDHTConf, Writer};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::msg::{MsgEnc, ProtoMessage};
use crate::shadow::{Keys, Shadow};
use mydht_proto::wire::PreambleOut;

/// Command to a writing service.
#[derive(Debug)]
pub enum WriteIn {
    /// Write a message of the handshake, with its length, as it is.
    Handshake(Vec<u8>),
    /// The handshake is done: everything else is written with these.
    Keys(Keys),
    /// Write a message, and the bytes that follow it.
    Message(Box<ProtoMessage>, Option<Bytes>),
    /// Nothing comes after this: end the stream.
    Last,
}

/// Report of a writing service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOut {
    /// A message is with the transport, or keys are taken.
    Message,
    /// All that it was asked is.
    Last,
}

/// Writes one message a call. It yields where the transport blocks.
pub struct WriteService<MC: MyDHTConf> {
    stream: IdleWriter<Counted<Writer<MC>>>,
    preamble: PreambleOut,
    shadow: MC::Shadow,
    /// `None` until the handshake is done.
    layer: Option<<MC::Shadow as Shadow>::Write>,
    enc: MC::MsgEnc,
    most: usize,
    /// Between messages there is nothing: most connections are idle.
    outgoing: Option<Outgoing>,
    metrics: Metrics,
}

/// Message on its way out: each step is done once.
enum Outgoing {
    Handshake { bytes: Vec<u8>, written: usize },
    Message(Box<Message>),
    End,
}

/// A message, and what is needed to write it.
struct Message {
    /// Until it is written.
    message: Option<Box<ProtoMessage>>,
    windows: SizedWindowsW,
    skip: Skip,
    /// Bytes that were made again and are counted.
    skipped: u64,
    part: Option<Part>,
}

/// Counts what is written.
struct Counted<W> {
    inner: W,
    metrics: Metrics,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buf)?;
        self.metrics.bytes_out(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<MC: MyDHTConf> WriteService<MC> {
    /// Writes `stream` from its first byte.
    pub(super) fn new(
        stream: Writer<MC>,
        shadow: MC::Shadow,
        enc: MC::MsgEnc,
        limits: &Limits,
        metrics: Metrics,
    ) -> Self {
        let counted = Counted {
            inner: stream,
            metrics: metrics.clone(),
        };
        WriteService {
            stream: IdleWriter::new(counted),
            preamble: PreambleOut::new(MC::MsgEnc::ID),
            shadow,
            layer: None,
            enc,
            most: limits.sizes.message_bytes,
            outgoing: None,
            metrics,
        }
    }

    /// Writes what is left of what is under way.
    fn write<Y: SpawnerYield>(&mut self, y: &mut Y) -> io::Result<()> {
        let WriteService {
            stream,
            preamble,
            layer,
            enc,
            outgoing,
            metrics,
            ..
        } = self;
        let Some(outgoing) = outgoing else {
            return Ok(());
        };
        let mut waiting;
        // `dyn`, so that the code below is compiled once for both kinds of waiting.
        let stream: &mut dyn Write = if MC::RESTARTABLE {
            stream
        } else {
            waiting = WriteYield::new(stream, y);
            &mut waiting
        };
        // Restartable, and a no-op once the preamble is written.
        preamble.write_into(stream)?;
        match (outgoing, layer) {
            (Outgoing::Handshake { bytes, written }, _) => write_rest(stream, bytes, written),
            (Outgoing::Message(outgoing), Some(layer)) => {
                let Message {
                    message,
                    windows,
                    skip,
                    skipped,
                    part,
                } = &mut **outgoing;
                let mut sink = CompW::new(layer, stream);
                if MC::RESTARTABLE {
                    if let Some(to_write) = message {
                        let result =
                            skip.write_framed(windows, &mut sink, |w| enc.encode_into(w, to_write));
                        let again = skip.stats().bytes_skipped;
                        metrics.bytes_skipped(again - std::mem::replace(skipped, again));
                        result?;
                        // Completely written: a restart in the part below must not encode it again.
                        *message = None;
                    }
                } else if let Some(to_write) = message.take() {
                    let mut body = CompW::new(windows, &mut sink);
                    enc.encode_into(&mut body, &to_write)?;
                    body.write_end()?;
                }
                if let Some(part) = part {
                    part.write_into(&mut sink)?;
                }
                // The record layer holds back an incomplete record, and the peer would wait for it.
                sink.flush()
            }
            (Outgoing::End, Some(layer)) => {
                CompW::new(layer, &mut *stream).write_end()?;
                stream.flush()
            }
            (Outgoing::End, None) => stream.flush(),
            (Outgoing::Message(_), None) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a message cannot be written before the handshake is done",
            )),
        }
    }

    fn run<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<WriteOut> {
        loop {
            match self.write(y) {
                Ok(()) => {
                    tracing::trace!("write");
                    return Ok(match self.outgoing.take() {
                        Some(Outgoing::End) => WriteOut::Last,
                        Some(Outgoing::Message(written)) => {
                            self.metrics.messages_out(1);
                            self.metrics.parts_out(u64::from(written.part.is_some()));
                            WriteOut::Message
                        }
                        Some(Outgoing::Handshake { .. }) | None => WriteOut::Message,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.metrics.yields(1);
                    if y.spawn_yield() == YieldReturn::Return {
                        return Err(Error::Yield);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Writes what is left of `bytes`, and flushes.
fn write_rest(mut w: impl Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while let Some(rest) = bytes.get(*written..).filter(|rest| !rest.is_empty()) {
        match w.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    w.flush()
}

impl<MC: MyDHTConf> Service for WriteService<MC> {
    type CommandIn = WriteIn;
    type CommandOut = WriteOut;

    fn call<Y: SpawnerYield>(&mut self, command: WriteIn, y: &mut Y) -> Result<WriteOut> {
        self.outgoing = Some(match command {
            WriteIn::Keys(keys) => {
                // Earlier messages are written by now: a service runs its commands one after the
                // other.
                self.layer = Some(self.shadow.write_layer(keys));
                return Ok(WriteOut::Message);
            }
            WriteIn::Handshake(bytes) => Outgoing::Handshake { bytes, written: 0 },
            WriteIn::Message(message, part) => Outgoing::Message(Box::new(Message {
                message: Some(message),
                windows: SizedWindowsW::default(),
                skip: Skip::new(SkipLimits {
                    max_message: self.most as u64,
                    retain: 0,
                    ..SkipLimits::default()
                }),
                skipped: 0,
                part: part.map(Part::outgoing),
            })),
            WriteIn::Last => Outgoing::End,
        });
        self.run(y)
    }
}

impl<MC: MyDHTConf> ServiceRestartable for WriteService<MC> {
    fn restart<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<Option<WriteOut>> {
        self.metrics.restarts(1);
        self.run(y).map(Some)
    }
}
