//! `/__admin/signing/simulations`: simulated races of agents who compete to sign.

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

/// Maximum number of runs per request.
const MOST_RUNS: u32 = 100_000;

/// Maximum cost of all runs of one request, in agent steps. Takes a second or two.
const MOST_STEPS: u64 = 1_000_000;

/// One run in full, or statistics over several runs.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum RaceOrRaces {
    One(Run),
    Several(Races),
}

/// A race of the given agents, or of the agents of an envelope. In a draft they are the agents of the first recipient
/// that signs, in a sent envelope those of the first open recipient. Give either `agents` or `envelope_id`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSimulation)]
pub(super) struct SimulateRace {
    #[schema(min_items = 1, max_items = 1000)]
    agents: Option<Vec<RaceAgent>>,
    #[schema(value_type = Option<EnvelopeId>)]
    envelope_id: Option<String>,
    /// Whether released agents are invited again when a primary declines. Not allowed with `envelope_id`, because the
    /// envelope defines it.
    #[schema(default = false)]
    reopen: Option<bool>,
    /// Number of days after which the race ends; never if omitted. Not allowed with `envelope_id`, because the envelope
    /// defines it.
    #[schema(minimum = 1, maximum = 90)]
    expiration_period_days: Option<i64>,
    /// Seed for all random choices. Defaults to the sandbox's seed.
    #[schema(value_type = Option<Seed>)]
    seed: Option<u64>,
    /// Number of runs. The maximum is lower for many agents.
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
    /// The format of the answer. Defaults to the format that `Accept` asks for, otherwise JSON.
    #[param(inline)]
    format: Option<SimulationFormat>,
}

/// Simulate a race to sign
///
/// Agents with given behaviours compete for one recipient, under the same state machine as real agents but in simulated
/// time. Nothing in the sandbox changes. One run is reported in full, several as statistics. The same seed gives
/// byte-identical answers. At most two simulations run at the same time, for at most 10 s each; further requests get
/// 503.
#[utoipa::path(
    post, path = "/__admin/signing/simulations", tag = "signing",
    params(SimulationQuery, World),
    request_body(content = SimulateRace, examples(
        ("two" = (value = json!({"agents": [{"name": "Alice", "opens": "5m", "accepts": {"uniform": ["1m", "2h"]}, "signs": "10m"}, {"name": "Bob"}], "seed": 7}))),
        ("many" = (value = json!({"agents": [{"name": "Alice"}, {"name": "Bob"}, {"name": "Carol"}], "runs": 1000})))
    )),
    responses(
        (status = 200, description = "One run in full, or statistics over several runs.", content(
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
        let problem = format!(
            "{runs} is not from 1 to {most}, the maximum for this race; use `docendorse-mock race` for more runs"
        );
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
                    "The envelope defines whether it reopens and when it expires; leave both out.",
                ));
            }
            let envelope = sandbox.envelopes().get(&id).await?.ok_or_else(|| Problem::not_found("envelope", &id))?;
            Race::of_envelope(&envelope, sandbox.clock.now())
                .map_err(|error| Problem::new(StatusCode::CONFLICT, format!("The race cannot be simulated: {error}")))
        }
        (Some(_), Some(_)) => Err(Problem::bad_request(
            "In the body: \"agents\" and \"envelope_id\" cannot be given together; remove one.",
        )),
        (None, None) => {
            Err(Problem::bad_request("In the body: neither \"agents\" nor \"envelope_id\" is given; give one of them."))
        }
    }
}

/// The format in `Accept`, or the default.
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

/// Builds the answer; `None` if the deadline passes first.
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

fn json(value: impl Serialize) -> Response {
    Pretty(value).into_response()
}

fn picture(svg: String) -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}
