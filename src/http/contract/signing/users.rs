//! `/api/v1/key/users` (G3): the team, which is read here and managed through the control plane.

use super::{call::Nothing, error::ApiError, page::PageQuery, resource::Payload};
use crate::sandbox::{Sandbox, SigningError};
use std::sync::Arc;

/// `GET`: lists users, newest first.
pub(super) async fn list_users(sandbox: Arc<Sandbox>, (): (), page: PageQuery) -> Result<Payload, ApiError> {
    let (users, next) = page.of(sandbox.users(), |_| true, SigningError::NoSuchUser).await?;
    Payload::listed("users", &users, next)
}

/// `GET {userId}`: returns a user.
pub(super) async fn show_user(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    Payload::single("user", sandbox.user(&id).await?)
}
