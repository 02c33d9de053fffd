//! The assertions that a sandbox has accepted; each is accepted only once (T2).
//!
//! Memory is bounded without letting an assertion pass twice: if an entry must be forgotten before its assertion ends,
//! every assertion that ends no later is refused as well.

use crate::{
    base::document::Record,
    domain::oauth::{ForgottenAssertions, ReplayError, UsedAssertion},
    store::{Commit, Repository, Shelf, StoreError},
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Maximum number of remembered assertions.
const REMEMBERED: usize = 20_000;

/// Ended assertions are forgotten after this many accepted ones.
const SWEEP: usize = 1_000;

#[derive(Debug)]
pub(super) struct Assertions {
    shelf: Arc<Shelf>,
    used: Repository<UsedAssertion>,
    forgotten: Repository<ForgottenAssertions>,
    room: usize,
    /// Number of accepted assertions.
    accepted: AtomicUsize,
}

impl Assertions {
    pub(super) fn new(shelf: &Arc<Shelf>) -> Self {
        Self::with_room(shelf, REMEMBERED)
    }

    fn with_room(shelf: &Arc<Shelf>, room: usize) -> Self {
        let (used, forgotten) = (Repository::new(shelf), Repository::new(shelf));
        Self { shelf: Arc::clone(shelf), used, forgotten, room, accepted: AtomicUsize::new(0) }
    }

    /// Accepts an assertion's `jti` once and remembers it from `now` until its `end`, both in seconds since 1970.
    pub(super) async fn use_up(
        &self,
        client: &str,
        jti: &str,
        end: i64,
        now: i64,
    ) -> Result<Result<(), ReplayError>, StoreError> {
        let used = Arc::new(UsedAssertion::new(client, jti, end));
        if !self.remember(&used, now).await? {
            return Ok(Err(ReplayError::Seen));
        }
        // Checked after remembering: if the same assertion is forgotten meanwhile, either its entry was still found, or
        // the mark already covers its end.
        if self.forgotten().await?.is_some_and(|(forgotten, _)| end <= forgotten.until) {
            // It stays refused without being remembered, because the mark never moves back.
            self.used.delete(used.mark()).await?;
            return Ok(Err(ReplayError::Unsure));
        }
        let accepted = self.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if accepted.is_multiple_of(SWEEP) || self.used.fill().await?.kept > self.room {
            self.forget(now).await?;
        }
        Ok(Ok(()))
    }

    /// Remembers an assertion; returns false if one with the same `jti` was used and could still pass.
    async fn remember(&self, used: &Arc<UsedAssertion>, now: i64) -> Result<bool, StoreError> {
        loop {
            let mut commit = Commit::new();
            match self.used.get_versioned(used.mark()).await? {
                Some((earlier, _)) if earlier.end >= now => return Ok(false),
                Some((_, version)) => commit.replace(Arc::clone(used), version),
                None => commit.insert(Arc::clone(used)),
            };
            match self.shelf.commit(commit).await {
                Ok(_) => return Ok(true),
                // Another caller wrote first.
                Err(StoreError::Taken | StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets assertions that have ended. If too many remain, also forgets those that end first until a tenth of the
    /// room is free, so that a full scan is rare.
    async fn forget(&self, now: i64) -> Result<(), StoreError> {
        let mut all = self.used.all_versioned().await?;
        all.sort_by_key(|(used, _)| used.end);
        let ended = all.partition_point(|(used, _)| used.end < now);
        let left = all.len() - ended;
        let count = if left > self.room { all.len() - (self.room - self.room / 10) } else { ended };
        if count == 0 {
            return Ok(());
        }
        let mut commit = Commit::new();
        for (used, version) in &all[..count] {
            commit.delete::<UsedAssertion>(used.id(), Some(*version));
        }
        // Includes those that have ended: a caller that read the clock earlier may still use one of them.
        if let Some((last, _)) = all[..count].last() {
            match self.forgotten().await? {
                Some((forgotten, version)) => {
                    let until = last.end.max(forgotten.until);
                    commit.replace(Arc::new(ForgottenAssertions { until }), version)
                }
                None => commit.insert(Arc::new(ForgottenAssertions { until: last.end })),
            };
        }
        match self.shelf.commit(commit).await {
            // Another caller does the same, or the next one will.
            Ok(_) | Err(StoreError::Taken | StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn forgotten(&self) -> Result<Option<(Arc<ForgottenAssertions>, u64)>, StoreError> {
        self.forgotten.get_versioned(ForgottenAssertions::ID).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Memory, Retention, Store};

    fn assertions(room: usize) -> Assertions {
        let store: Arc<dyn Store> = Arc::new(Memory::new(Retention::unlimited()));
        Assertions::with_room(&Arc::new(Shelf::new(store, "default".into())), room)
    }

    async fn use_up(assertions: &Assertions, jti: &str, end: i64, now: i64) -> &'static str {
        match assertions.use_up("a", jti, end, now).await.unwrap() {
            Ok(()) => "passes",
            Err(ReplayError::Seen) => "seen",
            Err(ReplayError::Unsure) => "unsure",
        }
    }

    #[tokio::test]
    async fn a_jti_is_accepted_once_while_its_assertion_is_valid() {
        let assertions = assertions(100);
        assert_eq!(use_up(&assertions, "1", 100, 0).await, "passes");
        assert_eq!(use_up(&assertions, "1", 400, 100).await, "seen");
        assert!(assertions.use_up("b", "1", 100, 100).await.unwrap().is_ok(), "another client's");
        assert_eq!(use_up(&assertions, "1", 400, 101).await, "passes");
        assert_eq!(use_up(&assertions, "1", 400, 102).await, "seen");
    }

    #[tokio::test]
    async fn an_assertion_forgotten_early_does_not_pass_again() {
        let assertions = assertions(20);
        for number in 0..21 {
            assert_eq!(use_up(&assertions, &number.to_string(), 100 + number, 0).await, "passes");
        }
        for _ in 0..50 {
            assert_eq!(use_up(&assertions, "0", 100, 0).await, "unsure");
        }
        assert_eq!(use_up(&assertions, "20", 120, 0).await, "seen");
        assert_eq!(use_up(&assertions, "21", 121, 0).await, "passes");
        assert!(assertions.used.fill().await.unwrap().kept <= 20);
    }

    #[tokio::test]
    async fn expired_assertions_are_forgotten_regularly() {
        let assertions = assertions(1_000_000);
        for number in 0..2_000 {
            assert_eq!(use_up(&assertions, &number.to_string(), 100 + number, 100 + number).await, "passes");
        }
        assert_eq!(assertions.used.fill().await.unwrap().kept, 1, "the last one has not ended");
    }

    #[tokio::test]
    async fn expired_assertions_make_room_first() {
        let assertions = assertions(20);
        for number in 0..200 {
            let (end, now) = (100 + number, 90 + number);
            assert_eq!(use_up(&assertions, &number.to_string(), end, now).await, "passes");
            let forgotten = assertions.forgotten().await.unwrap();
            assert!(forgotten.is_none_or(|(forgotten, _)| forgotten.until < now), "none is forgotten before its end");
            assert!(assertions.used.fill().await.unwrap().kept <= 20);
        }
    }

    #[tokio::test]
    async fn a_caller_whose_clock_is_behind_reuses_no_assertion() {
        let assertions = assertions(20);
        assert_eq!(use_up(&assertions, "1", 100, 99).await, "passes");
        assertions.forget(101).await.unwrap();
        assert_eq!(use_up(&assertions, "1", 100, 100).await, "unsure");
        assert_eq!(use_up(&assertions, "1", 101, 101).await, "passes");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn one_of_many_concurrent_uses_of_an_assertion_passes() {
        for room in [3, 1_000] {
            let assertions = Arc::new(assertions(room));
            for round in 0..50 {
                let tasks: Vec<_> = (0..8)
                    .map(|task| {
                        let assertions = Arc::clone(&assertions);
                        tokio::spawn(async move {
                            // Other assertions come in between, so that some are forgotten.
                            let other = format!("{round}/{task}");
                            let _ = assertions.use_up("other", &other, 1_000 + round, 0).await.unwrap();
                            assertions.use_up("a", &format!("{round}"), 1_000 + round, 0).await.unwrap().is_ok()
                        })
                    })
                    .collect();
                let mut passed = 0;
                for task in tasks {
                    passed += usize::from(task.await.unwrap());
                }
                assert!(passed <= 1, "round {round}, room {room}: {passed}");
                assert!(passed == 1 || room == 3, "round {round}");
            }
        }
    }
}
