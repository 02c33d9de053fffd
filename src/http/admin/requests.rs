//! `/__admin/requests`: the journal of the sandbox.

use super::{
    answers::Busy,
    paging::{Limit, page_size},
};
use crate::{
    app::App,
    base::{clock::Deadline, position::brief, reading::Readings, schema::ExchangeId, times},
    domain::{
        contract::{STATUSES, Status},
        journal::{Endpoint, Entry, Filter, Journal, StatusFilter, exchange_id, exchange_number},
        scenario::{self, ChosenBy, Facts, LazyBody, NearMiss, ScenarioSet},
    },
    http::{
        admin::extract::{Id, Params, World},
        pretty::Pretty,
        problem::{Problem, suggestion},
    },
};
use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema, SchemaFormat,
        schema::{AnyOfBuilder, KnownFormat, Type},
    },
};

/// Filters for exchanges. Exchanges must match every filter given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RequestQuery {
    /// Only exchanges received at or after this time (RFC 3339), or recorded after the exchange with this id. Write the
    /// `+` of a UTC offset as `%2B`.
    #[param(value_type = Option<Since>, inline, example = json!("ex_00000001"))]
    since: Option<Readings>,
    /// Only exchanges before this one: the `next` of the previous page.
    #[param(value_type = Option<ExchangeId>)]
    before: Option<String>,
    /// Only exchanges answered with this HTTP status, or with this `status` in their body (S1).
    #[param(value_type = Option<StatusOrCode>, inline, example = json!("verify_email"))]
    status: Option<String>,
    /// Only exchanges of this surface of the contract.
    endpoint: Option<Endpoint>,
    /// Maximum number of entries to return.
    #[param(inline, default = 100)]
    limit: Option<Limit>,
}

/// A time, or the id of an exchange.
enum Since {}

impl PartialSchema for Since {
    fn schema() -> RefOr<Schema> {
        let time = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let time = ObjectBuilder::new().schema_type(Type::String).format(Some(time));
        AnyOfBuilder::new().item(time).item(ExchangeId::schema()).into()
    }
}

impl ToSchema for Since {}

/// A `status` of the contract, or an HTTP status.
enum StatusOrCode {}

impl PartialSchema for StatusOrCode {
    fn schema() -> RefOr<Schema> {
        let code = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(100)).maximum(Some(599));
        AnyOfBuilder::new().item(Status::schema()).item(code).into()
    }
}

impl ToSchema for StatusOrCode {}

impl RequestQuery {
    /// Parses the filters. `recorded` is the number of the last recorded exchange.
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

/// Refuses an exchange number that has not been reached yet. Dropped and deleted exchanges keep their place in the
/// order.
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

#[derive(Serialize, ToSchema)]
#[schema(as = Exchanges)]
pub(super) struct JournalPage {
    #[schema(max_items = 1000)]
    requests: Vec<Arc<Entry>>,
    /// Total number of matching exchanges.
    matching: usize,
    /// The `before` of the next page; null on the last page. A page ends after a few megabytes, whatever its limit.
    #[schema(required, value_type = Option<ExchangeId>)]
    next: Option<String>,
    /// Number of exchanges dropped to make room for newer ones since the last reset.
    dropped: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Deleted {
    /// Number of deleted entries.
    pub(super) deleted: usize,
}

/// An empty query: the request applies to all entries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {}

/// List exchanges, newest first
///
/// Entries must match every filter given. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/__admin/requests", tag = "journal",
    params(RequestQuery, World),
    responses((status = 200, description = "The newest exchanges that match.", body = JournalPage))
)]
pub(super) async fn list_requests(
    World(sandbox): World,
    Params(wanted): Params<RequestQuery>,
) -> Result<Pretty<JournalPage>, Problem> {
    let journal = &sandbox.journal;
    let limit = page_size(wanted.limit);
    let (requests, matching) = journal.list(&wanted.filter(journal.recorded())?, limit);
    let next = if matching > requests.len() { requests.last().map(|entry| exchange_id(entry.number)) } else { None };
    Ok(Pretty(JournalPage { requests, matching, next, dropped: journal.fill().dropped }))
}

/// Maximum number of near-miss scenarios in one answer.
const NEAREST: usize = 10;

/// An exchange with the details that only its own page shows.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangeInFull)]
pub(super) struct ExchangePage {
    #[serde(flatten)]
    entry: Arc<Entry>,
    /// The scenarios of its endpoint that it did not match, nearest first, each with the predicates that failed. They
    /// are those in force when the request was received. Empty if the request was answered before any scenario was
    /// tried, for example because it breaks the contract; null if those scenarios are no longer kept.
    #[schema(required, max_items = 10)]
    near_misses: Option<Vec<NearMiss>>,
}

/// Get an exchange
///
/// Returns the exchange that an `X-Mock-Exchange` header names, with the scenarios of its endpoint that it did not
/// match.
#[utoipa::path(
    get, path = "/__admin/requests/{id}", tag = "journal",
    params(("id" = ExchangeId, Path, description = "The value of an `X-Mock-Exchange` header (S9)."), World),
    responses(
        (status = 200, description = "The exchange.", body = ExchangePage),
        (status = 503, response = Busy)
    )
)]
pub(super) async fn show_request(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Id(id): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    let entry = exchange_number(&id).and_then(|number| sandbox.journal.get(number));
    let entry = entry.ok_or_else(|| unknown(&sandbox.journal, &id))?;
    let version = match entry.exchange.chosen.by {
        // No scenario was tried.
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

/// The scenarios of the exchange's endpoint that it did not match.
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

/// Empty the journal
///
/// Exchange numbers continue; they do not start over.
#[utoipa::path(
    delete, path = "/__admin/requests", tag = "journal",
    params(World),
    responses((status = 200, description = "The journal is empty.", body = Deleted))
)]
pub(super) async fn delete_requests(World(sandbox): World, Params(All {}): Params<All>) -> Pretty<Deleted> {
    Pretty(Deleted { deleted: sandbox.journal.clear() })
}

/// Delete an exchange
#[utoipa::path(
    delete, path = "/__admin/requests/{id}", tag = "journal",
    params(("id" = ExchangeId, Path, description = "The value of an `X-Mock-Exchange` header (S9)."), World),
    responses((status = 204, description = "The exchange is deleted."))
)]
pub(super) async fn delete_request(World(sandbox): World, Id(id): Id) -> Result<StatusCode, Problem> {
    let journal = &sandbox.journal;
    match exchange_number(&id) {
        Some(number) if journal.delete(number) => Ok(StatusCode::NO_CONTENT),
        _ => Err(unknown(&sandbox.journal, &id)),
    }
}

/// The problem for an exchange that the journal does not hold. Ids are sequential, so it can tell dropped exchanges
/// from future ones.
fn unknown(journal: &Journal, id: &str) -> Problem {
    let detail = match exchange_number(id) {
        None => format!("{:?} is not the id of an exchange; write one such as {}", brief(id), exchange_id(1)),
        Some(number) if (1..=journal.recorded()).contains(&number) => {
            format!("The exchange {:?} is no longer kept; it was deleted or dropped", exchange_id(number))
        }
        Some(number) => match journal.recorded() {
            0 => format!("There is no exchange {:?}; the journal has recorded none yet", exchange_id(number)),
            last => format!("There is no exchange {:?}; the last is {}", exchange_id(number), exchange_id(last)),
        },
    };
    Problem::new(StatusCode::NOT_FOUND, detail)
}
