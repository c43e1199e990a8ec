//! The page and the node for it, inside the program.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// Files that `cargo xtask web` makes. A program that is built without them serves a page that says
/// so.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Files;

const NO_PAGE: &str = "<!doctype html><html lang=\"en\"><title>MyDHT</title><p>This rendezvous server \
    works, but was built without the page: run <code>cargo xtask web</code>, and build it again.";

/// Scripts from this server only; connections to anywhere, since nodes are anywhere.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src *; \
    img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
pub(super) async fn file(uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(file) = Files::get(path) else {
        return if path == "index.html" {
            (StatusCode::OK, axum::response::Html(NO_PAGE)).into_response()
        } else {
            (StatusCode::NOT_FOUND, "there is no such file\n").into_response()
        };
    };
    let headers = [
        (header::CONTENT_TYPE, kind(path).to_owned()),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        // A page of yesterday with a node of today would be a riddle.
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (headers, file.data).into_response()
}

/// The media type of the page's kinds of files. Browsers take wasm and modules under the right one
/// only.
fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}
