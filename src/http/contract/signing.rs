//! `/api/v1/key/…` (G6 to G8): envelopes, recipients, agents, contacts, groups and users, for callers with an API key.

mod agents;
mod api_key;
mod call;
mod contacts;
mod envelopes;
mod error;
mod groups;
mod page;
mod recipients;
mod resource;
mod users;

use crate::app::App;
use axum::{Router, routing::any};
use resource::{Resource, no_such_endpoint};
use std::sync::Arc;

pub(super) fn router() -> Router<Arc<App>> {
    let resource = Resource::default;
    Router::new()
        .route(
            "/api/v1/key/envelopes",
            resource().get(envelopes::list_envelopes).post(envelopes::create_envelope).done(),
        )
        .route(
            "/api/v1/key/envelopes/{envelope_id}",
            resource().get(envelopes::show_envelope).delete(envelopes::delete_envelope).done(),
        )
        .route("/api/v1/key/envelopes/{envelope_id}/send", resource().put(envelopes::send_envelope).done())
        .route("/api/v1/key/envelopes/{envelope_id}/void", resource().post(envelopes::void_envelope).done())
        .route(
            "/api/v1/key/envelopes/{envelope_id}/recipients",
            resource().get(recipients::list_recipients).post(recipients::add_recipient).done(),
        )
        .route(
            "/api/v1/key/envelopes/{envelope_id}/recipients/{recipient_id}",
            resource()
                .get(recipients::show_recipient)
                .put(recipients::change_recipient)
                .patch(recipients::change_recipient)
                .delete(recipients::remove_recipient)
                .done(),
        )
        .route(
            "/api/v1/key/envelopes/{envelope_id}/recipients/{recipient_id}/agents",
            resource().get(agents::list_agents).put(agents::set_agents).done(),
        )
        .route("/api/v1/key/contacts", resource().get(contacts::list_contacts).post(contacts::create_contact).done())
        .route(
            "/api/v1/key/contacts/{contact_id}",
            resource()
                .get(contacts::show_contact)
                .put(contacts::change_contact)
                .patch(contacts::change_contact)
                .delete(contacts::delete_contact)
                .done(),
        )
        .route("/api/v1/key/contact-groups", resource().get(groups::list_groups).post(groups::create_group).done())
        .route(
            "/api/v1/key/contact-groups/{group_id}",
            resource()
                .get(groups::show_group)
                .put(groups::change_group)
                .patch(groups::change_group)
                .delete(groups::delete_group)
                .done(),
        )
        .route("/api/v1/key/users", resource().get(users::list_users).done())
        .route("/api/v1/key/users/{user_id}", resource().get(users::show_user).done())
        // A catch-all, so that a mistyped path is answered in this surface's shape.
        .route("/api/v1/key", any(no_such_endpoint))
        .route("/api/v1/key/", any(no_such_endpoint))
        .route("/api/v1/key/{*rest}", any(no_such_endpoint))
}
