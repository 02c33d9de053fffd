//! One answer of a scenario: the outcome of the handoff, and how the answer deviates from the contract's.

use super::{
    Obstacle, Outcome,
    body::{BodyPlan, Members, Raw},
    headers::Headers,
    matching::given,
    script::ScenarioEndpoint,
    span::{Delay, Lifetime, Span, Wait},
};
use crate::{base::chance::Probability, domain::oauth::ErrorCode};
use jiff::SignedDuration;
use serde::Deserialize;
use std::{borrow::Cow, num::NonZeroU32, time::Duration};

mod until;

/// One answer of a scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "AnswerFile")]
pub struct ScriptedAnswer {
    /// The outcome of the handoff, whatever the client sees of it.
    pub outcome: Outcome,
    /// How long this answer is repeated before the next one; `None` for once.
    pub until: Option<Until>,
    /// The result of a token request.
    pub token: TokenTerms,
    probability: Probability,
    departure: Departure,
}

/// What a scenario for the token endpoint says about the token or the error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTerms {
    /// The error; `invalid_grant` if an error is requested without a name.
    pub error: Option<ErrorCode>,
    /// Lifetime of the token.
    pub expires_in: Option<SignedDuration>,
    /// The scopes of the token, instead of the requested ones.
    pub scope: Option<Box<str>>,
}

/// When the walk leaves an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    EmailVerified,
    Subscribed,
    Registered,
    /// After it was given this many times.
    Attempts(NonZeroU32),
    /// After this much sandbox time since it was first given.
    After(Span),
}

/// How an answer deviates from the one that the contract prescribes.
#[derive(Clone, Debug, Default)]
pub struct Departure {
    /// The HTTP status, if it differs from the outcome's.
    pub http_status: Option<u16>,
    /// How long the answer is delayed.
    pub delay: Option<Delay>,
    /// Sends the body in pieces over this much real time.
    pub dribble: Option<Duration>,
    /// A fault of the connection.
    pub fault: Option<ScriptedFault>,
    pub(super) headers: Headers,
    pub(super) body: BodyPlan,
    pub(super) truncate: Option<usize>,
}

/// A fault of the connection instead of an orderly answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FaultFile")]
pub enum ScriptedFault {
    /// Closes the connection before the first byte of the answer.
    CloseBeforeAnswer,
    /// Closes the connection after half of the answer's body.
    CloseMidway,
    Reset,
    EmptyAnswer,
    /// Sends no answer.
    Hang {
        /// Maximum time before the connection is closed.
        at_most: Duration,
    },
}

impl ScriptedAnswer {
    /// How this answer deviates from the contract's, this time; `None` if it is the outcome's plain answer.
    ///
    /// Calls `random` once if the answer has a probability, otherwise not at all.
    pub fn departure(&self, random: &mut dyn FnMut() -> f64) -> Option<&Departure> {
        (!self.departure.is_plain() && self.probability.happens(random)).then_some(&self.departure)
    }

    /// Checks that the answer suits an endpoint.
    pub(super) fn suits(&self, endpoint: ScenarioEndpoint) -> Result<(), Cow<'static, str>> {
        let waits_for_actor = matches!(self.until, Some(Until::EmailVerified | Until::Subscribed | Until::Registered));
        let is_obstacle = match &self.outcome {
            Outcome::Success | Outcome::Obstacle(Obstacle::Error { .. }) => false,
            Outcome::Obstacle(_) => true,
        };
        match endpoint {
            ScenarioEndpoint::Handoff if self.token != TokenTerms::default() => Err(
                "\"error\", \"expires_in\" and \"scope\" are for the token endpoint; write \"endpoint: token\", or remove them"
                    .into(),
            ),
            ScenarioEndpoint::Token if is_obstacle => {
                Err("the token endpoint does not have this outcome; write \"success\" or \"error\"".into())
            }
            ScenarioEndpoint::Token if waits_for_actor => {
                Err("the token endpoint does not wait for an actor; here \"until\" takes \"attempts\" or \"after\"".into())
            }
            ScenarioEndpoint::Handoff | ScenarioEndpoint::Token => {
                let known = members_of(&self.outcome, endpoint);
                self.departure.body.check_removed(known).map_err(Cow::Owned)
            }
        }
    }
}

/// The members of the contract's answer.
fn members_of(outcome: &Outcome, endpoint: ScenarioEndpoint) -> &'static [&'static str] {
    match (endpoint, outcome) {
        (ScenarioEndpoint::Token, Outcome::Success) => &["access_token", "token_type", "expires_in", "scope"],
        (ScenarioEndpoint::Token, Outcome::Obstacle(_)) => &["error", "error_description"],
        (ScenarioEndpoint::Handoff, outcome) => match outcome {
            Outcome::Success => &["status", "next_action", "agent_session_id", "handoff_uri"],
            Outcome::Obstacle(Obstacle::RequireSubscription) => &["status", "next_action", "subscription_url"],
            Outcome::Obstacle(Obstacle::VerifyEmail) => &["status", "next_action"],
            Outcome::Obstacle(Obstacle::Register) => &["status", "next_action", "registration_url"],
            Outcome::Obstacle(Obstacle::Error { .. }) => &["status", "next_action", "description"],
        },
    }
}

impl Departure {
    /// Whether the answer does not deviate from the contract's.
    fn is_plain(&self) -> bool {
        self.http_status.is_none()
            && self.delay.is_none()
            && self.dribble.is_none()
            && self.fault.is_none()
            && self.headers.is_empty()
            && self.body.is_contract()
            && self.truncate.is_none()
    }
}

/// An answer as written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "answer")]
struct AnswerFile {
    #[serde(default, deserialize_with = "given")]
    outcome: Option<OutcomeName>,
    #[serde(default, deserialize_with = "given")]
    description: Option<String>,
    #[serde(default, deserialize_with = "given")]
    error: Option<ErrorCode>,
    #[serde(default, deserialize_with = "given")]
    expires_in: Option<Lifetime>,
    #[serde(default, deserialize_with = "given")]
    scope: Option<Box<str>>,
    #[serde(default)]
    set: Members,
    #[serde(default, deserialize_with = "given")]
    remove: Option<Vec<Box<str>>>,
    #[serde(default, deserialize_with = "given")]
    http_status: Option<HttpStatus>,
    #[serde(default)]
    headers: Headers,
    #[serde(default, deserialize_with = "given")]
    raw: Option<Raw>,
    #[serde(default, deserialize_with = "given")]
    truncate: Option<usize>,
    #[serde(default, deserialize_with = "given")]
    delay: Option<Delay>,
    #[serde(default, deserialize_with = "given")]
    dribble: Option<Wait>,
    #[serde(default, deserialize_with = "given")]
    fault: Option<ScriptedFault>,
    #[serde(default, deserialize_with = "given")]
    probability: Option<Probability>,
    #[serde(default, deserialize_with = "given")]
    until: Option<Until>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeName {
    Success,
    RequireSubscription,
    VerifyEmail,
    Register,
    Error,
}

impl TryFrom<AnswerFile> for ScriptedAnswer {
    type Error = String;

    fn try_from(file: AnswerFile) -> Result<Self, String> {
        let outcome = match (file.outcome.unwrap_or(OutcomeName::Success), file.description) {
            (OutcomeName::Error, description) => Outcome::Obstacle(Obstacle::Error {
                description: description.map_or("A scenario asks for an error.".into(), Into::into),
            }),
            (_, Some(_)) => {
                return Err(
                    "only an answer with \"outcome: error\" has a \"description\"; add that, or remove the key"
                        .to_owned(),
                );
            }
            (OutcomeName::Success, None) => Outcome::Success,
            (OutcomeName::RequireSubscription, None) => Outcome::Obstacle(Obstacle::RequireSubscription),
            (OutcomeName::VerifyEmail, None) => Outcome::Obstacle(Obstacle::VerifyEmail),
            (OutcomeName::Register, None) => Outcome::Obstacle(Obstacle::Register),
        };
        let is_error = matches!(outcome, Outcome::Obstacle(Obstacle::Error { .. }));
        if file.error.is_some() && !is_error {
            return Err(
                "only an answer with \"outcome: error\" has an \"error\"; add that, or remove the key".to_owned()
            );
        }
        if is_error && (file.expires_in.is_some() || file.scope.is_some()) {
            return Err("an error issues no token; remove \"expires_in\" and \"scope\"".to_owned());
        }
        if file.scope.as_ref().is_some_and(|scope| scope.split(' ').any(str::is_empty)) {
            return Err("\"scope\" must be words separated by single spaces, such as \"openid\"".to_owned());
        }
        let token =
            TokenTerms { error: file.error, expires_in: file.expires_in.map(|Lifetime(span)| span), scope: file.scope };
        if file.raw.is_some() && file.headers.has("content-type") {
            return Err("\"raw\" has its own \"content_type\"; remove the header \"Content-Type\"".to_owned());
        }
        if file.remove.as_ref().is_some_and(Vec::is_empty) {
            return Err("\"remove\" is empty; name the members to leave out, or remove the key".to_owned());
        }
        let departure = Departure {
            http_status: file.http_status.map(|HttpStatus(status)| status),
            delay: file.delay,
            dribble: file.dribble.map(|wait| wait.0),
            fault: file.fault,
            headers: file.headers,
            body: BodyPlan::of(file.raw, file.set, file.remove.unwrap_or_default())?,
            truncate: file.truncate,
        };
        if file.probability.is_some() && departure.is_plain() {
            return Err("\"probability\" has nothing to apply to; say what should happen with it, \
                        such as \"http_status\", \"delay\" or \"fault\""
                .to_owned());
        }
        let probability = file.probability.unwrap_or(Probability::CERTAIN);
        Ok(Self { outcome, until: file.until, token, probability, departure })
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u32")]
struct HttpStatus(u16);

impl TryFrom<u32> for HttpStatus {
    type Error = String;

    fn try_from(status: u32) -> Result<Self, String> {
        // A status below 200 is not final, so a client would keep waiting.
        match status {
            204 | 205 | 304 => Err(format!(
                "an answer with status {status} has no body; write \"fault: {{ kind: empty_answer }}\" instead"
            )),
            200..=599 => Ok(Self(u16::try_from(status).unwrap_or_default())),
            _ => Err(format!("{status} is not from 200 to 599")),
        }
    }
}

/// A fault as written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "fault")]
struct FaultFile {
    kind: FaultKind,
    #[serde(default, deserialize_with = "given")]
    at_most: Option<Wait>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FaultKind {
    CloseBeforeAnswer,
    CloseMidway,
    Reset,
    EmptyAnswer,
    Hang,
}

impl TryFrom<FaultFile> for ScriptedFault {
    type Error = &'static str;

    fn try_from(file: FaultFile) -> Result<Self, &'static str> {
        const HANG: Duration = Duration::from_mins(1);
        Ok(match (file.kind, file.at_most) {
            (FaultKind::Hang, at_most) => Self::Hang { at_most: at_most.map_or(HANG, |wait| wait.0) },
            (_, Some(_)) => return Err("only \"kind: hang\" takes \"at_most\""),
            (FaultKind::CloseBeforeAnswer, None) => Self::CloseBeforeAnswer,
            (FaultKind::CloseMidway, None) => Self::CloseMidway,
            (FaultKind::Reset, None) => Self::Reset,
            (FaultKind::EmptyAnswer, None) => Self::EmptyAnswer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(answer: &Value) -> Result<ScriptedAnswer, String> {
        serde_json::from_value(answer.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_answer_is_a_plain_success() {
        let answer = read(&json!({})).unwrap();
        assert_eq!(answer.outcome, Outcome::Success);
        assert!(answer.departure(&mut || panic!("a number was drawn")).is_none());
    }

    #[test]
    fn an_answer_deviates_with_its_probability() {
        let answer = read(&json!({ "http_status": 503, "probability": 0.25 })).unwrap();
        assert_eq!(answer.departure(&mut || 0.24).unwrap().http_status, Some(503));
        assert!(answer.departure(&mut || 0.25).is_none());
    }

    #[test]
    fn every_fault_and_until_has_its_name() {
        let fault = |fault: Value| read(&json!({ "fault": fault })).unwrap().departure.fault.unwrap();
        assert_eq!(fault(json!({ "kind": "hang" })), ScriptedFault::Hang { at_most: Duration::from_mins(1) });
        assert_eq!(
            fault(json!({ "kind": "hang", "at_most": "2s" })),
            ScriptedFault::Hang { at_most: Duration::from_secs(2) }
        );
        assert_eq!(fault(json!({ "kind": "close_midway" })), ScriptedFault::CloseMidway);
        let until = |until: Value| read(&json!({ "until": until })).unwrap().until.unwrap();
        assert_eq!(until(json!("email_verified")), Until::EmailVerified);
        assert_eq!(until(json!({ "attempts": 3 })), Until::Attempts(NonZeroU32::new(3).unwrap()));
        assert_eq!(until(json!({ "after": "1m" })), Until::After(Span(jiff::SignedDuration::from_mins(1))));
    }

    #[test]
    fn an_answer_that_contradicts_itself_is_refused() {
        for (answer, problem) in [
            (json!({ "description": "x" }), "only an answer with \"outcome: error\""),
            (json!({ "outcome": "fail" }), "unknown variant `fail`"),
            (json!({ "raw": { "body": "" }, "set": { "a": 1 } }), "\"raw\" replaces the whole body"),
            (json!({ "raw": { "body": "" }, "headers": { "Content-type": "x" } }), "remove the header"),
            (json!({ "http_status": 100 }), "100 is not from 200 to 599"),
            (json!({ "probability": 0.5 }), "has nothing to apply to"),
            (json!({ "delay": "1s", "probability": 1.5 }), "1.5 is not a probability"),
            (json!({ "fault": { "kind": "reset", "at_most": "1s" } }), "only \"kind: hang\""),
            (json!({ "until": { "attempts": 0 } }), "0 attempts are not enough"),
            (json!({ "until": { "after": "soon" } }), "not a span of time"),
            (json!({ "truncate": -1 }), "usize"),
            (json!({ "status": 200 }), "unknown field `status`"),
        ] {
            let error = read(&answer).unwrap_err();
            assert!(error.contains(problem), "{answer}: {error}");
        }
    }
}
