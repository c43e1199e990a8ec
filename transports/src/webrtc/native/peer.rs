//! One native peer connection.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

use super::Shared;
use crate::lock::lock;
use crate::session::{MAX_MESSAGE, Pipe};
use crate::webrtc::{Notify, Op, OpError, PathState, Peer, PeerEvent};

/// Bytes that the connection is given before they left.
const MOST_BUFFERED: usize = 256 * 1024;

/// At how many it says that there is room again.
const LOW: usize = 128 * 1024;

/// Messages that wait to be taken. A peer that keeps to its credit stays below this with all of its
/// streams.
const MOST_WAITING: usize = 64 * 1024;

/// Datagrams that wait to be taken: past it, new ones are lost.
const MOST_DATAGRAMS: usize = 256;

/// A connection. Dropped, it is closed, and the peer is told.
pub struct NativePeer(Arc<Mutex<State>>);

pub(super) struct State {
    shared: Arc<Shared>,
    notify: Notify,
    rtc: Rtc,
    pending: Option<SdpPendingOffer>,
    channel: Option<ChannelId>,
    datagrams: Option<ChannelId>,
    /// Whether the connection was ever connected. From then on it is not started anew.
    is_connected: bool,
    events: VecDeque<PeerEvent>,
    messages: VecDeque<Vec<u8>>,
    received_datagrams: VecDeque<Vec<u8>>,
    deadline: Instant,
    has_unsent: bool,
    is_closed: bool,
}

impl NativePeer {
    pub(super) fn new(shared: Arc<Shared>, notify: Notify) -> io::Result<Self> {
        let rtc = rtc(&shared)?;
        Ok(NativePeer(Arc::new(Mutex::new(State {
            deadline: shared.now(),
            shared,
            notify,
            rtc,
            pending: None,
            channel: None,
            datagrams: None,
            is_connected: false,
            events: VecDeque::new(),
            messages: VecDeque::new(),
            received_datagrams: VecDeque::new(),
            has_unsent: false,
            is_closed: false,
        }))))
    }

    pub(super) fn downgrade(&self) -> Weak<Mutex<State>> {
        Arc::downgrade(&self.0)
    }
}

fn rtc(shared: &Shared) -> io::Result<Rtc> {
    let mut rtc = Rtc::builder()
        .set_crypto_provider(shared.crypto.clone())
        .set_dtls_cert(shared.certificate.clone())
        // Data only: no media is ever offered.
        .clear_codecs()
        .set_sctp_max_buffered_amount(MOST_BUFFERED)
        .build(shared.now());
    for candidate in &shared.candidates {
        if rtc.add_local_candidate(candidate.clone()).is_none() {
            return Err(io::Error::other("its own address is no candidate"));
        }
    }
    Ok(rtc)
}

/// Agreed upon beforehand, as in the browser.
fn channel(number: u16) -> ChannelConfig {
    ChannelConfig {
        label: "mydht".into(),
        negotiated: Some(number),
        ..ChannelConfig::default()
    }
}

fn datagrams() -> ChannelConfig {
    ChannelConfig {
        ordered: false,
        reliability: Reliability::MaxRetransmits { retransmits: 0 },
        ..channel(1)
    }
}

impl State {
    pub fn accepts(&self, input: &Input<'_>) -> bool {
        self.rtc.accepts(input)
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn input(&mut self, input: Input<'_>) {
        match self.rtc.handle_input(input) {
            Ok(()) => self.drive(),
            Err(error) => self.close(&error.to_string()),
        }
    }

    /// Sends what is to be sent and takes what happened.
    fn drive(&mut self) {
        // str0m has to be asked after each input until it names a time.
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.deadline = at;
                    break;
                }
                Ok(Output::Transmit(packet)) => {
                    // What the socket does not take is lost, as on any line, and is sent again.
                    let to = &packet.destination;
                    let _ = self.shared.socket.send_to(&packet.contents, to);
                }
                Ok(Output::Event(event)) => self.take(event),
                Err(error) => return self.close(&error.to_string()),
            }
        }
        if !self.rtc.is_alive() {
            self.close("the peer closed the connection");
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::IceConnectionStateChange(state) => match state {
                IceConnectionState::Connected | IceConnectionState::Completed => {
                    self.is_connected = true;
                    self.tell(PeerEvent::Path(PathState::Connected));
                }
                IceConnectionState::Disconnected => {
                    self.tell(PeerEvent::Path(PathState::Disconnected));
                }
                _ => {}
            },
            Event::ChannelOpen(id, _) if Some(id) == self.channel => {
                if let Some(mut channel) = self.rtc.channel(id) {
                    channel.set_buffered_amount_low_threshold(LOW);
                }
                self.tell(PeerEvent::Open);
            }
            Event::ChannelClose(id) if Some(id) == self.channel => {
                self.close("the peer closed the channel");
            }
            Event::ChannelBufferedAmountLow(_) => self.notify.notify(),
            Event::ChannelData(data) if Some(data.id) == self.channel => {
                if !data.binary {
                    self.close("the peer sent text");
                } else if data.data.len() > MAX_MESSAGE {
                    self.close("the peer sent a message that is too long");
                } else if self.messages.len() >= MOST_WAITING {
                    self.close("the peer floods this end");
                } else {
                    self.messages.push_back(data.data);
                    self.notify.notify();
                }
            }
            Event::ChannelData(data)
                if Some(data.id) == self.datagrams
                    && self.received_datagrams.len() < MOST_DATAGRAMS =>
            {
                self.received_datagrams.push_back(data.data);
                self.notify.notify();
            }
            _ => {}
        }
    }

    fn tell(&mut self, event: PeerEvent) {
        self.events.push_back(event);
        self.notify.notify();
    }

    fn close(&mut self, why: &str) {
        // Once: `disconnect` ends the connection, and `drive` comes here for that again.
        if !std::mem::replace(&mut self.is_closed, true) {
            self.rtc.disconnect();
            self.tell(PeerEvent::Closed(why.to_owned()));
        }
    }

    fn perform(&mut self, op: Op) -> Result<String, OpError> {
        match op {
            Op::Offer { restart } => self.offer(restart),
            Op::Answer { offer, rollback } => self.answer(&offer, rollback),
            Op::Accept { answer } => {
                let answer = SdpAnswer::from_sdp_string(&answer).map_err(OpError::rejected)?;
                let pending = self.pending.take().ok_or(OpError::NoOffer)?;
                self.rtc
                    .sdp_api()
                    .accept_answer(pending, answer)
                    .map_err(OpError::rejected)?;
                Ok(String::new())
            }
            Op::Candidate(candidate) => {
                let candidate =
                    Candidate::from_sdp_string(&candidate).map_err(OpError::rejected)?;
                self.rtc.add_remote_candidate(candidate);
                Ok(String::new())
            }
        }
    }

    fn offer(&mut self, restart: bool) -> Result<String, OpError> {
        let mut api = self.rtc.sdp_api();
        if self.channel.is_none() {
            self.channel = Some(api.add_channel_with_config(channel(0)));
            if self.shared.datagrams {
                self.datagrams = Some(api.add_channel_with_config(datagrams()));
            }
        }
        if restart {
            api.ice_restart(true);
        }
        let (offer, pending) = api.apply().ok_or(OpError::NothingToOffer)?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    fn answer(&mut self, offer: &str, rollback: bool) -> Result<String, OpError> {
        let offer = SdpOffer::from_sdp_string(offer).map_err(OpError::rejected)?;
        if rollback {
            self.pending = None;
            if !self.is_connected {
                // Nothing has come of it, so it is begun anew, and its channels too.
                self.rtc = rtc(&self.shared).map_err(OpError::rejected)?;
                (self.channel, self.datagrams) = (None, None);
            }
        }
        let answer = self
            .rtc
            .sdp_api()
            .accept_offer(offer)
            .map_err(OpError::rejected)?;
        if self.channel.is_none() {
            let mut api = self.rtc.direct_api();
            self.channel = Some(api.create_data_channel(channel(0)));
            if self.shared.datagrams {
                self.datagrams = Some(api.create_data_channel(datagrams()));
            }
        }
        Ok(answer.to_sdp_string())
    }

    fn write(&mut self, id: Option<ChannelId>, message: &[u8]) -> io::Result<()> {
        let mut channel = id
            .and_then(|id| self.rtc.channel(id))
            .ok_or(io::ErrorKind::NotConnected)?;
        match channel.write(true, message) {
            Ok(true) => {
                self.has_unsent = true;
                Ok(())
            }
            Ok(false) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }

    fn flush(&mut self) {
        if std::mem::take(&mut self.has_unsent) {
            // str0m sends inside of an input; the present time is one that brings nothing else.
            self.input(Input::Timeout(self.shared.now()));
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.rtc.close().is_ok() {
            self.drive();
        }
    }
}

impl Peer for NativePeer {
    fn start(&mut self, op: Op) {
        let mut state = lock(&self.0);
        let done = state.perform(op);
        state.tell(PeerEvent::Done(done));
        let now = state.shared.now();
        state.input(Input::Timeout(now));
    }

    fn poll(&mut self) -> Option<PeerEvent> {
        lock(&self.0).events.pop_front()
    }

    fn send_datagram(&mut self, message: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.0);
        let id = state.datagrams.ok_or(io::ErrorKind::Unsupported)?;
        state.write(Some(id), message)?;
        state.flush();
        Ok(())
    }

    fn receive_datagram(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        let next = lock(&self.0).received_datagrams.pop_front();
        *message = next.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(())
    }
}

impl Pipe for NativePeer {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let mut state = lock(&self.0);
        let id = state.channel;
        let result = state.write(id, message);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            // What was collected has to leave, or there would never be room.
            state.flush();
        }
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.0).flush();
        Ok(())
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> io::Result<bool> {
        let next = lock(&self.0).messages.pop_front();
        *message = next.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(true)
    }
}
