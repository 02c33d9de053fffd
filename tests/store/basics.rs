//! One caller at a time.

use crate::{Note, backends, note, notes};
use docendorse_mock::{
    base::document::Record,
    store::{Place, StoreError, Update},
};

#[tokio::test]
async fn what_is_inserted_is_found_by_id_and_by_key() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1", "k2"])).await.unwrap();
        assert_eq!(notes.get("a").await.unwrap(), Some(note("a", &["k1", "k2"])), "{name}");
        assert_eq!(notes.find("k1").await.unwrap(), notes.find("k2").await.unwrap(), "{name}");
        assert_eq!(notes.find("k1").await.unwrap().unwrap().id, "a", "{name}");
        assert_eq!(notes.get("b").await.unwrap(), None, "{name}");
        assert_eq!(notes.find("a").await.unwrap(), None, "{name}: an id is no key");
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
async fn a_refused_update_changes_nothing_and_a_missing_record_is_told() {
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
            let (page, total) = notes.list(after, limit, |note| note.id != "n5").await.unwrap();
            (page.iter().map(|note| note.id.as_str()).collect::<Vec<_>>().join(" "), total)
        };
        assert_eq!(ids(None, 3).await, ("n9 n8 n6".to_owned(), 8), "{name}");
        assert_eq!(ids(Some("n6"), 3).await, ("n4 n3 n2".to_owned(), 5), "{name}: an update keeps its place");
        assert_eq!(ids(Some("n2"), 3).await, ("n1 n0".to_owned(), 2), "{name}");
        assert_eq!(ids(Some("gone"), 3).await, (String::new(), 0), "{name}");
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
async fn a_version_that_was_read_is_no_version_of_what_comes_later_under_the_same_id() {
    for (name, store) in backends(None) {
        let place = Place { sandbox: "default".into(), collection: Note::COLLECTION };
        let notes = notes(&store, "default");
        let make = async |note| {
            notes.insert(note).await.unwrap();
            store.get(&place, "a").await.unwrap().unwrap()
        };
        let first = make(note("a", &[])).await;
        notes.delete("a").await.unwrap();
        let second = make(note("a", &[])).await;
        assert!(!store.replace(&place, first.document.clone(), first.version).await.unwrap(), "{name}: deleted");
        store.clear("default").await.unwrap();
        let third = make(note("a", &[])).await;
        assert!(!store.replace(&place, second.document.clone(), second.version).await.unwrap(), "{name}: cleared");
        assert!(store.replace(&place, third.document.clone(), third.version).await.unwrap(), "{name}");
        assert!(!store.replace(&place, third.document.clone(), third.version).await.unwrap(), "{name}: replaced");
    }
}

#[tokio::test]
async fn a_record_is_deleted_only_as_it_was_judged() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1"])).await.unwrap();
        let refused = notes.delete_if("a", |note| if note.count == 0 { Err("no") } else { Ok(()) }).await.unwrap();
        assert!(matches!(refused, Update::Refused("no", current) if current.id == "a"), "{name}");
        let place = Place { sandbox: "default".into(), collection: Note::COLLECTION };
        let version = store.get(&place, "a").await.unwrap().unwrap().version;
        assert!(!store.delete_at(&place, "a", version + 1).await.unwrap(), "{name}: at another version");
        assert_eq!(notes.find("k1").await.unwrap(), Some(note("a", &["k1"])), "{name}: nothing was removed");
        assert!(matches!(notes.delete_if("a", |_| Ok::<_, ()>(())).await.unwrap(), Update::Done(_)), "{name}");
        assert_eq!((notes.get("a").await.unwrap(), notes.find("k1").await.unwrap()), (None, None), "{name}");
        assert!(matches!(notes.delete_if("a", |_| Ok::<_, ()>(())).await.unwrap(), Update::Missing), "{name}");
        assert!(!store.delete_at(&place, "a", version).await.unwrap(), "{name}: it has gone");
        assert_eq!(notes.fill().await.unwrap().kept, 0, "{name}");
    }
}
