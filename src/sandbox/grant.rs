//! Token grants in a sandbox: from an assertion to an access token or an error (T1 to T5).

use super::{ConsultError, Consulted, FoundSandbox, Issuing, Sandbox, Sandboxes, Scripted, issuing::second};
use crate::{
    base::{clock::Clock, urls::BaseUrl},
    config::{AssertionClock, AssertionNames, EmailRule},
    domain::{
        actor::Actor,
        contract::Advice,
        oauth::{
            AccessToken, Assertion, AssertionJudgement, Client,
            ErrorCode::{InvalidClient, InvalidGrant, InvalidScope},
            Grant, Ground, Issuer, JudgedAssertion, ReplayError, Scopes, Shown, TokenError, TokenRequest, When,
            refuse_claim,
        },
        scenario::{ActorFlags, Chosen, ChosenBy, Facts, LazyBody, Obstacle, Outcome, ScenarioEndpoint},
    },
    store::StoreError,
};
use jiff::SignedDuration;
use std::sync::Arc;

/// The result of a token request.
#[derive(Debug)]
pub struct Granted {
    /// The sandbox that the request belongs to.
    pub sandbox: Arc<Sandbox>,
    /// The client that sent the request, once authenticated.
    pub client: Option<Arc<str>>,
    /// The assertion with the result for each claim; `None` if it is not a signed JWT or was not examined.
    pub assertion: Option<JudgedAssertion>,
    /// What is allowed, but probably not meant.
    pub advices: Vec<Advice>,
    /// The token, or the error.
    pub result: Result<Issued, TokenError>,
    /// The rule that decided; `None` if the request was refused before any rule was consulted.
    pub chosen: Option<Chosen>,
    /// The version of the scenario set that the request was matched against, if it was.
    pub scenarios: Option<u64>,
    /// The scenario's answer, if one decided, and the user that it may name.
    pub scripted: Option<(Scripted, Actor)>,
}

/// Why a token request has no result.
#[derive(Debug, thiserror::Error)]
pub enum GrantFailure {
    /// The sandbox was reset while the request was being received. Nothing was issued or used up.
    #[error("the sandbox was reset while the request was being received; send it again")]
    ResetMeanwhile,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Clone, Debug)]
pub struct Issued {
    /// The token as sent to the client.
    pub text: String,
    pub token: Arc<AccessToken>,
    /// Lifetime in seconds.
    pub expires_in: i64,
}

#[derive(Clone, Debug)]
pub struct NewToken {
    pub client: Arc<str>,
    /// The [registration](Client::registration) of the client.
    pub registration: u64,
    /// The user's id in the client's system.
    pub sub: Option<Arc<str>>,
    pub email: Option<Arc<str>>,
    pub scope: Box<str>,
    /// Lifetime; defaults to the sandbox's setting.
    pub expires_in: Option<SignedDuration>,
}

#[derive(Debug)]
pub enum FoundClient {
    Registered(Arc<Sandbox>, Arc<Client>),
    /// The client no longer exists, for this reason.
    Gone(&'static str),
    Unknown,
}

impl Sandboxes {
    #[must_use]
    pub fn issuing(&self) -> &Issuing {
        &self.issuing
    }

    pub async fn client(&self, id: &str) -> Result<FoundClient, StoreError> {
        Ok(match self.by_credential(id) {
            FoundSandbox::Sandbox(sandbox) => match sandbox.clients().get(id).await? {
                Some(client) => FoundClient::Registered(sandbox, client),
                None => FoundClient::Unknown,
            },
            FoundSandbox::Gone(why) => FoundClient::Gone(why),
            FoundSandbox::Unknown => FoundClient::Unknown,
        })
    }

    async fn client_if_named(&self, id: Option<&str>) -> Result<FoundClient, StoreError> {
        match id {
            Some(id) => self.client(id).await,
            None => Ok(FoundClient::Unknown),
        }
    }

    /// Judges a token request and issues the token. `base_url` is how the caller reaches the server, `began` the value
    /// of [`Sandboxes::resets`] when the request arrived, and `fallback` the sandbox of a request that names no client.
    ///
    /// # Errors
    /// [`GrantFailure::ResetMeanwhile`] when the sandbox was reset after the request arrived, or when the store is
    /// unavailable.
    pub async fn grant(
        &self,
        request: &TokenRequest,
        base_url: &BaseUrl,
        began: u64,
        fallback: &Arc<Sandbox>,
    ) -> Result<Granted, GrantFailure> {
        let assertion = Assertion::read(&request.assertion);
        let shown = request.shown.as_ref().map(|shown| &*shown.id);
        let iss = assertion.as_ref().ok().and_then(Assertion::unverified_issuer);
        let found = self.client_if_named(iss).await?;
        // An unauthenticated request belongs to the sandbox of the client that it names.
        let named = self.client_if_named(shown).await?;
        let authenticated = request.shown.as_ref().map(|shown| authenticate(shown, &named)).transpose();
        let sandbox = match (&found, &named) {
            (FoundClient::Registered(sandbox, _), _) | (_, FoundClient::Registered(sandbox, _)) => Arc::clone(sandbox),
            _ => Arc::clone(fallback),
        };
        if sandbox.born() > began {
            return Err(GrantFailure::ResetMeanwhile);
        }
        let refused = |result| Granted {
            sandbox: Arc::clone(&sandbox),
            client: None,
            assertion: None,
            advices: Vec::new(),
            result: Err(result),
            chosen: None,
            scenarios: None,
            scripted: None,
        };
        let assertion = match (authenticated, assertion) {
            (Err(error), _) | (Ok(_), Err(error)) => return Ok(refused(error)),
            (Ok(_), Ok(assertion)) => assertion,
        };
        let issuer = match &found {
            FoundClient::Registered(_, client) => Issuer::Registered(client),
            FoundClient::Gone(why) => Issuer::Gone(why),
            FoundClient::Unknown => Issuer::Unknown,
        };
        // Read once, so that an assertion judged valid is also remembered until it ends.
        let when = sandbox.when();
        let AssertionJudgement { result, advices, mut fates } = assertion.judge(&Ground {
            client: issuer,
            audience: &self.issuing.audience,
            token_url: &base_url.token_endpoint(),
            when,
            names_required: sandbox.switches().assertion_names == AssertionNames::Required,
            ascii_emails: sandbox.switches().email == EmailRule::Ascii,
        });
        let client = result.as_ref().ok().map(|grant| Arc::clone(&grant.client));
        let granted = result.and_then(|grant| {
            if let Some(shown) = shown.filter(|shown| **shown != *grant.client) {
                return Err(TokenError::new(
                    InvalidGrant,
                    &format!("The assertion's iss is '{}', but the request's client_id is '{shown}'.", grant.client),
                ));
            }
            let scopes = narrowed(grant.scopes, request.scope.as_deref())?;
            Ok((grant, scopes))
        });
        let granted = match granted {
            Ok((grant, scopes)) => match sandbox.use_up(&grant, when).await? {
                Ok(()) => Ok((grant, scopes)),
                Err(replay) => Err(refuse_claim(&mut fates, "jti", &replay.to_string())),
            },
            Err(refusal) => Err(refusal),
        };
        let (mut chosen, mut scenarios, mut scripted) = (None, None, None);
        let wanted = match granted {
            Ok((grant, scopes)) => match sandbox.take_token_script(&grant, assertion.claims_text()).await {
                Ok(consulted) => {
                    scripted = consulted.scripted;
                    scenarios = Some(consulted.version);
                    chosen = Some(scripted.as_ref().map_or_else(good, Scripted::chosen));
                    token_for(&grant, scopes, scripted.as_ref())
                }
                Err(ConsultError::TooCostly(error)) => {
                    Err(TokenError::new(InvalidGrant, &format!("The mock cannot answer: {error}.")))
                }
                Err(ConsultError::Store(error)) => return Err(error.into()),
            },
            Err(error) => Err(error),
        };
        let result = match wanted {
            Ok(token) => Ok(sandbox.issue(token, base_url).await?),
            Err(refusal) => Err(refusal),
        };
        let scripted = scripted.map(|scripted| (scripted, assertion.user()));
        let assertion = Some(assertion.judged(fates));
        Ok(Granted { sandbox, client, assertion, advices, result, chosen, scenarios, scripted })
    }
}

/// Authenticates a client (T4). `found` is the result of looking up its id.
fn authenticate(shown: &Shown, found: &FoundClient) -> Result<(), TokenError> {
    let refuse = |problem: &str| Err(TokenError::new(InvalidClient, problem));
    match found {
        FoundClient::Registered(_, client) => match &shown.secret {
            Some(_) if client.secret.is_none() => {
                refuse("The client has no client_secret; leave it out, because the assertion authenticates the client.")
            }
            Some(secret) if !client.has_secret(secret) => refuse("The client_secret is wrong."),
            _ => Ok(()),
        },
        FoundClient::Gone(why) => refuse(&format!("The client '{}' no longer exists: {why}.", shown.id)),
        FoundClient::Unknown => refuse(&format!(
            "There is no client '{}'; register it with POST /__admin/clients or --client-key.",
            shown.id.chars().take(80).collect::<String>()
        )),
    }
}

fn good() -> Chosen {
    Chosen { by: ChosenBy::Default, why: "the assertion is valid, and no scenario matches".into() }
}

/// The assertion's scopes, or the requested subset of them.
fn narrowed(granted: Scopes, asked: Option<&str>) -> Result<Scopes, TokenError> {
    let Some(asked) = asked else { return Ok(granted) };
    let asked = Scopes::read(asked)?;
    let beyond = asked.beyond(granted);
    if beyond.is_empty() {
        Ok(asked)
    } else {
        let problem = format!("The scope parameter asks for '{beyond}', which the assertion's scope does not include.");
        Err(TokenError::new(InvalidScope, &problem))
    }
}

/// The token for a valid assertion, or an error if a scenario says so.
fn token_for(grant: &Grant, scopes: Scopes, scripted: Option<&Scripted>) -> Result<NewToken, TokenError> {
    let answer = scripted.and_then(Scripted::answer);
    let terms = answer.map(|answer| answer.token.clone()).unwrap_or_default();
    if let Some(Outcome::Obstacle(Obstacle::Error { description })) = answer.map(|answer| &answer.outcome) {
        return Err(TokenError::new(terms.error.unwrap_or(InvalidGrant), description));
    }
    Ok(NewToken {
        client: Arc::clone(&grant.client),
        registration: grant.registration,
        sub: Some((*grant.sub).into()),
        email: Some((*grant.email).into()),
        scope: terms.scope.unwrap_or_else(|| scopes.to_string().into()),
        expires_in: terms.expires_in,
    })
}

impl Sandbox {
    /// The clocks that judge assertions in this sandbox.
    #[must_use]
    pub fn when(&self) -> When {
        let system_now = (self.switches().assertion_clock == AssertionClock::Either).then(Clock::system_now);
        When { now: self.clock.now(), system_now, skew: self.switches().clock_skew }
    }

    /// Accepts an assertion once.
    async fn use_up(&self, grant: &Grant, when: When) -> Result<Result<(), ReplayError>, StoreError> {
        // An assertion is forgotten when neither clock would accept it any more.
        let When { now, system_now, .. } = when;
        let now = system_now.map_or(now, |system| system.min(now));
        self.assertions.use_up(&grant.client, &grant.jti, grant.end, now.as_second()).await
    }

    /// The scenario's answer to a request with a valid assertion.
    async fn take_token_script(&self, grant: &Grant, claims: &[u8]) -> Result<Consulted, ConsultError> {
        let body = LazyBody::new(claims);
        let facts = Facts {
            email: &grant.email,
            external_user_id: &grant.sub,
            intent: "",
            handoff_id: "",
            source: "",
            body: &body,
        };
        // Token scenarios do not wait for actors.
        self.scripts.take(ScenarioEndpoint::Token, &facts, |_| (ActorFlags::default(), self.clock.now())).await
    }

    /// Issues a token. Its `iss` is derived from `base_url`, the URL at which the caller reaches the server.
    pub async fn issue(&self, new: NewToken, base_url: &BaseUrl) -> Result<Issued, StoreError> {
        let now = self.clock.now();
        let expires_in = new.expires_in.unwrap_or(self.switches().token_ttl).as_secs();
        let mut token = AccessToken {
            iss: base_url.issuer().into(),
            aud: Arc::clone(&self.lasting.issuing.audience),
            jti: self.new_token_id().await?,
            client_id: new.client,
            registration: new.registration,
            sub: new.sub,
            email: new.email,
            scope: new.scope,
            iat: now.as_second(),
            exp: second(now).saturating_add(expires_in),
            sandbox: Arc::clone(&self.lasting.name),
            epoch: self.tokens.epoch().await?,
        };
        loop {
            let listed = Arc::new(token);
            if self.tokens.list_issued(&listed).await? {
                return Ok(Issued { text: self.lasting.issuing.sign(&listed), token: listed, expires_in });
            }
            token = AccessToken { jti: self.new_token_id().await?, ..Arc::unwrap_or_clone(listed) };
        }
    }
}
