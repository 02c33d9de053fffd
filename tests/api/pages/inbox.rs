//! The inbox: captured messages, for people.

use super::{follow, href_of, state, text_of, visit, with_parties};
use crate::harness::{Api, body_of};
use serde_json::json;

#[tokio::test]
async fn the_inbox_lists_finds_and_shows_messages() {
    let api = Api::new();
    assert!(visit(&api, "/__admin/inbox").await.text.contains("data-testid=\"no-messages\""));
    api.hand_off(with_parties("h-1", json!([{ "name": "Bob", "email": "bob@example.com" }]))).await;
    api.hand_off(body_of("h-2", "sam+verify_email@example.com")).await;
    let inbox = visit(&api, "/__admin/inbox").await;
    assert_eq!((inbox.status.as_u16(), inbox.text.matches("data-testid=\"message\"").count()), (200, 2));
    assert_eq!(text_of(&inbox.text, "message-to"), "sam+verify_email@example.com", "newest first");

    let found = state(&api, "/__admin/inbox?search=BOB@example.com").await;
    assert_eq!((&found["matching"], &found["messages"][0]["kind"]), (&json!(1), &json!("invitation")));
    let by_words = state(&api, "/__admin/inbox?search=your+EMAIL").await;
    assert_eq!(by_words["matching"], 1, "as a form sends it");
    for wrong in ["?q=x", "?search=a&search=b", "?search=%FF"] {
        assert_eq!(visit(&api, &format!("/__admin/inbox{wrong}")).await.status, 400, "{wrong}");
    }
    let by_plus = state(&api, "/__admin/inbox?search=sam+verify_email").await;
    assert_eq!(by_plus["matching"], 1);

    let path = follow("/__admin/inbox", &href_of(&inbox.text, "message-link"));
    let page = visit(&api, &path).await;
    assert!(page.text.contains("<iframe sandbox=\"allow-popups allow-popups-to-escape-sandbox\""), "{}", page.text);
    let frame = page.text.split("src=\"").find_map(|part| part.strip_prefix("../../__admin/messages/")).unwrap();
    let html = visit(&api, &format!("/__admin/messages/{}", &frame[..frame.find('"').unwrap()])).await;
    assert_eq!((html.status.as_u16(), html.header("content-type")), (200, "text/html; charset=utf-8"));
    let url = href_of(&page.text, "message-url");
    assert_eq!(visit(&api, &url).await.status, 200, "the link in the mail: {url}");
    assert_eq!(visit(&api, "/__admin/inbox/msg_0").await.status, 404);
}

#[tokio::test]
async fn the_inbox_of_a_sandbox_keeps_to_it() {
    let api = Api::new();
    api.hand_off(body_of("h-1", "sam+verify_email@example.com")).await;
    let made = axum::http::Request::post("/__admin/sandboxes").body(r#"{"name":"one"}"#.into()).unwrap();
    assert_eq!(api.send(made).await.status, 201);
    let inbox = visit(&api, "/__admin/inbox?sandbox=one").await;
    assert_eq!(text_of(&inbox.text, "sandbox"), "one");
    assert!(inbox.text.contains("name=\"sandbox\" value=\"one\""), "a search stays in it");
    assert_eq!(state(&api, "/__admin/inbox?sandbox=one").await["matching"], 0);
}
