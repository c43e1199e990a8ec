//! Several servers as one, over Redis or Valkey.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mydht_rendezvous::{Backplane, ClusterCommand, Published};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::place::Place;

/// Time for connecting, and for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Wait before the next try.
const RETRY: Duration = Duration::from_secs(1);

/// Interval between pings while nothing is published.
const PING_EVERY: Duration = Duration::from_secs(2);

/// Publications that go in one round trip.
const AT_ONCE: usize = 256;

/// Something that can be connected with.
pub(super) struct Client(redis::Client);

impl Client {
    /// Creates the backplane that `url` names: `redis://HOST:PORT`.
    pub(super) fn new(url: &str) -> io::Result<Self> {
        // One connection for both directions needs RESP3, which is there since Redis 6.
        let asked = if url.contains('?') { '&' } else { '?' };
        redis::Client::open(format!("{url}{asked}protocol=resp3"))
            .map(Client)
            .map_err(|error| {
                let why = format!("--backplane {url}: {error}; write redis://HOST:PORT");
                io::Error::new(io::ErrorKind::InvalidInput, why)
            })
    }

    /// Connects, and again whenever the connection is lost.
    pub(super) async fn run(self, place: Arc<Place>) {
        let Some(mut commands) = place.commands() else {
            return;
        };
        loop {
            let why = match self.connect().await {
                Ok((connection, pushed)) => {
                    tracing::info!("the backplane is there");
                    place.with(|server, now| server.backplane(now, Backplane::Up));
                    let lost = exchange(&place, connection, pushed, &mut commands).await;
                    place.with(|server, now| server.backplane(now, Backplane::Down));
                    // What was meant for the connection that is gone.
                    while commands.try_recv().is_ok() {}
                    lost
                }
                Err(error) => error.to_string(),
            };
            if commands.is_closed() {
                return;
            }
            tracing::warn!(why, "the backplane cannot be reached");
            sleep(RETRY).await;
        }
    }

    async fn connect(&self) -> RedisResult<(MultiplexedConnection, Pushed)> {
        let (send, pushed) = mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN))
            .set_push_sender(send);
        let connection = self
            .0
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok((connection, pushed))
    }
}

type Pushed = mpsc::UnboundedReceiver<PushInfo>;

/// Carries commands and messages until the connection is lost, and says why it was.
async fn exchange(
    place: &Place,
    mut connection: MultiplexedConnection,
    mut pushed: Pushed,
    commands: &mut mpsc::UnboundedReceiver<ClusterCommand>,
) -> String {
    let receive = async {
        while let Some(push) = pushed.recv().await {
            match push.kind {
                PushKind::Message => {
                    if let Some((topic, bytes)) = message(push.data) {
                        place.with(|server, now| {
                            server.backplane(now, Backplane::Message(topic, bytes));
                        });
                    }
                }
                PushKind::Disconnection => break,
                _ => {}
            }
        }
        "it closed the connection".to_owned()
    };
    let send = async {
        let mut batch = Vec::new();
        loop {
            // `recv_many` is cancel safe: a timeout loses no command.
            let carried = match timeout(PING_EVERY, commands.recv_many(&mut batch, AT_ONCE)).await {
                // The server stops.
                Ok(0) => return "it is no longer needed".to_owned(),
                Ok(_) => carry_out(place, &mut connection, batch.drain(..)).await,
                // Detects a connection that broke silently, which only sending can.
                Err(_) => redis::cmd("PING").exec_async(&mut connection).await,
            };
            if let Err(error) = carried {
                return error.to_string();
            }
        }
    };
    tokio::select! {
        why = receive => why,
        why = send => why,
    }
}

fn message(data: Vec<Value>) -> Option<(String, Vec<u8>)> {
    // In RESP3 a message is pushed as its topic and its bytes; anything else is ignored.
    let [Value::BulkString(topic), Value::BulkString(bytes)] = <[Value; 2]>::try_from(data).ok()?
    else {
        return None;
    };
    Some((String::from_utf8(topic).ok()?, bytes))
}

/// Carries commands out in their order, as many publications as follow each other in one round
/// trip.
async fn carry_out(
    place: &Place,
    connection: &mut MultiplexedConnection,
    commands: impl Iterator<Item = ClusterCommand>,
) -> RedisResult<()> {
    let mut publications = redis::pipe();
    let mut tickets = Vec::new();
    for command in commands {
        match command {
            ClusterCommand::Publish {
                topic,
                bytes,
                ticket,
            } => {
                publications.cmd("PUBLISH").arg(topic).arg(bytes);
                tickets.push(ticket);
            }
            // Flushes earlier publications, because commands must keep their order.
            ClusterCommand::Subscribe(topic) => {
                publish(place, connection, &mut publications, &mut tickets).await?;
                connection.subscribe(topic).await?;
            }
            ClusterCommand::Unsubscribe(topic) => {
                publish(place, connection, &mut publications, &mut tickets).await?;
                connection.unsubscribe(topic).await?;
            }
        }
    }
    publish(place, connection, &mut publications, &mut tickets).await
}

async fn publish(
    place: &Place,
    connection: &mut MultiplexedConnection,
    publications: &mut redis::Pipeline,
    tickets: &mut Vec<u64>,
) -> RedisResult<()> {
    if tickets.is_empty() {
        return Ok(());
    }
    let counts: Vec<u64> = publications.query_async(connection).await?;
    publications.clear();
    place.with(|server, now| {
        for (ticket, receivers) in tickets
            .drain(..)
            .zip(counts)
            .filter(|(ticket, _)| *ticket != 0)
        {
            let published = Published { ticket, receivers };
            server.backplane(now, Backplane::Published(published));
        }
    });
    Ok(())
}
