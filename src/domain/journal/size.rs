//! Approximate size of an exchange in bytes.

use super::{Entry, Exchange};
use crate::domain::contract::{Advice, Violation};

/// Size of an exchange with all its parts, in bytes.
pub(super) fn size_of_exchange(exchange: &Exchange) -> usize {
    /// Allocator overhead for the ten or so allocations of an exchange.
    const OVERHEAD: usize = 160;
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let violation = |violation: &Violation| {
        size_of::<Violation>()
            + violation.pointer.len()
            + violation.wanted.len()
            + text(&violation.clause)
            + text(&violation.came)
            + text(&violation.hint)
    };
    let advice = |advice: &Advice| size_of::<Advice>() + advice.pointer.len() + advice.message.len();
    size_of::<Entry>()
        + OVERHEAD
        + exchange.head.len()
        + exchange.body.as_ref().map_or(0, |body| body.len())
        + exchange.answer.as_ref().map_or(0, |answer| answer.headers.len() + answer.body.len())
        + exchange.violations.iter().map(violation).sum::<usize>()
        + exchange.advices.iter().map(advice).sum::<usize>()
        + exchange.chosen.why.len()
        + exchange.assertion.as_ref().map_or(0, |assertion| assertion.size())
        + exchange.request_id.len()
}
