//! The node.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use js_sys::{Array, Function, Reflect, Uint8Array};
use mydht::attachment::tree::Tree;
use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::msg::Bincode;
use mydht::service::Request;
use mydht::shadow::Records;
use mydht::store::{Content, MemoryAttachments, MemoryKV, WebFile};
use mydht::{
    AttachmentId, Call, Components, FlowLimits, Key, Limits, Metrics, Record, TransferLimits, Value,
};
use mydht_evloop::{Poll, js};
use mydht_rendezvous::{
    Config, Connection, Handle, NodeRendezvous, Path, PeerRendezvous, Relay, Running, State, id_of,
};
use mydht_small::BTreeMap;
use mydht_transports::either::EitherOf;
use mydht_transports::webrtc::WebRtc;
use mydht_transports::webrtc::browser::{Browser, BrowserConfig};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::Blob;

use crate::answer::Answer;
use crate::conf::{Conf, Stores};
use crate::events::{self, object};
use crate::interface::{
    Found, Kept, KeptOptions, Listener, MemoryOptions, NodeOptions, NodeStats, Peers, Progress,
    TurnStats,
};
use crate::later::counted;
use crate::profile::Profile;
use crate::room::Room;
use crate::time::clock;
use crate::turns::Turns;

/// Components of a file that are given to the browser at once: 4 MiB.
const PARTS_AT_ONCE: u64 = 64;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = ["globalThis", "location"], js_name = origin)]
    static ORIGIN: Option<String>;
}

/// A node in a page. It takes part in the network until it is stopped or the page goes.
#[wasm_bindgen]
pub struct Node {
    node: mydht::Node<Conf>,
    metrics: Metrics,
    handle: Handle<Poll>,
    turns: Rc<RefCell<Turns>>,
    pub(crate) profile: Option<Profile>,
    /// Files that were kept and are damaged.
    pub(crate) damaged: Vec<String>,
    // These end when they are dropped.
    _room: Rc<Room>,
    _rendezvous: Rc<Running<Poll>>,
}

pub(crate) fn error(why: impl std::fmt::Display) -> JsError {
    JsError::new(&why.to_string())
}

fn random<const N: usize>() -> Result<[u8; N], JsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(error)?;
    Ok(bytes)
}

#[wasm_bindgen]
impl Node {
    /// Starts a node that keeps nothing when the page goes. `listener` hears what happens to it.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &MemoryOptions, listener: Option<Listener>) -> Result<Node, JsError> {
        let seed = match options.seed() {
            Some(seed) => <[u8; 32]>::try_from(seed.to_vec())
                .map_err(|_| error("the seed must have 32 bytes"))?,
            None => random()?,
        };
        let stores: Stores = (
            Box::new(MemoryKV::default()),
            Box::new(MemoryAttachments::default()),
        );
        Node::start(Identity::from_seed(&seed), stores, None, options, listener)
    }

    /// Starts a node whose identity and records the browser keeps (IndexedDB), so that it is the
    /// same when the page is opened again. Tabs that are open at the same time are different nodes:
    /// each has a profile to itself.
    ///
    /// It fails where the browser keeps nothing, as in a private window, and when the identity that
    /// it keeps is damaged: that is never written over.
    pub async fn open(options: KeptOptions, listener: Option<Listener>) -> Result<Node, JsError> {
        let profile = Profile::take(options.profile()).await.map_err(error)?;
        let identity = profile.identity().await.map_err(error)?;
        let (attachments, damaged) = profile.attachments().await.map_err(error)?;
        let stores: Stores = (Box::new(profile.records()), Box::new(attachments));
        let mut node = Node::start(identity, stores, Some(profile), &options, listener)?;
        node.damaged = damaged;
        Ok(node)
    }

    /// Id of this node: 64 hexadecimal digits.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.handle.user().to_string()
    }

    /// The profile that it is, if it is kept.
    #[wasm_bindgen(getter)]
    pub fn profile(&self) -> Option<String> {
        Some(self.profile.as_ref()?.name.clone())
    }

    /// State of the connection with the rendezvous server, in words.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.handle.state().to_string()
    }

    /// Whether it is logged in at the rendezvous server.
    #[wasm_bindgen(getter)]
    pub fn online(&self) -> bool {
        matches!(self.handle.state(), State::Online { .. })
    }

    /// Counters of the node.
    #[wasm_bindgen(getter)]
    pub fn stats(&self) -> NodeStats {
        let counted = self.metrics.snapshot();
        let number = |count: u64| JsValue::from(count as f64);
        object(&[
            ("bytesIn", number(counted.bytes_in)),
            ("bytesOut", number(counted.bytes_out)),
            ("messagesIn", number(counted.messages_in)),
            ("messagesOut", number(counted.messages_out)),
            ("connections", number(counted.connections)),
        ])
        .unchecked_into()
    }

    /// Durations of the node's turns.
    #[wasm_bindgen(getter)]
    pub fn turns(&self) -> TurnStats {
        let turns = self.turns.borrow();
        object(&[
            ("count", (turns.count() as f64).into()),
            ("percentile99", turns.percentile_99().into()),
            ("longest", turns.longest().into()),
        ])
        .unchecked_into()
    }

    /// The peers that it is connected with, and by which path.
    pub async fn peers(&self) -> Result<Peers, JsError> {
        let links = self.node.links().await.map_err(error)?;
        let up = links
            .iter()
            .filter_map(Connection::of)
            .filter(|way| way.is_up);
        // Of two with one peer the direct one is used.
        let mut peers = BTreeMap::new();
        for way in up {
            let best = peers.entry(way.peer).or_insert(way.path);
            *best = way.path.min(*best);
        }
        let told = peers.into_iter().map(|(peer, path)| {
            let path = match path {
                Path::Direct => "direct",
                Path::Relayed => "relayed",
            };
            object(&[("id", peer.to_string().into()), ("path", path.into())])
        });
        Ok(told.collect::<Array>().unchecked_into())
    }

    /// Waits until a peer is there; false if none comes within so many seconds.
    #[wasm_bindgen(js_name = awaitPeer)]
    pub async fn await_peer(&self, seconds: f64) -> Result<bool, JsError> {
        // JavaScript gives NaN for an argument that is missing.
        let seconds = if seconds.is_nan() { 0.0 } else { seconds };
        let most = Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
        match self.node.await_peer(most).await {
            Ok(status) => Ok(!status.peers.is_empty()),
            Err(mydht::Error::Failed(_)) => Ok(false),
            Err(other) => Err(error(other)),
        }
    }

    /// Keeps bytes here and with peers, under `name` or the hash of themselves. Gives the key to
    /// get them by, and how many peers keep a copy.
    pub async fn put(&self, bytes: &[u8], name: Option<String>) -> Result<Kept, JsError> {
        let value = Value::Bytes(bytes.to_vec());
        self.store(value, None, name, None).await
    }

    /// Shares a file, which can be larger than memory: it is read where it is. `progress` hears how
    /// much of it has moved to a peer.
    ///
    /// A node that is kept keeps the file too; where the browser has no room for it, `unkept` says
    /// so.
    #[wasm_bindgen(js_name = putFile)]
    pub async fn put_file(
        &self,
        file_name: String,
        file: Blob,
        progress: Option<Progress>,
    ) -> Result<Kept, JsError> {
        let file = WebFile::from(file);
        let tree = counted(&self.turns, file.tree(|_| ())).await;
        let tree = tree.map_err(error)?;
        let value = Value::Attachment {
            id: tree.id(),
            name: file_name,
        };
        // Not a failure of the put: an unkept file is served for as long as the page is open.
        let unkept = match &self.profile {
            Some(profile) => profile.keep(&tree, &file).await.err(),
            None => None,
        };
        let content = Some((tree, Content::Web(file)));
        let kept = self.store(value, content, None, progress).await?;
        if let Some(why) = unkept {
            // It fails only for what cannot be extended, and this was just made.
            let _ = Reflect::set(&kept, &"unkept".into(), &why.to_string().into());
        }
        Ok(kept)
    }

    /// Returns what is under a key, or a name; `undefined` if nobody has it. For a file, `progress`
    /// hears how much has come.
    pub async fn get(
        &self,
        key: String,
        progress: Option<Progress>,
    ) -> Result<Option<Found>, JsError> {
        let key: Key = key.trim().parse().map_err(error)?;
        match finish(self.node.get_record(&key), progress).await? {
            None => Ok(None),
            Some(record) => self.found(record).await.map(Some),
        }
    }

    /// Leaves the network.
    pub fn stop(&self) {
        // It fails only when it has ended already.
        let _ = self.node.stop();
    }
}

impl Node {
    fn start(
        identity: Identity,
        stores: Stores,
        profile: Option<Profile>,
        options: &NodeOptions,
        listener: Option<Listener>,
    ) -> Result<Node, JsError> {
        let urls = match options.servers() {
            Some(servers) => servers.iter().filter_map(|url| url.as_string()).collect(),
            None => ORIGIN.with(Clone::clone).into_iter().collect::<Vec<_>>(),
        };
        let servers = urls.iter().map(|url| url.parse()).collect::<Result<_, _>>();
        let identity = Arc::new(identity);
        let config = Config {
            identity: Box::new(identity.clone()),
            id_of,
            servers: servers.map_err(error)?,
            seed: u64::from_ne_bytes(random()?),
        };
        let listener: Option<Function> = listener.map(JsCast::unchecked_into);
        let tell = move |event: JsValue| {
            if let Some(listener) = &listener {
                // What the page throws is its own affair; the console shows it.
                let _ = listener.call1(&JsValue::UNDEFINED, &event);
            }
        };
        let room = Room::new(identity.id().into());
        let (hearing, told) = (room.clone(), tell.clone());
        let running = mydht_rendezvous::start::<Poll>(config, move |event| {
            hearing.hear(&event);
            if let Some(event) = events::rendezvous(&event) {
                told(event);
            }
        })
        .map_err(error)?;
        let handle = running.handle();
        let poll = Poll::new().map_err(error)?;
        let events = poll.handle();
        let browser = Browser::new(BrowserConfig {
            ice_servers: options.ice(),
            ..BrowserConfig::default()
        });
        let peers = PeerRendezvous::new(identity.clone());
        let direct = WebRtc::new(NodeRendezvous::new(handle.clone(), peers.clone()), browser);
        let transport = EitherOf(direct, Relay::new(handle.clone()));
        let credentials = Credentials::public(identity);
        let parts = Components {
            signal_port: Some(Box::new(peers)),
            limits: Limits {
                flow: FlowLimits {
                    // The page shares this thread, so it must not wait for more than one message.
                    messages_at_once: 1,
                    ..FlowLimits::default()
                },
                transfers: TransferLimits {
                    // What goes through several processes of the browser is long on its way.
                    parts_in_flight: 48,
                    ..TransferLimits::default()
                },
                ..Limits::default()
            },
            ..Components::new(poll, transport, Bincode, Records, stores, credentials)
        };
        let metrics = parts.metrics.clone();
        let mut runner = mydht::Runner::<Conf>::new(parts).map_err(error)?;
        let node = runner.node();
        let rendezvous = Rc::new(running);
        let turns = Rc::<RefCell<Turns>>::default();
        // The turns also hold the client: they are detached, and may outlive this `Node`.
        let (used, counted) = (rendezvous.clone(), turns.clone());
        js::spawn(&events, move || {
            let begin = clock();
            let turn = runner.turn();
            counted.borrow_mut().add(clock() - begin);
            let why = match turn {
                Ok(true) => return ControlFlow::Continue(()),
                Ok(false) => "it was stopped".to_owned(),
                Err(error) => error.to_string(),
            };
            used.handle().end("the node has ended");
            tell(object(&[("type", "ended".into()), ("why", why.into())]));
            ControlFlow::Break(())
        })
        .detach();
        handle.join(options.room().as_deref().unwrap_or("lobby"));
        room.meet(node.clone(), events);
        Ok(Node {
            node,
            metrics,
            handle,
            turns,
            profile,
            damaged: Vec::new(),
            _room: room,
            _rendezvous: rendezvous,
        })
    }

    async fn store(
        &self,
        value: Value,
        content: Option<(Tree, Content)>,
        name: Option<String>,
        progress: Option<Progress>,
    ) -> Result<Kept, JsError> {
        let mut record = Record::by_content(value);
        let mut shown = record.key.to_string();
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            record.key = Key::named(&name);
            shown = name;
        }
        let put = self.node.put_request(Request::put(record, content));
        let copies = JsValue::from(finish(put, progress).await?.copies as f64);
        Ok(object(&[("key", shown.into()), ("copies", copies)]).unchecked_into())
    }

    async fn found(&self, record: Record) -> Result<Found, JsError> {
        Ok(match record.value {
            Value::Bytes(bytes) => object(&[
                ("kind", "bytes".into()),
                ("bytes", Uint8Array::from(&bytes[..]).into()),
            ]),
            Value::Attachment { id, name } => object(&[
                ("kind", "file".into()),
                ("name", name.into()),
                ("size", JsValue::from(id.len as f64)),
                ("file", self.read(id).await?.into()),
            ]),
        }
        .unchecked_into())
    }

    /// The whole of an attachment that is here, which the browser has from now on.
    async fn read(&self, id: AttachmentId) -> Result<Blob, JsError> {
        let mut file = Blob::new().map_err(|_| error("this browser makes no files"))?;
        let mut part = 0;
        while part < id.parts() {
            // Appends to the blob so far, so that the browser holds the bytes and not the memory of
            // wasm.
            let pieces = Array::of1(&file);
            for _ in 0..PARTS_AT_ONCE.min(id.parts() - part) {
                let bytes = self.node.read(id, part).await.map_err(error)?;
                let bytes = bytes.ok_or_else(|| error("the file is not here any more"))?;
                pieces.push(&Uint8Array::from(&bytes[..]));
                part += 1;
            }
            file = Blob::new_with_u8_array_sequence(&pieces)
                .map_err(|_| error("this browser has no room for the file"))?;
        }
        Ok(file)
    }
}

/// Awaits a call. `progress` hears how much has moved meanwhile.
async fn finish<T>(call: Call<T>, progress: Option<Progress>) -> Result<T, JsError> {
    let Some(progress) = progress else {
        return call.await.map_err(error);
    };
    let latest = tell_latest(progress);
    let moved = latest.clone();
    let result = call.on_progress(move |done, total| moved.set(Some((done, total))));
    let result = result.await;
    latest.set(None);
    result.map_err(error)
}

/// Tells `progress` the latest of what is set, until `None` is: what the node calls may not hold
/// anything that belongs to JavaScript.
fn tell_latest(progress: Progress) -> Answer<Option<(u64, u64)>> {
    let latest = Answer::<Option<(u64, u64)>>::new();
    let hear = latest.clone();
    let progress: Function = progress.unchecked_into();
    spawn_local(async move {
        while let Some((done, total)) = latest.clone().wait().await {
            let (done, total) = (JsValue::from(done as f64), JsValue::from(total as f64));
            // As with events: what it throws is the page's affair.
            let _ = progress.call2(&JsValue::UNDEFINED, &done, &total);
        }
    });
    hear
}
