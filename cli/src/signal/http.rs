//! Service over HTTP: page, metrics, WebSockets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::connect_info::{ConnectInfo, Connected, IntoMakeServiceWithConnectInfo};
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::IncomingStream;
use mydht_rendezvous::{PATH, RELAY_HEADER};
use tokio::net::TcpListener;

use super::place::Place;
#[cfg(feature = "tls")]
use super::tls::TlsListener;
use super::{connection, metrics, page};

/// The two ends of a connection.
#[derive(Clone)]
pub(super) struct Ends {
    remote: SocketAddr,
    local: Option<SocketAddr>,
}

impl Connected<IncomingStream<'_, TcpListener>> for Ends {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Ends {
            remote: *stream.remote_addr(),
            local: stream.io().local_addr().ok(),
        }
    }
}

#[cfg(feature = "tls")]
impl Connected<IncomingStream<'_, TlsListener>> for Ends {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Ends {
            remote: *stream.remote_addr(),
            local: stream.io().get_ref().0.local_addr().ok(),
        }
    }
}

#[derive(Clone)]
struct App {
    place: Arc<Place>,
    behind_proxy: bool,
}

/// Health, metrics, the rendezvous protocol, and the page.
pub(super) fn app(
    place: Arc<Place>,
    behind_proxy: bool,
) -> IntoMakeServiceWithConnectInfo<Router, Ends> {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(numbers))
        .route(PATH, get(signal))
        .fallback(get(page::file))
        .with_state(App {
            place,
            behind_proxy,
        })
        .into_make_service_with_connect_info::<Ends>()
}

/// Healthy as long as it answers; whether it reaches the other servers is in the text.
async fn health(State(app): State<App>) -> &'static str {
    match app.place.with(|server, _| server.gauges().alone) {
        0 => "ok\n",
        _ => "ok, but the backplane cannot be reached\n",
    }
}

async fn numbers(State(app): State<App>) -> impl IntoResponse {
    let text = app
        .place
        .with(|server, _| metrics::text(server.counters(), &server.gauges()));
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text)
}

async fn signal(
    State(app): State<App>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let address = if app.behind_proxy {
        match forwarded(&headers) {
            Some(address) => address,
            None => {
                let why = "the proxy names no client: let it write X-Forwarded-For\n";
                return (StatusCode::BAD_REQUEST, why).into_response();
            }
        }
    } else {
        ends.remote.ip()
    };
    let local = ends
        .local
        .map(|local| local.to_string())
        .unwrap_or_default();
    let most = app.place.with(|server, _| {
        let limits = server.limits();
        limits.message_bytes.max(limits.relay_frame_bytes)
    });
    // Twice what is allowed, so that the server itself can say which limit was reached.
    let most = 2 * usize::try_from(most).unwrap_or(usize::MAX / 4) + RELAY_HEADER;
    upgrade
        .max_message_size(most)
        .max_frame_size(most)
        .on_upgrade(move |socket| connection::serve(app.place, socket, address, local))
}

/// The client that the nearest proxy saw.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    // Entries before the last one may be forged by the client.
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_nearest_proxy_wrote_is_believed() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded(&headers), None);
        headers.append("x-forwarded-for", "10.0.0.1, 192.0.2.7".parse().unwrap());
        assert_eq!(forwarded(&headers), Some([192, 0, 2, 7].into()));
        headers.append("x-forwarded-for", "2001:db8::1".parse().unwrap());
        assert_eq!(forwarded(&headers), Some("2001:db8::1".parse().unwrap()));
        headers.append("x-forwarded-for", "unknown".parse().unwrap());
        assert_eq!(forwarded(&headers), None);
    }
}
