//! `/__admin/clients`: the apps that may ask for tokens in a sandbox, and their keys.

use super::{Pretty, paging::Paging};
use crate::{
    app::App,
    base::position::brief,
    domain::oauth::{Client, KeyError, PublicKey, Scope, Scopes, SecretDigest, is_client_id},
    http::{
        admin::extract::{Fields, Id, Params, World},
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
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterClient {
    client_id: Option<String>,
    client_secret: Option<String>,
    public_key: Option<String>,
    jwks: Option<Value>,
    kid: Option<String>,
    scopes: Option<Vec<String>>,
}

/// Keys to be registered: exactly one of the two ways to write them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedKeys {
    /// PEM.
    public_key: Option<String>,
    /// A JWKS, or a JWK.
    jwks: Option<Value>,
    /// The name that a PEM key gets.
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
            (None, Some(_)) if self.kid.is_some() => {
                Err(Problem::in_body("kid", "it goes with \"public_key\"; a JWK has a \"kid\" of its own"))
            }
            (None, Some(jwks)) => PublicKey::read(&jwks.to_string()).map_err(refuse("jwks")),
            _ => Err(Problem::bad_request(
                "Give the client's public key, either as \"public_key\" (PEM) or as \"jwks\" (a JWKS).",
            )),
        }
    }
}

/// `POST /__admin/clients`: registers one; its secret is shown here and nowhere else.
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
            let problem = format!("{id:?} must be \"client_\" and 32 hexadecimal digits in lower case");
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
            return Err(Problem::in_body("client_secret", "it is empty; leave it out to have one drawn"));
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
    let mut shown = describe(&sandbox, &client);
    shown["client_secret"] = secret.into();
    Ok((StatusCode::CREATED, Pretty(shown)).into_response())
}

/// `GET /__admin/clients`: in order of registration.
pub(super) async fn list_clients(
    World(sandbox): World,
    Params(paging): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let (clients, show) = (sandbox.clients().list().await?, |client: &Arc<Client>| describe(&sandbox, client));
    paging.of("clients", "client", &clients, |client| &client.id, show).map(Pretty)
}

/// `GET /__admin/clients/{id}`.
pub(super) async fn show_client(World(sandbox): World, Id(id): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let client = sandbox.clients().get(&id).await?.ok_or_else(|| unknown(&id))?;
    Ok(Pretty(describe(&sandbox, &client)))
}

/// `DELETE /__admin/clients/{id}`: its tokens are refused from then on.
pub(super) async fn delete_client(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    if app.sandboxes.unregister(&sandbox, &id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&id)) }
}

/// `POST /__admin/clients/{id}/keys`: adds keys; existing ones stay until they are retired.
pub(super) async fn add_keys(
    World(sandbox): World,
    Id(id): Id,
    Fields(wanted): Fields<WantedKeys>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let keys = wanted.read()?;
    changed(&sandbox, &id, sandbox.clients().change(&id, |client| client.add_keys(keys.clone())).await?)
}

/// `DELETE /__admin/clients/{id}/keys/{kid}`: what it signed is refused from then on.
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

fn changed<E: Into<Problem>>(sandbox: &Sandbox, id: &str, update: Update<Client, E>) -> Result<Pretty<Value>, Problem> {
    match update {
        Update::Done(client) => Ok(Pretty(describe(sandbox, &client))),
        Update::Refused(refusal, _) => Err(refusal.into()),
        Update::Missing => Err(unknown(id)),
    }
}

/// The client and the key in the path.
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

fn describe(sandbox: &Sandbox, client: &Client) -> Value {
    json!({
        "client_id": client.id,
        "sandbox": sandbox.name(),
        "scopes": client.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
        "has_secret": client.secret.is_some(),
        "keys": client.keys,
        "created_at": client.created_at,
    })
}

fn unknown(id: &str) -> Problem {
    Problem::not_found("client", id)
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::new(StatusCode::CONFLICT, format!("The key cannot be taken: {error}"))
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
