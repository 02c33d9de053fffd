//! Scenarios as documents: the text that they were read from.

use super::Scenario;
use crate::base::document::Record;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{borrow::Cow, sync::Arc};

/// A sandbox's own scenario. Its id is its name.
impl Record for Scenario {
    const COLLECTION: &'static str = "scenarios";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    fn size(&self) -> usize {
        self.size
    }
}

/// The source of a scenario. The text is stored instead of the parsed values, so that errors keep their positions and
/// numbers their digits.
#[derive(Serialize, Deserialize)]
struct StoredScenario<'s> {
    /// The name of the file in errors.
    file: Cow<'s, str>,
    text: Cow<'s, str>,
    is_file: bool,
}

impl Serialize for Scenario {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = StoredScenario {
            file: Cow::Borrowed(&self.origin.file),
            text: Cow::Borrowed(&self.text),
            is_file: self.is_file,
        };
        source.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scenario {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let StoredScenario { file, text, is_file } = StoredScenario::deserialize(deserializer)?;
        let scenario = Self::read(&file, &text).map_err(D::Error::custom)?;
        Ok(if is_file { scenario.of_file() } else { scenario })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scenario::shipped;

    #[test]
    fn a_scenario_is_read_back_from_its_json() {
        let rich = "\u{FEFF}# A comment.
name: rich
description: \"# no comment\"
priority: -3
per: all
at_end: start_over
match: { email: \"*+rich@*\", body: [{ pointer: /a, equals: 18446744073709551615 }] }
parties: any_one
people: &people [{ opens: 5m, declines: { after: 1h, probability: 0.5 } }]
answers:
  - { outcome: error, description: \"{{ actor.email }}\", until: { attempts: 2 }, headers: { X-A: \"1\" } }
  - { raw: { body: \"<p>{{ id }}</p>\", content_type: text/html }, delay: { uniform: [1ms, 1s] } }
";
        let texts = shipped().into_iter().chain([("the body", rich)]);
        for (file, text) in texts {
            let scenario = Scenario::read(file, text).unwrap();
            for scenario in [scenario.clone(), scenario.of_file()] {
                let json = serde_json::to_vec(&scenario).unwrap();
                let again: Scenario = serde_json::from_slice(&json).unwrap();
                assert_eq!(format!("{again:?}"), format!("{scenario:?}"), "{file}");
            }
        }
    }

    #[test]
    fn json_that_is_not_a_scenario_is_refused_at_its_place() {
        let json = r#"{"file":"the body","text":"name: s\nanswers: []\n","is_file":false}"#;
        let error = serde_json::from_str::<Scenario>(json).unwrap_err().to_string();
        assert!(error.starts_with("the body:2:10: "), "{error}");
    }
}
