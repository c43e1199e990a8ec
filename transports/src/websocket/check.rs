//! Which HTTP requests become connections.

use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::http::{HeaderValue, StatusCode};

use super::SUBPROTOCOL;

/// Lets in who asks for the right path and speaks the right subprotocol; tells the others what is
/// here.
#[derive(Debug)]
pub(super) struct Check {
    pub path: std::sync::Arc<str>,
}

const HEADER: &str = "Sec-WebSocket-Protocol";

impl Callback for Check {
    // The library's choice.
    #[allow(clippy::result_large_err)]
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        if path != &*self.path {
            let what = format!("There is nothing here; the node is at {}.\n", self.path);
            return Err(refusal(StatusCode::NOT_FOUND, what));
        }
        // RFC 6455, section 11.3.4: the header may come several times, each time with a list.
        let speaks_it = request
            .headers()
            .get_all(HEADER)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|offered| offered.trim() == SUBPROTOCOL);
        if !speaks_it {
            let what = format!("A MyDHT node: speak the WebSocket subprotocol {SUBPROTOCOL}.\n");
            return Err(refusal(StatusCode::BAD_REQUEST, what));
        }
        // A browser fails a connection whose server does not name the protocol that it asked for.
        response
            .headers_mut()
            .insert(HEADER, HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    }
}

fn refusal(status: StatusCode, what: String) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(what));
    *response.status_mut() = status;
    response
}
