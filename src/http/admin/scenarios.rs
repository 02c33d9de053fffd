//! `/__admin/scenarios`: how the service behaves towards requests that match, and how far each script has come.

use super::{Pretty, paging::Paging};
use crate::{
    app::App,
    base::{clock::Deadline, position::brief, reading::Within},
    domain::scenario::{Per, SCENARIO_SCHEMA, Scenario, Summary, utf8},
    http::{
        admin::extract::{Fields, Id, Params, World, read_body},
        problem::Problem,
    },
    sandbox::{QUEUED, Sandbox},
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
    let set = sandbox.scripts.set();
    let (pinned, queued) = sandbox.scripts.forced();
    let queued: Vec<&str> = queued.iter().map(|scenario| scenario.name()).collect();
    let show = |summary: &Summary<'_>| json!(summary);
    let mut list = paging.of("scenarios", "scenario", &set.summaries(), |summary| summary.name, show)?;
    list["pinned"] = json!(pinned.as_ref().map(|scenario| scenario.name()));
    list["queued"] = json!(queued);
    Ok(Pretty(list))
}

/// `GET /__admin/scenarios/{name}`: as written, in JSON.
pub(super) async fn show_scenario(World(sandbox): World, Id(name): Id) -> Result<Pretty<impl Serialize>, Problem> {
    Ok(Pretty(find(&sandbox, &name)?.document().clone()))
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
    sandbox.scripts.put(Arc::new(scenario)).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Pretty(json!({ "put": name })))
}

/// `DELETE /__admin/scenarios/{name}`: from this sandbox.
pub(super) async fn delete_scenario(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    if sandbox.scripts.remove(&name) { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&sandbox, &name)) }
}

/// `PUT /__admin/scenarios/{name}/pin`: answers every request from now on.
pub(super) async fn pin_scenario(World(sandbox): World, Id(name): Id) -> Result<Pretty<impl Serialize>, Problem> {
    if sandbox.scripts.pin(Some(&name)) { Ok(Pretty(json!({ "pinned": name }))) } else { Err(unknown(&sandbox, &name)) }
}

/// `DELETE /__admin/scenarios/{name}/pin`: requests choose again.
pub(super) async fn unpin_scenario(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    find(&sandbox, &name)?;
    match sandbox.scripts.forced().0 {
        Some(pinned) if pinned.name() == name => {
            sandbox.scripts.pin(None);
            Ok(StatusCode::NO_CONTENT)
        }
        pinned => {
            let pinned = match &pinned {
                Some(pinned) => format!("; {:?} is", pinned.name()),
                None => "; no scenario is".to_owned(),
            };
            Err(Problem::new(StatusCode::CONFLICT, format!("The scenario {name:?} is not pinned{pinned}.")))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueScenario {
    count: Option<Within<1, QUEUED>>,
}

/// `POST /__admin/scenarios/{name}/queue` with `{"count": n}`: answers the next n requests.
pub(super) async fn queue_scenario(
    World(sandbox): World,
    Id(name): Id,
    Fields(queue): Fields<QueueScenario>,
) -> Result<Pretty<impl Serialize>, Problem> {
    find(&sandbox, &name)?;
    let count = queue.count.map_or(1, Within::get);
    if !sandbox.scripts.queue(&name, count) {
        let waiting = sandbox.scripts.forced().1.len();
        let room = QUEUED.saturating_sub(waiting);
        return Err(Problem::in_body(
            "count",
            format!(
                "{waiting} requests are queued already, and a sandbox queues at most {QUEUED}; give a count of at most \
                 {room}, or let some of them be answered first"
            ),
        ));
    }
    Ok(Pretty(json!({ "queued": name, "count": count })))
}

/// `GET /__admin/scenarios/{name}/state`: how far each subject has come.
pub(super) async fn show_state(World(sandbox): World, Id(name): Id) -> Result<Pretty<impl Serialize>, Problem> {
    find(&sandbox, &name)?;
    Ok(Pretty(json!({ "state": sandbox.scripts.walks(Some(&name)) })))
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
    let scenario = find(&sandbox, &name)?;
    let answers = scenario.answers().len();
    let subject = match (scenario.per(), &*state.subject) {
        (Per::Actor, "") => {
            return Err(Problem::in_body(
                "subject",
                format!("{name:?} counts each actor apart; give the email of one"),
            ));
        }
        (Per::Actor, email) => email.to_lowercase(),
        (Per::Handoff, "") => {
            return Err(Problem::in_body("subject", format!("{name:?} counts each handoff apart; give a handoff_id")));
        }
        (Per::All, subject) if !subject.is_empty() => {
            return Err(Problem::in_body(
                "subject",
                format!("{name:?} counts all requests together; leave the subject out"),
            ));
        }
        (Per::Handoff | Per::All, subject) => subject.to_owned(),
    };
    let is_set = usize::try_from(state.answer)
        .is_ok_and(|answer| sandbox.scripts.set_walk(&name, &subject, answer, sandbox.clock.now()));
    if !is_set {
        let (answer, last) = (state.answer, answers.saturating_sub(1));
        let problem =
            format!("{answer} is not from 0 to {last}; this member counts from 0, so 0 is answer 1 of {name:?}");
        return Err(Problem::in_body("answer", problem));
    }
    Ok(Pretty(json!({ "state": sandbox.scripts.walks(Some(&name)) })))
}

/// `DELETE /__admin/scenarios/{name}/state`: every walk through it begins again.
pub(super) async fn forget_state(World(sandbox): World, Id(name): Id) -> Result<StatusCode, Problem> {
    find(&sandbox, &name)?;
    sandbox.scripts.forget_walks(Some(&name));
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /__admin/scenarios`: no scenario of the sandbox's own, none pinned or queued, every walk at its start.
pub(super) async fn reset_scenarios(World(sandbox): World) -> StatusCode {
    sandbox.scripts.reset();
    StatusCode::NO_CONTENT
}

fn find(sandbox: &Sandbox, name: &str) -> Result<Arc<Scenario>, Problem> {
    sandbox.scripts.set().get(name).cloned().ok_or_else(|| unknown(sandbox, name))
}

fn unknown(sandbox: &Sandbox, name: &str) -> Problem {
    let set = sandbox.scripts.set();
    Problem::unknown_name("scenario", name, set.iter().map(|scenario| scenario.name()))
}
