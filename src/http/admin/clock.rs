//! `/__admin/clock` and `/__admin/agenda`: the sandbox's time and its pending tasks.

use super::{
    answers::Conflict,
    paging::{Limit, page_size},
};
use crate::{
    base::{
        chance::{SpanText, not_a_span},
        clock::{ClockChange, Reading, read_span},
        schema::GivenSpan,
        times,
    },
    domain::agenda::Item,
    http::{
        admin::extract::{Fields, Params, World},
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::{ChangeClockError, Ran, Sandbox},
};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Serialize, ToSchema)]
pub(super) struct Clock {
    now: Timestamp,
    /// True if the clock is frozen.
    frozen: bool,
    /// When the next task is due; null if there is none.
    #[schema(required)]
    next_due: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Settled {
    now: Timestamp,
    /// True if the clock is frozen.
    frozen: bool,
    /// The tasks that were run, in order.
    ran: Vec<Ran>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Agenda {
    #[schema(max_items = 1000)]
    agenda: Vec<Item>,
    /// Number of pending tasks.
    total: u64,
}

/// Get the sandbox's time
#[utoipa::path(
    get, path = "/__admin/clock", tag = "time",
    params(World),
    responses((status = 200, description = "The time.", body = Clock))
)]
pub(super) async fn show_clock(World(sandbox): World) -> Result<Pretty<Clock>, Problem> {
    let Reading { now, frozen } = sandbox.clock.read();
    Ok(Pretty(Clock { now, frozen, next_due: sandbox.next_due().await? }))
}

/// Freeze the clock
///
/// No task runs by itself until the clock is moved or resumed. A request body is refused.
#[utoipa::path(
    post, path = "/__admin/clock/freeze", tag = "time",
    params(World),
    responses((status = 200, description = "The time, and the tasks that were due.", body = Settled))
)]
pub(super) async fn freeze_clock(World(sandbox): World) -> Result<Pretty<Settled>, Problem> {
    change_clock(&sandbox, ClockChange::Freeze).await
}

/// Resume the clock
///
/// The clock continues from its current time, at the pace of the system clock. A request body is refused.
#[utoipa::path(
    post, path = "/__admin/clock/resume", tag = "time",
    params(World),
    responses((status = 200, description = "The time, and the tasks that were due.", body = Settled))
)]
pub(super) async fn resume_clock(World(sandbox): World) -> Result<Pretty<Settled>, Problem> {
    change_clock(&sandbox, ClockChange::Resume).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetClock)]
pub(super) struct SetTo {
    #[serde(deserialize_with = "times::deserialize")]
    to: Timestamp,
}

/// Move the clock forward to a time
///
/// Runs the tasks that are due by then, in order of their due time. Among tasks due at the same instant, session
/// expiries come first, in the order in which the sessions were created; the others are ordered by kind, then by
/// subject. A time in the past is refused and leaves the clock unchanged. A frozen clock stays frozen.
#[utoipa::path(
    post, path = "/__admin/clock/set", tag = "time",
    params(World),
    request_body(content = SetTo, example = json!({"to": "2026-03-01T12:00:00Z"})),
    responses(
        (status = 200, description = "The time, and the tasks that were due.", body = Settled),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn set_clock(World(sandbox): World, Fields(set): Fields<SetTo>) -> Result<Pretty<Settled>, Problem> {
    change_clock(&sandbox, ClockChange::Set(set.to)).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AdvanceClock)]
pub(super) struct AdvanceBy {
    #[schema(value_type = GivenSpan)]
    by: SpanText,
}

/// Move the clock forward by a duration
///
/// Runs due tasks in the same order as `/__admin/clock/set`. A negative duration is answered 400 and leaves the clock
/// unchanged.
#[utoipa::path(
    post, path = "/__admin/clock/advance", tag = "time",
    params(World),
    request_body(content = AdvanceBy, examples(
        ("friendly" = (value = json!({"by": "10m"}))),
        ("iso8601" = (value = json!({"by": "PT10M"})))
    )),
    responses(
        (status = 200, description = "The time, and the tasks that were due.", body = Settled),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn advance_clock(
    World(sandbox): World,
    Fields(advance): Fields<AdvanceBy>,
) -> Result<Pretty<Settled>, Problem> {
    let by = span("by", &advance.by.0)?;
    if by.is_negative() {
        let problem =
            format!("{:?} is negative, but a clock only moves forward; write a span of time such as 10m", advance.by.0);
        return Err(Problem::in_body("by", problem));
    }
    change_clock(&sandbox, ClockChange::Advance(by)).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AgendaQuery {
    /// Maximum number of entries to return.
    #[param(inline, default = 100)]
    limit: Option<Limit>,
}

/// List pending tasks, in order
///
/// Ordered by due time. Among tasks due at the same instant, session expiries come first, in the order in which the
/// sessions were created; the others are ordered by kind, then by subject.
#[utoipa::path(
    get, path = "/__admin/agenda", tag = "time",
    params(AgendaQuery, World),
    responses((status = 200, description = "The next tasks.", body = Agenda))
)]
pub(super) async fn list_agenda(
    World(sandbox): World,
    Params(wanted): Params<AgendaQuery>,
) -> Result<Pretty<Agenda>, Problem> {
    let (agenda, total) = sandbox.agenda(page_size(wanted.limit)).await?;
    Ok(Pretty(Agenda { agenda, total }))
}

/// Changes the clock, runs the tasks that are due at its new time, and answers with both.
async fn change_clock(sandbox: &Sandbox, change: ClockChange) -> Result<Pretty<Settled>, Problem> {
    let (Reading { now, frozen }, ran) = sandbox.change_clock(change).await.map_err(|error| match error {
        ChangeClockError::Refused(error) => {
            Problem::new(StatusCode::CONFLICT, format!("The clock was not moved: {error}"))
        }
        ChangeClockError::Store(error) => error.into(),
    })?;
    Ok(Pretty(Settled { now, frozen, ran }))
}

/// Parses a duration in a member of the body.
pub(super) fn span(field: &str, text: &str) -> Result<SignedDuration, Problem> {
    read_span(text).ok_or_else(|| Problem::in_body(field, not_a_span(text)))
}
