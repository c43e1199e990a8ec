//! One client's WebSocket.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use mydht_rendezvous::{ConnId, Frame, Nonce};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::place::{Place, ToClient};

/// Time that a client has to receive its last messages.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Bytes that a close frame's reason has at most (RFC 6455, section 5.5).
const REASON: usize = 123;

/// Serves a client until one of both has enough.
pub(super) async fn serve(place: Arc<Place>, socket: WebSocket, address: IpAddr, local: String) {
    let mut nonce = [0; 32];
    if let Err(error) = getrandom::fill(&mut nonce) {
        tracing::error!(%error, "no randomness for a challenge");
        return;
    }
    let (conn, outgoing) = place.open(address, local, Nonce(nonce));
    tracing::debug!(conn, %address, "opened");
    let (sink, mut stream) = socket.split();
    let writer = write(place.clone(), conn, sink, outgoing);
    tokio::pin!(writer);
    let reader = async {
        while let Some(Ok(message)) = stream.next().await {
            let pause = match message {
                Message::Text(text) => {
                    place.with_connection(conn, |server, now| server.text(now, conn, &text))
                }
                Message::Binary(bytes) => {
                    place.with_connection(conn, |server, now| server.binary(now, conn, &bytes))
                }
                Message::Close(_) => break,
                // Pings are answered by the library.
                Message::Ping(_) | Message::Pong(_) => None,
            };
            if let Some(pause) = pause {
                // Nothing is read meanwhile, so TCP flow control slows the client down.
                tokio::time::sleep(pause).await;
            }
        }
    };
    // Whichever ends first, the other is dropped together with its half of the socket.
    tokio::select! {
        () = reader => {}
        () = &mut writer => {}
    }
    place.close(conn);
    tracing::debug!(conn, "closed");
}

/// Sends what is to be sent, until the connection is to be closed.
async fn write(
    place: Arc<Place>,
    conn: ConnId,
    mut sink: SplitSink<WebSocket, Message>,
    mut outgoing: UnboundedReceiver<ToClient>,
) {
    while let Some(next) = outgoing.recv().await {
        let (message, len) = match next {
            ToClient::Frame(frame) => {
                let len = frame.len();
                let message = match frame {
                    Frame::Text(text) => Message::Text(text.into()),
                    Frame::Binary(bytes) => Message::Binary(bytes.into()),
                };
                (message, len)
            }
            ToClient::Close(code, mut reason) => {
                let mut end = reason.len().min(REASON);
                // The reason must be UTF-8 (section 5.5.1), so no character may be cut.
                while !reason.is_char_boundary(end) {
                    end -= 1;
                }
                reason.truncate(end);
                let reason = reason.into();
                let close = Message::Close(Some(CloseFrame { code, reason }));
                // It may have gone already.
                let _ = timeout(LAST_WORDS, sink.send(close)).await;
                return;
            }
        };
        // A client that reads nothing is closed by the server, which counts what waits: then nothing more comes here, and
        // this send is given up.
        if send(&mut sink, message, &mut outgoing).await.is_err() {
            return;
        }
        // Sent bytes no longer count against the client's limit of pending ones.
        place.with(|server, _| server.sent(conn, len));
    }
}

/// Sends, unless the server closes the connection meanwhile and sending takes too long.
async fn send(
    sink: &mut SplitSink<WebSocket, Message>,
    message: Message,
    outgoing: &mut UnboundedReceiver<ToClient>,
) -> Result<(), ()> {
    let sending = sink.send(message);
    tokio::pin!(sending);
    loop {
        match timeout(LAST_WORDS, &mut sending).await {
            Ok(sent) => return sent.map_err(drop),
            // The server has dropped the other end of the queue.
            Err(_) if outgoing.is_closed() => return Err(()),
            Err(_) => {}
        }
    }
}
