//! What all waits have in common: their timeout, their number, and the end of their sandbox.

use crate::{
    app::{App, MOST_WAITS},
    base::{chance::within_limit, position::brief},
    config::duration,
    http::problem::Problem,
    sandbox::Sandbox,
};
use axum::http::StatusCode;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Longest timeout of a wait.
const LONGEST: Duration = Duration::from_mins(5);

/// Parses the timeout of a wait: ten seconds by default.
pub(super) fn patience(timeout: Option<&str>) -> Result<Duration, Problem> {
    let Some(timeout) = timeout else { return Ok(Duration::from_secs(10)) };
    let patience = duration(timeout)
        .map(jiff::SignedDuration::unsigned_abs)
        .map_err(|problem| Problem::in_query("timeout", format!("{}; at most 5m", within_limit(&problem, LONGEST))))?;
    if patience > LONGEST {
        let timeout = brief(timeout);
        let problem = format!("{timeout:?} is longer than the maximum of 5m; wait again after a 408");
        return Err(Problem::in_query("timeout", problem));
    }
    Ok(patience)
}

/// Takes a place for one more waiting caller, held until it is dropped.
pub(super) fn wait_place(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    app.wait_place().ok_or_else(|| {
        Problem::busy(format!("{MOST_WAITS} callers are waiting already, which is the maximum; try again in a moment."))
    })
}

/// The problem for a sandbox that was removed during a wait.
pub(super) fn deleted(sandbox: &Sandbox) -> Problem {
    let detail = format!("The sandbox {:?} was deleted or dropped during the wait", sandbox.name());
    Problem::new(StatusCode::NOT_FOUND, detail)
}
