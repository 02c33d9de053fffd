//! The `jti`s of assertions, each remembered until its assertion can no longer pass (T2).
//!
//! Bounded, and yet no assertion passes twice: where the oldest are forgotten too early, whatever ends no later than
//! they did is refused as well.

use aws_lc_rs::digest::{Context, SHA256};
use hashbrown::HashSet;
use std::collections::BTreeSet;

/// How many are remembered at most. Each takes some sixty bytes.
pub const REMEMBERED: usize = 100_000;

/// The `jti`s of a sandbox.
#[derive(Debug)]
pub struct Jtis {
    room: usize,
    seen: HashSet<Mark>,
    by_end: BTreeSet<(i64, Mark)>,
    /// What ends by then may have been forgotten.
    unsure_until: i64,
}

/// Stands for a client and a `jti`: half a SHA-256 sum, so that a long `jti` takes no more room than a short one.
type Mark = [u8; 16];

/// Why an assertion must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// Its `jti` was used before.
    Seen,
    /// It may have been used before: it would have been forgotten since, as too many others were used.
    Unsure,
}

impl Default for Jtis {
    fn default() -> Self {
        Self::with_room(REMEMBERED)
    }
}

impl Jtis {
    #[must_use]
    pub fn with_room(room: usize) -> Self {
        Self { room, seen: HashSet::new(), by_end: BTreeSet::new(), unsure_until: i64::MIN }
    }

    /// Remembers the `jti` of an assertion that passes, from `now` until its `end`, both in seconds.
    ///
    /// # Errors
    /// When it must not pass.
    pub fn remember(&mut self, client: &str, jti: &str, end: i64, now: i64) -> Result<(), ReplayError> {
        while self.by_end.first().is_some_and(|(end, _)| *end < now) {
            self.forget_first();
        }
        let mark = mark(client, jti);
        if self.seen.contains(&mark) {
            return Err(ReplayError::Seen);
        }
        if end <= self.unsure_until {
            return Err(ReplayError::Unsure);
        }
        self.seen.insert(mark);
        self.by_end.insert((end, mark));
        if self.seen.len() > self.room {
            self.unsure_until = self.forget_first().unwrap_or(self.unsure_until);
        }
        Ok(())
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn forget_first(&mut self) -> Option<i64> {
        let (end, mark) = self.by_end.pop_first()?;
        self.seen.remove(&mark);
        Some(end)
    }
}

fn mark(client: &str, jti: &str) -> Mark {
    let mut sum = Context::new(&SHA256);
    sum.update(client.as_bytes());
    // No client id holds a line feed, so no two pairs give the same text.
    sum.update(b"\n");
    sum.update(jti.as_bytes());
    let mut mark = Mark::default();
    mark.copy_from_slice(&sum.finish().as_ref()[..16]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jti_passes_once_until_its_assertion_cannot() {
        let mut jtis = Jtis::default();
        assert_eq!(jtis.remember("a", "1", 100, 0), Ok(()));
        assert_eq!(jtis.remember("a", "1", 400, 100), Err(ReplayError::Seen));
        assert_eq!(jtis.remember("b", "1", 100, 100), Ok(()));
        assert_eq!(jtis.remember("a", "1", 400, 101), Ok(()));
        assert_eq!(jtis.len(), 1);
    }

    #[test]
    fn what_was_forgotten_too_early_does_not_pass_again() {
        let mut jtis = Jtis::with_room(2);
        for (jti, end) in [("1", 100), ("2", 101), ("3", 102)] {
            assert_eq!(jtis.remember("a", jti, end, 0), Ok(()));
        }
        assert_eq!(jtis.remember("a", "1", 100, 0), Err(ReplayError::Unsure));
        assert_eq!(jtis.remember("a", "2", 101, 0), Err(ReplayError::Seen));
        assert_eq!(jtis.remember("a", "4", 103, 0), Ok(()));
        assert_eq!(jtis.len(), 2);
    }
}
