//! Limits of collections.

use crate::{Card, backends, card, cards, note, notes, races::block};
use docendorse_mock::{
    base::{budget::Share, document::Record},
    store::{Memory, Retention, Store, Usage},
};
use std::sync::Arc;

fn kept_and_dropped(usage: &Usage) -> (usize, u64) {
    (usage.kept, usage.dropped)
}

#[tokio::test]
async fn the_oldest_records_are_dropped_and_counted() {
    for (name, store) in backends(Some(3)) {
        let notes = notes(&store, "default");
        for number in 0..10 {
            notes.insert(note(&format!("n{number}"), &[&format!("k{number}")])).await.unwrap();
        }
        assert_eq!(kept_and_dropped(&notes.fill().await.unwrap()), (3, 7), "{name}");
        let page = notes.all(|_| true).await.unwrap();
        assert_eq!(page.iter().map(|note| note.id.as_str()).collect::<Vec<_>>(), ["n9", "n8", "n7"], "{name}");
        assert_eq!(notes.find("k6").await.unwrap(), None, "{name}: its key went with it");
        notes.insert(note("new", &["k6"])).await.unwrap();
    }
}

#[tokio::test]
async fn a_deleted_record_makes_room_and_is_not_counted_as_dropped() {
    for (name, store) in backends(Some(2)) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &[])).await.unwrap();
        notes.insert(note("b", &[])).await.unwrap();
        notes.delete("a").await.unwrap();
        notes.insert(note("c", &[])).await.unwrap();
        assert_eq!(kept_and_dropped(&notes.fill().await.unwrap()), (2, 0), "{name}");
    }
}

#[test]
fn records_that_are_never_dropped_stay() {
    let retention = Retention::unlimited().never_drop(Card::COLLECTION);
    let memory = Arc::new(Memory::new(retention));
    let store: Arc<dyn Store> = memory.clone();
    let (notes, cards) = (notes(&store, "default"), cards(&store, "default"));
    block(notes.insert(note("a", &[]))).unwrap();
    block(cards.insert(card("b"))).unwrap();
    memory.shrink("default", Share { stays: 0, of: 1 });
    assert_eq!((block(notes.fill()).unwrap().kept, block(cards.fill()).unwrap().kept), (0, 1));
}

#[tokio::test]
async fn a_collection_without_capacity_keeps_nothing() {
    for (name, store) in backends(Some(0)) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k"])).await.unwrap();
        assert_eq!(kept_and_dropped(&notes.fill().await.unwrap()), (0, 1), "{name}");
        assert_eq!(notes.find("k").await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_collection_is_bounded_by_bytes_too() {
    for (name, store) in backends(Some(100)) {
        let notes = notes(&store, "default");
        let large = |id: &str, size| {
            let mut large = note(id, &[id]);
            std::sync::Arc::make_mut(&mut large).text = "x".repeat(size);
            large
        };
        for number in 0..10 {
            notes.insert(large(&format!("n{number}"), 30_000)).await.unwrap();
        }
        assert_eq!(kept_and_dropped(&notes.fill().await.unwrap()), (3, 7), "{name}");
        // A record that grows counts with its new size.
        notes.update("n9", |note| Ok::<_, ()>(note.text = "x".repeat(60_000))).await.unwrap();
        notes.insert(large("n10", 30_000)).await.unwrap();
        assert_eq!(kept_and_dropped(&notes.fill().await.unwrap()), (2, 9), "{name}");
        notes.delete("n9").await.unwrap();
        notes.insert(large("n11", 60_000)).await.unwrap();
        assert_eq!(kept_and_dropped(&notes.fill().await.unwrap()), (2, 9), "{name}");
    }
}
