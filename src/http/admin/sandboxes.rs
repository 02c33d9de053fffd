//! `/__admin/sandboxes`: isolated worlds for test suites that share a server.

use super::Pretty;
use crate::{
    app::App,
    clock::Clock,
    config::SwitchChanges,
    http::{
        error::Problem,
        extract::{Fields, Id, Params},
    },
    sandbox::{CreateError, DEFAULT, NewSandbox, RestoreError, Sandbox, Snapshot},
    scenario::Scenario,
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A sandbox to be made; what is not given is as the server was told.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    name: Option<String>,
    seed: Option<u64>,
    clock: Option<WantedClock>,
    /// Scenarios of its own, beside those of the server or in their stead.
    scenarios: Vec<Value>,
    settings: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedClock {
    frozen_at: Timestamp,
}

/// `POST /__admin/sandboxes`: makes one; its credentials are shown here and by `GET`.
pub(super) async fn create_sandbox(
    State(app): State<Arc<App>>,
    Fields(wanted): Fields<Wanted>,
) -> Result<Response, Problem> {
    let mut settings = app.sandboxes.default_sandbox().settings().clone();
    settings.seed = wanted.seed.or(settings.seed);
    let changes = SwitchChanges::try_from(wanted.settings);
    let changes = changes.map_err(|problem| Problem::bad_request(format!("{problem}.")))?;
    settings.switches = settings.switches.with(changes);
    // Read before anything is made, so that nothing is half made.
    let scenarios = wanted
        .scenarios
        .iter()
        .enumerate()
        .map(|(place, scenario)| Scenario::read(&format!("scenarios/{place}"), &format!("{scenario:#}")));
    let scenarios: Vec<Scenario> =
        scenarios.collect::<Result<_, _>>().map_err(|error| Problem::bad_request(error.to_string()))?;
    let clock = wanted.clock.map_or_else(Clock::system, |clock| Clock::frozen(clock.frozen_at));
    let sandbox = app.sandboxes.create(NewSandbox { name: wanted.name, settings, clock })?;
    sandbox.scripts.begin_with(scenarios.into_iter().map(Arc::new));
    app.sandboxes.clear_away().await?;
    Ok((StatusCode::CREATED, Pretty(describe(&app, &sandbox).await?)).into_response())
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
    Fields(snapshot): Fields<Snapshot>,
) -> Result<Response, Problem> {
    let base = app.sandboxes.default_sandbox().settings().clone();
    let sandbox = app.sandboxes.restore(snapshot, restored.name, base).await?;
    app.sandboxes.clear_away().await?;
    Ok((StatusCode::CREATED, Pretty(describe(&app, &sandbox).await?)).into_response())
}

/// `GET /__admin/sandboxes/{name}/snapshot`: all that it holds, but for its journal and its credentials.
pub(super) async fn snapshot_sandbox(
    State(app): State<Arc<App>>,
    Id(name): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    Ok(Pretty(find(&app, &name)?.snapshot().await?))
}

/// `GET /__admin/sandboxes`: the default one first, then by name; without credentials.
pub(super) async fn list_sandboxes(State(app): State<Arc<App>>) -> Pretty<impl Serialize> {
    let sandboxes: Vec<Value> = app
        .sandboxes
        .list()
        .iter()
        .map(
            |sandbox| json!({ "name": sandbox.name(), "seed": sandbox.ids.seed(), "idle_s": sandbox.idle().as_secs() }),
        )
        .collect();
    Pretty(json!({ "sandboxes": sandboxes }))
}

/// `GET /__admin/sandboxes/{name}`.
pub(super) async fn show_sandbox(State(app): State<Arc<App>>, Id(name): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let sandbox = find(&app, &name)?;
    Ok(Pretty(describe(&app, &sandbox).await?))
}

/// `POST /__admin/sandboxes/{name}/reset`.
pub(super) async fn reset_sandbox(
    State(app): State<Arc<App>>,
    Id(name): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    find(&app, &name)?.reset().await?;
    Ok(Pretty(json!({ "reset": name })))
}

/// `DELETE /__admin/sandboxes/{name}`: it goes with all that it holds, and its credentials are refused from now on.
pub(super) async fn delete_sandbox(State(app): State<Arc<App>>, Id(name): Id) -> Result<StatusCode, Problem> {
    if name == DEFAULT {
        return Err(Problem::new(StatusCode::CONFLICT, "The default sandbox always exists; reset it instead."));
    }
    if !app.sandboxes.delete(&name) {
        return Err(Problem::not_found("sandbox", &name));
    }
    app.sandboxes.clear_away().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        let code = match &error {
            CreateError::Exists(_) => StatusCode::CONFLICT,
            CreateError::Name(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(code, format!("{error}."))
    }
}

impl From<RestoreError> for Problem {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Create(error) => error.into(),
            RestoreError::Twice(_) | RestoreError::Unsound(..) => Self::bad_request(format!("{error}.")),
            RestoreError::Store(error) => error.into(),
        }
    }
}

fn find(app: &App, name: &str) -> Result<Arc<Sandbox>, Problem> {
    app.sandboxes.get(name).ok_or_else(|| Problem::not_found("sandbox", name))
}

async fn describe(app: &App, sandbox: &Sandbox) -> Result<Value, Problem> {
    Ok(json!({
        "name": sandbox.name(),
        "seed": sandbox.ids.seed(),
        "clock": sandbox.clock.read(),
        "settings": sandbox.switches(),
        "sessions": sandbox.agent_sessions.fill().await?,
        "requests": sandbox.journal.fill(),
        "credentials": sandbox.credentials(),
        "env": sandbox.credentials().map(|credentials| credentials.env(&app.base_url)),
    }))
}
