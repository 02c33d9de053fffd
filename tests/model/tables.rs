//! Documents that are inserted, changed and removed, and the indexes and counts of their collection.

use crate::{
    orders::{drawn_orders, every_order_within},
    slot::{Slot, Slots, find, get, insert, slot, slots, together},
    store::{Retention, Update, at_once},
};
use std::sync::Arc;

type Thread = Box<dyn FnOnce() + Send>;

/// The limit of the collections here, in bytes.
const BYTES: usize = 100;

fn thread(slots: &Arc<Slots>, step: impl FnOnce(&Slots) + Send + 'static) -> Thread {
    let slots = Arc::clone(slots);
    Box::new(move || step(&slots))
}

/// Changes the key and the size of a slot.
fn change(slots: &Slots, id: &str, key: &str, size: usize) {
    // The order determines whether it still exists and whether the key is free.
    let changed = |slot: &Slot| Ok::<_, ()>(Some(Slot { keys: vec![key.to_owned()], size, ..slot.clone() }));
    let _ = at_once(slots.evolve(id, changed));
}

/// Checks the collection's keys, count and, by filling it up, bytes against its content.
fn is_sound(slots: &Slots, keys: &[&str]) {
    let all = at_once(slots.all(|_| true)).unwrap();
    assert_eq!(at_once(slots.fill()).unwrap().kept, all.len());
    for slot in &all {
        for key in &slot.keys {
            assert_eq!(find(slots, key).as_ref(), Some(slot), "{key} finds the slot that holds it");
        }
    }
    for key in keys.iter().filter(|key| !all.iter().any(|slot| slot.keys.iter().any(|held| held == *key))) {
        assert_eq!(find(slots, key), None, "no slot holds {key}");
    }
    let dropped = at_once(slots.fill()).unwrap().dropped;
    let rest = BYTES - all.iter().map(|slot| slot.size).sum::<usize>();
    insert(slots, Slot { size: rest, ..slot("fits", &[]) });
    assert_eq!(at_once(slots.fill()).unwrap().dropped, dropped, "a record that fits drops nothing");
    insert(slots, Slot { size: 1, ..slot("one too much", &[]) });
    assert!(at_once(slots.fill()).unwrap().dropped > dropped, "one byte more drops a record");
}

#[test]
fn a_key_and_its_document_always_change_together() {
    fn body() {
        let (_, slots) = slots(Retention::unlimited().keep("slots", 10, BYTES));
        insert(&slots, slot("a", &["k1"]));
        together(vec![
            thread(&slots, |slots| change(slots, "a", "k2", 30)),
            thread(&slots, |slots| drop(at_once(slots.delete("a")))),
            thread(&slots, |slots| drop(at_once(slots.insert(Arc::new(slot("b", &["k1"])))))),
            thread(&slots, |slots| {
                for key in ["k1", "k2"] {
                    let found = find(slots, key);
                    assert!(found.is_none_or(|slot| slot.keys == [key]), "the slot that a key finds holds it");
                }
            }),
        ]);
        is_sound(&slots, &["k1", "k2"]);
    }
    every_order_within(1, body);
    drawn_orders(1000, body);
}

#[test]
fn a_dropped_record_frees_its_key() {
    fn body() {
        let (_, slots) = slots(Retention::unlimited().keep("slots", 10, BYTES));
        insert(&slots, slot("a", &["k1"]));
        insert(&slots, slot("b", &["k2"]));
        together(vec![
            thread(&slots, |slots| insert(slots, Slot { size: 85, ..slot("c", &["k3"]) })),
            thread(&slots, |slots| change(slots, "a", "k4", 60)),
            thread(&slots, |slots| drop(at_once(slots.delete("a")))),
        ]);
        assert!(get(&slots, "c").is_some() && get(&slots, "a").is_none());
        is_sound(&slots, &["k1", "k2", "k3", "k4"]);
    }
    every_order_within(2, body);
    drawn_orders(1000, body);
}

#[test]
fn swapping_keys_does_not_deadlock() {
    fn body() {
        let (_, slots) = slots(Retention::unlimited().keep("slots", 10, BYTES));
        insert(&slots, slot("a", &["k1"]));
        insert(&slots, slot("b", &["k2"]));
        together(vec![
            thread(&slots, |slots| change(slots, "a", "k2", 10)),
            thread(&slots, |slots| change(slots, "b", "k1", 10)),
        ]);
        assert_eq!((find(&slots, "k1").unwrap().id.as_str(), find(&slots, "k2").unwrap().id.as_str()), ("a", "b"));
        is_sound(&slots, &["k1", "k2"]);
    }
    every_order_within(3, body);
    drawn_orders(1000, body);
}

/// One thread changes a record that it has read, while another replaces it with a new record.
fn change_meets(make_new: fn(&Slots, &dyn crate::store::Store)) {
    let (store, slots) = slots(Retention::unlimited());
    insert(&slots, Slot { count: 1, ..slot("slot", &[]) });
    let counting = Arc::clone(&slots);
    let count = move || {
        let counted = |slot: &Slot| Ok::<_, ()>(Some(Slot { holder: Some(0), ..slot.clone() }));
        assert!(!matches!(at_once(counting.evolve("slot", counted)).unwrap(), Update::Refused(..)));
    };
    let making = Arc::clone(&slots);
    let make = move || {
        make_new(&making, &*store);
        insert(&making, Slot { count: 2, ..slot("slot", &[]) });
    };
    together(vec![Box::new(count) as Thread, Box::new(make)]);
    assert_eq!(get(&slots, "slot").unwrap().count, 2, "a removed record does not come back");
}

#[test]
fn a_stale_read_replaces_no_newer_record() {
    every_order_within(3, || change_meets(|slots, _| drop(at_once(slots.delete("slot")))));
    every_order_within(3, || change_meets(|_, store| at_once(store.clear("default")).unwrap()));
}
