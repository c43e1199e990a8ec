//! One peer connection of the browser.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{
    MessageEvent, RtcConfiguration, RtcDataChannel, RtcDataChannelInit, RtcDataChannelState,
    RtcDataChannelType, RtcIceCandidateInit, RtcIceConnectionState, RtcOfferOptions,
    RtcPeerConnection, RtcPeerConnectionIceEvent, RtcSdpType, RtcSessionDescriptionInit,
};

use super::dispatch::{self, Happening, Target};
use crate::session::{MAX_MESSAGE, Pipe};
use crate::webrtc::{Notify, Op, OpError, PathState, Peer, PeerEvent};

/// Bytes that the channel is given before they left: enough to keep a fast line busy.
const MOST_BUFFERED: u32 = 256 * 1024;

/// At how many the channel says that there is room again.
const LOW: u32 = 128 * 1024;

/// Messages that wait to be taken. A peer that keeps to its credit stays below this with all of its
/// streams.
const MOST_WAITING: usize = 64 * 1024;

/// Datagrams that wait to be taken: past it, new ones are lost.
const MOST_DATAGRAMS: usize = 256;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Promise)]
    type Thenable;
    #[wasm_bindgen(method)]
    fn then(this: &Thenable, done: &Function, failed: &Function) -> JsValue;
}

/// Events recorded by the callbacks of one connection.
pub(super) struct State {
    number: u64,
    connection: RtcPeerConnection,
    notify: Notify,
    events: RefCell<VecDeque<PeerEvent>>,
    messages: RefCell<VecDeque<JsValue>>,
    datagrams: RefCell<VecDeque<JsValue>>,
    /// The description that is being set.
    description: RefCell<String>,
    is_closed: Cell<bool>,
}

impl Target for State {
    /// Notes what happened. The steps of one operation follow each other here; all else waits for a
    /// turn.
    fn happened(&self, what: Happening, value: JsValue) {
        match what {
            Happening::OfferMade => self.set_local(value, Happening::OfferSet),
            Happening::AnswerMade => self.set_local(value, Happening::AnswerSet),
            Happening::OfferTaken => {
                self.then(&self.connection.create_answer(), Happening::AnswerMade);
            }
            Happening::OfferSet | Happening::AnswerSet => {
                self.tell(PeerEvent::Done(Ok(self.description.take())));
            }
            Happening::AnswerTaken => self.tell(PeerEvent::Done(Ok(String::new()))),
            Happening::Failed => self.tell(PeerEvent::Done(Err(OpError::rejected(words(&value))))),
            Happening::Candidate => {
                let event: RtcPeerConnectionIceEvent = value.unchecked_into();
                // `None` and the empty one say that there will be no more.
                if let Some(candidate) = event.candidate().map(|candidate| candidate.candidate())
                    && !candidate.is_empty()
                {
                    self.tell(PeerEvent::Candidate(candidate));
                }
            }
            Happening::Path => {
                let state = match self.connection.ice_connection_state() {
                    RtcIceConnectionState::Connected | RtcIceConnectionState::Completed => {
                        PathState::Connected
                    }
                    RtcIceConnectionState::Disconnected => PathState::Disconnected,
                    RtcIceConnectionState::Failed => PathState::Failed,
                    _ => return,
                };
                self.tell(PeerEvent::Path(state));
            }
            Happening::Open => self.tell(PeerEvent::Open),
            Happening::Closed => self.close("the peer closed the channel"),
            Happening::Message => self.message(value),
            Happening::Datagram => {
                let mut datagrams = self.datagrams.borrow_mut();
                if datagrams.len() < MOST_DATAGRAMS {
                    datagrams.push_back(value.unchecked_into::<MessageEvent>().data());
                    self.notify.notify();
                }
            }
            Happening::Room => self.notify.notify(),
        }
    }
}

impl State {
    fn message(&self, event: JsValue) {
        let data = event.unchecked_into::<MessageEvent>().data();
        let waiting = {
            let mut messages = self.messages.borrow_mut();
            if messages.len() < MOST_WAITING {
                messages.push_back(data);
            }
            messages.len()
        };
        if waiting == MOST_WAITING {
            self.close("the peer floods this end");
        } else if waiting == 1 {
            // Later ones find that a turn was asked for, and it goes on until none is left.
            self.notify.notify();
        }
    }

    fn close(&self, why: &str) {
        if !self.is_closed.replace(true) {
            self.tell(PeerEvent::Closed(why.to_owned()));
        }
    }

    fn set_local(&self, description: JsValue, then: Happening) {
        let description: RtcSessionDescriptionInit = description.unchecked_into();
        // Kept here, because `setLocalDescription` fulfils its promise with nothing.
        *self.description.borrow_mut() = description.get_sdp().unwrap_or_default();
        self.then(&self.connection.set_local_description(&description), then);
    }

    fn take_remote(&self, kind: RtcSdpType, sdp: &str, then: Happening) {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        self.then(&self.connection.set_remote_description(&description), then);
    }

    fn then(&self, promise: &Promise, what: Happening) {
        let promise: &Thenable = promise.unchecked_ref();
        promise.then(
            &dispatch::callback(self.number, what),
            &dispatch::callback(self.number, Happening::Failed),
        );
    }

    fn tell(&self, event: PeerEvent) {
        self.events.borrow_mut().push_back(event);
        self.notify.notify();
    }
}

/// Returns the message of an error of the browser.
fn words(error: &JsValue) -> String {
    js_sys::Reflect::get(error, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_else(|| "the browser gives no reason".into())
}

/// A connection of the browser. Dropped, it is closed.
pub struct BrowserPeer {
    /// Configuration that the connection was created with.
    configuration: RtcConfiguration,
    state: Rc<State>,
    channel: RtcDataChannel,
    datagrams: Option<RtcDataChannel>,
}

/// As the browser says.
impl fmt::Debug for BrowserPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = &self.state.connection;
        f.debug_struct("BrowserPeer")
            .field("signalling", &connection.signaling_state())
            .field("gathering", &connection.ice_gathering_state())
            .field("path", &connection.ice_connection_state())
            .field("channel", &self.channel.ready_state())
            .finish_non_exhaustive()
    }
}

impl BrowserPeer {
    pub(super) fn new(
        configuration: RtcConfiguration,
        datagrams: bool,
        notify: Notify,
    ) -> io::Result<Self> {
        let connection =
            RtcPeerConnection::new_with_configuration(&configuration).map_err(|error| {
                let why = words(&error);
                io::Error::other(format!("the browser makes no peer connection: {why}"))
            })?;
        let number = dispatch::next_number();
        let on = |what| dispatch::callback(number, what);
        connection.set_onicecandidate(Some(&on(Happening::Candidate)));
        connection.set_oniceconnectionstatechange(Some(&on(Happening::Path)));

        // Negotiated out of band (RFC 8832 is not used), so neither end waits for the other to announce it.
        let how = RtcDataChannelInit::new();
        how.set_negotiated(true);
        how.set_id(0);
        let channel = connection.create_data_channel_with_data_channel_dict("mydht", &how);
        channel.set_binary_type(RtcDataChannelType::Arraybuffer);
        channel.set_buffered_amount_low_threshold(LOW);
        channel.set_onopen(Some(&on(Happening::Open)));
        channel.set_onclose(Some(&on(Happening::Closed)));
        channel.set_onmessage(Some(&on(Happening::Message)));
        channel.set_onbufferedamountlow(Some(&on(Happening::Room)));

        let datagrams = datagrams.then(|| {
            // The first channel has its own copy of the dictionary.
            how.set_id(1);
            how.set_ordered(false);
            how.set_max_retransmits(0);
            let channel =
                connection.create_data_channel_with_data_channel_dict("mydht datagrams", &how);
            channel.set_binary_type(RtcDataChannelType::Arraybuffer);
            channel.set_onmessage(Some(&on(Happening::Datagram)));
            channel
        });
        let state = Rc::new(State {
            number,
            connection,
            notify,
            events: RefCell::default(),
            messages: RefCell::default(),
            datagrams: RefCell::default(),
            description: RefCell::default(),
            is_closed: Cell::new(false),
        });
        dispatch::add(number, state.clone());
        Ok(BrowserPeer {
            configuration,
            state,
            channel,
            datagrams,
        })
    }

    /// Begins anew, with a connection that has made no offer. Rolled back before its channel was
    /// ever open, Chromium's sometimes gathers candidates for ever and names none (seen in version
    /// 156, about once in a thousand on a busy machine).
    fn renew(&mut self) -> io::Result<()> {
        let notify = self.state.notify.clone();
        let configuration = self.configuration.clone();
        *self = BrowserPeer::new(configuration, self.datagrams.is_some(), notify)?;
        Ok(())
    }
}

impl Drop for BrowserPeer {
    fn drop(&mut self) {
        // First: no event may reach a connection that is half taken down.
        dispatch::remove(self.state.number);
        let connection = &self.state.connection;
        connection.set_onicecandidate(None);
        connection.set_oniceconnectionstatechange(None);
        for channel in std::iter::once(&self.channel).chain(&self.datagrams) {
            channel.set_onopen(None);
            channel.set_onclose(None);
            channel.set_onmessage(None);
            channel.set_onbufferedamountlow(None);
        }
        connection.close();
    }
}

impl Peer for BrowserPeer {
    fn start(&mut self, op: Op) {
        if let Op::Answer { rollback: true, .. } = op
            && self.channel.ready_state() == RtcDataChannelState::Connecting
            && let Err(error) = self.renew()
        {
            return self
                .state
                .tell(PeerEvent::Done(Err(OpError::rejected(error))));
        }
        let state = &self.state;
        match op {
            Op::Offer { restart } => {
                let options = RtcOfferOptions::new();
                options.set_ice_restart(restart);
                let offer = state
                    .connection
                    .create_offer_with_rtc_offer_options(&options);
                state.then(&offer, Happening::OfferMade);
            }
            // Taking an offer rolls an own one back, if it is not gone already.
            Op::Answer { offer, .. } => {
                state.take_remote(RtcSdpType::Offer, &offer, Happening::OfferTaken);
            }
            Op::Accept { answer } => {
                state.take_remote(RtcSdpType::Answer, &answer, Happening::AnswerTaken);
            }
            Op::Candidate(candidate) => {
                let init = RtcIceCandidateInit::new(&candidate);
                // There is one section in these descriptions.
                init.set_sdp_m_line_index(Some(0));
                let added = state
                    .connection
                    .add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
                // Reported like an answer: either ends an operation that makes no description.
                state.then(&added, Happening::AnswerTaken);
            }
        }
    }

    fn poll(&mut self) -> Option<PeerEvent> {
        self.state.events.borrow_mut().pop_front()
    }

    fn send_datagram(&mut self, message: &[u8]) -> io::Result<()> {
        let channel = self.datagrams.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        send(channel, message)
    }

    fn receive_datagram(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        let next = self.state.datagrams.borrow_mut().pop_front();
        take(next.ok_or(io::ErrorKind::WouldBlock)?, message)
    }
}

impl Pipe for BrowserPeer {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        send(&self.channel, message)
    }

    fn is_busy(&self) -> bool {
        self.channel.buffered_amount() > LOW
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> io::Result<bool> {
        let next = self.state.messages.borrow_mut().pop_front();
        take(next.ok_or(io::ErrorKind::WouldBlock)?, message)?;
        Ok(true)
    }
}

fn send(channel: &RtcDataChannel, message: &[u8]) -> io::Result<()> {
    // Bounded here: the browser takes much more, and holds it in memory.
    if channel.buffered_amount() >= MOST_BUFFERED {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    channel
        .send_with_u8_array(message)
        .map_err(|error| io::Error::new(io::ErrorKind::NotConnected, words(&error)))
}

fn take(data: JsValue, message: &mut Vec<u8>) -> io::Result<()> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let buffer: js_sys::ArrayBuffer = data.dyn_into().map_err(|_| wrong("the peer sent text"))?;
    let len = usize::try_from(buffer.byte_length()).unwrap_or(usize::MAX);
    if len > MAX_MESSAGE {
        return Err(wrong("the peer sent a message that is too long"));
    }
    message.resize(len, 0);
    js_sys::Uint8Array::new(&buffer).copy_to(message);
    Ok(())
}
