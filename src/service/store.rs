//! Keeps records and attachments.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mydht_spawner::{Error, Result, Service, ServiceRestartable, SpawnerYield, YieldReturn};

use super::hosted::Recover;
use crate::attachment::tree::Tree;
use crate::conf::MyDHTConf;
use crate::engine::{Owner, StoreOp, StoreReply, StoreTicket};
use crate::id::Key;
use crate::record::Record;
use crate::store::kept::{decode, encode, expiry, key_bytes, key_of};
use crate::store::{AttachmentStore, Content, KVStore};

/// Command to the store.
#[derive(Debug)]
pub enum StoreIn {
    /// By the protocol.
    Op(StoreTicket, StoreOp),
    /// By the protocol, with the content that the user gave.
    Link(StoreTicket, Arc<Tree>, Content),
    /// By the main loop, before the node ends: make everything durable.
    Flush,
}

/// Runs one request a call. A store that has to wait yields.
pub struct StoreService<MC: MyDHTConf> {
    records: MC::Records,
    attachments: MC::Attachments,
    current: Option<StoreIn>,
    /// Requester of the answer.
    asked: Option<StoreTicket>,
    /// First answer to a request with two questions. A store that returned `WouldBlock` remembers
    /// only its latest question, so that such a request would begin again with the first for ever.
    said: Option<bool>,
    /// The store has to wait: it is asked again when `ready` says so, and not when there is only
    /// more to ask.
    waits: bool,
    ready: Arc<AtomicBool>,
}

/// The answer to a request; nothing for what has none.
#[derive(Debug)]
pub struct StoreOut(pub(super) Option<(StoreTicket, io::Result<StoreReply>)>);

impl<MC: MyDHTConf> StoreService<MC> {
    /// Over stores that set `ready` when what they waited for has come.
    pub(super) fn new(
        records: MC::Records,
        attachments: MC::Attachments,
        ready: Arc<AtomicBool>,
    ) -> Self {
        StoreService {
            records,
            attachments,
            current: None,
            asked: None,
            said: None,
            waits: false,
            ready,
        }
    }

    /// Reads the record that is kept under a key.
    fn kept(&mut self, key: &Key) -> io::Result<Option<Record>> {
        let Some(bytes) = self.records.get(&key_bytes(key))? else {
            return Ok(None);
        };
        let record = decode(&bytes).map_err(|error| {
            let why = format!("the record kept under {key}: {error}");
            io::Error::new(error.kind(), why)
        })?;
        Ok(Some(record))
    }

    /// The record under a key, if all of it is here.
    fn record(&mut self, key: &Key) -> io::Result<Option<Record>> {
        let Some(record) = self.kept(key)? else {
            return Ok(None);
        };
        let whole = match record.value.attachment() {
            Some(id) => self.attachments.is_whole(&id)?,
            None => true,
        };
        Ok(whole.then_some(record))
    }

    fn put(&mut self, record: &Record, owner: Owner) -> io::Result<()> {
        let (key, bytes, expires) = (key_bytes(&record.key), encode(record)?, expiry(record));
        match owner {
            Owner::Own => self.records.put_own(&key, &bytes, expires)?,
            Owner::Others => self.records.put(&key, &bytes, expires)?,
        }
        // Commits each put on its own, because a put is answered only once it is durable.
        self.records.commit()
    }

    /// Asks a store something once in a request, however often that is begun again.
    fn once(&mut self, ask: impl FnOnce(&mut Self) -> io::Result<bool>) -> io::Result<bool> {
        if self.said.is_none() {
            self.said = Some(ask(self)?);
        }
        Ok(self.said == Some(true))
    }

    /// Whether a newer record is kept than this one, which is signed.
    fn is_stale(&mut self, record: &Record) -> io::Result<bool> {
        let kept = self.kept(&record.key)?;
        Ok(kept.is_some_and(|kept| kept.is_newer_than(record)))
    }

    fn run_op(&mut self, op: &StoreOp) -> io::Result<StoreReply> {
        let is_whole = match op {
            StoreOp::Open(id) => self.once(|this| this.attachments.is_whole(id))?,
            _ => false,
        };
        let is_stale = match op {
            StoreOp::Put(record, _) if record.seal.is_some() => {
                self.once(|this| this.is_stale(record))?
            }
            _ => false,
        };
        let attachments = &mut self.attachments;
        Ok(match op {
            StoreOp::Get(key) => StoreReply::Record(self.record(key)?),
            StoreOp::Next(after) => {
                let after = after.as_ref().map(key_bytes);
                let page = self.records.page(after.as_deref(), 1)?;
                let next = page.first().map(|listed| key_of(&listed.key));
                StoreReply::Key(next.transpose()?)
            }
            StoreOp::Put(record, owner) => {
                if is_stale {
                    StoreReply::Stale
                } else {
                    self.put(record, *owner)?;
                    StoreReply::Done
                }
            }
            // The main loop sends these with their content, as `StoreIn::Link`.
            StoreOp::Link(..) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the content of this attachment was not given: put it again",
                ));
            }
            StoreOp::Open(_) if is_whole => StoreReply::Whole,
            StoreOp::Open(id) => {
                let have = attachments.open(id)?;
                // No missing part is left whose write would report that the attachment is whole.
                if have.count() == id.parts() {
                    StoreReply::Whole
                } else {
                    StoreReply::Partial(have)
                }
            }
            StoreOp::Write(id, part, received, proof) => {
                StoreReply::Written(attachments.write_part(id, *part, received, proof)?)
            }
            StoreOp::Read(id, part) => StoreReply::Part(attachments.read_part(id, *part)?),
            StoreOp::Usage => StoreReply::Usage(self.records.usage()?),
            StoreOp::Close(id) => {
                attachments.close(id)?;
                StoreReply::Done
            }
        })
    }

    fn run<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<StoreOut> {
        let Some(current) = self.current.take() else {
            return Ok(StoreOut(None));
        };
        loop {
            // Clears the flag before asking the store, so that a wake in between is kept for the
            // next time.
            if self.waits && !self.ready.swap(false, Ordering::AcqRel) {
                if y.spawn_yield() == YieldReturn::Return {
                    self.current = Some(current);
                    return Err(Error::Yield);
                }
                continue;
            }
            self.waits = false;
            let (ticket, result) = match &current {
                StoreIn::Op(ticket, op) => (Some(*ticket), self.run_op(op)),
                StoreIn::Link(ticket, tree, content) => {
                    self.attachments.link(tree.clone(), content.clone());
                    (Some(*ticket), Ok(StoreReply::Done))
                }
                StoreIn::Flush => {
                    let done = self
                        .attachments
                        .flush()
                        .and_then(|()| self.records.commit());
                    (None, done.map(|()| StoreReply::Done))
                }
            };
            match (ticket, result) {
                (_, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => self.waits = true,
                (Some(ticket), result) => return Ok(StoreOut(Some((ticket, result)))),
                (None, result) => {
                    if let Err(error) = result {
                        tracing::error!(%error, "not everything could be kept");
                    }
                    return Ok(StoreOut(None));
                }
            }
        }
    }
}

impl<MC: MyDHTConf> Service for StoreService<MC> {
    type CommandIn = StoreIn;
    type CommandOut = StoreOut;

    fn call<Y: SpawnerYield>(&mut self, command: StoreIn, y: &mut Y) -> Result<StoreOut> {
        self.asked = match &command {
            StoreIn::Op(ticket, _) | StoreIn::Link(ticket, ..) => Some(*ticket),
            StoreIn::Flush => None,
        };
        self.said = None;
        self.current = Some(command);
        let done = self.run(y)?;
        tracing::trace!("store");
        Ok(done)
    }
}

impl<MC: MyDHTConf> Recover for StoreService<MC> {
    /// Whoever asked for what the store failed at hears of it: the protocol counts on an answer to
    /// each request.
    fn recover(&mut self) -> Option<StoreOut> {
        // The failed request is not tried again.
        self.current = None;
        self.waits = false;
        let failed = || io::Error::other("the store failed, and is started again");
        Some(StoreOut(
            self.asked.take().map(|ticket| (ticket, Err(failed()))),
        ))
    }
}

impl<MC: MyDHTConf> ServiceRestartable for StoreService<MC> {
    fn restart<Y: SpawnerYield>(&mut self, y: &mut Y) -> Result<Option<StoreOut>> {
        self.run(y).map(Some)
    }
}
