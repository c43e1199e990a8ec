//! The browser's peer connections.
//!
//! No callback of the browser does anything of this crate's: it takes what it is given, notes it,
//! and asks for a turn.

mod dispatch;
mod peer;

use std::io;

use mydht_evloop::Poll;
use mydht_evloop::traits::{Ready, Registerable, Token};
use wasm_bindgen::prelude::*;
use web_sys::{RtcConfiguration, RtcIceServer, RtcIceTransportPolicy};

use super::{Backend, Notify};

pub use peer::BrowserPeer;

/// A STUN or TURN server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:HOST:PORT` or `turn:HOST:PORT?transport=udp`, several for one server.
    pub urls: Vec<String>,
    /// For TURN: the name and the password.
    pub login: Option<(String, String)>,
}

/// Configuration of the search for paths to peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrowserConfig {
    /// Without any, only peers on the same network are found.
    pub ice_servers: Vec<IceServer>,
    /// By TURN only: no peer learns this end's address.
    pub relay_only: bool,
    /// A second channel for messages that may be lost; both ends must have it.
    pub datagrams: bool,
}

/// Makes the browser's peer connections.
///
/// ```no_run
/// use mydht_evloop::Poll;
/// use mydht_transports::rendezvous::LocalRendezvous;
/// use mydht_transports::webrtc::WebRtc;
/// use mydht_transports::webrtc::browser::{Browser, BrowserConfig, IceServer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rendezvous = LocalRendezvous::<Poll>::default();
/// let config = BrowserConfig {
///     ice_servers: vec![IceServer {
///         urls: vec!["stun:stun.example:3478".into()],
///         login: None,
///     }],
///     ..BrowserConfig::default()
/// };
/// let rtc = WebRtc::new(rendezvous.join("alice".parse()?)?, Browser::new(config));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Browser {
    config: BrowserConfig,
}

impl Browser {
    /// By this configuration; a wrong one is an error of the first connection.
    pub fn new(config: BrowserConfig) -> Self {
        Browser { config }
    }

    fn configuration(&self) -> RtcConfiguration {
        let servers = js_sys::Array::new();
        for server in &self.config.ice_servers {
            let urls = js_sys::Array::new();
            for url in &server.urls {
                urls.push(&JsValue::from_str(url));
            }
            let entry = RtcIceServer::new();
            entry.set_urls(&urls);
            if let Some((name, password)) = &server.login {
                entry.set_username(name);
                entry.set_credential(password);
            }
            servers.push(&entry);
        }
        let configuration = RtcConfiguration::new();
        configuration.set_ice_servers(&servers);
        if self.config.relay_only {
            configuration.set_ice_transport_policy(RtcIceTransportPolicy::Relay);
        }
        configuration
    }
}

impl Backend for Browser {
    type Peer = BrowserPeer;

    fn peer(&mut self, notify: Notify) -> io::Result<BrowserPeer> {
        BrowserPeer::new(self.configuration(), self.config.datagrams, notify)
    }
}

impl Registerable<Poll> for Browser {
    fn register(&self, _: &Poll, _: Token, _: Ready) -> io::Result<bool> {
        Ok(false)
    }

    fn reregister(&self, _: &Poll, _: Token, _: Ready) -> io::Result<bool> {
        Ok(false)
    }

    fn deregister(&self, _: &Poll) -> io::Result<()> {
        Ok(())
    }
}

/// Peer connections of this page, with those that are not yet closed. For tests that count.
pub fn open_peers() -> usize {
    dispatch::count()
}
