//! Proves that the suite can fail: it detects a store whose commits are not atomic.

use crate::{commits::a_failed_commit_changes_nothing, delegate::delegate, races::block};
use docendorse_mock::store::{self, Committed, Memory, Pending, Store, StoreError, Write};
use std::sync::Arc;

/// A store that applies each write separately, so that it keeps half of a failed commit.
#[derive(Debug, Default)]
struct Halving(Memory);

impl Store for Halving {
    delegate!(0: get find list due log next clear usage);

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        Box::pin(async move {
            let mut written = Vec::new();
            for (number, write) in writes.into_iter().enumerate() {
                let result = self.0.commit(sandbox, vec![write]).await;
                written.extend(result.map_err(|error| match error {
                    StoreError::Conflict { .. } => StoreError::Conflict { write: number },
                    other => other,
                })?);
            }
            Ok(written)
        })
    }
}

#[test]
fn a_store_that_applies_half_a_commit_is_caught() {
    let check = || {
        let store: Arc<dyn Store> = Arc::new(Halving::default());
        block(a_failed_commit_changes_nothing("halving", &store));
    };
    let panic = std::thread::spawn(check).join().expect_err("the suite accepts half a commit");
    let said = panic.downcast_ref::<String>().unwrap();
    assert!(said.contains("halving: changed"), "{said}");
}
