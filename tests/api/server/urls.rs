//! URLs in answers follow the request, unless `--base-url` is set.

use crate::harness::{Answer, Api, BASE_URL, CREATE, body_of, handoff_request};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use docendorse_mock::Settings;
use serde_json::{Value, json};

const METADATA: &str = "/oauth2/v2/.well-known/oauth-authorization-server";

fn trusting() -> Api {
    Api::with(Settings { trust_forwarded: true, ..Settings::default() })
}

async fn get(api: &Api, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(api, Request::get(path), headers, "").await
}

async fn send(api: &Api, mut request: axum::http::request::Builder, headers: &[(&str, &str)], body: &str) -> Answer {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn hand_off(api: &Api, handoff_id: &str, email: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = handoff_request(body_of(handoff_id, email));
    for (name, value) in headers {
        request.headers_mut().append(axum::http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    api.send(request).await
}

/// The start of URLs in the answer to a request with the given headers.
async fn issuer(api: &Api, headers: &[(&str, &str)]) -> String {
    let metadata = get(api, METADATA, headers).await.json();
    metadata["issuer"].as_str().unwrap().strip_suffix("/oauth2/v2").unwrap().to_owned()
}

#[tokio::test]
async fn urls_of_answers_follow_the_host() {
    let api = Api::new();
    for (id, host) in [
        ("h-1", "localhost:32768"),
        ("h-2", "mock.example.com"),
        ("h-3", "[::1]:4747"),
        ("h-4", "10.0.0.7:80"),
        ("h-5", "my_mock-1.internal:8080"),
        ("h-6", "127.1:4747"),
    ] {
        let base = format!("http://{}", host.trim_end_matches(":80"));
        let sam = format!("sam{id}@example.com");
        let answer = hand_off(&api, id, &sam, &[("host", host)]).await.json();
        assert_eq!(answer["handoff_uri"], format!("{base}/agent/{}", answer["agent_session_id"].as_str().unwrap()));
        for (tag, member) in [("require_subscription", "subscription_url"), ("register", "registration_url")] {
            let (id, email) = (format!("{id}-{tag}"), format!("sam+{tag}@example.com"));
            let answer = hand_off(&api, &id, &email, &[("host", host)]).await.json();
            assert!(answer[member].as_str().unwrap().starts_with(&format!("{base}/")), "{answer}");
        }
        let metadata = get(&api, METADATA, &[("host", host)]).await.json();
        assert_eq!(metadata["issuer"], format!("{base}/oauth2/v2"));
        assert_eq!(metadata["token_endpoint"], format!("{base}/oauth2/v2/token"));
        assert_eq!(metadata["jwks_uri"], format!("{base}/oauth2/v2/.well-known/jwks.json"));
        let document = get(&api, "/openapi.json", &[("host", host)]).await.json();
        assert_eq!(document["servers"][0]["url"], base);
    }
}

#[tokio::test]
async fn the_control_plane_follows_the_host_too() {
    let api = Api::new();
    let host = [("host", "localhost:32768")];
    let base = "http://localhost:32768";
    let made = send(&api, Request::post("/__admin/sandboxes"), &host, r#"{"name":"suite-a"}"#).await.json();
    assert!(made["env"].as_str().unwrap().starts_with(&format!("DOCENDORSE_BASE_URL={base}\n")), "{made}");
    let shown = get(&api, "/__admin/sandboxes/suite-a", &[("host", "127.0.0.1:9")]).await.json();
    assert!(shown["env"].as_str().unwrap().starts_with("DOCENDORSE_BASE_URL=http://127.0.0.1:9\n"), "{shown}");
    assert_eq!(get(&api, "/__admin/settings", &host).await.json()["base-url"], base);
    assert_eq!(get(&api, "/__admin/openapi.json", &host).await.json()["servers"][0]["url"], base);
    let snapshot = get(&api, "/__admin/sandboxes/suite-a/snapshot", &host).await.text;
    let restored = send(&api, Request::post("/__admin/sandboxes/restore?name=suite-b"), &host, &snapshot).await.json();
    assert!(restored["env"].as_str().unwrap().starts_with(&format!("DOCENDORSE_BASE_URL={base}\n")), "{restored}");
}

#[tokio::test]
async fn without_a_host_urls_begin_with_the_bound_address() {
    let api = Api::new();
    assert_eq!(issuer(&api, &[]).await, BASE_URL);
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await.json();
    assert!(answer["handoff_uri"].as_str().unwrap().starts_with(BASE_URL));
}

#[tokio::test]
async fn the_host_of_an_absolute_target_wins() {
    let api = Api::new();
    let request = Request::get(format!("http://target.test:8080{METADATA}"));
    let metadata = send(&api, request, &[("host", "other.test")], "").await.json();
    assert_eq!(metadata["issuer"], "http://target.test:8080/oauth2/v2");
}

#[tokio::test]
async fn the_base_url_wins_over_the_request() {
    let base_url = Some("https://mock.example.com/docendorse".parse().unwrap());
    let api = Api::with(Settings { base_url, trust_forwarded: true, ..Settings::default() });
    let headers = [("host", "localhost:4747"), ("x-forwarded-host", "other.test")];
    assert_eq!(issuer(&api, &headers).await, "https://mock.example.com/docendorse");
}

#[tokio::test]
async fn a_malformed_host_is_refused_in_the_shape_of_each_surface() {
    let api = Api::new();
    for host in [
        "",
        "sam@mock.test",
        "mock.test/path",
        "mock.test:port",
        "mock.test:65536",
        "mock.test:4747:1",
        "mock test",
        "mock\ttest",
        "a,b",
        "::1",
        "[::1",
        "[::1]x",
        "[mock.test]",
        "mock..test",
        "mock.test?",
        "mock.test#",
        "<script>",
        "http://mock.test",
    ] {
        let headers = [("host", host)];
        let answer = hand_off(&api, "h-1", "sam@example.com", &headers).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{host}");
        assert!(answer.json()["description"].as_str().unwrap().contains("Host header"), "{}", answer.text);
        let exchange = api.exchange(&answer).await;
        assert_eq!(exchange["answer"]["http_status"], 400, "{exchange}");
        let token = send(&api, Request::post("/oauth2/v2/token"), &headers, "grant_type=x").await;
        assert_eq!((token.status, &token.json()["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
        let metadata = get(&api, METADATA, &headers).await;
        assert_eq!((metadata.status, &metadata.json()["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
        let document = get(&api, "/openapi.json", &headers).await;
        assert_eq!((document.status, &document.json()["status"]), (StatusCode::BAD_REQUEST, &json!(400)));
        let unknown = get(&api, "/nowhere", &headers).await;
        assert_eq!((unknown.status, &unknown.json()["status"]), (StatusCode::BAD_REQUEST, &json!("error")));
    }
    assert_eq!(api.get("/__admin/sessions").await.json()["matching"], 0);
}

#[tokio::test]
async fn the_signing_service_refuses_a_malformed_host() {
    let api = Api::new();
    let key = docendorse_mock::domain::oauth::built_in::API_KEY;
    let headers = [("host", "mock test"), ("x-inspakt-api-key", key)];
    let answer = get(&api, "/api/v1/key/envelopes", &headers).await;
    assert_eq!(answer.json()["error"]["name"], "Request.InvalidHost", "{}", answer.text);
}

#[tokio::test]
async fn two_host_headers_are_refused() {
    let api = Api::new();
    let answer = hand_off(&api, "h-1", "sam@example.com", &[("host", "a.test"), ("host", "b.test")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("more than one host header"), "{}", answer.text);
}

#[tokio::test]
async fn forwarded_headers_do_not_count_unless_trusted() {
    let api = Api::new();
    let headers = [
        ("host", "localhost:4747"),
        ("x-forwarded-host", "not a host"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "x"),
        ("forwarded", "host=evil.test"),
    ];
    assert_eq!(issuer(&api, &headers).await, "http://localhost:4747");
}

#[tokio::test]
async fn trusted_forwarded_headers_count() {
    let api = trusting();
    let host = ("host", "10.0.0.7:4747");
    for (headers, base) in [
        (&[][..], "http://10.0.0.7:4747"),
        (&[("x-forwarded-proto", "https"), ("x-forwarded-host", "mock.test")], "https://mock.test"),
        (&[("x-forwarded-proto", "HTTPS , http"), ("x-forwarded-host", "a.test:8443, b.test")], "https://a.test:8443"),
        (&[("x-forwarded-host", "mock.test"), ("x-forwarded-port", "8080, 80")], "http://mock.test:8080"),
        (&[("x-forwarded-host", "[::1]"), ("x-forwarded-port", "8080")], "http://[::1]:8080"),
        (&[("x-forwarded-host", "mock.test:1"), ("x-forwarded-port", "2")], "http://mock.test:2"),
        (&[("x-forwarded-proto", "https"), ("x-forwarded-port", "443")], "https://10.0.0.7"),
        (&[("x-forwarded-host", ""), ("x-forwarded-proto", "https")], "https://10.0.0.7:4747"),
        (&[("forwarded", "for=192.0.2.60;proto=https;host=mock.test")], "https://mock.test"),
        (&[("forwarded", "Host=\"mock.test:8443\" ; Proto=https, host=other.test")], "https://mock.test:8443"),
        (&[("forwarded", "for=\"[2001:db8::1]:47\", host=other.test")], "http://10.0.0.7:4747"),
        (&[("forwarded", "for=192.0.2.60"), ("x-forwarded-host", "mock.test")], "http://mock.test"),
        (
            &[("forwarded", "host=mock.test"), ("x-forwarded-host", "b.test"), ("x-forwarded-port", "1")],
            "http://mock.test",
        ),
    ] {
        assert_eq!(issuer(&api, &[&[host], headers].concat()).await, base, "{headers:?}");
    }
    assert_eq!(issuer(&api, &[("x-forwarded-proto", "https")]).await, BASE_URL.replace("http", "https"));
}

#[tokio::test]
async fn malformed_forwarded_headers_are_refused() {
    let api = trusting();
    for (name, value) in [
        ("x-forwarded-host", "a@b.test"),
        ("x-forwarded-host", "mock.test/x"),
        ("x-forwarded-host", "mock test"),
        ("x-forwarded-host", "m\u{f6}ck.test"),
        ("x-forwarded-proto", "javascript"),
        ("x-forwarded-proto", "https:"),
        ("x-forwarded-port", "0"),
        ("x-forwarded-port", "+80"),
        ("x-forwarded-port", "65536"),
        ("forwarded", "host"),
        ("forwarded", "host=\"mock.test"),
        ("forwarded", "host=\"mock.test\"x"),
        ("forwarded", "host=\"mock.test/x\""),
        ("forwarded", "host=_hidden name"),
    ] {
        let answer = hand_off(&api, "h-1", "sam@example.com", &[("host", "localhost"), (name, value)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {value}");
        let admin = get(&api, "/__admin/settings", &[("host", "localhost"), (name, value)]).await;
        assert_eq!(admin.status, StatusCode::BAD_REQUEST, "{name}: {value}");
    }
}

/// Whether the base URL of everything in a list of a snapshot is this one.
async fn assert_stored(api: &Api, list: &str, base_url: &str) {
    let snapshot = api.get("/__admin/sandboxes/default/snapshot").await.json();
    let stored = snapshot[list].as_array().unwrap();
    assert!(!stored.is_empty(), "{list}");
    for one in stored {
        assert_eq!(one["base_url"], base_url, "{list}");
    }
}

#[tokio::test]
async fn the_base_url_is_stored_with_sessions_and_envelopes() {
    let api = Api::new();
    let host = [("host", "localhost:32768")];
    hand_off(&api, "h-1", "sam@example.com", &host).await;
    hand_off(&api, "h-2", "kim+require_subscription@example.com", &host).await;
    let key = ("x-inspakt-api-key", docendorse_mock::domain::oauth::built_in::API_KEY);
    let json = ("content-type", "application/json");
    let envelope = Request::post("/api/v1/key/envelopes");
    send(&api, envelope, &[host[0], key, json], r#"{"name":"NDA","expirationPeriodDays":30}"#).await;
    for list in ["agent_sessions", "pending_handoffs", "envelopes"] {
        assert_stored(&api, list, "http://localhost:32768").await;
    }
    let sessions = api.get("/__admin/sessions").await.json();
    assert_eq!(sessions["sessions"][0]["base_url"], "http://localhost:32768");

    // The control plane is reached by another name, but the session keeps that of the handoff.
    let subscribe = Request::patch("/__admin/actors/kim+require_subscription@example.com");
    send(&api, subscribe, &[("host", "127.0.0.1:1")], r#"{"subscribed":true}"#).await;
    assert_stored(&api, "agent_sessions", "http://localhost:32768").await;
    assert_stored(&api, "envelopes", "http://localhost:32768").await;
}

#[tokio::test]
async fn a_replay_follows_the_request_that_repeats_it() {
    let api = Api::new();
    let first = hand_off(&api, "h-1", "sam@example.com", &[("host", "one.test")]).await.json();
    let again = hand_off(&api, "h-1", "sam@example.com", &[("host", "two.test")]).await.json();
    assert_eq!(first["agent_session_id"], again["agent_session_id"]);
    assert!(again["handoff_uri"].as_str().unwrap().starts_with("http://two.test/"));
    assert_stored(&api, "agent_sessions", "http://one.test").await;
}

#[tokio::test]
async fn a_snapshot_without_base_urls_is_restored() {
    let api = Api::new();
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    let mut snapshot = api.get("/__admin/sandboxes/default/snapshot").await.json();
    for list in ["agent_sessions", "envelopes"] {
        snapshot[list][0].as_object_mut().unwrap().shift_remove("base_url").unwrap();
    }
    let restore = |snapshot: &Value| send_owned(&api, snapshot.to_string());
    assert_eq!(restore(&snapshot).await.status, StatusCode::CREATED);
    snapshot["agent_sessions"][0]["base_url"] = json!("javascript:alert(1)");
    assert_eq!(restore(&snapshot).await.status, StatusCode::BAD_REQUEST);
}

async fn send_owned(api: &Api, body: String) -> Answer {
    send(api, Request::post("/__admin/sandboxes/restore?name=suite-a"), &[], &body).await
}

#[tokio::test]
async fn a_token_is_valid_at_every_host() {
    let api = Api::with(Settings { auth: docendorse_mock::config::Auth::Strict, ..Settings::default() });
    let issue = |host: &'static str| send_token(&api, host);
    for host in ["localhost:4747", "mock.example.com"] {
        let token = issue("localhost:32768").await;
        let request = Request::post(CREATE).header("authorization", format!("Bearer {token}"));
        let headers = [("host", host), ("content-type", "application/json")];
        let answer = send(&api, request, &headers, &body_of(host, "sam@example.com")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

async fn send_token(api: &Api, host: &str) -> String {
    let wanted = r#"{"sub":"usr_123","email":"sam@example.com"}"#;
    let issued = send(api, Request::post("/__admin/tokens"), &[("host", host)], wanted).await.json();
    issued["access_token"].as_str().unwrap().to_owned()
}
