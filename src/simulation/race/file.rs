//! Race files in YAML or JSON.

use super::{Race, RaceAgent, RaceError};
use crate::{
    base::names::control_problem,
    domain::{
        contract::is_email,
        scenario::{ScenarioError, place_in, read_text},
        signing::{Behaviour, Declines, Habit},
    },
};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use utoipa::ToSchema;

/// Maximum length of a name and of an email, in characters.
const LONGEST: usize = 256;

/// The agents of a race and its terms.
#[derive(Clone, Debug, PartialEq)]
pub struct RaceFile {
    pub agents: Vec<RaceAgent>,
    /// Whether the released agents are invited again when a primary declines.
    pub reopen: bool,
    /// Number of days after which the envelope expires, if it does.
    pub expiration_period_days: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRace {
    agents: Spanned<Vec<Spanned<RaceAgent>>>,
    #[serde(default)]
    reopen: bool,
    expiration_period_days: Option<Spanned<i64>>,
}

/// An agent of a race. Steps that are not given do not happen; an agent without any step behaves as people usually do.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename = "agent")]
pub(super) struct AgentFile {
    #[schema(min_length = 1, max_length = 256)]
    name: Box<str>,
    /// Unique among the agents. Generated if not given.
    #[schema(format = Email, max_length = 256)]
    email: Option<Box<str>>,
    #[serde(default, deserialize_with = "not_null")]
    opens: Option<Habit>,
    #[serde(default, deserialize_with = "not_null")]
    accepts: Option<Habit>,
    #[serde(default, deserialize_with = "not_null")]
    declines: Option<Declines>,
    #[serde(default, deserialize_with = "not_null")]
    signs: Option<Habit>,
}

/// A step that must have a value if it is given.
fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl RaceFile {
    /// Parses the text of a file. Errors call the file `file`.
    ///
    /// # Errors
    /// At the first invalid position.
    pub fn read(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let written: WrittenRace = read_text(file, text)?;
        let WrittenRace { agents, reopen, expiration_period_days: period } = written;
        let (whole, period_place) = (agents.referenced, period.as_ref().map(|period| period.referenced));
        let (agents, places): (Vec<RaceAgent>, Vec<_>) =
            agents.value.into_iter().map(|agent| (agent.value, agent.referenced)).unzip();
        let read = Self { agents, reopen, expiration_period_days: period.map(|period| period.value) };
        if let Err(error) = read.race() {
            let place = match &error {
                RaceError::DuplicateAgent(email) => {
                    let has = |agent: &RaceAgent| {
                        agent.email.as_ref().is_some_and(|own| own.to_lowercase() == email.to_lowercase())
                    };
                    read.agents.iter().rposition(has).and_then(|place| places.get(place).copied())
                }
                RaceError::Period(_) => period_place,
                _ => None,
            };
            return Err(place_in(file, text, place.unwrap_or(whole)).saying(&error.to_string()));
        }
        Ok(read)
    }

    /// Creates the race.
    ///
    /// # Errors
    /// A [`RaceError`] when there are no agents, too many, or duplicates.
    pub fn race(&self) -> Result<Race, RaceError> {
        Race::of_agents(&self.agents, self.reopen, self.expiration_period_days)
    }
}

impl TryFrom<AgentFile> for RaceAgent {
    type Error = String;

    fn try_from(file: AgentFile) -> Result<Self, String> {
        let AgentFile { name, email, opens, accepts, declines, signs } = file;
        if let Some(problem) = control_problem(&name) {
            return Err(format!("\"name\" {problem}; remove it"));
        }
        if name.trim().is_empty() || name.chars().count() > LONGEST {
            return Err(format!("\"name\" must have 1 to {LONGEST} characters"));
        }
        if let Some(email) = email.as_ref().filter(|email| !is_email(email) || email.chars().count() > LONGEST) {
            return Err(format!(
                "\"email\" is {email:?}, which is not an email address; write one such as alice@example.com"
            ));
        }
        let behaviour = if opens.is_none() && accepts.is_none() && declines.is_none() && signs.is_none() {
            Behaviour::USUAL
        } else {
            Behaviour {
                opens: opens.unwrap_or_default(),
                accepts: accepts.unwrap_or_default(),
                declines: declines.unwrap_or_default(),
                signs: signs.unwrap_or_default(),
            }
        };
        Ok(Self { name, email, behaviour })
    }
}

impl<'de> Deserialize<'de> for RaceAgent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AgentFile::deserialize(deserializer)?.try_into().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        RaceFile::read("race.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_describes_the_agents() {
        let read = RaceFile::read(
            "race.yaml",
            "reopen: true\nexpiration_period_days: 7\nagents:\n  - name: Alice\n    email: alice@example.com\n    opens: 5m\n  - name: Bob\n",
        )
        .unwrap();
        assert_eq!((read.agents.len(), read.reopen, read.expiration_period_days), (2, true, Some(7)));
        assert_eq!(read.agents[0].behaviour.signs, Habit::NEVER);
        assert_eq!(read.agents[1].behaviour, Behaviour::USUAL);
        assert_eq!(RaceFile::read("race.json", r#"{"agents":[{"name":"Alice"}]}"#).unwrap().agents.len(), 1);
    }

    #[test]
    fn errors_name_their_place() {
        for (text, told) in [
            ("agents: []\n", "race.yaml:1:9: a race needs at least one agent; add one\nagents: []\n        ^"),
            (
                "agents:\n  - nam: Alice\n",
                "race.yaml:2:5: unknown key \"nam\"; did you mean \"name\"?\n  - nam: Alice\n    ^",
            ),
            ("agents:\n  - name: Alice\n    opens: soon\n", "race.yaml:3:12: \"soon\" is not a span of time"),
            (
                "agents:\n  - name: Alice\n    opens: { after: 1m, instead_of: signing }\n",
                "race.yaml:3:12: only \"declines\"",
            ),
            (
                "agents:\n  - { name: A, email: a@example.com }\n  - { name: B, email: A@example.com }\n",
                "race.yaml:3:5: two agents have the email",
            ),
            ("expiration_period_days: 91\nagents: [{ name: Alice }]\n", "race.yaml:1:25: 91 is not from 1 to 90 days"),
            (
                "agents: [{ name: Alice, email: alice }]\n",
                "race.yaml:1:10: \"email\" is \"alice\", which is not an email",
            ),
        ] {
            let error = problem(text);
            assert!(error.starts_with(told), "{error}");
        }
    }
}
