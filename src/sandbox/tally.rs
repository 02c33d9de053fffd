//! Which exchanges match: what `count`, `find` and `wait` ask of the journal.

use crate::{
    base::clock::Deadline,
    domain::{
        journal::{Entry, Journal, News, Query},
        scenario::{Facts, TooCostly},
    },
};
use std::{collections::VecDeque, sync::Arc};

/// The exchanges that match, as far as the journal has been looked through. It goes on from there, so that no exchange
/// is compared twice.
#[derive(Debug)]
pub struct Tally {
    query: Arc<Query>,
    seen: u64,
    /// The numbers of those that match, oldest first.
    matched: VecDeque<u64>,
}

impl Tally {
    #[must_use]
    pub fn new(query: Arc<Query>) -> Self {
        Self { query, seen: 0, matched: VecDeque::new() }
    }

    /// Looks through a journal once; `None` when the deadline is over first.
    #[must_use]
    pub fn of(query: Arc<Query>, journal: &Journal, deadline: &Deadline) -> Option<Result<Self, TooCostly>> {
        let mut tally = Self::new(query);
        let news = journal.since(tally.seen);
        tally.begin(&news);
        for entry in &news.entries {
            if deadline.is_over() {
                return None;
            }
            if let Err(error) = journal.with_facts(entry, |facts| tally.compare(entry, facts)) {
                return Some(Err(error));
            }
        }
        Some(Ok(tally))
    }

    /// The number of the last exchange that was looked at.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Prepares for what is new: what gave way no longer counts.
    pub(super) fn begin(&mut self, news: &News) {
        while self.matched.front().is_some_and(|number| *number < news.oldest) {
            self.matched.pop_front();
        }
    }

    /// Compares an exchange that it has not seen yet.
    pub(super) fn compare(&mut self, entry: &Entry, facts: &Facts<'_>) -> Result<(), TooCostly> {
        if self.query.matches(entry, facts)? {
            self.matched.push_back(entry.number);
        }
        self.seen = entry.number;
        Ok(())
    }

    /// How many exchanges matched, of which some may have been deleted since.
    pub(super) fn count(&self) -> usize {
        self.matched.len()
    }

    /// The exchanges that match and are still kept, newest first.
    #[must_use]
    pub fn entries(&mut self, journal: &Journal) -> Vec<Arc<Entry>> {
        let mut entries = journal.kept(&self.matched);
        self.matched = entries.iter().map(|entry| entry.number).collect();
        entries.reverse();
        entries
    }
}
