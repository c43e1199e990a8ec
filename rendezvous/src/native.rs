//! A client on a computer: tungstenite on a loop and a thread of its own.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use mydht_evloop::Poll;
use mydht_evloop::net::TcpStream;
use mydht_evloop::traits::{Ready, Registerable, Token, UserSources};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::{Error, Message, WebSocket};

use super::address::ServerAddress;
use super::client::Event;
use super::secured::Secured;
use super::shell::{self, Config, Happened, Running, Shell};
use mydht_transports::websocket::Socket as Tcp;

/// Starts a client. `listener` hears what the application should, on the client's thread; it must
/// not block.
///
/// # Errors
/// When no thread or event loop can be had.
pub fn start<P: UserSources + 'static>(
    config: Config,
    listener: impl FnMut(Event) + Send + 'static,
) -> io::Result<Running<P>>
where
    P::Trigger: Send,
{
    let (handle, registration, _) = shell::handle::<P>(config);
    let running = Running::new(handle.clone());
    std::thread::Builder::new()
        .name("rendezvous".into())
        .spawn(move || {
            let ended = Shell::new(handle, registration, Socket::default(), Box::new(listener))
                .and_then(|mut shell| shell.run());
            if let Err(error) = ended {
                tracing::error!(%error, "the rendezvous client has ended");
            }
        })?;
    Ok(running)
}

type Opening = MidHandshake<ClientHandshake<Secured>>;

/// A WebSocket that does not block.
#[derive(Default)]
struct Socket {
    state: State,
    /// Which of a host's addresses is tried.
    attempt: usize,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    /// Opening failed, for this reason.
    Failed(String),
    Opening(Box<Opening>),
    /// Open, and whether that was said.
    Open(Box<WebSocket<Secured>>),
    /// Open since just now.
    Opened(Box<WebSocket<Secured>>),
}

impl Socket {
    fn connect(&mut self, address: &ServerAddress, poll: &Poll, token: Token) -> io::Result<State> {
        let name = address.name();
        // This waits for the resolver, on the client's own thread.
        let found: Vec<SocketAddr> = name.to_socket_addrs()?.collect();
        let at = found
            // Without an address `get` finds none, where a remainder by zero would panic.
            .get(self.attempt % found.len().max(1))
            .ok_or_else(|| io::Error::other(format!("{name} has no address")))?;
        self.attempt += 1;
        let stream = Arc::new(TcpStream::connect(at)?);
        // Signals are small and answered: waiting to fill a segment only adds delay.
        stream.set_nodelay(true)?;
        Registerable::register(&*stream, poll, token, Ready::Both)?;
        let request = address
            .to_string()
            .into_client_request()
            .map_err(io::Error::other)?;
        let stream = Secured::new(Tcp::of(stream), address)?;
        let shaken = ClientHandshake::start(stream, request, None);
        Ok(State::Opening(Box::new(shaken.map_err(io::Error::other)?)))
    }

    /// Goes on opening.
    fn shake(opening: Opening) -> State {
        match opening.handshake() {
            Ok((socket, _)) => State::Opened(Box::new(socket)),
            Err(HandshakeError::Interrupted(opening)) => State::Opening(Box::new(opening)),
            Err(HandshakeError::Failure(error)) => State::Failed(words(&error)),
        }
    }

    fn send(&mut self, message: Message) {
        let (State::Open(socket) | State::Opened(socket)) = &mut self.state else {
            return;
        };
        let sent = socket.write(message).and_then(|()| socket.flush());
        if let Err(why) = or_blocks(sent) {
            self.state = State::Failed(why);
        }
    }
}

/// Ignores an error that only says to wait: the call is made again when the socket is ready.
fn or_blocks(result: Result<(), Error>) -> Result<(), String> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(words(&error)),
        Ok(()) => Ok(()),
    }
}

fn words(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the server closed the connection".into(),
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "nothing listens there".into()
        }
        Error::Http(response) => format!("it is no rendezvous server ({})", response.status()),
        other => other.to_string(),
    }
}

impl shell::Socket for Socket {
    fn open(&mut self, address: &ServerAddress, poll: &Poll, token: Token) {
        self.state = match self.connect(address, poll, token) {
            Ok(state) => state,
            Err(error) => State::Failed(error.to_string()),
        };
    }

    fn text(&mut self, text: String) {
        self.send(Message::text(text));
    }

    fn binary(&mut self, bytes: Vec<u8>) {
        self.send(Message::binary(bytes));
    }

    fn close(&mut self) {
        if let State::Open(mut socket) | State::Opened(mut socket) = std::mem::take(&mut self.state)
        {
            // As far as it takes it at once: the other end sees the end of the connection anyway.
            let _ = socket.close(None);
            let _ = socket.flush();
        }
    }

    fn next(&mut self) -> Option<Happened> {
        loop {
            // Taken out: a socket that is not put back has failed or is closed.
            match std::mem::take(&mut self.state) {
                State::Closed => return None,
                State::Failed(why) => return Some(Happened::Closed(why)),
                State::Opening(opening) => {
                    self.state = Socket::shake(*opening);
                    if matches!(self.state, State::Opening(_)) {
                        return None;
                    }
                }
                State::Opened(socket) => {
                    self.state = State::Open(socket);
                    return Some(Happened::Opened);
                }
                State::Open(mut socket) => {
                    let message = or_blocks(socket.flush()).map(|()| socket.read());
                    let message = match message {
                        Ok(message) => message,
                        Err(why) => return Some(Happened::Closed(why)),
                    };
                    match message {
                        Ok(Message::Text(text)) => {
                            self.state = State::Open(socket);
                            return Some(Happened::Text(text.as_str().to_owned()));
                        }
                        Ok(Message::Binary(bytes)) => {
                            self.state = State::Open(socket);
                            return Some(Happened::Binary(bytes.to_vec()));
                        }
                        // Answered by the library, when it is read or flushed next.
                        Ok(_) => self.state = State::Open(socket),
                        Err(error) => {
                            if let Err(why) = or_blocks(Err(error)) {
                                return Some(Happened::Closed(why));
                            }
                            self.state = State::Open(socket);
                            return None;
                        }
                    }
                }
            }
        }
    }
}
