//! A node on a computer: TCP, WebSockets, the users of a rendezvous server (feature `rendezvous`),
//! and a store on disk or in memory.
//!
//! ```no_run
//! use mydht::native::Config;
//!
//! let node = Config::listen("127.0.0.1:0".parse()?).start()?;
//! let stored = node.put(b"hello").wait()?;
//! assert_eq!(node.get(&stored.key).wait()?.as_deref(), Some(&b"hello"[..]));
//! node.stop()?;
//! # Ok::<(), mydht::Error>(())
//! ```

mod network;
#[cfg(feature = "rendezvous")]
mod rendezvous;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use mydht_transports::Transport;
use mydht_transports::either::EitherOf;

use crate::address::on_the_wire;
use crate::attachment::Name;
use crate::attachment::tree::{PART_LEN, Tree};
use crate::handshake::Credentials;
use crate::identity::Identity;
use crate::msg::Bincode;
use crate::policy::PeerPolicy;
use crate::service::{GlobalService, NoGlobal, Request};
use crate::shadow::Records as RecordLayer;
#[cfg(feature = "redb")]
use crate::store::Folder;
use crate::store::{
    AttachmentStore, Content, FileAttachments, FileRoot, KVStore, MemoryAttachments, MemoryKV,
};
use crate::{
    Address, AttachmentId, Call, Components, Error, Key, Limits, Metrics, Node, PeerId, Record,
    Runner, SingleThread, Stored, Value,
};

pub use network::Network;
#[cfg(feature = "rendezvous")]
pub use network::RendezvousConfig;

/// Store of records, chosen when the node starts.
pub type Records = Box<dyn KVStore + Send>;

/// Store of attachments, chosen when the node starts.
pub type Attachments = Box<dyn AttachmentStore + Send>;

/// The configuration of a native node, with the user's own service `G`.
pub type Conf<G = NoGlobal> =
    SingleThread<mydht_evloop::Poll, Network, Bincode, RecordLayer, Records, Attachments, G>;

/// Configuration of a native node.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Addresses to listen on: `tcp:` or `ws:`. Empty: the node only connects.
    pub listen: Vec<Address>,
    /// Peers to connect with.
    pub bootstrap: Vec<Address>,
    /// Rendezvous server, and how its users find this node. `None`: the node uses none.
    #[cfg(feature = "rendezvous")]
    pub rendezvous: Option<RendezvousConfig>,
    /// Folder of the node's store. `None`: the node forgets everything when it stops.
    #[cfg(feature = "redb")]
    pub store: Option<PathBuf>,
    /// A folder of its own for attachments that arrive.
    pub attachments: Option<PathBuf>,
    /// The folder that `file:` names are under; `None`: they name nothing.
    pub files: Option<PathBuf>,
    /// Identity of the node, with the mode and the secrets of its network. `None`: a new identity,
    /// in a network that anybody may join.
    pub credentials: Option<Credentials>,
    /// Peers that the node talks to.
    pub policy: PeerPolicy,
    /// Bounds on everything from outside.
    pub limits: Limits,
}

impl Config {
    /// A node that listens on `address` and keeps everything in memory.
    pub fn listen(address: Address) -> Self {
        Config {
            listen: vec![address],
            ..Config::default()
        }
    }

    /// Joins a room of a rendezvous server: the node connects with its members, browsers among
    /// them.
    #[cfg(feature = "rendezvous")]
    #[must_use]
    pub fn rendezvous(mut self, rendezvous: RendezvousConfig) -> Self {
        self.rendezvous = Some(rendezvous);
        self
    }

    /// Adds a peer to connect with.
    #[must_use]
    pub fn bootstrap(mut self, address: impl Into<Address>) -> Self {
        self.bootstrap.push(address.into());
        self
    }

    /// Keeps records and attachments in the folder `dir`.
    #[cfg(feature = "redb")]
    #[must_use]
    pub fn store(mut self, dir: impl Into<PathBuf>) -> Self {
        self.store = Some(dir.into());
        self
    }

    /// Starts the node on a thread of its own.
    ///
    /// # Errors
    /// When the address is in use, the store cannot be opened, and so on: the error says what to
    /// do.
    pub fn start(self) -> Result<NativeNode, Error> {
        self.start_serving(None)
    }

    /// Starts the node with a service of one's own: see `examples/add_a_service.rs`.
    ///
    /// # Errors
    /// As [`start`](Config::start).
    pub fn start_with<G: GlobalService + Send>(self, global: G) -> Result<NativeNode<G>, Error> {
        self.start_serving(Some(global))
    }

    fn start_serving<G: GlobalService + Send>(
        self,
        global: Option<G>,
    ) -> Result<NativeNode<G>, Error> {
        let poll = mydht_evloop::Poll::new()?;
        let (tcp, ws) = network::listen(&self.listen)?;
        let mut bootstrap = Vec::new();
        for address in &self.bootstrap {
            bootstrap.extend(network::reach(address)?);
        }
        let (records, attachments, whole) = self.stores()?;
        let files = self.files.map(FileRoot::new).transpose()?;
        let credentials = match self.credentials {
            Some(credentials) => credentials,
            None => Credentials::public(Arc::new(Identity::generate()?)),
        };
        let id = credentials.id();
        #[cfg(feature = "rendezvous")]
        let (client, transport) = {
            let identity = credentials.identity();
            let started = self
                .rendezvous
                .map(|with| rendezvous::start(&with, identity));
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
        let signal_port = client.as_ref().map(rendezvous::Client::signal_port);
        #[cfg(not(feature = "rendezvous"))]
        let signal_port = None;
        let parts = Components {
            global,
            signal_port,
            policy: Box::new(self.policy),
            limits: self.limits,
            bootstrap,
            ..Components::new(poll, transport, Bincode, RecordLayer, stores, credentials)
        };
        let metrics = parts.metrics.clone();
        let (node, thread) = Runner::<Conf<G>>::start(parts)?;
        #[cfg(feature = "rendezvous")]
        let room = client
            .map(|client| client.follow(node.clone()))
            .transpose()?;
        Ok(NativeNode {
            node,
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

impl Config {
    /// Opens the stores, and names the folder that whole attachments are in.
    fn stores(&self) -> io::Result<(Records, Attachments, Option<PathBuf>)> {
        let (records, attachments, whole) = self.folder()?;
        Ok(match &self.attachments {
            Some(dir) => {
                let files = FileAttachments::open(dir)?;
                (records, Box::new(files), Some(dir.clone()))
            }
            None => (records, attachments, whole),
        })
    }

    /// Opens the node's folder, or stores in memory if there is none.
    fn folder(&self) -> io::Result<(Records, Attachments, Option<PathBuf>)> {
        #[cfg(feature = "redb")]
        if let Some(dir) = &self.store {
            let Folder {
                records,
                attachments,
            } = Folder::open(dir)?;
            let whole = Some(dir.join("attachments"));
            return Ok((Box::new(records), Box::new(attachments), whole));
        }
        let records = Box::new(MemoryKV::default());
        Ok((records, Box::new(MemoryAttachments::default()), None))
    }
}

/// A node that runs on a thread of its own. It is used as a [`Node`], which it derefs to.
///
/// Dropping it leaves it running; [`stop`](NativeNode::stop) ends it.
pub struct NativeNode<G: GlobalService = NoGlobal> {
    node: Node<Conf<G>>,
    addresses: Vec<Address>,
    #[cfg(feature = "rendezvous")]
    room: Option<rendezvous::Membership>,
    id: PeerId,
    metrics: Metrics,
    files: Option<FileRoot>,
    /// The folder with the attachments that are here.
    whole: Option<PathBuf>,
    thread: JoinHandle<mydht_spawner::Result<()>>,
}

impl<G: GlobalService> Deref for NativeNode<G> {
    type Target = Node<Conf<G>>;

    fn deref(&self) -> &Node<Conf<G>> {
        &self.node
    }
}

impl<G: GlobalService> NativeNode<G> {
    /// Returns the first TCP address that the node listens on.
    pub fn address(&self) -> Option<Address> {
        let mut addresses = self.addresses.iter();
        let tcp = addresses.find(|address| matches!(address, Address::Tcp(_)));
        tcp.cloned()
    }

    /// Returns all addresses at which the node can be connected with.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Returns the state of the connection with the rendezvous server, for people; `None` for a
    /// node that uses none.
    #[cfg(feature = "rendezvous")]
    pub fn rendezvous(&self) -> Option<String> {
        self.room.as_ref().map(rendezvous::Membership::state)
    }

    /// Returns the id of the node.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Returns the node's counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the node without its thread, to use it from others.
    pub fn node(&self) -> Node<Conf<G>> {
        self.node.clone()
    }

    /// Stops the node and waits for its end.
    ///
    /// # Errors
    /// The error that the node ended with.
    pub fn stop(self) -> Result<(), Error> {
        // It may have ended by itself: `join` then returns the reason.
        let _ = self.node.stop();
        self.join()
    }

    /// Waits until somebody stops the node.
    ///
    /// # Errors
    /// The error that the node ended with.
    pub fn join(self) -> Result<(), Error> {
        let ended = self.thread.join();
        #[cfg(feature = "rendezvous")]
        if let Some(room) = self.room {
            room.end();
        }
        match ended {
            Ok(result) => Ok(result?),
            Err(_) => Err(Error::Panicked),
        }
    }
}

impl<G: GlobalService + Send> NativeNode<G> {
    /// Shares a file under the hash of its content. The file is hashed now and read where it is
    /// whenever a peer fetches it, as long as the node runs.
    ///
    /// [`Call::on_progress`] hears the bytes that the peers which keep copies have fetched.
    pub fn put_file(&self, path: impl Into<PathBuf>) -> Call<Stored> {
        self.put_content(None, path.into())
    }

    /// Shares a file under `key`, for example [`Key::named`], as [`put_file`](NativeNode::put_file)
    /// does under its hash.
    pub fn put_file_at(&self, key: Key, path: impl Into<PathBuf>) -> Call<Stored> {
        self.put_content(Some(key), path.into())
    }

    /// Shares the content that `name` names in this node's folders, under `key` or under its hash.
    ///
    /// Fails with [`Error::NoSuchContent`] if there is none, or with [`Error::Io`] if a `file:`
    /// name leads out of its folder.
    pub fn put_named(&self, key: Option<Key>, name: &Name) -> Call<Stored> {
        match self.path_of(name) {
            Ok(path) => self.put_content(key, path),
            Err(error) => Call::failed(error),
        }
    }

    fn path_of(&self, name: &Name) -> Result<PathBuf, Error> {
        let missing = |hint| Error::NoSuchContent {
            name: name.to_string(),
            hint,
        };
        match (name, &self.files, &self.whole) {
            (Name::File(name), Some(files), _) => Ok(files.file(name)?),
            (Name::Store(id), _, Some(whole)) => {
                let path = whole.join(id.hash.to_string());
                // The file name contains the hash only, so the length is checked as well.
                let is_here = std::fs::metadata(&path).is_ok_and(|meta| meta.len() == id.len);
                let path = is_here.then_some(path);
                path.ok_or_else(|| missing("it is not in this node's store"))
            }
            _ => Err(missing("start the node with a folder for such names")),
        }
    }

    fn put_content(&self, key: Option<Key>, path: PathBuf) -> Call<Stored> {
        let node = self.node();
        // Hashing takes as long as reading the file, so the caller's thread does not.
        Call::on_thread(move |progress| {
            let tree = hash_file(&path, |_| ())?;
            let record = file_record(key, &path, &tree);
            let request = Request::put(record, Some((tree, Content::File(path))));
            node.put_request(request).on_progress(progress).wait()
        })
    }

    /// Fetches the file under `key` and writes it to `to`, which is replaced when the whole file is
    /// there and its hash is right. Returns `None` if no node that was asked has the file.
    ///
    /// Fails with [`Error::NotAFile`] if bytes are kept under `key`.
    pub fn get_file(&self, key: &Key, to: impl Into<PathBuf>) -> Call<Option<AttachmentId>> {
        let (node, key, to) = (self.node(), *key, to.into());
        Call::on_thread(move |progress| {
            let call = node.get_record(&key).on_progress(progress);
            let Some(record) = call.wait()? else {
                return Ok(None);
            };
            let Some(id) = record.value.attachment() else {
                return Err(Error::NotAFile { key });
            };
            write_attachment(&node, id, &to)?;
            Ok(Some(id))
        })
    }
}

/// Writes an attachment that is in the node's store to a file, which it replaces at the end.
fn write_attachment<G: GlobalService>(
    node: &Node<Conf<G>>,
    id: AttachmentId,
    to: &Path,
) -> Result<(), Error> {
    let failed = |source| Error::file("write", to, source);
    let folder = match to.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // In the same folder, so that the file can be moved; and removed when anything fails.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let mut writer = BufWriter::with_capacity(PART_LEN, &mut file);
    for part in 0..id.parts() {
        let bytes = node.read(id, part).wait()?;
        let lost = || {
            failed(io::Error::other(
                "the node's store has lost a part of the file",
            ))
        };
        writer.write_all(&bytes.ok_or_else(lost)?).map_err(failed)?;
    }
    writer.flush().map_err(failed)?;
    drop(writer);
    // The store may have been changed since the parts were verified: the file itself is hashed.
    let tree = hash_file(file.path(), |_| ())?;
    if tree.id() != id {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "the node's store holds other bytes than were fetched",
        )));
    }
    // Synced before it replaces another file: a power cut must not leave half of the bytes under
    // the name.
    file.as_file().sync_all().map_err(failed)?;
    file.persist(to).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Hashes a file into the tree of its content. `progress` hears the bytes read so far.
///
/// # Errors
/// [`Error::File`] when the file cannot be read.
pub fn hash_file(path: &Path, progress: impl FnMut(u64)) -> Result<Tree, Error> {
    File::open(path)
        .and_then(|file| Tree::of_reader(file, progress))
        .map_err(|source| Error::file("read", path, source))
}

/// Returns the record of a file: under `key`, or under the hash of its content.
pub fn file_record(key: Option<Key>, path: &Path, tree: &Tree) -> Record {
    let name = path.file_name().unwrap_or_default();
    let value = Value::Attachment {
        id: tree.id(),
        name: name.to_string_lossy().into_owned(),
    };
    Record::new(key.unwrap_or(Key::Content(tree.id().hash)), value)
}
