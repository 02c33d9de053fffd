//! Events: in one order, each once, in pages and as a stream, over sockets and in process.

use crate::{
    harness::{Api, BASE_URL, body_of, documents},
    signing::play::{Draft, act, person, post, race, signer},
};
use axum::{
    body::Body,
    http::{Request, Response},
};
use docendorse_mock::{
    App, Mock, Settings,
    app::MOST_STREAMS,
    domain::{event::EventKind, signing::Act},
    http,
};
use futures_util::future::join_all;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tower::ServiceExt;

async fn events(api: &Api, query: &str) -> Value {
    let answer = api.get(&format!("/__admin/events{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn words(events: &Value) -> Vec<String> {
    events["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

fn ids(events: &Value) -> Vec<String> {
    events["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(docendorse_mock::domain::event::event_id).collect()
}

#[tokio::test]
async fn events_are_listed_once_and_in_order() {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    api.call("POST", "/__admin/clock/freeze").await;
    post(&api, "/__admin/clock/set", json!({ "to": "2100-01-01T00:00:00Z" })).await;
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice", "bob", "carol"]).await;
    act(&api, &agents[2], "decline").await;
    for what in ["open", "open", "accept", "accept", "sign", "sign"] {
        act(&api, &agents[1], what).await;
    }
    act(&api, &agents[0], "accept").await;
    let all = events(&api, "").await;
    assert_eq!(
        words(&all),
        [
            "envelope.created",
            "envelope.sent",
            "recipient.activated",
            "agent.invited",
            "agent.invited",
            "agent.invited",
            "agent.declined",
            "agent.opened",
            "agent.accepted",
            "agent.released",
            "document.signed",
            "recipient.completed",
            "envelope.finalized",
        ]
    );
    assert_eq!(ids(&all), numbered(1..=13));
    assert_eq!((&all["next"], &all["dropped"]), (&json!(null), &json!(0)));
    insta::assert_json_snapshot!(all["events"][9]);
}

#[tokio::test]
async fn events_are_paged_and_filtered() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let (one, _) = race(&sandbox, &["alice"]).await;
    let (_, agents) = race(&sandbox, &["alice", "bob"]).await;
    act(&api, &agents[0], "open").await;
    act(&api, &agents[0], "accept").await;
    let mut paged = Vec::new();
    let mut query = "?limit=4".to_owned();
    loop {
        let page = events(&api, &query).await;
        paged.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=4&after={next}");
    }
    assert_eq!(paged, numbered(1..=12));
    assert_eq!(ids(&events(&api, &format!("?envelope_id={one}")).await), numbered(1..=4));
    let released = events(&api, &format!("?agent_id={}", agents[1])).await;
    assert_eq!(words(&released), ["agent.invited", "agent.released"]);
    let chosen = events(&api, "?event=agent.released,agent.accepted&limit=1").await;
    assert_eq!((words(&chosen), chosen["next"].clone()), (vec!["agent.accepted".to_owned()], json!("evt_00000011")));
    let rest = events(&api, "?event=agent.released,agent.accepted&limit=1&after=evt_00000011").await;
    assert_eq!((words(&rest), rest["next"].clone()), (vec!["agent.released".to_owned()], json!(null)));
    let both = events(&api, &format!("?event=agent.released&envelope_id={one}")).await;
    assert_eq!(words(&both), [""; 0]);

    let session = api.hand_off(body_of("h-1", "sam@example.com")).await.json()["agent_session_id"].clone();
    let of_session = events(&api, &format!("?agent_session_id={}", session.as_str().unwrap())).await;
    assert_eq!(words(&of_session), ["envelope.created"]);
    let event = &of_session["events"][0];
    assert_eq!((&event["agent_session_id"], &event["handoff_id"]), (&session, &json!("h-1")));
}

#[tokio::test]
async fn the_oldest_events_are_dropped_and_counted() {
    let api = Api::with(Settings { max_events: 3, ..Settings::default() });
    race(&api.app.sandboxes.default_sandbox(), &["alice", "bob"]).await;
    let kept = events(&api, "").await;
    assert_eq!((ids(&kept), &kept["dropped"]), (numbered(3..=5), &json!(2)));
    assert_eq!(api.get("/__admin/health").await.json()["events"], json!({ "kept": 3, "dropped": 2 }));
    assert_eq!(ids(&events(&api, "?after=evt_00000001").await), numbered(3..=5));
}

#[tokio::test]
async fn a_wrong_query_is_refused_with_the_reason() {
    let api = Api::new();
    race(&api.app.sandboxes.default_sandbox(), &["alice"]).await;
    let mut problems = String::new();
    for (query, accept, last) in [
        ("?after=evt_", "*/*", ""),
        ("?after=evt_x", "*/*", ""),
        ("?after=7", "*/*", ""),
        ("?after=evt_00000005", "*/*", ""),
        ("?event=agent.opened,agent.closed", "*/*", ""),
        ("?event=", "*/*", ""),
        ("?envelope_id=env_1", "*/*", ""),
        ("?agent_id=agt_1", "*/*", ""),
        ("?limit=0", "*/*", ""),
        ("?since=evt_00000001", "*/*", ""),
        ("?sandbox=nobody", "text/event-stream", ""),
        ("?limit=5", "text/event-stream", ""),
        ("?event=agent.closed", "text/event-stream", ""),
        ("", "text/event-stream", "seven"),
    ] {
        let request = Request::get(format!("/__admin/events{query}")).header("accept", accept);
        let refused = api.send(request.header("last-event-id", last).body(Body::empty()).unwrap()).await;
        problems += &format!("{query} {last}\n  {} {}\n", refused.status.as_u16(), refused.json()["detail"]);
    }
    insta::assert_snapshot!(problems);
}

#[test]
fn the_document_lists_every_kind_of_event() {
    let kinds = &documents().control()["components"]["schemas"]["EventKind"]["enum"];
    assert_eq!(*kinds, json!(EventKind::all().map(EventKind::as_str).collect::<Vec<_>>()));
}

/// The answer to a request for a stream, in process.
async fn answer(app: &Arc<App>, query: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(format!("/__admin/events{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    http::router(app).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

/// A stream, in process, after its opening line.
pub async fn stream(app: &Arc<App>, query: &str) -> Body {
    let mut body = answer(app, query, &[("accept", "text/event-stream")]).await.into_body();
    assert_eq!(piece(&mut body).await.unwrap(), "retry: 1000\n\n");
    body
}

pub async fn piece(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn an_accept_header_selects_the_stream() {
    let app = App::new(Settings::default(), BASE_URL).unwrap();
    for (accept, wanted) in [
        (None, "application/json"),
        (Some("*/*"), "application/json"),
        (Some("text/*"), "application/json"),
        (Some("application/json, text/event-stream"), "application/json"),
        (Some("text/event-stream"), "text/event-stream"),
        (Some("Text/Event-Stream; charset=utf-8, */*;q=0.1"), "text/event-stream"),
    ] {
        let headers: Vec<_> = accept.into_iter().map(|accept| ("accept", accept)).collect();
        let answer = answer(&app, "", &headers).await;
        assert_eq!(answer.headers()["content-type"], wanted, "{accept:?}");
        let caching = answer.headers().get("cache-control").map(|value| value.to_str().unwrap());
        assert_eq!(caching, (wanted == "text/event-stream").then_some("no-store"));
        assert!(answer.headers().contains_key("x-request-id"));
    }
}

#[tokio::test]
async fn streams_are_bounded_and_a_closed_one_makes_room() {
    let app = App::new(Settings::default(), BASE_URL).unwrap();
    let accept = [("accept", "text/event-stream")];
    let mut open = join_all((0..MOST_STREAMS).map(|_| answer(&app, "", &accept))).await;
    assert!(open.iter().all(|answer| answer.status() == 200));
    let refused = answer(&app, "", &accept).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(answer(&app, "", &[]).await.status(), 200, "the limit does not apply to pages");
    open.pop();
    assert_eq!(answer(&app, "", &accept).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_never_silent_for_long() {
    let app = App::new(Settings::default(), BASE_URL).unwrap();
    let mut quiet = stream(&app, "?event=document.signed").await;
    let start = tokio::time::Instant::now();
    assert_eq!(piece(&mut quiet).await.unwrap(), ": heartbeat\n\n");
    assert_eq!(start.elapsed(), Duration::from_secs(15));
    let waiting = tokio::spawn(async move { (piece(&mut quiet).await, tokio::time::Instant::now()) });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(6)).await;
        race(&app.sandboxes.default_sandbox(), &["alice"]).await;
    }
    let (heard, at) = waiting.await.unwrap();
    assert_eq!((heard.unwrap(), at - start), (": heartbeat\n\n".to_owned(), Duration::from_secs(30)));
}

#[tokio::test]
async fn a_stream_counts_as_use_of_its_sandbox() {
    let app = App::new(Settings::default(), BASE_URL).unwrap();
    let sandbox = app.sandboxes.default_sandbox();
    let mut stream = stream(&app, "").await;
    race(&sandbox, &["alice"]).await;
    let before = std::time::Instant::now();
    piece(&mut stream).await.unwrap();
    assert!(sandbox.idle() <= before.elapsed());
}

#[tokio::test]
async fn a_slow_reader_learns_how_much_it_missed() {
    let app = App::new(Settings { max_events: 3, ..Settings::default() }, BASE_URL).unwrap();
    let sandbox = app.sandboxes.default_sandbox();
    let mut stream = stream(&app, "").await;
    let (_, agents) = race(&sandbox, &["alice", "bob"]).await;
    let parts = |text: &str| blocks(text).into_iter().map(|block| (block.id, block.event)).collect::<Vec<_>>();
    let text = piece(&mut stream).await.unwrap();
    assert!(text.starts_with("id: evt_00000002\nevent: gap\ndata: {\"lost\":2}\n\nid: evt_00000003\n"), "{text}");
    assert_eq!(parts(&text).len(), 4);
    sandbox.act(&agents[0], Act::Open).await.unwrap();
    let text = piece(&mut stream).await.unwrap();
    assert_eq!(parts(&text), [("evt_00000006".to_owned(), "agent.opened".to_owned())]);
    sandbox.act(&agents[0], Act::Accept).await.unwrap();
    sandbox.act(&agents[0], Act::Sign { code: None }).await.unwrap();
    let text = piece(&mut stream).await.unwrap();
    let event = |number: u64, word: &str| (docendorse_mock::domain::event::event_id(number), word.to_owned());
    assert_eq!(
        parts(&text),
        [
            event(8, "gap"),
            event(9, "document.signed"),
            event(10, "recipient.completed"),
            event(11, "envelope.finalized")
        ]
    );
}

#[tokio::test]
async fn a_stream_continues_when_the_log_restarts() {
    let app = App::new(Settings::default(), BASE_URL).unwrap();
    let sandbox = app.sandboxes.default_sandbox();
    let mut stream = stream(&app, "").await;
    race(&sandbox, &["alice"]).await;
    assert_eq!(blocks(&piece(&mut stream).await.unwrap()).len(), 4);
    let sandbox = app.sandboxes.reset("default").await.unwrap().unwrap();
    assert_eq!(piece(&mut stream).await.unwrap(), "id:\nevent: reset\ndata: {}\n\n");
    race(&sandbox, &["alice"]).await;
    let after_reset = blocks(&piece(&mut stream).await.unwrap());
    assert_eq!(after_reset[0].id, "evt_00000001");
    // A client that reconnects with an id from before the restart.
    let headers = [("accept", "text/event-stream"), ("last-event-id", "evt_00000900")];
    let mut body = answer(&app, "", &headers).await.into_body();
    piece(&mut body).await.unwrap();
    let text = piece(&mut body).await.unwrap();
    assert!(text.starts_with("id:\nevent: reset\ndata: {}\n\nid: evt_00000001\n"), "{text}");
}

#[tokio::test]
async fn a_stream_ends_with_its_sandbox() {
    let api = Api::new();
    post(&api, "/__admin/sandboxes", json!({ "name": "suite-a" })).await;
    let sandbox = api.app.sandboxes.get("suite-a").unwrap();
    let mut listening = stream(&api.app, "?sandbox=suite-a").await;
    let waiting = tokio::spawn(async move {
        let mut heard = String::new();
        while let Some(text) = piece(&mut listening).await {
            heard += &text;
        }
        heard
    });
    let draft = Draft::new(&sandbox).await;
    draft.add(signer("buyer"), vec![person("alice")]).await;
    assert_eq!(api.call("DELETE", "/__admin/sandboxes/suite-a").await.status, 204);
    let heard = waiting.await.unwrap();
    assert_eq!(blocks(&heard).iter().map(|block| &*block.event).collect::<Vec<_>>(), ["envelope.created"]);
}

/// A server-sent event.
#[derive(Debug, PartialEq)]
struct Block {
    id: String,
    event: String,
    data: Value,
}

/// The events in a stream, without comments and `retry`. Checks each against the published document.
fn blocks(text: &str) -> Vec<Block> {
    assert!(text.is_empty() || text.ends_with("\n\n"), "cut short: {text:?}");
    let mut blocks = Vec::new();
    for block in text.split_terminator("\n\n").filter(|block| !block.starts_with(':') && !block.starts_with("retry")) {
        let field = |name: &str| {
            let mut lines = block.lines().filter_map(|line| line.strip_prefix(name));
            let value = lines.next().unwrap_or_else(|| panic!("no {name} in {block:?}")).trim().to_owned();
            assert!(lines.next().is_none(), "{name} twice in {block:?}");
            value
        };
        let (id, event) = (field("id:"), field("event:"));
        let data: Value = serde_json::from_str(&field("data:")).unwrap();
        if !["gap", "reset"].contains(&event.as_str()) {
            assert_eq!(documents().control_objections("Event", &data), [""; 0]);
            assert_eq!((&data["id"], &data["event"]), (&json!(id), &json!(event)));
        }
        blocks.push(Block { id, event, data });
    }
    blocks
}

/// A client that reads the stream over its own socket.
struct Listener {
    answer: reqwest::Response,
    text: String,
}

impl Listener {
    async fn open(mock: &Mock, query: &str, last: Option<&str>) -> Self {
        let client = reqwest::Client::new();
        let mut request =
            client.get(format!("{}/__admin/events{query}", mock.url())).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { answer, text: String::new() }
    }

    /// Reads the next `count` events.
    async fn next(&mut self, count: usize) -> Vec<Block> {
        loop {
            let mut ends = self.text.match_indices("\n\n").map(|(at, _)| at + 2);
            let whole = ends.find(|end| blocks(&self.text[..*end]).len() == count);
            if let Some(end) = whole {
                let rest = self.text.split_off(end);
                return blocks(&std::mem::replace(&mut self.text, rest));
            }
            let chunk = self.answer.chunk().await.unwrap().expect("the stream ended");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads all events until the stream ends cleanly.
    async fn rest(mut self) -> Vec<Block> {
        while let Some(chunk) = self.answer.chunk().await.unwrap() {
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        blocks(&self.text)
    }
}

fn shown(blocks: &[Block]) -> Vec<(&str, &str)> {
    blocks.iter().map(|block| (&*block.id, &*block.event)).collect()
}

#[tokio::test]
async fn all_listeners_hear_the_same_until_the_server_ends() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let app = Arc::clone(mock.app());
    let sandbox = app.sandboxes.default_sandbox();
    let (_, agents) = race(&sandbox, &["alice", "bob"]).await;
    let mut listeners = join_all((0..5).map(|_| Listener::open(&mock, "", None))).await;
    for listener in &mut listeners {
        let before = listener.next(5).await;
        assert_eq!(shown(&before)[4], ("evt_00000005", "agent.invited"));
    }
    for (number, agent) in [(6, &agents[0]), (7, &agents[1])] {
        sandbox.act(agent, Act::Open).await.unwrap();
        for listener in &mut listeners {
            let id = docendorse_mock::domain::event::event_id(number);
            assert_eq!(shown(&listener.next(1).await), [(id.as_str(), "agent.opened")]);
        }
    }
    // Events right before the stop are still delivered.
    sandbox.act(&agents[0], Act::Accept).await.unwrap();
    mock.stop().await;
    for listener in listeners {
        assert_eq!(
            shown(&listener.rest().await),
            [("evt_00000008", "agent.accepted"), ("evt_00000009", "agent.released")]
        );
    }
}

#[tokio::test]
async fn a_returning_listener_resumes_where_it_left_off() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let app = Arc::clone(mock.app());
    let sandbox = app.sandboxes.default_sandbox();
    let (_, agents) = race(&sandbox, &["alice", "bob"]).await;
    let mut first = Listener::open(&mock, "?after=evt_00000002", None).await;
    assert_eq!(shown(&first.next(1).await), [("evt_00000003", "recipient.activated")]);
    drop(first);
    for act in [Act::Open, Act::Accept] {
        sandbox.act(&agents[0], act).await.unwrap();
    }
    // The header takes precedence over the query, which a client repeats unchanged.
    let second = Listener::open(&mock, "?after=evt_00000002", Some("evt_00000003")).await;
    let filtered = Listener::open(&mock, &format!("?agent_id={}", agents[1]), Some("evt_00000004")).await;
    mock.stop().await;
    assert_eq!(
        shown(&second.rest().await),
        [
            ("evt_00000004", "agent.invited"),
            ("evt_00000005", "agent.invited"),
            ("evt_00000006", "agent.opened"),
            ("evt_00000007", "agent.accepted"),
            ("evt_00000008", "agent.released"),
        ]
    );
    assert_eq!(shown(&filtered.rest().await), [("evt_00000005", "agent.invited"), ("evt_00000008", "agent.released")]);
}

#[tokio::test]
async fn a_listener_who_returns_too_late_gets_a_gap() {
    let mock = Mock::start(Settings { max_events: 4, ..Settings::default() }).await.unwrap();
    race(&mock.app().sandboxes.default_sandbox(), &["alice", "bob", "carol", "dave"]).await;
    let listener = Listener::open(&mock, "", Some("evt_00000001")).await;
    mock.stop().await;
    let heard = listener.rest().await;
    assert_eq!((shown(&heard)[0], &heard[0].data), (("evt_00000003", "gap"), &json!({ "lost": 2 })));
    assert_eq!(shown(&heard[1..]).iter().map(|(id, _)| *id).collect::<Vec<_>>(), numbered(4..=7));
}

#[tokio::test]
async fn no_event_is_missed_or_repeated_under_load() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let app = Arc::clone(mock.app());
    let listeners = join_all((0..3).map(|_| Listener::open(&mock, "", None))).await;
    let plays = (0..20).map(|_| {
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let sandbox = app.sandboxes.default_sandbox();
            let (_, agents) = race(&sandbox, &["alice", "bob"]).await;
            for act in [Act::Open, Act::Accept, Act::Sign { code: None }] {
                sandbox.act(&agents[0], act).await.unwrap();
            }
        })
    });
    for played in join_all(plays).await {
        played.unwrap();
    }
    mock.stop().await;
    for listener in listeners {
        let heard = listener.rest().await;
        let ids: Vec<&str> = shown(&heard).iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, numbered(1..=220));
    }
}
