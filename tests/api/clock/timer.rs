//! The timer when the system's clock jumps, when the store fails, and when a task panics. Tests move the time.

use crate::{
    delegate::delegate,
    signing::play::{Draft, person, signer},
};
use docendorse_mock::{
    app::{
        App,
        timer::{LONGEST_SLEEP, keep_time},
    },
    base::{
        clock::{Clock, ClockChange, WallClock},
        ids::Ids,
        urls::{BaseUrl, Scheme},
    },
    config::Settings,
    domain::{
        event::{Event, EventKind},
        oauth::TokenIssuer,
        scenario::ScenarioSet,
        session::AgentSession,
        signing::{AgentState, EffectKind},
    },
    sandbox::{Issuing, NewSandbox, Sandbox, SandboxLimits, Sandboxes},
    store::{self, Committed, Memory, Pending, Place, Retention, Store, StoreError, Stored, Write},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

const NOON: &str = "2026-03-01T12:00:00Z";

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

/// Makes an agent session that expires at an instant.
async fn expire_at(sandbox: &Sandbox, due: Timestamp, number: usize) {
    let session = json!({
        "id": format!("as_{number}"), "client": "c", "handoff_id": format!("h-{number}"), "intent": "create_template",
        "actor": { "external_user_id": "u", "email": "sam@example.com" }, "created_at": NOON, "expires_at": due,
        "status": "open", "request": {}, "replayable": true,
    });
    let session: AgentSession = serde_json::from_str(&session.to_string()).unwrap();
    sandbox.plant(Arc::new(session)).await.unwrap();
}

/// Number of tasks on the agenda.
async fn left(sandbox: &Sandbox) -> u64 {
    sandbox.agenda(0).await.unwrap().1
}

/// A store whose calls hang, fail and panic a given number of times, in this order.
#[derive(Debug)]
struct Unreliable {
    memory: Memory,
    hangs: AtomicUsize,
    fails: AtomicUsize,
    panics: AtomicUsize,
    calls: AtomicUsize,
    /// The agent whose opening always panics.
    broken_agent: OnceLock<String>,
}

fn count_down(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Store for Unreliable {
    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if count_down(&self.hangs) {
            return Box::pin(std::future::pending());
        }
        if count_down(&self.fails) {
            return Box::pin(async { Err(StoreError::Unavailable("out of order".to_owned())) });
        }
        assert!(!count_down(&self.panics), "a defect");
        self.memory.get(place, id)
    }

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        assert!(!self.opens_broken_agent(&writes), "a defect");
        self.memory.commit(sandbox, writes)
    }

    delegate!(memory: find list due log next clear usage);
}

impl Unreliable {
    fn opens_broken_agent(&self, writes: &[Write]) -> bool {
        let Some(broken) = self.broken_agent.get() else { return false };
        let entries = writes.iter().filter_map(|write| match write {
            Write::Append { log: "events", entries } => Some(entries),
            _ => None,
        });
        entries.flatten().map(|entry| entry.content.decode::<Event>().unwrap()).any(|event| {
            event.kind == EventKind::Signing(EffectKind::AgentOpened)
                && event.subject.agent().is_some_and(|agent| agent.to_string() == *broken)
        })
    }
}

/// A running timer, and a sandbox whose wall clock shows noon until it is set.
struct Stage {
    store: Arc<Unreliable>,
    sandboxes: Arc<Sandboxes>,
    sandbox: Arc<Sandbox>,
    wall: WallClock,
}

impl Stage {
    async fn new() -> Self {
        let app = App::new(Settings::default(), "http://mock.test").unwrap();
        let settings = app.sandboxes.default_sandbox().settings().clone();
        let memory = Memory::new(Retention::unlimited());
        let none = AtomicUsize::default;
        let (hangs, fails, panics, calls) = (none(), none(), none(), none());
        let store = Arc::new(Unreliable { memory, hangs, fails, panics, calls, broken_agent: OnceLock::new() });
        let ids = Ids::seeded(1);
        let issuer = TokenIssuer::new(&ids.signing_seed()).unwrap();
        let issuing = Issuing::new(issuer, "");
        let limits = SandboxLimits { count: 1, idle: Duration::MAX };
        let all: Arc<dyn Store> = store.clone();
        let sandboxes =
            Sandboxes::new(settings, limits, all, Arc::new(ScenarioSet::default()), issuing.into(), ids).unwrap();
        let sandboxes = Arc::new(sandboxes);
        let sandbox = sandboxes.default_sandbox();
        let wall = WallClock::by_hand(noon());
        sandbox.clock.change(ClockChange::Freeze).unwrap();
        sandbox.clock.follow(wall.clone());
        sandbox.clock.change(ClockChange::Set(noon().max(sandbox.clock.now()))).unwrap();
        sandbox.clock.change(ClockChange::Resume).unwrap();
        let served = Arc::clone(&sandboxes);
        tokio::spawn(async move { keep_time(&served, || ()).await });
        // The timer has checked once, and sleeps.
        sleep(Duration::from_millis(10)).await;
        Self { store, sandboxes, sandbox, wall }
    }

    async fn schedule_in(&self, minutes: i64, number: usize) {
        let due = self.sandbox.clock.now() + SignedDuration::from_mins(minutes);
        expire_at(&self.sandbox, due, number).await;
    }

    async fn left(&self) -> u64 {
        left(&self.sandbox).await
    }

    /// Another sandbox, whose clock runs.
    async fn create(&self, name: &str) -> Arc<Sandbox> {
        let new = NewSandbox {
            scenarios: ScenarioSet::default(),
            name: Some(name.to_owned()),
            settings: self.sandbox.settings().clone(),
            clock: Clock::system(),
            base_url: BaseUrl::of_host(Scheme::Http, "mock.test", None),
        };
        self.sandboxes.create(new).await.unwrap()
    }

    /// Makes the timer run a task of the first sandbox whose store call never returns.
    async fn hang(&self) {
        self.store.hangs.store(1, Ordering::SeqCst);
        self.schedule_in(0, 1).await;
        sleep(Duration::from_millis(10)).await;
        assert_eq!(self.store.hangs.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_laptop_that_slept_catches_up_within_a_second() {
    let stage = Stage::new().await;
    stage.schedule_in(10, 1).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.left().await, 1);
    stage.wall.set(noon() + SignedDuration::from_hours(8));
    sleep(LONGEST_SLEEP + Duration::from_millis(100)).await;
    assert_eq!(stage.left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_delays_no_task() {
    let stage = Stage::new().await;
    stage.schedule_in(10, 1).await;
    sleep(Duration::from_secs(2)).await;
    stage.wall.set(noon() - SignedDuration::from_hours(1));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.left().await, 1, "no task runs early either");
    stage.wall.set(noon() - SignedDuration::from_mins(49));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.left().await, 0, "ten minutes passed by the clock that was set back");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_is_tried_again_once_a_second() {
    let stage = Stage::new().await;
    stage.store.fails.store(5, Ordering::SeqCst);
    stage.schedule_in(0, 1).await;
    sleep(Duration::from_millis(4_500)).await;
    assert_eq!(
        (stage.left().await, stage.store.calls.load(Ordering::SeqCst)),
        (1, 5),
        "it is neither lost nor hurried"
    );
    sleep(LONGEST_SLEEP).await;
    assert_eq!((stage.left().await, stage.store.calls.load(Ordering::SeqCst)), (0, 6));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_affects_only_itself() {
    let stage = Stage::new().await;
    stage.store.panics.store(1, Ordering::SeqCst);
    for number in 0..3 {
        stage.schedule_in(0, number).await;
    }
    sleep(LONGEST_SLEEP * 2).await;
    assert_eq!((stage.left().await, stage.store.calls.load(Ordering::SeqCst)), (0, 4));
    stage.schedule_in(0, 4).await;
    sleep(LONGEST_SLEEP).await;
    assert_eq!(stage.left().await, 0, "the timer is alive");
}

/// Sends an envelope whose agents all open after a minute, and settles the sandbox then. `break_store` gets the ids of
/// the agents. Returns the number of tasks that ran, and the states of the agents.
async fn settle_openings(
    stage: &Stage,
    names: &[&str],
    break_store: impl FnOnce(&[String]),
) -> (usize, Vec<AgentState>) {
    let sandbox = &stage.sandbox;
    sandbox.clock.change(ClockChange::Freeze).unwrap();
    let draft = Draft::played(sandbox, json!({ "people": [{ "opens": "1m" }] })).await;
    let (_, agents) = draft.add(signer("buyer"), names.iter().map(|name| person(name)).collect()).await;
    let envelope = draft.send().await;
    sandbox.clock.change(ClockChange::Advance(SignedDuration::from_mins(1))).unwrap();
    break_store(&agents);
    let ran = sandbox.settle().await.unwrap().len();
    let envelope = sandbox.envelope(&envelope).await.unwrap();
    (ran, envelope.recipients[0].seats.iter().map(|seat| seat.state).collect())
}

#[tokio::test(start_paused = true)]
async fn an_act_that_panics_affects_only_itself() {
    let names = ["alice", "bob", "carol"];
    for broken in 0..names.len() {
        let stage = Stage::new().await;
        let break_store = |agents: &[String]| stage.store.broken_agent.set(agents[broken].clone()).unwrap();
        let (ran, states) = settle_openings(&stage, &names, break_store).await;
        let mut expected = [AgentState::Opened; 3];
        expected[broken] = AgentState::Invited;
        assert_eq!((ran, &states[..]), (2, &expected[..]), "{}", names[broken]);
        assert_eq!(stage.left().await, 1, "the envelope still expires");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_does_not_recur_loses_no_act() {
    let stage = Stage::new().await;
    let break_store = |_: &[String]| stage.store.panics.store(1, Ordering::SeqCst);
    let (ran, states) = settle_openings(&stage, &["alice", "bob"], break_store).await;
    assert_eq!((ran, &states[..]), (2, &[AgentState::Opened; 2][..]));
}

#[tokio::test(start_paused = true)]
async fn moving_a_clock_loses_no_task_that_fails() {
    let stage = Stage::new().await;
    stage.sandbox.clock.change(ClockChange::Freeze).unwrap();
    stage.schedule_in(1, 1).await;
    stage.sandbox.clock.change(ClockChange::Advance(SignedDuration::from_mins(1))).unwrap();
    stage.store.fails.store(1, Ordering::SeqCst);
    assert!(stage.sandbox.settle().await.is_err());
    assert_eq!(stage.sandbox.settle().await.unwrap().len(), 1);
}

async fn due_now(sandbox: &Sandbox, number: usize) {
    expire_at(sandbox, sandbox.clock.now(), number).await;
}

#[tokio::test(start_paused = true)]
async fn a_hanging_task_delays_no_other_sandbox() {
    let stage = Stage::new().await;
    let other = stage.create("other").await;
    stage.hang().await;
    for number in 0..3 {
        due_now(&other, number).await;
        sleep(Duration::from_millis(10)).await;
        assert_eq!(left(&other).await, 0, "the timer is alive");
    }
    other.clock.change(ClockChange::Freeze).unwrap();
    expire_at(&other, other.clock.now() + SignedDuration::from_mins(1), 4).await;
    other.clock.change(ClockChange::Advance(SignedDuration::from_mins(1))).unwrap();
    assert_eq!(other.settle().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_hanging_sandbox_stay_in_order() {
    let stage = Stage::new().await;
    stage.hang().await;
    let calls = stage.store.calls.load(Ordering::SeqCst);
    stage.schedule_in(0, 2).await;
    sleep(LONGEST_SLEEP * 5).await;
    assert_eq!(
        (stage.left().await, stage.store.calls.load(Ordering::SeqCst)),
        (2, calls),
        "no task overtakes the hanging one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_a_hanging_task() {
    let mut stage = Stage::new().await;
    stage.hang().await;
    let previous = Arc::downgrade(&stage.sandbox);
    stage.sandbox = stage.sandboxes.reset("default").await.unwrap().unwrap();
    sleep(Duration::from_millis(10)).await;
    assert!(previous.upgrade().is_none(), "the old sandbox is freed");
    assert!(!stage.sandboxes.has_leftovers());
    due_now(&stage.sandbox, 2).await;
    sleep(LONGEST_SLEEP).await;
    assert_eq!(stage.left().await, 0);
}

#[tokio::test(start_paused = true)]
async fn deleting_a_sandbox_ends_its_hanging_task() {
    let stage = Stage::new().await;
    let other = stage.create("other").await;
    stage.store.hangs.store(1, Ordering::SeqCst);
    due_now(&other, 1).await;
    sleep(Duration::from_millis(10)).await;
    let removed = Arc::downgrade(&other);
    drop(other);
    assert!(removed.upgrade().is_some());
    assert!(stage.sandboxes.delete("other"));
    sleep(Duration::from_millis(10)).await;
    assert!(removed.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_task_added_while_settling_runs_afterwards() {
    let stage = Stage::new().await;
    stage.store.fails.store(1, Ordering::SeqCst);
    stage.schedule_in(0, 1).await;
    sleep(Duration::from_millis(10)).await;
    stage.schedule_in(0, 2).await;
    sleep(LONGEST_SLEEP).await;
    assert_eq!((stage.left().await, stage.store.calls.load(Ordering::SeqCst)), (0, 3));
}
