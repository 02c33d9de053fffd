//! `/__admin/tokens`: the access tokens of a sandbox; issued by hand, listed, and revoked.

use super::{
    Pretty,
    clock::span,
    paging::{Paging, page_after, page_size},
};
use crate::{
    app::App,
    base::{chance::SpanText, names::control_problem, position::brief, reading::quoted},
    domain::{
        contract::email_problem,
        oauth::{AccessToken, Scopes, built_in},
    },
    http::{
        admin::extract::{Fields, Id, Params, World},
        base_url::Base,
        problem::{Problem, not_an_email},
    },
    sandbox::{FoundToken, NewToken, RevokeError, Sandbox, TokenFault},
    store::{RecordPage, StoreError},
};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest user that a token names, in characters; as in an assertion.
const LONGEST: usize = 512;

/// A token to be issued without an assertion.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IssueToken {
    client_id: Option<String>,
    sub: Option<String>,
    email: Option<String>,
    scope: Option<String>,
    expires_in: Option<SpanText>,
}

/// `POST /__admin/tokens`: issues one without an assertion, for tests of what comes behind the token endpoint.
pub(super) async fn create_token(
    World(sandbox): World,
    Base(base_url): Base,
    Fields(wanted): Fields<IssueToken>,
) -> Result<Response, Problem> {
    let own = sandbox.credentials().map_or(built_in::CLIENT_ID, |credentials| &credentials.client_id);
    let id = wanted.client_id.as_deref().unwrap_or(own);
    let client = sandbox.clients().get(id).await?.ok_or_else(|| {
        Problem::in_body(
            "client_id",
            format!("there is no client {:?} in this sandbox; GET /__admin/clients lists them", brief(id)),
        )
    })?;
    let scope = match wanted.scope {
        None => client.scopes,
        Some(scope) => Scopes::read(&scope).map_err(|error| Problem::in_body("scope", error.description))?,
    };
    for (name, text) in [("sub", &wanted.sub), ("email", &wanted.email)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST) {
            return Err(Problem::in_body(name, format!("it has more than {LONGEST} characters; shorten it")));
        }
    }
    if wanted.sub.as_deref() == Some("") {
        return Err(Problem::in_body("sub", "it is empty; write the id of a user, or leave it out"));
    }
    if let Some((sub, problem)) = wanted.sub.as_deref().and_then(|sub| Some((sub, control_problem(sub)?))) {
        return Err(Problem::in_body("sub", format!("{} {problem}; remove it", quoted(sub))));
    }
    if let Some((email, problem)) = wanted.email.as_deref().and_then(|email| Some((email, email_problem(email)?))) {
        return Err(Problem::in_body("email", not_an_email(email, problem)));
    }
    let expires_in = wanted.expires_in.map(|SpanText(text)| span("expires_in", &text)).transpose()?;
    if expires_in.is_some_and(|span| span.as_secs() < 1) {
        return Err(Problem::in_body("expires_in", "it must be at least 1s"));
    }
    let token = NewToken {
        client: Arc::clone(&client.id),
        registration: client.registration,
        sub: wanted.sub.map(Into::into),
        email: wanted.email.map(Into::into),
        scope: scope.to_string().into(),
        expires_in,
    };
    let issued = sandbox.issue(token, &base_url).await?;
    let mut shown = describe(&sandbox, &issued.token).await?;
    shown["access_token"] = issued.text.into();
    Ok((StatusCode::CREATED, Pretty(shown)).into_response())
}

/// `GET /__admin/tokens`: those issued last, newest first; the tokens themselves are not shown.
pub(super) async fn list_tokens(
    World(sandbox): World,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let limit = page_size(paging.limit);
    // The id of a token has no plus.
    let after = paging.after.map(|after| after.spaced);
    let page = sandbox.tokens.page(after.as_deref(), limit).await?;
    let RecordPage { records, matching, next } = page_after("access token", after.as_deref(), page)?;
    let mut tokens = Vec::with_capacity(records.len());
    for token in records {
        tokens.push(describe(&sandbox, &token).await?);
    }
    Ok(Pretty(json!({ "tokens": tokens, "matching": matching, "next": next })))
}

/// `GET /__admin/tokens/{id}`, by its id or by the whole token.
pub(super) async fn show_token(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Id(id): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    let token = find(&app, &sandbox, &id).await?;
    Ok(Pretty(describe(&sandbox, &token).await?))
}

/// `DELETE /__admin/tokens/{id}`, by its id or by the whole token: it is revoked at once.
pub(super) async fn revoke_token(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let token = find(&app, &sandbox, &id).await?;
    match sandbox.tokens.revoke(&token, sandbox.clock.now()).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(RevokeError::TooMany) => Err(Problem::new(
            StatusCode::CONFLICT,
            "Too many tokens are revoked that could still pass; expire all of them: DELETE /__admin/tokens.",
        )),
        Err(RevokeError::Store(error)) => Err(error.into()),
    }
}

/// `DELETE /__admin/tokens`: expires every token that was issued until now.
pub(super) async fn expire_tokens(World(sandbox): World) -> Result<Pretty<impl Serialize>, Problem> {
    let mut passing = 0;
    for token in sandbox.tokens.list().await? {
        passing += usize::from(sandbox.judge_token(&token).await?.is_none());
    }
    sandbox.tokens.expire_all().await?;
    Ok(Pretty(json!({ "expired": passing })))
}

async fn find(app: &App, sandbox: &Arc<Sandbox>, id: &str) -> Result<Arc<AccessToken>, Problem> {
    let found = match app.sandboxes.token(id).await? {
        FoundToken::Ours(its, token) if Arc::ptr_eq(&its, sandbox) => Some(token),
        _ => sandbox.tokens.get(id).await?,
    };
    // An error must not repeat a whole token.
    let shown: String = id.chars().take(40).collect();
    found.ok_or_else(|| Problem::not_found("access token", &shown))
}

async fn describe(sandbox: &Sandbox, token: &AccessToken) -> Result<Value, StoreError> {
    let status = match sandbox.judge_token(token).await? {
        None if !sandbox.clients().get(&token.client_id).await?.is_some_and(|client| token.is_of(&client)) => "revoked",
        None => "active",
        Some(TokenFault::Expired(_) | TokenFault::AllExpired) => "expired",
        Some(TokenFault::Revoked) => "revoked",
    };
    Ok(json!({
        "id": token.jti,
        "status": status,
        "client_id": token.client_id,
        "sub": token.sub,
        "email": token.email,
        "scope": token.scope,
        "issued_at": Timestamp::from_second(token.iat).ok(),
        "expires_at": Timestamp::from_second(token.exp).ok(),
    }))
}
