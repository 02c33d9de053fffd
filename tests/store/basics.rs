//! Store operations of a single caller.

use crate::{Card, Note, backends, card, note, notes, tagged};
use docendorse_mock::store::{Commit, StoreError, Update};
use std::sync::Arc;

#[tokio::test]
async fn an_inserted_record_is_found_by_id_and_by_key() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1", "k2"])).await.unwrap();
        assert_eq!(notes.get("a").await.unwrap(), Some(note("a", &["k1", "k2"])), "{name}");
        assert_eq!(notes.find("k1").await.unwrap(), notes.find("k2").await.unwrap(), "{name}");
        assert_eq!(notes.find("k1").await.unwrap().unwrap().id, "a", "{name}");
        assert_eq!(notes.get("b").await.unwrap(), None, "{name}");
        assert_eq!(notes.find("a").await.unwrap(), None, "{name}: an id is not a key");
    }
}

#[tokio::test]
async fn a_taken_id_or_key_refuses_and_changes_nothing() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1"])).await.unwrap();
        for taken in [note("a", &[]), note("b", &["k1"]), note("b", &["k2", "k1"])] {
            assert!(matches!(notes.insert(taken).await, Err(StoreError::Taken)), "{name}");
        }
        assert_eq!(notes.get("b").await.unwrap(), None, "{name}");
        assert_eq!(notes.find("k2").await.unwrap(), None, "{name}");
        assert_eq!(notes.fill().await.unwrap().kept, 1, "{name}");
    }
}

#[tokio::test]
async fn an_update_changes_keys_with_the_record() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1"])).await.unwrap();
        notes.insert(note("b", &["k2"])).await.unwrap();
        let done = notes
            .update("a", |note| {
                note.keys = vec!["k3".to_owned()];
                Ok::<_, ()>(())
            })
            .await
            .unwrap();
        assert!(matches!(done, Update::Done(_)), "{name}");
        assert_eq!(notes.find("k1").await.unwrap(), None, "{name}");
        assert_eq!(notes.find("k3").await.unwrap().unwrap().id, "a", "{name}");
        let claims = notes.update("a", |note| {
            note.keys = vec!["k2".to_owned()];
            Ok::<_, ()>(())
        });
        assert!(matches!(claims.await, Err(StoreError::Taken)), "{name}");
        assert_eq!(notes.find("k3").await.unwrap().unwrap().id, "a", "{name}: nothing was changed");
        assert_eq!(notes.find("k2").await.unwrap().unwrap().id, "b", "{name}");
    }
}

#[tokio::test]
async fn a_refused_update_changes_nothing() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &[])).await.unwrap();
        let refused = notes
            .update("a", |note| {
                note.count = 9;
                Err("no")
            })
            .await
            .unwrap();
        assert!(matches!(refused, Update::Refused("no", current) if current.count == 0), "{name}");
        assert_eq!(notes.get("a").await.unwrap().unwrap().count, 0, "{name}");
        assert!(matches!(notes.update("b", |_| Ok::<_, ()>(())).await.unwrap(), Update::Missing), "{name}");
    }
}

#[tokio::test]
async fn a_deleted_record_frees_its_id_and_keys() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1"])).await.unwrap();
        assert!(notes.delete("a").await.unwrap(), "{name}");
        assert!(!notes.delete("a").await.unwrap(), "{name}");
        assert_eq!(notes.find("k1").await.unwrap(), None, "{name}");
        notes.insert(note("a", &["k1"])).await.unwrap();
        assert_eq!(notes.fill().await.unwrap().kept, 1, "{name}");
    }
}

#[tokio::test]
async fn records_are_listed_newest_first_and_in_pages() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        for number in 0..10 {
            notes.insert(note(&format!("n{number}"), &[])).await.unwrap();
        }
        notes.delete("n7").await.unwrap();
        notes.update("n3", |note| Ok::<_, ()>(note.count += 1)).await.unwrap();
        let ids = async |after: Option<&str>, limit| -> (String, usize) {
            let page = notes.page(after, limit, |note| note.id != "n5").await.unwrap().unwrap();
            let last = page.records.last().map(|note| note.id.as_str().into());
            assert_eq!(page.next, last.filter(|_| page.matching > page.records.len()), "{name}");
            (page.records.iter().map(|note| note.id.as_str()).collect::<Vec<_>>().join(" "), page.matching)
        };
        assert_eq!(ids(None, 3).await, ("n9 n8 n6".to_owned(), 8), "{name}");
        assert_eq!(ids(Some("n6"), 3).await, ("n4 n3 n2".to_owned(), 5), "{name}: an update keeps its place");
        assert_eq!(ids(Some("n2"), 3).await, ("n1 n0".to_owned(), 2), "{name}");
        assert!(notes.page(Some("gone"), 3, |_| true).await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn sandboxes_do_not_see_each_other() {
    for (name, store) in backends(None) {
        let (one, other) = (notes(&store, "one"), notes(&store, "other"));
        one.insert(note("a", &["k1"])).await.unwrap();
        assert_eq!(other.get("a").await.unwrap(), None, "{name}");
        assert_eq!(other.find("k1").await.unwrap(), None, "{name}");
        other.insert(note("a", &["k1"])).await.unwrap();
        store.clear("one").await.unwrap();
        assert_eq!(one.get("a").await.unwrap(), None, "{name}");
        assert_eq!(one.find("k1").await.unwrap(), None, "{name}");
        assert_eq!(other.fill().await.unwrap().kept, 1, "{name}");
    }
}

#[tokio::test]
async fn a_version_is_never_reused() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        let make = async || {
            notes.insert(note("a", &[])).await.unwrap();
            notes.get_versioned("a").await.unwrap().unwrap()
        };
        let replace = async |(note, version): &(Arc<Note>, u64)| {
            let mut commit = Commit::new();
            commit.replace(Arc::clone(note), *version);
            store.commit("default", commit.into()).await
        };
        let first = make().await;
        notes.delete("a").await.unwrap();
        let second = make().await;
        assert!(matches!(replace(&first).await, Err(StoreError::Conflict { write: 0 })), "{name}: deleted");
        store.clear("default").await.unwrap();
        let third = make().await;
        assert!(matches!(replace(&second).await, Err(StoreError::Conflict { .. })), "{name}: cleared");
        assert!(replace(&third).await.is_ok(), "{name}");
        assert!(matches!(replace(&third).await, Err(StoreError::Conflict { .. })), "{name}: replaced");
    }
}

#[tokio::test]
async fn a_record_is_deleted_only_if_unchanged_and_allowed() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1"])).await.unwrap();
        let refused = notes.delete_if("a", |note| if note.count == 0 { Err("no") } else { Ok(()) }).await.unwrap();
        assert!(matches!(refused, Update::Refused("no", current) if current.id == "a"), "{name}");
        let (_, version) = notes.get_versioned("a").await.unwrap().unwrap();
        let delete_at = async |version| {
            let mut commit = Commit::new();
            commit.delete::<Note>("a", Some(version));
            store.commit("default", commit.into()).await
        };
        assert!(matches!(delete_at(version + 1).await, Err(StoreError::Conflict { .. })), "{name}: another version");
        assert_eq!(notes.find("k1").await.unwrap(), Some(note("a", &["k1"])), "{name}: nothing was removed");
        assert!(matches!(notes.delete_if("a", |_| Ok::<_, ()>(())).await.unwrap(), Update::Done(_)), "{name}");
        assert_eq!((notes.get("a").await.unwrap(), notes.find("k1").await.unwrap()), (None, None), "{name}");
        assert!(matches!(notes.delete_if("a", |_| Ok::<_, ()>(())).await.unwrap(), Update::Missing), "{name}");
        assert!(matches!(delete_at(version).await, Err(StoreError::Conflict { .. })), "{name}: it no longer exists");
        assert_eq!(notes.fill().await.unwrap().kept, 0, "{name}");
    }
}

#[tokio::test]
async fn records_are_listed_by_a_tag_that_they_share() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        for (id, tags) in [("a", &["red"][..]), ("b", &["blue", "red"]), ("c", &["blue"]), ("d", &["red", "redder"])] {
            notes.insert(tagged(id, tags)).await.unwrap();
        }
        let ids = async |tag: &str| -> String {
            let tagged = notes.tagged(tag, |_| true).await.unwrap();
            tagged.iter().map(|note| note.id.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((ids("red").await, ids("blue").await), ("d b a".to_owned(), "c b".to_owned()), "{name}");
        assert_eq!((ids("re").await, ids("a").await), (String::new(), String::new()), "{name}: neither part nor id");
        assert_eq!(notes.find("red").await.unwrap(), None, "{name}: a tag is not a key");
        assert_eq!(notes.tagged("red", |note| note.id != "b").await.unwrap().len(), 2, "{name}");

        notes.update("b", |note| Ok::<_, ()>(note.tags = vec!["green".to_owned()])).await.unwrap();
        notes.delete("d").await.unwrap();
        assert_eq!((ids("red").await, ids("green").await), ("a".to_owned(), "b".to_owned()), "{name}");
        store.clear("default").await.unwrap();
        assert_eq!(ids("red").await, "", "{name}");
    }
}

#[tokio::test]
async fn a_counter_counts_from_one_until_it_is_cleared() {
    for (name, store) in backends(None) {
        assert_eq!(store.next("one", "ids", 3).await.unwrap(), 1, "{name}");
        assert_eq!(store.next("one", "ids", 0).await.unwrap(), 4, "{name}: read without reserving");
        assert_eq!(store.next("one", "ids", 1).await.unwrap(), 4, "{name}");
        assert_eq!(store.next("one", "others", 1).await.unwrap(), 1, "{name}: counters are independent");
        assert_eq!(store.next("other", "ids", 1).await.unwrap(), 1, "{name}: sandboxes are independent");
        store.clear("one").await.unwrap();
        assert_eq!(store.next("one", "ids", 1).await.unwrap(), 1, "{name}");
        assert_eq!(store.next("other", "ids", 1).await.unwrap(), 2, "{name}");
    }
}

#[tokio::test]
async fn due_records_are_found_in_order_in_all_collections() {
    for (name, store) in backends(None) {
        let at = |id: &str, due| Arc::new(Note { due, ..Note::clone(&note(id, &[])) });
        let mut commit = Commit::new();
        commit.insert(at("late", Some((9, 0)))).insert(at("never", None));
        commit.insert(at("second", Some((5, 1)))).insert(at("third", Some((5, 1))));
        commit.insert(Arc::new(Card { due: Some(5), ..Card::clone(&card("first")) }));
        store.commit("default", commit.into()).await.unwrap();
        let found = async |most| {
            let due = store.due("default", most).await.unwrap();
            due.documents.into_iter().map(|(place, stored)| (place, stored.document.id.to_string())).collect::<Vec<_>>()
        };
        let all = [("cards", "first"), ("notes", "second"), ("notes", "third"), ("notes", "late")];
        let all = all.map(|(place, id)| (place, id.to_owned()));
        assert_eq!(found(usize::MAX).await, all, "{name}");
        assert_eq!(found(2).await, all[..2], "{name}");
        assert_eq!(store.due("other", 9).await.unwrap().documents.len(), 0, "{name}");
        store.clear("default").await.unwrap();
        assert_eq!(found(9).await, [], "{name}");
    }
}
