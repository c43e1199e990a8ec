//! Writes the messages of one connection, and what follows them.

use std::io::{self, BufWriter, Write};

use mydht_spawner::{
    Error, Result, Service, ServiceRestartable, SpawnerYield, WriteYield, YieldReturn,
};
use readwrite_comp::{CompW, SizedWindowsW, Skip, SkipLimits};

use crate::attachment::{Attachment, Part};
use crate::conf::{MyDHTConf, Writer};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::msg::{MsgEnc, ProtoMessage};
use crate::shadow::Shadow;
use crate::wire::PreambleOut;

/// Bytes collected before they are given to the transport. Longer writes, those of attachments, pass it by.
const BUFFER: usize = 8 * 1024;

/// What a writing service is asked.
#[derive(Debug)]
pub enum WriteIn {
    /// Write a message, and the bytes that follow it.
    Message(ProtoMessage, Option<Vec<u8>>),
    /// Nothing comes after this.
    Last,
}

/// What it has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOut {
    /// A message is with the transport.
    Message,
    /// All that it was asked is.
    Last,
}

/// Writes one message a call. It yields where the transport blocks.
pub struct WriteService<MC: MyDHTConf> {
    stream: BufWriter<Counted<Writer<MC>>>,
    preamble: PreambleOut,
    shadow: <MC::Shadow as Shadow>::Write,
    windows: SizedWindowsW,
    skip: Skip,
    skipped: u64,
    enc: MC::MsgEnc,
    outgoing: Option<Outgoing>,
    metrics: Metrics,
}

/// A message on its way: each step is done once.
struct Outgoing {
    message: Option<ProtoMessage>,
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
        shadow: <MC::Shadow as Shadow>::Write,
        enc: MC::MsgEnc,
        limits: &Limits,
        metrics: Metrics,
    ) -> Self {
        let counted = Counted {
            inner: stream,
            metrics: metrics.clone(),
        };
        let most = limits.message_bytes;
        WriteService {
            stream: BufWriter::with_capacity(BUFFER, counted),
            preamble: PreambleOut::new(MC::MsgEnc::ID),
            shadow,
            windows: SizedWindowsW::default(),
            skip: Skip::new(SkipLimits {
                max_message: most as u64,
                ..SkipLimits::default()
            }),
            skipped: 0,
            enc,
            outgoing: None,
            metrics,
        }
    }

    /// Writes what is left of the message under way.
    fn write<Y: SpawnerYield>(&mut self, y: &mut Y) -> io::Result<()> {
        let WriteService {
            stream,
            preamble,
            shadow,
            windows,
            skip,
            enc,
            outgoing,
            ..
        } = self;
        let Some(Outgoing { message, part }) = outgoing else {
            return Ok(());
        };
        if MC::RESTARTABLE {
            preamble.write_into(stream)?;
            let mut sink = CompW::new(shadow, stream);
            if let Some(to_write) = message {
                skip.write_framed(windows, &mut sink, |w| enc.encode_into(w, to_write))?;
                *message = None;
            }
            if let Some(part) = part {
                part.write_into(&mut sink)?;
            }
            sink.flush()
        } else {
            let mut stream = WriteYield::new(stream, y);
            preamble.write_into(&mut stream)?;
            let mut sink = CompW::new(shadow, &mut stream);
            if let Some(to_write) = message.take() {
                let mut body = CompW::new(windows, &mut sink);
                enc.encode_into(&mut body, &to_write)?;
                body.write_end()?;
            }
            if let Some(part) = part {
                part.write_into(&mut sink)?;
            }
            sink.flush()
        }
    }

    fn run<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<WriteOut> {
        loop {
            let result = self.write(y);
            let skipped = self.skip.stats().bytes_skipped;
            self.metrics.bytes_skipped(skipped - self.skipped);
            self.skipped = skipped;
            match result {
                Ok(()) => {
                    if let Some(done) = self.outgoing.take() {
                        self.metrics.messages_out(1);
                        self.metrics.parts_out(u64::from(done.part.is_some()));
                    }
                    tracing::trace!("written");
                    return Ok(WriteOut::Message);
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

impl<MC: MyDHTConf> Service for WriteService<MC> {
    type CommandIn = WriteIn;
    type CommandOut = WriteOut;

    fn call<Y: SpawnerYield>(&mut self, command: WriteIn, y: &mut Y) -> Result<WriteOut> {
        let WriteIn::Message(message, part) = command else {
            return Ok(WriteOut::Last);
        };
        self.outgoing = Some(Outgoing {
            message: Some(message),
            part: part.map(Part::outgoing),
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
