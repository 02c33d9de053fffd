//! One log of a sandbox in memory: the newest entries, numbered without gaps.

use super::{LogEntry, LogSlice, Numbered, Usage, retention::Limit};
use crate::base::budget::{Account, Share};
use std::collections::VecDeque;

/// Bytes that an entry takes in addition to its size.
const OVERHEAD: usize = 64;

/// The entries of a log. Takes no locks and frees nothing: methods return what they remove.
#[derive(Debug)]
pub(super) struct Ring {
    limit: Limit,
    entries: VecDeque<LogEntry>,
    /// Number of the newest entry.
    last: u64,
    /// Bytes of the entries alone; the limit applies to these.
    size: usize,
    bytes: Account,
}

impl Ring {
    pub(super) fn new(limit: Limit, bytes: Account) -> Self {
        Self { limit, entries: VecDeque::new(), last: 0, size: 0, bytes }
    }

    pub(super) fn slice(&self, after: u64, limit: usize) -> LogSlice {
        let dropped = self.dropped();
        let start = after.max(dropped);
        let skipped = usize::try_from(start - dropped).unwrap_or(usize::MAX);
        let entries = self.entries.iter().skip(skipped).take(limit).cloned();
        LogSlice {
            entries: (start + 1..).zip(entries).map(|(number, entry)| Numbered { number, entry }).collect(),
            usage: Usage { kept: self.entries.len(), dropped, bytes: self.size },
            last: self.last,
        }
    }

    /// Bytes that count against the budget and can be dropped.
    pub(super) fn droppable_bytes(&self) -> usize {
        if self.limit.gives_way { self.bytes.bytes() } else { 0 }
    }

    /// Appends entries and returns the number of the first.
    pub(super) fn append(&mut self, entries: Vec<LogEntry>) -> u64 {
        let first = self.last + 1;
        self.last += entries.len() as u64;
        let size: usize = entries.iter().map(|entry| entry.size).sum();
        self.size += size;
        self.bytes.add(size + entries.len() * OVERHEAD);
        self.entries.extend(entries);
        first
    }

    /// Removes the last `count` entries, as if they had never been appended.
    pub(super) fn withdraw(&mut self, count: usize, gone: &mut Vec<LogEntry>) {
        for entry in self.entries.drain(self.entries.len() - count..) {
            self.last -= 1;
            self.size -= entry.size;
            self.bytes.sub(entry.size + OVERHEAD);
            gone.push(entry);
        }
    }

    /// Drops the oldest entries beyond the limit.
    pub(super) fn trim(&mut self, dropped: &mut Vec<LogEntry>) {
        while self.entries.len() > self.limit.count || self.size > self.limit.bytes {
            if !self.drop_oldest(dropped) {
                break;
            }
        }
    }

    /// Drops the oldest entries until a share of the bytes is left.
    pub(super) fn shrink(&mut self, share: Share, dropped: &mut Vec<LogEntry>) {
        if !self.limit.gives_way {
            return;
        }
        let stays = share.of(self.bytes.bytes());
        while self.bytes.bytes() > stays && self.drop_oldest(dropped) {}
    }

    fn drop_oldest(&mut self, dropped: &mut Vec<LogEntry>) -> bool {
        let Some(gone) = self.entries.pop_front() else { return false };
        self.size -= gone.size;
        self.bytes.sub(gone.size + OVERHEAD);
        dropped.push(gone);
        true
    }

    /// Numbers have no gaps, so entries that are not kept were dropped.
    fn dropped(&self) -> u64 {
        self.last - self.entries.len() as u64
    }
}
