//! Proves that the checker can fail: it finds the fault of each broken store, and an order of steps that shows it.

use crate::{
    delegate::delegate,
    orders::{find_failure, replay},
    slot::{Slots, claim, claim_and_log, get, insert, logged, race, shelf, slot, slots},
    store::{Committed, Memory, Pending, Repository, Retention, Store, Update, Write, at_once},
};
use docendorse_mock::store;
use std::sync::Arc;

/// A store that ignores versions: it replaces whatever is stored.
#[derive(Debug, Default)]
struct Careless(Memory);

impl Store for Careless {
    delegate!(0: get find list due log next clear usage);

    fn commit<'a>(&'a self, sandbox: &'a str, mut writes: Vec<Write>) -> Pending<'a, Committed> {
        Box::pin(async move {
            loop {
                for write in &mut writes {
                    if let Write::Replace { collection, document, version } = write {
                        let place = store::Place { sandbox: sandbox.into(), collection };
                        *version = self.0.get(&place, &document.id).await?.map_or(0, |stored| stored.version);
                    }
                }
                match self.0.commit(sandbox, writes.clone()).await {
                    Err(store::StoreError::Conflict { .. }) => {}
                    other => return other,
                }
            }
        })
    }
}

/// A store that appends to logs before it checks versions.
#[derive(Debug, Default)]
struct Halving(Memory);

impl Store for Halving {
    delegate!(0: get find list due log next clear usage);

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        Box::pin(async move {
            let (logs, documents): (Vec<_>, Vec<_>) =
                writes.into_iter().partition(|write| matches!(write, Write::Append { .. }));
            self.0.commit(sandbox, logs).await?;
            self.0.commit(sandbox, documents).await
        })
    }
}

/// Two threads claim and log one slot in a store that applies half a commit.
fn halving_race() {
    let store: Arc<dyn Store> = Arc::new(Halving::default());
    let slots: Arc<Slots> = Arc::new(Repository::new(&shelf(&store)));
    insert(&slots, slot("slot", &[]));
    race(2, move |number| drop(claim_and_log(&slots, "slot", number)));
    assert_eq!(logged(&store).len(), 1, "exactly one winner must be logged");
}

#[test]
fn a_store_that_applies_half_a_commit_is_caught() {
    let (said, order) = find_failure(halving_race).expect("a loser is logged in some order");
    assert!(said.contains("exactly one winner must be logged"), "{said}");
    assert_eq!(replay(order, halving_race).expect("the same order ends the same way"), said);
}

/// Two threads claim one slot in a store that ignores versions.
fn careless_race() {
    let store: Arc<dyn Store> = Arc::new(Careless::default());
    let slots: Arc<Slots> = Arc::new(Repository::new(&shelf(&store)));
    insert(&slots, slot("slot", &[]));
    let claims = Arc::clone(&slots);
    let outcomes = race(2, move |number| matches!(claim(&claims, "slot", number), Update::Done(_)));
    assert_eq!(outcomes.iter().filter(|won| **won).count(), 1, "exactly one thread must get the slot");
    assert!(get(&slots, "slot").unwrap().holder.is_some());
}

#[test]
fn a_store_that_ignores_versions_is_caught_and_replayed() {
    let (said, order) = find_failure(careless_race).expect("two get the slot in some order");
    assert!(said.contains("exactly one thread must get the slot"), "{said}");
    println!("the order, thread by thread: {:?}", order.steps);
    let again = replay(order, careless_race).expect("the same order ends the same way");
    assert_eq!(said, again);
}

#[test]
fn a_correct_store_replays_the_same_way_every_time() {
    shuttle::check_uncontrolled_nondeterminism(
        || {
            let (_, slots) = slots(Retention::unlimited());
            for id in ["a", "b", "c"] {
                insert(&slots, slot(id, &[id]));
            }
            race(3, move |number| {
                for id in ["a", "b", "c"] {
                    claim(&slots, id, number);
                    let _ = at_once(slots.update(id, |slot| Ok::<_, ()>(slot.keys.push(format!("{id}{number}")))));
                }
            });
        },
        300,
    );
}
