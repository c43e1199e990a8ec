//! A node, as its user sees it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mydht_spawner::SpawnSend;

use crate::conf::MyDHTConf;
use crate::engine::{Command, Event, Insight, Query};
use crate::identity::{Identity, PublicKey};
use crate::policy::PeerPriority;
use crate::record::Seal;
use crate::service::{MainCommand, MainSend, Request};
use crate::store::wall_clock;
use crate::{Address, AttachmentId, Call, Error, Key, Link, PeerId, Record, Value};

/// A node of the network, used from any thread. Clones are the same node.
///
/// | to | call |
/// |---|---|
/// | keep bytes in the network | [`put`](Node::put), [`put_at`](Node::put_at), [`put_signed`](Node::put_signed) |
/// | find them | [`get`](Node::get), [`get_signed`](Node::get_signed) |
/// | share and fetch files | `put_file` and `get_file` of [`NativeNode`](crate::native::NativeNode) |
/// | look at the node | [`status`](Node::status), [`insight`](Node::insight), [`links`](Node::links) |
///
/// Each request returns a [`Call`], which is waited for, awaited or looked at. Requests fail with
/// [`Error`].
///
/// ```
/// use mydht::Key;
/// use mydht::native::Config;
///
/// let node = Config::listen("127.0.0.1:0".parse()?).start()?;
/// let stored = node.put_at(Key::named("greeting"), b"hello").wait()?;
/// assert_eq!(node.get(&stored.key).wait()?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(node.get(&Key::named("nothing")).wait()?, None);
/// node.stop()?;
/// # Ok::<(), mydht::Error>(())
/// ```
pub struct Node<MC: MyDHTConf> {
    main: MainSend<MC>,
}

impl<MC: MyDHTConf> Clone for Node<MC> {
    fn clone(&self) -> Self {
        Node {
            main: self.main.clone(),
        }
    }
}

/// Result of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Key to get the record by.
    pub key: Key,
    /// Peers that keep a copy. With none, only this node keeps it.
    pub copies: usize,
}

/// Record that only its signer can replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Bytes that were signed.
    pub bytes: Vec<u8>,
    /// Signer, salt, sequence number and expiry.
    pub seal: Seal,
}

/// State of a node's connections and downloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Ids of the connected peers, in order.
    pub peers: Vec<PeerId>,
    /// Attachments that are being fetched.
    pub downloads: usize,
}

impl<MC: MyDHTConf> Node<MC> {
    pub(crate) fn new(main: MainSend<MC>) -> Self {
        Node { main }
    }

    /// Keeps bytes here and at the peers nearest to their hash, which is their key: whoever gets
    /// them can tell that they are right.
    pub fn put(&self, bytes: impl Into<Vec<u8>>) -> Call<Stored> {
        self.put_record(Record::by_content(Value::Bytes(bytes.into())))
    }

    /// Keeps bytes under `key`, for example [`Key::named`]. Anybody can replace them.
    pub fn put_at(&self, key: Key, bytes: impl Into<Vec<u8>>) -> Call<Stored> {
        self.put_record(Record::new(key, Value::Bytes(bytes.into())))
    }

    /// Keeps a record of bytes. Fails with
    /// [`Failure::OtherContent`](crate::engine::Failure::OtherContent) for a record of an
    /// attachment, whose content is not given.
    pub fn put_record(&self, record: Record) -> Call<Stored> {
        self.put_request(Request::put(record, None))
    }

    /// Keeps a record here, and has the nearest neighbours store the copies, each in its own name:
    /// for a node that cannot open connections. Not for attachments.
    pub fn propagate(&self, record: Record) -> Call<Stored> {
        let key = record.key;
        self.call(Command::Propagate { record }, move |event| {
            stored(key, event)
        })
    }

    /// Keeps a record with the content of its attachment, if it has one.
    pub fn put_request(&self, request: Request) -> Call<Stored> {
        let key = match &request.command {
            Command::Put { record, .. } | Command::Propagate { record } => record.key,
            _ => return Call::failed(Error::UnexpectedReply { reply: "no put" }),
        };
        self.call(request, move |event| stored(key, event))
    }

    /// Returns the bytes under `key`, from here or from peers; `None` if no node that was asked has
    /// them.
    ///
    /// Fails with [`Error::IsFile`] if a file is kept there.
    pub fn get(&self, key: &Key) -> Call<Option<Vec<u8>>> {
        self.call(record_only(*key), |event| match found(event)? {
            None => Ok(None),
            Some(record) => bytes_of(record).map(Some),
        })
    }

    /// Returns the record under `key`, and fetches its attachment into this node's store.
    pub fn get_record(&self, key: &Key) -> Call<Option<Record>> {
        self.call(Command::Get { key: *key }, found)
    }

    /// Returns the record under `key`, looked for with other options.
    pub fn query(&self, key: &Key, query: Query) -> Call<Option<Record>> {
        self.call(Command::Query { key: *key, query }, found)
    }

    /// Keeps bytes under the key of `signer` and `salt`, for `lifetime`. Only the signer can
    /// replace them.
    ///
    /// The version that the network has is looked for first, and the new one gets the next sequence
    /// number. Fails with [`Error::LastSequence`] if there is none.
    pub fn put_signed(
        &self,
        signer: &Arc<Identity>,
        salt: &[u8],
        bytes: impl Into<Vec<u8>>,
        lifetime: Duration,
    ) -> Call<Signed>
    where
        Self: Send + 'static,
    {
        let key = Key::signed(&signer.public_key(), salt);
        let (signer, salt, bytes) = (Arc::clone(signer), salt.to_vec(), bytes.into());
        let (call, deliver) = Call::new();
        let mut put = Some((self.clone(), deliver));
        self.send(record_only(key), move |event| {
            // Called once: a query without the attachment reports no progress, so its first event
            // is its last.
            let Some((node, deliver)) = put.take() else {
                return;
            };
            let sequence = found(event).and_then(|newest| {
                let newest = newest.and_then(|record| record.seal);
                let newest = newest.map_or(0, |seal| seal.sequence);
                newest.checked_add(1).ok_or(Error::LastSequence)
            });
            let sequence = match sequence {
                Ok(sequence) => sequence,
                Err(error) => return deliver.finish(Err(error)),
            };
            let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
            let expires = wall_clock().saturating_add(lifetime);
            let value = Value::Bytes(bytes.clone());
            let record = Record::signed(&signer, &salt, sequence, expires, value);
            let signed = record.clone();
            let read = move |event| {
                stored(signed.key, event)?;
                signed_of(signed.clone())
            };
            node.send(Request::put(record, None), move |event| {
                deliver.event(event, &read);
            });
        });
        call
    }

    /// Returns the newest version of what `signer` has signed with `salt`; `None` if nobody has
    /// one.
    pub fn get_signed(&self, signer: &PublicKey, salt: &[u8]) -> Call<Option<Signed>> {
        let key = Key::signed(signer, salt);
        self.call(record_only(key), |event| {
            found(event)?.map(signed_of).transpose()
        })
    }

    /// Reads a part of an attachment that is here; `None` if that part is not.
    pub fn read(&self, id: AttachmentId, part: u64) -> Call<Option<Bytes>> {
        self.call(Command::Read { id, part }, |event| match event {
            Event::Part(part) => Ok(part),
            other => Err(Error::unexpected(&other)),
        })
    }

    /// Waits until a peer is connected, for `timeout` at most.
    ///
    /// Fails with the error of the last connection, or with
    /// [`Failure::NoPeer`](crate::engine::Failure::NoPeer).
    pub fn await_peer(&self, timeout: Duration) -> Call<Status> {
        self.call(Command::AwaitPeer(timeout), status)
    }

    /// Returns the connected peers and the number of downloads.
    pub fn status(&self) -> Call<Status> {
        self.call(Command::Status, status)
    }

    /// Counts everything that the node holds.
    pub fn insight(&self) -> Call<Insight> {
        self.call(Command::Insight, |event| match event {
            Event::Insight(insight) => Ok(insight),
            other => Err(Error::unexpected(&other)),
        })
    }

    /// Returns the connections of the node, with those that are being made.
    pub fn links(&self) -> Call<Vec<Link>> {
        let (call, deliver) = Call::new();
        let reply = Box::new(|links| deliver.finish(Ok(links)));
        // An unsent command is dropped, and with it `deliver`, which then delivers `Closed`.
        let _ = self.tell_main(MainCommand::Links(reply));
        call
    }

    /// Connects once with a peer at `address`. The result shows in [`links`](Node::links).
    ///
    /// # Errors
    /// [`Error::Closed`] when the node has ended.
    pub fn connect(&self, address: &Address) -> Result<(), Error> {
        self.tell_main(MainCommand::Connect(address.clone()))
    }

    /// Sends a message to the node's global service. `answer` hears its answers, on the node's
    /// thread; it must not block. It is dropped when no more answers follow, at once if there is no
    /// such service.
    ///
    /// # Errors
    /// [`Error::Closed`] when the node has ended.
    pub fn tell(
        &self,
        body: Vec<u8>,
        answer: impl FnMut(Vec<u8>) + Send + 'static,
    ) -> Result<(), Error> {
        self.tell_main(MainCommand::Tell(body, Box::new(answer)))
    }

    /// Sets the priority of a peer. A peer that is blocked is disconnected at once.
    ///
    /// # Errors
    /// [`Error::Closed`] when the node has ended.
    pub fn set_priority(&self, peer: PeerId, priority: PeerPriority) -> Result<(), Error> {
        self.tell_main(MainCommand::Priority(peer, priority))
    }

    /// Tells the node to disconnect from its peers, flush its store, and end.
    ///
    /// # Errors
    /// [`Error::Closed`] when it has ended already.
    pub fn stop(&self) -> Result<(), Error> {
        self.tell_main(MainCommand::Stop)
    }

    /// Sends a request of any kind. `reply` hears its events, on the node's thread; it must not
    /// block.
    ///
    /// For those who follow the events themselves; [`put`](Node::put), [`get`](Node::get) and the
    /// others return the typed result.
    ///
    /// # Errors
    /// [`Error::Closed`] when the node has ended.
    pub fn request(
        &self,
        request: impl Into<Request>,
        reply: impl FnMut(Event) + Send + 'static,
    ) -> Result<(), Error> {
        self.tell_main(MainCommand::Request(request.into(), Box::new(reply)))
    }

    fn call<T: Send + 'static>(
        &self,
        request: impl Into<Request>,
        read: impl Fn(Event) -> Result<T, Error> + Send + 'static,
    ) -> Call<T> {
        let (call, deliver) = Call::new();
        self.send(request.into(), move |event| deliver.event(event, &read));
        call
    }

    /// Sends a request. If the node has ended, `reply` is dropped, and with it whatever waits for
    /// it.
    fn send(&self, request: Request, reply: impl FnMut(Event) + Send + 'static) {
        let _ = self.request(request, reply);
    }

    fn tell_main(&self, command: MainCommand) -> Result<(), Error> {
        // Sending needs `&mut`, and threads share the node, so each call sends through its own
        // clone.
        Ok(self.main.clone().send(command)?)
    }
}

/// Asks for a record without its attachment.
fn record_only(key: Key) -> Request {
    let query = Query {
        record_only: true,
        ..Query::default()
    };
    Command::Query { key, query }.into()
}

fn stored(key: Key, event: Event) -> Result<Stored, Error> {
    match event {
        Event::Stored { copies } => Ok(Stored { key, copies }),
        other => Err(Error::unexpected(&other)),
    }
}

fn found(event: Event) -> Result<Option<Record>, Error> {
    match event {
        Event::Found(record) => Ok(Some(record)),
        Event::NotFound => Ok(None),
        other => Err(Error::unexpected(&other)),
    }
}

fn status(event: Event) -> Result<Status, Error> {
    match event {
        Event::Status { peers, downloads } => Ok(Status { peers, downloads }),
        other => Err(Error::unexpected(&other)),
    }
}

fn bytes_of(record: Record) -> Result<Vec<u8>, Error> {
    match record.value {
        Value::Bytes(bytes) => Ok(bytes),
        Value::Attachment { .. } => Err(Error::IsFile { key: record.key }),
    }
}

fn signed_of(record: Record) -> Result<Signed, Error> {
    let Some(seal) = record.seal.clone() else {
        return Err(Error::UnexpectedReply {
            reply: "Found without a seal",
        });
    };
    let seal = *seal;
    bytes_of(record).map(|bytes| Signed { bytes, seal })
}
