//! WebSockets of the browser: it can only connect.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use mydht_evloop::traits::{Ready, Registerable, Token, TriggerReady, UserSources};
use mydht_evloop::{Poll, SetReadiness};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, MessageEvent};

use super::{SUBPROTOCOL, WsAddress, WsLimits};
use crate::Transport;
use crate::session::{MAX_MESSAGE, Pipe};
use crate::single::{Carrier, Connection, Machine, Unwatched};

/// Bytes that the browser is given before they left: enough to keep a fast line busy.
const MOST_BUFFERED: u32 = 256 * 1024;

/// Interval of polling a full buffer: the browser has no event for when it drains.
const RETRY: Duration = Duration::from_millis(5);

/// Messages that wait to be taken: a peer that keeps to its credit stays far below.
const MOST_WAITING: usize = 4096;

/// An endpoint that connects. It accepts nothing: a page cannot listen.
#[derive(Debug, Default)]
pub struct WebSocket {
    limits: WsLimits,
}

impl WebSocket {
    /// An endpoint with the usual limits.
    pub fn connect_only() -> Self {
        Self::default()
    }

    /// Sets other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: WsLimits) -> Self {
        self.limits = limits;
        self
    }
}

/// A connection of the browser.
pub type WsConnection = Connection<Socket, Unwatched>;

/// Events recorded by the browser's callbacks, until the next turn.
#[derive(Default)]
struct Inbox {
    is_open: bool,
    messages: VecDeque<JsValue>,
    /// Why there is no more to come.
    closed: Option<String>,
}

/// A WebSocket of the browser, and the callbacks that it has. Dropped, it is closed and has none.
pub struct Socket {
    socket: web_sys::WebSocket,
    inbox: Rc<RefCell<Inbox>>,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    fn connect(address: &WsAddress, trigger: &SetReadiness) -> io::Result<Self> {
        let socket = web_sys::WebSocket::new_with_str(&address.to_string(), SUBPROTOCOL).map_err(
            |error| {
                // Such as a page that came by https and may not use ws.
                let why = js_sys::Reflect::get(&error, &"message".into())
                    .ok()
                    .and_then(|message| message.as_string())
                    .unwrap_or_else(|| "the browser refuses".into());
                io::Error::other(format!("cannot connect to {address}: {why}"))
            },
        )?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let inbox = Rc::<RefCell<Inbox>>::default();
        let tell = |trigger: &SetReadiness| {
            // It fails only for loops that sleep in the system, and there is none here.
            let _ = TriggerReady::set_readiness(trigger, Ready::Both);
        };
        let on_open = {
            let (inbox, trigger) = (inbox.clone(), trigger.clone());
            Closure::new(move || {
                inbox.borrow_mut().is_open = true;
                tell(&trigger);
            })
        };
        let on_message = {
            let (inbox, trigger) = (inbox.clone(), trigger.clone());
            Closure::new(move |event: MessageEvent| {
                let mut inbox = inbox.borrow_mut();
                if inbox.messages.len() < MOST_WAITING {
                    inbox.messages.push_back(event.data());
                } else {
                    // Its credit would have stopped an honest peer long before.
                    inbox.closed = Some("the peer floods this end".into());
                }
                tell(&trigger);
            })
        };
        let on_close = {
            let (inbox, trigger) = (inbox.clone(), trigger.clone());
            Closure::new(move |event: CloseEvent| {
                let mut inbox = inbox.borrow_mut();
                let why = match (inbox.is_open, event.code()) {
                    // The WebSockets standard hides why an attempt failed: a page could scan
                    // networks by it.
                    (false, _) => "it cannot be reached, or is no MyDHT node".to_owned(),
                    // RFC 6455, section 7.4.1: done, going away, and closed without a code.
                    (true, 1000 | 1001 | 1005) => "the peer closed the connection".to_owned(),
                    (true, code) => format!("the connection broke (code {code})"),
                };
                // A flood that was noticed before is the reason.
                inbox.closed.get_or_insert(why);
                tell(&trigger);
            })
        };
        socket.set_onopen(Some(as_function(&on_open)));
        socket.set_onmessage(Some(as_function(&on_message)));
        socket.set_onclose(Some(as_function(&on_close)));
        Ok(Socket {
            socket,
            inbox,
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
        })
    }

    fn why_closed(&self) -> Option<io::Error> {
        let inbox = self.inbox.borrow();
        let why = inbox.closed.clone()?;
        Some(io::Error::new(io::ErrorKind::UnexpectedEof, why))
    }
}

fn as_function<T: ?Sized>(closure: &Closure<T>) -> &js_sys::Function {
    closure.as_ref().unchecked_ref()
}

impl Drop for Socket {
    fn drop(&mut self) {
        // First: the closures go with this, and calling one that is gone is an error.
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // It fails only for wrong codes.
        let _ = self.socket.close();
    }
}

impl Carrier for Socket {
    fn open(&mut self) -> io::Result<()> {
        match self.why_closed() {
            Some(error) => Err(error),
            None if self.inbox.borrow().is_open => Ok(()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// The browser does, when it is dropped.
    fn say_close(&mut self) {}

    fn retry_after(&self) -> Option<Duration> {
        Some(RETRY)
    }
}

impl Pipe for Socket {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.socket.buffered_amount() >= MOST_BUFFERED {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // It fails only while it opens; what is sent to one that has closed is dropped, and `receive` says so.
        self.socket
            .send_with_u8_array(message)
            .map_err(|_| io::ErrorKind::NotConnected.into())
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> io::Result<bool> {
        // Messages first: what came before the end is read before it.
        let next = self.inbox.borrow_mut().messages.pop_front();
        let Some(data) = next else {
            return Err(self
                .why_closed()
                .unwrap_or_else(|| io::ErrorKind::WouldBlock.into()));
        };
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        let Ok(buffer) = data.dyn_into::<js_sys::ArrayBuffer>() else {
            return wrong("the peer sent text");
        };
        let len = usize::try_from(buffer.byte_length()).unwrap_or(usize::MAX);
        if len > MAX_MESSAGE {
            return wrong("the peer sent a message that is too long");
        }
        message.resize(len, 0);
        js_sys::Uint8Array::new(&buffer).copy_to(message);
        Ok(true)
    }
}

impl Registerable<Poll> for WebSocket {
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

impl Transport<Poll> for WebSocket {
    type Address = WsAddress;
    type Stream = WsConnection;

    fn host(address: &WsAddress) -> String {
        address.host().to_owned()
    }

    fn local_address(&self) -> Option<WsAddress> {
        None
    }

    fn accept(&mut self) -> io::Result<(WsConnection, WsAddress)> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn connect_with(&mut self, address: &WsAddress) -> io::Result<WsConnection> {
        let source = Poll::user_source();
        let socket = Socket::connect(address, &source.1)?;
        let machine = Machine::client(socket, &self.limits)?;
        Ok(Connection::new(machine, Unwatched, source))
    }
}
