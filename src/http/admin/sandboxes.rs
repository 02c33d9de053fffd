//! `/__admin/sandboxes`: isolated environments for test suites that share a server.

use super::{
    answers::{Busy, Conflict},
    paging::{ListPage, Paging},
    scenarios::ScenarioSchema,
};
use crate::{
    app::App,
    base::{
        clock::{Clock, Deadline, Reading},
        position::{brief, shorten},
        schema::{SandboxName, Seed},
        times,
        urls::BaseUrl,
    },
    config::{SwitchChanges, Switches},
    domain::{
        contract::pointer_at,
        journal::Fill,
        scenario::{MOST_SCENARIOS, Scenario, ScenarioError, ScenarioSet},
    },
    http::{
        admin::extract::{Fields, Id, LargeFields, MOST_RESTORED, Params, unknown_sandbox},
        base_url::Base,
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::{CreateError, Credentials, DEFAULT, NewSandbox, RestoreError, Sandbox, Snapshot},
    store::Usage,
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hyper::body::Body as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use std::{collections::HashMap, sync::Arc};
use tokio::runtime::Handle;
use utoipa::{IntoParams, ToSchema};

/// A sandbox to create. Omitted settings are those of the server.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSandbox)]
pub(super) struct SandboxFields {
    /// Generated if omitted.
    #[schema(value_type = Option<SandboxName>)]
    name: Option<String>,
    /// Sandboxes with the same seed give the same answers to the same requests. Generated if omitted.
    #[schema(value_type = Option<Seed>)]
    seed: Option<u64>,
    /// A frozen clock. Without it, the clock follows the system's.
    clock: Option<ClockFields>,
    /// Scenarios for this sandbox only. A scenario with the name of one of the server's replaces it.
    #[schema(value_type = Option<Vec<ScenarioSchema>>, max_items = 1000)]
    scenarios: Option<Vec<Box<RawValue>>>,
    /// Settings that differ from the server's.
    #[schema(value_type = Option<SwitchChanges>)]
    settings: Option<Map<String, Value>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewClock)]
pub(super) struct ClockFields {
    #[serde(deserialize_with = "times::deserialize")]
    frozen_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Sandbox)]
pub(super) struct SandboxView {
    #[schema(value_type = SandboxName)]
    name: String,
    #[schema(value_type = Seed)]
    seed: u64,
    clock: Reading,
    settings: Switches,
    #[schema(value_type = Fill)]
    sessions: Usage,
    requests: Fill,
    /// The credentials that select the sandbox; null for the default sandbox, which needs none.
    #[schema(required)]
    credentials: Option<Credentials>,
    /// The credentials as lines of an environment file.
    #[schema(required, pattern = "^([A-Z_]+=[^\\n]*\\n)+$")]
    env: Option<String>,
}

/// A sandbox in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ListedSandbox {
    #[schema(value_type = SandboxName)]
    name: String,
    #[schema(value_type = Seed)]
    seed: u64,
    /// Seconds of real time since the sandbox was last used.
    idle_s: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Sandboxes)]
pub(super) struct SandboxPage {
    #[schema(max_items = 1000)]
    sandboxes: Vec<ListedSandbox>,
    /// Number of matching entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Reset {
    /// The name of the sandbox.
    #[schema(value_type = SandboxName)]
    pub(super) reset: String,
}

/// Create a sandbox
///
/// Requests with one of its credentials belong to it. Beyond `--max-sandboxes`, the sandbox that has been idle longest
/// is dropped.
#[utoipa::path(
    post, path = "/__admin/sandboxes", tag = "sandboxes",
    request_body(content = Option<SandboxFields>, examples(
        ("named" = (value = json!({"name": "suite-a", "seed": 7}))),
        ("frozen" = (value = json!({"clock": {"frozen_at": "2026-03-01T12:00:00Z"}, "settings": {"session_ttl": "10m"}})))
    )),
    responses(
        (status = 201, description = "The sandbox, with its credentials.", body = SandboxView),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn create_sandbox(
    State(app): State<Arc<App>>,
    Base(base_url): Base,
    Fields(wanted): Fields<SandboxFields>,
) -> Result<Response, Problem> {
    let mut settings = app.sandboxes.default_sandbox().settings().clone();
    settings.seed = wanted.seed;
    let changes = SwitchChanges::try_from(wanted.settings.unwrap_or_default());
    let changes = changes.map_err(|problem| Problem::bad_request(format!("In the body: {}", shorten(&problem))))?;
    settings.switches = settings.switches.with(changes);
    // Read before anything is created, so that an error leaves nothing behind. Reading many scenarios takes seconds.
    let scenarios = match wanted.scenarios.unwrap_or_default() {
        none if none.is_empty() => Ok(ScenarioSet::default()),
        some => app.questions.run(move |_| Some(read_scenarios(&some))).await?,
    };
    let scenarios = scenarios.map_err(|error| Problem::bad_request(format!("In the body: {error}")))?;
    let clock = wanted.clock.map_or_else(Clock::system, |clock| Clock::frozen(clock.frozen_at));
    let new = NewSandbox { name: wanted.name, settings, clock, scenarios, base_url: base_url.clone() };
    let sandbox = app.sandboxes.create(new).await?;
    app.sandboxes.clear_away().await?;
    Ok((StatusCode::CREATED, Pretty(describe(&sandbox, &base_url).await?)).into_response())
}

/// Reads the scenarios of a new sandbox. The error names the place in the body, as a JSON pointer.
fn read_scenarios(written: &[Box<RawValue>]) -> Result<ScenarioSet, String> {
    let mut scenarios: Vec<Arc<Scenario>> = Vec::new();
    let mut places = HashMap::new();
    // Reads one more than the maximum, so that the refusal can report it.
    for (place, text) in written.iter().take(MOST_SCENARIOS + 1).enumerate() {
        let scenario = Scenario::read(&format!("/scenarios/{place}"), text.get());
        let scenario = scenario.map_err(|error| in_scenario(written, &error))?;
        if let Some(first) = places.insert(scenario.name().to_owned(), place) {
            let problem = format!("is the name of /scenarios/{first} too; rename one of them");
            return Err(format!("/scenarios/{place}/name: {:?} {problem}", scenario.name()));
        }
        scenarios.push(Arc::new(scenario));
    }
    ScenarioSet::of_one_source(scenarios).map_err(|error| in_scenario(written, &error))
}

/// Converts an error in a scenario of the body. Line and column are left out, because they count within the scenario
/// and not within the body.
fn in_scenario(written: &[Box<RawValue>], error: &ScenarioError) -> String {
    let place = error.file.strip_prefix("/scenarios/").and_then(|place| place.parse::<usize>().ok());
    let text = place.and_then(|place| written.get(place)).map_or("", |text| text.get());
    let offset = error.position.offset(text);
    let pointer = pointer_at(text, offset);
    // The reader reports a missing key at the position of an existing one.
    let is_missing = error.problem.starts_with("the key ") && error.problem.contains(" is missing");
    let parent = pointer.rsplit_once('/').filter(|_| is_missing && text[offset..].starts_with('"'));
    let pointer = format!("{}{}", error.file, parent.map_or(&*pointer, |(parent, _)| parent));
    format!("{}: {}", brief(&pointer), error.problem)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RestoredAs {
    /// A name that replaces the snapshot's name.
    #[param(value_type = Option<SandboxName>)]
    name: Option<String>,
}

/// Create a sandbox from a snapshot
///
/// The clock continues from the snapshot's time and ids from its counters. Sessions belong to the new sandbox's client.
#[utoipa::path(
    post, path = "/__admin/sandboxes/restore", tag = "sandboxes",
    params(RestoredAs),
    request_body = Snapshot,
    responses(
        (status = 201, description = "The sandbox, with credentials of its own.", body = SandboxView),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn restore_sandbox(
    State(app): State<Arc<App>>,
    Params(restored): Params<RestoredAs>,
    Base(base_url): Base,
    LargeFields(snapshot): LargeFields<Snapshot>,
) -> Result<Response, Problem> {
    let base = app.sandboxes.default_sandbox().settings().clone();
    let snapshot = app.questions.run(move |_| Some(snapshot.check())).await?.map_err(RestoreError::from)?;
    let sandbox = app.sandboxes.restore(snapshot, restored.name, base, base_url.clone()).await?;
    app.sandboxes.clear_away().await?;
    Ok((StatusCode::CREATED, Pretty(describe(&sandbox, &base_url).await?)).into_response())
}

/// Take a snapshot of a sandbox
///
/// Holds everything except the journal and the credentials. Save it to a file, and create a sandbox from it with
/// `/__admin/sandboxes/restore` on this server or another one.
#[utoipa::path(
    get, path = "/__admin/sandboxes/{name}/snapshot", tag = "sandboxes",
    params(("name" = SandboxName, Path, description = "The name of a sandbox.")),
    responses(
        (status = 200, description = "The snapshot.", body = Snapshot),
        (status = 409, response = Conflict),
        (status = 503, response = Busy)
    )
)]
pub(super) async fn snapshot_sandbox(State(app): State<Arc<App>>, Id(name): Id) -> Result<Response, Problem> {
    let sandbox = find(&app, &name)?;
    let too_large = || {
        let detail = "The snapshot would be larger than 64 MiB, the most that can be restored; delete sessions, or keep \
                      fewer with --max-sessions or --max-session-bytes.";
        Problem::new(StatusCode::CONFLICT, detail)
    };
    // Checked before anything is copied.
    if sandbox.size_of_documents().await? > MOST_RESTORED {
        return Err(too_large());
    }
    let runtime = Handle::current();
    let work = move |_: &Deadline| {
        let snapshot = runtime.block_on(sandbox.snapshot());
        Some(snapshot.map(|snapshot| Pretty(snapshot).into_response()))
    };
    let response = app.questions.run(work).await??;
    match response.body().size_hint().exact() {
        Some(size) if size > MOST_RESTORED as u64 => Err(too_large()),
        _ => Ok(response),
    }
}

/// List sandboxes
///
/// The default sandbox comes first, then the others by name. Credentials are not shown.
#[utoipa::path(
    get, path = "/__admin/sandboxes", tag = "sandboxes",
    params(Paging),
    responses((status = 200, description = "A page of sandboxes.", body = SandboxPage))
)]
pub(super) async fn list_sandboxes(
    State(app): State<Arc<App>>,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let show = |sandbox: &Arc<Sandbox>| ListedSandbox {
        name: sandbox.name().to_owned(),
        seed: sandbox.ids.seed(),
        idle_s: sandbox.idle().as_secs(),
    };
    let ListPage { entries, matching, next } =
        paging.of("sandbox", &app.sandboxes.list(), |sandbox| sandbox.name(), show)?;
    Ok(Pretty(SandboxPage { sandboxes: entries, matching, next }))
}

/// Get a sandbox with its credentials
#[utoipa::path(
    get, path = "/__admin/sandboxes/{name}", tag = "sandboxes",
    params(("name" = SandboxName, Path, description = "The name of a sandbox.")),
    responses((status = 200, description = "The sandbox.", body = SandboxView))
)]
pub(super) async fn show_sandbox(
    State(app): State<Arc<App>>,
    Id(name): Id,
    Base(base_url): Base,
) -> Result<Pretty<impl Serialize>, Problem> {
    let sandbox = find(&app, &name)?;
    Ok(Pretty(describe(&sandbox, &base_url).await?))
}

/// Reset a sandbox to its start
///
/// Does the same as `/__admin/reset`. The credentials stay, and so does the clock, which never goes back.
#[utoipa::path(
    post, path = "/__admin/sandboxes/{name}/reset", tag = "sandboxes",
    params(("name" = SandboxName, Path, description = "The name of a sandbox.")),
    responses((status = 200, description = "The sandbox was reset.", body = Reset))
)]
pub(super) async fn reset_sandbox(
    State(app): State<Arc<App>>,
    Id(name): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    drop(find(&app, &name)?);
    reset(&app, &name).await?;
    Ok(Pretty(Reset { reset: name }))
}

/// Resets a sandbox and frees what it held.
pub(super) async fn reset(app: &App, name: &str) -> Result<(), Problem> {
    app.sandboxes.reset(name).await?.ok_or_else(|| unknown_sandbox(app, name))?;
    Ok(app.sandboxes.clear_away().await?)
}

/// Delete a sandbox and everything in it
///
/// Its credentials are refused from then on, and the answer says why. The default sandbox cannot be deleted.
#[utoipa::path(
    delete, path = "/__admin/sandboxes/{name}", tag = "sandboxes",
    params(("name" = SandboxName, Path, description = "The name of a sandbox.")),
    responses(
        (status = 204, description = "The sandbox is deleted."),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn delete_sandbox(State(app): State<Arc<App>>, Id(name): Id) -> Result<StatusCode, Problem> {
    if name == DEFAULT {
        return Err(Problem::new(StatusCode::CONFLICT, "The default sandbox always exists; reset it instead."));
    }
    if !app.sandboxes.delete(&name) {
        return Err(unknown_sandbox(&app, &name));
    }
    app.sandboxes.clear_away().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        let code = match error {
            CreateError::Exists(_) | CreateError::NoRoom => StatusCode::CONFLICT,
            CreateError::Name(_) => StatusCode::BAD_REQUEST,
            CreateError::Store(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<RestoreError> for Problem {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Create(error) => error.into(),
            RestoreError::Invalid(_) | RestoreError::Twice(_) | RestoreError::InvalidEnvelope(..) => {
                Self::bad_request(shorten(&error.to_string()))
            }
            RestoreError::Reset => Self::new(StatusCode::CONFLICT, error.to_string()),
            RestoreError::Store(error) => error.into(),
        }
    }
}

fn find(app: &App, name: &str) -> Result<Arc<Sandbox>, Problem> {
    app.sandboxes.get(name).ok_or_else(|| unknown_sandbox(app, name))
}

async fn describe(sandbox: &Sandbox, base_url: &BaseUrl) -> Result<SandboxView, Problem> {
    Ok(SandboxView {
        name: sandbox.name().to_owned(),
        seed: sandbox.ids.seed(),
        clock: sandbox.clock.read(),
        settings: *sandbox.switches(),
        sessions: sandbox.agent_sessions().fill().await?,
        requests: sandbox.journal.fill(),
        credentials: sandbox.credentials().cloned(),
        env: sandbox.credentials().map(|credentials| credentials.env(base_url)),
    })
}
