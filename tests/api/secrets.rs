//! No credential is shown in the journal, whatever it is called and wherever it stands.

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
