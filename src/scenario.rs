//! How the service answers a handoff that keeps the contract, and why it answers so.
//!
//! Pure: from a request to a decision. First match wins: a scenario ([`ScenarioSet::choose`]), the magic email of the
//! actor, then the default. A scenario is read from a file ([`Scenario::read`]), walked one answer at a time
//! ([`Scenario::next`]), and each answer may depart from the contract's ([`Departure`]).

mod answer;
mod body;
mod error;
mod facts;
mod glob;
mod headers;
mod matching;
mod predicate;
mod progress;
mod read;
mod script;
mod set;
mod shipped;
mod span;
mod template;

pub use answer::{Departure, Fault, ScriptedAnswer, Until};
pub use body::Rendered;
pub use error::ScenarioError;
pub use facts::{Facts, LazyBody};
pub use glob::Glob;
pub use matching::Match;
pub use progress::{ActorFlags, Progress};
pub use script::{AtEnd, Per, Scenario};
pub use set::{NearMiss, ScenarioSet};
pub use shipped::shipped;
pub use span::{Delay, LONGEST, Probability, Span, Wait};
pub use template::{Context, MOST_OUTPUT, Template, TemplateError};

use crate::actor::Actor;
use serde::Serialize;
use std::{borrow::Cow, time::Duration};

/// The JSON Schema of a scenario file.
pub const SCENARIO_SCHEMA: &str = include_str!("scenario/scenario.schema.json");

/// How long `+slow` holds an answer back.
pub const SLOW: Duration = Duration::from_secs(2);

/// What becomes of a handoff (S2 to S6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An agent session is opened, or the one of an earlier handoff comes back.
    Success,
    /// No agent session yet: something stands in the way.
    Obstacle(Obstacle),
}

/// What stands in the way of an agent session (S3 to S6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The actor has no subscription.
    RequireSubscription,
    /// The actor's email is not verified.
    VerifyEmail,
    /// The actor has no account.
    Register,
    /// The request cannot be processed.
    Error {
        /// The `description` of the answer.
        description: Cow<'static, str>,
    },
}

/// An outcome, and the rule that it comes from.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What becomes of the handoff.
    pub outcome: Outcome,
    /// How long the answer is held back, in real time.
    pub delay: Duration,
    /// Which rule decided.
    pub chosen: Chosen,
}

/// Which rule decided, for the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chosen {
    /// The rule.
    pub by: ChosenBy,
    /// What made it match, or why no other did.
    pub why: Cow<'static, str>,
}

/// The rules, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// The request was refused before any rule was asked.
    Contract,
    /// A scenario that the control plane queued for the next requests.
    Queued,
    /// The scenario that the control plane pinned to the sandbox.
    Pinned,
    /// A scenario whose `match` fits.
    Scenario,
    /// A plus tag of the actor's email names the outcome.
    MagicEmail,
    /// No rule matched: a registered, verified, subscribed actor, and success.
    Default,
}

/// Decides by the actor alone.
#[must_use]
pub fn decide(actor: &Actor) -> Decision {
    let mut outcome = None;
    let mut delay = Duration::ZERO;
    for tag in actor.tags() {
        match magic(tag) {
            Some(Magic::Outcome(named)) if outcome.is_none() => outcome = Some((named, tag)),
            Some(Magic::Slow) => delay = SLOW,
            _ => {}
        }
    }
    match outcome {
        Some((outcome, tag)) => {
            let why = Cow::Owned(format!("the actor's email holds the tag +{tag}"));
            Decision { outcome, delay, chosen: Chosen { by: ChosenBy::MagicEmail, why } }
        }
        None if !delay.is_zero() => {
            let why = Cow::Borrowed("the actor's email holds the tag +slow and no outcome");
            Decision { outcome: Outcome::Success, delay, chosen: Chosen { by: ChosenBy::MagicEmail, why } }
        }
        None => {
            let why = Cow::Borrowed("the actor's email holds no tag that names an outcome");
            Decision { outcome: Outcome::Success, delay, chosen: Chosen { by: ChosenBy::Default, why } }
        }
    }
}

enum Magic {
    Outcome(Outcome),
    Slow,
}

fn magic(tag: &str) -> Option<Magic> {
    let outcome = match tag.to_ascii_lowercase().as_str() {
        "success" => Outcome::Success,
        "require_subscription" => Outcome::Obstacle(Obstacle::RequireSubscription),
        "verify_email" => Outcome::Obstacle(Obstacle::VerifyEmail),
        "register" => Outcome::Obstacle(Obstacle::Register),
        "error" => {
            Outcome::Obstacle(Obstacle::Error { description: "The actor's email asks for an error (+error).".into() })
        }
        "slow" => return Some(Magic::Slow),
        _ => return None,
    };
    Some(Magic::Outcome(outcome))
}
