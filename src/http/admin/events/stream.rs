//! Live events as server-sent events (`text/event-stream`).
//!
//! Each reader follows the log at its own pace and holds one page of it at a time. A reader that falls behind the log
//! receives a `gap` event with the number of events it missed.

use super::{EventFilter, number_of};
use crate::{
    app::App,
    domain::event::{Event, NumberedEvent, event_id},
    http::{accept, problem::Problem},
    sandbox::Sandbox,
    store::StoreError,
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use std::{convert::Infallible, fmt::Write, pin::pin, sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

/// Longest silence before the server sends a comment.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Maximum number of events, and approximate bytes, read from the log at a time. This bounds what is kept for a slow
/// reader.
const PAGE: usize = 100;
const PAGE_BYTES: usize = 64 << 10;

/// Tells a reader that ids have started over.
const RESET: &str = "id:\nevent: reset\ndata: {}\n\n";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const TYPE: &str = "text/event-stream";

/// True if the client accepts a stream and does not also accept JSON.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    accept::names(headers, TYPE) && !accept::names(headers, "application/json")
}

/// The number of the last event the client has seen, from its `Last-Event-ID` header.
pub(super) fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let last = headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()));
    let last = last.filter(|id| !id.is_empty());
    last.map(|id| number_of("In the header Last-Event-ID", &id)).transpose()
}

/// Streams the events in the log after `seen`, then new ones, until the server stops or the sandbox is deleted.
pub(super) fn stream_events(
    app: Arc<App>,
    sandbox: Arc<Sandbox>,
    seen: u64,
    filter: EventFilter,
) -> Result<Response, Problem> {
    let Some(leave) = app.stream() else {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{} streams are open already, which is the maximum; close one.", crate::app::MOST_STREAMS),
        ));
    };
    let hold = sandbox.reader();
    let reader = EventReader { app, sandbox, hold, filter, seen, has_begun: false, _leave: leave };
    let body = Body::from_stream(stream::unfold(reader, EventReader::next));
    Ok(([(header::CONTENT_TYPE, TYPE), (header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// The position of one stream in the log.
struct EventReader {
    app: Arc<App>,
    sandbox: Arc<Sandbox>,
    /// Keeps the events of a deleted sandbox until this reader has read them.
    hold: Arc<()>,
    filter: EventFilter,
    /// The number of the last event read.
    seen: u64,
    has_begun: bool,
    _leave: OwnedSemaphorePermit,
}

impl EventReader {
    /// Waits for the next part of the stream.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        // An open stream counts as use of the sandbox.
        self.sandbox.touch();
        if !self.has_begun {
            self.has_begun = true;
            return Some((Ok(Bytes::from_static(b"retry: 1000\n\n")), self));
        }
        if self.sandbox.was_reset() {
            // The successor's ids start over, so the reader does too.
            let successor = self.app.sandboxes.successor(&self.sandbox)?;
            self.hold = successor.reader();
            self.sandbox = successor;
            self.seen = 0;
            return Some((Ok(Bytes::from_static(RESET.as_bytes())), self));
        }
        let sandbox = Arc::clone(&self.sandbox);
        let mut heartbeat = pin!(sleep(HEARTBEAT));
        loop {
            // Taken before the log is read, so that no event is missed in between, and so that a reader that reaches
            // the end has every event that preceded it.
            let happened = sandbox.happened();
            let is_over = !self.app.is_ready() || sandbox.is_gone();
            if sandbox.was_reset() {
                return Box::pin(self.next()).await;
            }
            let text = self.read(&sandbox).await.ok()?;
            if !text.is_empty() {
                return Some((Ok(text.into()), self));
            }
            if is_over {
                return None;
            }
            tokio::select! {
                () = happened => {}
                () = self.app.stopped() => {}
                () = &mut heartbeat => break,
            }
        }
        Some((Ok(Bytes::from_static(b": heartbeat\n\n")), self))
    }

    /// Reads the events the log has for this reader; empty if there are none.
    async fn read(&mut self, sandbox: &Sandbox) -> Result<String, StoreError> {
        let mut text = String::new();
        loop {
            let wanted = |_, event: &Event| self.filter.admits(event);
            let page = sandbox.events().page_within(self.seen, PAGE, PAGE_BYTES, wanted).await?;
            if self.seen > page.last {
                // The reader of the successor reports the reset.
                if sandbox.was_reset() {
                    return Ok(text);
                }
                // An id from before a reset.
                self.seen = 0;
                text.push_str(RESET);
                continue;
            }
            if page.lost > 0 {
                let last = event_id(self.seen + page.lost);
                let _ = write!(text, "id: {last}\nevent: gap\ndata: {{\"lost\":{}}}\n\n", page.lost);
            }
            self.seen = page.seen;
            page.entries.into_iter().for_each(|entry| write_event(&mut text, &entry.into()));
            return Ok(text);
        }
    }
}

fn write_event(text: &mut String, event: &NumberedEvent) {
    if let Ok(data) = serde_json::to_string(event) {
        let _ = write!(text, "id: {}\nevent: {}\ndata: {data}\n\n", event_id(event.number), event.kind.as_str());
    }
}
