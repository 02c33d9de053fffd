//! Random commits, compared with a model that copies everything and keeps the copy if the commit succeeds.

use crate::{Line, Note, backends, line, lines, note, notes, races::block};
use docendorse_mock::store::{Commit, Numbered, Repository, StoreError};
use proptest::{collection::vec, prelude::*, sample::subsequence};
use std::{collections::HashSet, sync::Arc};

const IDS: [&str; 4] = ["a", "b", "c", "d"];
const KEYS: [&str; 4] = ["k1", "k2", "k3", "k4"];
const TAGS: [&str; 2] = ["red", "blue"];
/// Maximum number of notes and lines in a bounded store.
const LIMIT: usize = 3;

/// One write. Versions are those from before the commit, unless they are `stale`.
#[derive(Clone, Debug)]
enum Step {
    Insert(Note),
    Replace { note: Note, stale: bool },
    Delete { id: &'static str, at_version: bool },
    Append(usize),
}

fn drawn_note() -> impl Strategy<Value = Note> {
    let keys = subsequence(&KEYS[..], 0..=2);
    let tags = subsequence(&TAGS[..], 0..=2);
    let due = prop::option::of((0_i64..4, 0_u8..2));
    (0..IDS.len(), keys, tags, any::<u8>(), due).prop_map(|(id, keys, tags, count, due)| {
        let tags = tags.into_iter().map(ToOwned::to_owned).collect();
        Note { tags, count: count.into(), due, ..Note::clone(&note(IDS[id], &keys)) }
    })
}

fn drawn_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => drawn_note().prop_map(Step::Insert),
        4 => (drawn_note(), prop::bool::weighted(0.1)).prop_map(|(note, stale)| Step::Replace { note, stale }),
        2 => (0..IDS.len(), any::<bool>()).prop_map(|(id, at_version)| Step::Delete { id: IDS[id], at_version }),
        2 => (0_usize..3).prop_map(Step::Append),
    ]
}

#[derive(Clone, Debug, PartialEq)]
enum Failure {
    Taken,
    Conflict(usize),
}

#[derive(Clone, Debug, Default)]
struct Model {
    /// In the order of insertion.
    notes: Vec<Note>,
    dropped: u64,
    /// All lines that were ever appended.
    lines: u64,
}

impl Model {
    fn place(&self, id: &str) -> Option<usize> {
        self.notes.iter().position(|note| note.id == id)
    }

    fn commit(&mut self, steps: &[Step], limit: usize) -> Result<(), Failure> {
        let mut next = self.clone();
        // Ids that are no longer at the version from before the commit.
        let mut changed = HashSet::new();
        for (number, step) in steps.iter().enumerate() {
            let is_at_version = |next: &Self, id: &str| next.place(id).filter(|_| !changed.contains(id));
            match step {
                Step::Insert(note) => {
                    if next.place(&note.id).is_some() || next.is_taken(note) {
                        return Err(Failure::Taken);
                    }
                    next.notes.push(note.clone());
                    changed.insert(note.id.clone());
                }
                Step::Replace { note, stale } => {
                    let place = is_at_version(&next, &note.id).filter(|_| !stale).ok_or(Failure::Conflict(number))?;
                    if next.is_taken(note) {
                        return Err(Failure::Taken);
                    }
                    next.notes[place] = note.clone();
                    changed.insert(note.id.clone());
                }
                Step::Delete { id, at_version } => {
                    if *at_version && is_at_version(&next, id).is_none() {
                        return Err(Failure::Conflict(number));
                    }
                    next.notes.retain(|note| note.id != *id);
                    changed.insert((*id).to_owned());
                }
                Step::Append(count) => next.lines += *count as u64,
            }
        }
        let beyond = next.notes.len().saturating_sub(limit);
        next.notes.drain(..beyond);
        next.dropped += beyond as u64;
        *self = next;
        Ok(())
    }

    fn is_taken(&self, new: &Note) -> bool {
        self.notes.iter().any(|note| note.id != new.id && note.keys.iter().any(|key| new.keys.contains(key)))
    }
}

fn ids(notes: &[Arc<Note>]) -> Vec<&str> {
    notes.iter().map(|note| note.id.as_str()).collect()
}

/// The current version of a note, or one that no note has.
async fn version(notes: &Repository<Note>, id: &str) -> u64 {
    notes.get_versioned(id).await.unwrap().map_or(u64::MAX, |(_, version)| version)
}

async fn commits_match_the_model(commits: &[Vec<Step>], limit: Option<usize>) -> Result<(), TestCaseError> {
    for (name, store) in backends(limit) {
        let (notes, lines) = (notes(&store, "default"), lines(&store, "default"));
        let mut model = Model::default();
        for steps in commits {
            let mut commit = Commit::new();
            for step in steps {
                match step {
                    Step::Insert(note) => commit.insert(Arc::new(note.clone())),
                    Step::Replace { note, stale: true } => commit.replace(Arc::new(note.clone()), u64::MAX),
                    Step::Replace { note, .. } => {
                        commit.replace(Arc::new(note.clone()), version(&notes, &note.id).await)
                    }
                    Step::Delete { id, at_version } => {
                        commit.delete::<Note>(*id, if *at_version { Some(version(&notes, id).await) } else { None })
                    }
                    Step::Append(count) => commit.append((0..*count).map(|_| line("l"))),
                };
            }
            let done = store.commit("default", commit.into()).await.map(drop).map_err(|error| match error {
                StoreError::Taken => Failure::Taken,
                StoreError::Conflict { write } => Failure::Conflict(write),
                StoreError::Unavailable(problem) => panic!("{name}: {problem}"),
            });
            prop_assert_eq!(done, model.commit(steps, limit.unwrap_or(usize::MAX)), "{}", name);

            let newest_first: Vec<_> = model.notes.iter().rev().cloned().map(Arc::new).collect();
            prop_assert_eq!(&notes.all(|_| true).await.unwrap(), &newest_first, "{}", name);
            for key in KEYS {
                let holder = newest_first.iter().find(|note| note.keys.iter().any(|held| held == key));
                prop_assert_eq!(notes.find(key).await.unwrap(), holder.cloned(), "{}", name);
            }
            for tag in TAGS {
                let tagged: Vec<_> =
                    newest_first.iter().filter(|note| note.tags.iter().any(|held| held == tag)).cloned().collect();
                let found = notes.tagged(tag, |_| true).await.unwrap();
                prop_assert_eq!(ids(&found), ids(&tagged), "{}", name);
            }
            let mut due: Vec<_> = model.notes.iter().filter(|note| note.due.is_some()).collect();
            // A stable sort, so that documents due at the same time are ordered from the oldest.
            due.sort_by_key(|note| note.due);
            for most in [1, 2, usize::MAX] {
                let slice = store.due("default", most).await.unwrap();
                prop_assert_eq!(slice.tasks, due.len() as u64, "{}", name);
                let found = slice.documents.iter().map(|(_, stored)| &*stored.document.id);
                prop_assert!(found.eq(due.iter().take(most).map(|note| note.id.as_str())), "{}", name);
            }
            let usage = notes.fill().await.unwrap();
            let bytes: usize = model.notes.iter().map(|note| note.text.len()).sum();
            prop_assert_eq!((usage.kept, usage.dropped, usage.bytes), (model.notes.len(), model.dropped, bytes));
            let page = lines.page_within(0, usize::MAX, usize::MAX, |_, _: &Line| true).await.unwrap();
            let kept = model.lines.min(limit.unwrap_or(usize::MAX) as u64);
            let numbers = page.entries.iter().map(|Numbered { number, .. }| *number);
            prop_assert!(numbers.eq(model.lines - kept + 1..=model.lines), "{}", name);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn commits_agree_with_a_model(commits in vec(vec(drawn_step(), 1..6), 1..15), bounded in any::<bool>()) {
        block(commits_match_the_model(&commits, bounded.then_some(LIMIT)))?;
    }
}
