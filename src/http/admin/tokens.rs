//! `/__admin/tokens`: issuing, listing and revoking the access tokens of a sandbox.

use super::{
    answers::Conflict,
    clock::span,
    paging::{Paging, page_after, page_size},
};
use crate::{
    app::App,
    base::{
        chance::SpanText,
        names::control_problem,
        position::brief,
        reading::quoted,
        schema::{ClientId, GivenSpan, TokenId},
    },
    domain::{
        contract::email_problem,
        oauth::{AccessToken, Scopes, built_in},
    },
    http::{
        admin::extract::{Fields, Id, Params, World},
        base_url::Base,
        pretty::Pretty,
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
use std::sync::Arc;
use utoipa::ToSchema;

/// Maximum length of the user id in a token, in characters; the same as in an assertion.
const LONGEST: usize = 512;

/// A token to issue without an assertion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(super) struct IssueToken {
    /// Defaults to the sandbox's own client.
    #[schema(value_type = Option<ClientId>)]
    client_id: Option<String>,
    /// The user the token acts for, by their id in the client's system.
    #[schema(min_length = 1, max_length = 512)]
    sub: Option<String>,
    #[schema(format = Email, max_length = 512)]
    email: Option<String>,
    /// Scopes, separated by spaces; defaults to all scopes of the client.
    scope: Option<String>,
    /// Lifetime of the token; defaults to the sandbox's token lifetime.
    #[schema(value_type = Option<GivenSpan>)]
    expires_in: Option<SpanText>,
}

/// An access token (T5).
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenView {
    #[schema(value_type = TokenId)]
    id: Arc<str>,
    status: TokenStatus,
    #[schema(value_type = ClientId)]
    client_id: Arc<str>,
    /// The user the token acts for, by their id in the client's system; null if it is not bound to a user.
    #[schema(required)]
    sub: Option<Arc<str>>,
    #[schema(required)]
    email: Option<Arc<str>>,
    scope: Box<str>,
    #[schema(required)]
    issued_at: Option<Timestamp>,
    #[schema(required)]
    expires_at: Option<Timestamp>,
    /// Only shown when the token is issued through this API.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
}

/// Whether the token is accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TokenStatus {
    Active,
    Expired,
    Revoked,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(super) struct TokenPage {
    #[schema(max_items = 1000)]
    tokens: Vec<TokenView>,
    /// Number of matching entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    next: Option<Arc<str>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Expired {
    /// Number of tokens that were valid until now, among those that are listed.
    expired: usize,
}

/// Issue an access token without an assertion
///
/// For tests that do not exercise the token endpoint.
#[utoipa::path(
    post, path = "/__admin/tokens", tag = "tokens",
    params(World),
    request_body = Option<IssueToken>,
    responses((status = 201, description = "The token.", body = TokenView))
)]
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
            return Err(Problem::in_body(name, format!("it is longer than {LONGEST} characters; shorten it")));
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
    let shown = TokenView { access_token: Some(issued.text), ..describe(&sandbox, &issued.token).await? };
    Ok((StatusCode::CREATED, Pretty(shown)).into_response())
}

/// List access tokens, newest first
///
/// The tokens themselves are not shown.
#[utoipa::path(
    get, path = "/__admin/tokens", tag = "tokens",
    params(Paging, World),
    responses((status = 200, description = "A page of tokens.", body = TokenPage))
)]
pub(super) async fn list_tokens(
    World(sandbox): World,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let limit = page_size(paging.limit);
    // The id of a token contains no plus sign, so both readings are equal.
    let after = paging.after.map(|after| after.spaced);
    let page = sandbox.tokens.page(after.as_deref(), limit).await?;
    let RecordPage { records, matching, next } = page_after("access token", after.as_deref(), page)?;
    let mut tokens = Vec::with_capacity(records.len());
    for token in records {
        tokens.push(describe(&sandbox, &token).await?);
    }
    Ok(Pretty(TokenPage { tokens, matching, next }))
}

/// Get an access token
#[utoipa::path(
    get, path = "/__admin/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The token's id, or the whole token."), World),
    responses((status = 200, description = "The token.", body = TokenView))
)]
pub(super) async fn show_token(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Id(id): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    let token = find(&app, &sandbox, &id).await?;
    Ok(Pretty(describe(&sandbox, &token).await?))
}

/// Revoke an access token
#[utoipa::path(
    delete, path = "/__admin/tokens/{id}", tag = "tokens",
    params(("id" = String, Path, description = "The token's id, or the whole token."), World),
    responses(
        (status = 204, description = "The token is revoked."),
        (status = 409, response = Conflict)
    )
)]
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
            "Too many unexpired tokens are revoked already; expire all tokens with DELETE /__admin/tokens.",
        )),
        Err(RevokeError::Store(error)) => Err(error.into()),
    }
}

/// Expire all access tokens
///
/// Tokens issued later are not affected.
#[utoipa::path(
    delete, path = "/__admin/tokens", tag = "tokens",
    params(World),
    responses((status = 200, description = "The number of expired tokens.", body = Expired))
)]
pub(super) async fn expire_tokens(World(sandbox): World) -> Result<Pretty<impl Serialize>, Problem> {
    let mut passing = 0;
    for token in sandbox.tokens.list().await? {
        passing += usize::from(sandbox.judge_token(&token).await?.is_none());
    }
    sandbox.tokens.expire_all().await?;
    Ok(Pretty(Expired { expired: passing }))
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

async fn describe(sandbox: &Sandbox, token: &AccessToken) -> Result<TokenView, StoreError> {
    let status = match sandbox.judge_token(token).await? {
        None if !sandbox.clients().get(&token.client_id).await?.is_some_and(|client| token.is_of(&client)) => {
            TokenStatus::Revoked
        }
        None => TokenStatus::Active,
        Some(TokenFault::Expired(_) | TokenFault::AllExpired) => TokenStatus::Expired,
        Some(TokenFault::Revoked) => TokenStatus::Revoked,
    };
    Ok(TokenView {
        id: Arc::clone(&token.jti),
        status,
        client_id: Arc::clone(&token.client_id),
        sub: token.sub.clone(),
        email: token.email.clone(),
        scope: token.scope.clone(),
        issued_at: Timestamp::from_second(token.iat).ok(),
        expires_at: Timestamp::from_second(token.exp).ok(),
        access_token: None,
    })
}
