//! `/__admin/scenarios`: how the service answers matching requests, and how far each script has advanced.

use super::{
    answers::Conflict,
    paging::{ListPage, Paging},
};
use crate::{
    app::App,
    base::{
        clock::Deadline,
        position::brief,
        reading::Within,
        schema::{ScenarioName, by_name},
    },
    domain::scenario::{MOST_QUEUED, SCENARIO_SCHEMA, Scenario, ScenarioEndpoint, Summary, Walk, utf8},
    http::{
        admin::extract::{Fields, Id, Params, World, read_body},
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::{CurrentScenarios, Sandbox, ScenarioChangeError, SetWalkError},
};
use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A scenario as the author wrote it. Its schema is that of scenario files.
pub(super) enum ScenarioSchema {}

by_name!(ScenarioSchema, "Scenario");

/// A scenario in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ListedScenario {
    #[schema(value_type = ScenarioName)]
    name: String,
    /// What the scenario is for; may be empty.
    description: String,
    endpoint: ScenarioEndpoint,
    /// Scenarios with a higher priority are tried first.
    priority: i64,
    /// The file it was read from; absent for scenarios that ship with the server or were sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Scenarios)]
pub(super) struct ScenarioPage {
    #[schema(max_items = 1000)]
    scenarios: Vec<ListedScenario>,
    /// Number of matching entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    next: Option<String>,
    /// The scenario that answers every request to its endpoint.
    #[schema(required, value_type = Option<ScenarioName>)]
    pinned: Option<String>,
    /// The scenarios that answer the next requests to their endpoints, one request each.
    #[schema(value_type = Vec<ScenarioName>, max_items = 1000)]
    queued: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ScenarioPut {
    #[schema(value_type = ScenarioName)]
    put: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Pinned {
    #[schema(value_type = ScenarioName)]
    pinned: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Queued {
    #[schema(value_type = ScenarioName)]
    queued: String,
    #[schema(minimum = 1, maximum = 1000)]
    count: usize,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ScenarioState {
    state: Vec<Arc<Walk>>,
}

/// Get the JSON Schema of scenarios
///
/// For editors and validators. The server also checks rules that the schema cannot express.
#[utoipa::path(
    get, path = "/__admin/schemas/scenario.json", tag = "documents",
    responses(
        (status = 200, description = "The schema.", body = Object, content_type = "application/schema+json")
    )
)]
pub(super) async fn show_scenario_schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], SCENARIO_SCHEMA).into_response()
}

/// List scenarios, in the order in which they are tried
///
/// Scenarios are ordered by descending priority, then by name. Queued scenarios are tried before all others, then the
/// pinned one.
#[utoipa::path(
    get, path = "/__admin/scenarios", tag = "scenarios",
    params(Paging, World),
    responses(
        (status = 200, description = "A page of scenarios, and which are pinned or queued.", body = ScenarioPage)
    )
)]
pub(super) async fn list_scenarios(
    World(sandbox): World,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let current = sandbox.scripts.current().await?;
    let show = |summary: &Summary<'_>| ListedScenario {
        name: summary.name.to_owned(),
        description: summary.description.to_owned(),
        endpoint: summary.endpoint,
        priority: summary.priority,
        file: summary.file.map(str::to_owned),
    };
    let ListPage { entries, matching, next } =
        paging.of("scenario", &current.set().summaries(), |summary| summary.name, show)?;
    Ok(Pretty(ScenarioPage {
        scenarios: entries,
        matching,
        next,
        pinned: current.pinned().map(|scenario| scenario.name().to_owned()),
        queued: current.queued().into_iter().map(|scenario| scenario.name().to_owned()).collect(),
    }))
}

/// Get a scenario as written
#[utoipa::path(
    get, path = "/__admin/scenarios/{name}", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    responses((status = 200, description = "The scenario, in JSON.", body = ScenarioSchema))
)]
pub(super) async fn show_scenario(
    World(sandbox): World,
    Id(name): Id,
    State(app): State<Arc<App>>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let scenario = find(&sandbox, &name).await?;
    // Reading a large scenario can take a second.
    Ok(Pretty(app.questions.run(move |_| Some(scenario.document())).await?))
}

/// Add or replace a scenario of the sandbox
///
/// An existing scenario of the same name is replaced, even if it is pinned or queued. Subjects keep their position in
/// it. An invalid scenario is refused with line, column and the expected value, and nothing changes. The body may be
/// JSON or YAML; its media type is ignored.
#[utoipa::path(
    put, path = "/__admin/scenarios/{name}", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    request_body(content(
        (ScenarioSchema = "application/json", example = json!({"name": "busy", "match": {"email": "kim@*"}, "answers": [{"outcome": "error", "description": "The service is busy.", "http_status": 503}, {}]})),
        (ScenarioSchema = "application/yaml", example = json!("name: busy\nmatch: { email: kim@* }\nanswers:\n  - { outcome: error, description: The service is busy., http_status: 503 }\n  - outcome: success\n"))
    )),
    responses((status = 200, description = "The scenario is in force.", body = ScenarioPut))
)]
pub(super) async fn put_scenario(
    World(sandbox): World,
    Id(name): Id,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Pretty<impl Serialize>, Problem> {
    let body = read_body(request, &app).await?;
    // Reading a large scenario can take a second.
    let read =
        move |_: &Deadline| Some(utf8("the body", &body.bytes).and_then(|text| Scenario::read("the body", text)));
    let scenario = app.questions.run(read).await?.map_err(|error| Problem::bad_request(error.to_string()))?;
    if scenario.name() != name {
        let own = scenario.name();
        return Err(Problem::bad_request(format!(
            "The scenario has the name {:?}, but the path has {:?}; write the same name in both.",
            brief(own),
            brief(&name)
        )));
    }
    match sandbox.scripts.put(Arc::new(scenario)).await {
        Ok(()) => Ok(Pretty(ScenarioPut { put: name })),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// Delete a scenario from the sandbox
///
/// Other sandboxes keep it. A reset restores the scenarios that the server started with.
#[utoipa::path(
    delete, path = "/__admin/scenarios/{name}", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    responses(
        (status = 204, description = "The scenario is deleted, and no longer pinned or queued.")
    )
)]
pub(super) async fn delete_scenario(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    match sandbox.scripts.remove(&name).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// Pin a scenario
///
/// A pinned scenario answers every request to its endpoint, whatever its `match` says, except those taken by queued
/// scenarios. At most one scenario is pinned. A request body is refused.
#[utoipa::path(
    put, path = "/__admin/scenarios/{name}/pin", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    responses((status = 200, description = "The scenario is pinned.", body = Pinned))
)]
pub(super) async fn pin_scenario(World(sandbox): World, Id(name): Id) -> Result<Pretty<impl Serialize>, Problem> {
    match sandbox.scripts.pin(&name).await {
        Ok(()) => Ok(Pretty(Pinned { pinned: name })),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// Unpin a scenario
///
/// 409 if it is not pinned.
#[utoipa::path(
    delete, path = "/__admin/scenarios/{name}/pin", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    responses(
        (status = 204, description = "The scenario is no longer pinned."),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn unpin_scenario(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    match sandbox.scripts.unpin(Some(&name)).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// Number of requests that a scenario answers.
type QueueCount = Within<1, MOST_QUEUED>;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueScenario {
    /// Number of requests to answer. A sandbox can queue 1,000 in all.
    #[schema(inline, default = 1)]
    count: Option<QueueCount>,
}

/// Queue a scenario for the next requests
///
/// It answers them whatever its `match` says, after those that are queued already.
#[utoipa::path(
    post, path = "/__admin/scenarios/{name}/queue", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    request_body(content = Option<QueueScenario>, example = json!({"count": 2})),
    responses((status = 200, description = "The scenario is queued.", body = Queued))
)]
pub(super) async fn queue_scenario(
    World(sandbox): World,
    Id(name): Id,
    Fields(queue): Fields<QueueScenario>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let count = queue.count.map_or(1, QueueCount::get);
    match sandbox.scripts.queue(&name, count).await {
        Ok(()) => Ok(Pretty(Queued { queued: name, count })),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// List the positions of all subjects in a scenario
#[utoipa::path(
    get, path = "/__admin/scenarios/{name}/state", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    responses((status = 200, description = "The position of each subject.", body = ScenarioState))
)]
pub(super) async fn show_scenario_state(
    World(sandbox): World,
    Id(name): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    find(&sandbox, &name).await?;
    Ok(Pretty(ScenarioState { state: sandbox.scripts.walks(&name).await? }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewScenarioState)]
pub(super) struct NewState {
    /// The subject, as the scenario's `per` defines it: the actor's email (case-insensitive) or the handoff's id. Omit
    /// it if all requests share one position.
    subject: Option<String>,
    /// Index of an answer of the scenario, counted from 0.
    #[schema(minimum = 0)]
    answer: i64,
}

/// Set the position of a subject in a scenario
///
/// The subject's next request gets this answer, unless the answer's `until` already holds.
#[utoipa::path(
    put, path = "/__admin/scenarios/{name}/state", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    request_body(content = NewState, example = json!({"subject": "sam@example.com", "answer": 0})),
    responses((status = 200, description = "The position of each subject.", body = ScenarioState))
)]
pub(super) async fn set_scenario_state(
    World(sandbox): World,
    Id(name): Id,
    Fields(state): Fields<NewState>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let answer = usize::try_from(state.answer).unwrap_or(usize::MAX);
    let subject = state.subject.unwrap_or_default();
    match sandbox.scripts.set_walk(&name, &subject, answer, sandbox.clock.now()).await {
        Ok(()) => Ok(Pretty(ScenarioState { state: sandbox.scripts.walks(&name).await? })),
        Err(SetWalkError::Subject(problem)) => Err(Problem::in_body("subject", problem)),
        Err(SetWalkError::Answer { last }) => {
            let answer = state.answer;
            let problem =
                format!("{answer} is not from 0 to {last}; answers count from 0, so 0 is answer 1 of {name:?}");
            Err(Problem::in_body("answer", problem))
        }
        Err(SetWalkError::Scenario(error)) => Err(refused(&sandbox, error).await),
    }
}

/// Reset the positions of all subjects in a scenario
#[utoipa::path(
    delete, path = "/__admin/scenarios/{name}/state", tag = "scenarios",
    params(("name" = ScenarioName, Path, description = "The scenario's name. 404 if the sandbox has no such scenario."), World),
    responses((status = 204, description = "Every subject starts over."))
)]
pub(super) async fn forget_scenario_state(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    find(&sandbox, &name).await?;
    sandbox.scripts.forget_walks(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reset the scenarios
///
/// Removes added scenarios, restores deleted ones, unpins and empties the queue, and resets the position of every
/// subject. A request body is refused.
#[utoipa::path(
    delete, path = "/__admin/scenarios", tag = "scenarios",
    params(World),
    responses((status = 204, description = "The scenarios are those that the sandbox started with."))
)]
pub(super) async fn reset_scenarios(World(sandbox): World) -> Result<StatusCode, Problem> {
    match sandbox.scripts.reset().await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

async fn find(sandbox: &Sandbox, name: &str) -> Result<Arc<Scenario>, Problem> {
    let current = sandbox.scripts.current().await?;
    current.set().get(name).cloned().ok_or_else(|| unknown(&current, name))
}

fn unknown(current: &CurrentScenarios, name: &str) -> Problem {
    Problem::unknown_name("scenario", name, current.set().iter().map(|scenario| scenario.name()))
}

async fn refused(sandbox: &Sandbox, error: ScenarioChangeError) -> Problem {
    match error {
        ScenarioChangeError::Unknown(name) => match sandbox.scripts.current().await {
            Ok(current) => unknown(&current, &name),
            Err(error) => error.into(),
        },
        ScenarioChangeError::NotPinned { name, pinned } => {
            let pinned = match pinned {
                Some(pinned) => format!("; {pinned:?} is"),
                None => "; no scenario is".to_owned(),
            };
            Problem::new(StatusCode::CONFLICT, format!("The scenario {name:?} is not pinned{pinned}."))
        }
        ScenarioChangeError::QueueFull(waiting) => {
            let room = MOST_QUEUED.saturating_sub(waiting);
            Problem::in_body(
                "count",
                format!(
                    "{waiting} requests are queued already, and a sandbox queues at most {MOST_QUEUED}; give a count of \
                     at most {room}, or let some of them be answered first"
                ),
            )
        }
        ScenarioChangeError::NoRoom(error) => Problem::bad_request(error.to_string()),
        ScenarioChangeError::Store(error) => error.into(),
    }
}
