//! `/__admin/signing/simulations`: races of simulated people who compete for one signature.

use super::Pretty;
use crate::{
    app::App,
    base::clock::Deadline,
    http::{
        admin::extract::{Fields, Params, World},
        problem::Problem,
    },
    sandbox::Sandbox,
    simulation::race::{Race, RaceAgent, RaceError},
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many runs are simulated for one request at most.
const MOST_RUNS: u32 = 100_000;

/// What the runs of one request may cost in all, in steps of agents: a second or two.
const MOST_STEPS: u64 = 1_000_000;

/// A race to be simulated, of agents or for an envelope.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SimulateRace {
    agents: Option<Vec<RaceAgent>>,
    envelope_id: Option<String>,
    reopen: Option<bool>,
    expiration_period_days: Option<i64>,
    seed: Option<u64>,
    runs: Option<i64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SimulationFormat {
    Json,
    Svg,
    Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SimulationQuery {
    format: Option<SimulationFormat>,
}

/// `POST /__admin/signing/simulations`: one run in full, or several in figures. Nothing in the sandbox changes.
///
/// Two requests compute at the same time; others get 503, and so does one that takes longer than 10 s.
pub(super) async fn simulate_race(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Params(shown): Params<SimulationQuery>,
    headers: HeaderMap,
    Fields(wanted): Fields<SimulateRace>,
) -> Result<Response, Problem> {
    let runs = wanted.runs.unwrap_or(1);
    let seed = wanted.seed.unwrap_or_else(|| sandbox.ids.seed());
    let format = shown.format.unwrap_or_else(|| accepted(&headers));
    let race = race(&sandbox, wanted).await?;
    let most = MOST_RUNS.min(u32::try_from(MOST_STEPS / race.cost()).unwrap_or(MOST_RUNS)).max(1);
    let runs = u32::try_from(runs).ok().filter(|runs| (1..=most).contains(runs)).ok_or_else(|| {
        let problem =
            format!("{runs} is not from 1 to {most}, the most of this race at once; docendorse-mock race takes more");
        Problem::in_body("runs", problem)
    })?;
    app.simulations.run(move |deadline| simulate(&race, seed, runs, format, deadline)).await?
}

async fn race(sandbox: &Sandbox, wanted: SimulateRace) -> Result<Race, Problem> {
    match (wanted.agents, wanted.envelope_id) {
        (Some(agents), None) => {
            let race = Race::of_agents(&agents, wanted.reopen.unwrap_or(false), wanted.expiration_period_days);
            race.map_err(|error| match error {
                RaceError::Period(_) => Problem::in_body("expiration_period_days", error),
                error => Problem::in_body("agents", error),
            })
        }
        (None, Some(id)) => {
            if wanted.reopen.is_some() || wanted.expiration_period_days.is_some() {
                return Err(Problem::bad_request(
                    "The envelope says itself whether it reopens and when it expires; leave both out.",
                ));
            }
            let envelope = sandbox.envelopes().get(&id).await?.ok_or_else(|| Problem::not_found("envelope", &id))?;
            Race::of_envelope(&envelope, sandbox.clock.now())
                .map_err(|error| Problem::new(StatusCode::CONFLICT, format!("There is no race: {error}")))
        }
        (Some(_), Some(_)) => Err(Problem::bad_request(
            "In the body: \"agents\" and \"envelope_id\" cannot be given together; remove one.",
        )),
        (None, None) => {
            Err(Problem::bad_request("In the body: neither \"agents\" nor \"envelope_id\" is given; give one of them."))
        }
    }
}

/// The format that the caller prefers, if it states one.
fn accepted(headers: &HeaderMap) -> SimulationFormat {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let types = accepts.flat_map(|value| value.split(',')).map(|range| range.split(';').next().unwrap_or("").trim());
    let known = types.filter_map(|range| match range.to_ascii_lowercase().as_str() {
        "image/svg+xml" => Some(SimulationFormat::Svg),
        "text/plain" => Some(SimulationFormat::Table),
        "application/json" => Some(SimulationFormat::Json),
        _ => None,
    });
    known.into_iter().next().unwrap_or(SimulationFormat::Json)
}

/// The answer; `None` when the deadline is over first.
fn simulate(
    race: &Race,
    seed: u64,
    runs: u32,
    format: SimulationFormat,
    deadline: &Deadline,
) -> Option<Result<Response, Problem>> {
    if runs == 1 {
        let run = race.run(seed, 0);
        return Some(Ok(match format {
            SimulationFormat::Json => json(run),
            SimulationFormat::Svg => picture(run.svg()),
            SimulationFormat::Table => run.table().into_response(),
        }));
    }
    let races = match race.runs_until(seed, runs, || deadline.is_over()) {
        Ok(races) => races?,
        Err(error) => return Some(Err(Problem::in_body("runs", error))),
    };
    Some(Ok(match format {
        SimulationFormat::Json => json(races),
        SimulationFormat::Svg => picture(races.svg()),
        SimulationFormat::Table => races.table().into_response(),
    }))
}

fn json(told: impl Serialize) -> Response {
    Pretty(told).into_response()
}

fn picture(svg: String) -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}
