//! `/__admin/requests`: the journal of the sandbox.

use super::{
    Pretty,
    paging::{Limit, page_size},
};
use crate::{
    app::App,
    base::{clock::Deadline, position::brief, reading::Readings, times},
    domain::{
        contract::STATUSES,
        journal::{Endpoint, Entry, Filter, Journal, StatusFilter, exchange_id, exchange_number},
        scenario::{self, ChosenBy, Facts, LazyBody, NearMiss, ScenarioSet},
    },
    http::{
        admin::extract::{Id, Params, World},
        problem::{Problem, suggestion},
    },
};
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// Which exchanges are wanted. Every condition given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestQuery {
    /// A time (RFC 3339), or the id of an exchange.
    since: Option<Readings>,
    /// The id of the last exchange of the page before.
    before: Option<String>,
    limit: Option<Limit>,
    /// An HTTP status, or a `status` of the contract.
    status: Option<String>,
    /// The surface that they were sent to.
    endpoint: Option<Endpoint>,
}

impl RequestQuery {
    /// `recorded` is the number of the last exchange.
    fn filter(&self, recorded: u64) -> Result<Filter, Problem> {
        let mut filter = Filter { endpoint: self.endpoint, ..Filter::default() };
        if let Some(since) = &self.since {
            match (exchange_number(&since.spaced), since.parse(times::read)) {
                (Some(number), _) => {
                    check_recorded("since", number, recorded)?;
                    filter.after = Some(number);
                }
                (None, Ok(time)) => filter.since = Some(time),
                (None, Err(_)) => {
                    let (since, example) = (brief(&since.spaced), exchange_id(1));
                    let problem = format!(
                        "{since:?} is neither a time such as 2026-03-01T12:00:00Z nor an exchange such as {example}"
                    );
                    return Err(Problem::in_query("since", problem));
                }
            }
        }
        if let Some(before) = &self.before {
            let number = exchange_number(before).ok_or_else(|| {
                let (before, example) = (brief(before), exchange_id(1));
                Problem::in_query("before", format!("{before:?} is not an exchange; write one such as {example}"))
            })?;
            check_recorded("before", number, recorded)?;
            filter.before = Some(number);
        }
        if let Some(status) = &self.status {
            let word = STATUSES.into_iter().find(|word| word == status);
            let code = status.parse().ok().filter(|code| status.len() == 3 && (100..=599).contains(code));
            filter.status = match (word, code) {
                (Some(word), _) => Some(StatusFilter::Contract(word)),
                (None, Some(code)) => Some(StatusFilter::Http(code)),
                (None, None) => {
                    let (known, meant) = (STATUSES.join(", "), suggestion(status, &STATUSES));
                    let status = brief(status);
                    let problem = format!("{status:?} is neither an HTTP status nor one of {known}{meant}");
                    return Err(Problem::in_query("status", problem));
                }
            };
        }
        Ok(filter)
    }
}

/// Refuses an exchange that was not recorded yet. One that was dropped or deleted still has its place in the order.
fn check_recorded(parameter: &str, number: u64, recorded: u64) -> Result<(), Problem> {
    if number <= recorded {
        return Ok(());
    }
    let last = match recorded {
        0 => "the journal has recorded none yet".to_owned(),
        last => format!("the last is {}", exchange_id(last)),
    };
    let problem = format!("In the query: {parameter}: there is no exchange {:?}; {last}", exchange_id(number));
    Err(Problem::new(StatusCode::NOT_FOUND, problem))
}

#[derive(Serialize)]
struct JournalPage {
    requests: Vec<Arc<Entry>>,
    matching: usize,
    next: Option<String>,
    dropped: u64,
}

/// No condition: the request is about all of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {}

/// `GET /__admin/requests`: newest first.
pub(super) async fn list_requests(
    World(sandbox): World,
    Params(wanted): Params<RequestQuery>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let journal = &sandbox.journal;
    let limit = page_size(wanted.limit);
    let (requests, matching) = journal.list(&wanted.filter(journal.recorded())?, limit);
    let next = if matching > requests.len() { requests.last().map(|entry| exchange_id(entry.number)) } else { None };
    Ok(Pretty(JournalPage { requests, matching, next, dropped: journal.fill().dropped }))
}

/// The most scenarios that did not match in one answer.
const NEAREST: usize = 10;

/// An exchange with what only its own page shows.
#[derive(Serialize)]
struct ExchangePage {
    #[serde(flatten)]
    entry: Arc<Entry>,
    /// `None` when the scenarios of that time are no longer kept.
    near_misses: Option<Vec<NearMiss>>,
}

/// `GET /__admin/requests/{id}`: the exchange that an `X-Mock-Exchange` header names, and the scenarios of its endpoint
/// that it did not match, nearest first, each with what failed. They are those that were in force when it came.
pub(super) async fn show_request(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Id(id): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    let entry = exchange_number(&id).and_then(|number| sandbox.journal.get(number));
    let entry = entry.ok_or_else(|| unknown(&sandbox.journal, &id))?;
    let version = match entry.exchange.chosen.by {
        // It was compared with no scenario.
        ChosenBy::Contract | ChosenBy::Nobody | ChosenBy::Signing => None,
        _ => entry.exchange.scenarios,
    };
    let near_misses = match version.map(|version| sandbox.scripts.set_of(version)) {
        None => Some(Vec::new()),
        Some(None) => None,
        Some(Some(set)) => {
            let entry = Arc::clone(&entry);
            let compare = move |_: &Deadline| Some(near_misses(&sandbox.journal, &entry, &set));
            Some(app.questions.run(compare).await?)
        }
    };
    Ok(Pretty(ExchangePage { entry, near_misses }))
}

/// The scenarios of a set that an exchange did not match, of its endpoint only.
fn near_misses(journal: &Journal, entry: &Entry, set: &ScenarioSet) -> Vec<NearMiss> {
    match entry.endpoint() {
        Some(Endpoint::Handoff) => {
            journal.with_facts(entry, |facts| set.near_misses(scenario::ScenarioEndpoint::Handoff, facts, NEAREST))
        }
        Some(Endpoint::Token) => {
            let claims = entry.exchange.assertion.as_ref().map(|assertion| &*assertion.claims);
            let claims = LazyBody::new(claims.unwrap_or_default());
            set.near_misses(scenario::ScenarioEndpoint::Token, &Facts::of_claims(&claims), NEAREST)
        }
        Some(Endpoint::Signing) | None => Vec::new(),
    }
}

/// `DELETE /__admin/requests`: empties the journal.
pub(super) async fn delete_requests(World(sandbox): World, Params(All {}): Params<All>) -> Pretty<impl Serialize> {
    Pretty(json!({ "deleted": sandbox.journal.clear() }))
}

/// `DELETE /__admin/requests/{id}`.
pub(super) async fn delete_request(World(sandbox): World, Id(id): Id) -> Result<StatusCode, Problem> {
    let journal = &sandbox.journal;
    match exchange_number(&id) {
        Some(number) if journal.delete(number) => Ok(StatusCode::NO_CONTENT),
        _ => Err(unknown(&sandbox.journal, &id)),
    }
}

/// The problem of a request for an exchange that the journal does not hold. Ids are counted, so it is known which were
/// given.
fn unknown(journal: &Journal, id: &str) -> Problem {
    let detail = match exchange_number(id) {
        None => format!("{:?} is not the id of an exchange; write one such as {}", brief(id), exchange_id(1)),
        Some(number) if (1..=journal.recorded()).contains(&number) => {
            format!("The exchange {:?} is not kept any more; it was deleted or dropped", exchange_id(number))
        }
        Some(number) => match journal.recorded() {
            0 => format!("There is no exchange {:?}; the journal has recorded none yet", exchange_id(number)),
            last => format!("There is no exchange {:?}; the last is {}", exchange_id(number), exchange_id(last)),
        },
    };
    Problem::new(StatusCode::NOT_FOUND, detail)
}
