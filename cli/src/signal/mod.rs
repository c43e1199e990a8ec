//! `mydht signal`.

#[cfg_attr(not(feature = "backplane"), path = "alone.rs")]
mod backplane;
mod connection;
mod http;
mod metrics;
mod page;
mod place;
#[cfg(feature = "tls")]
mod tls;

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use mydht_rendezvous::id_of;
use mydht_rendezvous::{Limits, Server};
use mydht_transports::tcp::listen_error;
use tokio::net::TcpListener;

use crate::invalid;
use http::Ends;
use place::Place;

/// Time that connections have to close when the server stops; slower ones are cut.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Run a rendezvous server until it is stopped (Ctrl-C, or a SIGTERM).
///
/// Nodes and browsers that know only each other's id find each other here, exchange what they need
/// for a direct connection, and have their bytes relayed where there is none. It also serves the
/// page: open the address that it prints.
///
/// It is trusted with little: what its users say to each other is signed by them, and what it
/// relays is encrypted by them. The protocol is in docs/rendezvous.md.
///
/// The first line printed says where it listens: `listening http://127.0.0.1:PORT`. When it stops,
/// it tells its users to come back after a moment, each after another, so it can be replaced at any
/// time.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  mydht signal --listen 127.0.0.1:8080
  mydht signal --listen 127.0.0.1:8080 --behind-proxy --name signal.example:443
  mydht signal --listen 127.0.0.1:8081 --backplane redis://127.0.0.1:6379
  curl http://127.0.0.1:8080/health
  curl http://127.0.0.1:8080/metrics

Browsers give pages WebRTC and cryptography only over https, or from this machine. TLS is a proxy's work (Caddy, nginx, …),
which must pass WebSockets on, or the server's own where it is built with the feature `tls` (--certificate, --key). In
both cases --name says what clients call it.")]
pub struct Args {
    /// Address to listen on, as IP:PORT; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Name by which clients call this server, as HOST:PORT (with the port also where it is the
    /// usual one); may be given several times. A client's login is for one name only, so that
    /// nobody can pass it on. The address that a connection comes in at, and localhost, are names
    /// anyway.
    #[arg(long, value_name = "HOST:PORT")]
    name: Vec<String>,
    /// Take a client's address from the last entry of X-Forwarded-For: only behind a proxy that
    /// writes it.
    #[arg(long)]
    behind_proxy: bool,
    /// A Redis or Valkey (6 or newer), as redis://HOST:PORT, by which several servers are one:
    /// their users find each other.
    #[cfg(feature = "backplane")]
    #[arg(long, value_name = "URL")]
    backplane: Option<String>,
    /// Change a limit; may be given several times. `--limit list` shows all, with their values.
    #[arg(long, value_name = "NAME=NUMBER")]
    limit: Vec<String>,
    #[cfg(feature = "tls")]
    #[command(flatten)]
    tls: tls::TlsArgs,
}

impl Args {
    #[cfg(feature = "backplane")]
    fn backplane(&self) -> io::Result<Option<backplane::Client>> {
        let url = self.backplane.as_deref();
        url.map(backplane::Client::new).transpose()
    }

    #[cfg(not(feature = "backplane"))]
    fn backplane(&self) -> io::Result<Option<backplane::Client>> {
        Ok(None)
    }
}

pub fn run(args: &Args) -> io::Result<ExitCode> {
    let mut limits = Limits::default();
    for limit in &args.limit {
        if limit == "list" {
            return list(&limits);
        }
        let (name, number) = limit
            .split_once('=')
            .and_then(|(name, number)| Some((name, number.parse().ok()?)))
            .ok_or_else(|| invalid(format!("--limit {limit}: write NAME=NUMBER")))?;
        limits.set(name, number).map_err(invalid)?;
    }
    let backplane = args.backplane()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(args, limits, backplane))
}

fn list(limits: &Limits) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for (name, value) in limits.all() {
        writeln!(out, "{name}={value}")?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    args: &Args,
    limits: Limits,
    backplane: Option<backplane::Client>,
) -> io::Result<ExitCode> {
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| listen_error(&args.listen, &error))?;
    #[cfg(feature = "tls")]
    if let Some(acceptor) = args.tls.acceptor()? {
        let listener = tls::TlsListener::new(listener, acceptor)?;
        return serve_on(listener, "https", args, limits, backplane).await;
    }
    serve_on(listener, "http", args, limits, backplane).await
}

async fn serve_on<L>(
    listener: L,
    scheme: &str,
    args: &Args,
    limits: Limits,
    backplane: Option<backplane::Client>,
) -> io::Result<ExitCode>
where
    L: Listener<Addr = SocketAddr>,
    Ends: for<'a> Connected<IncomingStream<'a, L>>,
{
    let address = listener.local_addr()?;
    let mut names: BTreeSet<String> = args.name.iter().map(|name| name.to_lowercase()).collect();
    names.insert(format!("localhost:{}", address.port()));
    let mut server = Server::new(names, limits, id_of);
    if backplane.is_some() {
        let mut instance = [0; 8];
        getrandom::fill(&mut instance).map_err(io::Error::other)?;
        server = server.with_backplane(u64::from_ne_bytes(instance));
    }
    let place = Arc::new(Place::new(server, backplane.is_some()));
    let backplane = backplane.map(|backplane| tokio::spawn(backplane.run(place.clone())));
    tokio::spawn(tick(place.clone()));
    let mut stdout = io::stdout();
    writeln!(stdout, "listening {scheme}://{address}")?;
    stdout.flush()?;
    let app = http::app(place.clone(), args.behind_proxy);
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        // It is sent or dropped: the time has come in both cases.
        let _ = stopping.await;
    });
    let served = tokio::spawn(served.into_future());
    stop_signal().await;
    // Tells the connected users first; then the server stops accepting.
    place.restart();
    drop(stop);
    let last_words = async {
        place.empty().await;
        if let Some(backplane) = backplane {
            // It may have failed: then the other servers miss this one in a while.
            let _ = backplane.await;
        }
        served.await
    };
    match tokio::time::timeout(CLOSE_WITHIN, last_words).await {
        Ok(served) => served.map_err(io::Error::other)??,
        Err(_) => tracing::warn!("some connections did not close in time"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets the server know that time passes.
async fn tick(place: Arc<Place>) {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    // After the machine was suspended, one tick is enough, because each carries the time.
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        place.with(|server, now| server.tick(now));
    }
}

#[cfg(unix)]
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => drop(terminated.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn stop_signal() {
    // Without a handler the process is ended by the system.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
