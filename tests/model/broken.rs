//! That the checker can fail: it finds what is wrong with a store that is, and says in which order.

use crate::{
    orders::{find_failure, replay},
    slot::{Slot, claim, get, insert, race, slot},
    store::{Document, Fill, Memory, Page, Pending, Place, Repository, Retention, Store, Stored, Update, at_once},
};
use std::sync::Arc;

/// A store that writes whatever it is given, whichever version it was made from.
#[derive(Debug)]
struct Careless(Memory);

impl Store for Careless {
    fn replace<'a>(&'a self, place: &'a Place, document: Document, _version: u64) -> Pending<'a, bool> {
        Box::pin(async move {
            loop {
                let Some(stored) = self.0.get(place, &document.id).await? else { return Ok(false) };
                if self.0.replace(place, document.clone(), stored.version).await? {
                    return Ok(true);
                }
            }
        })
    }

    fn insert<'a>(&'a self, place: &'a Place, document: Document) -> Pending<'a, ()> {
        self.0.insert(place, document)
    }

    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.0.get(place, id)
    }

    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.0.find(place, key)
    }

    fn list<'a>(&'a self, place: &'a Place, page: Page) -> Pending<'a, Vec<Arc<Stored>>> {
        self.0.list(place, page)
    }

    fn delete_at<'a>(&'a self, place: &'a Place, id: &'a str, version: u64) -> Pending<'a, bool> {
        self.0.delete_at(place, id, version)
    }

    fn delete<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, bool> {
        self.0.delete(place, id)
    }

    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()> {
        self.0.clear(sandbox)
    }

    fn fill<'a>(&'a self, place: &'a Place) -> Pending<'a, Fill> {
        self.0.fill(place)
    }
}

/// Two threads claim one slot of a careless store.
fn careless_race() {
    let slots: Arc<Repository<Slot>> =
        Arc::new(Repository::new(Arc::new(Careless(Memory::new(Retention::unlimited()))), "default".into()));
    insert(&slots, slot("slot", &[]));
    let claims = Arc::clone(&slots);
    let outcomes = race(2, move |number| matches!(claim(&claims, "slot", number), Update::Done(_)));
    assert_eq!(outcomes.iter().filter(|won| **won).count(), 1, "so many got the slot");
    assert!(get(&slots, "slot").unwrap().holder.is_some());
}

#[test]
fn a_store_that_ignores_versions_is_caught_and_the_order_plays_again() {
    let (said, order) = find_failure(careless_race).expect("two get the slot in some order");
    assert!(said.contains("so many got the slot"), "{said}");
    println!("the order, thread by thread: {:?}", order.steps);
    let again = replay(order, careless_race).expect("the same order ends the same way");
    assert_eq!(said, again);
}

#[test]
fn what_is_right_plays_the_same_way_every_time() {
    shuttle::check_uncontrolled_nondeterminism(
        || {
            let slots: Arc<Repository<Slot>> =
                Arc::new(Repository::new(Arc::new(Memory::new(Retention::unlimited())), "default".into()));
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
