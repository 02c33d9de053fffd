//! `/api/v1/key/contact-groups` (G3).

use super::{
    call::{Given, Nothing},
    error::ApiError,
    page::PageQuery,
    resource::Payload,
};
use crate::{
    domain::signing::{GroupChangeRequest, GroupRequest},
    sandbox::{NewGroup, Sandbox, SigningError},
};
use serde_json::json;
use std::sync::Arc;

/// `POST`: creates a group of contacts.
pub(super) async fn create_group(
    sandbox: Arc<Sandbox>,
    (): (),
    Given(new): Given<GroupRequest>,
) -> Result<Payload, ApiError> {
    let GroupRequest { name, contact_ids } = new;
    let group = sandbox.create_group(NewGroup { name, contact_ids }).await?;
    Payload::of(json!({ "groupId": group.id }))
}

/// `GET`: lists groups, newest first.
pub(super) async fn list_groups(sandbox: Arc<Sandbox>, (): (), page: PageQuery) -> Result<Payload, ApiError> {
    let (groups, next) = page.of(sandbox.groups(), |_| true, SigningError::NoSuchGroup).await?;
    Payload::listed("groups", &groups, next)
}

/// `GET {groupId}`: returns a group.
pub(super) async fn show_group(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    Payload::single("group", sandbox.group(&id).await?)
}

/// `PATCH {groupId}`, and `PUT` with the same meaning: changes the given members; `contactIds` replaces the whole list.
pub(super) async fn change_group(
    sandbox: Arc<Sandbox>,
    id: String,
    Given(change): Given<GroupChangeRequest>,
) -> Result<Payload, ApiError> {
    Payload::single("group", sandbox.change_group(&id, change.name, change.contact_ids).await?)
}

/// `DELETE {groupId}`: deletes the group. Its contacts stay, and so do agents created from it.
pub(super) async fn delete_group(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    sandbox.delete_group(&id).await?;
    Payload::of(json!({ "groupId": id }))
}
