//! `/__admin/requests/count`, `find` and `wait`: the journal, asked by what scenarios match by.

use super::{Pretty, paging::page_size};
use crate::{
    clock::Stopwatch,
    config::duration,
    http::{
        error::Problem,
        extract::{Fields, Params, World},
    },
    journal::Entry,
    sandbox::Sandbox,
    scenario::{Facts, LazyBody, Match},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// How many near misses are told.
const NEAREST: usize = 5;

/// How many exchanges an answer to a wait holds at most.
const MOST: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    #[serde(default, rename = "match")]
    matcher: Match,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default, rename = "match")]
    matcher: Match,
    limit: Option<usize>,
}

/// `POST /__admin/requests/count` with `{"match": …}`.
pub(super) async fn count_requests(World(sandbox): World, Fields(counted): Fields<Counted>) -> Pretty<impl Serialize> {
    Pretty(json!({ "count": matching(&sandbox, &counted.matcher).len() }))
}

/// `POST /__admin/requests/find` with `{"match": …}`: newest first.
pub(super) async fn find_requests(
    World(sandbox): World,
    Fields(wanted): Fields<Wanted>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let mut found = matching(&sandbox, &wanted.matcher);
    let count = found.len();
    found.truncate(page_size(wanted.limit)?);
    Ok(Pretty(Found { requests: found, matching: count }))
}

#[derive(Serialize)]
struct Found {
    requests: Vec<Arc<Entry>>,
    matching: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Awaited {
    count: Option<usize>,
    #[serde(rename = "match")]
    matcher: Option<String>,
    timeout: Option<String>,
}

/// `GET /__admin/requests/wait?count=1&match={…}&timeout=10s`: answers as soon as the journal holds that many matching
/// exchanges, or with 408 and what did come.
pub(super) async fn await_requests(
    World(sandbox): World,
    Params(awaited): Params<Awaited>,
) -> Result<Response, Problem> {
    let count = awaited.count.unwrap_or(1);
    let matcher: Match = match &awaited.matcher {
        None => Match::default(),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Problem::bad_request(format!("match: {}.", error.to_string().replace('`', "\""))))?,
    };
    let patience = awaited
        .timeout
        .as_deref()
        .map_or(Ok(Duration::from_secs(10)), |text| duration(text).map(jiff::SignedDuration::unsigned_abs));
    let patience = patience.map_err(|problem| Problem::bad_request(format!("timeout: {problem}.")))?.min(LONGEST);
    let time = Stopwatch::start();
    loop {
        // Asked for before the journal is looked at, so that nothing can come in between unseen.
        let recorded = sandbox.recorded();
        let found = matching(&sandbox, &matcher);
        if found.len() >= count {
            let matching = found.len();
            return Ok(Pretty(Found { requests: found.into_iter().take(MOST).collect(), matching }).into_response());
        }
        if timeout(patience.saturating_sub(time.elapsed()), recorded).await.is_err() {
            return Ok((StatusCode::REQUEST_TIMEOUT, Pretty(missed(&sandbox, &matcher, found, count))).into_response());
        }
    }
}

/// What came, and the exchanges that came nearest to matching, with what kept them from it.
fn missed(sandbox: &Sandbox, matcher: &Match, mut found: Vec<Arc<Entry>>, wanted: usize) -> impl Serialize + use<> {
    #[derive(Serialize)]
    struct Missed {
        wanted: usize,
        matching: usize,
        requests: Vec<Arc<Entry>>,
        near_misses: Vec<Near>,
    }
    #[derive(Serialize)]
    struct Near {
        request: Arc<Entry>,
        failed: Vec<String>,
    }
    let mut near: Vec<Near> = sandbox
        .journal
        .all()
        .into_iter()
        .map(|request| {
            let failed = with_facts(&request, |facts| matcher.failures(facts));
            Near { request, failed }
        })
        .filter(|near| !near.failed.is_empty())
        .collect();
    near.sort_by_key(|near| near.failed.len());
    near.truncate(NEAREST);
    let matching = found.len();
    found.truncate(MOST);
    Missed { wanted, matching, requests: found, near_misses: near }
}

fn matching(sandbox: &Sandbox, matcher: &Match) -> Vec<Arc<Entry>> {
    let mut entries = sandbox.journal.all();
    entries.retain(|entry| with_facts(entry, |facts| matcher.matches(facts)));
    entries
}

fn with_facts<T>(entry: &Entry, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    let body = LazyBody::new(entry.exchange.body.as_deref().unwrap_or_default());
    ask(&Facts::of(&body))
}
