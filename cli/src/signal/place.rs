//! The server, its connections, and its backplane: where what it wants is carried out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mydht_rendezvous::{ClusterCommand, ConnId, Frame, Nonce, Output, Server};
use tokio::sync::{mpsc, watch};

/// Command to a connection's writer. The server bounds what waits for it (`outgoing_bytes`).
pub(super) enum ToClient {
    Frame(Frame),
    Close(u16, String),
}

pub(super) struct Place {
    inner: Mutex<Inner>,
    start: Instant,
    /// Connections that are being served.
    live: watch::Sender<usize>,
    /// Commands for the backplane, taken by whoever runs it.
    commands: Mutex<Option<mpsc::UnboundedReceiver<ClusterCommand>>>,
}

struct Inner {
    server: Server,
    connections: HashMap<ConnId, mpsc::UnboundedSender<ToClient>>,
    next: ConnId,
    backplane: Option<mpsc::UnboundedSender<ClusterCommand>>,
}

impl Place {
    pub(super) fn new(server: Server, has_backplane: bool) -> Self {
        let (send, commands) = mpsc::unbounded_channel();
        Place {
            inner: Mutex::new(Inner {
                server,
                connections: HashMap::new(),
                next: 1,
                backplane: has_backplane.then_some(send),
            }),
            start: Instant::now(),
            live: watch::Sender::new(0),
            commands: Mutex::new(Some(commands)),
        }
    }

    #[cfg_attr(
        not(feature = "backplane"),
        expect(dead_code, reason = "there is no backplane")
    )]
    pub(super) fn commands(&self) -> Option<mpsc::UnboundedReceiver<ClusterCommand>> {
        lock(&self.commands).take()
    }

    /// Tells the server something, and does what it wants.
    pub(super) fn with<T>(&self, tell: impl FnOnce(&mut Server, Duration) -> T) -> T {
        let mut inner = lock(&self.inner);
        let told = tell(&mut inner.server, self.start.elapsed());
        inner.carry_out();
        told
    }

    /// Calls `tell` for a connection. Returns the time for which nothing is to be read from it.
    pub(super) fn with_connection(
        &self,
        conn: ConnId,
        tell: impl FnOnce(&mut Server, Duration),
    ) -> Option<Duration> {
        let mut inner = lock(&self.inner);
        tell(&mut inner.server, self.start.elapsed());
        inner
            .carry_out()
            .and_then(|(paused, time)| (paused == conn).then_some(time))
    }

    /// A new connection, and what is to be sent on it.
    pub(super) fn open(
        &self,
        address: IpAddr,
        local: String,
        nonce: Nonce,
    ) -> (ConnId, mpsc::UnboundedReceiver<ToClient>) {
        // Counted first, so that `empty` does not miss the connection.
        self.live.send_modify(|live| *live += 1);
        let (send, receive) = mpsc::unbounded_channel();
        let mut inner = lock(&self.inner);
        let conn = inner.next;
        inner.next += 1;
        inner.connections.insert(conn, send);
        inner
            .server
            .opened(self.start.elapsed(), conn, address, local, nonce);
        inner.carry_out();
        (conn, receive)
    }

    pub(super) fn close(&self, conn: ConnId) {
        let mut inner = lock(&self.inner);
        inner.connections.remove(&conn);
        inner.server.closed(conn);
        inner.carry_out();
        drop(inner);
        self.live.send_modify(|live| *live -= 1);
    }

    /// Tells everyone to come back later, and the other servers that this one goes.
    pub(super) fn restart(&self) {
        self.with(|server, _| {
            server.restart();
            server.leave_cluster();
        });
        // Closes the queue behind the last commands, which are still carried out.
        lock(&self.inner).backplane = None;
    }

    /// Waits until no connection is served.
    pub(super) async fn empty(&self) {
        // It fails only when this place is gone.
        let _ = self.live.subscribe().wait_for(|live| *live == 0).await;
    }
}

impl Inner {
    /// The connection that is to be read more slowly, if there is one: that which spoke last.
    fn carry_out(&mut self) -> Option<(ConnId, Duration)> {
        let mut pause = None;
        while let Some(output) = self.server.output() {
            // Whoever does not receive any more has ended, and is about to say so.
            match output {
                Output::Send(conn, frame) => {
                    if let Some(client) = self.connections.get(&conn) {
                        let _ = client.send(ToClient::Frame(frame));
                    }
                }
                Output::Close(conn, code, reason) => {
                    // Removed, so that nothing can be queued behind the close.
                    if let Some(client) = self.connections.remove(&conn) {
                        let _ = client.send(ToClient::Close(code, reason));
                    }
                }
                Output::Pause(conn, time) => pause = Some((conn, time)),
                Output::Cluster(command) => {
                    if let Some(backplane) = &self.backplane {
                        let _ = backplane.send(command);
                    }
                }
            }
        }
        pause
    }
}

/// A lock that a panic elsewhere does not take away.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
