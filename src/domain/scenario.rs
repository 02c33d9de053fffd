//! Decides how the service answers a valid handoff, and why.
//!
//! Pure: from a request to a decision. The first match wins: a scenario ([`ScenarioSet::choose`]), an error that a
//! magic email names, the actor's state, any other magic email, the default. A scenario is read from a file
//! ([`Scenario::read`]) and walked one answer at a time ([`Scenario::next`]); each answer may deviate from the
//! contract's ([`Departure`]).

mod answer;
mod body;
mod decimal;
mod error;
mod exact;
mod facts;
mod headers;
mod matching;
mod overrides;
mod predicate;
mod progress;
mod read;
mod schema;
mod script;
mod set;
mod shipped;
mod span;
mod spelling;
mod steps;
mod template;
mod walk;

pub use answer::{Departure, ScriptedAnswer, ScriptedFault, TokenTerms, Until};
pub use body::Rendered;
pub use error::ScenarioError;
pub use facts::{Facts, KeptFacts, LazyBody};
pub use matching::{MOST_ENTRIES, MOST_NESTING, MOST_PREDICATES, Match};
pub use overrides::{MOST_QUEUED, ScenarioOverrides};
pub use progress::{ActorFlags, Progress};
pub use read::utf8;
pub(crate) use read::{MOST_BYTES, place as place_in, read as read_text};
pub use schema::{SCENARIO_SCHEMA, components};
pub use script::{AtEnd, Per, Scenario, ScenarioEndpoint};
pub use set::{MOST_SCENARIOS, MOST_SET_BYTES, NearMiss, ScenarioSet, Summary};
pub use shipped::shipped;
pub use span::{Delay, LONGEST, Span, Wait};
pub use steps::{MOST_STEPS, TooCostly};
pub use template::{Context, MOST_OUTPUT, Template, TemplateError};
pub use walk::{MOST_WALKS, Walk};

use crate::domain::{
    actor::{Actor, ActorState},
    contract::is_near,
};
use serde::Serialize;
use std::{borrow::Cow, time::Duration};
use utoipa::ToSchema;

/// How long `+slow` delays an answer.
pub const SLOW: Duration = Duration::from_secs(2);

/// The result of a handoff (S2 to S6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An agent session is opened, or an earlier one is returned.
    Success,
    /// No agent session yet, because of an obstacle.
    Obstacle(Obstacle),
}

/// Prevents an agent session (S3 to S6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    RequireSubscription,
    VerifyEmail,
    Register,
    Error {
        /// The `description` of the answer.
        description: Cow<'static, str>,
    },
}

/// An outcome and the rule that decided it.
#[derive(Clone, Debug)]
pub struct Decision {
    pub outcome: Outcome,
    /// How long the answer is delayed, in real time.
    pub delay: Duration,
    pub chosen: Chosen,
}

/// The rule that chose the answer, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Chosen {
    /// `contract`: refused before any rule was consulted; `nobody`: the connection ended first; `queued`, `pinned` and
    /// `scenario`: a scenario, and how it was selected; `magic_email`: a plus tag of the actor's email; `actor`: the
    /// actor's state; `signing`: the signing rules, to which scenarios do not apply; `default`: no rule matched.
    #[schema(inline)]
    pub by: ChosenBy,
    /// Why it matched, or why no other rule did.
    #[schema(min_length = 1)]
    pub why: Cow<'static, str>,
}

/// The rules, in the order in which they are consulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// The request was refused before any rule was consulted.
    Contract,
    /// The connection ended before any rule was consulted.
    Nobody,
    /// A scenario that was queued through the control plane for the next requests.
    Queued,
    /// The scenario that was pinned to the sandbox through the control plane.
    Pinned,
    /// A scenario whose `match` fits.
    Scenario,
    /// A plus tag of the actor's email names the outcome.
    MagicEmail,
    /// The actor's state, set through the control plane or by the journey that an earlier answer started.
    Actor,
    /// The signing rules, to which scenarios do not apply.
    Signing,
    /// No rule matched: the actor is registered, verified and subscribed, and the handoff succeeds.
    Default,
}

/// Decides by the actor alone: by the outcome that a magic email always names, otherwise by the actor's state.
#[must_use]
pub fn decide(actor: &Actor, known: Option<&ActorState>) -> Decision {
    let magic = Magic::of(actor);
    let slow = magic.slow;
    let delay = if slow { SLOW } else { Duration::ZERO };
    let (outcome, chosen) = match (magic.outcome, known) {
        (Some((Outcome::Obstacle(Obstacle::Error { description }), tag)), _) => {
            (Outcome::Obstacle(Obstacle::Error { description }), by_tag(tag))
        }
        (_, Some(state)) => (by_state(state), Chosen { by: ChosenBy::Actor, why: description_of(state).into() }),
        (Some((outcome, tag)), None) => (outcome, by_tag(tag)),
        (None, None) if slow => (Outcome::Success, by_tag("slow")),
        (None, None) => {
            let why = Cow::Borrowed("the actor's email has no tag that names an outcome");
            (Outcome::Success, Chosen { by: ChosenBy::Default, why })
        }
    };
    Decision { outcome, delay, chosen }
}

/// The initial state of an actor: what a magic email says, otherwise registered, verified and subscribed.
#[must_use]
pub fn initial_state(actor: &Actor) -> ActorState {
    let mut state = ActorState::unknown(&actor.email);
    match Magic::of(actor).outcome {
        Some((Outcome::Obstacle(Obstacle::Register), _)) => state.registered = false,
        Some((Outcome::Obstacle(Obstacle::VerifyEmail), _)) => state.email_verified = false,
        Some((Outcome::Obstacle(Obstacle::RequireSubscription), _)) => state.subscribed = false,
        _ => {}
    }
    state
}

fn by_tag(tag: &str) -> Chosen {
    Chosen { by: ChosenBy::MagicEmail, why: format!("the actor's email has the tag +{tag}").into() }
}

fn by_state(state: &ActorState) -> Outcome {
    if !state.registered {
        Outcome::Obstacle(Obstacle::Register)
    } else if !state.email_verified {
        Outcome::Obstacle(Obstacle::VerifyEmail)
    } else if !state.subscribed {
        Outcome::Obstacle(Obstacle::RequireSubscription)
    } else {
        Outcome::Success
    }
}

fn description_of(state: &ActorState) -> &'static str {
    match by_state(state) {
        Outcome::Obstacle(Obstacle::Register) => "the actor is not registered",
        Outcome::Obstacle(Obstacle::VerifyEmail) => "the actor's email is not verified",
        Outcome::Obstacle(Obstacle::RequireSubscription) => "the actor has no subscription",
        _ => "the actor is registered, verified and subscribed",
    }
}

/// The meaning of an email's plus tags. Of several outcomes, the first counts.
struct Magic<'a> {
    outcome: Option<(Outcome, &'a str)>,
    slow: bool,
}

impl<'a> Magic<'a> {
    fn of(actor: &'a Actor) -> Self {
        let mut magic = Self { outcome: None, slow: false };
        for tag in actor.tags() {
            if tag.eq_ignore_ascii_case("slow") {
                magic.slow = true;
            } else if magic.outcome.is_none() {
                magic.outcome = outcome_of(tag).map(|outcome| (outcome, tag));
            }
        }
        magic
    }
}

/// Whether a plus tag of the actor's email asks for this outcome: for success, or for any obstacle.
#[must_use]
pub fn asks_for(actor: &Actor, outcome: &Outcome) -> bool {
    let is_success = |outcome: &Outcome| *outcome == Outcome::Success;
    Magic::of(actor).outcome.is_some_and(|(asked, _)| is_success(&asked) == is_success(outcome))
}

/// The first plus tag that has no meaning but almost names one that has, and that name. `known` are the tags that
/// scenarios match by.
#[must_use]
pub fn nearly_named<'a>(actor: &'a Actor, known: &[Box<str>]) -> Option<(&'a str, String)> {
    let mut known: Vec<&str> = known.iter().map(|tag| &**tag).chain(MAGIC_TAGS).collect();
    known.sort_unstable();
    let is_known = |tag: &str| known.iter().any(|name| is_same_tag(tag, name));
    let mut unknown = actor.tags().filter(|tag| !tag.is_empty() && !is_known(tag));
    unknown.find_map(|tag| known.iter().find(|name| is_near(tag, name)).map(|name| (tag, (*name).to_owned())))
}

/// The tags that need no scenario.
const MAGIC_TAGS: [&str; 6] = ["success", "require_subscription", "verify_email", "register", "error", "slow"];

/// Whether two tags are the same, ignoring case and the difference between hyphens and underscores.
fn is_same_tag(one: &str, other: &str) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.len() == other.len() && one.bytes().map(plain).eq(other.bytes().map(plain))
}

fn outcome_of(tag: &str) -> Option<Outcome> {
    let obstacle = match tag.to_ascii_lowercase().replace('-', "_").as_str() {
        "success" => return Some(Outcome::Success),
        "require_subscription" => Obstacle::RequireSubscription,
        "verify_email" => Obstacle::VerifyEmail,
        "register" => Obstacle::Register,
        "error" => Obstacle::Error { description: "The actor's email asks for an error (+error).".into() },
        _ => return None,
    };
    Some(Outcome::Obstacle(obstacle))
}
