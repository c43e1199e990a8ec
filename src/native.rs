//! A node on a computer: TCP, WebSockets, the users of a signalling server (feature `rendezvous`), and a store on disk or
//! in memory.
//!
//! ```no_run
//! use mydht::native::Config;
//!
//! let node = Config::listen("127.0.0.1:0".parse()?).start()?;
//! let key = node.put_bytes(None, b"hello")?;
//! assert_eq!(node.get_bytes(&key)?.as_deref(), Some(&b"hello"[..]));
//! node.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod network;
#[cfg(feature = "rendezvous")]
mod room;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mydht_transports::Transport;
use mydht_transports::either::EitherOf;

use crate::address::on_the_wire;
use crate::attachment::Name;
use crate::attachment::tree::Tree;
use crate::handshake::Credentials;
use crate::identity::Identity;
use crate::msg::Bincode;
use crate::policy::PeerPolicy;
use crate::service::{GlobalService, NoGlobal};
use crate::shadow::Records as RecordLayer;
use crate::store::{
    AttachmentStore, Content, FileAttachments, FileRoot, Folder, KVStore, MemoryAttachments,
    MemoryKV,
};
use crate::{
    Address, Command, Event, Key, Limits, Metrics, Node, NodeHandle, Parts, PeerId, Record,
    Request, SingleThread, Value,
};

pub use network::Network;
#[cfg(feature = "rendezvous")]
pub use network::Signalling;

/// Where records are kept: one of the stores, chosen when the node starts.
pub type Records = Box<dyn KVStore + Send>;

/// Where attachments are kept.
pub type Attachments = Box<dyn AttachmentStore + Send>;

/// The configuration of a native node, with the user's own service `G`.
pub type Conf<G = NoGlobal> =
    SingleThread<mydht_evloop::Poll, Network, Bincode, RecordLayer, Records, Attachments, G>;

/// What a native node is started with.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Addresses to listen on: `tcp:` or `ws:`. Empty: the node only connects.
    pub listen: Vec<Address>,
    /// Peers to connect with.
    pub bootstrap: Vec<Address>,
    /// How users of a signalling server find it; `None`: not.
    #[cfg(feature = "rendezvous")]
    pub signalling: Option<Signalling>,
    /// The folder of its store; `None`: it forgets everything when it stops.
    pub store: Option<PathBuf>,
    /// A folder of its own for attachments that arrive.
    pub attachments: Option<PathBuf>,
    /// The folder that `file:` names are under; `None`: they name nothing.
    pub files: Option<PathBuf>,
    /// Who it is, and what it and its peers prove to each other; `None`: a new identity, in a network that anybody may
    /// join.
    pub credentials: Option<Credentials>,
    /// Whom it talks to.
    pub policy: PeerPolicy,
    /// What it takes from outside.
    pub limits: Limits,
}

/// Cannot be done, and why.
fn failed(why: impl Into<String>) -> io::Error {
    io::Error::other(why.into())
}

impl Config {
    /// A node that listens on `address` and keeps everything in memory.
    pub fn listen(address: Address) -> Self {
        Config {
            listen: vec![address],
            ..Config::default()
        }
    }

    /// The same in a room of a signalling server: it connects with the others there, browsers among them.
    #[cfg(feature = "rendezvous")]
    #[must_use]
    pub fn signalling(mut self, signalling: Signalling) -> Self {
        self.signalling = Some(signalling);
        self
    }

    /// The same with a peer to connect with.
    #[must_use]
    pub fn bootstrap(mut self, address: impl Into<Address>) -> Self {
        self.bootstrap.push(address.into());
        self
    }

    /// The same with a store in the folder `dir`.
    #[must_use]
    pub fn store(mut self, dir: impl Into<PathBuf>) -> Self {
        self.store = Some(dir.into());
        self
    }

    /// Starts the node on a thread of its own.
    ///
    /// # Errors
    /// When the address is in use, the store cannot be opened, and so on: the error says what to do.
    pub fn start(self) -> io::Result<NativeNode> {
        self.start_serving(None)
    }

    /// The same with a service of one's own: see `examples/own_service.rs`.
    ///
    /// # Errors
    /// As [`start`](Config::start).
    pub fn start_with<G: GlobalService + Send>(self, global: G) -> io::Result<NativeNode<G>> {
        self.start_serving(Some(global))
    }

    fn start_serving<G: GlobalService + Send>(
        self,
        global: Option<G>,
    ) -> io::Result<NativeNode<G>> {
        let poll = mydht_evloop::Poll::new()?;
        let (tcp, ws) = network::listen(&self.listen)?;
        let mut bootstrap = Vec::new();
        for address in &self.bootstrap {
            bootstrap.extend(network::reach(address)?);
        }
        let (records, mut attachments) = stores(self.store.as_deref())?;
        let files = self.files.map(FileRoot::new).transpose()?;
        let whole = self.store.map(|store| store.join("attachments"));
        let whole = self.attachments.clone().or(whole);
        if let Some(dir) = self.attachments {
            attachments = Box::new(FileAttachments::open(dir)?);
        }
        let credentials = match self.credentials {
            Some(credentials) => credentials,
            None => Credentials::public(Arc::new(Identity::generate()?)),
        };
        let id = credentials.id();
        #[cfg(feature = "rendezvous")]
        let (client, transport) = {
            let identity = credentials.identity();
            let started = self.signalling.map(|with| room::start(&with, identity));
            let (client, users) = started.transpose()?.unzip();
            (
                client,
                EitherOf(tcp, EitherOf(ws, users.unwrap_or_default())),
            )
        };
        #[cfg(not(feature = "rendezvous"))]
        let transport = EitherOf(tcp, ws);
        let addresses = Transport::<mydht_evloop::Poll>::local_addresses(&transport);
        let addresses = addresses.iter().filter_map(on_the_wire).collect();
        let stores = (records, attachments);
        #[cfg(feature = "rendezvous")]
        let courier = client.as_ref().map(room::Client::courier);
        #[cfg(not(feature = "rendezvous"))]
        let courier = None;
        let parts = Parts {
            global,
            courier,
            policy: Box::new(self.policy),
            limits: self.limits,
            bootstrap,
            ..Parts::new(poll, transport, Bincode, RecordLayer, stores, credentials)
        };
        let metrics = parts.metrics.clone();
        let (handle, thread) =
            Node::<Conf<G>>::start(parts).map_err(|error| failed(error.to_string()))?;
        #[cfg(feature = "rendezvous")]
        let room = client
            .map(|client| client.follow(handle.clone()))
            .transpose()?;
        Ok(NativeNode {
            handle,
            addresses,
            #[cfg(feature = "rendezvous")]
            room,
            id,
            metrics,
            files,
            whole,
            thread,
        })
    }
}

fn stores(dir: Option<&Path>) -> io::Result<(Records, Attachments)> {
    let Some(dir) = dir else {
        return Ok((
            Box::new(MemoryKV::default()),
            Box::new(MemoryAttachments::default()),
        ));
    };
    let Folder {
        records,
        attachments,
    } = Folder::open(dir)?;
    Ok((Box::new(records), Box::new(attachments)))
}

/// A node that runs on a thread of its own. Dropping it leaves it running; [`stop`](NativeNode::stop) ends it.
pub struct NativeNode<G: GlobalService = NoGlobal> {
    handle: NodeHandle<Conf<G>>,
    addresses: Vec<Address>,
    #[cfg(feature = "rendezvous")]
    room: Option<room::Membership>,
    id: PeerId,
    metrics: Metrics,
    files: Option<FileRoot>,
    /// The folder with the attachments that are here.
    whole: Option<PathBuf>,
    thread: JoinHandle<mydht_spawner::Result<()>>,
}

impl<G: GlobalService> NativeNode<G> {
    /// Returns the first TCP address that the node listens on.
    pub fn address(&self) -> Option<Address> {
        let mut addresses = self.addresses.iter();
        let tcp = addresses.find(|address| matches!(address, Address::Tcp(_)));
        tcp.cloned()
    }

    /// Everywhere it can be found.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// How the connection with the signalling server is, in words; `None` if it was not told of one.
    #[cfg(feature = "rendezvous")]
    pub fn signalling(&self) -> Option<String> {
        self.room.as_ref().map(room::Membership::state)
    }

    /// Who it is.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// What it counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A handle to use it by.
    pub fn handle(&self) -> NodeHandle<Conf<G>> {
        self.handle.clone()
    }

    /// Asks the node something and waits; `progress` hears (bytes moved, bytes in all).
    ///
    /// # Errors
    /// What the node says, or that it has ended.
    pub fn ask(
        &self,
        request: impl Into<Request>,
        progress: impl FnMut(u64, u64),
    ) -> io::Result<Event> {
        match self.handle.ask(request, progress) {
            Ok(Event::Failed(why)) => Err(failed(why)),
            Ok(event) => Ok(event),
            Err(error) => Err(failed(format!("the node has ended: {error}"))),
        }
    }

    /// Waits until the node is connected with a peer, for `timeout` at most.
    ///
    /// # Errors
    /// Why no peer could be connected with; or that none was in time.
    pub fn await_peer(&self, timeout: Duration) -> io::Result<()> {
        self.ask(Command::AwaitPeer(timeout), |_, _| ()).map(drop)
    }

    /// Puts bytes under `key`, or under their hash, and gives the key.
    ///
    /// # Errors
    /// What the node says.
    pub fn put_bytes(&self, key: Option<Key>, bytes: &[u8]) -> io::Result<Key> {
        let value = Value::Bytes(bytes.to_vec());
        let key = key.unwrap_or(Key::Content(value.hash()));
        let record = Record::new(key, value);
        self.ask(Command::Put { record, tree: None }, |_, _| ())?;
        Ok(key)
    }

    /// Puts a file under `key`, or under the hash of its content, and gives the key. The file is read where it is,
    /// as long as the node runs.
    ///
    /// # Errors
    /// When the file cannot be read; what the node says.
    pub fn put_file(&self, key: Option<Key>, path: &Path) -> io::Result<Key> {
        let tree = hash_file(path, |_| ())?;
        let record = file_record(key, path, &tree);
        let key = record.key;
        let content = Some((tree, Content::File(path.to_owned())));
        self.ask(Request::put(record, content), |_, _| ())?;
        Ok(key)
    }

    /// Puts what `name` names under `key`, or under the hash of its content, and gives the key.
    ///
    /// # Errors
    /// When there is no such content here, or a `file:` name leads out of its folder; what the node says.
    pub fn put_named(&self, key: Option<Key>, name: &Name) -> io::Result<Key> {
        let path = match (name, &self.files, &self.whole) {
            (Name::File(name), Some(files), _) => files.file(name)?,
            (Name::Store(id), _, Some(whole)) => whole.join(id.hash.to_string()),
            _ => {
                return Err(failed(format!(
                    "{name} names nothing: this node was started without such a folder"
                )));
            }
        };
        if let Name::Store(id) = name {
            let there = std::fs::metadata(&path).is_ok_and(|meta| meta.len() == id.len);
            if !there {
                return Err(failed(format!("{name} is not in this node's store")));
            }
        }
        self.put_file(key, &path)
    }

    /// The record under `key`, with its attachment in the node's store; `None` if nobody has it.
    ///
    /// # Errors
    /// What the node says.
    pub fn get(&self, key: &Key) -> io::Result<Option<Record>> {
        match self.ask(Command::Get { key: *key }, |_, _| ())? {
            Event::Found(record) => Ok(Some(record)),
            _ => Ok(None),
        }
    }

    /// The bytes under `key`; `None` if nobody has them.
    ///
    /// # Errors
    /// What the node says; also when an attachment is under `key`.
    pub fn get_bytes(&self, key: &Key) -> io::Result<Option<Vec<u8>>> {
        match self.get(key)?.map(|record| record.value) {
            None => Ok(None),
            Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Value::Attachment { .. }) => {
                Err(failed(format!("{key} is an attachment: read it in parts")))
            }
        }
    }

    /// Stops the node and waits for its end.
    ///
    /// # Errors
    /// What it failed with.
    pub fn stop(self) -> io::Result<()> {
        // It may have ended by itself: then it says why below.
        let _ = self.handle.stop();
        self.join()
    }

    /// Waits until somebody stops the node.
    ///
    /// # Errors
    /// What it failed with.
    pub fn join(self) -> io::Result<()> {
        let ended = self.thread.join();
        #[cfg(feature = "rendezvous")]
        if let Some(room) = self.room {
            room.end();
        }
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("the node's thread panicked")),
        }
    }
}

/// The hash tree of a file; `progress` hears the bytes read so far.
///
/// # Errors
/// When the file cannot be read: the error names it.
pub fn hash_file(path: &Path, progress: impl FnMut(u64)) -> io::Result<Tree> {
    File::open(path)
        .and_then(|file| Tree::of_reader(file, progress))
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot read {}: {error}", path.display()),
            )
        })
}

/// The record of a file: under `key`, or under the hash of its content.
pub fn file_record(key: Option<Key>, path: &Path, tree: &Tree) -> Record {
    let name = path.file_name().unwrap_or_default();
    let value = Value::Attachment {
        id: tree.id(),
        name: name.to_string_lossy().into_owned(),
    };
    Record::new(key.unwrap_or(Key::Content(tree.id().hash)), value)
}
