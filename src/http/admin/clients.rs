//! `/__admin/clients`: the applications that can request tokens in a sandbox, and their keys.

use super::{
    answers::Conflict,
    paging::{ListPage, Paging},
};
use crate::{
    app::App,
    base::{
        position::brief,
        schema::{ClientId, SandboxName},
    },
    domain::oauth::{Client, KeyError, PublicKey, Scope, Scopes, SecretDigest, is_client_id},
    http::{
        admin::extract::{Fields, Id, Params, World},
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::{RegisterError, Sandbox},
    store::Update,
};
use axum::{
    extract::{FromRequestParts, Path, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewClient)]
pub(super) struct RegisterClient {
    /// Generated if omitted.
    #[schema(value_type = Option<ClientId>)]
    client_id: Option<String>,
    /// Generated if omitted.
    #[schema(min_length = 1)]
    client_secret: Option<String>,
    /// A PEM block: PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE. Give either this or `jwks`.
    public_key: Option<String>,
    /// A JWKS or a single JWK (RFC 7517).
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// The key id of a PEM key; defaults to its thumbprint (RFC 7638).
    #[schema(min_length = 1, max_length = 200)]
    kid: Option<String>,
    /// Scopes that the client may request; all if omitted.
    #[schema(value_type = Option<Vec<Scope>>, min_items = 1)]
    scopes: Option<Vec<String>>,
}

/// A client: an application that can request access tokens (T4).
#[derive(Serialize, ToSchema)]
#[schema(as = Client)]
pub(super) struct ClientView {
    #[schema(value_type = ClientId)]
    client_id: Arc<str>,
    #[schema(value_type = SandboxName)]
    sandbox: String,
    scopes: Vec<Scope>,
    has_secret: bool,
    /// Its public keys, oldest first.
    #[schema(max_items = 16)]
    keys: Vec<PublicKey>,
    created_at: Timestamp,
    /// Only shown once, when the client is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Clients)]
pub(super) struct ClientPage {
    #[schema(max_items = 1000)]
    clients: Vec<ClientView>,
    /// Number of entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// Keys to register, given as either PEM or a JWKS.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKeys)]
pub(super) struct WantedKeys {
    /// A PEM block: PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE. Give either this or `jwks`.
    public_key: Option<String>,
    /// A JWKS or a single JWK (RFC 7517).
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// The key id of a PEM key; defaults to its thumbprint (RFC 7638).
    #[schema(min_length = 1, max_length = 200)]
    kid: Option<String>,
}

impl WantedKeys {
    fn read(&self) -> Result<Vec<PublicKey>, Problem> {
        let refuse = |member: &'static str| move |error: KeyError| Problem::in_body(member, error);
        match (&self.public_key, &self.jwks) {
            (Some(pem), None) => {
                let key = PublicKey::from_pem(pem).map_err(refuse("public_key"))?;
                let key = match &self.kid {
                    Some(kid) => key.under(kid).map_err(refuse("kid"))?,
                    None => key,
                };
                Ok(vec![key])
            }
            (None, Some(_)) if self.kid.is_some() => Err(Problem::in_body(
                "kid",
                "it can only be given with \"public_key\"; write the \"kid\" of a JWK inside the JWK",
            )),
            (None, Some(jwks)) => PublicKey::read(&jwks.to_string()).map_err(refuse("jwks")),
            (Some(_), Some(_)) => Err(Problem::bad_request(
                "In the body: \"public_key\" and \"jwks\" cannot be given together; remove one.",
            )),
            (None, None) => Err(Problem::bad_request(
                "In the body: neither \"public_key\" (PEM) nor \"jwks\" (a JWKS) is given; give one of them.",
            )),
        }
    }
}

/// Register a client
///
/// Unsuitable keys are refused with the reason: private keys, RSA keys shorter than 2048 bits, and keys for other
/// algorithms.
#[utoipa::path(
    post, path = "/__admin/clients", tag = "tokens",
    params(World),
    request_body = RegisterClient,
    responses(
        (status = 201, description = "The client, with its secret.", body = ClientView),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn create_client(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Fields(wanted): Fields<RegisterClient>,
) -> Result<Response, Problem> {
    let keys = WantedKeys { public_key: wanted.public_key, jwks: wanted.jwks, kid: wanted.kid }.read()?;
    let id = match wanted.client_id {
        Some(id) if is_client_id(&id) => id,
        Some(id) => {
            let id = brief(&id);
            let problem = format!("{id:?} must be \"client_\" followed by 32 lower-case hexadecimal digits");
            return Err(Problem::in_body("client_id", problem));
        }
        None => app.sandboxes.draw("client_", 32),
    };
    let scopes = match &wanted.scopes {
        None => Scopes::all(),
        Some(scopes) => {
            Scopes::read(&scopes.join(" ")).map_err(|error| Problem::in_body("scopes", error.description))?
        }
    };
    let secret = match wanted.client_secret {
        Some(secret) if secret.is_empty() => {
            return Err(Problem::in_body("client_secret", "it is empty; leave it out to have one generated"));
        }
        Some(secret) => secret,
        None => app.sandboxes.draw("cs_", 40),
    };
    let mut client = Client {
        id: id.into(),
        secret: Some(SecretDigest::of(&secret)),
        keys: Vec::new(),
        scopes,
        created_at: sandbox.clock.now(),
        registration: 0,
    };
    client.add_keys(keys)?;
    let client = app.sandboxes.register(&sandbox, client).await?;
    let shown = ClientView { client_secret: Some(secret), ..ClientView::of(&sandbox, &client) };
    Ok((StatusCode::CREATED, Pretty(shown)).into_response())
}

/// List clients, in order of registration
#[utoipa::path(
    get, path = "/__admin/clients", tag = "tokens",
    params(Paging, World),
    responses((status = 200, description = "A page of clients.", body = ClientPage))
)]
pub(super) async fn list_clients(
    World(sandbox): World,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let (clients, show) = (sandbox.clients().list().await?, |client: &Arc<Client>| ClientView::of(&sandbox, client));
    let ListPage { entries, matching, next } = paging.of("client", &clients, |client| &client.id, show)?;
    Ok(Pretty(ClientPage { clients: entries, matching, next }))
}

/// Get a client
#[utoipa::path(
    get, path = "/__admin/clients/{id}", tag = "tokens",
    params(("id" = ClientId, Path, description = "The client's id."), World),
    responses((status = 200, description = "The client.", body = ClientView))
)]
pub(super) async fn show_client(World(sandbox): World, Id(id): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let client = sandbox.clients().get(&id).await?.ok_or_else(|| unknown(&id))?;
    Ok(Pretty(ClientView::of(&sandbox, &client)))
}

/// Delete a client
///
/// Its tokens are refused from then on.
#[utoipa::path(
    delete, path = "/__admin/clients/{id}", tag = "tokens",
    params(("id" = ClientId, Path, description = "The client's id."), World),
    responses((status = 204, description = "The client is deleted."))
)]
pub(super) async fn delete_client(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if app.sandboxes.unregister(&sandbox, &id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}

/// Add keys to a client
///
/// Existing keys stay until they are retired.
#[utoipa::path(
    post, path = "/__admin/clients/{id}/keys", tag = "tokens",
    params(("id" = ClientId, Path, description = "The client's id."), World),
    request_body = WantedKeys,
    responses(
        (status = 200, description = "The client.", body = ClientView),
        (status = 409, response = Conflict)
    )
)]
pub(super) async fn add_keys(
    World(sandbox): World,
    Id(id): Id,
    Fields(wanted): Fields<WantedKeys>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let keys = wanted.read()?;
    changed(&sandbox, &id, sandbox.clients().change(&id, |client| client.add_keys(keys.clone())).await?)
}

/// Retire a key of a client
///
/// Assertions signed with this key are refused from then on. Access tokens that were already issued stay valid.
#[utoipa::path(
    delete, path = "/__admin/clients/{id}/keys/{kid}", tag = "tokens",
    params(("id" = ClientId, Path, description = "The client's id."), ("kid" = String, Path, description = "The key's `kid`, or its thumbprint (RFC 7638)."), World),
    responses((status = 200, description = "The client.", body = ClientView))
)]
pub(super) async fn retire_key(
    World(sandbox): World,
    IdAndKid { id, kid }: IdAndKid,
) -> Result<Pretty<impl Serialize>, Problem> {
    let retire = |client: &mut Client| {
        if client.retire_key(&kid) {
            return Ok(());
        }
        Err(Problem::unknown_name("key", &kid, client.keys.iter().map(|key| &**key.kid())))
    };
    changed(&sandbox, &id, sandbox.clients().change(&id, retire).await?)
}

fn changed<E: Into<Problem>>(
    sandbox: &Sandbox,
    id: &str,
    update: Update<Client, E>,
) -> Result<Pretty<ClientView>, Problem> {
    match update {
        Update::Done(client) => Ok(Pretty(ClientView::of(sandbox, &client))),
        Update::Refused(refusal, _) => Err(refusal.into()),
        Update::Missing => Err(unknown(id)),
    }
}

/// The client id and the key id in the path.
pub(super) struct IdAndKid {
    id: String,
    kid: String,
}

impl<S: Send + Sync> FromRequestParts<S> for IdAndKid {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<(String, String)>::from_request_parts(parts, state).await {
            Ok(Path((id, kid))) => Ok(Self { id, kid }),
            Err(_) => Err(Problem::bad_request("In the path: an id is not percent-encoded UTF-8; write %C3%A9 for é.")),
        }
    }
}

impl ClientView {
    fn of(sandbox: &Sandbox, client: &Client) -> Self {
        Self {
            client_id: Arc::clone(&client.id),
            sandbox: sandbox.name().to_owned(),
            scopes: client.scopes.iter().collect(),
            has_secret: client.secret.is_some(),
            keys: client.keys.clone(),
            created_at: client.created_at,
            client_secret: None,
        }
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found("client", id)
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::new(StatusCode::CONFLICT, format!("The key was not accepted: {error}"))
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        let code = match error {
            RegisterError::Exists(_) | RegisterError::TooMany | RegisterError::Full => StatusCode::CONFLICT,
            RegisterError::Store(error) => return error.into(),
            RegisterError::Gone => StatusCode::NOT_FOUND,
        };
        Self::new(code, format!("The client was not registered: {error}"))
    }
}
