//! Logs: numbered without gaps, bounded, read in pages.

use crate::{Line, backends, line, lines};
use docendorse_mock::{
    base::budget::{Budget, Share},
    store::{Log, LogPage, Memory, Numbered, Retention, Store, Usage},
};
use std::sync::Arc;

fn texts(page: &LogPage<Line>) -> String {
    let each = |Numbered { number, entry }: &Numbered<Arc<Line>>| format!("{number}:{}", entry.text);
    page.entries.iter().map(each).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn entries_are_numbered_in_order_and_read_in_pages() {
    for (name, store) in backends(None) {
        let lines = lines(&store, "default");
        assert_eq!((lines.last().await.unwrap(), lines.usage().await.unwrap()), (0, Usage::default()), "{name}");
        assert_eq!(lines.append([line("a"), line("b")]).await.unwrap(), 1, "{name}");
        assert_eq!(lines.append([line("c"), line("d"), line("e")]).await.unwrap(), 3, "{name}");
        let not_c = |_, line: &Line| line.text != "c";
        let page = lines.page_within(0, 2, usize::MAX, not_c).await.unwrap();
        assert_eq!((texts(&page), page.seen, page.more, page.last), ("1:a 2:b".to_owned(), 3, true, 5), "{name}");
        let page = lines.page_within(page.seen, 2, usize::MAX, not_c).await.unwrap();
        assert_eq!((texts(&page), page.seen, page.more), ("4:d 5:e".to_owned(), 5, false), "{name}");
        let page = lines.page_within(5, 2, usize::MAX, not_c).await.unwrap();
        assert_eq!((texts(&page), page.seen, page.more, page.lost), (String::new(), 5, false, 0), "{name}");
        let page = lines.page_within(0, 9, 2, |_, _| true).await.unwrap();
        assert_eq!((texts(&page), page.more), ("1:a 2:b".to_owned(), true), "{name}: by bytes");
        let page = lines.page_within(0, 9, usize::MAX, |_, _| false).await.unwrap();
        assert_eq!((page.seen, page.more), (5, false), "{name}: a filter that matches nothing");
        let page = lines.page_within(9, 9, usize::MAX, |_, _| true).await.unwrap();
        assert_eq!((texts(&page), page.seen, page.last), (String::new(), 9, 5), "{name}: beyond the end");
    }
}

#[tokio::test]
async fn a_long_log_is_read_to_its_end() {
    for (name, store) in backends(None) {
        let lines = lines(&store, "default");
        lines.append((0..2_500).map(|number| line(&number.to_string()))).await.unwrap();
        let page = lines.page_within(10, 2_000, usize::MAX, |number, _| number % 2 == 0).await.unwrap();
        assert_eq!((page.entries.len(), page.seen, page.more), (1_245, 2_500, false), "{name}");
        assert_eq!(page.entries[1_244], Numbered { number: 2_500, entry: line("2499") }, "{name}");
    }
}

#[tokio::test]
async fn the_oldest_entries_are_dropped_and_counted() {
    for (name, store) in backends(Some(3)) {
        let lines = lines(&store, "default");
        lines.append("abcde".chars().map(|text| line(&text.to_string()))).await.unwrap();
        assert_eq!(lines.usage().await.unwrap(), Usage { kept: 3, dropped: 2, bytes: 3 }, "{name}");
        let page = lines.page_within(1, 9, usize::MAX, |_, _| true).await.unwrap();
        assert_eq!((texts(&page), page.lost, page.dropped), ("3:c 4:d 5:e".to_owned(), 1, 2), "{name}");
        let page = lines.page_within(3, 9, usize::MAX, |_, _| true).await.unwrap();
        assert_eq!((page.lost, page.dropped), (0, 2), "{name}: this reader missed nothing");
        // 1,000 bytes at most.
        lines.append([line(&"x".repeat(600)), line(&"y".repeat(600))]).await.unwrap();
        assert_eq!(lines.usage().await.unwrap(), Usage { kept: 1, dropped: 6, bytes: 600 }, "{name}");
        assert_eq!(lines.append([line("next")]).await.unwrap(), 8, "{name}: numbers go on");
    }
}

#[tokio::test]
async fn a_log_without_capacity_still_counts() {
    for (name, store) in backends(Some(0)) {
        let lines = lines(&store, "default");
        assert_eq!(lines.append([line("a")]).await.unwrap(), 1, "{name}");
        assert_eq!(lines.append([line("b")]).await.unwrap(), 2, "{name}");
        assert_eq!(lines.usage().await.unwrap(), Usage { kept: 0, dropped: 2, bytes: 0 }, "{name}");
    }
}

#[tokio::test]
async fn clearing_a_sandbox_restarts_its_logs() {
    for (name, store) in backends(None) {
        let (one, other) = (lines(&store, "one"), lines(&store, "other"));
        one.append([line("a"), line("b")]).await.unwrap();
        other.append([line("c")]).await.unwrap();
        store.clear("one").await.unwrap();
        assert_eq!((one.last().await.unwrap(), other.last().await.unwrap()), (0, 1), "{name}");
        assert_eq!(one.append([line("d")]).await.unwrap(), 1, "{name}");
    }
}

#[tokio::test]
async fn entries_count_in_the_budget_and_shrink() {
    let budget = Budget::new(1_000_000);
    let memory = Arc::new(Memory::new(Retention::unlimited()).counted_in(&budget));
    let store: Arc<dyn Store> = memory.clone();
    let log: Log<Line> = lines(&store, "default");
    log.append((0..100).map(|_| line(&"x".repeat(1_000)))).await.unwrap();
    let used = budget.used();
    assert!((100_000..120_000).contains(&used), "{used}");
    assert_eq!(memory.bytes_by_sandbox().into_iter().collect::<Vec<_>>(), [("default".into(), used)]);
    assert_eq!(memory.shrink("default", Share { stays: 1, of: 4 }), 75);
    assert_eq!((budget.used(), log.usage().await.unwrap().dropped), (used / 4, 75));
    assert_eq!(memory.shrink("another", Share { stays: 0, of: 1 }), 0);
    store.clear("default").await.unwrap();
    assert_eq!(budget.used(), 0);
}
