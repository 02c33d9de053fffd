//! `/__admin/signing/simulations`: races of simulated people who compete for one signature.

use super::answers::{Busy, Conflict};
use crate::{
    app::App,
    base::{clock::Deadline, schema::Seed},
    domain::signing::EnvelopeId,
    http::{
        admin::extract::{Fields, Params, World},
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::Sandbox,
    simulation::race::{Race, RaceAgent, RaceError, Races, Run},
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// How many runs are simulated for one request at most.
const MOST_RUNS: u32 = 100_000;

/// What the runs of one request may cost in all, in steps of agents: a second or two.
const MOST_STEPS: u64 = 1_000_000;

/// One run, or the figures of several.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum RaceOrRaces {
    One(Run),
    Several(Races),
}

/// A race of the given agents, or one for an envelope with its agents as they are: for the first recipient of a draft
/// that signs, or the first open one of an envelope that was sent. Give either `agents` or `envelope_id`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSimulation)]
pub(super) struct SimulateRace {
    #[schema(min_items = 1, max_items = 1000)]
    agents: Option<Vec<RaceAgent>>,
    #[schema(value_type = Option<EnvelopeId>)]
    envelope_id: Option<String>,
    /// Whether the released agents are invited again when a primary declines. Not with an envelope, which has it.
    #[schema(default = false)]
    reopen: Option<bool>,
    /// After how many days the race is over; never when not given. Not with an envelope, which has it.
    #[schema(minimum = 1, maximum = 90)]
    expiration_period_days: Option<i64>,
    /// Everything that is left to chance follows from it. The sandbox's own when not given.
    #[schema(value_type = Option<Seed>)]
    seed: Option<u64>,
    /// How many runs. The most that are allowed is less for many agents.
    #[schema(minimum = 1, maximum = 100_000, default = 1)]
    runs: Option<i64>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SimulationFormat {
    Json,
    Svg,
    Table,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SimulationQuery {
    /// The format of the answer. Without it the `Accept` header decides, and else it is JSON.
    #[param(inline)]
    format: Option<SimulationFormat>,
}

/// Let simulated people race for one signature
///
/// Agents with a given behaviour compete for one recipient, on the state machine that serves real ones, in simulated
/// time. Nothing in the sandbox changes. One run is shown in full, several in figures. The same seed gives the same
/// bytes. Two simulations compute at the same time, each for at most 10 s; others get 503.
#[utoipa::path(
    post, path = "/__admin/signing/simulations", tag = "signing",
    params(SimulationQuery, World),
    request_body(content = SimulateRace, examples(
        ("two" = (value = json!({"agents": [{"name": "Alice", "opens": "5m", "accepts": {"uniform": ["1m", "2h"]}, "signs": "10m"}, {"name": "Bob"}], "seed": 7}))),
        ("many" = (value = json!({"agents": [{"name": "Alice"}, {"name": "Bob"}, {"name": "Carol"}], "runs": 1000})))
    )),
    responses(
        (status = 200, description = "One run, or the figures of several.", content(
            (RaceOrRaces = "application/json"),
            (String = "image/svg+xml"),
            (String = "text/plain")
        )),
        (status = 409, response = Conflict),
        (status = 503, response = Busy)
    )
)]
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
            SimulationFormat::Json => json(RaceOrRaces::One(run)),
            SimulationFormat::Svg => picture(run.svg()),
            SimulationFormat::Table => run.table().into_response(),
        }));
    }
    let races = match race.runs_until(seed, runs, || deadline.is_over()) {
        Ok(races) => races?,
        Err(error) => return Some(Err(Problem::in_body("runs", error))),
    };
    Some(Ok(match format {
        SimulationFormat::Json => json(RaceOrRaces::Several(races)),
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
