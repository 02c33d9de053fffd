//! `/__admin/scenarios`: how the service behaves towards requests that match, and how far each script has come.

use super::{Pretty, paging::Paging};
use crate::{
    app::App,
    base::{clock::Deadline, position::brief, reading::Within},
    domain::scenario::{MOST_QUEUED, SCENARIO_SCHEMA, Scenario, Summary, utf8},
    http::{
        admin::extract::{Fields, Id, Params, World, read_body},
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
use serde_json::json;
use std::sync::Arc;

/// `GET /__admin/schemas/scenario.json`: the schema of scenario files.
pub(super) async fn show_schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], SCENARIO_SCHEMA).into_response()
}

/// `GET /__admin/scenarios`: in the order in which they are asked.
pub(super) async fn list_scenarios(
    World(sandbox): World,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let current = sandbox.scripts.current().await?;
    let queued: Vec<&str> = current.queued().into_iter().map(|scenario| scenario.name()).collect();
    let show = |summary: &Summary<'_>| json!(summary);
    let mut list = paging.of("scenarios", "scenario", &current.set().summaries(), |summary| summary.name, show)?;
    list["pinned"] = json!(current.pinned().map(|scenario| scenario.name()));
    list["queued"] = json!(queued);
    Ok(Pretty(list))
}

/// `GET /__admin/scenarios/{name}`: as written, in JSON.
pub(super) async fn show_scenario(
    World(sandbox): World,
    Id(name): Id,
    State(app): State<Arc<App>>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let scenario = find(&sandbox, &name).await?;
    // A large one takes a second to read.
    Ok(Pretty(app.questions.run(move |_| Some(scenario.document())).await?))
}

/// `PUT /__admin/scenarios/{name}`: a scenario of the sandbox's own, in YAML or JSON.
pub(super) async fn put_scenario(
    World(sandbox): World,
    Id(name): Id,
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Pretty<impl Serialize>, Problem> {
    let body = read_body(request, &app).await?;
    // A large one takes a second to read.
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
        Ok(()) => Ok(Pretty(json!({ "put": name }))),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// `DELETE /__admin/scenarios/{name}`: from this sandbox.
pub(super) async fn delete_scenario(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    match sandbox.scripts.remove(&name).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// `PUT /__admin/scenarios/{name}/pin`: answers every request from now on.
pub(super) async fn pin_scenario(World(sandbox): World, Id(name): Id) -> Result<Pretty<impl Serialize>, Problem> {
    match sandbox.scripts.pin(&name).await {
        Ok(()) => Ok(Pretty(json!({ "pinned": name }))),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// `DELETE /__admin/scenarios/{name}/pin`: requests choose again.
pub(super) async fn unpin_scenario(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    match sandbox.scripts.unpin(Some(&name)).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueScenario {
    count: Option<Within<1, MOST_QUEUED>>,
}

/// `POST /__admin/scenarios/{name}/queue` with `{"count": n}`: answers the next n requests.
pub(super) async fn queue_scenario(
    World(sandbox): World,
    Id(name): Id,
    Fields(queue): Fields<QueueScenario>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let count = queue.count.map_or(1, Within::get);
    match sandbox.scripts.queue(&name, count).await {
        Ok(()) => Ok(Pretty(json!({ "queued": name, "count": count }))),
        Err(error) => Err(refused(&sandbox, error).await),
    }
}

/// `GET /__admin/scenarios/{name}/state`: how far each subject has come.
pub(super) async fn show_state(World(sandbox): World, Id(name): Id) -> Result<Pretty<impl Serialize>, Problem> {
    find(&sandbox, &name).await?;
    Ok(Pretty(json!({ "state": sandbox.scripts.walks(&name).await? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewState {
    #[serde(default)]
    subject: String,
    answer: i64,
}

/// `PUT /__admin/scenarios/{name}/state` with `{"subject": "sam@example.com", "answer": 1}`: goes on from there.
pub(super) async fn set_state(
    World(sandbox): World,
    Id(name): Id,
    Fields(state): Fields<NewState>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let answer = usize::try_from(state.answer).unwrap_or(usize::MAX);
    match sandbox.scripts.set_walk(&name, &state.subject, answer, sandbox.clock.now()).await {
        Ok(()) => Ok(Pretty(json!({ "state": sandbox.scripts.walks(&name).await? }))),
        Err(SetWalkError::Subject(problem)) => Err(Problem::in_body("subject", problem)),
        Err(SetWalkError::Answer { last }) => {
            let answer = state.answer;
            let problem =
                format!("{answer} is not from 0 to {last}; this member counts from 0, so 0 is answer 1 of {name:?}");
            Err(Problem::in_body("answer", problem))
        }
        Err(SetWalkError::Scenario(error)) => Err(refused(&sandbox, error).await),
    }
}

/// `DELETE /__admin/scenarios/{name}/state`: every walk through it begins again.
pub(super) async fn forget_state(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    find(&sandbox, &name).await?;
    sandbox.scripts.forget_walks(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /__admin/scenarios`: no scenario of the sandbox's own, none pinned or queued, every walk at its start.
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
