//! `/__admin/requests/count`, `find` and `wait`: the exchanges in the journal that match.
//!
//! Searching, and writing out what was found, runs on the pool for questions; waiting costs a place and no thread.

use super::{
    answers::Busy,
    paging::{Limit, page_size},
};
use crate::{
    app::{App, MOST_WAITS},
    base::{
        chance::within_limit,
        clock::{Deadline, Stopwatch},
        position::brief,
        reading::{ReadError, Readings},
        schema::GivenSpan,
    },
    config::duration,
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
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;
use utoipa::{IntoParams, ToSchema};

/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// How many near misses are shown.
const NEAREST: usize = 5;

/// How many exchanges an answer to a wait holds at most.
const MOST: usize = 1000;

/// The fix of a matcher that is not one.
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
    /// At most this many.
    #[schema(inline, default = 100)]
    limit: Option<Limit>,
}

/// Count the exchanges that match
///
/// `match` is that of scenarios. Without `match`, or without a body, every exchange counts. An exchange counts as
/// soon as its request has been received; one whose answer is still delayed (`pending`) counts too. An exchange whose
/// body was not read matches only an empty matcher. A matcher has at most 100 predicates, and a glob at most 1,000
/// characters; an exchange that takes more than 100 million steps to compare is 400.
#[utoipa::path(
    post, path = "/__admin/requests/count", tag = "journal",
    params(World),
    request_body(content = Option<CountRequests>, examples(
        ("email" = (value = json!({"match": {"email": "sam@*"}}))),
        ("handoffs" = (value = json!({"endpoint": "handoff"})))
    )),
    responses(
        (status = 200, description = "The number.", body = Count),
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

/// Find the exchanges that match, newest first
///
/// Exchanges match as they do for the count.
#[utoipa::path(
    post, path = "/__admin/requests/find", tag = "journal",
    params(World),
    request_body(content = Option<FindRequests>, example = json!({"match": {"body": [{"pointer": "/files/0", "exists": true}]}, "limit": 10})),
    responses(
        (status = 200, description = "The newest of them.", body = FoundRequests),
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
    /// How many match.
    count: usize,
    /// Exchanges that the journal dropped for newer ones since the last reset. They are not searched.
    dropped: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Found)]
struct FoundRequests {
    /// Newest first.
    #[schema(max_items = 1000)]
    requests: Vec<Arc<Entry>>,
    /// How many match in all.
    matching: usize,
    /// Exchanges that the journal dropped for newer ones since the last reset. They are not searched.
    dropped: u64,
}

fn found(journal: &Journal, mut requests: Vec<Arc<Entry>>, limit: usize) -> Response {
    let matching = requests.len();
    requests.truncate(limit);
    Pretty(FoundRequests { requests, matching, dropped: journal.fill().dropped }).into_response()
}

/// Searches the journal, and passes what matches to `conclude`.
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
    /// How many exchanges must match.
    #[param(minimum = 1, default = 1)]
    count: Option<i64>,
    /// What they must match, as JSON. Without it every exchange counts. A raw + inside a text is refused where it can be
    /// a plus or a space; write %2B or %20.
    #[serde(rename = "match")]
    #[param(value_type = Option<Match>, example = json!({"email": "sam@*"}))]
    matcher: Option<Readings>,
    /// Only exchanges of this surface of the contract.
    endpoint: Option<Endpoint>,
    /// How long to wait, in real time: at most five minutes, `10s` unless given.
    #[param(value_type = Option<GivenSpan>)]
    timeout: Option<String>,
}

/// Wait for exchanges
///
/// Answers as soon as the journal holds enough matching exchanges, which may be at once. An exchange counts as soon
/// as its request has been received; one whose answer is still delayed (`pending`) counts too. At most 1,000 callers
/// wait at once, in all sandboxes together; the next one gets 503. A wait ends early with 503 when the server stops,
/// and with 404 when its sandbox is deleted or dropped. A reset of the sandbox starts the count over. A `count` above
/// what the journal keeps (`--max-exchanges`) is refused.
#[utoipa::path(
    get, path = "/__admin/requests/wait", tag = "journal",
    params(AwaitRequests, World),
    responses(
        (status = 200, description = "There are enough; the newest of them.", body = FoundRequests),
        (status = 408, description = "The time was up: a problem with what came, and what came nearest.", body = Missed, content_type = "application/problem+json"),
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
        let problem = "0 exchanges are there at once, so there is nothing to wait for; wait for 1 or more, or assert that \
                       none came with POST /__admin/requests/count, after the last request that could cause one";
        return Err(Problem::in_query("count", problem));
    }
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= most) else {
        let fix = if count > 0 { "; raise --max-exchanges to wait for more" } else { "" };
        let problem = format!("{count} is not from 1 to {most}, the most exchanges that the journal keeps{fix}");
        return Err(Problem::in_query("count", problem));
    };
    let matcher: Match = match &awaited.matcher {
        None => Match::default(),
        Some(text) => text.json().map_err(|error: ReadError| {
            let problem = error.to_string();
            // What is not JSON, or not an object, has no member to name: a whole matcher is the fix.
            let fixed = if error.pointer.is_empty() { problem.strip_suffix("; write JSON") } else { None };
            let is_bare = error.pointer.is_empty() && !problem.contains("; ");
            match fixed.or(is_bare.then_some(&*problem)) {
                Some(problem) => Problem::in_query("match", format!("{problem}; {MATCHER}")),
                None => Problem::in_query("match", problem),
            }
        })?,
    };
    let query = Arc::new(Query { matcher, endpoint: awaited.endpoint });
    let patience = awaited
        .timeout
        .as_deref()
        .map_or(Ok(Duration::from_secs(10)), |text| duration(text).map(jiff::SignedDuration::unsigned_abs));
    let patience = patience
        .map_err(|problem| Problem::in_query("timeout", format!("{}; at most 5m", within_limit(&problem, LONGEST))))?;
    if patience > LONGEST {
        let timeout = brief(awaited.timeout.as_deref().unwrap_or_default());
        let problem = format!("{timeout:?} is longer than 5m, the maximum; wait again after a 408");
        return Err(Problem::in_query("timeout", problem));
    }
    let _place = app.wait_place().ok_or_else(|| {
        Problem::busy(format!("{MOST_WAITS} callers wait already, the most that there can be; try again in a moment."))
    })?;
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

/// The sandbox was removed while a request waited for it.
fn deleted(sandbox: &Sandbox) -> Problem {
    let detail = format!("The sandbox {:?} was deleted or dropped during the wait", sandbox.name());
    Problem::new(StatusCode::NOT_FOUND, detail)
}

/// The problem of a wait that timed out (RFC 9457), with what came and what came nearest.
#[derive(Serialize, ToSchema)]
struct Missed {
    #[serde(flatten)]
    problem: Problem,
    /// How many were waited for.
    wanted: usize,
    /// How many match.
    matching: usize,
    /// Exchanges that the journal dropped for newer ones since the last reset. They are not searched.
    dropped: u64,
    /// Those that match, newest first.
    #[schema(max_items = 1000)]
    requests: Vec<Arc<Entry>>,
    /// Those that do not match, with the fewest failed predicates first.
    #[schema(max_items = 5)]
    near_misses: Vec<Near>,
}

#[derive(Serialize, ToSchema)]
struct Near {
    request: Arc<Entry>,
    /// Each predicate that failed, in words.
    #[schema(min_items = 1)]
    failed: Vec<String>,
}

/// What came, and the exchanges that came nearest to matching, with what kept them from it.
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
    // Only those that are shown are put in words.
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
    let detail = format!("The time is up, and {matching} of {wanted} exchanges matched; {near}");
    let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, detail);
    let missed = Missed { problem, wanted, matching, dropped: journal.fill().dropped, requests, near_misses };
    Some(Ok(Problem::extended(StatusCode::REQUEST_TIMEOUT, &missed)))
}
