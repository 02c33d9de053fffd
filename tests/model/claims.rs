//! If several threads want the same slot, version or key, exactly one gets it.

use crate::{
    orders::{drawn_orders, every_order, every_order_within},
    slot::{Slot, claim, find, get, insert, race, slot, slots},
    store::{Commit, Retention, StoreError, Update, at_once},
};
use std::sync::Arc;

/// `count` threads claim one slot through the update loop.
fn claim_race(count: usize) {
    let (_, slots) = slots(Retention::unlimited());
    insert(&slots, slot("slot", &[]));
    let claims = Arc::clone(&slots);
    let outcomes = race(count, move |number| claim(&claims, "slot", number));
    let winner = get(&slots, "slot").unwrap().holder.unwrap();
    for (number, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Update::Done(slot) => assert_eq!((slot.holder, number), (Some(winner), winner)),
            Update::Refused(by, slot) => assert!(by == winner && slot.holder == Some(winner) && number != winner),
            Update::Missing => panic!("the slot is there"),
        }
    }
}

#[test]
fn one_of_several_claims_of_a_slot_succeeds() {
    assert!(every_order(|| claim_race(2)) > 1000);
    assert!(every_order_within(2, || claim_race(3)) > 1000);
    drawn_orders(1000, || claim_race(3));
    drawn_orders(250, || claim_race(6));
}

#[test]
fn no_increment_is_lost() {
    fn body() {
        let (_, slots) = slots(Retention::unlimited());
        insert(&slots, slot("counter", &[]));
        let counters = Arc::clone(&slots);
        race(3, move |_| {
            for _ in 0..2 {
                let counted = counters.update("counter", |slot| Ok::<_, ()>(slot.count += 1));
                assert!(matches!(at_once(counted).unwrap(), Update::Done(_)));
            }
        });
        assert_eq!(get(&slots, "counter").unwrap().count, 6);
    }
    every_order_within(1, body);
    drawn_orders(1000, body);
}

#[test]
fn one_of_three_replacements_of_a_version_succeeds() {
    fn body() {
        let (store, slots) = slots(Retention::unlimited());
        insert(&slots, slot("slot", &[]));
        let (_, version) = at_once(slots.get_versioned("slot")).unwrap().unwrap();
        let won = race(3, move |number| {
            let mut commit = Commit::new();
            commit.replace(Arc::new(Slot { holder: Some(number), ..slot("slot", &[]) }), version);
            match at_once(store.commit("default", commit.into())) {
                Ok(_) => true,
                Err(StoreError::Conflict { write: 0 }) => false,
                Err(error) => panic!("{error}"),
            }
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        let winner = won.iter().position(|won| *won);
        assert_eq!(get(&slots, "slot").unwrap().holder, winner);
    }
    assert!(every_order_within(4, body) > 10_000);
}

#[test]
fn one_of_several_inserts_of_a_key_succeeds() {
    fn body(count: usize) {
        let (_, slots) = slots(Retention::unlimited());
        let inserting = Arc::clone(&slots);
        let found = race(count, move |number| {
            let mine = slot(&format!("s{number}"), &["key"]);
            match at_once(inserting.insert(Arc::new(mine.clone()))) {
                Ok(()) => (true, mine.id),
                Err(StoreError::Taken) => (false, find(&inserting, "key").unwrap().id.clone()),
                Err(error) => panic!("{error}"),
            }
        });
        assert_eq!(found.iter().filter(|(won, _)| *won).count(), 1);
        assert!(found.iter().all(|(_, id)| *id == found[0].1));
        assert_eq!(at_once(slots.fill()).unwrap().kept, 1);
    }
    assert!(every_order(|| body(2)) > 1000);
    every_order_within(2, || body(3));
    drawn_orders(1000, || body(4));
}
