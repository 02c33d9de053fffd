//! Validates assertions claim by claim (T2; RFC 7521, RFC 7523).
//!
//! Every claim is judged, even after an earlier one was refused: the answer reports the first refusal, the journal all
//! of them. `replay` checks whether a `jti` was used before.

use super::{
    ErrorCode, TokenError,
    claims::{KNOWN, advice, judge_aud, judge_email, judge_name, judge_scope, judge_sub, kind, text},
    client::{Client, Scopes, is_client_id},
    error::Quoted,
    fate::{Bench, Fate, JudgedAssertion, Verdict},
    jws::Jws,
    times::{Times, When},
};
use crate::domain::{actor::Actor, contract::Advice};
use serde_json::Value;
use std::sync::Arc;

/// A parsed assertion that has not been judged yet.
#[derive(Clone, Debug)]
pub struct Assertion<'t> {
    jws: Jws<'t>,
}

/// What an assertion is judged against.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'g> {
    /// The client that `iss` names.
    pub client: Issuer<'g>,
    /// The required `aud`.
    pub audience: &'g str,
    /// The URL of the token endpoint.
    pub token_url: &'g str,
    /// The clock to use, and its tolerance.
    pub when: When,
    /// Whether `given_name` and `family_name` are required.
    pub names_required: bool,
    /// Whether internationalised emails are refused (R13).
    pub ascii_emails: bool,
}

/// The result of looking up an assertion's `iss`.
#[derive(Clone, Copy, Debug)]
pub enum Issuer<'g> {
    Registered(&'g Client),
    /// The client no longer exists, for this reason.
    Gone(&'g str),
    /// No such client is registered.
    Unknown,
    /// The registry was not consulted.
    Unasked,
}

/// What an accepted assertion grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub client: Arc<str>,
    /// The [registration](Client::registration) of the client.
    pub registration: u64,
    /// The user's id in the client's system.
    pub sub: Box<str>,
    pub email: Box<str>,
    pub scopes: Scopes,
    /// Accepted only once.
    pub jti: Box<str>,
    /// The last second at which the assertion could be valid.
    pub end: i64,
}

#[derive(Debug)]
pub struct AssertionJudgement {
    /// The grant, or the first reason for refusing it.
    pub result: Result<Grant, TokenError>,
    /// What is allowed, but probably not meant.
    pub advices: Vec<Advice>,
    /// The result for each claim.
    pub fates: Vec<Fate>,
}

impl<'t> Assertion<'t> {
    /// Parses an assertion.
    ///
    /// # Errors
    /// `invalid_grant` when it is not a signed JWT.
    pub fn read(text: &'t str) -> Result<Self, TokenError> {
        match Jws::read(text) {
            Ok(jws) => Ok(Self { jws }),
            Err(problem) => Err(TokenError::new(ErrorCode::InvalidGrant, &format!("The assertion {problem}."))),
        }
    }

    /// The client that it claims to come from. Not verified.
    #[must_use]
    pub fn unverified_issuer(&self) -> Option<&str> {
        self.jws.claims.get("iss").and_then(Value::as_str)
    }

    /// The claims as they were written.
    #[must_use]
    pub fn claims_text(&self) -> &[u8] {
        &self.jws.claims_text
    }

    /// The user that it is about. Not verified.
    #[must_use]
    pub fn user(&self) -> Actor {
        let text = |name| self.jws.claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let display_name = format!("{} {}", text("given_name"), text("family_name"));
        let display_name = Some(display_name.trim()).filter(|name| !name.is_empty());
        Actor {
            external_user_id: text("sub").into(),
            email: text("email").into(),
            display_name: display_name.map(Into::into),
        }
    }

    /// Judges every part of the assertion.
    #[must_use]
    pub fn judge(&self, ground: &Ground<'_>) -> AssertionJudgement {
        let (mut bench, mut advices) = (Bench::new(), Vec::new());
        let claims = &self.jws.claims;
        let client = match ground.client {
            Issuer::Registered(client) => Some(client),
            _ => None,
        };
        let is_rs256 = self.judge_header(&mut bench);
        self.judge_iss(ground.client, &mut bench);
        self.judge_signature(is_rs256, client, &mut bench);
        judge_aud(claims, ground.audience, ground.token_url, &mut bench);
        judge_sub(claims, &mut bench, &mut advices);
        let times = Times::of(claims);
        if times.judge(claims, ground.when, &mut bench) {
            let message =
                "is valid by the system's clock, but not by the sandbox's; --assertion-clock sandbox requires both";
            advices.push(advice("/exp", "other_clock", message));
        }
        bench.judge("jti", text(claims, "jti", "an id that is never used twice").map(drop));
        judge_email(claims, ground.ascii_emails, &mut bench, &mut advices);
        judge_name(claims, "given_name", ground.names_required, &mut bench, &mut advices);
        judge_name(claims, "family_name", ground.names_required, &mut bench, &mut advices);
        let scopes = judge_scope(claims, client, &mut bench);
        for claim in claims.keys().filter(|claim| !KNOWN.contains(&claim.as_str())) {
            bench.tell(claim.clone(), Verdict::PassedOver);
        }
        let text = |name| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let result = match bench.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(Grant {
                client: text("iss").into(),
                registration: client.map_or(0, |client| client.registration),
                sub: text("sub").into(),
                email: text("email").into(),
                scopes: scopes.unwrap_or_default(),
                jti: text("jti").into(),
                end: times.end(ground.when.skew),
            }),
        };
        AssertionJudgement { result, advices, fates: bench.fates }
    }

    /// The assertion as the journal keeps it.
    #[must_use]
    pub fn judged(self, fates: Vec<Fate>) -> JudgedAssertion {
        JudgedAssertion { header: self.jws.header_text.into(), claims: self.jws.claims_text.into(), fates }
    }

    /// Returns whether the algorithm is the supported one.
    fn judge_header(&self, bench: &mut Bench) -> bool {
        let header = &self.jws.header;
        let alg = header.get("alg");
        let is_rs256 = alg.is_some_and(|alg| alg == "RS256");
        bench.judge("alg", if is_rs256 { Ok(()) } else { Err(not_rs256(alg)) });
        match header.get("typ") {
            None => bench.tell("typ", Verdict::Absent),
            Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => bench.tell("typ", Verdict::Accepted),
            Some(Value::String(typ)) => bench.refuse("typ", format!("it is {}; expected 'JWT'", Quoted(typ))),
            Some(other) => bench.refuse("typ", format!("it is {}; expected 'JWT'", kind(other))),
        }
        if header.contains_key("crit") {
            bench.refuse("crit", "it names extensions, but none are supported; leave it out".to_owned());
        }
        is_rs256
    }

    fn judge_iss(&self, issuer: Issuer<'_>, bench: &mut Bench) {
        let iss = text(&self.jws.claims, "iss", "your client_id");
        let judged = iss.and_then(|iss| match issuer {
            Issuer::Registered(client) if *client.id == *iss => Ok(()),
            _ if !is_client_id(iss) => {
                Err(format!("it is {}; a client_id is 'client_' followed by 32 hexadecimal digits", Quoted(iss)))
            }
            Issuer::Unasked => Ok(()),
            Issuer::Gone(why) => Err(format!("the client {} no longer exists: {why}", Quoted(iss))),
            Issuer::Registered(_) | Issuer::Unknown => Err(format!(
                "there is no client {}; register it with POST /__admin/clients or --client-key",
                Quoted(iss)
            )),
        });
        bench.judge("iss", judged);
    }

    fn judge_signature(&self, is_rs256: bool, client: Option<&Client>, bench: &mut Bench) {
        let kid = match self.jws.header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str()),
            Some(other) => {
                bench.refuse("kid", format!("it is {}; expected a string", kind(other)));
                return bench.tell("signature", Verdict::Unjudged);
            }
        };
        let Some(client) = client else {
            bench.tell("kid", if kid.is_some() { Verdict::Unjudged } else { Verdict::Absent });
            return bench.tell("signature", Verdict::Unjudged);
        };
        let candidates: Vec<_> = client.keys.iter().filter(|key| kid.is_none_or(|kid| key.is_named(kid))).collect();
        match kid {
            Some(kid) if candidates.is_empty() && !client.keys.is_empty() => {
                let known: Vec<_> = client.keys.iter().map(|key| Quoted(key.kid()).to_string()).collect();
                bench.refuse(
                    "kid",
                    format!(
                        "{} is not a key of the client; its keys are {}; send one of them, or leave kid out",
                        Quoted(kid),
                        known.join(", ")
                    ),
                );
                return bench.tell("signature", Verdict::Unjudged);
            }
            Some(_) if candidates.is_empty() => bench.tell("kid", Verdict::Unjudged),
            Some(_) => bench.tell("kid", Verdict::Accepted),
            None => bench.tell("kid", Verdict::Absent),
        }
        if !is_rs256 {
            return bench.tell("signature", Verdict::Unjudged);
        }
        let signed = self.jws.signed.as_bytes();
        let judged = match candidates[..] {
            [] => Err("the client has no public key to verify it with; register one".to_owned()),
            _ if candidates.iter().any(|key| key.verifies(signed, &self.jws.signature)) => Ok(()),
            [key] => Err(format!(
                "it does not match the client's key {}; sign with its private key, or register the public key that matches yours",
                Quoted(key.kid())
            )),
            _ => Err(format!(
                "it matches none of the client's {} keys; sign with the private key of one, or register the public key that matches yours",
                candidates.len()
            )),
        };
        bench.judge("signature", judged);
    }
}

fn not_rs256(alg: Option<&Value>) -> String {
    match alg {
        None => "it is missing; expected 'RS256'".to_owned(),
        Some(Value::String(none)) if none.eq_ignore_ascii_case("none") => {
            "it is 'none', but an unsigned assertion proves nothing; expected 'RS256'".to_owned()
        }
        Some(Value::String(symmetric)) if symmetric.starts_with("HS") => {
            format!("it is {}, which would require a shared secret; expected 'RS256'", Quoted(symmetric))
        }
        Some(Value::String(other)) => format!("it is {}; expected 'RS256'", Quoted(other)),
        Some(other) => format!("it is {}; expected 'RS256'", kind(other)),
    }
}

/// Refuses a claim that was accepted before, for a reason outside the assertion, such as a repeated `jti`.
pub fn refuse_claim(fates: &mut [Fate], claim: &str, why: &str) -> TokenError {
    for fate in fates.iter_mut().filter(|fate| fate.claim == claim) {
        fate.fate = Verdict::Refused;
        fate.why = Some(why.to_owned());
    }
    TokenError::new(ErrorCode::InvalidGrant, &format!("The assertion's {claim}: {why}."))
}
