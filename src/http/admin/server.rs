//! `/__admin/`, `health`, `version`, `settings` and `reset`: the server, and the state of a sandbox.

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

/// What the control plane can do.
#[derive(Serialize, ToSchema)]
pub(super) struct Index {
    name: &'static str,
    /// The version of the server.
    version: &'static str,
    operations: Vec<IndexEntry>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct IndexEntry {
    method: &'static str,
    url: String,
    /// What it does.
    summary: &'static str,
}

/// The operations of the control plane
///
/// Each with its URL, for a first look around. `/__admin` without a slash answers the same.
#[utoipa::path(
    get, path = "/__admin/", tag = "server",
    responses(
        (status = 200, description = "The operations, in the order of this document. A `{name}` in a URL stands for a part that the caller fills in.", body = Index)
    )
)]
pub(super) async fn show_index(Base(base_url): Base) -> Pretty<Index> {
    let operations = operations::list();
    let operations = operations
        .map(|(method, path, summary)| IndexEntry { method, url: base_url.operation(path), summary })
        .collect();
    Pretty(Index { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), operations })
}

/// How full the sandbox is, and how much it has dropped
#[utoipa::path(
    get, path = "/__admin/health", tag = "server",
    params(World),
    responses((status = 200, description = "The health.", body = Health))
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
    /// Log lines that were lost because the reader of standard error is too slow or gone.
    dropped_log_lines: u64,
}

/// `stopping` once the server takes no more work.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HealthStatus {
    Healthy,
    Stopping,
}

/// How much memory all sandboxes of the server use together, and how much this one dropped for it.
#[derive(Serialize, ToSchema)]
pub(super) struct MemoryUse {
    /// About how many bytes all sandboxes keep together.
    used: usize,
    /// How many bytes they may keep (`--max-memory`).
    limit: usize,
    /// How many exchanges, documents, events, messages and listed tokens this sandbox dropped because all sandboxes
    /// together kept too much.
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

/// Name and version of the program
#[utoipa::path(
    get, path = "/__admin/version", tag = "server",
    responses((status = 200, description = "The version.", body = Version))
)]
pub(super) async fn show_version() -> Pretty<Version> {
    Pretty(Version { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") })
}

/// Every setting with its value
///
/// The names are those of the command line and of the settings file. `base-url` and `seed` are the ones in use,
/// whether given or not.
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

/// Reset the sandbox to its start
///
/// Deletes sessions, envelopes, actors, exchanges, events, tasks, messages, contacts and users. Ids start over; the
/// clock stays where it is. A request that is in progress is answered and leaves no trace: no exchange (its answer
/// has no `X-Mock-Exchange`), no session, no event. A token request whose client turns out to belong to the sandbox
/// only after the reset gets 503 with `Retry-After`. A request body is refused.
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
