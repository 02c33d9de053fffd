//! `/__admin/requests/count`, `find` and `wait`: searching the journal for exchanges that match.
//!
//! Searches and their answers are computed on the work pool. A waiting caller takes a place but no thread.

use super::{
    answers::Busy,
    paging::{Limit, page_size},
    waits::{deleted, patience, wait_place},
};
use crate::{
    app::App,
    base::{
        clock::{Deadline, Stopwatch},
        reading::{ReadError, Readings},
        schema::GivenSpan,
    },
    domain::{
        journal::{Endpoint, Entry, Journal, Query},
        scenario::{Match, TooCostly},
    },
    http::{
        admin::extract::{Fields, Params, World},
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::{Sandbox, Tally},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::time::sleep;
use utoipa::{IntoParams, ToSchema};

/// Maximum number of near misses shown.
const NEAREST: usize = 5;

/// Maximum number of exchanges in the answer to a wait.
const MOST: usize = 1000;

/// The fix suggested for an invalid matcher.
const MATCHER: &str = r#"write a matcher such as {"email": "sam@example.com"}"#;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CountRequests {
    #[serde(rename = "match")]
    matcher: Option<Match>,
    endpoint: Option<Endpoint>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FindRequests {
    #[serde(rename = "match")]
    matcher: Option<Match>,
    endpoint: Option<Endpoint>,
    /// Maximum number of exchanges to return.
    #[schema(inline, default = 100)]
    limit: Option<Limit>,
}

/// Count matching exchanges
///
/// `match` works as in scenarios. Without `match`, or without a body, every exchange counts. An exchange counts as soon
/// as its request has been received, even while its answer is still delayed (`pending`). An exchange whose body was not
/// read matches only an empty matcher. A matcher can have at most 100 predicates, and a glob at most 1,000 characters.
/// If comparing an exchange takes more than 100 million steps, the answer is 400.
#[utoipa::path(
    post, path = "/__admin/requests/count", tag = "journal",
    params(World),
    request_body(content = Option<CountRequests>, examples(
        ("email" = (value = json!({"match": {"email": "sam@*"}}))),
        ("handoffs" = (value = json!({"endpoint": "handoff"})))
    )),
    responses(
        (status = 200, description = "The number of matching exchanges.", body = Count),
        (status = 503, response = Busy)
    )
)]
pub(super) async fn count_requests(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Fields(counted): Fields<CountRequests>,
) -> Result<Pretty<Count>, Problem> {
    let CountRequests { matcher, endpoint } = counted;
    let matcher = matcher.unwrap_or_default();
    let counts = |mut tally: Tally, journal: &Journal| (tally.entries(journal).len(), journal.fill().dropped);
    let (count, dropped) = search(&app, &sandbox, Query { matcher, endpoint }.into(), counts).await?;
    Ok(Pretty(Count { count, dropped }))
}

/// Find matching exchanges, newest first
///
/// Exchanges match as for `/__admin/requests/count`.
#[utoipa::path(
    post, path = "/__admin/requests/find", tag = "journal",
    params(World),
    request_body(content = Option<FindRequests>, example = json!({"match": {"body": [{"pointer": "/files/0", "exists": true}]}, "limit": 10})),
    responses(
        (status = 200, description = "The newest matching exchanges.", body = FoundRequests),
        (status = 503, response = Busy)
    )
)]
pub(super) async fn find_requests(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Fields(wanted): Fields<FindRequests>,
) -> Result<Response, Problem> {
    let FindRequests { matcher, endpoint, limit } = wanted;
    let (matcher, limit) = (matcher.unwrap_or_default(), page_size(limit));
    let page = move |mut tally: Tally, journal: &Journal| found(journal, tally.entries(journal), limit);
    search(&app, &sandbox, Query { matcher, endpoint }.into(), page).await
}

#[derive(Serialize, ToSchema)]
pub(super) struct Count {
    /// Number of matching exchanges.
    count: usize,
    /// Number of exchanges dropped to make room for newer ones since the last reset. They are not searched.
    dropped: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Found)]
struct FoundRequests {
    /// Newest first.
    #[schema(max_items = 1000)]
    requests: Vec<Arc<Entry>>,
    /// Total number of matching exchanges.
    matching: usize,
    /// Number of exchanges dropped to make room for newer ones since the last reset. They are not searched.
    dropped: u64,
}

fn found(journal: &Journal, mut requests: Vec<Arc<Entry>>, limit: usize) -> Response {
    let matching = requests.len();
    requests.truncate(limit);
    Pretty(FoundRequests { requests, matching, dropped: journal.fill().dropped }).into_response()
}

/// Searches the journal and passes the matches to `conclude`.
async fn search<T: Send + 'static>(
    app: &App,
    sandbox: &Arc<Sandbox>,
    query: Arc<Query>,
    conclude: impl FnOnce(Tally, &Journal) -> T + Send + 'static,
) -> Result<T, Problem> {
    let sandbox = Arc::clone(sandbox);
    let work = move |deadline: &Deadline| {
        let journal = &sandbox.journal;
        Some(Tally::of(query, journal, deadline)?.map(|tally| conclude(tally, journal)))
    };
    Ok(app.questions.run(work).await??)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AwaitRequests {
    /// Number of matching exchanges to wait for.
    #[param(minimum = 1, default = 1)]
    count: Option<i64>,
    /// The matcher, as JSON. Without it, every exchange counts. A raw `+` inside a text is refused if it could mean
    /// either a plus or a space; write %2B or %20.
    #[serde(rename = "match")]
    #[param(value_type = Option<Match>, example = json!({"email": "sam@*"}))]
    matcher: Option<Readings>,
    /// Only exchanges of this surface of the contract.
    endpoint: Option<Endpoint>,
    /// How long to wait, in real time: at most five minutes, `10s` by default.
    #[param(value_type = Option<GivenSpan>)]
    timeout: Option<String>,
}

/// Wait for matching exchanges
///
/// Answers as soon as the journal holds enough matching exchanges, which may be immediately. An exchange counts as soon
/// as its request has been received, even while its answer is still delayed (`pending`). At most 1,000 callers can wait
/// at the same time across all sandboxes; further ones get 503. A wait ends early with 503 when the server stops, and
/// with 404 when its sandbox is deleted or dropped. A reset of the sandbox restarts the count. A `count` larger than
/// the journal can keep (`--max-exchanges`) is refused.
#[utoipa::path(
    get, path = "/__admin/requests/wait", tag = "journal",
    params(AwaitRequests, World),
    responses(
        (status = 200, description = "Enough exchanges matched; the newest are shown.", body = FoundRequests),
        (status = 408, description = "The wait timed out. The problem shows the exchanges that matched and the nearest misses.", body = Missed, content_type = "application/problem+json"),
        (status = 503, response = Busy)
    )
)]
pub(super) async fn await_requests(
    State(app): State<Arc<App>>,
    World(mut sandbox): World,
    Params(awaited): Params<AwaitRequests>,
) -> Result<Response, Problem> {
    let count = awaited.count.unwrap_or(1);
    let most = sandbox.journal.capacity();
    if count == 0 {
        let problem = "0 is always reached, so there is nothing to wait for; wait for 1 or more, or check that \
                       none came with POST /__admin/requests/count, after the last request that could cause one";
        return Err(Problem::in_query("count", problem));
    }
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= most) else {
        let fix = if count > 0 { "; raise --max-exchanges to wait for more" } else { "" };
        let problem = format!("{count} is not from 1 to {most}, the number of exchanges that the journal keeps{fix}");
        return Err(Problem::in_query("count", problem));
    };
    let matcher: Match = match &awaited.matcher {
        None => Match::default(),
        Some(text) => text.json().map_err(|error: ReadError| {
            let problem = error.to_string();
            // Text that is not a JSON object has no member to name; the fix shows a whole matcher.
            let fixed = if error.pointer.is_empty() { problem.strip_suffix("; write JSON") } else { None };
            let is_bare = error.pointer.is_empty() && !problem.contains("; ");
            match fixed.or(is_bare.then_some(&*problem)) {
                Some(problem) => Problem::in_query("match", format!("{problem}; {MATCHER}")),
                None => Problem::in_query("match", problem),
            }
        })?,
    };
    let query = Arc::new(Query { matcher, endpoint: awaited.endpoint });
    let patience = patience(awaited.timeout.as_deref())?;
    let _place = wait_place(&app)?;
    let time = Stopwatch::start();
    loop {
        let first = search(&app, &sandbox, Arc::clone(&query), move |mut tally, journal| {
            let entries = tally.entries(journal);
            let is_enough = entries.len() >= count;
            if is_enough { Ok(found(journal, entries, MOST)) } else { Err(tally) }
        });
        let tally = match first.await? {
            Ok(found) => return Ok(found),
            Err(tally) => tally,
        };
        let mut wait = app.wait(&sandbox, tally, count);
        tokio::select! {
            biased;
            () = app.stopped() => return Err(Problem::stopping()),
            answer = wait.answer() => match answer {
                Some(entries) => {
                    let entries = entries?;
                    return Ok(app.questions.run(move |_| Some(found(&sandbox.journal, entries, MOST))).await?);
                }
                None if !app.is_ready() => return Err(Problem::stopping()),
                None if sandbox.is_gone() => return Err(deleted(&sandbox)),
                None if sandbox.was_reset() => {}
                None => {
                    let detail = "The mock failed; please report this as a bug.";
                    return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
                }
            },
            () = sleep(patience.saturating_sub(time.elapsed())) => {
                drop(wait);
                let work = move |deadline: &Deadline| missed(&sandbox.journal, &query, count, deadline);
                return app.questions.run(work).await?.map_err(Problem::from);
            }
        }
        let successor = app.sandboxes.successor(&sandbox);
        sandbox = successor.ok_or_else(|| deleted(&sandbox))?;
    }
}

/// The problem for a wait that timed out (RFC 9457), with the matches and the nearest misses.
#[derive(Serialize, ToSchema)]
struct Missed {
    #[serde(flatten)]
    problem: Problem,
    /// Number of exchanges that were waited for.
    wanted: usize,
    /// Number of exchanges that match.
    matching: usize,
    /// Number of exchanges dropped to make room for newer ones since the last reset. They are not searched.
    dropped: u64,
    /// The matching exchanges, newest first.
    #[schema(max_items = 1000)]
    requests: Vec<Arc<Entry>>,
    /// The nearest misses, those with the fewest failed predicates first.
    #[schema(max_items = 5)]
    near_misses: Vec<Near>,
}

#[derive(Serialize, ToSchema)]
struct Near {
    request: Arc<Entry>,
    /// A description of each predicate that failed.
    #[schema(min_items = 1)]
    failed: Vec<String>,
}

/// Builds the answer to a wait that timed out.
fn missed(journal: &Journal, query: &Query, wanted: usize, deadline: &Deadline) -> Option<Result<Response, TooCostly>> {
    let (mut requests, mut near) = (Vec::new(), Vec::new());
    for entry in journal.all().into_iter().filter(|entry| query.covers(entry)) {
        if deadline.is_over() {
            return None;
        }
        match journal.with_facts(&entry, |facts| query.matcher.misses(facts)) {
            Ok(0) => requests.push(entry),
            Ok(misses) => near.push((misses, entry)),
            Err(error) => return Some(Err(error)),
        }
    }
    near.sort_by_key(|(misses, _)| *misses);
    // Only the near misses that are shown are described.
    let near = near.into_iter().take(NEAREST).map(|(_, request)| {
        let failed = journal.with_facts(&request, |facts| query.matcher.failures(facts))?;
        Ok(Near { request, failed })
    });
    let near_misses: Vec<Near> = match near.collect::<Result<_, TooCostly>>() {
        Ok(near) => near,
        Err(error) => return Some(Err(error)),
    };
    let matching = requests.len();
    requests.truncate(MOST);
    let near =
        if near_misses.is_empty() { "the journal holds no others" } else { "near_misses says why others did not" };
    let detail = format!("The wait timed out with {matching} of {wanted} matching exchanges; {near}");
    let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, detail);
    let missed = Missed { problem, wanted, matching, dropped: journal.fill().dropped, requests, near_misses };
    Some(Ok(Problem::extended(StatusCode::REQUEST_TIMEOUT, &missed)))
}
