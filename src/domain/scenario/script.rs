//! Scenarios and their properties.

mod file;
mod stored;

use super::{
    answer::ScriptedAnswer,
    error::ScenarioError,
    facts::{Facts, lower_case},
    matching::Match,
};
use crate::{
    base::reading::quoted,
    domain::{contract::email_problem, signing::Plan},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A scenario: which requests it matches, and the sequence of answers that it gives.
#[derive(Clone, Debug)]
pub struct Scenario {
    name: Arc<str>,
    description: Box<str>,
    endpoint: ScenarioEndpoint,
    matcher: Match,
    priority: i64,
    per: Per,
    answers: Vec<ScriptedAnswer>,
    at_end: AtEnd,
    plan: Option<Arc<Plan>>,
    /// The text that it was read from.
    text: Box<str>,
    size: usize,
    is_file: bool,
    /// The position of its name, for errors about the scenario as a whole.
    origin: ScenarioError,
}

/// The endpoint that a scenario answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScenarioEndpoint {
    /// Handoffs (H1).
    #[default]
    Handoff,
    /// Requests for an access token (T1) with a valid assertion.
    Token,
}

/// Which requests share a walk through the answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each actor, identified by email.
    #[default]
    Actor,
    /// Each handoff, identified by the caller's id.
    Handoff,
    /// All requests together.
    All,
}

/// What follows the last answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// The last answer is repeated.
    #[default]
    RepeatLast,
    /// The first answer is next.
    StartOver,
}

impl Scenario {
    /// The name, unique in a set.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the scenario is for; may be empty.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    #[must_use]
    pub fn endpoint(&self) -> ScenarioEndpoint {
        self.endpoint
    }

    #[must_use]
    pub fn matcher(&self) -> &Match {
        &self.matcher
    }

    /// Scenarios with a larger priority are matched first.
    #[must_use]
    pub fn priority(&self) -> i64 {
        self.priority
    }

    #[must_use]
    pub fn per(&self) -> Per {
        self.per
    }

    /// The answers, at least one.
    #[must_use]
    pub fn answers(&self) -> &[ScriptedAnswer] {
        &self.answers
    }

    #[must_use]
    pub fn at_end(&self) -> AtEnd {
        self.at_end
    }

    /// The plan for envelopes opened by its handoffs, if it has one (G3, G4).
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.plan.as_ref()
    }

    /// The text that it was read from, YAML or JSON.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Marks the scenario as read from a file of a folder.
    #[must_use]
    pub fn of_file(self) -> Self {
        Self { is_file: true, ..self }
    }

    /// The name of the file that it was read from. `None` if it ships with the server or was sent to it.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.is_file.then_some(&*self.origin.file)
    }

    /// Approximate memory size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The key of a request's progress; the same for all requests that share a walk through the answers.
    #[must_use]
    pub fn subject(&self, facts: &Facts<'_>) -> String {
        match self.per {
            Per::Actor => lower_case(facts.email).into_owned(),
            Per::Handoff => facts.handoff_id.to_owned(),
            Per::All => String::new(),
        }
    }

    /// The key of a walk named by a caller: an email in any case, a handoff's id, or nothing.
    ///
    /// # Errors
    /// Why this scenario has no walk with this name, and the fix.
    pub fn named_subject(&self, subject: &str) -> Result<String, String> {
        let name = self.name();
        match (self.per, subject) {
            (Per::Actor, "") => Err(format!("{name:?} counts each actor separately; give an email")),
            (Per::Handoff, "") => Err(format!("{name:?} counts each handoff separately; give a handoff_id")),
            (Per::All, subject) if !subject.is_empty() => {
                Err(format!("{name:?} counts all requests together; leave the subject out"))
            }
            (Per::Actor, email) => match email_problem(email) {
                Some(problem) => Err(format!(
                    "{} is not an email address: {problem}; write one such as sam@example.com",
                    quoted(email)
                )),
                None => Ok(lower_case(email).into_owned()),
            },
            (Per::Handoff | Per::All, subject) => Ok(subject.to_owned()),
        }
    }

    /// An error at the position of the scenario's name.
    #[must_use]
    pub fn error(&self, problem: &str) -> ScenarioError {
        self.origin.clone().saying(problem)
    }

    /// The error that another scenario has the same name, at the position of this scenario's name.
    #[must_use]
    pub fn same_name_as(&self, first: &Self) -> ScenarioError {
        self.error(&format!(
            "another scenario already has the name {:?} ({}:{}); rename one of them",
            self.name, first.origin.file, first.origin.position
        ))
    }
}
