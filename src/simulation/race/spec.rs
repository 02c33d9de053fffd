//! An agent of a race in one line: `Alice: opens 5m, accepts 1m..2h, declines 1m 10%, signs never`.

use super::{RaceAgent, file::AgentFile};
use crate::base::{
    clock::read_span,
    reading::{self, ReadError, quoted},
};
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// The steps of an agent.
const VERBS: [&str; 4] = ["opens", "accepts", "declines", "signs"];

impl FromStr for RaceAgent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, habits) = match text.split_once(':') {
            Some((name, habits)) => (name.trim(), habits),
            None if text.contains([',', ' ']) && VERBS.iter().any(|verb| has_word(text, verb)) => {
                return Err(format!(
                    "{text:?} has no colon after the name; write for example \"Alice: opens 5m, signs 10m\""
                ));
            }
            None => (text.trim(), ""),
        };
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(name));
        for habit in habits.split(',').map(str::trim).filter(|habit| !habit.is_empty()) {
            let (verb, when) = habit.split_once(' ').unwrap_or((habit, ""));
            if !VERBS.contains(&verb) {
                let meant = reading::nearest(verb, &VERBS);
                let meant = meant.map_or(String::new(), |meant| format!("; did you mean {meant:?}?"));
                return Err(format!("{verb:?} is not one of {}{meant}", VERBS.join(", ")));
            }
            let when = value(when.trim()).map_err(|problem| format!("{verb:?}: {problem}"))?;
            if fields.insert(verb.to_owned(), when).is_some() {
                return Err(format!("{verb:?} is given twice; give it once"));
            }
        }
        let text = Value::Object(fields).to_string();
        let file: AgentFile = reading::json(text.as_bytes()).map_err(|error| without_pointer(&error))?;
        file.try_into()
    }
}

/// The problem with a value, prefixed with its verb instead of a JSON pointer.
fn without_pointer(error: &ReadError) -> String {
    let problem = error.in_body();
    let problem = problem.strip_prefix(&format!("{}: ", error.pointer)).unwrap_or(&problem);
    match error.pointer.split('/').nth(1) {
        Some(verb) => format!("{verb:?}: {problem}"),
        None => problem.to_owned(),
    }
}

/// Whether a text contains a word, in any case.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|char: char| char.is_whitespace() || char == ',').any(|found| found.eq_ignore_ascii_case(word))
}

/// Parses `never`, `5m` or `1m..2h`, each with an optional probability such as `10%`.
fn value(when: &str) -> Result<Value, String> {
    let (span, percent) = match when.rsplit_once(' ') {
        Some((span, percent)) if percent.ends_with('%') => (span.trim(), Some(percentage(percent)?)),
        _ => (when, None),
    };
    let after = match span.split_once("..") {
        Some((least, most)) => {
            let (least, most) = (least.trim(), most.trim());
            if least.is_empty() || most.is_empty() {
                return Err(format!(
                    "{} has a duration on one side of the dots only; write both, such as 5m..10m",
                    quoted(span)
                ));
            }
            // Other problems are reported when the agent is deserialized.
            if let (Some(first), Some(second)) = (read_span(least), read_span(most))
                && first > second
            {
                return Err(format!("{span:?} starts with the longer duration; write {most}..{least}"));
            }
            json!({ "uniform": [least, most] })
        }
        None => json!(span),
    };
    Ok(match percent {
        Some(percent) => json!({ "after": after, "probability": percent / 100.0 }),
        None => after,
    })
}

fn percentage(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
    // A value that is not a number, such as NaN, is in no range.
    let within = percent.filter(|percent| (0.0..=100.0).contains(percent));
    within.ok_or_else(|| format!("{text:?} is not a probability; write one from 0% to 100%"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signing::Behaviour;

    fn read(text: &str) -> Result<RaceAgent, String> {
        text.parse()
    }

    #[test]
    fn arguments_are_equivalent_to_a_file() {
        let agent = read("Alice Roe: opens 5m, accepts 1m..2h, declines 1h 30m 10%, signs never").unwrap();
        let behaviour: Behaviour = serde_json::from_value(json!({
            "opens": "5m", "accepts": { "uniform": ["1m", "2h"] },
            "declines": { "after": "1h 30m", "probability": 0.1 },
        }))
        .unwrap();
        assert_eq!(agent, RaceAgent { name: "Alice Roe".into(), email: None, behaviour });
        assert_eq!(read("Bob").unwrap().behaviour, Behaviour::USUAL);
        assert_eq!(read("Bob:").unwrap().behaviour, Behaviour::USUAL);
        assert_eq!(read("Bob: opens never").unwrap().behaviour, Behaviour::NOTHING);
    }

    #[test]
    fn invalid_arguments_are_refused() {
        for (text, problem) in [
            ("", "name"),
            (": opens 5m", "name"),
            ("Bob: reads 5m", "\"reads\" is not one of opens, accepts, declines, signs"),
            ("Bob opens 5m", "no colon after the name"),
            ("Bob, opens 5m", "no colon after the name"),
            ("Alice Roe Signs 5m, opens 1m", "no colon after the name"),
            ("Bob: opens", "is not a span of time"),
            ("Bob: opens soon", "is not a span of time"),
            ("Bob: opens 91d", "\"91d\" is longer than 90d"),
            ("Bob: opens 2h..1m", "\"2h..1m\" starts with the longer duration; write 1m..2h"),
            ("Bob: opens 5m 110%", "\"opens\": \"110%\" is not a probability; write one from 0% to 100%"),
            ("Bob: opens 5m -1%", "not a probability"),
            ("Bob: opens 5m 10%%", "not a probability"),
            ("Bob: opens 5m half%", "not a probability"),
            ("Bob: opens 5m NaN%", "not a probability"),
            ("Bob: opens 5m inf%", "not a probability"),
            ("Bob: opens 5m, opens 6m", "given twice"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
