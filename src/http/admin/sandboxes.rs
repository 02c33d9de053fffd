//! `/__admin/sandboxes`: isolated worlds for test suites that share a server.

use super::{Pretty, paging::Paging};
use crate::{
    app::App,
    base::{
        clock::{Clock, Deadline},
        position::{brief, shorten},
        times,
        urls::BaseUrl,
    },
    config::SwitchChanges,
    domain::{
        contract::pointer_at,
        scenario::{MOST_SCENARIOS, Scenario, ScenarioError, ScenarioSet},
    },
    http::{
        admin::extract::{Fields, Id, LargeFields, MOST_RESTORED, Params, unknown_sandbox},
        base_url::Base,
        problem::Problem,
    },
    sandbox::{CreateError, DEFAULT, NewSandbox, RestoreError, Sandbox, Snapshot},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use hyper::body::Body as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};
use std::{collections::HashMap, sync::Arc};
use tokio::runtime::Handle;

/// A sandbox to be created. What is not given is as in the server's settings.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SandboxFields {
    name: Option<String>,
    seed: Option<u64>,
    clock: Option<ClockFields>,
    /// Scenarios of its own, beside those of the server or instead of them.
    scenarios: Vec<Box<RawValue>>,
    settings: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockFields {
    #[serde(deserialize_with = "times::deserialize")]
    frozen_at: Timestamp,
}

/// `POST /__admin/sandboxes`: makes one; its credentials are shown here and by `GET`.
pub(super) async fn create_sandbox(
    State(app): State<Arc<App>>,
    Base(base_url): Base,
    Fields(wanted): Fields<SandboxFields>,
) -> Result<Response, Problem> {
    let mut settings = app.sandboxes.default_sandbox().settings().clone();
    settings.seed = wanted.seed;
    let changes = SwitchChanges::try_from(wanted.settings);
    let changes = changes.map_err(|problem| Problem::bad_request(format!("In the body: {}", shorten(&problem))))?;
    settings.switches = settings.switches.with(changes);
    // Read before anything is made, so that nothing is half made. Many take seconds to read.
    let scenarios = match wanted.scenarios {
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
    // One more than there may be, so that the refusal can show it.
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

/// An error in a scenario of the body: its lines and columns mean nothing to the caller, whose text they do not count.
fn in_scenario(written: &[Box<RawValue>], error: &ScenarioError) -> String {
    let place = error.file.strip_prefix("/scenarios/").and_then(|place| place.parse::<usize>().ok());
    let text = place.and_then(|place| written.get(place)).map_or("", |text| text.get());
    let offset = error.position.offset(text);
    let pointer = pointer_at(text, offset);
    // The reader places a missing key at one that is there.
    let is_missing = error.problem.starts_with("the key ") && error.problem.contains(" is missing");
    let parent = pointer.rsplit_once('/').filter(|_| is_missing && text[offset..].starts_with('"'));
    let pointer = format!("{}{}", error.file, parent.map_or(&*pointer, |(parent, _)| parent));
    format!("{}: {}", brief(&pointer), error.problem)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoredAs {
    name: Option<String>,
}

/// `POST /__admin/sandboxes/restore` with a snapshot: makes a sandbox of it, under its name or `?name=NAME`.
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

/// `GET /__admin/sandboxes/{name}/snapshot`: all that it holds, except its journal and its credentials.
///
/// A large sandbox takes a while to copy and to write out, so that is done off the async workers.
pub(super) async fn snapshot_sandbox(State(app): State<Arc<App>>, Id(name): Id) -> Result<Response, Problem> {
    let sandbox = find(&app, &name)?;
    let too_large = || {
        let detail = "The snapshot would be larger than 64 MiB, which is what can be restored; delete sessions, or keep \
                      fewer with --max-sessions or --max-session-bytes.";
        Problem::new(StatusCode::CONFLICT, detail)
    };
    // Before anything is copied.
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

/// `GET /__admin/sandboxes`: the default one first, then by name; without credentials.
pub(super) async fn list_sandboxes(
    State(app): State<Arc<App>>,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let show = |sandbox: &Arc<Sandbox>| json!({ "name": sandbox.name(), "seed": sandbox.ids.seed(), "idle_s": sandbox.idle().as_secs() });
    paging.of("sandboxes", "sandbox", &app.sandboxes.list(), |sandbox| sandbox.name(), show).map(Pretty)
}

/// `GET /__admin/sandboxes/{name}`.
pub(super) async fn show_sandbox(
    State(app): State<Arc<App>>,
    Id(name): Id,
    Base(base_url): Base,
) -> Result<Pretty<impl Serialize>, Problem> {
    let sandbox = find(&app, &name)?;
    Ok(Pretty(describe(&sandbox, &base_url).await?))
}

/// `POST /__admin/sandboxes/{name}/reset`.
pub(super) async fn reset_sandbox(
    State(app): State<Arc<App>>,
    Id(name): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    drop(find(&app, &name)?);
    reset(&app, &name).await?;
    Ok(Pretty(json!({ "reset": name })))
}

/// Resets a sandbox and frees what it held.
pub(super) async fn reset(app: &App, name: &str) -> Result<(), Problem> {
    app.sandboxes.reset(name).await?.ok_or_else(|| unknown_sandbox(app, name))?;
    Ok(app.sandboxes.clear_away().await?)
}

/// `DELETE /__admin/sandboxes/{name}`: removes it with all that it holds, and its credentials are refused from now on.
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
            RestoreError::Invalid(_) | RestoreError::Twice(_) | RestoreError::Unsound(..) => {
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

async fn describe(sandbox: &Sandbox, base_url: &BaseUrl) -> Result<Value, Problem> {
    Ok(json!({
        "name": sandbox.name(),
        "seed": sandbox.ids.seed(),
        "clock": sandbox.clock.read(),
        "settings": sandbox.switches(),
        "sessions": sandbox.agent_sessions().fill().await?,
        "requests": sandbox.journal.fill(),
        "credentials": sandbox.credentials(),
        "env": sandbox.credentials().map(|credentials| credentials.env(base_url)),
    }))
}
