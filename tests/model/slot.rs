//! A record that only one thread can claim, and operations of threads on it.

use crate::{
    base::document::{Key, Logged, Record},
    store::{Log, Memory, Repository, Retention, Shelf, Store, Update, at_once},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    pub id: String,
    pub keys: Vec<String>,
    pub size: usize,
    /// The thread that claimed it.
    pub holder: Option<usize>,
    pub count: u64,
}

impl Record for Slot {
    const COLLECTION: &'static str = "slots";

    fn id(&self) -> Arc<str> {
        self.id.as_str().into()
    }

    fn keys(&self) -> Vec<Key> {
        self.keys.iter().map(|key| key.as_str().into()).collect()
    }

    fn size(&self) -> usize {
        self.size
    }
}

pub fn slot(id: &str, keys: &[&str]) -> Slot {
    let keys = keys.iter().map(ToString::to_string).collect();
    Slot { id: id.to_owned(), keys, size: 10, holder: None, count: 0 }
}

pub type Slots = Repository<Slot>;

/// The shelf that all tests use.
pub fn shelf(store: &Arc<dyn Store>) -> Arc<Shelf> {
    Arc::new(Shelf::new(Arc::clone(store), "default".into()))
}

/// An empty store with the limits of `retention`, and its slots.
pub fn slots(retention: Retention) -> (Arc<dyn Store>, Arc<Slots>) {
    let store: Arc<dyn Store> = Arc::new(Memory::new(retention));
    let slots = Arc::new(Repository::new(&shelf(&store)));
    (store, slots)
}

pub fn insert(slots: &Slots, slot: Slot) {
    at_once(slots.insert(Arc::new(slot))).unwrap();
}

pub fn get(slots: &Slots, id: &str) -> Option<Arc<Slot>> {
    at_once(slots.get(id)).unwrap()
}

pub fn find(slots: &Slots, key: &str) -> Option<Arc<Slot>> {
    at_once(slots.find(key)).unwrap()
}

/// Claims a slot; refused with the holder if another thread has claimed it.
pub fn claim(slots: &Slots, id: &str, number: usize) -> Update<Slot, usize> {
    let claimed = |slot: &Slot| match slot.holder {
        Some(holder) => Err(holder),
        None => Ok(Some(Slot { holder: Some(number), ..slot.clone() })),
    };
    at_once(slots.evolve(id, claimed)).unwrap()
}

/// A log entry about a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub number: usize,
    pub count: u64,
}

impl Logged for Entry {
    const LOG: &'static str = "entries";
}

/// The entries that the log keeps. Checks that their numbers have no gaps.
pub fn logged(store: &Arc<dyn Store>) -> Vec<Entry> {
    let log: Log<Entry> = Log::new(&shelf(store));
    let page = at_once(log.page_within(0, usize::MAX, usize::MAX, |_, _| true)).unwrap();
    let numbers = page.entries.iter().map(|entry| entry.number);
    assert!(numbers.eq(page.dropped + 1..=page.last), "the numbers have no gaps");
    page.entries.iter().map(|entry| Entry::clone(&entry.entry)).collect()
}

/// Claims a slot, increments its count and logs it, in one commit.
pub fn claim_and_log(slots: &Slots, id: &str, number: usize) -> Update<Slot, usize> {
    let claimed = |slot: &Slot, commit: &mut crate::store::Commit| match slot.holder {
        Some(holder) => Err(holder),
        None => {
            commit.append([Arc::new(Entry { number, count: slot.count + 1 })]);
            Ok(Some(Slot { holder: Some(number), count: slot.count + 1, ..slot.clone() }))
        }
    };
    at_once(slots.evolve_with(id, claimed)).unwrap()
}

/// Runs a closure on each thread, and returns their results.
pub fn together<T: Send + 'static>(threads: Vec<Box<dyn FnOnce() -> T + Send>>) -> Vec<T> {
    let threads: Vec<_> = threads.into_iter().map(shuttle::thread::spawn).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// Runs the same step on `count` threads.
pub fn race<T: Send + 'static>(count: usize, step: impl Fn(usize) -> T + Clone + Send + 'static) -> Vec<T> {
    let thread = |number| {
        let step = step.clone();
        Box::new(move || step(number)) as Box<dyn FnOnce() -> T + Send>
    };
    together((0..count).map(thread).collect())
}
