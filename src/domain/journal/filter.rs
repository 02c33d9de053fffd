//! Filters for lists of exchanges.

use super::{Endpoint, Entry};
use jiff::Timestamp;

/// Selects exchanges.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only exchanges that arrived at this time or later.
    pub since: Option<Timestamp>,
    /// Only exchanges recorded after this number.
    pub after: Option<u64>,
    /// Only exchanges recorded before this number.
    pub before: Option<u64>,
    /// Only exchanges with this HTTP status, or with this `status` in the body of the answer.
    pub status: Option<StatusFilter>,
    /// Only exchanges with this endpoint.
    pub endpoint: Option<Endpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    Http(u16),
    /// The `status` in the answer's body.
    Contract(&'static str),
}

impl Filter {
    pub(super) fn admits(&self, entry: &Entry) -> bool {
        let exchange = &entry.exchange;
        self.since.is_none_or(|since| exchange.at >= since)
            && self.after.is_none_or(|after| entry.number > after)
            && self.before.is_none_or(|before| entry.number < before)
            && self.endpoint.is_none_or(|endpoint| entry.endpoint() == Some(endpoint))
            && self.status.as_ref().is_none_or(|status| match status {
                StatusFilter::Http(code) => exchange.answer.as_ref().is_some_and(|answer| answer.status == *code),
                StatusFilter::Contract(word) => exchange.status == Some(*word),
            })
    }
}
