//! A set of scenarios, and the choice of the one that answers a request.
//!
//! The set is indexed, so that a request is only matched against scenarios that could match it. A scenario that
//! requires one exact handoff id, email, external user id or intent, or an email with a certain tag (`*+tag@*`), is
//! only considered for requests that have it.

mod limits;

pub use limits::{MOST_SCENARIOS, MOST_SET_BYTES};

use super::{
    error::ScenarioError,
    facts::{Facts, lower_case},
    matching::{EmailGlob, MatchReport, Predicate, Subject},
    script::{Scenario, ScenarioEndpoint},
    steps::{Steps, TooCostly},
};
use crate::base::document::Record;
use serde::Serialize;
use std::{borrow::Cow, collections::HashMap, sync::Arc};
use utoipa::ToSchema;

/// Scenarios in matching order: larger priority first, then by name.
#[derive(Debug, Default)]
pub struct ScenarioSet {
    scenarios: Vec<Arc<Scenario>>,
    /// The index of each scenario, by name.
    names: HashMap<Arc<str>, usize>,
    handoffs: ScenarioIndex,
    tokens: ScenarioIndex,
}

/// The scenarios of one endpoint, grouped by what they require, as indexes in set order.
#[derive(Debug, Default)]
struct ScenarioIndex {
    by_handoff_id: Ranks,
    by_email: Ranks,
    by_tag: Ranks,
    by_external_user_id: Ranks,
    by_intent: Ranks,
    /// Scenarios that are considered for every request.
    rest: Vec<usize>,
    /// All scenarios in `by_tag`, for the rare email with several at signs.
    tagged: Vec<usize>,
}

/// Maps a value to the scenarios that require it, as indexes in set order.
type Ranks = HashMap<Box<str>, Vec<usize>>;

/// A scenario in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary<'s> {
    pub name: &'s str,
    pub description: &'s str,
    pub endpoint: ScenarioEndpoint,
    /// Larger priorities are matched first.
    pub priority: i64,
    /// The file that it was read from, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<&'s str>,
}

/// A scenario that did not match a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NearMiss {
    pub scenario: String,
    /// A description of each predicate that failed.
    pub failed: Vec<String>,
    /// Number of predicates that held.
    pub matched: usize,
}

impl ScenarioSet {
    /// Orders and indexes scenarios.
    ///
    /// # Errors
    /// At the second scenario with the same name.
    pub fn compile(mut scenarios: Vec<Arc<Scenario>>) -> Result<Self, ScenarioError> {
        scenarios
            .sort_by(|one, other| other.priority().cmp(&one.priority()).then_with(|| one.name().cmp(other.name())));
        let mut set = Self::default();
        for (rank, scenario) in scenarios.iter().enumerate() {
            if let Some(first) = set.names.insert(scenario.id(), rank) {
                return Err(scenario.same_name_as(&scenarios[first]));
            }
            match scenario.endpoint() {
                ScenarioEndpoint::Handoff => set.handoffs.add(rank, scenario),
                ScenarioEndpoint::Token => set.tokens.add(rank, scenario),
            }
        }
        set.scenarios = scenarios;
        Ok(set)
    }

    /// Returns the first scenario of an endpoint that matches a request.
    ///
    /// # Errors
    /// [`TooCostly`] when finding it takes too many steps.
    pub fn choose(&self, endpoint: ScenarioEndpoint, facts: &Facts<'_>) -> Result<Option<Arc<Scenario>>, TooCostly> {
        if self.scenarios.is_empty() {
            return Ok(None);
        }
        let index = match endpoint {
            ScenarioEndpoint::Handoff => &self.handoffs,
            ScenarioEndpoint::Token => &self.tokens,
        };
        let email = lower_case(facts.email);
        let steps = Steps::default();
        let subject = Subject { facts, email: &email, steps: &steps };
        let mut candidates = index.candidates(subject);
        // Each list is already in order, so the next candidate is the smallest of their heads.
        while let Some(list) = candidates.iter_mut().filter(|list| !list.is_empty()).min_by_key(|list| list[0]) {
            let scenario = &self.scenarios[list[0]];
            if steps.judge(scenario.matcher().holds(subject))? {
                return Ok(Some(Arc::clone(scenario)));
            }
            *list = &list[1..];
        }
        Ok(None)
    }

    /// The tags that scenarios for handoffs match by.
    #[must_use]
    pub fn tags(&self) -> Vec<Box<str>> {
        self.handoffs.by_tag.keys().cloned().collect()
    }

    /// Returns the scenarios of an endpoint that do not match a request, nearest first: by the fewest failed
    /// predicates, then by the most that held, then in set order. Scenarios that come after [`super::MOST_STEPS`] are
    /// used up are left out.
    #[must_use]
    pub fn near_misses(&self, endpoint: ScenarioEndpoint, facts: &Facts<'_>, limit: usize) -> Vec<NearMiss> {
        let email = lower_case(facts.email);
        let steps = Steps::default();
        let subject = Subject { facts, email: &email, steps: &steps };
        let mut misses: Vec<(&Scenario, MatchReport)> = self
            .scenarios
            .iter()
            .filter(|scenario| scenario.endpoint() == endpoint)
            .map(|scenario| (&**scenario, scenario.matcher().examine(subject)))
            .take_while(|_| steps.judge(()).is_ok())
            .filter(|(_, report)| report.failed > 0)
            .collect();
        misses.sort_by_key(|(_, report)| (report.failed, usize::MAX - report.held));
        misses.truncate(limit);
        // Only the scenarios that are shown are described.
        let steps = Steps::default();
        let subject = Subject { steps: &steps, ..subject };
        let words = misses.into_iter().map(|(scenario, report)| NearMiss {
            scenario: scenario.name().to_owned(),
            failed: scenario.matcher().failures_of(subject),
            matched: report.held,
        });
        words.take_while(|_| steps.judge(()).is_ok()).collect()
    }

    /// All scenarios, in matching order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Scenario>> {
        self.scenarios.iter()
    }

    /// Each scenario in brief, in matching order: for lists that people and programs read.
    #[must_use]
    pub fn summaries(&self) -> Vec<Summary<'_>> {
        self.scenarios
            .iter()
            .map(|scenario| Summary {
                name: scenario.name(),
                description: scenario.description(),
                endpoint: scenario.endpoint(),
                priority: scenario.priority(),
                file: scenario.file(),
            })
            .collect()
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Scenario>> {
        self.scenarios.get(*self.names.get(name)?)
    }
}

impl ScenarioIndex {
    /// The lists that contain every scenario that the request could match.
    fn candidates(&self, subject: Subject<'_>) -> [&[usize]; 6] {
        fn of<'s>(ranks: &'s Ranks, value: &str) -> &'s [usize] {
            ranks.get(value).map(Vec::as_slice).unwrap_or_default()
        }
        let email = subject.email;
        let tagged = match email.split_once('@') {
            Some((_, domain)) if domain.contains('@') => &self.tagged,
            Some((local, _)) => {
                local.rsplit_once('+').map(|(_, tag)| of(&self.by_tag, &joined(tag))).unwrap_or_default()
            }
            None => &[],
        };
        [
            of(&self.by_handoff_id, subject.facts.handoff_id),
            of(&self.by_email, email),
            tagged,
            of(&self.by_external_user_id, subject.facts.external_user_id),
            of(&self.by_intent, subject.facts.intent),
            &self.rest,
        ]
    }

    /// Adds a scenario under the most selective of its predicates only.
    fn add(&mut self, rank: usize, scenario: &Scenario) {
        let predicates = scenario.matcher().predicates();
        let exact = |pick: fn(&Predicate) -> Option<&str>| predicates.iter().find_map(pick);
        let tag = predicates.iter().find_map(|predicate| match predicate {
            Predicate::Email(EmailGlob(glob)) => glob.tag(),
            _ => None,
        });
        let handoff_id = exact(|predicate| match predicate {
            Predicate::HandoffId(glob) => glob.exact(),
            _ => None,
        });
        let email = exact(|predicate| match predicate {
            Predicate::Email(EmailGlob(glob)) => glob.exact(),
            _ => None,
        });
        let external_user_id = exact(|predicate| match predicate {
            Predicate::ExternalUserId(glob) => glob.exact(),
            _ => None,
        });
        let intent = exact(|predicate| match predicate {
            Predicate::Intent(intent) => Some(&intent.0),
            _ => None,
        });
        let (ranks, value) = if let Some(value) = handoff_id {
            (&mut self.by_handoff_id, value)
        } else if let Some(value) = email {
            (&mut self.by_email, value)
        } else if let Some(value) = external_user_id {
            (&mut self.by_external_user_id, value)
        } else if let Some(value) = tag {
            self.tagged.push(rank);
            return self.by_tag.entry(joined(value).into()).or_default().push(rank);
        } else if let Some(value) = intent {
            (&mut self.by_intent, value)
        } else {
            return self.rest.push(rank);
        };
        ranks.entry(value.into()).or_default().push(rank);
    }
}

/// A tag with hyphens instead of underscores, as used for lookup.
fn joined(tag: &str) -> Cow<'_, str> {
    if tag.contains('_') { Cow::Owned(tag.replace('_', "-")) } else { Cow::Borrowed(tag) }
}

#[cfg(test)]
mod tests {
    use super::{super::facts::LazyBody, *};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn set(scenarios: &[(&str, i64, Value)]) -> ScenarioSet {
        let scenarios = scenarios.iter().map(|(name, priority, matcher)| {
            let text = json!({ "name": name, "priority": priority, "match": matcher, "answers": [{}] }).to_string();
            Arc::new(Scenario::read("test.json", &text).unwrap())
        });
        ScenarioSet::compile(scenarios.collect()).unwrap()
    }

    fn facts<'a>(email: &'a str, intent: &'a str, handoff_id: &'a str, body: &'a LazyBody<'a>) -> Facts<'a> {
        Facts { email, external_user_id: "usr_1", intent, handoff_id, source: "crm", body }
    }

    fn chosen(set: &ScenarioSet, facts: &Facts<'_>) -> Option<String> {
        set.choose(ScenarioEndpoint::Handoff, facts).unwrap().map(|scenario| scenario.name().to_owned())
    }

    #[test]
    fn the_larger_priority_wins_and_then_the_name() {
        let set = set(&[
            ("all", 0, json!({})),
            ("b", 1, json!({ "email": "kim@x.com" })),
            ("a", 1, json!({ "intent": "self_sign" })),
            ("first", 9, json!({ "email": "*+vip@*", "body": [{ "pointer": "/x", "exists": true }] })),
        ]);
        let empty = LazyBody::new(b"{}");
        let with_x = LazyBody::new(br#"{"x": 1}"#);
        assert_eq!(chosen(&set, &facts("kim@x.com", "self_sign", "h", &empty)).unwrap(), "a");
        assert_eq!(chosen(&set, &facts("KIM@x.com", "use_template", "h", &empty)).unwrap(), "b");
        assert_eq!(chosen(&set, &facts("kim+vip@x.com", "self_sign", "h", &empty)).unwrap(), "a");
        assert_eq!(chosen(&set, &facts("kim+vip@x.com", "self_sign", "h", &with_x)).unwrap(), "first");
        assert_eq!(chosen(&set, &facts("sam@x.com", "use_template", "h", &empty)).unwrap(), "all");
        assert_eq!(set.iter().map(|scenario| scenario.name()).collect::<Vec<_>>(), ["first", "a", "b", "all"]);
        assert!(set.get("b").is_some() && set.get("c").is_none());
    }

    #[test]
    fn the_nearest_miss_failed_the_fewest_predicates() {
        let set = set(&[
            ("far", 9, json!({ "email": "sam@*", "intent": "use_template", "source": "erp" })),
            ("near", 0, json!({ "email": "kim@*", "source": "erp" })),
            ("nearer", 0, json!({ "email": "kim@*", "intent": "self_sign", "source": "erp" })),
            ("hit", 0, json!({})),
        ]);
        let body = LazyBody::new(b"{}");
        let misses = set.near_misses(ScenarioEndpoint::Handoff, &facts("kim@x.com", "self_sign", "h", &body), 2);
        let failed = vec![r#"source "crm" does not match "erp""#.to_owned()];
        let nearer = NearMiss { scenario: "nearer".to_owned(), failed: failed.clone(), matched: 2 };
        let near = NearMiss { scenario: "near".to_owned(), failed, matched: 1 };
        assert_eq!(misses, [nearer, near]);
    }

    #[test]
    fn a_thousand_costly_scenarios_are_not_all_compared() {
        let glob = format!("*{}b*", "a?".repeat(498));
        let matcher = json!({ "body": [{ "pointer": "/text", "glob": glob }] });
        let names: Vec<String> = (0..1_000).map(|number| format!("s{number:04}")).collect();
        let scenarios: Vec<_> = names.iter().map(|name| (name.as_str(), 0, matcher.clone())).collect();
        let set = set(&scenarios);
        let text = serde_json::to_vec(&json!({ "text": "a".repeat(900_000) })).unwrap();
        let body = LazyBody::new(&text);
        let facts = facts("sam@x.com", "self_sign", "h", &body);
        assert!(matches!(set.choose(ScenarioEndpoint::Handoff, &facts), Err(TooCostly)));
        assert_eq!(set.near_misses(ScenarioEndpoint::Handoff, &facts, 10).len(), 6, "as many as there are steps for");
        // The same scenarios and a body of ordinary size.
        let body = LazyBody::new(br#"{"text": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#);
        let facts = Facts { body: &body, ..facts };
        assert!(matches!(set.choose(ScenarioEndpoint::Handoff, &facts), Ok(None)));
        assert_eq!(set.near_misses(ScenarioEndpoint::Handoff, &facts, 10).len(), 10);
    }

    #[test]
    fn no_two_scenarios_share_a_name() {
        let one = Scenario::read("a.yaml", "name: same\nanswers: [{}]\n").unwrap();
        let two = Scenario::read("b.yaml", "answers: [{}]\nname: same\n").unwrap();
        let error = ScenarioSet::compile(vec![Arc::new(one), Arc::new(two)]).unwrap_err().to_string();
        assert_eq!(
            error,
            "b.yaml:2:7: another scenario already has the name \"same\" (a.yaml:1:7); rename one of them\n\
             name: same\n      ^"
        );
    }

    fn matcher() -> impl Strategy<Value = Value> {
        let email = prop::sample::select(vec!["a@x", "A@x", "*+t@*", "*+u@*", "a*", "a+t@x"]);
        let intent = prop::sample::select(vec!["self_sign", "use_template"]);
        let id = prop::sample::select(vec!["1", "2", "?"]);
        let user = prop::sample::select(vec!["usr_1", "usr_*", "usr_2"]);
        (prop::option::of(email), prop::option::of(intent), prop::option::of(id), prop::option::of(user), any::<bool>())
            .prop_map(|(email, intent, id, user, nested)| {
                let mut matcher = json!({});
                let pairs = [("email", email), ("intent", intent), ("handoff_id", id), ("external_user_id", user)];
                for (key, value) in pairs.into_iter().filter_map(|(key, value)| Some((key, value?))) {
                    matcher[key] = json!(value);
                }
                if nested { json!({ "all": [matcher] }) } else { matcher }
            })
    }

    proptest! {
        #[test]
        fn the_index_agrees_with_a_linear_search(
            scenarios in prop::collection::vec((matcher(), 0..3_i64), 0..12),
            email in prop::sample::select(vec!["a@x", "A@X", "a+t@x", "a+T+u@x", "\"b@\"+t@x", "a+t@b@x", "+t", ""]),
            intent in prop::sample::select(vec!["self_sign", "use_template", ""]),
            id in prop::sample::select(vec!["1", "2", "3", ""]),
        ) {
            let names: Vec<String> = (0..scenarios.len()).map(|index| format!("s{index:02}")).collect();
            let scenarios: Vec<(&str, i64, Value)> = names
                .iter()
                .zip(&scenarios)
                .map(|(name, (matcher, priority))| (name.as_str(), *priority, matcher.clone()))
                .collect();
            let set = set(&scenarios);
            let body = LazyBody::new(b"{}");
            let facts = facts(email, intent, id, &body);
            let walked = set.iter().find(|scenario| scenario.matcher().matches(&facts).unwrap());
            prop_assert_eq!(chosen(&set, &facts), walked.map(|scenario| scenario.name().to_owned()));
        }
    }
}
