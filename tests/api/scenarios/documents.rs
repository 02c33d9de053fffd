//! The scenarios of a sandbox as documents: restored from JSON, stored before the sandbox can be found, and limited.

use crate::{delegate::delegate, encoded::Encoded};
use docendorse_mock::{
    Settings,
    app::App,
    base::{
        clock::Clock,
        ids::Ids,
        urls::{BaseUrl, Scheme},
    },
    domain::{
        oauth::TokenIssuer,
        scenario::{ActorFlags, Facts, LazyBody, Scenario, ScenarioEndpoint, ScenarioSet},
    },
    sandbox::{CreateError, Issuing, NewSandbox, Sandbox, SandboxLimits, Sandboxes},
    store::{self, Committed, Memory, Page, Pending, Place, Retention, Store, StoreError, Stored, Write},
};
use futures_util::FutureExt;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

fn read(text: &str) -> Arc<Scenario> {
    Arc::new(Scenario::read("test.yaml", text).unwrap())
}

fn set(texts: &[&str]) -> ScenarioSet {
    ScenarioSet::compile(texts.iter().map(|text| read(text)).collect()).unwrap()
}

/// Sandboxes on a store, with these scenarios of the server.
fn sandboxes(store: Arc<dyn Store>, base: &[&str]) -> Sandboxes {
    let app = App::new(Settings::default(), "http://mock.test").unwrap();
    let settings = app.sandboxes.default_sandbox().settings().clone();
    let ids = Ids::seeded(1);
    let issuing = Issuing::new(TokenIssuer::new(&ids.signing_seed()).unwrap(), "");
    let limits = SandboxLimits { count: 10, idle: Duration::MAX };
    Sandboxes::new(settings, limits, store, Arc::new(set(base)), issuing.into(), ids).unwrap()
}

fn new(sandboxes: &Sandboxes, name: &str, scenarios: &[&str]) -> NewSandbox {
    NewSandbox {
        name: Some(name.to_owned()),
        settings: sandboxes.default_sandbox().settings().clone(),
        clock: Clock::system(),
        scenarios: set(scenarios),
        base_url: BaseUrl::of_host(Scheme::Http, "mock.test", None),
    }
}

/// The scenario and the index of the answer that a handoff of Sam gets.
async fn ask(sandbox: &Sandbox) -> Option<(String, usize)> {
    let body = LazyBody::new(b"{}");
    let facts =
        Facts { email: "sam@example.com", external_user_id: "u", intent: "", handoff_id: "h", source: "", body: &body };
    let actor = |_: &Scenario| (ActorFlags::default(), sandbox.clock.now());
    let consulted = sandbox.scripts.take(ScenarioEndpoint::Handoff, &facts, actor).await.unwrap();
    consulted.scripted.map(|scripted| (scripted.scenario.name().to_owned(), scripted.answer))
}

fn said(name: &str, answer: usize) -> Option<(String, usize)> {
    Some((name.to_owned(), answer))
}

async fn names(sandbox: &Sandbox) -> Vec<String> {
    let current = sandbox.scripts.current().await.unwrap();
    current.set().iter().map(|scenario| scenario.name().to_owned()).collect()
}

const A: &str = "{name: a, answers: [{}, {}, {}]}";
const B: &str = "{name: b, answers: [{}]}";
const OWN: &str = "{name: own, match: {email: nobody@*}, answers: [{}, {}]}";

#[tokio::test]
async fn another_process_continues_from_the_store() {
    let store = Arc::new(Encoded(Memory::new(Retention::unlimited())));
    let one = sandboxes(Arc::clone(&store) as Arc<dyn Store>, &[A, B]);
    let sandbox = one.default_sandbox();
    sandbox.scripts.put(read(OWN)).await.unwrap();
    sandbox.scripts.remove("b").await.unwrap();
    assert_eq!(ask(&sandbox).await, said("a", 0));
    sandbox.scripts.queue("own", 2).await.unwrap();
    sandbox.scripts.pin("own").await.unwrap();
    assert_eq!(ask(&sandbox).await, said("own", 0));

    let other = sandboxes(store, &[A, B]).default_sandbox();
    assert_eq!(names(&other).await, ["a", "own"]);
    assert_eq!(ask(&other).await, said("own", 1), "queued");
    assert_eq!(ask(&other).await, said("own", 1), "pinned");
    other.scripts.unpin(None).await.unwrap();
    assert_eq!(ask(&other).await, said("a", 1));

    // A change by one process takes effect in the other immediately.
    other.scripts.put(read("{name: own, priority: 1, answers: [{}]}")).await.unwrap();
    assert_eq!(ask(&sandbox).await, said("own", 0));
    other.scripts.reset().await.unwrap();
    assert_eq!(names(&sandbox).await, ["a", "b"]);
    assert_eq!(ask(&sandbox).await, said("a", 0));
}

#[tokio::test]
async fn a_reset_restores_the_first_scenarios_and_no_progress() {
    for store in [
        Arc::new(Memory::new(Retention::unlimited())) as Arc<dyn Store>,
        Arc::new(Encoded(Memory::new(Retention::unlimited()))),
    ] {
        let sandboxes = sandboxes(store, &[B]);
        let sandbox = sandboxes.create(new(&sandboxes, "s", &[A])).await.unwrap();
        assert_eq!((ask(&sandbox).await, ask(&sandbox).await), (said("a", 0), said("a", 1)));
        for own in [OWN, "{name: a, priority: -1, answers: [{}]}"] {
            sandbox.scripts.put(read(own)).await.unwrap();
        }
        sandbox.scripts.pin("own").await.unwrap();
        assert_eq!(ask(&sandbox).await, said("own", 0));
        let next = sandboxes.reset("s").await.unwrap().unwrap();
        sandboxes.clear_away().await.unwrap();
        assert_eq!(names(&next).await, ["a", "b"]);
        assert_eq!((ask(&next).await, ask(&next).await), (said("a", 0), said("a", 1)));
        next.scripts.remove("a").await.unwrap();
        assert_eq!(names(&next).await, ["b"]);
        next.scripts.reset().await.unwrap();
        assert_eq!((names(&next).await, ask(&next).await), (vec!["a".to_owned(), "b".to_owned()], said("a", 0)));
    }
}

#[tokio::test]
async fn a_pin_follows_the_file_of_its_name() {
    let sandboxes = sandboxes(Arc::new(Memory::new(Retention::unlimited())), &[A, B]);
    let sandbox = sandboxes.default_sandbox();
    sandbox.scripts.pin("b").await.unwrap();
    sandbox.scripts.queue("b", 1).await.unwrap();
    sandboxes.rebase(&Arc::new(set(&[A])));
    let current = sandbox.scripts.current().await.unwrap();
    assert!(current.pinned().is_none() && current.queued().is_empty());
    assert_eq!(ask(&sandbox).await, said("a", 0));
    // An editor that writes a new file and renames it removes the old one for a moment.
    sandboxes.rebase(&Arc::new(set(&[A, "{name: b, description: new, answers: [{}]}"])));
    let current = sandbox.scripts.current().await.unwrap();
    assert_eq!((current.pinned().unwrap().description(), current.queued().len()), ("new", 1));
}

#[tokio::test]
async fn a_reset_begins_with_the_files_of_that_moment() {
    let sandboxes = sandboxes(Arc::new(Memory::new(Retention::unlimited())), &[A]);
    sandboxes.rebase(&Arc::new(set(&[B])));
    let next = sandboxes.reset("default").await.unwrap().unwrap();
    assert_eq!(names(&next).await, ["b"]);
}

#[tokio::test]
async fn the_least_recently_used_walk_is_forgotten_first() {
    let app = App::new(Settings::default(), "http://mock.test").unwrap();
    let sandbox = app.sandboxes.default_sandbox();
    sandbox.scripts.put(read("{name: own, answers: [{}, {}, {}]}")).await.unwrap();
    let now = sandbox.clock.now();
    let set = async |subject: String| sandbox.scripts.set_walk("own", &subject, 1, now).await.unwrap();
    assert_eq!(ask(&sandbox).await, said("own", 0));
    for number in 0..9_999 {
        set(format!("{number}@example.com")).await;
    }
    assert_eq!(ask(&sandbox).await, said("own", 1), "now it is the most recently used");
    for number in 9_999..10_010 {
        set(format!("{number}@example.com")).await;
    }
    let walks = sandbox.scripts.walks("own").await.unwrap();
    assert_eq!(walks.len(), 10_000);
    let is_kept = |subject: &str| walks.iter().any(|walk| &*walk.subject == subject);
    assert!(is_kept("sam@example.com") && is_kept("11@example.com") && !is_kept("10@example.com"));
    assert_eq!(ask(&sandbox).await, said("own", 2));
}

/// A store that counts its calls. One of the next commits fails (1) or never returns (2).
#[derive(Debug)]
struct Troubled {
    memory: Memory,
    trouble: AtomicU8,
    /// Number of commits before that one.
    before: AtomicUsize,
    reads: AtomicUsize,
    commits: AtomicUsize,
}

impl Troubled {
    fn new() -> Arc<Self> {
        let memory = Memory::new(Retention::unlimited());
        let none = AtomicUsize::default;
        Arc::new(Self { memory, trouble: AtomicU8::new(0), before: none(), reads: none(), commits: none() })
    }

    fn trouble(&self, before: usize, trouble: u8) {
        self.before.store(before, Ordering::SeqCst);
        self.trouble.store(trouble, Ordering::SeqCst);
    }

    /// Numbers of reads and writes since the last call.
    fn calls(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::SeqCst), self.commits.swap(0, Ordering::SeqCst))
    }
}

impl Store for Troubled {
    delegate!(memory: find due log next clear usage);

    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.memory.get(place, id)
    }

    fn list<'a>(&'a self, place: &'a Place, page: Page<'a>) -> Pending<'a, Vec<Arc<Stored>>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.memory.list(place, page)
    }

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.before.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return self.memory.commit(sandbox, writes);
        }
        match self.trouble.swap(0, Ordering::SeqCst) {
            0 => self.memory.commit(sandbox, writes),
            1 => Box::pin(async { Err(StoreError::Unavailable("out of order".to_owned())) }),
            _ => Box::pin(async move {
                self.memory.commit(sandbox, writes).await?;
                std::future::pending().await
            }),
        }
    }
}

#[tokio::test]
async fn a_request_without_a_scenario_costs_one_lookup() {
    let store = Troubled::new();
    let sandboxes = sandboxes(Arc::clone(&store) as Arc<dyn Store>, &[]);
    let sandbox = sandboxes.default_sandbox();
    assert_eq!((ask(&sandbox).await, store.calls()), (None, (1, 0)));
    sandbox.scripts.put(read(OWN)).await.unwrap();
    store.calls();
    assert_eq!((ask(&sandbox).await, store.calls()), (None, (1, 0)), "its set is compiled already");
    sandbox.scripts.pin("own").await.unwrap();
    store.calls();
    assert_eq!((ask(&sandbox).await, store.calls()), (said("own", 0), (2, 1)), "the walk in addition to the overrides");
    store.calls();
    let empty = sandboxes.create(new(&sandboxes, "s", &[])).await.unwrap();
    assert_eq!(store.calls(), (1, 2), "for its client and its clock");
    assert_eq!((ask(&empty).await, store.calls()), (None, (1, 0)));
}

#[tokio::test]
async fn a_sandbox_that_fails_to_start_leaves_nothing() {
    let store = Troubled::new();
    let sandboxes = sandboxes(Arc::clone(&store) as Arc<dyn Store>, &[B]);
    let definitions = &sandboxes.default_sandbox().settings().definitions.clone();
    let create = || sandboxes.create(new(&sandboxes, "s", &[A]));
    let kept = async || {
        sandboxes.clear_away().await.unwrap();
        store.memory.bytes_by_sandbox().len()
    };
    // The commits of its client, its clock and its scenarios.
    for commit in 0..3 {
        store.trouble(commit, 1);
        assert!(matches!(create().await, Err(CreateError::Store(_))));
        assert!(sandboxes.get("s").is_none());
        // The caller leaves while the store writes.
        store.trouble(commit, 2);
        assert!(create().now_or_never().is_none());
        assert!(sandboxes.get("s").is_none());
        assert_eq!((kept().await, definitions.used()), (0, 0));
    }

    let sandbox = create().await.unwrap();
    let whole = kept().await;
    assert!(matches!(create().await, Err(CreateError::Exists(_))));
    assert_eq!(kept().await, whole);
    sandbox.scripts.put(read(OWN)).await.unwrap();
    store.trouble(0, 1);
    assert!(sandboxes.reset("s").await.is_err());
    store.trouble(0, 2);
    assert!(sandboxes.reset("s").now_or_never().is_none());
    assert_eq!((kept().await, names(&sandboxes.get("s").unwrap()).await.len()), (whole, 3), "as before");
    assert_eq!(sandbox.clients().list().await.unwrap().len(), 1);
    // Deleted while the store writes.
    store.trouble(0, 2);
    let mut reset = Box::pin(sandboxes.reset("s"));
    assert!(reset.as_mut().now_or_never().is_none());
    assert!(sandboxes.delete("s"));
    drop((reset, sandbox));
    assert_eq!((kept().await, definitions.used()), (0, 0));
}
