//! Limits in bytes: request bodies in progress, the content of a body, the data of sandboxes, and the size of a list.

use crate::{
    control_plane::events::{piece, stream as stream_of},
    harness::{Answer, Api, CREATE, body_of, handoff_request},
};
use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode},
};
use docendorse_mock::{Settings, config::InspaktHttpStatus};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header("x-inspakt-api-key", "any")
        .header("authorization", "Bearer any")
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

/// A body that sends some bytes and then stays silent.
fn unfinished(size: usize) -> Body {
    let piece = Bytes::from(vec![b' '; 65_536]);
    let pieces = stream::repeat(piece).take(size / 65_536).map(Ok::<_, std::io::Error>);
    Body::from_stream(pieces.chain(stream::pending()))
}

/// A handoff with a body of about `size` bytes.
fn large(handoff_id: &str, size: usize) -> String {
    let mut body: Value = serde_json::from_str(&body_of(handoff_id, "sam@example.com")).unwrap();
    body["context"]["transcript"] = "x".repeat(size).into();
    body.to_string()
}

/// Creates a sandbox and returns its bearer token.
async fn sandbox(api: &Api, name: &str) -> String {
    let answer = api.send(post("/__admin/sandboxes", json!({ "name": name }).to_string())).await;
    answer.json()["credentials"]["bearer_token"].as_str().unwrap().to_owned()
}

async fn hand_off_to(api: &Api, token: &str, body: String) -> Answer {
    let mut request = handoff_request(body);
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    api.send(request).await
}

/// A server whose errors all have their own HTTP status, including those of the signing service.
fn with_statuses() -> Api {
    Api::with(Settings { inspakt_http_status: InspaktHttpStatus::Semantic, ..Settings::default() })
}

#[tokio::test]
async fn control_plane_bodies_have_a_limit_of_their_own() {
    let api = Api::with(Settings { max_admin_body: 1000, max_body: 10, ..Settings::default() });
    for (method, path) in [
        ("POST", "/__admin/clients"),
        ("POST", "/__admin/tokens"),
        ("POST", "/__admin/sandboxes"),
        ("PATCH", "/__admin/actors/sam@example.com"),
        ("POST", "/__admin/clock/advance"),
        ("PUT", "/__admin/scenarios/mine"),
        ("POST", "/__admin/signing/users"),
    ] {
        let mut request = post(path, vec![b' '; 1001]);
        *request.method_mut() = method.parse().unwrap();
        let answer = api.send(request).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{method} {path}");
        assert_eq!(detail(&answer), "The body is larger than 1000 bytes, the limit that --max-admin-body sets.");
    }
    let snapshot = api.get("/__admin/sandboxes/default/snapshot").await.text;
    let answer =
        api.send(post("/__admin/sandboxes/restore?name=copy", format!("{snapshot}{}", " ".repeat(2000)))).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
}

#[tokio::test]
async fn a_body_with_too_many_values_is_refused_unparsed() {
    let api = with_statuses();
    let (zeros, lists, objects) = ("0,".repeat(300_000), "[],".repeat(200_000), "{\"a\":{}},".repeat(100_000));
    for values in [zeros, lists, objects] {
        let list = format!("[{}0]", values);
        for path in ["/__admin/clients", "/__admin/clients/client_0/keys", "/__admin/sandboxes"] {
            let answer = api.send(post(path, format!("{{\"jwks\":{{\"keys\":{list}}}}}"))).await;
            assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
            assert_eq!(
                detail(&answer),
                "The body holds more than 100000 JSON values, the limit of this endpoint; send fewer."
            );
        }
        for path in [CREATE, "/api/v1/key/envelopes", "/api/v1/key/contacts", "/api/v1/key/contact-groups"] {
            let answer = api.send(post(path, format!("{{\"name\":\"NDA\",\"context\":{{\"a\":{list}}}}}"))).await;
            assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
            assert!(answer.text.contains("holds more than 104857 JSON values"), "{}", answer.text);
        }
    }
    let text = format!("{{\"jwks\":{{\"keys\":[\"{}\"]}}}}", "[,{".repeat(200_000));
    assert_eq!(api.send(post("/__admin/clients", text)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn unfinished_bodies_stay_within_the_memory_budget() {
    let api = std::sync::Arc::new(with_statuses());
    for (path, size, count) in [
        (CREATE, (1 << 20) - 65_536, 100),
        ("/api/v1/key/envelopes", (1 << 20) - 65_536, 100),
        ("/__admin/sandboxes/restore", 60 << 20, 4),
        ("/__admin/clients", 4 << 20, 50),
    ] {
        let budget = match path.starts_with("/__admin") {
            true => &api.app.bodies.control,
            false => &api.app.bodies.contract,
        };
        let mut under_way = tokio::task::JoinSet::new();
        for _ in 0..count {
            let api = std::sync::Arc::clone(&api);
            under_way.spawn(async move { api.send(post(path, unfinished(size))).await });
        }
        // Requests without room are answered; the others wait for the rest of their bodies.
        let refused = under_way.join_next().await.unwrap().unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(refused.header("retry-after"), "1");
        assert!(refused.text.contains("Too many large request bodies are being received"), "{}", refused.text);
        assert!(budget.used() <= budget.limit() && budget.used() > budget.limit() / 2, "{path}: {}", budget.used());
        let usual = api.hand_off(body_of(path, "sam@example.com")).await;
        assert_eq!(usual.status, StatusCode::OK, "there is always room for small bodies");
        assert_eq!(api.get("/__admin/health").await.status, StatusCode::OK);
        under_way.shutdown().await;
        assert_eq!(budget.used(), 0, "{path}");
    }
}

#[tokio::test]
async fn all_sandboxes_together_stay_within_the_budget() {
    let limit = 4 << 20;
    let api = Api::with(Settings { max_memory: limit, ..Settings::default() });
    let small = sandbox(&api, "small").await;
    assert_eq!(hand_off_to(&api, &small, body_of("small", "sam@example.com")).await.status, StatusCode::OK);
    for number in 0..20 {
        let token = sandbox(&api, &format!("suite-{number}")).await;
        for handoff in 0..10 {
            let body = large(&format!("h-{handoff}"), 100_000);
            assert_eq!(hand_off_to(&api, &token, body).await.status, StatusCode::OK);
            let used = api.app.memory().used;
            assert!(used <= limit, "{used} bytes after handoff {handoff} of sandbox {number}");
        }
    }
    let health = async |name: &str| api.get(&format!("/__admin/health?sandbox={name}")).await.json();
    let of_small = health("small").await;
    assert_eq!((&of_small["sessions"]["kept"], &of_small["memory"]["dropped"]), (&json!(1), &json!(0)));
    let of_large = health("suite-0").await;
    assert!(of_large["memory"]["dropped"].as_u64().unwrap() > 0, "{of_large}");
    assert!(of_large["sessions"]["dropped"].as_u64().unwrap() > 0, "{of_large}");
    assert_eq!(of_large["memory"]["limit"], limit);
    for number in 0..20 {
        assert_eq!(api.call("DELETE", &format!("/__admin/sandboxes/suite-{number}")).await.status, 204);
    }
    assert!(api.app.memory().used < 100_000, "{:?} after all large sandboxes went", api.app.memory());
}

#[tokio::test]
async fn scenarios_count_against_the_memory_limit() {
    let limit = 4 << 20;
    let api = Api::with(Settings { max_memory: limit, ..Settings::default() });
    for number in 0..14 {
        let scenario = json!({ "name": format!("s{number}"), "description": "d".repeat(20_000), "answers": [{}] });
        let path = format!("/__admin/scenarios/s{number}");
        let put = Request::put(path).body(Body::from(scenario.to_string())).unwrap();
        assert_eq!(api.send(put).await.status, StatusCode::OK);
    }
    let scenarios = api.app.memory().used;
    assert!(scenarios > 800_000, "{scenarios} bytes of scenarios count");
    for number in 0..30 {
        let token = sandbox(&api, &format!("suite-{number}")).await;
        for handoff in 0..5 {
            let body = large(&format!("h-{handoff}"), 100_000);
            assert_eq!(hand_off_to(&api, &token, body).await.status, StatusCode::OK);
            let used = api.app.memory().used;
            assert!(used <= limit, "{used} bytes after handoff {handoff} of sandbox {number}");
        }
    }
    assert_eq!(api.get("/__admin/scenarios/s0").await.status, StatusCode::OK, "scenarios are not dropped");
}

#[tokio::test]
async fn pages_are_bounded_by_bytes() {
    let api = Api::new();
    for number in 0..10 {
        let id = format!("{number}{}", "h".repeat(900_000));
        assert_eq!(api.hand_off(body_of(&id, "sam@example.com")).await.status, StatusCode::OK);
    }
    for (path, list) in [
        ("/__admin/sessions", "sessions"),
        ("/__admin/signing/envelopes", "envelopes"),
        ("/__admin/requests", "requests"),
        ("/__admin/events", "events"),
    ] {
        let answer = api.get(path).await;
        assert!(answer.text.len() < 8 << 20, "{path}: {} bytes", answer.text.len());
        assert!(answer.json()["next"].is_string(), "{path} names the next page");
        assert!(!answer.json()[list].as_array().unwrap().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn lists_are_read_page_by_page() {
    let api = Api::new();
    let key = std::fs::read_to_string("fixtures/keys/other-client.pub.pem").unwrap();
    for number in 0..3 {
        let id = format!("client_{number:032x}");
        let client = json!({ "client_id": id, "public_key": key });
        assert_eq!(api.send(post("/__admin/clients", client.to_string())).await.status, 201);
        api.send(post("/__admin/tokens", "{}")).await;
        sandbox(&api, &format!("s{number}")).await;
        let user = json!({ "name": "Sam", "email": "sam@example.com" });
        api.send(post("/__admin/signing/users", user.to_string())).await;
        api.hand_off(body_of(&format!("h-{number}"), &format!("sam{number}+register@example.com"))).await;
    }
    for (path, list, id) in [
        ("/__admin/clients", "clients", "client_id"),
        ("/__admin/tokens", "tokens", "id"),
        ("/__admin/sandboxes", "sandboxes", "name"),
        ("/__admin/signing/users", "users", "id"),
        ("/__admin/actors", "actors", "email"),
        ("/__admin/scenarios", "scenarios", "name"),
    ] {
        let whole = api.get(path).await.json();
        let all: Vec<&Value> = whole[list].as_array().unwrap().iter().map(|entry| &entry[id]).collect();
        assert!(all.len() >= 3 && whole["next"].is_null() && whole["matching"] == all.len(), "{path}");
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("{path}?limit=1{next}")).await.json();
            assert_eq!(page["matching"], all.len() - seen.len(), "{path}");
            seen.push(page[list][0][id].clone());
            let Some(after) = page["next"].as_str() else { break };
            next = format!("&after={}", after.replace('+', "%2B"));
        }
        assert_eq!(seen.iter().collect::<Vec<_>>(), all, "{path}");
        assert_eq!(api.get(&format!("{path}?after=nobody")).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_snapshot_too_large_to_restore_is_refused() {
    let settings = Settings { max_session_bytes: 1 << 30, max_memory: 1 << 30, ..Settings::default() };
    let api = Api::with(settings);
    for number in 0..75 {
        api.hand_off(large(&number.to_string(), 950_000)).await;
    }
    let answer = api.get("/__admin/sandboxes/default/snapshot").await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(detail(&answer).starts_with("The snapshot would be larger than 64 MiB"), "{}", answer.text);
}

#[tokio::test]
async fn a_stream_buffers_little_for_its_reader() {
    let api = Api::new();
    for number in 0..5 {
        let id = format!("{number}{}", "h".repeat(500_000));
        api.hand_off(body_of(&id, "sam@example.com")).await;
    }
    let mut events = stream_of(&api.app, "").await;
    let mut seen = 0;
    while seen < 5 {
        let piece = piece(&mut events).await.unwrap();
        assert!(piece.len() < 1 << 20, "{} bytes at once", piece.len());
        seen += piece.matches("\nevent: ").count();
    }
}

/// Long input that an error could repeat: no answer quotes it at length.
#[tokio::test]
async fn errors_quote_little_of_the_request() {
    let api = with_statuses();
    let (long, path) = ("q".repeat(900_000), "p".repeat(50_000));
    let mut answers = Vec::new();
    for target in [
        format!("/{path}"),
        format!("/__admin/{path}"),
        format!("/api/v1/key/{path}"),
        format!("/api/v1/key/envelopes/{path}"),
        format!("/api/v1/key/contacts?after={path}"),
        format!("/api/v1/key/contacts?limit={path}"),
        format!("/api/v1/key/contacts?{path}=1"),
        format!("/__admin/sessions/{path}"),
        format!("/__admin/sessions?after={path}"),
        format!("/__admin/sessions?limit={path}"),
        format!("/__admin/sessions?{path}=1"),
        format!("/__admin/sessions?intent={path}"),
        format!("/__admin/requests?since={path}"),
        format!("/__admin/requests?before={path}"),
        format!("/__admin/requests?status={path}"),
        format!("/__admin/events?after={path}"),
        format!("/__admin/events?event={path}"),
        format!("/__admin/messages?after={path}"),
        format!("/__admin/clients/{path}"),
        format!("/__admin/scenarios/{path}"),
        format!("/__admin/signing/envelopes?status={path}"),
        format!("/__admin/signing/envelopes/{path}"),
        format!("/__admin/health?sandbox={path}"),
        format!("/__admin/sandboxes/{path}"),
    ] {
        let mut request = post(&target, Body::empty());
        *request.method_mut() = axum::http::Method::GET;
        answers.push((target, api.send(request).await));
    }
    let jwk = json!({ "kty": long, "n": long, "e": "AQAB" });
    for (path, body) in [
        ("/__admin/sandboxes", json!({ "name": long })),
        ("/__admin/sandboxes", json!({ &long: 1 })),
        ("/__admin/sandboxes", json!({ "settings": { "session_ttl": long } })),
        ("/__admin/sandboxes", json!({ "settings": { "on_duplicate_handoff": long } })),
        ("/__admin/clients", json!({ "client_id": long, "jwks": { "keys": [jwk] } })),
        ("/__admin/clients", json!({ "jwks": { "keys": [jwk] } })),
        ("/__admin/clients", json!({ "public_key": long })),
        ("/__admin/clients", json!({ "public_key": "x", "kid": long })),
        ("/__admin/clients/client_0/keys", json!({ "kid": long })),
        ("/__admin/tokens", json!({ "client_id": long })),
        ("/__admin/tokens", json!({ "scope": long })),
        ("/__admin/tokens", json!({ "expires_in": long })),
        ("/__admin/clock/advance", json!({ "by": long })),
        ("/__admin/clock/set", json!({ "to": long })),
        ("/__admin/signing/users", json!({ "id": long, "name": "Sam", "email": "sam@example.com" })),
        ("/__admin/signing/users", json!({ "name": "Sam", "email": long })),
        ("/__admin/signing/users", json!({ "name": "Sam", "email": "sam@example.com", "phone": long })),
        ("/__admin/sandboxes/restore", json!({ &long: 1 })),
        (CREATE, json!({ &long: 1, "handoff_id": [long], "intent": long, "actor": { "email": long } })),
        ("/api/v1/key/envelopes", json!({ "name": long, &long: 1 })),
        ("/api/v1/key/contact-groups", json!({ "name": "g", "contactIds": [long] })),
    ] {
        answers.push((format!("{path} {}", brief(&body)), api.send(post(path, body.to_string())).await));
    }
    for header in ["content-type", "content-encoding"] {
        for path in [CREATE, "/oauth2/v2/token", "/api/v1/key/envelopes"] {
            let mut request = post(path, "{}");
            request.headers_mut().insert(header, long[..50_000].parse().unwrap());
            answers.push((format!("{path} {header}"), api.send(request).await));
        }
    }
    for form in ["grant_type", "client_id", "assertion", "scope", "unknown"] {
        let mut request = post("/oauth2/v2/token", format!("grant_type=x&{form}={long}"));
        let media_type = "application/x-www-form-urlencoded".parse().unwrap();
        request.headers_mut().insert("content-type", media_type);
        answers.push((form.to_owned(), api.send(request).await));
    }
    for (what, answer) in answers {
        let what: String = what.chars().take(100).collect();
        assert!(!answer.status.is_success(), "{what}");
        assert!(answer.text.len() < 3000, "{what}: an answer of {} bytes", answer.text.len());
        for letter in ["q", "p"] {
            assert!(!answer.text.contains(&letter.repeat(201)), "{what}: {}", answer.text);
        }
    }
}

/// The member names of a body.
fn brief(body: &Value) -> String {
    body.as_object().unwrap().keys().map(|key| &key[..key.len().min(20)]).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn scenarios_and_clients_of_all_sandboxes_are_bounded() {
    let api = Api::with(Settings { max_memory: 4 << 20, ..Settings::default() });
    let scenario = |name: &str| {
        json!({ "name": name, "description": "d".repeat(20_000), "match": { "email": "kim@*" },
                "answers": [{ "outcome": "success" }] })
    };
    let mut refused = None;
    for number in 0..100 {
        sandbox(&api, &format!("s{number}")).await;
        let mut request = post(&format!("/__admin/scenarios/own?sandbox=s{number}"), scenario("own").to_string());
        *request.method_mut() = axum::http::Method::PUT;
        let answer = api.send(request).await;
        if !answer.status.is_success() {
            refused = Some(answer);
            break;
        }
    }
    assert!(detail(&refused.unwrap()).contains("a quarter of --max-memory"));
    let scenarios = [scenario("one"), scenario("two")];
    let answer =
        api.send(post("/__admin/sandboxes", json!({ "name": "full", "scenarios": scenarios }).to_string())).await;
    assert_eq!((answer.status, detail(&answer).contains("--max-memory")), (StatusCode::CONFLICT, true));
    assert_eq!(api.get("/__admin/sandboxes/full").await.status, StatusCode::NOT_FOUND);
    let key = std::fs::read_to_string("fixtures/keys/other-client.pub.pem").unwrap();
    let mut client = StatusCode::CREATED;
    while client == StatusCode::CREATED {
        client = api.send(post("/__admin/clients", json!({ "public_key": key }).to_string())).await.status;
    }
    assert_eq!(client, StatusCode::CONFLICT);
    assert_eq!(api.call("DELETE", "/__admin/sandboxes/s0").await.status, StatusCode::NO_CONTENT);
    let answer = api.send(post("/__admin/clients", json!({ "public_key": key }).to_string())).await;
    assert_eq!(answer.status, StatusCode::CREATED, "a deleted sandbox makes room");
}

/// A scenario whose templates take a while to check.
fn slow_scenario(name: &str) -> Value {
    let members: serde_json::Map<_, _> =
        (0..900).map(|number| (format!("m{number}"), json!("{% for i in range(9999) %}{% endfor %}"))).collect();
    json!({ "name": name, "answers": [{ "outcome": "error", "set": members }] })
}

#[tokio::test]
async fn reading_scenarios_does_not_block_the_server() {
    let api = Api::new();
    let put = Request::put("/__admin/scenarios/s").body(slow_scenario("s").to_string().into()).unwrap();
    let create = post("/__admin/sandboxes", json!({ "scenarios": [slow_scenario("s")] }).to_string());
    for (slow, expected) in [(put, 200), (create, 201)] {
        let mut slow = std::pin::pin!(api.send(slow));
        // This test has one thread, which would be blocked if the server did not read the scenario on another one.
        let live = tokio::select! {
            biased;
            answer = &mut slow => panic!("{} came first", answer.status),
            live = api.send(Request::get("/livez").body(Body::empty()).unwrap()) => live,
        };
        assert_eq!(live.status, 200);
        assert_eq!(slow.await.status, expected);
    }
}
