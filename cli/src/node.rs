//! `mydht node`.

use std::io::{self, Write};
#[cfg(feature = "server")]
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use mydht::Address;
use mydht::PeerId;
use mydht::native::Config;
use mydht::policy::{PeerPolicy, PeerPriority};

use crate::membership::Membership;
use crate::stats::StatsFile;
use crate::users::Users;

/// Run a node until it is stopped (Ctrl-C, or a SIGTERM).
///
/// The first line printed says where it listens and who it is: `listening tcp:127.0.0.1:PORT
/// id=HEX`. Of several addresses, spaces are between.
#[derive(clap::Args)]
pub struct Args {
    /// Address to listen on, as IP:PORT, or ws://IP:PORT/PATH for WebSockets; port 0 takes a free
    /// one. May be given several times.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: Vec<Address>,
    /// A node to connect with, as IP:PORT or ws://HOST:PORT/PATH; may be given several times. It is
    /// tried again whenever it is lost.
    #[arg(long, value_name = "ADDR")]
    bootstrap: Vec<Address>,
    #[command(flatten)]
    users: Users,
    /// The folder to keep records and attachments in. Without it, the node forgets them when it
    /// stops.
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    #[command(flatten)]
    membership: Membership,
    /// Refuse the peer of this id; may be given several times.
    #[arg(long, value_name = "ID")]
    block: Vec<PeerId>,
    /// Take the peer of this id also when there is no room; may be given several times.
    #[arg(long, value_name = "ID")]
    prefer: Vec<PeerId>,
    /// Take nobody but those of --prefer.
    #[arg(long)]
    closed: bool,
    #[command(flatten)]
    stats: StatsFile,
    /// Answer HTTP there, for this machine or those that may know all of it: /metrics for
    /// Prometheus, /status, /health. The line `metrics http://IP:PORT/metrics` follows the first
    /// one.
    #[cfg(feature = "server")]
    #[arg(long, value_name = "IP:PORT")]
    metrics: Option<SocketAddr>,
    /// Start no node, but show how the one is whose --metrics is there: peers, buckets, records,
    /// lookups, traffic, restarts.
    #[cfg(feature = "server")]
    #[arg(long, value_name = "IP:PORT", exclusive = true)]
    status: Option<SocketAddr>,
}

pub fn run(args: Args) -> io::Result<ExitCode> {
    #[cfg(feature = "server")]
    if let Some(address) = args.status {
        writeln!(io::stdout(), "{}", crate::watch::ask(address)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let policy = if args.closed {
        PeerPolicy::closed()
    } else {
        PeerPolicy::default()
    };
    let policy = policy
        .with(PeerPriority::Preferred, args.prefer)
        // Blocked comes last, so that it wins for an id that is given to both.
        .with(PeerPriority::Blocked, args.block);
    let node = Config {
        listen: args.listen,
        bootstrap: args.bootstrap,
        rendezvous: args.users.rendezvous(),
        store: args.store,
        credentials: Some(args.membership.credentials()?),
        policy,
        ..Config::default()
    }
    .start()?;
    let handle = node.node();
    // A second signal while the node stops changes nothing: it stops within its limit `timeouts.stop_timeout`.
    ctrlc::set_handler(move || drop(handle.stop())).map_err(io::Error::other)?;
    let mut stdout = io::stdout().lock();
    write!(stdout, "listening ")?;
    for address in node.addresses().iter().filter(|address| listens(address)) {
        write!(stdout, "{address} ")?;
    }
    writeln!(stdout, "id={}", node.id())?;
    #[cfg(feature = "server")]
    if let Some(address) = args.metrics {
        let at = crate::watch::serve(address, &node)?;
        writeln!(stdout, "metrics http://{at}/metrics")?;
    }
    stdout.flush()?;
    drop(stdout);
    let metrics = node.metrics().clone();
    node.join()?;
    args.stats.write(&metrics)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether an address is one of --listen.
fn listens(address: &Address) -> bool {
    matches!(address, Address::Tcp(_) | Address::WebSocket(_))
}
