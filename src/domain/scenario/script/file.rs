//! Scenarios as written in files, with a position for every error.

use super::{AtEnd, Per, Scenario, ScenarioEndpoint};
use crate::{
    base::{
        names::{DOTS, is_name},
        reading::quoted,
    },
    domain::{
        scenario::{
            answer::ScriptedAnswer,
            error::ScenarioError,
            matching::{Match, at_least_one, given},
            read, spelling,
        },
        signing::{Habit, Parties, People, Plan},
    },
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};
use std::sync::Arc;

impl Scenario {
    /// Parses a scenario file, YAML or JSON. Errors call the file `file`.
    ///
    /// # Errors
    /// At the first invalid position.
    pub fn read(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let written: ScenarioFile = read::read(file, text)?;
        spelling::check(file, text)?;
        let document: Value = read::read(file, text)?;
        let place = |location| read::place(file, text, location);
        let at_end = written.at_end.unwrap_or_default();
        if let Some(last) =
            written.answers.last().filter(|last| last.value.until.is_some() && at_end == AtEnd::RepeatLast)
        {
            let problem = "nothing follows the last answer, so its \"until\" has no meaning; remove it, \
                           add an answer, or say \"at_end: start_over\"";
            return Err(place(last.referenced).saying(problem));
        }
        let endpoint = written.endpoint.unwrap_or_default();
        let wrong = |location, problem: &str| Err(place(location).saying(problem));
        if endpoint == ScenarioEndpoint::Token {
            if written.per == Some(Per::Handoff) {
                return wrong(
                    written.name.referenced,
                    "a request for a token has no handoff; write \"per: actor\" or \"per: all\"",
                );
            }
            if let Some(matcher) = written.matcher.as_ref().filter(|matcher| matcher.value.is_for_handoffs()) {
                return wrong(
                    matcher.referenced,
                    "a request for a token has no \"handoff_id\", \"intent\" or \"source\"; match by \"email\", \
                     \"external_user_id\" or a place of the assertion's claims, \"body\"",
                );
            }
        }
        if endpoint == ScenarioEndpoint::Token
            && let Some(location) = written.first_of_plan()
        {
            return wrong(
                location,
                "a token request opens no envelope; \"parties\", \"people\", \"reopen\" and \"voids\" are for handoffs",
            );
        }
        let plan = Plan {
            parties: written.parties.map(|parties| parties.value).unwrap_or_default(),
            reopen: written.reopen.is_some_and(|reopen| reopen.value),
            voids: written.voids.map(|voids| voids.value).unwrap_or_default(),
            people: written.people.map(|people| people.value).unwrap_or_default(),
        };
        let plan = (plan != Plan::default()).then(|| Arc::new(plan));
        for answer in &written.answers {
            if let Err(problem) = answer.value.suits(endpoint) {
                return wrong(answer.referenced, &problem);
            }
        }
        let Name(name) = written.name.value;
        // The text is kept both as written and with the guards of templates.
        let size = size_of::<Self>() + weight(&document) + 2 * text.len();
        Ok(Self {
            name,
            size,
            is_file: false,
            description: written.description.unwrap_or_default(),
            endpoint,
            matcher: written.matcher.map(|matcher| matcher.value).unwrap_or_default(),
            priority: written.priority.unwrap_or_default(),
            per: written.per.unwrap_or_default(),
            answers: written.answers.into_iter().map(|answer| answer.value).collect(),
            at_end,
            plan,
            text: text.into(),
            origin: place(written.name.referenced),
        })
    }

    /// The scenario as JSON, as written. Parses the text, which takes a while for a large one.
    #[must_use]
    pub fn document(&self) -> Value {
        // The text was parsed before, so it is valid.
        read::read(&self.origin.file, &self.text).unwrap_or_default()
    }
}

/// Approximate size in bytes of a scenario written as this value.
fn weight(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| 2 * name.len() + 48 + weight(value)).sum(),
        _ => 0,
    };
    // Up to three times the size of JSON, some of it in two forms.
    4 * size_of::<Value>() + inside
}

/// A scenario as written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "scenario")]
struct ScenarioFile {
    name: Spanned<Name>,
    #[serde(default, deserialize_with = "given")]
    description: Option<Box<str>>,
    #[serde(default, deserialize_with = "given")]
    endpoint: Option<ScenarioEndpoint>,
    #[serde(default, rename = "match", deserialize_with = "given")]
    matcher: Option<Spanned<Match>>,
    #[serde(default, deserialize_with = "given")]
    priority: Option<i64>,
    #[serde(default, deserialize_with = "given")]
    per: Option<Per>,
    #[serde(deserialize_with = "at_least_one")]
    answers: Vec<Spanned<ScriptedAnswer>>,
    #[serde(default, deserialize_with = "given")]
    at_end: Option<AtEnd>,
    #[serde(default, deserialize_with = "given")]
    parties: Option<Spanned<Parties>>,
    #[serde(default, deserialize_with = "given")]
    people: Option<Spanned<People>>,
    #[serde(default, deserialize_with = "given")]
    reopen: Option<Spanned<bool>>,
    #[serde(default, deserialize_with = "given")]
    voids: Option<Spanned<Habit>>,
    /// For editors that put `$schema` into JSON, which has no comments.
    #[serde(default, rename = "$schema")]
    _schema: Option<IgnoredAny>,
}

impl ScenarioFile {
    /// The position of the first key about envelopes, if there is one.
    fn first_of_plan(&self) -> Option<Location> {
        let Self { parties, people, reopen, voids, .. } = self;
        let places = [
            parties.as_ref().map(|parties| parties.referenced),
            people.as_ref().map(|people| people.referenced),
            reopen.as_ref().map(|reopen| reopen.referenced),
            voids.as_ref().map(|voids| voids.referenced),
        ];
        places.into_iter().flatten().min_by_key(|place| (place.line(), place.column()))
    }
}

/// The name of a scenario, which is also used in paths.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(Arc<str>);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if is_name(&name, 100) {
            Ok(Self(name.into()))
        } else if DOTS.contains(&&*name) {
            Err(format!("{} cannot be a name, because it has a special meaning in URLs; choose another", quoted(&name)))
        } else {
            let name = quoted(&name);
            Err(format!("{name} cannot be a name; use up to 100 letters, digits, dashes, underscores and dots"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Scenario::read("s.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn yaml_and_json_are_equivalent() {
        let yaml = Scenario::read("s.yaml", "name: s\nper: all\nanswers:\n  - outcome: register\n  - {}\n").unwrap();
        let json = r#"{"$schema":"x","name":"s","per":"all","answers":[{"outcome":"register"},{}]}"#;
        let json = Scenario::read("s.json", json).unwrap();
        assert_eq!((json.name(), json.per(), json.answers().len()), (yaml.name(), Per::All, 2));
        assert_eq!(yaml.document()["answers"], json.document()["answers"]);
    }

    #[test]
    fn people_are_equal_in_yaml_and_json() {
        let yaml = "
name: s
parties: any_one
reopen: true
voids: { after: 2d, probability: 0.5 }
people:
  - agent: Alice@*
    opens: 5m
    accepts: { uniform: [1m, 2h] }
    declines: { after: 90s, probability: 1, instead_of: signing }
    signs: { after: { lognormal: { median: 10m, sigma: 1 } }, probability: 0.25 }
  - { opens: { lognormal: { median: 1h 30m, sigma: 0.5 } }, accepts: never }
answers: [{}]
";
        let yaml = Scenario::read("s.yaml", yaml).unwrap();
        let json = Scenario::read("s.json", &yaml.document().to_string()).unwrap();
        assert_eq!(json.plan(), yaml.plan());
        let plan = yaml.plan().unwrap();
        let as_json = serde_json::to_value(plan).unwrap();
        let again: Plan = serde_json::from_value(as_json.clone()).unwrap();
        assert_eq!(again, **plan, "{as_json}");
        assert_eq!(serde_json::from_str::<Plan>(&as_json.to_string()).unwrap(), **plan);
        assert!(Scenario::read("s.yaml", "name: s\npeople: []\nanswers: [{}]\n").unwrap().plan().is_none());
    }

    #[test]
    fn people_are_bounded() {
        let people = |count: usize| format!("name: s\nanswers: [{{}}]\npeople:\n{}", "  - {opens: 1m}\n".repeat(count));
        assert_eq!(Scenario::read("s.yaml", &people(1000)).unwrap().plan().unwrap().people.len(), 1000);
        let error = refusal(&people(1001));
        assert!(
            error.starts_with("s.yaml:4:3: 1001 rules for people are too many; at most 1000 are allowed"),
            "{error}"
        );
    }

    #[test]
    fn an_error_shows_the_place() {
        assert_eq!(
            refusal("name: s\nanswers:\n\t- outcome: x\n")
                .lines()
                .next()
                .unwrap()
                .split(':')
                .take(2)
                .collect::<Vec<_>>(),
            ["s.yaml", "3"]
        );
        assert_eq!(
            refusal("name: s\nmatch:\n  email: \"\"\nanswers: [{}]\n"),
            "s.yaml:3:10: an empty glob never matches; write \"*\" or remove the key\n  \
             email: \"\"\n         ^"
        );
    }

    #[test]
    fn every_mistake_is_reported_with_place_and_fix() {
        for (text, place, problem) in [
            ("answers: [{}]\n", "1:1", "the key \"name\" is missing"),
            ("name: a b\nanswers: [{}]\n", "1:7", "\"a b\" cannot be a name"),
            ("name: s\n", "1:1", "the key \"answers\" is missing"),
            ("name: s\nanswers: []\n", "2:10", "add at least one entry"),
            ("name: s\nanswer: []\n", "2:1", "unknown key \"answer\"; did you mean \"answers\"?"),
            ("name: s\nanswers:\n  - outcome: succes\n", "3:14", "; did you mean \"success\"?"),
            ("name: s\nmatch: {email: *+a@*}\nanswers: [{}]\n", "2:16", "put it in quotes"),
            ("name: s\nmatch: {body: [{pointer: a, exists: true}]}\nanswers: [{}]\n", "2:26", "is not a JSON pointer"),
            ("name: s\nanswers:\n  - http_status: 99\n", "3:18", "99 is not from 200 to 599"),
            ("name: s\nanswers:\n  - delay: 5\n", "3:12", "write 5ms, 5s or 5m"),
            ("name: s\nanswers:\n  - {delay: 1s, probability: 2}\n", "3:30", "2 is not a probability"),
            ("name: s\nanswers:\n  - set: {a: \"{{ b }}\"}\n", "3:14", "\"b\", which does not exist"),
            ("name: s\nanswers:\n  - {raw: {body: x}, set: {a: 1}}\n", "3", "\"raw\" replaces the whole body"),
            ("name: s\nanswers:\n  - {until: subscribed}\n", "3:5", "nothing follows the last answer"),
            ("name: s\npriority: high\nanswers: [{}]\n", "2:11", "expected a whole number"),
            ("name: s\nmatch:\n  email:\nanswers: [{}]\n", "3:8", "the value is missing"),
            ("name: s\nanswers:\n  - until: {attempts: 1, after: 2s}\n  - {}\n", "3:26", "cannot be given together"),
            ("name: s\nanswers:\n  - truncate: -1\n", "3:15", "a whole number of 0 or more"),
            ("name: s\nanswers:\n  - delay: {uniform: [1s]}\n", "3:12", "\"uniform\" takes two spans"),
            ("name: s\nmatch: {intent: sign}\nanswers: [{}]\n", "2:17", "unknown intent: \"sign\" is not one of"),
            ("name: s\nparties: all\nanswers: [{}]\n", "2:10", "\"all\" is not one of \"one_each\", \"any_one\""),
            ("name: s\nreopen: yes\nanswers: [{}]\n", "2:9", "expected true or false"),
            ("name: s\nvoids: 5\nanswers: [{}]\n", "2:8", "write 5ms, 5s or 5m"),
            ("name: s\nvoids:\nanswers: [{}]\n", "2:6", "the value is missing"),
            ("name: s\nvoids: {instead_of: signing}\nanswers: [{}]\n", "2:8", "only \"declines\" takes \"instead_of\""),
            ("name: s\npeople: {opens: 1m}\nanswers: [{}]\n", "2:9", "expected a list"),
            ("name: s\npeople:\n  - opens: 1.5\nanswers: [{}]\n", "3:12", "write 1.5ms, 1.5s or 1.5m"),
            ("name: s\npeople:\n  - opens: -1\nanswers: [{}]\n", "3:12", "-1 is negative; write a span"),
            ("name: s\npeople:\n  - opens: -1.5\nanswers: [{}]\n", "3:12", "-1.5 is negative"),
            ("name: s\npeople:\n  - opens: -1s\nanswers: [{}]\n", "3:12", "\"-1s\" is negative"),
            ("name: s\npeople:\n  - opens: \"5\"\nanswers: [{}]\n", "3:12", "write 5ms, 5s or 5m"),
            ("name: s\npeople:\n  - opens: soon\nanswers: [{}]\n", "3:12", "\"soon\" is not a span of time"),
            ("name: s\npeople:\n  - opens: 91d\nanswers: [{}]\n", "3:12", "longer than"),
            ("name: s\npeople:\n  - opens:\nanswers: [{}]\n", "3:10", "the value is missing"),
            ("name: s\npeople:\n  - opens: true\nanswers: [{}]\n", "3:12", "is not a span of time"),
            ("name: s\npeople:\n  - opens: [1m]\nanswers: [{}]\n", "3:12", "is not a span of time"),
            ("name: s\npeople:\n  - signs: {after: 5}\nanswers: [{}]\n", "3:20", "write 5ms, 5s or 5m"),
            ("name: s\npeople:\n  - signs: {probability: 2}\nanswers: [{}]\n", "3:26", "2 is not a probability"),
            ("name: s\npeople:\n  - signs: {probabilty: 1}\nanswers: [{}]\n", "3:13", "did you mean \"probability\"?"),
            ("name: s\npeople:\n  - signs: {uniform: [2m, 1m]}\nanswers: [{}]\n", "3:12", "the shorter one first"),
            (
                "name: s\npeople:\n  - signs: {uniform: [1, 2]}\nanswers: [{}]\n",
                "3:23",
                "1 has no unit; write 1ms, 1s or 1m",
            ),
            ("name: s\npeople:\n  - {declines: {instead_of: x}}\nanswers: [{}]\n", "3:29", "\"x\" is not one of"),
            ("name: s\npeople:\n  - {agent: \"\"}\nanswers: [{}]\n", "3:5", "an empty glob"),
            ("name: s\npeople:\n  - {opened: 1m}\nanswers: [{}]\n", "3:6", "did you mean \"opens\"?"),
            ("name: s\nendpoint: token\nreopen: false\nanswers: [{}]\n", "3:9", "a token request opens no envelope"),
            ("name: s\nname: t\nanswers: [{}]\n", "2:1", "the key \"name\" is given more than once"),
            ("name: s\nanswers: [\n", "2:10", "the [ that opens here is not closed"),
            ("- 1\n", "1:1", "expected an object"),
            ("", "1:1", "the file is empty"),
        ] {
            let error = refusal(text);
            assert!(error.starts_with(&format!("s.yaml:{place}:")), "{text}\n{error}");
            assert!(error.contains(problem), "{text}\n{error}");
        }
    }
}
