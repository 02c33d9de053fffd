//! How far an actor, a handoff or all requests together have advanced through the answers of a scenario.

use super::{
    answer::{ScriptedAnswer, Until},
    script::{AtEnd, Scenario},
    span::Span,
};
use crate::domain::actor::ActorChange;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The position of a walk through the answers. The default is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The answer that was given last, counted from zero.
    pub answer: usize,
    /// How often it was given since the walk reached it.
    pub attempts: u32,
    /// When it was first given since then, by the sandbox's clock.
    pub since: Timestamp,
    /// How often any answer was given.
    pub total: u64,
}

/// What an actor has done, for answers that wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActorFlags {
    /// Whether the actor has an account.
    pub registered: bool,
    pub email_verified: bool,
    pub subscribed: bool,
}

impl Scenario {
    /// The steps that the answers of this scenario wait for, and that an unknown actor has not done yet.
    #[must_use]
    pub fn waits_for(&self) -> ActorChange {
        let waits = |until| self.answers().iter().any(|answer| answer.until == Some(until)).then_some(false);
        ActorChange {
            registered: waits(Until::Registered),
            email_verified: waits(Until::EmailVerified),
            subscribed: waits(Until::Subscribed),
        }
    }

    /// Advances by one request and returns the index of its answer, counted from zero.
    ///
    /// Skips answers whose `until` already holds; those that wait for the actor are skipped even if they were never
    /// given. If `until` holds for every answer of a scenario that starts over, the first one is given.
    pub fn next(&self, progress: &mut Progress, state: ActorFlags, now: Timestamp) -> usize {
        let answers = self.answers();
        if progress.answer >= answers.len() {
            // The scenario was replaced by a shorter one with the same name.
            *progress = Progress { total: progress.total, ..Progress::default() };
        }
        for _ in 0..answers.len() {
            let is_last = progress.answer + 1 == answers.len();
            if is_last && self.at_end() == AtEnd::RepeatLast {
                break;
            }
            if !is_over(&answers[progress.answer], progress, state, now) {
                break;
            }
            progress.answer = if is_last { 0 } else { progress.answer + 1 };
            progress.attempts = 0;
        }
        if progress.attempts == 0 {
            progress.since = now;
        }
        progress.attempts = progress.attempts.saturating_add(1);
        progress.total = progress.total.saturating_add(1);
        progress.answer
    }
}

fn is_over(answer: &ScriptedAnswer, progress: &Progress, state: ActorFlags, now: Timestamp) -> bool {
    match answer.until {
        None => progress.attempts >= 1,
        Some(Until::Attempts(attempts)) => progress.attempts >= attempts.get(),
        Some(Until::After(Span(span))) => progress.attempts >= 1 && now.duration_since(progress.since) >= span,
        Some(Until::EmailVerified) => state.email_verified,
        Some(Until::Subscribed) => state.subscribed,
        Some(Until::Registered) => state.registered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    const NOBODY: ActorFlags = ActorFlags { registered: false, email_verified: false, subscribed: false };

    fn scenario(answers: &str, at_end: &str) -> Scenario {
        Scenario::read("s.yaml", &format!("name: s\nanswers: {answers}\nat_end: {at_end}\n")).unwrap()
    }

    /// The answers to requests at these seconds.
    fn walk(scenario: &Scenario, requests: &[(i64, ActorFlags)]) -> Vec<usize> {
        let start: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let mut progress = Progress::default();
        let at = |seconds| start + SignedDuration::from_secs(seconds);
        let answers =
            requests.iter().map(|(seconds, state)| scenario.next(&mut progress, *state, at(*seconds))).collect();
        assert_eq!(progress.total, requests.len() as u64);
        answers
    }

    #[test]
    fn answers_are_walked_by_attempts() {
        for (answers, at_end, expected) in [
            ("[{}]", "repeat_last", [0, 0, 0, 0, 0, 0]),
            ("[{}, {}]", "repeat_last", [0, 1, 1, 1, 1, 1]),
            ("[{until: {attempts: 2}}, {}, {}]", "repeat_last", [0, 0, 1, 2, 2, 2]),
            ("[{}, {}]", "start_over", [0, 1, 0, 1, 0, 1]),
            ("[{until: {attempts: 2}}, {until: {attempts: 2}}]", "start_over", [0, 0, 1, 1, 0, 0]),
            ("[{}]", "start_over", [0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(walk(&scenario(answers, at_end), &[(0, NOBODY); 6]), expected, "{answers} {at_end}");
        }
    }

    #[test]
    fn answers_wait_for_the_sandbox_time() {
        let outage = scenario("[{until: {after: 1m}}, {}]", "repeat_last");
        let at = |seconds: &[i64]| walk(&outage, &seconds.iter().map(|at| (*at, NOBODY)).collect::<Vec<_>>());
        assert_eq!(at(&[0, 59, 60, 61]), [0, 0, 1, 1]);
        assert_eq!(at(&[1000, 1001, 1060]), [0, 0, 1]);
        let waves = scenario("[{until: {after: 10s}}, {until: {after: 10s}}]", "start_over");
        let requests = [0, 9, 10, 19, 20, 29, 31].map(|at| (at, NOBODY));
        assert_eq!(walk(&waves, &requests), [0, 0, 1, 1, 0, 0, 1]);
    }

    #[test]
    fn answers_wait_for_the_actor() {
        let journey = scenario(
            "[{outcome: register, until: registered}, {outcome: verify_email, until: email_verified}, {}]",
            "repeat_last",
        );
        let registered = ActorFlags { registered: true, ..NOBODY };
        let verified = ActorFlags { registered: true, email_verified: true, ..NOBODY };
        let requests = [(0, NOBODY), (1, NOBODY), (2, registered), (3, verified), (4, NOBODY)];
        assert_eq!(walk(&journey, &requests), [0, 0, 1, 2, 2]);
        // Answers that wait for what the actor has already done are skipped.
        assert_eq!(walk(&journey, &[(0, verified)]), [2]);
    }

    #[test]
    fn a_cycle_of_met_conditions_gives_the_first_answer() {
        let circle = scenario("[{until: subscribed}, {until: subscribed}]", "start_over");
        let subscribed = ActorFlags { subscribed: true, ..NOBODY };
        assert_eq!(walk(&circle, &[(0, subscribed), (1, subscribed)]), [0, 0]);
    }

    #[test]
    fn the_progress_of_a_longer_scenario_starts_again() {
        let mut progress = Progress { answer: 7, attempts: 2, total: 9, ..Progress::default() };
        assert_eq!(scenario("[{}, {}]", "repeat_last").next(&mut progress, NOBODY, Timestamp::UNIX_EPOCH), 0);
        assert_eq!((progress.attempts, progress.total), (1, 10));
    }
}
