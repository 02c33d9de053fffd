//! `/__admin/signing/users`: the team, written here and read through the contract (G3).

use super::refusal::refused;
use crate::{
    base::{names::is_name, position::brief},
    domain::signing::{Locale, user_problem},
    http::{
        admin::{
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
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct UserFields {
    id: Option<String>,
    name: String,
    email: String,
    phone: Option<String>,
    #[serde(default)]
    locale: Locale,
}

impl UserFields {
    fn check(self) -> Result<(Option<String>, sandbox::NewUser), Problem> {
        let refuse = |member: &str, problem: String| Err(Problem::in_body(member, problem));
        if let Some(id) = self.id.as_ref().filter(|id| !is_name(id, 64)) {
            let fix = match &**id {
                "." | ".." => "it has another meaning in a URL; choose another",
                _ => "take 1 to 64 letters, digits, dots, dashes and underscores",
            };
            return refuse("id", format!("{:?} cannot be used; {fix}", brief(id)));
        }
        if let Some((member, problem)) = user_problem(&self.name, &self.email, self.phone.as_deref()) {
            return refuse(member, problem);
        }
        let phone = self.phone.map(Into::into);
        Ok((self.id, sandbox::NewUser { name: self.name.into(), email: self.email.into(), phone, locale: self.locale }))
    }
}

/// `POST /__admin/signing/users`: takes a member into the team.
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

/// `GET /__admin/signing/users`: newest first.
pub(in crate::http::admin) async fn list_users(
    World(sandbox): World,
    Params(Paging { after, limit }): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let limit = page_size(limit);
    // The id of a user has no plus.
    let after = after.map(|after| after.spaced);
    let page = sandbox.users().page(after.as_deref(), limit, |_| true).await?;
    let RecordPage { records, matching, next } = page_after("user", after.as_deref(), page)?;
    Ok(Pretty(json!({ "users": records, "matching": matching, "next": next })))
}

/// `GET /__admin/signing/users/{id}`.
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

/// `DELETE /__admin/signing/users/{id}`: agents that were created from the user stay.
pub(in crate::http::admin) async fn delete_user(World(sandbox): World, Id(id): Id) -> Result<StatusCode, Problem> {
    if sandbox.delete_user(&id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found("user", &id)) }
}
