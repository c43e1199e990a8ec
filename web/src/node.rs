//! The node.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use js_sys::{Array, Function, Uint8Array};
use mydht::attachment::tree::Tree;
use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::signalling::id_of;
use mydht::store::{Content, MemoryAttachments, MemoryKV};
use mydht::{
    AttachmentId, Command, Event, Key, Metrics, NodeHandle, Parts, Record, SingleThread, Value,
};
use mydht_evloop::{Poll, js};
use mydht_transports::signal::{self, Config, Hub, Relay, Running};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::answer::Answer;
use crate::events::{self, object};
use crate::room::Room;

type Conf = SingleThread<Poll, Relay<Poll>, Bincode, Records, MemoryKV, MemoryAttachments>;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a node is started with. */
export interface NodeOptions {
  /** Signalling servers, each of which will do: "http://127.0.0.1:8080". Without one: where the page came from. */
  servers?: string[];
  /** The room whose members this node connects with. Without one: "lobby". */
  room?: string;
  /** 32 secret bytes, so that the node has the same id again. Without them: a new id. */
  seed?: Uint8Array;
}

/** What the node tells. */
export type NodeEvent =
  | { type: "state" }
  | { type: "joined"; room: string; users: string[] }
  | { type: "entered" | "left"; room: string; user: string }
  | { type: "relay-open"; user: string }
  | { type: "relay-closed"; user: string; why: string }
  | { type: "warning"; user?: string; why: string }
  | { type: "ended"; why: string };

/** What was found under a key. */
export type Found =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "file"; name: string; size: number; bytes: Uint8Array };

/** What a node counted since it began. */
export interface NodeStats {
  bytesIn: number;
  bytesOut: number;
  messagesIn: number;
  messagesOut: number;
  connections: number;
}

/** How much of a file has moved, in bytes. */
export type Progress = (done: number, total: number) => void;
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "NodeOptions")]
    pub type NodeOptions;
    #[wasm_bindgen(method, getter)]
    fn servers(this: &NodeOptions) -> Option<Array>;
    #[wasm_bindgen(method, getter)]
    fn room(this: &NodeOptions) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn seed(this: &NodeOptions) -> Option<Uint8Array>;

    #[wasm_bindgen(typescript_type = "(event: NodeEvent) => void")]
    pub type Listener;
    #[wasm_bindgen(typescript_type = "Progress")]
    pub type Progress;
    #[wasm_bindgen(typescript_type = "Found")]
    pub type Found;
    #[wasm_bindgen(typescript_type = "NodeStats")]
    pub type NodeStats;

    #[wasm_bindgen(thread_local_v2, js_namespace = ["globalThis", "location"], js_name = origin)]
    static ORIGIN: Option<String>;
}

/// A node in a page. It takes part in the network until it is stopped or the page goes.
#[wasm_bindgen]
pub struct Node {
    handle: NodeHandle<Conf>,
    metrics: Metrics,
    hub: Hub<Poll>,
    // It ends when it is dropped.
    _signalling: Rc<Running<Poll>>,
}

fn error(why: impl std::fmt::Display) -> JsError {
    JsError::new(&why.to_string())
}

fn random<const N: usize>() -> Result<[u8; N], JsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(error)?;
    Ok(bytes)
}

#[wasm_bindgen]
impl Node {
    /// Starts a node. `listener` hears what happens to it.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &NodeOptions, listener: Option<Listener>) -> Result<Node, JsError> {
        let seed = match options.seed() {
            Some(seed) => <[u8; 32]>::try_from(seed.to_vec())
                .map_err(|_| error("the seed must have 32 bytes"))?,
            None => random()?,
        };
        let urls = match options.servers() {
            Some(servers) => servers.iter().filter_map(|url| url.as_string()).collect(),
            None => ORIGIN.with(Clone::clone).into_iter().collect::<Vec<_>>(),
        };
        let servers = urls.iter().map(|url| url.parse()).collect::<Result<_, _>>();
        let identity = Arc::new(Identity::from_seed(&seed));
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
        // The room is entered once there is a node to tell of its members.
        let handle = Rc::<RefCell<Option<NodeHandle<Conf>>>>::default();
        let room = {
            let handle = handle.clone();
            Room::new(identity.id().into(), move |user| {
                if let Some(handle) = &*handle.borrow() {
                    // It fails only when the node has ended.
                    let _ = handle.connect(&user.into());
                }
            })
        };
        let told = tell.clone();
        let running = signal::start::<Poll>(config, move |event| {
            room.hear(&event);
            if let Some(event) = events::signalling(&event) {
                told(event);
            }
        })
        .map_err(error)?;
        let hub = running.hub();
        let poll = Poll::new().map_err(error)?;
        let events = poll.handle();
        let transport = Relay::new(hub.clone());
        let stores = (MemoryKV::default(), MemoryAttachments::default());
        let credentials = Credentials::public(identity);
        let parts = Parts::new(poll, transport, Bincode, Records, stores, credentials);
        let metrics = parts.metrics.clone();
        let mut node = mydht::Node::<Conf>::new(parts).map_err(error)?;
        *handle.borrow_mut() = Some(node.handle());
        let signalling = Rc::new(running);
        let used = signalling.clone();
        js::spawn(&events, move || {
            let why = match node.turn() {
                Ok(true) => return ControlFlow::Continue(()),
                Ok(false) => "it was stopped".to_owned(),
                Err(error) => error.to_string(),
            };
            used.hub().end("the node has ended");
            tell(object(&[("type", "ended".into()), ("why", why.into())]));
            ControlFlow::Break(())
        })
        .detach();
        hub.join(options.room().as_deref().unwrap_or("lobby"));
        let handle = handle.borrow().clone();
        Ok(Node {
            handle: handle.ok_or_else(|| error("the node has ended"))?,
            metrics,
            hub,
            _signalling: signalling,
        })
    }

    /// Who this node is: 64 hexadecimal digits.
    #[wasm_bindgen(getter)]
    pub fn id(&self) -> String {
        self.hub.user().to_string()
    }

    /// How the connection with the signalling server is, in words.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.hub.state().to_string()
    }

    /// Whether it is logged in at the signalling server.
    #[wasm_bindgen(getter)]
    pub fn online(&self) -> bool {
        matches!(self.hub.state(), signal::State::Online { .. })
    }

    /// What it counted.
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

    /// The ids of the peers that it is connected with.
    pub async fn peers(&self) -> Result<Vec<String>, JsError> {
        match self.ask(Command::Status, None).await? {
            Event::Status { peers, .. } => Ok(peers.iter().map(ToString::to_string).collect()),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits until a peer is there; false if none comes within so many seconds.
    #[wasm_bindgen(js_name = awaitPeer)]
    pub async fn await_peer(&self, seconds: f64) -> Result<bool, JsError> {
        let most = Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
        match self.ask(Command::AwaitPeer(most), None).await? {
            Event::Status { peers, .. } => Ok(!peers.is_empty()),
            Event::Failed(_) => Ok(false),
            other => Err(unexpected(&other)),
        }
    }

    /// Puts bytes into the network, under `name` or the hash of themselves. Gives the key to get them by.
    pub async fn put(&self, bytes: &[u8], name: Option<String>) -> Result<String, JsError> {
        let value = Value::Bytes(bytes.to_vec());
        self.store(value, None, name, None).await
    }

    /// The same for a file, which can be larger. `progress` hears how much of it has moved to a peer.
    #[wasm_bindgen(js_name = putFile)]
    pub async fn put_file(
        &self,
        file_name: String,
        bytes: Vec<u8>,
        progress: Option<Progress>,
    ) -> Result<String, JsError> {
        let tree = Tree::of_reader(&bytes[..], |_| ()).map_err(error)?;
        let value = Value::Attachment {
            id: tree.id(),
            name: file_name,
        };
        let content = Some((tree, Content::Bytes(bytes.into())));
        self.store(value, content, None, progress).await
    }

    /// What is under a key, or a name; `undefined` if nobody has it. Of a file, `progress` hears how much has come.
    pub async fn get(
        &self,
        key: String,
        progress: Option<Progress>,
    ) -> Result<Option<Found>, JsError> {
        let key: Key = key.trim().parse().map_err(|why: String| error(why))?;
        match self.ask(Command::Get { key }, progress).await? {
            Event::NotFound => Ok(None),
            Event::Found(record) => self.found(record).await.map(Some),
            other => Err(unexpected(&other)),
        }
    }

    /// Leaves the network.
    pub fn stop(&self) {
        // It fails only when it has ended already.
        let _ = self.handle.stop();
    }
}

impl Node {
    async fn store(
        &self,
        value: Value,
        content: Option<(Tree, Content)>,
        name: Option<String>,
        progress: Option<Progress>,
    ) -> Result<String, JsError> {
        let mut record = Record::by_content(value);
        let mut shown = record.key.to_string();
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            record.key = Key::named(&name);
            shown = name;
        }
        match self.ask(Command::Put { record, content }, progress).await? {
            Event::Stored { copies: 0 } => Err(error("no peer is there to keep it")),
            Event::Stored { .. } => Ok(shown),
            other => Err(unexpected(&other)),
        }
    }

    async fn found(&self, record: Record) -> Result<Found, JsError> {
        let (kind, name, bytes) = match record.value {
            Value::Bytes(bytes) => ("bytes", None, bytes),
            Value::Attachment { id, name } => ("file", Some(name), self.read(id).await?),
        };
        let bytes = Uint8Array::from(&bytes[..]);
        let mut members = vec![("kind", kind.into())];
        if let Some(name) = name {
            members.push(("name", name.into()));
            members.push(("size", bytes.length().into()));
        }
        members.push(("bytes", bytes.into()));
        Ok(object(&members).unchecked_into())
    }

    /// The whole of an attachment that is here.
    async fn read(&self, id: AttachmentId) -> Result<Vec<u8>, JsError> {
        let mut bytes = Vec::new();
        for part in 0..id.parts() {
            match self.ask(Command::Read { id, part }, None).await? {
                Event::Part(Some(part)) => bytes.extend(part),
                _ => return Err(error("the file is not here any more")),
            }
        }
        Ok(bytes)
    }

    async fn ask(&self, command: Command, progress: Option<Progress>) -> Result<Event, JsError> {
        let answer = Answer::new();
        let heard = answer.clone();
        let moved = progress.map(|progress| {
            // The node's reply may not hold what belongs to JavaScript: the latest goes through this.
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
        });
        let ended = moved.clone();
        let asked = self.handle.request(command, move |event| match event {
            Event::Progress { done, total } => {
                if let Some(moved) = &moved {
                    moved.set(Some((done, total)));
                }
            }
            last => heard.set(last),
        });
        let event = match asked {
            Ok(()) => Ok(answer.wait().await),
            Err(closed) => Err(error(closed)),
        };
        if let Some(ended) = ended {
            ended.set(None);
        }
        match event? {
            Event::Failed(why) => Err(error(why)),
            event => Ok(event),
        }
    }
}

fn unexpected(event: &Event) -> JsError {
    error(format!("an answer that fits nothing: {event:?}"))
}
