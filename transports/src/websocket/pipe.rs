//! A WebSocket over any stream of bytes, as the pipe of a session.

use std::io::{self, Read, Write};
use std::sync::Arc;

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::server::ServerHandshake;
use tungstenite::handshake::{HandshakeError, HandshakeRole, MidHandshake};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Bytes, ClientRequestBuilder, Error, Message, WebSocket};

use super::check::Check;
use super::{SUBPROTOCOL, WsAddress};
use crate::session::{MAX_MESSAGE, Pipe};
use crate::single::Carrier;

/// Bytes collected before they are given to the socket, and read from it at once.
const BUFFER: usize = 64 * 1024;

/// Messages are as long as a session's at most: a longer one is refused by its header, before it is
/// read.
fn config() -> Option<WebSocketConfig> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        // The library wants more than `write_buffer_size` here.
        .max_write_buffer_size(2 * BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    Some(config)
}

enum Phase<S: Read + Write> {
    Client(MidHandshake<ClientHandshake<S>>),
    Server(MidHandshake<ServerHandshake<S, Check>>),
    Open(WebSocket<S>),
    Failed,
}

/// A WebSocket that opens and is open.
pub struct WsPipe<S: Read + Write>(Box<Phase<S>>);

impl<S: Read + Write> WsPipe<S> {
    /// The end that connects.
    ///
    /// # Errors
    /// When `address` makes no request.
    pub fn client(stream: S, address: &WsAddress) -> io::Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            let what = format!("{address} cannot be asked for: {error}");
            io::Error::new(io::ErrorKind::InvalidInput, what)
        };
        let uri = address.to_string().parse();
        let request = ClientRequestBuilder::new(uri.map_err(|error| wrong(&error))?)
            .with_sub_protocol(SUBPROTOCOL)
            .into_client_request()
            .map_err(|error| wrong(&error))?;
        let handshake =
            ClientHandshake::start(stream, request, config()).map_err(|error| wrong(&error))?;
        Ok(WsPipe(Box::new(Phase::Client(handshake))))
    }

    /// The end that was connected to.
    pub fn server(stream: S, path: &Arc<str>) -> Self {
        let check = Check { path: path.clone() };
        let handshake = ServerHandshake::start(stream, check, config());
        WsPipe(Box::new(Phase::Server(handshake)))
    }

    fn socket(&mut self) -> io::Result<&mut WebSocket<S>> {
        match &mut *self.0 {
            Phase::Open(socket) => Ok(socket),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl<S: Read + Write> Carrier for WsPipe<S> {
    fn open(&mut self) -> io::Result<()> {
        // A step consumes the handshake; should it panic, the pipe has failed.
        let (phase, result) = match std::mem::replace(&mut *self.0, Phase::Failed) {
            Phase::Client(handshake) => {
                step(handshake, |(socket, _)| Phase::Open(socket), Phase::Client)
            }
            Phase::Server(handshake) => step(handshake, Phase::Open, Phase::Server),
            Phase::Open(socket) => (Phase::Open(socket), Ok(())),
            Phase::Failed => (Phase::Failed, Err(io::ErrorKind::NotConnected.into())),
        };
        *self.0 = phase;
        result
    }

    fn say_close(&mut self) {
        if let Ok(socket) = self.socket() {
            // It is dropped in any case.
            let _ = socket.close(None);
        }
    }
}

/// One step of a handshake.
fn step<R: HandshakeRole, S: Read + Write>(
    handshake: MidHandshake<R>,
    done: impl FnOnce(R::FinalResult) -> Phase<S>,
    under_way: impl FnOnce(MidHandshake<R>) -> Phase<S>,
) -> (Phase<S>, io::Result<()>) {
    match handshake.handshake() {
        Ok(result) => (done(result), Ok(())),
        Err(HandshakeError::Interrupted(handshake)) => {
            (under_way(handshake), Err(io::ErrorKind::WouldBlock.into()))
        }
        Err(HandshakeError::Failure(error)) => {
            let error = match plain(error) {
                error if error.kind() == io::ErrorKind::InvalidData => io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("it does not speak the WebSocket subprotocol {SUBPROTOCOL}: {error}"),
                ),
                error => error,
            };
            (Phase::Failed, Err(error))
        }
    }
}

impl<S: Read + Write> Pipe for WsPipe<S> {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let message = Message::Binary(Bytes::copy_from_slice(message));
        match self.socket()?.write(message) {
            Ok(()) => Ok(()),
            Err(Error::WriteBufferFull(_)) => Err(io::ErrorKind::WouldBlock.into()),
            // It was taken; the socket took not all that was collected.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(plain(error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket()?.flush().map_err(plain)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> io::Result<bool> {
        match self.socket()?.read().map_err(plain)? {
            Message::Binary(bytes) => {
                message.clear();
                message.extend_from_slice(&bytes);
                Ok(true)
            }
            // The library answers pings; here they only show that the peer is there.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(false),
            Message::Close(_) => Err(closed()),
            Message::Text(_) => {
                let what = "the peer sent text";
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the peer closed the connection",
    )
}

/// The library's errors as those of a stream.
fn plain(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => closed(),
        error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
    }
}
