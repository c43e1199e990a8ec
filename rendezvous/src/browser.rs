//! A client in a page: the browser's WebSocket.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use mydht_evloop::traits::{Token, UserSources};
use mydht_evloop::{Poll, Ready, SetReadiness, js};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use super::address::ServerAddress;
use super::client::Event;
use super::shell::{self, Config, Happened, Running, Shell};

/// Starts a client. `listener` hears what the application should, in a turn of the client's own.
///
/// # Errors
/// When no event loop can be had.
pub fn start<P: UserSources + 'static>(
    config: Config,
    listener: impl FnMut(Event) + 'static,
) -> io::Result<Running<P>> {
    let (handle, registration, wake) = shell::handle::<P>(config);
    let running = Running::new(handle.clone());
    let socket = Socket { open: None, wake };
    let mut shell = Shell::new(handle, registration, socket, Box::new(listener))?;
    let events = shell.handle();
    let turn = move || match shell.run() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => ControlFlow::Continue(()),
        // It ended; no other error is there where nothing sleeps.
        _ => ControlFlow::Break(()),
    };
    js::spawn(&events, turn).detach();
    Ok(running)
}

/// The socket, if there is one, and what wakes the shell.
struct Socket {
    open: Option<Open>,
    wake: SetReadiness,
}

type Inbox = Rc<RefCell<VecDeque<Happened>>>;

/// A WebSocket, and the callbacks that it has. Dropped, it is closed and has none.
struct Open {
    socket: Option<WebSocket>,
    inbox: Inbox,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Open {
    fn new(address: &ServerAddress, wake: &SetReadiness) -> Self {
        let inbox = Inbox::default();
        let happened = {
            let (inbox, wake) = (inbox.clone(), wake.clone());
            move |what| {
                inbox.borrow_mut().push_back(what);
                // It fails only for loops that sleep in the system, and there is none here.
                let _ = wake.set_readiness(Ready::readable());
            }
        };
        let on_open = {
            let happened = happened.clone();
            Closure::new(move || happened(Happened::Opened))
        };
        let on_message = {
            let happened = happened.clone();
            Closure::new(move |event: MessageEvent| {
                let data = event.data();
                if let Some(text) = data.as_string() {
                    happened(Happened::Text(text));
                } else if let Ok(bytes) = data.dyn_into::<ArrayBuffer>() {
                    happened(Happened::Binary(Uint8Array::new(&bytes).to_vec()));
                }
            })
        };
        let on_close = {
            let happened = happened.clone();
            Closure::new(move |event: CloseEvent| {
                let reason = event.reason();
                let why = match event.code() {
                    _ if !reason.is_empty() => reason,
                    // RFC 6455, section 7.4.1: no close frame came. A browser tells no more of a
                    // failure.
                    1006 => "it cannot be reached".into(),
                    code => format!("the server closed the connection (code {code})"),
                };
                happened(Happened::Closed(why));
            })
        };
        let socket = match WebSocket::new(&address.to_string()) {
            Ok(socket) => Some(socket),
            Err(error) => {
                // Such as a page that came by https and may not use ws.
                let why = js_sys::Reflect::get(&error, &"message".into());
                let why = why.ok().and_then(|message| message.as_string());
                let why = why.unwrap_or_else(|| "the browser refuses to connect".into());
                happened(Happened::Closed(why));
                None
            }
        };
        if let Some(socket) = &socket {
            socket.set_binary_type(BinaryType::Arraybuffer);
            socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
            socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
            socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        }
        Open {
            socket,
            inbox,
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            // First: the closures go with this, and calling one that is gone is an error.
            socket.set_onopen(None);
            socket.set_onmessage(None);
            socket.set_onclose(None);
            // It fails only for wrong codes.
            let _ = socket.close();
        }
    }
}

impl Socket {
    /// Tells what a send failed with: it is over then.
    fn sent(&mut self, result: Option<Result<(), JsValue>>) {
        if let (Some(Err(_)), Some(open)) = (result, &self.open) {
            let why = Happened::Closed("the connection is closing".into());
            open.inbox.borrow_mut().push_back(why);
            // As above.
            let _ = self.wake.set_readiness(Ready::readable());
        }
    }

    fn socket(&self) -> Option<&WebSocket> {
        self.open.as_ref().and_then(|open| open.socket.as_ref())
    }
}

impl shell::Socket for Socket {
    fn open(&mut self, address: &ServerAddress, _: &Poll, _: Token) {
        // The old one first: its callbacks must not be heard any more.
        self.open = None;
        self.open = Some(Open::new(address, &self.wake));
    }

    fn text(&mut self, text: String) {
        let sent = self.socket().map(|socket| socket.send_with_str(&text));
        self.sent(sent);
    }

    fn binary(&mut self, bytes: Vec<u8>) {
        let sent = self
            .socket()
            .map(|socket| socket.send_with_u8_array(&bytes));
        self.sent(sent);
    }

    fn close(&mut self) {
        self.open = None;
    }

    fn next(&mut self) -> Option<Happened> {
        self.open.as_ref()?.inbox.borrow_mut().pop_front()
    }
}
