//! Matches requests, for scenarios and for queries of the journal.

mod file;

pub(super) use file::{at_least_one, given};

use super::{
    facts::{Facts, lower_case},
    is_same_tag,
    predicate::{BodyPredicate, IntentName, cut},
    steps::{Steps, TooCostly},
};
use crate::base::{glob::Glob, schema::by_name};
use serde::Deserialize;
use std::fmt;

/// Maximum number of predicates of a matcher, including those of nested matchers.
pub const MOST_PREDICATES: usize = 100;

/// Maximum number of entries in a list of a matcher.
pub const MOST_ENTRIES: usize = 100;

/// Maximum nesting depth of matchers.
pub const MOST_NESTING: usize = 10;

/// Conditions on a request. Deserialized from an object of the scenario format; an object without keys matches every
/// request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "file::MatchFile")]
pub struct Match {
    predicates: Vec<Predicate>,
    /// Number of predicates, including those of nested matchers.
    size: usize,
    /// Nesting depth of the matchers in this one.
    nesting: usize,
}

by_name!(Match, "Match");

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

/// The result of matching a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct MatchReport {
    pub(super) failed: usize,
    pub(super) held: usize,
}

/// Facts with the email in the form used for matching, and the cost of the match so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) email: &'a str,
    pub(super) steps: &'a Steps,
}

impl Match {
    pub fn matches(&self, facts: &Facts<'_>) -> Result<bool, TooCostly> {
        let steps = Steps::default();
        steps.judge(self.holds(Subject { facts, email: &lower_case(facts.email), steps: &steps }))
    }

    /// Number of predicates that a request fails; 0 if it matches.
    pub fn misses(&self, facts: &Facts<'_>) -> Result<usize, TooCostly> {
        let steps = Steps::default();
        steps.judge(self.examine(Subject { facts, email: &lower_case(facts.email), steps: &steps }).failed)
    }

    /// A description of each predicate that a request fails; empty if it matches.
    pub fn failures(&self, facts: &Facts<'_>) -> Result<Vec<String>, TooCostly> {
        let steps = Steps::default();
        steps.judge(self.failures_of(Subject { facts, email: &lower_case(facts.email), steps: &steps }))
    }

    pub(super) fn holds(&self, subject: Subject<'_>) -> bool {
        self.predicates.iter().all(|predicate| predicate.holds(subject))
    }

    pub(super) fn examine(&self, subject: Subject<'_>) -> MatchReport {
        let held = self.predicates.iter().filter(|predicate| predicate.holds(subject)).count();
        MatchReport { failed: self.predicates.len() - held, held }
    }

    pub(super) fn failures_of(&self, subject: Subject<'_>) -> Vec<String> {
        self.predicates.iter().filter_map(|predicate| predicate.failure(subject)).collect()
    }

    /// Whether it uses properties that only handoffs have.
    pub(super) fn is_for_handoffs(&self) -> bool {
        self.predicates.iter().any(|predicate| match predicate {
            Predicate::HandoffId(_) | Predicate::Intent(_) | Predicate::Source(_) => true,
            Predicate::Any(matches) => matches.iter().any(Self::is_for_handoffs),
            Predicate::Not(inner) => inner.is_for_handoffs(),
            Predicate::Email(_) | Predicate::ExternalUserId(_) | Predicate::Body(_) => false,
        })
    }

    /// The predicates, all of which must hold.
    pub(super) fn predicates(&self) -> &[Predicate] {
        &self.predicates
    }
}

impl Predicate {
    /// Number of predicates that it counts for.
    fn size(&self) -> usize {
        match self {
            Self::Any(matches) => matches.iter().map(|one| one.size.max(1)).sum(),
            Self::Not(inner) => inner.size.max(1),
            _ => 1,
        }
    }

    fn holds(&self, subject: Subject<'_>) -> bool {
        let facts = subject.facts;
        let matches = |glob: &Glob, text: &str| subject.steps.pay(glob.steps(text.len())) && glob.matches(text);
        match self {
            Self::HandoffId(glob) => matches(glob, facts.handoff_id),
            Self::Email(EmailGlob(glob)) => matches(glob, subject.email) || has_tag_of(glob, subject.email),
            Self::ExternalUserId(glob) => matches(glob, facts.external_user_id),
            Self::Intent(intent) => *intent.0 == *facts.intent,
            Self::Source(glob) => matches(glob, facts.source),
            Self::Body(predicate) => predicate.holds(facts.body.exact(), subject.steps),
            Self::Any(matches) => matches.iter().any(|one| one.holds(subject)),
            Self::Not(inner) => !inner.holds(subject),
        }
    }

    fn failure(&self, subject: Subject<'_>) -> Option<String> {
        if self.holds(subject) {
            return None;
        }
        let facts = subject.facts;
        let unlike = |name: &str, text: &str, glob: &Glob| {
            format!("{name} {} does not match {glob}", cut(text, LONGEST_QUOTE, |text| format!("{text:?}")))
        };
        let failure = match self {
            Self::HandoffId(glob) => unlike("handoff_id", facts.handoff_id, glob),
            Self::Email(EmailGlob(glob)) => unlike("email", facts.email, glob),
            Self::ExternalUserId(glob) => unlike("external_user_id", facts.external_user_id, glob),
            Self::Intent(intent) => format!("intent {:?} is not {:?}", facts.intent, intent.0),
            Self::Source(glob) => unlike("source", facts.source, glob),
            Self::Body(predicate) => predicate.failure(facts.body.exact()),
            Self::Any(matches) => {
                let failures: Vec<String> = matches.iter().map(|one| one.failures_of(subject).join(" and ")).collect();
                format!("no entry of \"any\" matches: {}", failures.join("; "))
            }
            Self::Not(inner) => format!("the request matches what \"not\" excludes: {inner}"),
        };
        Some(cut(&failure, LONGEST_FAILURE, str::to_owned))
    }
}

/// Maximum number of characters quoted of a text.
const LONGEST_QUOTE: usize = 200;

/// Maximum number of characters of a failure.
const LONGEST_FAILURE: usize = 1_000;

impl fmt::Display for Match {
    /// Describes the matcher: `email "kim@*", intent "self_sign"`.
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

/// A glob for emails that ignores case.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct EmailGlob(pub(super) Glob);

/// Whether a lower-case email has the tag of a glob, ignoring the difference between hyphens and underscores.
fn has_tag_of(glob: &Glob, email: &str) -> bool {
    let last_tag = || {
        let (local, _) = email.split_once('@').filter(|(_, domain)| !domain.contains('@'))?;
        local.rsplit_once('+').map(|(_, tag)| tag)
    };
    glob.tag().is_some_and(|tag| last_tag().is_some_and(|last| is_same_tag(last, tag)))
}

impl TryFrom<String> for EmailGlob {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        Glob::parse_lower_case(&pattern).map(Self)
    }
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
        let failures = matcher.failures(&facts).unwrap();
        assert_eq!(failures.is_empty(), matcher.matches(&facts).unwrap(), "{matcher}");
        assert_eq!(failures.len(), matcher.misses(&facts).unwrap(), "{matcher}");
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
    fn every_failed_predicate_is_explained() {
        for (matcher, expected) in [
            (json!({ "email": "sam@*" }), r#"email "Kim+vip@Example.com" does not match "sam@*""#),
            (json!({ "intent": "use_template" }), r#"intent "self_sign" is not "use_template""#),
            (json!({ "source": "erp" }), r#"source "crm" does not match "erp""#),
            (
                json!({ "any": [{ "source": "erp", "handoff_id": "x" }, { "handoff_id": "y" }] }),
                "no entry of \"any\" matches: handoff_id \"order-7\" does not match \"x\" and source \"crm\" does not match \"erp\"; \
                 handoff_id \"order-7\" does not match \"y\"",
            ),
            (
                json!({ "not": { "source": "c*", "body": [{ "pointer": "/facts", "exists": true }] } }),
                r#"the request matches what "not" excludes: source "c*", /facts exists"#,
            ),
        ] {
            assert_eq!(failures(&matcher), [expected], "{matcher}");
        }
        assert_eq!(failures(&json!({ "email": "sam@*", "all": [{ "source": "erp" }] })).len(), 2);
    }

    #[test]
    fn a_matcher_that_is_empty_by_mistake_is_refused() {
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

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!({}), |inner, level| match level % 3 {
            0 => json!({ "not": inner }),
            1 => json!({ "any": [inner] }),
            _ => json!({ "all": [inner] }),
        })
    }

    #[test]
    fn a_matcher_within_the_limits_is_read() {
        let globs = |count: usize| vec![json!({ "email": "a*" }); count];
        for matcher in [
            json!({ "any": globs(100) }),
            json!({ "all": globs(99), "source": "crm" }),
            json!({ "body": vec![json!({ "pointer": "/a", "exists": true }); 100] }),
            nested(10),
        ] {
            assert!(serde_json::from_value::<Match>(matcher.clone()).is_ok(), "{matcher}");
        }
    }

    #[test]
    fn a_matcher_over_a_limit_is_refused_with_the_limit() {
        let globs = |count: usize| vec![json!({ "email": "a*" }); count];
        let long = "a".repeat(1_001);
        for (matcher, problem) in [
            (json!({ "any": globs(101) }), "more than 100 entries"),
            (json!({ "all": globs(101) }), "more than 100 entries"),
            (json!({ "any": vec![json!({}); 101] }), "more than 100 entries"),
            (json!({ "body": vec![json!({ "pointer": "/a", "exists": true }); 101] }), "more than 100 entries"),
            (json!({ "all": globs(100), "source": "crm" }), "has 101 predicates; at most 100"),
            (json!({ "any": [{ "any": globs(60) }, { "all": globs(60) }] }), "has 120 predicates; at most 100"),
            (json!({ "not": { "any": globs(100) }, "all": globs(1) }), "has 101 predicates; at most 100"),
            (json!({ "any": vec![json!({}); 100], "not": {} }), "has 101 predicates; at most 100"),
            (nested(11), "nested more than 10 deep"),
            (json!({ "email": long }), "has 1001 characters; at most 1000"),
            (json!({ "external_user_id": long }), "has 1001 characters; at most 1000"),
            (json!({ "handoff_id": long }), "has 1001 characters; at most 1000"),
            (json!({ "source": long }), "has 1001 characters; at most 1000"),
            (json!({ "intent": long.repeat(100) }), "is not one of \"send_e_sign_request\""),
            (json!({ "body": [{ "pointer": "/a", "glob": long }] }), "has 1001 characters; at most 1000"),
            (json!({ "body": [{ "pointer": format!("/{long}"), "exists": true }] }), "has 1002 bytes; at most 1000"),
            (json!({ "body": [{ "pointer": "/a", "equals": "a".repeat(10_001) }] }), "at most 10000"),
            (json!({ "body": [{ "pointer": "/a", "equals": vec![1; 5_001] }] }), "at most 10000"),
        ] {
            let error = serde_json::from_value::<Match>(matcher).unwrap_err().to_string();
            assert!(error.contains(problem), "{problem}: {error}");
            assert!(error.chars().count() < 300, "{error}");
        }
    }

    #[test]
    fn a_request_costs_a_bounded_number_of_steps() {
        let text = serde_json::to_vec(&json!({ "text": "a".repeat(900_000) })).unwrap();
        let body = LazyBody::new(&text);
        let facts = Facts::of(&body);
        let worst = json!({ "pointer": "/text", "glob": format!("*{}b*", "a?".repeat(498)) });
        let of = |count: usize| {
            serde_json::from_value::<Match>(json!({ "any": [{ "body": vec![&worst; count] }] })).unwrap()
        };
        let cost = |matcher: &Match| {
            let steps = Steps::default();
            matcher.holds(Subject { facts: &facts, email: "", steps: &steps });
            steps.judge(())
        };
        assert_eq!(cost(&of(1)), Ok(()));
        // Every entry of `any` is tried as long as there are steps left.
        let any: Match = serde_json::from_value(json!({ "any": vec![json!({ "body": [&worst] }); 100] })).unwrap();
        assert_eq!(
            (cost(&any), any.matches(&facts), any.failures(&facts)),
            (Err(TooCostly), Err(TooCostly), Err(TooCostly))
        );
        // A matcher that is too costly does not match, even inside `not`.
        let not: Match =
            serde_json::from_value(json!({ "not": { "any": vec![json!({ "body": [&worst] }); 100] } })).unwrap();
        assert_eq!(not.matches(&facts), Err(TooCostly));
    }

    #[test]
    fn a_failure_quotes_a_bounded_part_of_the_request() {
        let text =
            serde_json::to_vec(&json!({ "handoff_id": "\u{1}".repeat(100_000), "text": "a".repeat(900_000) })).unwrap();
        let body = LazyBody::new(&text);
        let matcher: Match = serde_json::from_value(json!({
            "handoff_id": "x",
            "body": [{ "pointer": "/text", "equals": "x" }],
            "not": { "any": vec![json!({ "not": { "handoff_id": "a".repeat(1_000) } }); 98] },
        }))
        .unwrap();
        let failures = matcher.failures(&Facts::of(&body)).unwrap();
        assert_eq!(failures.len(), 3);
        assert!(failures.iter().all(|failure| failure.chars().count() <= 1_001), "{failures:?}");
    }
}
