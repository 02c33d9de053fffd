//! Collects matching exchanges, for the `count`, `find` and `wait` operations on the journal.

use crate::{
    base::clock::Deadline,
    domain::{
        journal::{Entry, Journal, News, Query},
        scenario::{Facts, TooCostly},
    },
};
use std::{collections::VecDeque, sync::Arc};

/// The matching exchanges in the part of the journal searched so far. Later searches continue from there, so no
/// exchange is compared twice.
#[derive(Debug)]
pub struct Tally {
    query: Arc<Query>,
    seen: u64,
    /// Numbers of the matching exchanges, oldest first.
    matched: VecDeque<u64>,
}

impl Tally {
    #[must_use]
    pub fn new(query: Arc<Query>) -> Self {
        Self { query, seen: 0, matched: VecDeque::new() }
    }

    /// Searches a journal once; returns `None` if the deadline passes first.
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

    /// Number of the last exchange searched.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Prepares for new exchanges: dropped exchanges no longer count.
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

    /// Number of exchanges that matched; some may have been deleted since.
    pub(super) fn count(&self) -> usize {
        self.matched.len()
    }

    /// The matching exchanges that are still kept, newest first.
    #[must_use]
    pub fn entries(&mut self, journal: &Journal) -> Vec<Arc<Entry>> {
        let mut entries = journal.kept(&self.matched);
        self.matched = entries.iter().map(|entry| entry.number).collect();
        entries.reverse();
        entries
    }
}
