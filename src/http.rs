//! HTTP: which path leads to which handler. Handlers translate; the sandbox decides.

mod admin;
mod base_url;
mod body;
mod contract;
mod declared;
pub mod fault;
mod guard;
mod openapi;
mod pretty;
mod probes;
mod problem;
mod request_id;
pub mod server;

pub use crate::base::urls::CREATE_AGENT_SESSION;

use crate::app::App;
use axum::Router;
use declared::operations;
use std::sync::Arc;

operations! {
    /// The probes and the document of the contract, described in the document of the control plane.
    PublicOperations:
    openapi::show_contract_document,
    probes::live,
    probes::ready,
}

/// Every route of the server.
///
/// The contract and unknown paths are recorded in the journal, and refuse what web pages of other sites send. The control
/// plane is not recorded and has a stricter guard. Probes and published documents are open to everybody.
pub fn router(app: &Arc<App>) -> Router {
    let public = PublicOperations::routes().merge(contract::documents()).layer(guard::no_sniff());
    Router::new()
        .merge(contract::router())
        .merge(public)
        .merge(admin::router(app))
        .fallback(contract::no_such_endpoint)
        .with_state(Arc::clone(app))
}
