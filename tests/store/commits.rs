//! Several writes in one commit: all of them, or none.

use crate::{Card, Line, Note, backends, card, line, lines, note, notes, tagged};
use docendorse_mock::store::{Commit, Repository, Shelf, Store, StoreError, Update, Written};
use std::sync::Arc;

fn cards(store: &Arc<dyn Store>) -> Repository<Card> {
    Repository::new(&Arc::new(Shelf::new(Arc::clone(store), "default".into())))
}

/// Writes of every kind to two collections and a log. The last write fails.
///
/// The store must be empty. Afterwards it holds the notes `a` and `b` and one line.
pub async fn a_failed_commit_changes_nothing(name: &str, store: &Arc<dyn Store>) {
    let (notes, cards, lines) = (notes(store, "default"), cards(store), lines(store, "default"));
    let a = Arc::new(Note { tags: vec!["red".to_owned()], ..Arc::unwrap_or_clone(note("a", &["k1"])) });
    notes.insert(Arc::clone(&a)).await.unwrap();
    notes.insert(note("b", &["k2"])).await.unwrap();
    lines.append([line("before")]).await.unwrap();
    let (_, version) = notes.get_versioned("a").await.unwrap().unwrap();
    let usage = (notes.fill().await.unwrap(), lines.usage().await.unwrap());

    let moved = Arc::new(Note { tags: vec!["blue".to_owned()], count: 1, ..Note::clone(&note("a", &["k3"])) });
    let writes = || {
        let mut commit = Commit::new();
        commit.insert(note("c", &["k4"])).insert(card("d")).append([line("one"), line("two")]);
        commit.delete::<Note>("b", None).replace(Arc::clone(&moved), version).insert(note("e", &["k1", "k2"]));
        commit.append([line("three")]);
        commit
    };
    let mut conflicts = writes();
    conflicts.replace(Arc::clone(&moved), version);
    let mut vanished = writes();
    vanished.delete::<Card>("none", Some(version));
    let mut taken_key = writes();
    taken_key.insert(note("f", &["k4"]));
    let mut taken_id = writes();
    taken_id.insert(card("d"));
    for (case, commit) in [("changed", conflicts), ("gone", vanished), ("key", taken_key), ("id", taken_id)] {
        match store.commit("default", commit.into()).await {
            Err(StoreError::Conflict { write: 7 }) => assert!(["changed", "gone"].contains(&case), "{name}: {case}"),
            Err(StoreError::Taken) => assert!(["key", "id"].contains(&case), "{name}: {case}"),
            other => panic!("{name}: {case}: {other:?}"),
        }
        let all = notes.all(|_| true).await.unwrap();
        assert_eq!(all, [note("b", &["k2"]), Arc::clone(&a)], "{name}: {case}");
        assert_eq!(cards.get("d").await.unwrap(), None, "{name}: {case}");
        for (key, holder) in [("k1", Some("a")), ("k2", Some("b")), ("k3", None), ("k4", None)] {
            let found = notes.find(key).await.unwrap();
            assert_eq!(found.as_ref().map(|note| note.id.as_str()), holder, "{name}: {case}: {key}");
        }
        assert_eq!(notes.tagged("red", |_| true).await.unwrap().len(), 1, "{name}: {case}");
        assert_eq!(notes.tagged("blue", |_| true).await.unwrap().len(), 0, "{name}: {case}");
        assert_eq!(lines.last().await.unwrap(), 1, "{name}: {case}");
        assert_eq!((notes.fill().await.unwrap(), lines.usage().await.unwrap()), usage, "{name}: {case}");
        assert_eq!(notes.get_versioned("a").await.unwrap().unwrap().1, version, "{name}: {case}: the same version");
    }
    assert_eq!(
        store.commit("default", writes().into()).await.unwrap().len(),
        7,
        "{name}: without the failing write, the commit succeeds"
    );
    assert_eq!(notes.find("k1").await.unwrap().unwrap().id, "e", "{name}");
}

#[tokio::test]
async fn no_write_of_a_failed_commit_is_applied() {
    for (name, store) in backends(None) {
        a_failed_commit_changes_nothing(name, &store).await;
    }
}

#[tokio::test]
async fn a_failed_commit_drops_nothing_for_retention() {
    for (name, store) in backends(Some(2)) {
        let (notes, lines) = (notes(&store, "default"), lines(&store, "default"));
        for id in ["a", "b"] {
            notes.insert(note(id, &[])).await.unwrap();
            lines.append([line(id)]).await.unwrap();
        }
        let mut commit = Commit::new();
        commit.insert(note("c", &[])).append([line("c")]).delete::<Note>("none", Some(1));
        assert!(store.commit("default", commit.into()).await.is_err(), "{name}");
        assert_eq!((notes.fill().await.unwrap().dropped, lines.usage().await.unwrap().dropped), (0, 0), "{name}");
        assert!(notes.get("a").await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_commit_returns_a_result_for_each_write() {
    for (name, store) in backends(None) {
        let notes = notes(&store, "default");
        notes.insert(note("a", &["k1"])).await.unwrap();
        let (_, version) = notes.get_versioned("a").await.unwrap().unwrap();
        let mut commit = Commit::new();
        commit.replace(note("a", &[]), version).insert(note("b", &["k1"])).append([line("one"), line("two")]);
        commit.delete::<Note>("a", None).delete::<Note>("none", None).append::<Line>([]).append([line("three")]);
        let written = store.commit("default", commit.into()).await.unwrap();
        let (_, of_b) = notes.get_versioned("b").await.unwrap().unwrap();
        assert!(matches!(written[0], Written::Version(other) if other != version), "{name}");
        let rest = [
            Written::Version(of_b),
            Written::Appended(1),
            Written::Deleted(true),
            Written::Deleted(false),
            Written::Appended(3),
            Written::Appended(3),
        ];
        assert_eq!(written[1..], rest, "{name}");
        assert_eq!(notes.get("a").await.unwrap(), None, "{name}");
        assert_eq!(notes.find("k1").await.unwrap().unwrap().id, "b", "{name}: each write sees those before it");
        assert!(store.commit("default", Vec::new()).await.unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn an_update_commits_further_writes_with_it() {
    for (name, store) in backends(None) {
        let (notes, lines) = (notes(&store, "default"), lines(&store, "default"));
        notes.insert(note("a", &[])).await.unwrap();
        let mut runs = 0;
        let done = notes.evolve_with("a", |current, commit| {
            runs += 1;
            if runs == 1 {
                // Another caller writes first.
                let other = notes.update("a", |note| Ok::<_, ()>(note.count += 1));
                futures_util::FutureExt::now_or_never(other).unwrap().unwrap();
            }
            commit.append([line(&format!("run {runs}"))]).insert(tagged("b", &["made"]));
            Ok::<_, ()>(Some(Note { count: current.count + 10, ..current.clone() }))
        });
        assert!(matches!(done.await.unwrap(), Update::Done(note) if note.count == 11), "{name}");
        let page = lines.page_within(0, 10, usize::MAX, |_, _| true).await.unwrap();
        assert_eq!(page.entries.iter().map(|line| line.entry.text.as_str()).collect::<Vec<_>>(), ["run 2"], "{name}");
        assert_eq!(notes.tagged("made", |_| true).await.unwrap().len(), 1, "{name}");

        let refused = notes.evolve_with("a", |_, commit| {
            commit.append([line("refused")]);
            Err("no")
        });
        assert!(matches!(refused.await.unwrap(), Update::Refused("no", _)), "{name}");
        let stale = notes.evolve_with("a", |current, commit| {
            commit.append([line("stale")]).delete::<Note>("b", Some(u64::MAX));
            Ok::<_, ()>(Some(current.clone()))
        });
        assert!(matches!(stale.await, Err(StoreError::Conflict { write: 2 })), "{name}: it is not retried forever");
        assert_eq!(lines.last().await.unwrap(), 1, "{name}");
    }
}
