//! Values of JavaScript, with their types.

use js_sys::{Array, Reflect, Uint8Array};
use mydht_transports::webrtc::browser::IceServer;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What a node is started with. */
export interface NodeOptions {
  /** Rendezvous servers, each of which will do: "http://127.0.0.1:8080". Without one: where the page came from. */
  servers?: string[];
  /** The room whose members this node connects with. Without one: "lobby". */
  room?: string;
  /** STUN and TURN servers, by which peers beyond this network are reached directly. Without them: over the server. */
  iceServers?: RTCIceServer[];
}

/** What a node that keeps nothing is started with. */
export interface MemoryOptions extends NodeOptions {
  /** 32 secret bytes, so that the node has the same id again. Without them: a new id. */
  seed?: Uint8Array;
}

/** What a node that is kept is started with. */
export interface KeptOptions extends NodeOptions {
  /** The profile that it is: one tab has it at a time. Without it: the one of before a reload, or the first free one. */
  profile?: string;
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

/** What was put: the key to get it by, and how many peers keep a copy. */
export interface Kept {
  key: string;
  copies: number;
  /** Why a file is gone from here when the page is closed, if it is. */
  unkept?: string;
}

/** What was found under a key. */
export type Found =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "file"; name: string; size: number; file: Blob };

/** A record that is kept, and how much of its content is here, in bytes. */
export interface Stored {
  key: string;
  /** What its key is, in words. */
  keyIs: string;
  /** The hash of its content. */
  content: string;
  size: number;
  here: number;
  /** What the file is called, if it is one. */
  file?: string;
  /** When it goes, in milliseconds since 1970. */
  expires?: number;
}

/** What a node keeps in its browser, with the limits of its records. */
export interface StoredList {
  records: Stored[];
  /** What cannot be read, in words. */
  damaged: string[];
  mostRecords: number;
  mostBytes: number;
}

/** What was checked: how many records are right, and which are not. */
export interface Verified {
  right: number;
  wrong: { key: string; why: string }[];
}

/** A peer, and how it is connected: from page to page, or over the server. */
export interface Peer {
  id: string;
  path: "direct" | "relayed";
}

/** What a node counted since it began. */
export interface NodeStats {
  bytesIn: number;
  bytesOut: number;
  messagesIn: number;
  messagesOut: number;
  connections: number;
}

/** How long the node's turns took the page's thread: the 99th percentile and the longest, in milliseconds. */
export interface Turns {
  count: number;
  percentile99: number;
  longest: number;
}

/** How much of a file has moved, in bytes. */
export type Progress = (done: number, total: number) => void;
"#;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(typescript_type = "NodeOptions")]
    pub type NodeOptions;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn servers(this: &NodeOptions) -> Option<Array>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn room(this: &NodeOptions) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = iceServers)]
    fn ice_servers(this: &NodeOptions) -> Option<Array>;

    #[wasm_bindgen(extends = NodeOptions, typescript_type = "MemoryOptions")]
    pub type MemoryOptions;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn seed(this: &MemoryOptions) -> Option<Uint8Array>;

    #[wasm_bindgen(extends = NodeOptions, typescript_type = "KeptOptions")]
    pub type KeptOptions;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn profile(this: &KeptOptions) -> Option<String>;

    #[wasm_bindgen(typescript_type = "(event: NodeEvent) => void")]
    pub type Listener;
    #[wasm_bindgen(typescript_type = "Progress")]
    pub type Progress;
    #[wasm_bindgen(typescript_type = "Kept")]
    pub type Kept;
    #[wasm_bindgen(typescript_type = "Found")]
    pub type Found;
    #[wasm_bindgen(typescript_type = "StoredList")]
    pub type StoredList;
    #[wasm_bindgen(typescript_type = "Verified")]
    pub type Verified;
    #[wasm_bindgen(typescript_type = "Peer[]")]
    pub type Peers;
    #[wasm_bindgen(typescript_type = "NodeStats")]
    pub type NodeStats;
    #[wasm_bindgen(typescript_type = "Turns")]
    pub type TurnStats;
}

impl NodeOptions {
    /// The STUN and TURN servers; what is no such thing is the browser's to complain of.
    pub(crate) fn ice(&self) -> Vec<IceServer> {
        let of = |server: &JsValue, name: &str| Reflect::get(server, &name.into()).ok();
        let text = |server: &JsValue, name: &str| of(server, name)?.as_string();
        let server = |server: JsValue| {
            let urls = of(&server, "urls").unwrap_or_default();
            // RTCIceServer allows one URL or several (WebRTC, W3C).
            let urls = match urls.dyn_ref::<Array>() {
                Some(several) => several.iter().filter_map(|url| url.as_string()).collect(),
                None => urls.as_string().into_iter().collect(),
            };
            IceServer {
                urls,
                login: text(&server, "username").zip(text(&server, "credential")),
            }
        };
        self.ice_servers()
            .iter()
            .flat_map(Array::iter)
            .map(server)
            .collect()
    }
}
