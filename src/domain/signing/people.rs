//! Simulated people: what an agent does automatically, when, and with what probability.
//!
//! Reads no randomness: callers pass the random numbers in.

mod written;

use super::agent::{AgentState, Person};
use crate::base::{
    chance::{Delay, Probability},
    glob::Glob,
    schema::by_name,
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Maximum delay of any action, in seconds of sandbox time: as long as an envelope can wait.
pub const LONGEST: u64 = 90 * 86_400;

/// Maximum number of rules of a plan.
pub const MOST_RULES: usize = 1_000;

/// Maximum total cost of the globs of all rules ([`Glob::search_cost`]). An envelope can have 10,000 agents, each of
/// which is matched against every rule.
const MOST_SEARCHES: usize = 100;

/// How simulated people act on an envelope that a handoff creates (G3, G4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// How parties become recipients.
    #[serde(default)]
    pub parties: Parties,
    /// Whether the released agents are invited again when a primary declines (G10).
    #[serde(default)]
    pub reopen: bool,
    /// Whether, and how long after sending it, the sender voids the envelope.
    #[serde(default)]
    pub voids: Habit,
    /// How people behave. If several rules match a person, the first one counts.
    #[serde(default)]
    pub people: People,
}

/// The rules for people: at most [`MOST_RULES`], with globs that are cheap to match against 10,000 agents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rule>")]
pub struct People(Vec<Rule>);

impl std::ops::Deref for People {
    type Target = [Rule];

    fn deref(&self) -> &[Rule] {
        &self.0
    }
}

impl TryFrom<Vec<Rule>> for People {
    type Error = String;

    fn try_from(rules: Vec<Rule>) -> Result<Self, String> {
        if rules.len() > MOST_RULES {
            return Err(format!(
                "{} rules for people are too many; at most {MOST_RULES} are allowed. A glob such as \"*@example.com\" \
                 covers many people at once",
                rules.len()
            ));
        }
        if rules.iter().map(|rule| rule.agent.search_cost()).sum::<usize>() > MOST_SEARCHES {
            return Err(format!(
                "the globs of the rules for people are too costly to match; together they may have at most \
                 {MOST_SEARCHES} parts between two stars, where a part with ? counts as ten. Write emails in full, or \
                 with one star"
            ));
        }
        Ok(Self(rules))
    }
}

/// How the parties of a handoff become recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parties {
    /// Each party is a recipient: everyone has to sign.
    #[default]
    OneEach,
    /// All parties are agents of one recipient and compete: any one of them signs.
    AnyOne,
}

/// The behaviour of people whose email matches the rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "written::RuleFile")]
pub struct Rule {
    /// The emails that the rule applies to, ignoring case.
    pub agent: Glob,
    #[serde(flatten)]
    pub behaviour: Behaviour,
}

/// What a person does without a command. Actions that are not given do not happen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// After being invited.
    #[serde(default)]
    pub opens: Habit,
    /// After opening.
    #[serde(default)]
    pub accepts: Habit,
    /// Instead of accepting or signing.
    #[serde(default)]
    pub declines: Declines,
    /// After becoming primary.
    #[serde(default)]
    pub signs: Habit,
}

/// Whether an action happens, and how long after it becomes possible.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Habit {
    pub after: Delay<LONGEST>,
    pub probability: Probability,
}

by_name!(Habit, "Habit");
by_name!(Declines, "DeclineHabit");

impl Habit {
    pub const NEVER: Self = Self { after: Delay::Fixed(std::time::Duration::ZERO), probability: Probability::NEVER };
}

impl Default for Habit {
    fn default() -> Self {
        Self::NEVER
    }
}

/// Whether and when a person declines, and instead of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Declines {
    /// The probability, and the delay after declining becomes possible.
    #[serde(flatten)]
    pub habit: Habit,
    /// The action that declining replaces.
    pub instead_of: InsteadOf,
}

/// The action that declining replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InsteadOf {
    #[default]
    Accepting,
    /// Signing, after accepting.
    Signing,
}

/// A person's next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intention {
    Open,
    Accept,
    Decline,
    Sign,
}

impl Intention {
    /// Every intention, once.
    pub const ALL: [Self; 4] = [Self::Open, Self::Accept, Self::Decline, Self::Sign];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Sign => "sign",
        }
    }
}

impl Behaviour {
    /// Typical people, for races that do not describe their own: most open within the hour, read for a minute or two,
    /// and sign a few minutes later.
    pub const USUAL: Self = {
        const fn around(seconds: u64, sigma: f64) -> Habit {
            let median = std::time::Duration::from_secs(seconds);
            Habit { after: Delay::Lognormal { median, sigma }, probability: Probability::CERTAIN }
        }
        Self {
            opens: around(600, 1.0),
            accepts: around(90, 0.5),
            declines: Declines { habit: Habit::NEVER, instead_of: InsteadOf::Accepting },
            signs: around(300, 0.5),
        }
    };

    /// Nothing happens automatically.
    pub const NOTHING: Self = Self {
        opens: Habit::NEVER,
        accepts: Habit::NEVER,
        declines: Declines { habit: Habit::NEVER, instead_of: InsteadOf::Accepting },
        signs: Habit::NEVER,
    };

    /// Whether a primary may still decline.
    #[must_use]
    pub fn may_decline_as_primary(&self) -> bool {
        self.declines.instead_of == InsteadOf::Signing && self.declines.habit.probability != Probability::NEVER
    }

    /// A person's next action in this state and the delay before it; `None` for nothing.
    ///
    /// `random` returns numbers in `0..1`; see [`Delay::draw`] for how often it is called.
    pub fn next(&self, state: AgentState, random: &mut dyn FnMut() -> f64) -> Option<(Intention, SignedDuration)> {
        let (usual, intention, instead_of) = match state {
            AgentState::Invited => (&self.opens, Intention::Open, None),
            AgentState::Opened => (&self.accepts, Intention::Accept, Some(InsteadOf::Accepting)),
            AgentState::Primary => (&self.signs, Intention::Sign, Some(InsteadOf::Signing)),
            _ => return None,
        };
        if instead_of == Some(self.declines.instead_of)
            && let Some(after) = self.declines.habit.draw(random)
        {
            return Some((Intention::Decline, after));
        }
        usual.draw(random).map(|after| (intention, after))
    }
}

impl Habit {
    /// The delay after which the action happens, if it does; `random` as for [`Behaviour::next`].
    pub fn draw(&self, random: &mut dyn FnMut() -> f64) -> Option<SignedDuration> {
        if !self.probability.happens(random) {
            return None;
        }
        SignedDuration::try_from(self.after.draw(random)).ok()
    }
}

impl Plan {
    /// The behaviour of a person, if a rule applies to them.
    #[must_use]
    pub fn behaviour_of(&self, person: &Person) -> Option<&Behaviour> {
        // A person without an email is matched only by `*`.
        let email = person.email.as_deref().unwrap_or_default().to_lowercase();
        self.people.iter().find(|rule| rule.agent.matches(&email)).map(|rule| &rule.behaviour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rule(value: Value) -> Result<Rule, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_habit_has_a_short_and_a_full_form() {
        let rule = rule(json!({
            "agent": "Alice@*", "opens": "5m", "accepts": { "uniform": ["1m", "2h"] },
            "declines": { "after": "1m", "probability": 0.1, "instead_of": "signing" },
            "signs": { "after": { "lognormal": { "median": "10m", "sigma": 0.5 } }, "probability": 0.9 },
        }))
        .unwrap();
        assert!(rule.agent.matches("alice@example.com"));
        assert_eq!(
            rule.behaviour.next(AgentState::Invited, &mut || 0.0),
            Some((Intention::Open, SignedDuration::from_mins(5)))
        );
        assert_eq!(rule.behaviour.next(AgentState::Primary, &mut || 0.05).unwrap().0, Intention::Decline);
        assert_eq!(rule.behaviour.next(AgentState::Primary, &mut || 0.5).unwrap().0, Intention::Sign);
        assert_eq!(rule.behaviour.next(AgentState::Released, &mut || 0.5), None);
        let again: Rule = serde_json::from_value(serde_json::to_value(&rule).unwrap()).unwrap();
        assert_eq!(again, rule);
    }

    #[test]
    fn acts_without_a_rule_do_not_happen() {
        let rule = rule(json!({ "opens": "never" })).unwrap();
        assert_eq!(rule.agent, Glob::parse("*").unwrap());
        for state in [AgentState::Invited, AgentState::Opened, AgentState::Primary] {
            assert_eq!(rule.behaviour.next(state, &mut || panic!("a number was drawn")), None);
        }
    }

    #[test]
    fn invalid_people_are_refused() {
        for (value, problem) in [
            (json!({ "opens": "soon" }), "is not a span of time"),
            (json!({ "opens": { "after": "1m", "instead_of": "signing" } }), "only \"declines\""),
            (json!({ "accepts": { "uniform": ["2m", "1m"] } }), "the shorter one first"),
            (json!({ "accepts": { "uniform": ["1m", "2m"], "after": "1m" } }), "inside \"after\""),
            (json!({ "accepts": 5 }), "5 has no unit; write 5ms, 5s or 5m"),
            (json!({ "accepts": -5 }), "-5 is negative"),
            (json!({ "accepts": null }), "the value is missing"),
            (json!({ "accepts": { "uniform": null, "after": "1m" } }), "null is not allowed here"),
            (json!({ "signs": "91d" }), "longer than"),
            (json!({ "agent": "" }), "an empty glob"),
            (json!({ "reads": "1m" }), "unknown field `reads`"),
        ] {
            let error = rule(value.clone()).unwrap_err();
            assert!(error.contains(problem), "{value}: {error}");
        }
    }

    #[test]
    fn globs_that_search_are_limited_and_others_are_not() {
        let people = |glob: &str, count: usize| {
            serde_json::from_value::<People>(json!(vec![json!({ "agent": glob }); count]))
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        for free in ["kim@example.com", "*@example.com", "kim@*", "kim*@example.com", "k??@*.com"] {
            assert_eq!(people(free, MOST_RULES), Ok(()), "{free}");
        }
        for (costly, most) in [("*+vip@*", 100), ("*a*b*", 50), ("*a?b*", 10)] {
            assert_eq!(people(costly, most), Ok(()), "{costly}");
            assert!(people(costly, most + 1).unwrap_err().contains("too costly to match"), "{costly}");
        }
    }
}
