//! `/__admin/clock` and `/__admin/agenda`: the sandbox's time, and what is due in it.

use super::{
    Pretty,
    paging::{Limit, page_size},
};
use crate::{
    base::{
        chance::{SpanText, not_a_span},
        clock::{ClockError, Reading, read_span},
        times,
    },
    http::{
        admin::extract::{Fields, Params, World},
        problem::Problem,
    },
    sandbox::Sandbox,
};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// `GET /__admin/clock`.
pub(super) async fn show_clock(World(sandbox): World) -> Result<Pretty<impl Serialize>, Problem> {
    Ok(Pretty(json!({ "now": sandbox.clock.read().now, "frozen": sandbox.clock.read().frozen,
        "next_due": sandbox.next_due().await? })))
}

/// `POST /__admin/clock/freeze`: freezes the clock.
pub(super) async fn freeze_clock(World(sandbox): World) -> Result<Pretty<Value>, Problem> {
    let reading = sandbox.clock.freeze();
    settled(&sandbox, reading).await
}

/// `POST /__admin/clock/resume`: lets the clock run on from where it stands.
pub(super) async fn resume_clock(World(sandbox): World) -> Result<Pretty<Value>, Problem> {
    let reading = sandbox.clock.resume();
    settled(&sandbox, reading).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetTo {
    #[serde(deserialize_with = "times::deserialize")]
    to: Timestamp,
}

/// `POST /__admin/clock/set` with `{"to": RFC 3339}`: moves forward to a time, and settles.
pub(super) async fn set_clock(World(sandbox): World, Fields(set): Fields<SetTo>) -> Result<Pretty<Value>, Problem> {
    let reading = sandbox.clock.set(set.to).map_err(refused)?;
    settled(&sandbox, reading).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdvanceBy {
    by: SpanText,
}

/// `POST /__admin/clock/advance` with `{"by": "10m"}` or ISO 8601: moves forward, and settles.
pub(super) async fn advance_clock(
    World(sandbox): World,
    Fields(advance): Fields<AdvanceBy>,
) -> Result<Pretty<Value>, Problem> {
    let by = span("by", &advance.by.0)?;
    if by.is_negative() {
        let problem =
            format!("{:?} is negative, but a clock only moves forward; write a span such as 10m", advance.by.0);
        return Err(Problem::in_body("by", problem));
    }
    let reading = sandbox.clock.advance(by).map_err(refused)?;
    settled(&sandbox, reading).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgendaQuery {
    limit: Option<Limit>,
}

/// `GET /__admin/agenda`: what will happen, in order.
pub(super) async fn list_agenda(
    World(sandbox): World,
    Params(wanted): Params<AgendaQuery>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let (agenda, total) = sandbox.agenda(page_size(wanted.limit)).await?;
    Ok(Pretty(json!({ "agenda": agenda, "total": total })))
}

/// Carries out what the clock's new time makes due, and returns what that was.
async fn settled(sandbox: &Sandbox, reading: Reading) -> Result<Pretty<Value>, Problem> {
    let ran = sandbox.settle().await?;
    sandbox.clock_changed();
    Ok(Pretty(json!({ "now": reading.now, "frozen": reading.frozen, "ran": ran })))
}

/// The span of time that a member of the body holds.
pub(super) fn span(field: &str, text: &str) -> Result<SignedDuration, Problem> {
    read_span(text).ok_or_else(|| Problem::in_body(field, not_a_span(text)))
}

fn refused(error: ClockError) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("The clock was not moved: {error}"))
}
