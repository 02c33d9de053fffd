//! Pages in hostile surroundings: injected markup, other sites, scanners, wrong links.

use super::{press, state, visit, with_parties};
use crate::harness::{Api, BASE_URL, body_of};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use docendorse_mock::Settings;
use jiff::SignedDuration;
use serde_json::{Value, json};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;";

#[tokio::test]
async fn no_field_of_a_handoff_becomes_markup() {
    let api = Api::new();
    let mut body: Value = serde_json::from_str(&with_parties("h-1", json!([]))).unwrap();
    body["handoff_id"] = json!(format!("h-{HOSTILE}"));
    body["actor"]["display_name"] = json!(HOSTILE);
    body["actor"]["external_user_id"] = json!(HOSTILE);
    body["integration"]["source"] = json!(HOSTILE);
    body["context"]["summary"] = json!(HOSTILE);
    body["facts"]["metadata"] = json!({ "title": HOSTILE, "message": HOSTILE });
    body["facts"]["parties"] = json!([{ "name": HOSTILE, "email": "bob@example.com", "telephone": "+14155550123" }]);
    body["files"] = json!([{ "type": HOSTILE, "name": HOSTILE, "url": "javascript:alert(1)" }]);
    let mut pages = Vec::new();
    for email in ["sam@example.com", "sam+require_subscription@example.com", "sam+register@example.com"] {
        body["actor"]["email"] = json!(email);
        body["handoff_id"] = json!(format!("h-{email}-{HOSTILE}"));
        let answer = api.hand_off(body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer = answer.json();
        let url = ["handoff_uri", "subscription_url", "registration_url"].iter().find_map(|name| answer[name].as_str());
        let url = url.unwrap().to_owned();
        if let Some(signing) = state(&api, &url).await["envelope"]["recipients"][0]["agents"][0]["sign_url"].as_str() {
            pages.push(super::follow(url.strip_prefix(BASE_URL).unwrap(), signing));
        }
        pages.push(url);
    }
    assert_eq!(pages.len(), 4);
    for url in pages {
        let page = visit(&api, &url).await;
        assert_eq!(page.status, 200, "{url}");
        assert!(page.text.contains("&lt;script&gt;") || page.text.contains("&lt;img"), "{url}: {}", page.text);
        assert!(!page.text.contains("<script>") && !page.text.contains("<img"), "{url}: {}", page.text);
        assert!(!page.text.contains("href=\"javascript:"), "{url}: {}", page.text);
    }
}

#[tokio::test]
async fn every_page_forbids_what_it_does_not_need() {
    let api = Api::new();
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await.json();
    for path in [answer["handoff_uri"].as_str().unwrap(), "/agent/as_0", "/sign/none", "/__pages/style.css"] {
        let page = visit(&api, path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn another_site_may_link_here_and_nothing_else() {
    let api = Api::new();
    let answer = api.hand_off(body_of("h-1", "sam+require_subscription@example.com")).await.json();
    let path = answer["subscription_url"].as_str().unwrap().strip_prefix(BASE_URL).unwrap().to_owned();
    let ask = async |method: &str, mode: &str, dest: &str| {
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("host", "mock.test")
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest);
        api.send(request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(ask("GET", "navigate", "document").await, StatusCode::OK, "a product redirects its user here");
    assert_eq!(ask("POST", "navigate", "document").await, StatusCode::FORBIDDEN, "a form of another site");
    assert_eq!(ask("GET", "navigate", "iframe").await, StatusCode::FORBIDDEN);
    assert_eq!(ask("GET", "no-cors", "image").await, StatusCode::FORBIDDEN);
    assert_eq!(state(&api, &path).await["done"], false, "nothing happened");
    let rebound = Request::get(&path).header("host", "mock.evil.example").body(Body::empty()).unwrap();
    assert_eq!(api.send(rebound).await.status, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn wrong_links_say_how_to_go_on() {
    let api = Api::with(Settings { session_ttl: SignedDuration::from_mins(10), ..Settings::default() });
    let uri = api.hand_off(body_of("h-1", "sam@example.com")).await.json()["handoff_uri"].as_str().unwrap().to_owned();
    api.send(Request::post("/__admin/clock/advance").body(Body::from(r#"{"by":"11m"}"#)).unwrap()).await;
    let mut report = String::new();
    for (kind, url) in [
        ("expired", &*uri),
        ("unknown session", "/agent/as_000000000000000000000000"),
        ("unknown handoff", "/subscribe/ho_000000000000000000000000"),
        ("unknown registration", "/register/ho_1"),
        ("verification", "/verify-email/0"),
        ("signing", "/sign/ä"),
        ("signing that is cut off", "/sign/0123456789abcdef01234567"),
        ("no such sandbox", "/agent/as_1?sandbox=none"),
        ("a misspelt sandbox", "/agent/as_1?sandbox=defualt"),
        ("a sandbox named twice", "/agent/as_1?sandbox=a&sandbox=a"),
    ] {
        let page = visit(&api, url).await;
        assert!(page.text.contains("data-testid=\"problem\""), "{url}: {}", page.text);
        let known = state(&api, url).await;
        report += &format!("{kind}: {} {}\n", page.status.as_u16(), known["detail"].as_str().unwrap());
    }
    let method = press(&api, uri.strip_prefix(BASE_URL).unwrap(), "").await;
    report += &format!("method: {}\n", method.status.as_u16());
    let send = format!("{}/send", uri.strip_prefix(BASE_URL).unwrap());
    report += &format!("sending from an expired session: {}\n", press(&api, &send, "").await.status.as_u16());
    insta::assert_snapshot!(report);
}

#[tokio::test]
async fn a_page_fetched_ahead_is_not_looked_at() {
    let api = Api::new();
    let uri = api.hand_off(body_of("h-1", "sam@example.com")).await.json()["handoff_uri"].as_str().unwrap().to_owned();
    let path = uri.strip_prefix(BASE_URL).unwrap();
    for (name, value) in [("sec-purpose", "prefetch"), ("sec-fetch-dest", "empty"), ("x-mock-reload", "1")] {
        let request = Request::get(path).header("host", "mock.test").header("sec-fetch-site", "same-origin");
        let answer = api.send(request.header(name, value).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
    let session = api.get("/__admin/sessions").await.json()["sessions"][0].clone();
    assert_eq!(session.get("opened_at"), None);
}

#[tokio::test]
async fn pages_are_not_in_the_journal() {
    let api = Api::new();
    let uri = api.hand_off(body_of("h-1", "sam@example.com")).await.json()["handoff_uri"].as_str().unwrap().to_owned();
    visit(&api, &uri).await;
    visit(&api, "/agent/as_0").await;
    assert_eq!(api.get("/__admin/requests").await.json()["matching"], 1);
}
