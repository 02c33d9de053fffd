//! The changes of a page that is open, as server-sent events: one `change` for each new state, without details.

use super::{agent, inbox, sign, visit::Visit};
use crate::{
    app::{App, MOST_PAGE_STREAMS},
    http::problem::Problem,
    sandbox::Sandbox,
    store::StoreError,
};
use axum::{
    body::Body,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

/// Longest silence before the server sends a comment and compares the page. Changes without an event, such as those to
/// drafts, are noticed then. Only a failed write shows that a page was left, so this also frees the streams of left
/// pages soon.
const HEARTBEAT: Duration = Duration::from_secs(1);

pub(super) async fn of_session(visit: Visit, Path(id): Path<String>) -> Response {
    follow(visit, Watched::Session(id))
}

pub(super) async fn of_signing(visit: Visit, Path(link): Path<String>) -> Response {
    follow(visit, Watched::Signing(link))
}

pub(super) async fn of_inbox(visit: Visit) -> Response {
    follow(visit, Watched::Inbox)
}

/// What a page is about.
#[derive(Debug)]
enum Watched {
    Session(String),
    Signing(String),
    Inbox,
}

impl Watched {
    /// Differs whenever the page does; `None` when there is nothing to show.
    async fn mark(&self, sandbox: &Sandbox) -> Result<Option<String>, StoreError> {
        match self {
            Self::Session(id) => agent::mark(sandbox, id).await,
            Self::Signing(link) => sign::mark(sandbox, link).await,
            Self::Inbox => inbox::mark(sandbox).await,
        }
    }
}

fn follow(visit: Visit, subject: Watched) -> Response {
    let Visit { app, sandbox, .. } = visit;
    let Some(place) = app.page_stream() else { return too_many() };
    let watch = Watch { app, sandbox, subject, seen: None, has_begun: false, _place: place };
    let body = Body::from_stream(stream::unfold(watch, Watch::next));
    ([(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}

fn too_many() -> Response {
    let detail = format!("{MOST_PAGE_STREAMS} pages are open already, which is the maximum; close one");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
}

struct Watch {
    app: Arc<App>,
    sandbox: Arc<Sandbox>,
    subject: Watched,
    seen: Option<String>,
    has_begun: bool,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        self.sandbox.touch();
        let sandbox = Arc::clone(&self.sandbox);
        if !self.has_begun {
            self.has_begun = true;
            // A change between the page and this stream would be missed, so the page is compared once.
            self.seen = self.subject.mark(&sandbox).await.ok()?;
            return Some((Ok(Bytes::from_static(b"retry: 1000\n\nevent: change\ndata: {}\n\n")), self));
        }
        let mut heartbeat = pin!(sleep(HEARTBEAT));
        loop {
            // Taken before the state is read, so that no change in between is missed.
            let happened = sandbox.happened();
            if !self.app.is_ready() || sandbox.is_gone() || sandbox.was_reset() {
                return None;
            }
            let mark = self.subject.mark(&sandbox).await.ok()?;
            if mark != self.seen {
                self.seen = mark;
                return Some((Ok(Bytes::from_static(b"event: change\ndata: {}\n\n")), self));
            }
            tokio::select! {
                () = happened => {}
                () = self.app.stopped() => {}
                () = &mut heartbeat => break,
            }
        }
        Some((Ok(Bytes::from_static(b": heartbeat\n\n")), self))
    }
}
