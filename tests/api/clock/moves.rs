//! Time that a test moves, and time that passes.

use crate::harness::{Answer, Api, body_of};
use axum::{body::Body, http::Request};
use docendorse_mock::{
    Settings,
    base::clock::{ClockChange, WallClock},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

async fn post(api: &Api, path: &str, body: Value) -> Answer {
    api.send(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
}

async fn advance(api: &Api, by: &str) -> Answer {
    post(api, "/__admin/clock/advance", json!({ "by": by })).await
}

/// Stops the default sandbox's clock at a time long after the system's.
async fn frozen() -> Api {
    let api = Api::with(Settings { session_ttl: SignedDuration::from_mins(10), ..Settings::default() });
    assert_eq!(api.call("POST", "/__admin/clock/freeze").await.json()["frozen"], true);
    post(&api, "/__admin/clock/set", json!({ "to": "2100-01-01T00:00:00Z" })).await;
    api
}

async fn open(api: &Api, handoff_id: &str) -> Value {
    api.hand_off(body_of(handoff_id, "sam@example.com")).await.json()["agent_session_id"].clone()
}

async fn status_of(api: &Api, session: &Value) -> Value {
    api.get(&format!("/__admin/sessions/{}", session.as_str().unwrap())).await.json()["status"].clone()
}

#[tokio::test]
async fn a_clock_is_frozen_set_advanced_and_resumed() {
    let api = Api::new();
    let running = api.get("/__admin/clock").await.json();
    assert_eq!((&running["frozen"], &running["next_due"]), (&json!(false), &json!(null)));
    let stopped = api.call("POST", "/__admin/clock/freeze").await.json();
    assert_eq!(api.get("/__admin/clock").await.json()["now"], stopped["now"]);
    let at = |now: &str, frozen: bool| json!({ "now": now, "frozen": frozen, "ran": [] });
    let set = post(&api, "/__admin/clock/set", json!({ "to": "2100-01-01T01:00:00+01:00" })).await;
    assert_eq!(set.json(), at("2100-01-01T00:00:00Z", true));
    for (by, now) in [
        ("10m", "2100-01-01T00:10:00Z"),
        ("PT10M", "2100-01-01T00:20:00Z"),
        ("1h 30m", "2100-01-01T01:50:00Z"),
        ("PT1H9M59.5S", "2100-01-01T02:59:59.5Z"),
        ("500ms", "2100-01-01T03:00:00Z"),
        ("0s", "2100-01-01T03:00:00Z"),
        ("1d", "2100-01-02T03:00:00Z"),
        ("P1W1DT1H", "2100-01-10T04:00:00Z"),
    ] {
        assert_eq!(advance(&api, by).await.json(), at(now, true), "{by}");
    }
    let handed_off = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(api.exchange(&handed_off).await["at"], "2100-01-10T04:00:00Z", "exchanges have the sandbox's time");
    let resumed = api.call("POST", "/__admin/clock/resume").await.json();
    assert_eq!(resumed["frozen"], false);
    let now = api.get("/__admin/clock").await.json()["now"].as_str().unwrap().to_owned();
    assert!(now.starts_with("2100-01-10T04:0"), "it continues from the frozen time: {now}");
    assert_eq!(advance(&api, "24h").await.json()["frozen"], false, "a moved clock runs on");
}

#[tokio::test]
async fn a_clock_does_not_go_back() {
    let api = frozen().await;
    let session = open(&api, "h-1").await;
    let before = api.get("/__admin/clock").await.json();
    let set = post(&api, "/__admin/clock/set", json!({ "to": "2099-12-31T23:59:59Z" })).await;
    let refusals = [(409, set), (400, advance(&api, "-1s").await), (400, advance(&api, "-PT10M").await)];
    for (status, refused) in refusals {
        assert_eq!(refused.status, status, "{}", refused.text);
        assert!(refused.json()["detail"].as_str().unwrap().contains("a clock only moves forward"), "{}", refused.text);
    }
    let beyond = advance(&api, "90000000h").await;
    assert_eq!(beyond.status, 409, "{}", beyond.text);
    assert_eq!(api.get("/__admin/clock").await.json(), before, "nothing moved");
    assert_eq!(status_of(&api, &session).await, "open", "and nothing ran");
}

#[tokio::test]
async fn an_invalid_time_is_refused() {
    let api = frozen().await;
    let before = api.get("/__admin/clock").await.json();
    for (path, body) in [
        ("set", json!({ "to": "tomorrow" })),
        ("set", json!({})),
        ("set", json!({ "to": "2100-01-02T00:00:00Z", "at": 1 })),
        ("advance", json!({ "by": "soon" })),
        ("advance", json!({ "by": "" })),
        ("advance", json!({ "by": "1 month" })),
        ("advance", json!({ "by": "P1Y" })),
        ("advance", json!({ "by": 10 })),
        ("advance", json!({})),
    ] {
        let refused = post(&api, &format!("/__admin/clock/{path}"), body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
    }
    for (by, problem) in [
        (json!(10), "/by: 10 has no unit; write 10ms, 10s or 10m"),
        (json!("10"), "by: 10 has no unit; write 10ms, 10s or 10m"),
        (json!(-10), "/by: -10 is negative"),
    ] {
        let refused = post(&api, "/__admin/clock/advance", json!({ "by": by })).await;
        assert!(refused.status == 400 && refused.text.contains(problem), "{by}: {}", refused.text);
    }
    let issued = post(&api, "/__admin/tokens", json!({ "expires_in": 60 })).await;
    assert!(issued.text.contains("/expires_in: 60 has no unit; write 60ms, 60s or 60m"), "{}", issued.text);
    assert_eq!(api.get("/__admin/clock").await.json(), before);
}

#[tokio::test]
async fn due_tasks_run_in_order_of_time_then_of_arrival() {
    let api = frozen().await;
    let mut opened = Vec::new();
    for (handoff_id, wait) in [("h-1", "0s"), ("h-2", "0s"), ("h-3", "5m"), ("h-4", "0s"), ("h-5", "1s")] {
        advance(&api, wait).await;
        opened.push(open(&api, handoff_id).await);
    }
    let item =
        |index: usize, due: &str| json!({ "due": due, "task": "expire_session", "agent_session_id": opened[index] });
    let (first, second, third) = ("2100-01-01T00:10:00Z", "2100-01-01T00:15:00Z", "2100-01-01T00:15:01Z");
    let items = [item(0, first), item(1, first), item(2, second), item(3, second), item(4, third)];
    let agenda = api.get("/__admin/agenda").await.json();
    assert_eq!(agenda, json!({ "agenda": items, "total": 5 }));
    assert_eq!(api.get("/__admin/agenda?limit=2").await.json(), json!({ "agenda": items[..2], "total": 5 }));
    assert_eq!(api.get("/__admin/clock").await.json()["next_due"], first);
    api.call("DELETE", &format!("/__admin/sessions/{}", opened[1].as_str().unwrap())).await;

    assert_eq!(advance(&api, "4m 58s").await.json()["ran"], json!([]), "one second too early");
    let moved = post(&api, "/__admin/clock/set", json!({ "to": second })).await.json();
    let ran: Vec<(&Value, &Value)> =
        moved["ran"].as_array().unwrap().iter().map(|ran| (&ran["agent_session_id"], &ran["done"])).collect();
    let done = json!(true);
    let wanted = [(&opened[0], &done), (&opened[2], &done), (&opened[3], &done)];
    assert_eq!(ran, wanted, "the task of the deleted session was removed");
    assert_eq!(moved["ran"][0]["due"], first);
    assert_eq!(api.get("/__admin/agenda").await.json(), json!({ "agenda": [items[4]], "total": 1 }));
    assert_eq!(advance(&api, "0s").await.json()["ran"], json!([]), "tasks do not run twice");
}

#[tokio::test]
async fn an_expired_session_says_so_and_frees_its_handoff_id() {
    let api = frozen().await;
    let first = open(&api, "h-1").await;
    advance(&api, "9m 59s").await;
    assert_eq!(open(&api, "h-1").await, first, "known until its last second");
    advance(&api, "1s").await;
    let session = api.get(&format!("/__admin/sessions/{}", first.as_str().unwrap())).await.json();
    assert_eq!(
        [&session["status"], &session["replayable"], &session["created_at"], &session["expires_at"]],
        [&json!("expired"), &json!(false), &json!("2100-01-01T00:00:00Z"), &json!("2100-01-01T00:10:00Z")]
    );
    let again = api.hand_off(body_of("h-1", "kim@example.com")).await;
    assert!(again.headers.get("x-mock-advices").is_none(), "a new handoff, not a replay");
    let second = &again.json()["agent_session_id"];
    assert_ne!(*second, first);
    assert_eq!(status_of(&api, second).await, "open");
    assert_eq!(status_of(&api, &first).await, "expired");
}

#[tokio::test]
async fn a_reset_clears_the_agenda_and_keeps_the_clock() {
    let api = frozen().await;
    open(&api, "h-1").await;
    let before = api.get("/__admin/clock").await.json()["now"].clone();
    api.call("POST", "/__admin/reset").await;
    let after = json!({ "now": before, "frozen": true, "next_due": null });
    assert_eq!(api.get("/__admin/clock").await.json(), after);
    assert_eq!(advance(&api, "1h").await.json()["ran"], json!([]));
}

/// A server with its timer. Real time passes only when a test advances it.
struct Timed {
    api: Api,
    wall: WallClock,
    now: Timestamp,
    timer: JoinHandle<()>,
}

impl Timed {
    fn new(session_ttl: SignedDuration) -> Self {
        let api = Api::with(Settings { session_ttl, ..Settings::default() });
        let clock = &api.app.sandboxes.default_sandbox().clock;
        let now = clock.change(ClockChange::Freeze).unwrap().now;
        let wall = WallClock::by_hand(now);
        clock.follow(wall.clone());
        clock.change(ClockChange::Resume).unwrap();
        let app = Arc::clone(&api.app);
        let timer = tokio::spawn(async move { app.keep_time().await });
        Self { api, wall, now, timer }
    }

    /// Lets real time pass, also for the timer.
    async fn pass(&mut self, time: Duration) {
        self.now += SignedDuration::try_from(time).unwrap();
        self.wall.set(self.now);
        tokio::time::sleep(time).await;
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_clock_runs_due_tasks_by_itself() {
    let mut timed = Timed::new(SignedDuration::from_secs(1));
    // After this, the timer sleeps: every agenda is empty.
    timed.pass(Duration::from_millis(20)).await;
    let session = open(&timed.api, "h-1").await;
    timed.pass(Duration::from_millis(990)).await;
    assert_eq!(status_of(&timed.api, &session).await, "open");
    timed.pass(Duration::from_millis(20)).await;
    assert_eq!(status_of(&timed.api, &session).await, "expired");
    assert_eq!(timed.api.get("/__admin/agenda").await.json()["total"], 0);
}

#[tokio::test(start_paused = true)]
async fn the_timer_notices_a_moved_or_resumed_clock() {
    let mut timed = Timed::new(SignedDuration::from_hours(24));
    let session = open(&timed.api, "h-1").await;
    timed.pass(Duration::from_millis(20)).await;
    let ran = advance(&timed.api, "23h 59m 59s").await.json()["ran"].clone();
    assert_eq!(ran, json!([]));
    timed.pass(Duration::from_millis(990)).await;
    assert_eq!(status_of(&timed.api, &session).await, "expired");

    timed.api.call("POST", "/__admin/clock/freeze").await;
    let session = open(&timed.api, "h-2").await;
    advance(&timed.api, "23h 59m 59s").await;
    timed.pass(Duration::from_secs(60)).await;
    assert_eq!(status_of(&timed.api, &session).await, "open", "nothing runs while the clock is frozen");
    timed.api.call("POST", "/__admin/clock/resume").await;
    timed.pass(Duration::from_millis(1_010)).await;
    assert_eq!(status_of(&timed.api, &session).await, "expired");
}

/// The runtime's time is paused, so a year passes instantly. This is exact, because with a frozen clock the timer has
/// nothing to wait for.
#[tokio::test(start_paused = true)]
async fn a_frozen_clock_runs_no_task_by_itself() {
    let api = frozen().await;
    let app = Arc::clone(&api.app);
    let timer = tokio::spawn(async move { app.keep_time().await });
    let session = open(&api, "h-1").await;
    tokio::time::sleep(Duration::from_secs(365 * 24 * 3600)).await;
    assert_eq!(status_of(&api, &session).await, "open");
    let ran = advance(&api, "10m").await.json()["ran"].clone();
    assert_eq!(ran.as_array().unwrap().len(), 1, "it runs when the clock is moved");
    assert!(!timer.is_finished());
    timer.abort();
}

#[tokio::test(start_paused = true)]
async fn due_tasks_on_a_frozen_clock_do_not_wake_the_timer() {
    let api = Api::with(Settings { session_ttl: SignedDuration::ZERO, ..Settings::default() });
    api.call("POST", "/__admin/clock/freeze").await;
    let session = open(&api, "h-1").await;
    let app = Arc::clone(&api.app);
    let timer = app.keep_time();
    // With the timer asleep, the paused clock jumps straight to the end of this minute.
    let polls = std::sync::atomic::AtomicUsize::new(0);
    let mut timer = std::pin::pin!(timer);
    let counted = std::future::poll_fn(|context| {
        polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        timer.as_mut().poll(context)
    });
    assert!(tokio::time::timeout(Duration::from_secs(60), counted).await.is_err());
    assert!(polls.into_inner() < 10, "the timer spins");
    assert_eq!(status_of(&api, &session).await, "open");
    assert_eq!(advance(&api, "0s").await.json()["ran"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_deleted_session_leaves_other_tasks_on_the_agenda() {
    let ttl = SignedDuration::from_mins(10);
    let api = Api::with(Settings { session_ttl: ttl, max_sessions: 5, ..Settings::default() });
    api.call("POST", "/__admin/clock/freeze").await;
    let kept = open(&api, "kept").await;
    for number in 0..6 {
        let short = open(&api, &format!("h-{number}")).await;
        let path = format!("/__admin/sessions/{}", short.as_str().unwrap());
        assert_eq!(api.call("DELETE", &path).await.status, 204);
    }
    assert_eq!(api.get("/__admin/agenda").await.json()["total"], 1);
    advance(&api, "1h").await;
    assert_eq!(status_of(&api, &kept).await, "expired");
}
