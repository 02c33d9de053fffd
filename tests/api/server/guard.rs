//! Web pages can neither control nor read the server, and all other clients need no extra header.

use crate::{
    harness::{Answer, Api, CREATE, body_of, handoff_request},
    sandboxes::lifecycle::send,
    token::client::{Client, TOKEN, token_request},
};
use axum::{body::Body, http::Request};
use docendorse_mock::{
    Settings,
    config::{AllowedHost, Secret},
};
use serde_json::{Value, json};
use tower::ServiceExt;

type Headers<'a> = &'a [(&'a str, &'a str)];

async fn ask(api: &Api, method: &str, path: &str, headers: Headers<'_>) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    api.send(request.body(Body::empty()).unwrap()).await
}

fn allowing(entries: &[&str]) -> Api {
    let allowed_hosts = entries.iter().map(|entry| entry.parse::<AllowedHost>().unwrap()).collect();
    Api::with(Settings { allowed_hosts, ..Settings::default() })
}

/// Fails unless an answer of the control plane is a problem document whose detail contains `words`.
fn assert_problem(answer: &Answer, status: u16, words: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(words), "{detail}");
}

/// The headers that a browser sends with the request of a page of another site.
const CROSS_SITE: Headers<'static> =
    &[("host", "localhost:4747"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")];

#[tokio::test]
async fn private_hosts_reach_the_control_plane() {
    let api = Api::new();
    for host in [
        "localhost",
        "LocalHost:4747",
        "localhost.:4747",
        "localhost:",
        "127.0.0.1:4747",
        "192.168.1.5:32768",
        "[::1]:4747",
        "docendorse:4747",
        "docendorse_mock",
        "host.docker.internal:4747",
        "mac.local",
        "a.b.localhost",
        "mock.test",
        "xn--e1afmkfd.test",
        "203.0.113.9",
    ] {
        let answer = ask(&api, "GET", "/__admin/health", &[("host", host)]).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.text);
        let answer = ask(&api, "POST", "/__admin/reset", &[("host", host)]).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_registrable_host_is_misdirected() {
    let api = Api::new();
    for host in [
        "evil.example",
        "evil.example:4747",
        "EVIL.example.",
        "evil.localhost.attacker.com",
        "127.0.0.1.nip.io",
        "localhost.com",
        "xn--80ak6aa92e.com",
        "mock.test.attacker.com",
        "api.docendorse.com",
        "a.b",
    ] {
        for (method, path) in [("GET", "/__admin/health"), ("POST", "/__admin/reset"), ("GET", "/__admin/nothing")] {
            let answer = ask(&api, method, path, &[("host", host), ("sec-fetch-site", "same-origin")]).await;
            assert_problem(&answer, 421, "--allowed-hosts ");
        }
    }
}

#[tokio::test]
async fn an_ambiguous_host_is_misdirected() {
    let api = Api::new();
    for host in [
        "",
        ":4747",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost:4747@evil.example",
        "localhost/",
        "localhost:x",
        "localhost:99999",
        "localhost:+1",
        "localhost..",
        "2130706433",
        "0x7f000001:4747",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "[::1",
        "::1",
        "[::1%25lo]",
        "local host",
        "localhost,evil.example",
        "loc%61lhost",
    ] {
        let answer = ask(&api, "GET", "/__admin/health", &[("host", host)]).await;
        assert_problem(&answer, 421, "is not a valid host with an optional port");
    }
    let answer = ask(&api, "GET", "/__admin/health", &[("host", "localhost"), ("host", "localhost")]).await;
    assert_problem(&answer, 421, "There is more than one Host header");
    let long = "a".repeat(10_000);
    let answer = ask(&api, "GET", "/__admin/health", &[("host", &long)]).await;
    assert!(answer.status == 421 && answer.text.len() < 500, "{}", answer.text);
}

#[tokio::test]
async fn the_host_of_the_target_is_checked_too() {
    let api = Api::new();
    let local: Headers<'_> = &[("host", "localhost")];
    assert_eq!(ask(&api, "GET", "http://evil.example/__admin/health", local).await.status, 421);
    assert_eq!(ask(&api, "GET", "http://localhost/__admin/health", &[("host", "evil.example")]).await.status, 421);
    assert_eq!(ask(&api, "GET", "http://user@localhost/__admin/health", local).await.status, 421);
    assert_eq!(ask(&api, "GET", "http://localhost:4747/__admin/health", local).await.status, 200);
}

#[tokio::test]
async fn allowed_hosts_and_the_base_url_add_names() {
    let api = allowing(&["mock.example.com", "*.preview.example.com"]);
    for (host, status) in [
        ("mock.example.com", 200),
        ("MOCK.example.com:443", 200),
        ("a.mock.example.com", 421),
        ("pr-1.preview.example.com", 200),
        ("a.b.preview.example.com", 200),
        ("preview.example.com", 421),
        ("evil-preview.example.com", 421),
    ] {
        assert_eq!(ask(&api, "GET", "/__admin/health", &[("host", host)]).await.status, status, "{host}");
    }
    let app = docendorse_mock::App::new(Settings::default(), "https://docendorse.example.com/mock").unwrap();
    let router = docendorse_mock::http::router(&app);
    for (host, status) in [("docendorse.example.com", 200), ("docendorse.example.com:4747", 200), ("example.com", 421)]
    {
        let request = Request::get("/__admin/health").header("host", host).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), status, "{host}");
    }
}

/// Every kind of request by a page of another origin, with and without the newer headers.
const FOREIGN: [Headers<'static>; 13] = [
    CROSS_SITE,
    &[("host", "localhost:4747"), ("sec-fetch-site", "cross-site")],
    &[("host", "localhost:4747"), ("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")],
    &[("host", "localhost:4747"), ("sec-fetch-site", "")],
    &[("host", "localhost:4747"), ("sec-fetch-site", "Same-Origin")],
    &[("host", "localhost:4747"), ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    &[("host", "localhost:4747"), ("origin", "null")],
    &[("host", "localhost:4747"), ("origin", "http://localhost:3000")],
    &[("host", "localhost:4747"), ("origin", "http://localhost")],
    &[("host", "localhost"), ("origin", "https://localhost:80")],
    &[("host", "localhost:4747"), ("origin", "http://localhost:4747"), ("origin", "http://evil.example")],
    &[("host", "localhost:4747"), ("origin", "chrome-extension://localhost:4747")],
    &[("origin", "http://localhost:4747")],
];

#[tokio::test]
async fn pages_of_other_origins_do_not_reach_the_control_plane() {
    let api = Api::new();
    for headers in FOREIGN {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "GET"] {
            let answer = ask(&api, method, "/__admin/reset", headers).await;
            assert_problem(
                &answer,
                403,
                if headers.contains(&("origin", "null")) { "(Origin: null)" } else { "--allowed-hosts" },
            );
        }
    }
}

#[tokio::test]
async fn our_own_pages_and_programs_reach_the_control_plane() {
    let api = Api::new();
    let allowed: &[Headers<'_>] = &[
        &[("host", "localhost:4747")],
        &[("host", "localhost:4747"), ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:4747")],
        &[("host", "localhost:4747"), ("sec-fetch-site", "none")],
        &[("host", "LOCALHOST:4747"), ("origin", "http://localhost:4747")],
        &[("host", "localhost"), ("origin", "http://localhost:80")],
        &[("host", "mock.test"), ("origin", "https://mock.test")],
        &[("host", "[::1]:4747"), ("origin", "http://[::1]:4747")],
        // A proxy that puts its own Host; the page is at the base URL.
        &[("host", "127.0.0.1:4747"), ("origin", "http://mock.test")],
    ];
    for headers in allowed {
        for (method, path) in [("POST", "/__admin/reset"), ("GET", "/__admin/health")] {
            let answer = ask(&api, method, path, headers).await;
            assert_eq!(answer.status, 200, "{method} {headers:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn pages_of_an_allowed_host_pass() {
    let api = allowing(&["app.example.com", "localhost"]);
    let answer = ask(
        &api,
        "POST",
        "/__admin/reset",
        &[("host", "127.0.0.1:4747"), ("origin", "https://app.example.com:8443"), ("sec-fetch-site", "cross-site")],
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")));
    assert_eq!(ask(&api, "POST", "/__admin/reset", CROSS_SITE).await.status, 403, "another site is still foreign");
    assert_eq!(ask(&api, "POST", CREATE, &[("origin", "http://localhost:3000")]).await.status, 401, "no credential");
}

#[tokio::test]
async fn only_a_link_to_a_page_or_the_dashboard_passes() {
    let api = Api::new();
    let with = |extra: &[(&'static str, &'static str)]| {
        let mut headers = vec![("host", "localhost:4747"), ("sec-fetch-site", "cross-site")];
        headers.extend(extra);
        headers
    };
    let link = with(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]);
    for (path, status) in [
        ("/agent/as_1", 404),
        ("/subscribe/plan_default", 404),
        ("/verify-email/x", 404),
        ("/register", 404),
        ("/sign/x", 404),
        ("/__admin/", 200),
        ("/__admin", 200),
    ] {
        let answer = ask(&api, "GET", path, &link).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert_eq!(ask(&api, "POST", path, &link).await.status, 403, "a form is not a link");
    }
    for path in ["/__admin/settings", "/__admin/requests", "/__admin/health/", "/__admin/%2e"] {
        assert_eq!(ask(&api, "GET", path, &link).await.status, 403, "{path}");
    }
    for (why, extra) in [
        ("an image", [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")]),
        ("a script", [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")]),
        ("a stream", [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")]),
        ("a frame", [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")]),
        ("a web socket", [("sec-fetch-mode", "websocket"), ("sec-fetch-dest", "empty")]),
    ] {
        for path in ["/agent/as_1", "/__admin/", CREATE, "/api/v1/key/envelopes", "/"] {
            assert_eq!(ask(&api, "GET", path, &with(&extra)).await.status, 403, "{why} at {path}");
        }
    }
    let ahead = with(&[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")]);
    assert_eq!(ask(&api, "GET", "/agent/as_1", &ahead).await.status, 403, "a page that is fetched ahead is not opened");
}

#[tokio::test]
async fn contract_surfaces_refuse_pages_in_their_own_shape() {
    let api = Api::new();
    let handoff = ask(&api, "POST", CREATE, CROSS_SITE).await;
    assert_eq!(handoff.status, 403);
    let said = handoff.description();
    assert!(said.contains("\"https://evil.example\"") && said.contains("--allowed-hosts evil.example"), "{said}");
    let token = ask(&api, "POST", TOKEN, CROSS_SITE).await;
    assert_eq!((token.status.as_u16(), &token.json()["error"]), (403, &json!("invalid_request")));
    assert_eq!(token.header("cache-control"), "no-store");
    assert!(token.json()["error_description"].as_str().unwrap().contains("--allowed-hosts"));
    for (method, path) in
        [("POST", "/api/v1/key/envelopes"), ("DELETE", "/api/v1/key/nothing"), ("PUT", "/api/v1/key/users")]
    {
        let signing = ask(&api, method, path, CROSS_SITE).await;
        assert_eq!((signing.status.as_u16(), &signing.json()["error"]["name"]), (403, &json!("Request.CrossSite")));
    }
    for (method, path) in [("PUT", CREATE), ("OPTIONS", CREATE), ("BREW", TOKEN), ("POST", "/no/such/path")] {
        assert_eq!(ask(&api, method, path, CROSS_SITE).await.status, 403, "{method} {path}");
    }
    for headers in FOREIGN {
        assert_eq!(ask(&api, "POST", CREATE, headers).await.status, 403, "{headers:?}");
    }
}

#[tokio::test]
async fn no_setting_changes_the_status_of_a_refused_page() {
    let api = Api::with(Settings { error_http_status: Some(200), ..Settings::default() });
    assert_eq!(ask(&api, "POST", CREATE, CROSS_SITE).await.status, 403);
}

#[tokio::test]
async fn contract_surfaces_take_any_host() {
    let api = Api::new();
    for host in ["api.docendorse.com", "evil.example:4747", "2130706433"] {
        let request = Request::post(CREATE)
            .header("host", host)
            .header("authorization", "Bearer x")
            .header("content-type", "application/json")
            .body(Body::from(body_of("h-1", "sam@example.com")));
        assert_eq!(api.send(request.unwrap()).await.status, 200, "{host}");
        assert_eq!(
            ask(&api, "GET", "/api/v1/key/envelopes", &[("host", host), ("x-inspakt-api-key", "k")]).await.status,
            200
        );
        for path in ["/livez", "/readyz", "/openapi.json", "/oauth2/v2/.well-known/jwks.json"] {
            assert_eq!(ask(&api, "GET", path, &[("host", host), ("sec-fetch-site", "cross-site")]).await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_refused_page_leaves_no_trace() {
    let start = || Api::with(Settings { seed: Some(7), ..Settings::default() });
    let (quiet, attacked) = (start(), start());
    for _ in 0..20 {
        for (method, path) in [
            ("POST", CREATE),
            ("GET", CREATE),
            ("OPTIONS", CREATE),
            ("POST", TOKEN),
            ("GET", "/favicon.ico"),
            ("POST", "/api/v1/key/envelopes"),
            ("POST", "/__admin/sandboxes"),
            ("DELETE", "/__admin/requests"),
            ("GET", "/__admin/events"),
            ("GET", "/__admin/requests/wait"),
        ] {
            assert_eq!(ask(&attacked, method, path, CROSS_SITE).await.status, 403, "{method} {path}");
        }
    }
    let mut seen = Vec::new();
    for api in [&quiet, &attacked] {
        let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
        let ids = ["x-request-id", "x-mock-exchange"].map(|name| answer.header(name).to_owned());
        let journal = api.get("/__admin/requests").await.json()["requests"].as_array().unwrap().len();
        seen.push((
            ids,
            answer.text,
            journal,
            api.get("/__admin/sandboxes").await.json()["sandboxes"].as_array().unwrap().len(),
        ));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn no_answer_has_cors_headers() {
    let api = allowing(&["app.example.com"]);
    for origin in ["https://evil.example", "https://app.example.com", "null"] {
        for path in [CREATE, TOKEN, "/api/v1/key/envelopes", "/__admin/health", "/livez", "/openapi.json", "/nothing"] {
            for method in ["OPTIONS", "GET", "POST"] {
                let answer = ask(
                    &api,
                    method,
                    path,
                    &[
                        ("host", "localhost:4747"),
                        ("origin", origin),
                        ("access-control-request-method", "POST"),
                        ("access-control-request-headers", "content-type"),
                        ("access-control-request-private-network", "true"),
                    ],
                )
                .await;
                let cors = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
                assert_eq!(cors, None, "{method} {path} {origin}");
            }
        }
    }
}

#[tokio::test]
async fn no_browser_guesses_the_type_of_an_answer() {
    let api = Api::new();
    let mut answers = vec![api.hand_off(body_of("h-1", "sam@example.com")).await, api.hand_off("{").await];
    for (method, path) in [
        ("GET", CREATE),
        ("POST", TOKEN),
        ("GET", TOKEN),
        ("GET", "/api/v1/key/envelopes"),
        ("PUT", "/api/v1/key"),
        ("GET", "/nothing"),
        ("GET", "/livez"),
        ("POST", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/openapi.json"),
        ("GET", "/oauth2/v2/.well-known/jwks.json"),
        ("GET", "/__admin/health"),
        ("GET", "/__admin/openapi.json"),
        ("GET", "/__admin/nothing"),
        ("PUT", "/__admin/reset"),
        ("GET", "/__admin/requests/ex_9"),
        ("GET", "/__admin/scenarios/flaky"),
    ] {
        answers.push(ask(&api, method, path, &[("host", "localhost")]).await);
        if !["/livez", "/readyz", "/openapi.json"].contains(&path) && !path.contains(".well-known") {
            answers.push(ask(&api, method, path, CROSS_SITE).await);
        }
    }
    answers.push(ask(&api, "GET", "/__admin/health", &[("host", "evil.example")]).await);
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", answer.text);
    }
}

#[tokio::test]
async fn a_scripted_body_runs_no_script() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let script = "<script>fetch('/__admin/reset', { method: 'POST' })</script>";
    let answer = json!({
        "raw": { "body": script, "content_type": "text/html" },
        "headers": { "Content-Security-Policy": "script-src *", "X-Content-Type-Options": "off" },
    });
    for (endpoint, path) in [("handoff", "/__admin/scenarios/own"), ("token", &client.path("scenarios/own"))] {
        let scenario = json!({ "name": "own", "endpoint": endpoint, "match": {}, "answers": [answer] });
        let put = send(&api, "PUT", path, scenario).await;
        assert!(put.status.is_success(), "{}", put.text);
    }
    let requests = [
        handoff_request(body_of("h-1", "sam@example.com")),
        token_request(&[("assertion", client.assertion("j-1", &json!({})).as_str())]),
    ];
    for request in requests {
        // Without `Api`, which accepts only answers of the contract.
        let answer = docendorse_mock::http::router(&api.app).oneshot(request).await.unwrap();
        let header = |name: &str| answer.headers().get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(header("content-type"), ["text/html"]);
        assert_eq!(header("content-security-policy"), ["sandbox"]);
        assert_eq!(header("x-content-type-options"), ["nosniff"]);
    }
}

fn with_token() -> Api {
    Api::with(Settings { admin_token: Some("s3cret-token".parse::<Secret>().unwrap()), ..Settings::default() })
}

#[tokio::test]
async fn the_control_plane_can_require_a_token() {
    let api = with_token();
    let missing = ask(&api, "GET", "/__admin/health", &[]).await;
    assert_problem(&missing, 401, "--admin-token");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"docendorse-mock control plane\"");
    for wrong in [
        "Bearer wrong",
        "Bearer ",
        "Bearer",
        "Basic czNjcmV0LXRva2Vu",
        "Bearer s3cret-token x",
        "s3cret-token",
        "bearer S3cret-token",
    ] {
        let answer = ask(&api, "POST", "/__admin/reset", &[("authorization", wrong)]).await;
        assert_problem(&answer, 401, "--admin-token");
        assert!(answer.header("www-authenticate").ends_with("error=\"invalid_token\""), "{wrong}");
        let has_token = wrong.len() > "Bearer ".len() && wrong.to_lowercase().starts_with("bearer ");
        let expected = if has_token { "The token does not match " } else { "The Authorization header has no Bearer " };
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(expected), "{wrong}: {}", answer.text);
    }
    let twice = [("authorization", "Bearer s3cret-token"), ("authorization", "Bearer s3cret-token")];
    assert_eq!(ask(&api, "GET", "/__admin/health", &twice).await.status, 401);
    for path in ["/__admin", "/__admin/", "/__admin/nothing", "/__admin/openapi.json", "/__admin/sandboxes"] {
        assert_eq!(ask(&api, "GET", path, &[]).await.status, 401, "{path}");
    }
    for right in ["Bearer s3cret-token", "bearer s3cret-token", "BEARER  s3cret-token"] {
        assert_eq!(ask(&api, "POST", "/__admin/reset", &[("authorization", right)]).await.status, 200, "{right}");
    }
    let mut foreign = CROSS_SITE.to_vec();
    foreign.push(("authorization", "Bearer s3cret-token"));
    assert_eq!(ask(&api, "POST", "/__admin/reset", &foreign).await.status, 403, "the other checks stay");
    assert_eq!(ask(&api, "GET", "/livez", &[]).await.status, 200);
    assert_eq!(
        api.hand_off(body_of("h-1", "sam@example.com")).await.status,
        200,
        "the contract is not the control plane"
    );
}

#[tokio::test]
async fn the_admin_token_is_never_shown() {
    let api = with_token();
    let own = [("authorization", "Bearer s3cret-token")];
    let request = Request::post(CREATE).header("authorization", "Bearer s3cret-token").body(Body::from("{}")).unwrap();
    api.send(request).await;
    for path in ["/__admin/settings", "/__admin/requests/ex_00000001", "/__admin/health", "/__admin/openapi.json"] {
        let answer = ask(&api, "GET", path, &own).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text.contains("s3cret"), "{path}: {}", answer.text);
    }
    assert_eq!(ask(&api, "GET", "/__admin/settings", &own).await.json()["admin-token"], "***");
    assert_eq!(Api::new().get("/__admin/settings").await.json()["admin-token"], Value::Null);
    assert!(!format!("{:?}", api.app.settings).contains("s3cret"));
}
