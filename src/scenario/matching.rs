//! Which requests a scenario, or a question to the journal, is about.

use super::{
    facts::{Facts, lower_case},
    predicate::{BodyPredicate, IntentName},
};
use crate::glob::Glob;
use serde::{Deserialize, Deserializer, de::Error};
use std::fmt;

/// A matcher: what a request must offer. It reads from an object of the scenario format, and one without any key
/// matches every request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "MatchFile")]
pub struct Match {
    predicates: Vec<Predicate>,
}

#[derive(Clone, Debug)]
pub(super) enum Predicate {
    HandoffId(Glob),
    Email(EmailGlob),
    ExternalUserId(Glob),
    Intent(IntentName),
    Source(Glob),
    Body(BodyPredicate),
    Any(Vec<Match>),
    Not(Match),
}

/// How a request fared with a matcher.
#[derive(Debug)]
pub(super) struct Report {
    /// Each predicate that failed, in words.
    pub(super) failed: Vec<String>,
    /// How many held.
    pub(super) held: usize,
}

/// Facts with the email as it is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) email: &'a str,
}

impl Match {
    /// Whether a request matches.
    #[must_use]
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.holds(Subject { facts, email: &lower_case(facts.email) })
    }

    /// Each predicate that a request fails, in words; none when it matches.
    #[must_use]
    pub fn failures(&self, facts: &Facts<'_>) -> Vec<String> {
        self.examine(Subject { facts, email: &lower_case(facts.email) }).failed
    }

    pub(super) fn holds(&self, subject: Subject<'_>) -> bool {
        self.predicates.iter().all(|predicate| predicate.holds(subject))
    }

    pub(super) fn examine(&self, subject: Subject<'_>) -> Report {
        let failed: Vec<String> = self.predicates.iter().filter_map(|predicate| predicate.failure(subject)).collect();
        Report { held: self.predicates.len() - failed.len(), failed }
    }

    /// Whether it asks for something that only a handoff has.
    pub(super) fn is_for_handoffs(&self) -> bool {
        self.predicates.iter().any(|predicate| match predicate {
            Predicate::HandoffId(_) | Predicate::Intent(_) | Predicate::Source(_) => true,
            Predicate::Any(matches) => matches.iter().any(Self::is_for_handoffs),
            Predicate::Not(inner) => inner.is_for_handoffs(),
            Predicate::Email(_) | Predicate::ExternalUserId(_) | Predicate::Body(_) => false,
        })
    }

    /// All of these must hold.
    pub(super) fn predicates(&self) -> &[Predicate] {
        &self.predicates
    }
}

impl Predicate {
    fn holds(&self, subject: Subject<'_>) -> bool {
        let facts = subject.facts;
        match self {
            Self::HandoffId(glob) => glob.matches(facts.handoff_id),
            Self::Email(EmailGlob(glob)) => glob.matches(subject.email),
            Self::ExternalUserId(glob) => glob.matches(facts.external_user_id),
            Self::Intent(intent) => *intent.0 == *facts.intent,
            Self::Source(glob) => glob.matches(facts.source),
            Self::Body(predicate) => predicate.holds(facts.body.value()),
            Self::Any(matches) => matches.iter().any(|one| one.holds(subject)),
            Self::Not(inner) => !inner.holds(subject),
        }
    }

    fn failure(&self, subject: Subject<'_>) -> Option<String> {
        if self.holds(subject) {
            return None;
        }
        let facts = subject.facts;
        let unlike = |name: &str, text: &str, glob: &Glob| format!("{name} {text:?} does not match {glob}");
        Some(match self {
            Self::HandoffId(glob) => unlike("handoff_id", facts.handoff_id, glob),
            Self::Email(EmailGlob(glob)) => unlike("email", facts.email, glob),
            Self::ExternalUserId(glob) => unlike("external_user_id", facts.external_user_id, glob),
            Self::Intent(intent) => format!("intent {:?} is not {:?}", facts.intent, intent.0),
            Self::Source(glob) => unlike("source", facts.source, glob),
            Self::Body(predicate) => predicate.failure(facts.body.value()),
            Self::Any(matches) => {
                let failures: Vec<String> =
                    matches.iter().map(|one| one.examine(subject).failed.join(" and ")).collect();
                format!("none of any: {}", failures.join("; "))
            }
            Self::Not(inner) => format!("the request is what \"not\" excludes: {inner}"),
        })
    }
}

impl fmt::Display for Match {
    /// The matcher in words: `email "kim@*", intent "self_sign"`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.predicates.is_empty() {
            return formatter.write_str("every request");
        }
        for (index, predicate) in self.predicates.iter().enumerate() {
            if index > 0 {
                formatter.write_str(", ")?;
            }
            match predicate {
                Predicate::HandoffId(glob) => write!(formatter, "handoff_id {glob}")?,
                Predicate::Email(EmailGlob(glob)) => write!(formatter, "email {glob}")?,
                Predicate::ExternalUserId(glob) => write!(formatter, "external_user_id {glob}")?,
                Predicate::Intent(intent) => write!(formatter, "intent {:?}", intent.0)?,
                Predicate::Source(glob) => write!(formatter, "source {glob}")?,
                Predicate::Body(predicate) => write!(formatter, "{predicate}")?,
                Predicate::Any(matches) => {
                    let matches: Vec<String> = matches.iter().map(|one| format!("({one})")).collect();
                    write!(formatter, "any of {}", matches.join(" "))?;
                }
                Predicate::Not(inner) => write!(formatter, "not ({inner})")?,
            }
        }
        Ok(())
    }
}

/// A glob for emails, whose case does not count.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct EmailGlob(pub(super) Glob);

impl TryFrom<String> for EmailGlob {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        Glob::parse_lower_case(&pattern).map(Self)
    }
}

/// A matcher as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "match")]
struct MatchFile {
    #[serde(default, deserialize_with = "given")]
    email: Option<EmailGlob>,
    #[serde(default, deserialize_with = "given")]
    external_user_id: Option<Glob>,
    #[serde(default, deserialize_with = "given")]
    handoff_id: Option<Glob>,
    #[serde(default, deserialize_with = "given")]
    source: Option<Glob>,
    #[serde(default, deserialize_with = "given")]
    intent: Option<IntentName>,
    #[serde(default, deserialize_with = "at_least_one")]
    body: Vec<BodyPredicate>,
    #[serde(default, deserialize_with = "given_at_least_one")]
    any: Option<Vec<Match>>,
    #[serde(default, deserialize_with = "at_least_one")]
    all: Vec<Match>,
    #[serde(default, deserialize_with = "given")]
    not: Option<Match>,
}

impl From<MatchFile> for Match {
    /// Puts what costs little to ask first, and what needs the parsed body behind it.
    fn from(file: MatchFile) -> Self {
        let mut predicates = Vec::new();
        predicates.extend(file.handoff_id.map(Predicate::HandoffId));
        predicates.extend(file.email.map(Predicate::Email));
        predicates.extend(file.external_user_id.map(Predicate::ExternalUserId));
        predicates.extend(file.intent.map(Predicate::Intent));
        predicates.extend(file.source.map(Predicate::Source));
        // All of several matchers is one matcher with the predicates of all.
        predicates.extend(file.all.into_iter().flat_map(|one| one.predicates));
        predicates.extend(file.body.into_iter().map(Predicate::Body));
        predicates.extend(file.any.map(Predicate::Any));
        predicates.extend(file.not.map(Predicate::Not));
        Self { predicates }
    }
}

/// A key that is written must have a value: `email:` with nothing behind it would else match every request.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

pub(super) fn at_least_one<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("an empty list says nothing; list one at least")) } else { Ok(list) }
}

fn given_at_least_one<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    at_least_one(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::{super::facts::LazyBody, *};
    use serde_json::{Value, json};

    fn failures(matcher: &Value) -> Vec<String> {
        let matcher: Match = serde_json::from_value(matcher.clone()).unwrap();
        let text = serde_json::to_vec(&json!({
            "handoff_id": "order-7",
            "intent": "self_sign",
            "actor": { "external_user_id": "usr_1", "email": "Kim+vip@Example.com" },
            "integration": { "source": "crm" },
            "facts": { "parties": [{ "name": "Ann" }], "amount": 12.5 },
        }))
        .unwrap();
        let body = LazyBody::new(&text);
        let facts = Facts::of(&body);
        let failures = matcher.failures(&facts);
        assert_eq!(failures.is_empty(), matcher.matches(&facts), "{matcher}");
        failures
    }

    #[test]
    fn a_request_matches_when_every_predicate_holds() {
        for matcher in [
            json!({}),
            json!({ "email": "KIM+*@example.com", "intent": "self_sign", "handoff_id": "order-?", "source": "crm" }),
            json!({ "external_user_id": "usr_*" }),
            json!({ "body": [{ "pointer": "/facts/parties/0/name", "equals": "Ann" }] }),
            json!({ "body": [{ "pointer": "/facts/amount", "above": 12 }, { "pointer": "/facts/amount", "below": 13 }] }),
            json!({ "any": [{ "source": "erp" }, { "source": "crm" }] }),
            json!({ "all": [{ "source": "crm" }, { "not": { "email": "sam@*" } }] }),
        ] {
            assert_eq!(failures(&matcher), [""; 0], "{matcher}");
        }
    }

    #[test]
    fn every_predicate_that_fails_is_told_in_words() {
        for (matcher, expected) in [
            (json!({ "email": "sam@*" }), r#"email "Kim+vip@Example.com" does not match "sam@*""#),
            (json!({ "intent": "use_template" }), r#"intent "self_sign" is not "use_template""#),
            (json!({ "source": "erp" }), r#"source "crm" does not match "erp""#),
            (
                json!({ "any": [{ "source": "erp", "handoff_id": "x" }, { "handoff_id": "y" }] }),
                "none of any: handoff_id \"order-7\" does not match \"x\" and source \"crm\" does not match \"erp\"; \
                 handoff_id \"order-7\" does not match \"y\"",
            ),
            (
                json!({ "not": { "source": "c*", "body": [{ "pointer": "/facts", "exists": true }] } }),
                r#"the request is what "not" excludes: source "c*", /facts exists"#,
            ),
        ] {
            assert_eq!(failures(&matcher), [expected], "{matcher}");
        }
        assert_eq!(failures(&json!({ "email": "sam@*", "all": [{ "source": "erp" }] })).len(), 2);
    }

    #[test]
    fn a_matcher_that_says_nothing_by_mistake_is_refused() {
        for matcher in [
            json!({ "mail": "x" }),
            json!({ "email": null }),
            json!({ "email": "" }),
            json!({ "any": [] }),
            json!({ "all": [] }),
            json!({ "body": [] }),
            json!({ "not": null }),
            json!({ "intent": "sign" }),
        ] {
            assert!(serde_json::from_value::<Match>(matcher.clone()).is_err(), "{matcher}");
        }
    }
}
