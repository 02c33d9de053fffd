//! Two callers of one sandbox in an exact order: the store delays one call of the first until the second is done.

use crate::{delegate::delegate, harness::body_of, people::late_writer::sandbox_over};
use docendorse_mock::{
    base::urls::{BaseUrl, Scheme},
    domain::{actor::ActorChange, scenario::Scenario},
    sandbox::{HandOff, HandOffResult, Sandbox, Sandboxes},
    store::{self, Committed, Memory, Pending, Place, Retention, Store, Stored, Write},
};
use futures_util::FutureExt;
use serde_json::json;
use std::{
    pin::pin,
    sync::{Arc, Mutex},
};
use tokio::sync::Notify;

/// The call that the store delays.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Held {
    /// The next commit that writes to a collection, before it is applied.
    Commit(&'static str),
    /// A read of a collection, after it is done: the one after `skipped` others.
    Get { collection: &'static str, skipped: usize },
}

/// A store that delays one call.
#[derive(Debug)]
struct Holding {
    memory: Memory,
    held: Mutex<Option<Held>>,
    go_on: Notify,
}

impl Holding {
    fn hold(&self, held: Held) {
        *self.held.lock().unwrap() = Some(held);
    }

    fn holds_commit(&self, writes: &[Write]) -> bool {
        let writes_to = |collection| {
            writes.iter().any(|write| match write {
                Write::Insert { collection: written, .. }
                | Write::Replace { collection: written, .. }
                | Write::Delete { collection: written, .. } => *written == collection,
                Write::Append { .. } => false,
            })
        };
        let mut held = self.held.lock().unwrap();
        matches!(*held, Some(Held::Commit(collection)) if writes_to(collection)) && held.take().is_some()
    }

    fn holds_get(&self, read: &'static str) -> bool {
        let mut held = self.held.lock().unwrap();
        match &mut *held {
            Some(Held::Get { collection, skipped }) if *collection == read => match skipped.checked_sub(1) {
                Some(left) => *skipped = left,
                None => return held.take().is_some(),
            },
            _ => {}
        }
        false
    }
}

impl Store for Holding {
    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        Box::pin(async move {
            let found = self.memory.get(place, id).await;
            if self.holds_get(place.collection) {
                self.go_on.notified().await;
            }
            found
        })
    }

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        Box::pin(async move {
            if self.holds_commit(&writes) {
                self.go_on.notified().await;
            }
            self.memory.commit(sandbox, writes).await
        })
    }

    delegate!(memory: find list due log next clear usage);
}

struct Stage {
    store: Arc<Holding>,
    sandbox: Arc<Sandbox>,
    _sandboxes: Sandboxes,
}

impl Stage {
    fn new() -> Self {
        let memory = Memory::new(Retention::unlimited());
        let store = Arc::new(Holding { memory, held: Mutex::default(), go_on: Notify::new() });
        let (sandboxes, sandbox) = sandbox_over(store.clone());
        Self { store, sandbox, _sandboxes: sandboxes }
    }

    /// Runs `first` until the store delays its call, then `second`, then the rest of `first`.
    async fn interleave<T>(&self, held: Held, first: impl Future<Output = T>, second: impl AsyncFnOnce()) -> T {
        self.store.hold(held);
        let mut first = pin!(first);
        assert!(first.as_mut().now_or_never().is_none(), "the store delays no call: {held:?}");
        second().await;
        self.store.go_on.notify_one();
        first.await
    }

    async fn hand_off(&self, handoff_id: &str) -> HandOff {
        let body = body_of(handoff_id, "sam@example.com");
        let request = serde_json::from_str(&body).unwrap();
        let base_url = BaseUrl::of_host(Scheme::Http, "mock.test", None);
        self.sandbox.hand_off(&"client".into(), request, body.into_bytes().into(), base_url).await.unwrap()
    }

    /// Changes whether Sam is subscribed, and returns how many sessions that opened.
    async fn subscribe(&self, subscribed: bool) -> usize {
        let change = ActorChange { subscribed: Some(subscribed), ..ActorChange::default() };
        self.sandbox.change_actor("sam@example.com", change).await.unwrap().1.len()
    }

    /// The numbers of waiting handoffs and of sessions.
    async fn waiting_and_open(&self) -> (usize, usize) {
        let snapshot = self.sandbox.snapshot().await.unwrap();
        (snapshot.pending_handoffs.len(), snapshot.agent_sessions.len())
    }
}

/// A scenario for Sam with one answer.
fn scenario(name: &str, outcome: &str) -> Arc<Scenario> {
    let file = json!({
        "name": name, "per": "actor", "match": { "email": "sam@example.com" }, "answers": [{ "outcome": outcome }],
    });
    Arc::new(Scenario::read("scenario.json", &file.to_string()).unwrap())
}

#[tokio::test]
async fn subscribing_while_a_handoff_begins_to_wait_opens_it() {
    let stage = Stage::new();
    stage.subscribe(false).await;
    let handed_off = stage
        .interleave(Held::Commit("pending_handoffs"), stage.hand_off("h-1"), async || {
            assert_eq!(stage.subscribe(true).await, 0, "the handoff does not wait yet");
        })
        .await;
    assert!(matches!(handed_off.result, HandOffResult::Obstacle(..)), "{:?}", handed_off.result);
    assert_eq!(stage.waiting_and_open().await, (0, 1));
    assert!(matches!(stage.hand_off("h-1").await.result, HandOffResult::Session(_)));
    assert_eq!(stage.waiting_and_open().await, (0, 1), "a retry gets the same session");
}

#[tokio::test]
async fn a_scripted_obstacle_waits_for_a_complete_actor_too() {
    let stage = Stage::new();
    stage.subscribe(true).await;
    stage.sandbox.scripts.put(scenario("own", "require_subscription")).await.unwrap();
    stage.hand_off("h-1").await;
    assert_eq!(stage.waiting_and_open().await, (1, 0));
    assert_eq!(stage.subscribe(true).await, 1);
}

#[tokio::test]
async fn a_scenario_reset_that_is_retried_ends_new_walks() {
    let stage = Stage::new();
    let scripts = &stage.sandbox.scripts;
    scripts.put(scenario("own", "success")).await.unwrap();
    stage
        .interleave(Held::Commit("scenario_overrides"), scripts.reset(), async || {
            scripts.pin("own").await.unwrap();
            stage.hand_off("h-1").await;
            assert_eq!(scripts.walks("own").await.unwrap().len(), 1);
        })
        .await
        .unwrap();
    assert_eq!(scripts.walks("own").await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_slow_reader_does_not_replace_newer_scenarios() {
    let stage = Stage::new();
    let scripts = &stage.sandbox.scripts;
    // Writing a scenario reads the overrides once before the commit and twice after it.
    let held = Held::Get { collection: "scenario_overrides", skipped: 2 };
    let mut version = None;
    stage
        .interleave(held, scripts.put(scenario("first", "success")), async || {
            scripts.put(scenario("second", "success")).await.unwrap();
            version = Some(stage.hand_off("h-1").await.scenarios);
        })
        .await
        .unwrap();
    let current = scripts.current().await.unwrap();
    assert_eq!(current.set().iter().count(), 2);
    assert_eq!(Some(stage.hand_off("h-2").await.scenarios), version, "the set is not compiled again");
}
