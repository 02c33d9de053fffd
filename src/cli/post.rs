//! One form, posted to a server: the little of an HTTP client that the program needs.

use super::probe::ServerAddress;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};

/// The largest answer that is read.
const LARGEST: usize = 1 << 20;

/// How long an answer may take in all; scenarios hold answers back for seconds on purpose.
const LONGEST: Duration = Duration::from_secs(30);

/// An answer, read whole.
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    /// The id of the exchange in the journal of the server.
    pub(super) exchange: Option<String>,
    pub(super) body: Bytes,
}

/// Posts a form to a path of a server, found by its URL.
///
/// # Errors
/// Why there is no answer, in words.
pub(super) fn post_form(url: &str, path: &str, form: String) -> Result<HttpAnswer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let answer = runtime.block_on(async { timeout(LONGEST, send(url, path, form)).await });
    let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", LONGEST.as_secs())));
    answer.map_err(|problem| format!("no answer from {url}: {problem}"))
}

async fn send(url: &str, path: &str, form: String) -> Result<HttpAnswer, String> {
    let ServerAddress { host, address, prefix } = ServerAddress::parse(url).map_err(|problem| {
        format!("{problem}; for another server, print the assertion with --assertion-only and post it with curl")
    })?;
    let in_words = |error: hyper::Error| error.to_string();
    let stream = TcpStream::connect(&address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(in_words)?;
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("{prefix}{path}"))
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(in_words)?;
    let status = answer.status().as_u16();
    let exchange = answer.headers().get("x-mock-exchange").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| error.to_string())?;
    connection.abort();
    Ok(HttpAnswer { status, exchange, body: body.to_bytes() })
}
