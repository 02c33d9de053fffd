//! How far subjects have come in scenarios with more than one answer.

use super::Scripts;
use crate::domain::scenario::Progress;
use jiff::Timestamp;
use serde::Serialize;

/// How far one subject has come in one scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Walk {
    pub scenario: String,
    /// The actor's email, the handoff's id, or nothing, by the scenario's `per`.
    pub subject: String,
    #[serde(flatten)]
    pub progress: Progress,
}

impl Scripts {
    /// All walks, or those of one scenario, in order of name and subject.
    #[must_use]
    pub fn walks(&self, scenario: Option<&str>) -> Vec<Walk> {
        let state = self.state();
        let wanted = state.walks.iter().filter(|((name, _), _)| scenario.is_none_or(|wanted| *wanted == **name));
        let mut walks: Vec<Walk> = wanted
            .map(|((name, subject), (_, progress))| Walk {
                scenario: name.to_string(),
                subject: subject.clone(),
                progress: *progress,
            })
            .collect();
        walks.sort_by(|one, other| (&one.scenario, &one.subject).cmp(&(&other.scenario, &other.subject)));
        walks
    }

    /// Sets a walk to an answer; returns whether the scenario has it.
    pub fn set_walk(&self, name: &str, subject: &str, answer: usize, now: Timestamp) -> bool {
        let mut state = self.state();
        let Some(scenario) = state.set.get(name).filter(|scenario| answer < scenario.answers().len()).cloned() else {
            return false;
        };
        state.steps += 1;
        let step = state.steps;
        let progress = Progress { answer, attempts: 0, since: now, total: 0 };
        state.walks.insert((scenario.name().into(), bounded(subject.to_owned())), (step, progress));
        state.forget_oldest();
        true
    }

    /// Forgets how far one scenario, or all, has come.
    pub fn forget_walks(&self, scenario: Option<&str>) {
        self.state().walks.retain(|(name, _), _| scenario.is_some_and(|wanted| *wanted != **name));
    }
}

/// The longest subject that is remembered as it is.
const LONGEST_SUBJECT: usize = 256;

/// A subject as it is remembered: one that is too long as its beginning and a hash of all of it.
pub(super) fn bounded(subject: String) -> String {
    if subject.len() <= LONGEST_SUBJECT {
        return subject;
    }
    let sum = subject
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    format!("{}…{sum:016x}", &subject[..subject.floor_char_boundary(LONGEST_SUBJECT)])
}
