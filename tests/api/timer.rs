//! The timer: what it does when the system's clock jumps, when the store fails, and when a task panics. Time is moved by
//! hand.

use docendorse_mock::{
    app::{
        App,
        timer::{LONGEST_SLEEP, keep_time},
    },
    base::{clock::WallClock, ids::Ids},
    config::Settings,
    domain::{agenda::Task, oauth::TokenIssuer, scenario::ScenarioSet},
    sandbox::{Issuing, Sandbox, SandboxLimits, Sandboxes},
    store::{Document, Fill, Memory, Page, Pending, Place, Retention, Store, StoreError, Stored},
};
use jiff::{SignedDuration, Timestamp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

const NOON: &str = "2026-03-01T12:00:00Z";

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

fn task(number: usize) -> Task {
    Task::ExpireSession { agent_session_id: format!("as_{number}").into() }
}

/// A store that fails a number of times, and then panics a number of times.
#[derive(Debug)]
struct Unreliable {
    memory: Memory,
    fails: AtomicUsize,
    panics: AtomicUsize,
    calls: AtomicUsize,
}

fn count_down(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

impl Store for Unreliable {
    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if count_down(&self.fails) {
            return Box::pin(async { Err(StoreError::Unavailable("out of order".to_owned())) });
        }
        assert!(!count_down(&self.panics), "a defect");
        self.memory.get(place, id)
    }

    fn replace<'a>(&'a self, place: &'a Place, document: Document, version: u64) -> Pending<'a, bool> {
        self.memory.replace(place, document, version)
    }

    fn insert<'a>(&'a self, place: &'a Place, document: Document) -> Pending<'a, ()> {
        self.memory.insert(place, document)
    }

    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        self.memory.find(place, key)
    }

    fn list<'a>(&'a self, place: &'a Place, page: Page) -> Pending<'a, Vec<Arc<Stored>>> {
        self.memory.list(place, page)
    }

    fn delete_at<'a>(&'a self, place: &'a Place, id: &'a str, version: u64) -> Pending<'a, bool> {
        self.memory.delete_at(place, id, version)
    }

    fn delete<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, bool> {
        self.memory.delete(place, id)
    }

    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()> {
        self.memory.clear(sandbox)
    }

    fn fill<'a>(&'a self, place: &'a Place) -> Pending<'a, Fill> {
        self.memory.fill(place)
    }
}

/// A timer at work on a sandbox whose wall clock stands at noon until it is set.
struct Stage {
    store: Arc<Unreliable>,
    sandbox: Arc<Sandbox>,
    wall: WallClock,
}

impl Stage {
    async fn new() -> Self {
        let app = App::new(Settings::default(), "http://mock.test").unwrap();
        let settings = app.sandboxes.default_sandbox().settings().clone();
        let memory = Memory::new(Retention::unlimited());
        let none = AtomicUsize::default;
        let store = Arc::new(Unreliable { memory, fails: none(), panics: none(), calls: none() });
        let ids = Ids::seeded(1);
        let issuer = TokenIssuer::new(&ids.signing_seed()).unwrap();
        let issuing = Issuing::new(issuer, "");
        let limits = SandboxLimits { count: 1, idle: Duration::MAX };
        let all: Arc<dyn Store> = store.clone();
        let sandboxes =
            Sandboxes::new(settings, limits, all, Arc::new(ScenarioSet::default()), issuing.into(), ids).unwrap();
        let sandbox = sandboxes.default_sandbox();
        let wall = WallClock::by_hand(noon());
        sandbox.clock.freeze();
        sandbox.clock.follow(wall.clone());
        sandbox.clock.set(noon().max(sandbox.clock.now())).unwrap();
        sandbox.clock.resume();
        tokio::spawn(async move { keep_time(&sandboxes, || ()).await });
        // The timer has looked once, and sleeps.
        sleep(Duration::from_millis(10)).await;
        Self { store, sandbox, wall }
    }

    fn schedule_in(&self, minutes: i64, number: usize) {
        let due = self.sandbox.clock.now() + SignedDuration::from_mins(minutes);
        self.sandbox.schedule(due, task(number));
    }

    fn left(&self) -> usize {
        self.sandbox.agenda.list(0).1
    }
}

#[tokio::test(start_paused = true)]
async fn a_laptop_that_slept_catches_up_within_a_second() {
    let stage = Stage::new().await;
    stage.schedule_in(10, 1);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(stage.left(), 1);
    stage.wall.set(noon() + SignedDuration::from_hours(8));
    sleep(LONGEST_SLEEP + Duration::from_millis(100)).await;
    assert_eq!(stage.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_delays_no_task() {
    let stage = Stage::new().await;
    stage.schedule_in(10, 1);
    sleep(Duration::from_secs(2)).await;
    stage.wall.set(noon() - SignedDuration::from_hours(1));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.left(), 1, "nor does it hasten any");
    stage.wall.set(noon() - SignedDuration::from_mins(49));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.left(), 0, "ten minutes passed by the clock that was set back");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_is_tried_again_once_a_second() {
    let stage = Stage::new().await;
    stage.store.fails.store(5, Ordering::SeqCst);
    stage.schedule_in(0, 1);
    sleep(Duration::from_millis(4_500)).await;
    assert_eq!((stage.left(), stage.store.calls.load(Ordering::SeqCst)), (1, 5), "it is neither lost nor hurried");
    sleep(LONGEST_SLEEP).await;
    assert_eq!((stage.left(), stage.store.calls.load(Ordering::SeqCst)), (0, 6));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_costs_itself_alone() {
    let stage = Stage::new().await;
    stage.store.panics.store(1, Ordering::SeqCst);
    for number in 0..3 {
        stage.schedule_in(0, number);
    }
    sleep(LONGEST_SLEEP * 2).await;
    assert_eq!((stage.left(), stage.store.calls.load(Ordering::SeqCst)), (0, 3));
    stage.schedule_in(0, 4);
    sleep(LONGEST_SLEEP).await;
    assert_eq!(stage.left(), 0, "the timer is alive");
}

#[tokio::test(start_paused = true)]
async fn moving_a_clock_loses_no_task_that_fails() {
    let stage = Stage::new().await;
    stage.sandbox.clock.freeze();
    stage.schedule_in(1, 1);
    stage.sandbox.clock.advance(SignedDuration::from_mins(1)).unwrap();
    stage.store.fails.store(1, Ordering::SeqCst);
    assert!(stage.sandbox.settle().await.is_err());
    assert_eq!(stage.sandbox.settle().await.unwrap().len(), 1);
}
