//! A minimal HTTP client: one request per connection.

use super::connect::ServerAddress;
use crate::{base::io_error, config::Secret};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request, header, http::request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{error::Error, io, time::Duration};
use tokio::time::timeout;

/// Maximum size of an answer, in bytes.
const LARGEST: usize = 1 << 20;

/// Maximum time for an answer. Scenarios may delay answers for seconds on purpose.
const LONGEST: Duration = Duration::from_secs(30);

/// Maximum time for an answer of the control plane.
const LONGEST_OF_CONTROL: Duration = Duration::from_secs(2);

/// A complete answer.
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    /// The id of the exchange in the server's journal.
    pub(super) exchange: Option<String>,
    pub(super) body: Bytes,
}

/// Posts a form to a path on a server.
///
/// # Errors
/// Returns a message that says why there is no answer.
pub(super) fn post_form(url: &str, path: &str, form: String) -> Result<HttpAnswer, String> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    ask(url, request, form, LONGEST).map_err(|problem| format!("no answer from {url}: {problem}"))
}

/// Gets a JSON document from a server; `None` if it has none at this path.
pub(super) fn get_json(url: &str, path: &str, token: Option<&Secret>) -> Option<Value> {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token.as_bearer());
    }
    let answer = ask(url, request, String::new(), LONGEST_OF_CONTROL).ok()?;
    if answer.status == 200 { serde_json::from_slice(&answer.body).ok() } else { None }
}

fn ask(url: &str, request: request::Builder, body: String, limit: Duration) -> Result<HttpAnswer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| io_error::reason(&error))?;
    let answer = runtime.block_on(async { timeout(limit, send(url, request, body)).await });
    answer.unwrap_or_else(|_| Err(format!("nothing was received within {} s", limit.as_secs())))
}

async fn send(url: &str, request: request::Builder, body: String) -> Result<HttpAnswer, String> {
    let server = ServerAddress::parse(url).map_err(|problem| {
        format!("{problem}; for another server, print the assertion with --assertion-only and post it with curl")
    })?;
    let stream = server.connect().await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let connection = tokio::spawn(connection);
    let path = request.uri_ref().map(ToString::to_string).unwrap_or_default();
    let request = request
        .uri(format!("{}{path}", server.prefix))
        .header(header::HOST, &server.host)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| format!("{url} contains a character that is not allowed in URLs"))?;
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = answer.status().as_u16();
    let exchange = answer.headers().get("x-mock-exchange").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            format!("its answer is larger than {LARGEST} bytes")
        } else {
            broken(&*error)
        }
    })?;
    connection.abort();
    Ok(HttpAnswer { status, exchange, body: body.to_bytes() })
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset)
}

/// Describes why an exchange ended without a complete answer.
fn broken(error: &(dyn Error + 'static)) -> String {
    let of_hyper = error.downcast_ref::<hyper::Error>();
    if of_hyper.is_some_and(hyper::Error::is_parse) {
        return "its answer is not HTTP".to_owned();
    }
    let of_system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match of_system {
        Some(error) if error.raw_os_error().is_some() && !is_closed(error) => {
            format!("the connection broke: {}", io_error::reason(error))
        }
        _ => "it closed the connection before its answer was complete".to_owned(),
    }
}
