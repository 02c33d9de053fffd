//! Many callers at once, on real threads: of those who want the same thing, exactly one gets it.

use crate::{Note, backends, note, notes};
use docendorse_mock::store::{StoreError, Update};
use std::sync::{Arc, Barrier};

pub const CALLERS: usize = 100;

/// Lets `CALLERS` threads do the same at the same moment, and answers with what each came to.
pub fn race<T: Send>(caller: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CALLERS)
            .map(|number| {
                let (barrier, caller) = (&barrier, &caller);
                scope.spawn(move || {
                    barrier.wait();
                    caller(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

pub fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_hundred_agents_claim_one_slot_and_one_gets_it() {
    for (name, store) in backends(None) {
        for round in 0..20 {
            let notes = notes(&store, "default");
            let slot = format!("slot{round}");
            block(notes.insert(note(&slot, &[]))).unwrap();
            let claim = |number: usize| {
                block(notes.update(&slot, |slot: &mut Note| {
                    if slot.count > 0 {
                        return Err(slot.text.clone());
                    }
                    slot.count = 1;
                    slot.text = format!("agent {number}");
                    Ok(())
                }))
                .unwrap()
            };
            let outcomes = race(claim);
            let winner = block(notes.get(&slot)).unwrap().unwrap().text.clone();
            let won = |outcome: &&Update<Note, String>| matches!(outcome, Update::Done(slot) if slot.text == winner);
            let lost = |outcome: &&Update<Note, String>| matches!(outcome, Update::Refused(by, _) if *by == winner);
            assert_eq!(outcomes.iter().filter(won).count(), 1, "{name}");
            assert_eq!(outcomes.iter().filter(lost).count(), CALLERS - 1, "{name}: every loser knows the winner");
        }
    }
}

#[test]
fn no_increment_is_lost() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        block(notes.insert(note("counter", &[]))).unwrap();
        race(|_| {
            for _ in 0..50 {
                block(notes.update("counter", |counter| Ok::<_, ()>(counter.count += 1))).unwrap();
            }
        });
        assert_eq!(block(notes.get("counter")).unwrap().unwrap().count, 50 * CALLERS as u64, "{name}");
    }
}

#[test]
fn of_many_inserts_with_one_key_one_succeeds_and_the_others_find_it() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        for round in 0..20 {
            let key = format!("k{round}");
            let found = race(|number| {
                let mine = format!("n{round}-{number}");
                match block(notes.insert(note(&mine, &[&key]))) {
                    Ok(()) => mine,
                    Err(StoreError::Taken) => block(notes.find(&key)).unwrap().unwrap().id.clone(),
                    Err(error) => panic!("{name}: {error}"),
                }
            });
            assert!(found.iter().all(|id| *id == found[0]), "{name}: {found:?}");
        }
        assert_eq!(block(notes.fill()).unwrap().kept, 20, "{name}");
    }
}

#[test]
fn keys_and_records_stay_together_while_records_come_change_and_go() {
    for (name, store) in backends(Some(20)) {
        let notes = notes(&store, "default");
        race(|number| {
            for round in 0..50 {
                let (id, key) = (format!("n{}", (number + round) % 40), format!("k{}", (number * 7 + round) % 40));
                let _ = block(notes.insert(note(&id, &[&key])));
                let moved = format!("k{}", (number * 3 + round) % 40);
                let _ = block(notes.update(&id, |note| Ok::<_, ()>(note.keys = vec![moved.clone()])));
                if round % 3 == 0 {
                    let _ = block(notes.delete(&id));
                }
            }
        });
        let (all, total) = block(notes.list(None, 100, |_| true)).unwrap();
        assert!(total <= 20, "{name}: {total}");
        assert_eq!(block(notes.fill()).unwrap().kept, total, "{name}");
        for record in &all {
            for key in &record.keys {
                let holder: Option<Arc<Note>> = block(notes.find(key)).unwrap();
                assert_eq!(holder.map(|holder| holder.id.clone()), Some(record.id.clone()), "{name}: {key}");
            }
        }
        // Every key that no record holds is free.
        let held: Vec<&String> = all.iter().flat_map(|record| &record.keys).collect();
        for key in (0..40).map(|number| format!("k{number}")).filter(|key| !held.contains(&key)) {
            assert_eq!(block(notes.find(&key)).unwrap(), None, "{name}: {key}");
        }
    }
}

#[test]
fn a_record_is_deleted_or_changed_and_never_both() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        for round in 0..20 {
            let id = format!("n{round}");
            block(notes.insert(note(&id, &[]))).unwrap();
            let done = race(|number| {
                if number % 2 == 0 {
                    let may = |note: &Note| if note.count == 0 { Ok(()) } else { Err(()) };
                    matches!(block(notes.delete_if(&id, may)).unwrap(), Update::Done(_)).then_some("deleted")
                } else {
                    let change = |note: &mut Note| Ok::<_, ()>(note.count += 1);
                    matches!(block(notes.update(&id, change)).unwrap(), Update::Done(_)).then_some("changed")
                }
            });
            let count = |what| done.iter().filter(|done| **done == Some(what)).count();
            let (deleted, changed) = (count("deleted"), count("changed"));
            assert!(deleted <= 1 && (deleted == 0) == (changed > 0), "{name}: {deleted} deleted, {changed} changed");
            let left = block(notes.get(&id)).unwrap().map(|note| note.count);
            assert_eq!(left, (changed > 0).then_some(changed as u64), "{name}");
        }
    }
}
