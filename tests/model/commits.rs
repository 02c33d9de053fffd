//! Commits of documents and log entries: one winner, a log in commit order, and all of a commit or nothing.

use crate::{
    orders::{drawn_orders, every_order_within},
    slot::{Entry, Slot, claim_and_log, get, insert, logged, race, slot, slots, together},
    store::{Commit, Retention, StoreError, Update, at_once},
};
use std::sync::Arc;

/// `count` threads claim one slot and log it.
fn logged_claims(count: usize) {
    let (store, slots) = slots(Retention::unlimited());
    insert(&slots, slot("slot", &[]));
    let claims = Arc::clone(&slots);
    let outcomes = race(count, move |number| matches!(claim_and_log(&claims, "slot", number), Update::Done(_)));
    let winner = get(&slots, "slot").unwrap().holder.unwrap();
    let won: Vec<_> = (0..count).filter(|number| outcomes[*number]).collect();
    assert_eq!(won, [winner]);
    assert_eq!(logged(&store), [Entry { number: winner, count: 1 }]);
}

#[test]
fn one_claim_is_applied_and_logged() {
    every_order_within(3, || logged_claims(2));
    every_order_within(2, || logged_claims(3));
    drawn_orders(1000, || logged_claims(4));
}

/// Threads increment a slot and log the count; the log keeps at most `most` entries.
fn counts(most: usize) {
    let (store, slots) = slots(Retention::unlimited().keep("entries", most, usize::MAX));
    insert(&slots, slot("counter", &[]));
    let counters = Arc::clone(&slots);
    race(3, move |number| {
        for _ in 0..2 {
            let count_up = |slot: &Slot, commit: &mut Commit| {
                let count = slot.count + 1;
                commit.append([Arc::new(Entry { number, count })]);
                Ok::<_, ()>(Some(Slot { count, ..slot.clone() }))
            };
            assert!(matches!(at_once(counters.evolve_with("counter", count_up)).unwrap(), Update::Done(_)));
        }
    });
    let counts: Vec<_> = logged(&store).iter().map(|entry| entry.count).collect();
    assert_eq!(counts, (7 - most.min(6) as u64..=6).collect::<Vec<_>>());
}

#[test]
fn the_log_has_the_order_of_the_commits() {
    every_order_within(1, || counts(usize::MAX));
    drawn_orders(1000, || counts(usize::MAX));
    drawn_orders(500, || counts(2));
}

#[test]
fn a_commit_is_seen_whole_or_not_at_all() {
    fn body() {
        let (store, slots) = slots(Retention::unlimited());
        let inserting = |first: &'static str, second: &'static str| {
            let store = Arc::clone(&store);
            Box::new(move || {
                let mut commit = Commit::new();
                commit.insert(Arc::new(slot(first, &[first]))).append([Arc::new(Entry { number: 0, count: 0 })]);
                commit.insert(Arc::new(slot(second, &[second])));
                match at_once(store.commit("default", commit.into())) {
                    Ok(_) => true,
                    Err(StoreError::Taken) => false,
                    Err(error) => panic!("{error}"),
                }
            }) as Box<dyn FnOnce() -> bool + Send>
        };
        let reading = Arc::clone(&slots);
        let reader = Box::new(move || {
            let all = at_once(reading.all(|_| true)).unwrap();
            assert!([0, 2].contains(&all.len()), "half a commit");
            false
        });
        let won = together(vec![inserting("a", "b"), inserting("b", "c"), reader]);
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "both threads want the key b");
        assert_eq!((logged(&store).len(), at_once(slots.fill()).unwrap().kept), (1, 2));
    }
    every_order_within(3, body);
    drawn_orders(1000, body);
}

#[test]
fn a_clear_removes_all_of_a_commit_or_nothing() {
    fn body() {
        let (store, slots) = slots(Retention::unlimited());
        let (clearing, claims) = (Arc::clone(&store), Arc::clone(&slots));
        let commit = move |number: usize| {
            insert(&claims, slot(&format!("s{number}"), &[]));
            // The slot may have been cleared.
            claim_and_log(&claims, &format!("s{number}"), number);
        };
        let other = commit.clone();
        together(vec![
            Box::new(move || commit(1)) as Box<dyn FnOnce() + Send>,
            Box::new(move || other(2)),
            Box::new(move || at_once(clearing.clear("default")).unwrap()),
        ]);
        let held = at_once(slots.all(|slot| slot.holder.is_some())).unwrap();
        assert_eq!(logged(&store).len(), held.len());
    }
    every_order_within(1, body);
    drawn_orders(1000, body);
}
