//! Concurrent callers on real threads: if several want the same thing, exactly one gets it.

use crate::{Line, Note, backends, line, lines, note, notes};
use docendorse_mock::store::{Commit, Log, Numbered, Store, StoreError, Update};
use std::sync::{Arc, Barrier};

pub const CALLERS: usize = 100;

/// Runs the same step on `CALLERS` threads at the same time, and returns their results.
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
fn one_of_many_inserts_with_one_key_succeeds() {
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
fn keys_and_records_stay_together_while_records_change() {
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
        let all = block(notes.all(|_| true)).unwrap();
        assert!(all.len() <= 20, "{name}: {}", all.len());
        assert_eq!(block(notes.fill()).unwrap().kept, all.len(), "{name}");
        for record in &all {
            for key in &record.keys {
                let holder: Option<Arc<Note>> = block(notes.find(key)).unwrap();
                assert_eq!(holder.map(|holder| holder.id.clone()), Some(record.id.clone()), "{name}: {key}");
            }
        }
        // Keys that no record holds are free.
        let held: Vec<&String> = all.iter().flat_map(|record| &record.keys).collect();
        for key in (0..40).map(|number| format!("k{number}")).filter(|key| !held.contains(&key)) {
            assert_eq!(block(notes.find(&key)).unwrap(), None, "{name}: {key}");
        }
    }
}

#[test]
fn a_record_is_never_both_deleted_and_changed() {
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

/// All entries that a log keeps.
fn entries(log: &Log<Line>) -> Vec<Numbered<Arc<Line>>> {
    block(log.page_within(0, usize::MAX, usize::MAX, |_, _| true)).unwrap().entries
}

#[test]
fn one_of_many_claims_is_applied_and_logged() {
    for (name, store) in backends(None) {
        let (notes, lines) = (notes(&store, "default"), lines(&store, "default"));
        for round in 1..=20 {
            let slot = format!("slot{round}");
            block(notes.insert(note(&slot, &[]))).unwrap();
            race(|number| {
                block(notes.evolve_with(&slot, |slot, commit| {
                    if slot.count > 0 {
                        return Err(());
                    }
                    let text = format!("{} by {number}", slot.id);
                    commit.append([line(&text)]).insert(note(&text, &[&slot.id]));
                    Ok(Some(Note { count: 1, text, ..slot.clone() }))
                }))
                .unwrap()
            });
            let winner = block(notes.get(&slot)).unwrap().unwrap().text.clone();
            let logged = entries(&lines);
            assert_eq!((logged.len(), &logged[round - 1].entry.text), (round, &winner), "{name}");
            assert_eq!(block(notes.find(&slot)).unwrap().unwrap().id, winner, "{name}");
        }
        assert_eq!(block(notes.fill()).unwrap().kept, 40, "{name}: a slot and one winner each");
    }
}

#[test]
fn a_log_has_the_order_of_its_commits_without_gaps() {
    for (name, store) in backends(None) {
        let (notes, lines) = (notes(&store, "default"), lines(&store, "default"));
        block(notes.insert(note("counter", &[]))).unwrap();
        race(|_| {
            for _ in 0..20 {
                block(notes.evolve_with("counter", |counter, commit| {
                    let count = counter.count + 1;
                    commit.append([line(&format!("{count}")), line(&format!("{count} again"))]);
                    Ok::<_, ()>(Some(Note { count, ..counter.clone() }))
                }))
                .unwrap();
            }
        });
        let logged = entries(&lines);
        assert_eq!(logged.len(), 2 * 20 * CALLERS, "{name}");
        for (place, Numbered { number, entry }) in logged.iter().enumerate() {
            let again = if place % 2 == 1 { " again" } else { "" };
            assert_eq!(*number, place as u64 + 1, "{name}");
            assert_eq!(entry.text, format!("{}{again}", place / 2 + 1), "{name}");
        }
    }
}

#[test]
fn no_counter_value_is_returned_twice() {
    for (name, store) in backends(None) {
        let taken = race(|caller| {
            let count = caller as u64 % 3 + 1;
            (0..20).map(|_| (block(store.next("default", "ids", count)).unwrap(), count)).collect::<Vec<_>>()
        });
        let mut taken: Vec<_> = taken.into_iter().flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken[0].0, 1, "{name}");
        assert!(taken.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{name}: {taken:?}");
    }
}

#[test]
fn no_reader_sees_half_a_commit() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        let pair = ["a", "b"];
        for id in pair {
            block(notes.insert(note(id, &[]))).unwrap();
        }
        race(|caller| {
            for _ in 0..20 {
                if caller % 2 == 0 {
                    let counts: Vec<_> = block(notes.all(|_| true)).unwrap().iter().map(|note| note.count).collect();
                    assert_eq!(counts[0], counts[1], "{name}");
                    continue;
                }
                loop {
                    let mut commit = Commit::new();
                    for id in pair {
                        let (note, version) = block(notes.get_versioned(id)).unwrap().unwrap();
                        commit.replace(Arc::new(Note { count: note.count + 1, ..Note::clone(&note) }), version);
                    }
                    match block(store.commit("default", commit.into())) {
                        Ok(_) => break,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(error) => panic!("{name}: {error}"),
                    }
                }
            }
        });
        for id in pair {
            assert_eq!(block(notes.get(id)).unwrap().unwrap().count, 10 * CALLERS as u64, "{name}");
        }
    }
}

/// Commits a note and a line each, and occasionally calls `interrupt`.
fn note_and_line(store: &Arc<dyn Store>, interrupt: impl Fn(usize) + Sync) {
    race(|caller| {
        for round in 0..20 {
            let id = format!("n{caller}-{round}");
            let mut commit = Commit::new();
            commit.insert(note(&id, &[&id])).append([line("l")]);
            block(store.commit("default", commit.into())).unwrap();
            interrupt(caller);
        }
    });
}

#[test]
fn a_clear_removes_all_of_a_commit_or_nothing() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        note_and_line(&store, |caller| {
            if caller % 10 == 0 {
                block(store.clear("default")).unwrap();
            }
        });
        let kept = block(notes.fill()).unwrap().kept;
        assert_eq!(entries(&lines(&store, "default")).len(), kept, "{name}");
        for note in block(notes.all(|_| true)).unwrap() {
            assert_eq!(block(notes.find(&note.id)).unwrap(), Some(note), "{name}");
        }
    }
}

#[test]
fn retention_keeps_the_end_of_collections_and_logs() {
    for (name, store) in backends(Some(7)) {
        note_and_line(&store, |_| ());
        let (notes, lines) = (notes(&store, "default"), lines(&store, "default"));
        let total = 20 * CALLERS as u64;
        for usage in [block(notes.fill()).unwrap(), block(lines.usage()).unwrap()] {
            assert_eq!((usage.kept, usage.dropped), (7, total - 7), "{name}");
        }
        let numbers: Vec<_> = entries(&lines).iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (total - 6..=total).collect::<Vec<_>>(), "{name}");
    }
}
