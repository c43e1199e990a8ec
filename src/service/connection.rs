//! One connection, as the main loop sees it.

use std::io;

use mydht_evloop::traits::{Ready, Registerable};
use mydht_spawner::channel::{LocalRcChannel, LocalRcRecv, LocalRcSend, NoSend};
use mydht_spawner::{SpawnChannel, SpawnSend, SpawnUnyield, Spawner};
use mydht_transports::Stream;

use super::{FromConn, MainSend, NextMessage, Parts, ReadService, WriteIn, WriteService};
use crate::conf::{Address, Connection, MyDHTConf};
use crate::engine::ConnId;
use crate::handshake::Handshake;
use crate::msg::ProtoMessage;
use crate::shadow::Shadow;

type ReadHandle<MC> =
    <<MC as MyDHTConf>::ReadSpawn as Spawner<ReadService<MC>, FromConn<MC>, NextMessage>>::Handle;
type WriteHandle<MC> = <<MC as MyDHTConf>::WriteSpawn as Spawner<
    WriteService<MC>,
    NoSend,
    LocalRcRecv<WriteIn>,
>>::Handle;

/// How far a connection is.
pub(super) enum State {
    Authenticating(Handshake),
    Up,
}

/// A connection, and the two services that read and write it.
pub(super) struct Conn<MC: MyDHTConf> {
    stream: Connection<MC>,
    pub(super) address: Address<MC>,
    pub(super) state: State,
    /// `Some`: this node opened it, and opens it again if it is lost.
    pub(super) bootstrap: Option<usize>,
    read: ReadHandle<MC>,
    write: WriteHandle<MC>,
    outgoing: LocalRcSend<WriteIn>,
    most_pending: usize,
}

impl<MC: MyDHTConf> Conn<MC> {
    /// Registers `stream` and starts its services.
    pub(super) fn start(
        parts: &Parts<MC>,
        main: MainSend<MC>,
        conn: ConnId,
        stream: Connection<MC>,
        address: Address<MC>,
        state: State,
    ) -> mydht_spawner::Result<Self> {
        stream.register(&parts.poll, conn, Ready::Both)?;
        let (limits, metrics) = (&parts.limits, &parts.metrics);
        let read = ReadService::new(
            stream.read_stream(),
            parts.shadow.read_layer(),
            parts.enc.clone(),
            limits,
            metrics.clone(),
        );
        let write = WriteService::new(
            stream.write_stream(),
            parts.shadow.write_layer(),
            parts.enc.clone(),
            limits,
            metrics.clone(),
        );
        let (outgoing, recv) = LocalRcChannel::unbounded().new_channel()?;
        let out = FromConn { conn, main };
        let mut read = MC::read_spawn(limits).spawn(read, out, None, NextMessage, 0)?;
        if read.is_finished() {
            // Why it cannot be opened is said once: by the first read.
            read.unyield()?;
        }
        Ok(Conn {
            read,
            write: MC::write_spawn(limits).spawn(write, NoSend, None, recv, 0)?,
            stream,
            address,
            state,
            bootstrap: None,
            outgoing,
            most_pending: limits.pending_messages,
        })
    }

    /// Lets the services go on that `reported` concerns. Gives true if the peer has more to say than its turn allows.
    ///
    /// # Errors
    /// Why the connection is at its end.
    pub(super) fn ready(&mut self, reported: Ready) -> Result<bool, String> {
        let Some(ready) = self.stream.turn(reported) else {
            return Ok(false);
        };
        if ready.is_writable() {
            self.unyield_write()?;
        }
        if !ready.is_readable() {
            return Ok(false);
        }
        self.read.unyield().map_err(|error| error.to_string())?;
        if self.read.is_finished() {
            return Err("the peer closed the connection".into());
        }
        Ok(self.read.wants_unyield())
    }

    /// Sends a message, or keeps it until the transport takes it.
    ///
    /// # Errors
    /// Why the connection is at its end.
    pub(super) fn send(
        &mut self,
        message: ProtoMessage,
        part: Option<Vec<u8>>,
    ) -> Result<(), String> {
        if self.outgoing.len() >= self.most_pending {
            return Err(format!(
                "it reads too slowly: {} messages wait (limit pending_messages)",
                self.most_pending
            ));
        }
        self.outgoing
            .send(WriteIn { message, part })
            .map_err(|error| error.to_string())?;
        self.unyield_write()
    }

    fn unyield_write(&mut self) -> Result<(), String> {
        self.write.unyield().map_err(|error| error.to_string())?;
        if self.write.is_finished() {
            return Err("the peer takes no more".into());
        }
        Ok(())
    }

    /// Nothing waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Ends it. What could not be written is lost.
    pub(super) fn close(self, poll: &MC::Poll) -> io::Result<()> {
        let result = self.stream.deregister(poll);
        self.stream.disconnect();
        result
    }
}
