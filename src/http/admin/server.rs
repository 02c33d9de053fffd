//! `/__admin/`, `health`, `version`, `settings` and `reset`: the server, and a sandbox's state.

use super::{
    extract::World,
    operations,
    sandboxes::{self, Reset},
};
use crate::{
    app::{App, BudgetUse},
    base::{
        log,
        schema::{SandboxName, Seed},
    },
    config::Settings,
    domain::journal::Fill,
    http::{base_url::Base, pretty::Pretty, problem::Problem},
    store::Usage,
};
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The operations of the control plane.
#[derive(Serialize, ToSchema)]
pub(super) struct Index {
    name: &'static str,
    /// The server's version.
    version: &'static str,
    operations: Vec<IndexEntry>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct IndexEntry {
    method: &'static str,
    url: String,
    /// What the operation does.
    summary: &'static str,
}

/// List the operations of the control plane
///
/// Each operation is listed with its URL. `/__admin` without the trailing slash gives the same answer.
#[utoipa::path(
    get, path = "/__admin/", tag = "server",
    responses(
        (status = 200, description = "The operations, in the order of this document. A `{name}` in a URL is a placeholder.", body = Index)
    )
)]
pub(super) async fn show_index(Base(base_url): Base) -> Pretty<Index> {
    let operations = operations::list();
    let operations = operations
        .map(|(method, path, summary)| IndexEntry { method, url: base_url.operation(path), summary })
        .collect();
    Pretty(Index { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), operations })
}

/// Get the sandbox's usage and dropped counts
#[utoipa::path(
    get, path = "/__admin/health", tag = "server",
    params(World),
    responses((status = 200, description = "Usage and dropped counts.", body = Health))
)]
pub(super) async fn show_health(State(app): State<Arc<App>>, World(sandbox): World) -> Result<Pretty<Health>, Problem> {
    Ok(Pretty(Health {
        status: if app.is_ready() { HealthStatus::Healthy } else { HealthStatus::Stopping },
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: app.uptime.elapsed().as_secs(),
        sandbox: sandbox.name().to_owned(),
        seed: sandbox.ids.seed(),
        sessions: sandbox.agent_sessions().fill().await?,
        requests: sandbox.journal.fill(),
        envelopes: sandbox.envelopes().fill().await?,
        events: sandbox.events().usage().await?,
        messages: sandbox.messages().fill().await?,
        memory: MemoryUse::of(app.memory(), sandbox.gave_up()),
        dropped_log_lines: log::dropped_lines(),
    }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: HealthStatus,
    version: &'static str,
    /// Seconds since the start.
    uptime_s: u64,
    /// The name of the sandbox.
    #[schema(value_type = SandboxName)]
    sandbox: String,
    #[schema(value_type = Seed)]
    seed: u64,
    #[schema(value_type = Fill)]
    sessions: Usage,
    requests: Fill,
    #[schema(value_type = Fill)]
    envelopes: Usage,
    #[schema(value_type = Fill)]
    events: Usage,
    #[schema(value_type = Fill)]
    messages: Usage,
    memory: MemoryUse,
    /// Number of log lines lost because nothing reads standard error, or reads it too slowly.
    dropped_log_lines: u64,
}

/// `stopping` once the server no longer accepts work.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HealthStatus {
    Healthy,
    Stopping,
}

/// Memory used by all sandboxes of the server together, and what this sandbox dropped to stay within the limit.
#[derive(Serialize, ToSchema)]
pub(super) struct MemoryUse {
    /// Approximate bytes that all sandboxes keep together.
    used: usize,
    /// Maximum bytes that they may keep (`--max-memory`).
    limit: usize,
    /// Number of exchanges, documents, events, messages and listed tokens that this sandbox dropped because all
    /// sandboxes together exceeded the limit.
    dropped: u64,
}

impl MemoryUse {
    fn of(BudgetUse { used, limit }: BudgetUse, dropped: u64) -> Self {
        Self { used, limit, dropped }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct Version {
    name: &'static str,
    version: &'static str,
}

/// Get the program's name and version
#[utoipa::path(
    get, path = "/__admin/version", tag = "server",
    responses((status = 200, description = "The version.", body = Version))
)]
pub(super) async fn show_version() -> Pretty<Version> {
    Pretty(Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") })
}

/// List the settings
///
/// The names are those of the command line and the settings file. `base-url` and `seed` show the values in use, even if
/// they were not given.
#[utoipa::path(
    get, path = "/__admin/settings", tag = "server",
    responses((status = 200, description = "The settings.", body = Settings))
)]
pub(super) async fn show_settings(State(app): State<Arc<App>>, Base(base_url): Base) -> Pretty<Settings> {
    let mut settings = app.settings.clone();
    settings.base_url = Some(base_url);
    settings.seed = Some(app.sandboxes.default_sandbox().ids.seed());
    Pretty(settings)
}

/// Reset a sandbox
///
/// Deletes sessions, envelopes, actors, exchanges, events, tasks, messages, contacts and users. Ids start over; the
/// clock keeps its time. A request in progress is answered but leaves no trace: no exchange (its answer has no
/// `X-Mock-Exchange`), no session, no event. A token request whose client turns out to belong to the sandbox only after
/// the reset gets 503 with `Retry-After`. A request body is refused.
#[utoipa::path(
    post, path = "/__admin/reset", tag = "server",
    params(World),
    responses((status = 200, description = "The sandbox was reset.", body = Reset))
)]
pub(super) async fn reset(State(app): State<Arc<App>>, World(sandbox): World) -> Result<Pretty<Reset>, Problem> {
    let name = sandbox.name().to_owned();
    drop(sandbox);
    sandboxes::reset(&app, &name).await?;
    Ok(Pretty(Reset { reset: name }))
}
