//! State of a running node over HTTP: `mydht node --metrics ADDR`, and `mydht node --status URL`.

mod report;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use mydht::native::{Conf, NativeNode};
use mydht::{Metrics, Node};

use report::{Connection, Report};

/// Time that a node has to report its state.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Bytes of an answer that are looked at.
const MOST: u64 = 16 << 20;

#[derive(Clone)]
struct Watched {
    node: Node<Conf>,
    metrics: Metrics,
    id: String,
    addresses: Vec<String>,
}

/// Answers on a thread of its own as long as the process lives. Gives where.
pub fn serve(address: SocketAddr, node: &NativeNode) -> io::Result<SocketAddr> {
    let failed = |error: io::Error| {
        let what = format!("cannot serve metrics on {address}: {error}");
        io::Error::new(error.kind(), what)
    };
    // Bound here and not on the thread, so that the caller learns if the address is in use.
    let listener = TcpListener::bind(address).map_err(failed)?;
    // Tokio's `from_std` expects this of its caller; a blocking listener would stop the whole
    // runtime.
    listener.set_nonblocking(true).map_err(failed)?;
    let local = listener.local_addr()?;
    let watched = Watched {
        node: node.node(),
        metrics: node.metrics().clone(),
        id: node.id().to_string(),
        addresses: node.addresses().iter().map(ToString::to_string).collect(),
    };
    let app = Router::new()
        .route("/health", get(async || "ok\n"))
        .route("/metrics", get(numbers))
        .route("/status", get(status))
        .with_state(watched);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("metrics".into())
        .spawn(move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, app).await
            });
            if let Err(error) = served {
                tracing::error!(%error, "metrics are not served any more");
            }
        })?;
    Ok(local)
}

impl Watched {
    /// `None` when the node does not answer.
    async fn report(&self) -> Option<Report> {
        // Sends both requests before the first is awaited.
        let (insight, links) = (self.node.insight(), self.node.links());
        let answers = async { (insight.await.ok(), links.await.ok()) };
        let answers = tokio::time::timeout(ANSWER_WITHIN, answers).await.ok()?;
        let (Some(insight), Some(links)) = answers else {
            return None;
        };
        Some(Report {
            id: self.id.clone(),
            addresses: self.addresses.clone(),
            connections: links.iter().map(Connection::of).collect(),
            holds: insight,
            counted: self.metrics.snapshot(),
        })
    }
}

fn silent() -> Response {
    let why = "the node does not answer\n";
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn numbers(State(watched): State<Watched>) -> Response {
    let Some(report) = watched.report().await else {
        return silent();
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], report.prometheus()).into_response()
}

async fn status(State(watched): State<Watched>) -> Response {
    match watched.report().await {
        Some(report) => Json(report).into_response(),
        None => silent(),
    }
}

/// Asks a running node how it is: `address` is that of its `--metrics`.
pub fn ask(address: SocketAddr) -> io::Result<Report> {
    let failed = |error: io::Error| {
        let what =
            format!("no node answers at {address}: {error} (was it started with --metrics?)");
        io::Error::new(error.kind(), what)
    };
    let body = fetch(address).map_err(failed)?;
    serde_json::from_str(&body).map_err(|error| failed(error.into()))
}

/// One question of HTTP/1.0 (RFC 1945): the answer ends with the connection.
fn fetch(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    // Longer than the other side waits for its node, so that its error response still arrives.
    stream.set_read_timeout(Some(2 * ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    write!(stream, "GET /status HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MOST).read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("it speaks no HTTP"))?;
    let first = head.lines().next().unwrap_or_default();
    if first.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(io::Error::other(first.to_owned()))
    }
}
