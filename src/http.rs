//! The HTTP layer: maps paths to handlers. Handlers translate; the sandbox decides.

mod accept;
mod admin;
mod base_url;
mod body;
mod contract;
mod declared;
pub mod fault;
mod guard;
mod openapi;
mod pages;
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
    /// Probes and the contract's document, which are described in the control plane's document.
    PublicOperations:
    openapi::show_contract_document,
    probes::live,
    probes::ready,
}

/// Every route of the server.
///
/// The contract and unknown paths are recorded in the journal and refuse requests from web pages of other sites. The
/// control plane is not recorded and has a stricter guard. Probes and published documents are open.
pub fn router(app: &Arc<App>) -> Router {
    let public = PublicOperations::routes().merge(contract::documents()).layer(guard::no_sniff());
    Router::new()
        .merge(contract::router())
        .merge(public)
        .merge(admin::router(app))
        .merge(pages::router(app))
        .fallback(contract::no_such_endpoint)
        .with_state(Arc::clone(app))
}
