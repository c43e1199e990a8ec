//! The node of `put` and `get`, which connects, makes its request, and disconnects.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mydht::native::{Config, NativeNode};
use mydht::{Address, Limits, Metrics, PeerId, Timeouts};

use crate::membership::Membership;
use crate::stats::StatsFile;
use crate::users::Users;

/// Network to connect with.
#[derive(clap::Args)]
pub struct Network {
    /// A node to connect with, as IP:PORT or ws://HOST:PORT/PATH; may be given several times.
    #[arg(long, value_name = "ADDR", required_unless_present = "rendezvous")]
    bootstrap: Vec<Address>,
    #[command(flatten)]
    users: Users,
    /// Seconds to wait for an answer of the network. A transfer that moves has no limit.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    #[command(flatten)]
    membership: Membership,
    #[command(flatten)]
    stats: StatsFile,
}

/// A connected node.
pub struct Client {
    node: NativeNode,
    metrics: Metrics,
    stats: StatsFile,
}

impl Network {
    /// Connects. What arrives is kept in the folder `attachments`, if there is one.
    pub fn connect(&self, attachments: Option<PathBuf>) -> io::Result<Client> {
        let timeout = Duration::from_secs(self.timeout);
        let node = Config {
            bootstrap: self.bootstrap.clone(),
            rendezvous: self.users.rendezvous(),
            attachments,
            credentials: Some(self.membership.credentials()?),
            limits: Limits {
                timeouts: Timeouts {
                    request_timeout: timeout,
                    handshake_timeout: timeout,
                    ..Timeouts::default()
                },
                ..Limits::default()
            },
            ..Config::default()
        }
        .start()?;
        let client = Client {
            metrics: node.metrics().clone(),
            node,
            stats: self.stats.clone(),
        };
        client.node.await_peer(timeout).wait().map_err(|error| {
            io::Error::other(match client.node.rendezvous() {
                Some(state) => format!("{error} (the rendezvous server: {state})"),
                None => format!("{error} (is a node running at the --bootstrap address?)"),
            })
        })?;
        Ok(client)
    }
}

impl Client {
    /// The node.
    pub fn node(&self) -> &NativeNode {
        &self.node
    }

    /// Returns the connected peers, in the order of their ids.
    pub fn peers(&self) -> io::Result<Vec<PeerId>> {
        Ok(self.node.status().wait()?.peers)
    }

    /// Leaves.
    pub fn leave(self) -> io::Result<()> {
        self.node.stop()?;
        self.stats.write(&self.metrics)
    }
}
