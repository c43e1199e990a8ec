//! A peer that is none of ours: the browser's own connection, by hand.

use mydht_evloop::Poll;
use mydht_transports::rendezvous::{LocalMember, Rendezvous, Signal, SignalKind};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    RtcDataChannel, RtcDataChannelInit, RtcDataChannelState, RtcIceCandidateInit,
    RtcIceGatheringState, RtcPeerConnection, RtcSdpType, RtcSessionDescriptionInit,
};

use super::page::until;

pub struct Raw {
    connection: RtcPeerConnection,
    channel: RtcDataChannel,
}

pub enum Message<'a> {
    Bytes(&'a [u8]),
    Text(&'a str),
}

impl Raw {
    pub fn send(&self, message: &Message<'_>) {
        match message {
            Message::Bytes(bytes) => self.channel.send_with_u8_array(bytes),
            Message::Text(text) => self.channel.send_with_str(text),
        }
        .unwrap();
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.connection.close();
    }
}

/// Answers the offer that comes, and gives the peer once its channel is open.
pub async fn answer(rendezvous: &mut LocalMember<Poll>) -> Raw {
    let connection = RtcPeerConnection::new().unwrap();
    let how = RtcDataChannelInit::new();
    how.set_negotiated(true);
    how.set_id(0);
    let channel = connection.create_data_channel_with_data_channel_dict("mydht", &how);
    while channel.ready_state() != RtcDataChannelState::Open {
        let mut heard = None;
        until("a signal to the raw peer, or its channel", || {
            heard = rendezvous.receive().ok();
            heard.is_some() || channel.ready_state() == RtcDataChannelState::Open
        })
        .await;
        let Some(Signal::From { peer, kind, body }) = heard else {
            break;
        };
        let (head, text) = body.split_once('\n').unwrap();
        match kind {
            SignalKind::Offer => {
                take(&connection, RtcSdpType::Offer, text).await;
                let answer = JsFuture::from(connection.create_answer()).await.unwrap();
                JsFuture::from(connection.set_local_description(answer.unchecked_ref()))
                    .await
                    .unwrap();
                until("the raw peer's candidates", || {
                    connection.ice_gathering_state() == RtcIceGatheringState::Complete
                })
                .await;
                let own = connection.local_description().unwrap().sdp();
                let theirs = &head[2..18];
                let body = format!("1 00000000000000cc {theirs}\n{own}");
                rendezvous.send(&peer, SignalKind::Answer, body).unwrap();
            }
            _ => {
                let init = RtcIceCandidateInit::new(text);
                init.set_sdp_m_line_index(Some(0));
                let added =
                    connection.add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&init));
                JsFuture::from(added).await.unwrap();
            }
        }
    }
    Raw {
        connection,
        channel,
    }
}

async fn take(connection: &RtcPeerConnection, kind: RtcSdpType, sdp: &str) {
    let description = RtcSessionDescriptionInit::new(kind);
    description.set_sdp(sdp);
    JsFuture::from(connection.set_remote_description(&description))
        .await
        .unwrap();
}
