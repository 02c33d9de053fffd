//! The journal shows no credential, whatever its name and location.

use crate::harness::{Api, body_of, handoff_request};
use serde_json::json;

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl";

#[tokio::test]
async fn secrets_are_masked_by_name_and_by_shape() {
    let api = Api::new();
    let mut request = handoff_request(body_of("h-1", "kim@example.com").replace("Sam wants", &format!("Token {JWT}")));
    let query = format!(
        "api_key=hidden&API-KEY=hidden&apikey=hidden&key=hidden&code=hidden&sig=hidden&signature=hidden&pwd=hidden&\
         passwd=hidden&session=hidden&client_secret=hidden&assertion=hidden&client%5Fsecret=hidden&kind=shown&\
         next={JWT}&again={}",
        JWT.replace('.', "%2E").replace("eyJ", "%65yJ")
    );
    *request.uri_mut() = format!("/api/v1/agent-sessions/create?{query}").parse().unwrap();
    let headers = request.headers_mut();
    for name in ["x-auth-token", "api-key", "dpop", "x-amz-signature", "x-amz-security-token", "x-session", "x-api-key"]
    {
        let value = if name == "x-session" { JWT } else { "hidden" };
        headers.insert(name, value.parse().unwrap());
    }
    headers.insert("referer", "https://app.test/?code=hidden&page=shown#access_token=hidden".parse().unwrap());
    headers.insert("x-original-url", "/cb?state=shown;sig=hidden".parse().unwrap());
    let answer = api.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for page in [
        api.get("/__admin/requests").await,
        api.get(&format!("/__admin/requests/{}", answer.header("x-mock-exchange"))).await,
        api.get("/__admin/requests/wait").await,
    ] {
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(!page.text.contains("hidden"), "{}", page.text);
        assert!(!page.text.contains("c2lnbmF0dXJl"), "{}", page.text);
        assert!(page.text.contains("kind=shown") && page.text.contains("page=shown"), "{}", page.text);
        assert!(page.text.contains("Token eyJ***"), "{}", page.text);
    }
    let exchange = api.exchange(&answer).await;
    assert_eq!(exchange["request"]["body"]["handoff_id"], json!("h-1"));
}

#[tokio::test]
async fn credentials_are_masked_by_shape_in_any_header() {
    let api = Api::new();
    let mut request = handoff_request(body_of("h-1", "kim@example.com"));
    *request.uri_mut() = "/api/v1/agent-sessions/create?next=http%3A%2F%2Fu%3Ahidden%40x%2F&to=https://u:hidden@y/&\
                          a=Bearer%20hidden&b=Basic+hidden&kind=shown"
        .parse()
        .unwrap();
    let headers = request.headers_mut();
    for (name, value) in [
        ("x-forwarded-authorization", "Bearer hidden"),
        ("x-custom", "Bearer hidden"),
        ("x-other", "for=a, basic hidden; kind=shown"),
        ("x-auth", "hidden"),
        ("x-session", "hidden"),
        ("x-my-session", "hidden"),
        ("x-original-cookie", "hidden"),
        ("x-user-auth", "hidden"),
        ("user-agent", "curl (https://u:hidden@example.com) Bearer hidden"),
        ("referer", "http://u:hidden@x/"),
        ("origin-url", "http://u:hidden@x/?page=shown"),
        ("www-authenticate", "Bearer realm=\"shown\""),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let answer = api.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let page = api.get(&format!("/__admin/requests/{}", answer.header("x-mock-exchange"))).await;
    assert!(!page.text.contains("hidden"), "{}", page.text);
    for shown in ["kind=shown", "page=shown", "Bearer realm=\\\"shown", "Bearer ***", "http://***@x/"] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
}

#[tokio::test]
async fn an_assertion_that_is_not_a_jwt_is_masked() {
    let api = Api::new();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    for assertion in [
        "SEKRIT1",
        "SEKRIT1.AAAA.SEKRIT1",
        "SEKRIT1%2EAAAA%2ESEKRIT1",
        "e30.SEKRIT1.c2ln",
        "eyJ.SEKRIT1",
        "e30.SEKRIT1",
        "",
    ] {
        let request = axum::http::Request::post("/oauth2/v2/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(axum::body::Body::from(format!("{grant}&assertion={assertion}")))
            .unwrap();
        let answer = api.send(request).await;
        let page = api.exchange(&answer).await;
        assert!(!page.to_string().contains("SEKRIT1"), "{assertion}: {page}");
    }
}
