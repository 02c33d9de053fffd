//! How far one subject has advanced in one scenario, as a document.

use super::{progress::Progress, script::Scenario};
use crate::base::{
    document::{Key, Record},
    schema::ScenarioName,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Maximum number of walks that a sandbox remembers. The least recently used one is forgotten first.
pub const MOST_WALKS: usize = 10_000;

/// Maximum length of a subject that is stored in full.
const LONGEST_SUBJECT: usize = 256;

/// How far one subject has advanced in one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Walk {
    #[schema(value_type = ScenarioName)]
    pub scenario: Arc<str>,
    /// The subject, depending on the scenario's `per`: the actor's email in lower case, the handoff's id, or nothing.
    pub subject: Box<str>,
    #[serde(flatten)]
    pub progress: Progress,
}

impl Walk {
    /// A walk that has not begun. An overlong subject is stored as its start and a hash of the whole.
    #[must_use]
    pub fn new(scenario: &Scenario, subject: String) -> Self {
        Self { scenario: scenario.id(), subject: bounded(subject), progress: Progress::default() }
    }
}

impl Record for Walk {
    const COLLECTION: &'static str = "scenario_walks";

    fn id(&self) -> Arc<str> {
        // Scenario names contain no spaces.
        format!("{} {}", self.scenario, self.subject).into()
    }

    /// Tagged with the scenario.
    fn tags(&self) -> Vec<Key> {
        vec![Arc::clone(&self.scenario)]
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.subject.len()
    }
}

fn bounded(subject: String) -> Box<str> {
    if subject.len() <= LONGEST_SUBJECT {
        return subject.into();
    }
    let sum = subject
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    format!("{}…{sum:016x}", &subject[..subject.floor_char_boundary(LONGEST_SUBJECT)]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_read_back_from_its_json() {
        let scenario = Scenario::read("s.yaml", "{name: s, answers: [{}, {}]}").unwrap();
        let progress = Progress { answer: 1, attempts: 2, since: "2026-03-01T12:00:00Z".parse().unwrap(), total: 3 };
        let walk = Walk { progress, ..Walk::new(&scenario, "sam@example.com".to_owned()) };
        let json = serde_json::to_string(&walk).unwrap();
        assert_eq!(
            json,
            r#"{"scenario":"s","subject":"sam@example.com","answer":1,"attempts":2,"since":"2026-03-01T12:00:00Z","total":3}"#
        );
        assert_eq!(serde_json::from_str::<Walk>(&json).unwrap(), walk);
    }

    #[test]
    fn walks_of_other_scenarios_and_subjects_have_other_ids() {
        let [short, long] =
            ["s", "s-s"].map(|name| Scenario::read("s.yaml", &format!("{{name: {name}, answers: [{{}}]}}")).unwrap());
        let id = |scenario: &Scenario, subject: &str| Walk::new(scenario, subject.to_owned()).id();
        assert_ne!(id(&short, "s s"), id(&long, "s"));
        assert_ne!(id(&short, &"x".repeat(5_000)), id(&short, &"x".repeat(5_001)));
        assert!(id(&short, &"é".repeat(5_000)).len() < 300);
    }
}
