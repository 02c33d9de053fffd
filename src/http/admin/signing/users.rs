//! `/__admin/signing/users`: the team, which is managed here and read through the contract (G3).

use super::refusal::refused;
use crate::{
    base::{names::is_name, position::brief, schema::UserId},
    domain::signing::{Locale, User, user_problem},
    http::{
        admin::{
            answers::{NotFoundByName, Refused},
            extract::{Fields, Id, Params, World},
            paging::{Paging, page_after, page_size},
            prefer::Preferred,
        },
        pretty::Pretty,
        problem::Problem,
    },
    sandbox,
    store::RecordPage,
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub(in crate::http::admin) struct UserFields {
    /// Generated if omitted.
    #[schema(value_type = Option<UserId>)]
    id: Option<String>,
    /// Without control characters.
    #[schema(min_length = 1, max_length = 200, pattern = "^[^\u{0}-\u{1F}\u{7F}-\u{9F}]*$")]
    name: String,
    #[schema(format = Email)]
    email: String,
    /// Any text that contains a digit (G2).
    #[schema(pattern = "[0-9]")]
    phone: Option<String>,
    /// Defaults to `en-US`.
    locale: Option<Locale>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Users)]
pub(in crate::http::admin) struct UserPage {
    #[schema(max_items = 1000)]
    users: Vec<Arc<User>>,
    /// Number of matching entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    next: Option<Arc<str>>,
}

impl UserFields {
    fn check(self) -> Result<(Option<String>, sandbox::NewUser), Problem> {
        let refuse = |member: &str, problem: String| Err(Problem::in_body(member, problem));
        if let Some(id) = self.id.as_ref().filter(|id| !is_name(id, 64)) {
            let fix = match &**id {
                "." | ".." => "it has a special meaning in a URL; choose another",
                _ => "use 1 to 64 letters, digits, dots, dashes and underscores",
            };
            return refuse("id", format!("{:?} cannot be used; {fix}", brief(id)));
        }
        if let Some((member, problem)) = user_problem(&self.name, &self.email, self.phone.as_deref()) {
            return refuse(member, problem);
        }
        let phone = self.phone.map(Into::into);
        Ok((
            self.id,
            sandbox::NewUser {
                name: self.name.into(),
                email: self.email.into(),
                phone,
                locale: self.locale.unwrap_or_default(),
            },
        ))
    }
}

/// Add a user to the team
///
/// The contract can only read users (G3). 409 `User.Exists` if the id is taken.
#[utoipa::path(
    post, path = "/__admin/signing/users", tag = "signing",
    params(World),
    request_body(content = UserFields, example = json!({"id": "usr_sam", "name": "Sam Example", "email": "sam@example.com", "phone": "+15550100", "locale": "en-US"})),
    responses(
        (status = 201, description = "The user.", body = User),
        (status = 409, response = Refused)
    )
)]
pub(in crate::http::admin) async fn create_user(
    World(sandbox): World,
    preferred: Preferred,
    Fields(new): Fields<UserFields>,
) -> Result<Response, Problem> {
    let (id, new) = new.check()?;
    match sandbox.create_user(id, new).await {
        Ok(user) => Ok((StatusCode::CREATED, Pretty(user)).into_response()),
        Err(error) => refused(error, preferred),
    }
}

/// List users, newest first
#[utoipa::path(
    get, path = "/__admin/signing/users", tag = "signing",
    params(Paging, World),
    responses((status = 200, description = "A page of users.", body = UserPage))
)]
pub(in crate::http::admin) async fn list_users(
    World(sandbox): World,
    Params(Paging { after, limit }): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let limit = page_size(limit);
    // The id of a user contains no plus sign, so both readings are equal.
    let after = after.map(|after| after.spaced);
    let page = sandbox.users().page(after.as_deref(), limit, |_| true).await?;
    let RecordPage { records, matching, next } = page_after("user", after.as_deref(), page)?;
    Ok(Pretty(UserPage { users: records, matching, next }))
}

/// Get a user
#[utoipa::path(
    get, path = "/__admin/signing/users/{id}", tag = "signing",
    params(("id" = UserId, Path, description = "The user's id."), World),
    responses(
        (status = 200, description = "The user.", body = User),
        (status = 404, response = NotFoundByName)
    )
)]
pub(in crate::http::admin) async fn show_user(
    World(sandbox): World,
    Id(id): Id,
    preferred: Preferred,
) -> Result<Response, Problem> {
    match sandbox.user(&id).await {
        Ok(user) => Ok(Pretty(user).into_response()),
        Err(error) => refused(error, preferred),
    }
}

/// Delete a user
///
/// Agents that were created from the user do not change (G10).
#[utoipa::path(
    delete, path = "/__admin/signing/users/{id}", tag = "signing",
    params(("id" = UserId, Path, description = "The user's id."), World),
    responses((status = 204, description = "The user is deleted."))
)]
pub(in crate::http::admin) async fn delete_user(World(sandbox): World, Id(id): Id) -> Result<StatusCode, Problem> {
    if sandbox.delete_user(&id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("user", &id)) }
}
