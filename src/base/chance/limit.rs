//! Error messages for durations with a maximum.

use super::written;
use crate::base::clock::read_span;
use std::time::Duration;

/// Rewrites an error message so that its examples respect the maximum.
pub(crate) fn within_limit(problem: &str, most: Duration) -> String {
    const WRITE: &str = "; write ";
    let is_within = |example: &&str| {
        let span = read_span(example.trim());
        span.and_then(|span| Duration::try_from(span).ok()).is_some_and(|span| span <= most)
    };
    let Some((what, examples)) = problem.split_once(WRITE) else { return problem.to_owned() };
    let start = examples.find(" such as ").map_or(0, |start| start + " such as ".len());
    let (start, examples) = examples.split_at(start);
    let examples: Vec<&str> = examples.split(", ").flat_map(|part| part.split(" or ")).collect();
    let are_spans = examples.iter().all(|example| read_span(example.trim()).is_some());
    let fit: Vec<&str> = examples.iter().copied().filter(is_within).collect();
    match fit.as_slice() {
        _ if !are_spans || fit.len() == examples.len() => problem.to_owned(),
        [] => format!("{what}; write a span of at most {}, such as {}", limit(most), limit(most)),
        [others @ .., last] if !others.is_empty() => format!("{what}{WRITE}{start}{} or {last}", others.join(", ")),
        _ => format!("{what}{WRITE}{start}{}", fit[0]),
    }
}

/// Formats a limit for a message; whole days as days.
pub(super) fn limit(most: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match most.as_secs() {
        seconds if seconds >= DAY && seconds.is_multiple_of(DAY) => format!("{}d", seconds / DAY),
        _ => format!("{:#}", written(most)),
    }
}
