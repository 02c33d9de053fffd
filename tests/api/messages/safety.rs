//! Texts of callers in messages: they stay text in HTML, and cannot add headers or parts to a mail.

use super::{messages, told};
use crate::{harness::Api, people::stage::Stage};
use mail_parser::{Address, MessageParser, MimeHeaders};
use serde_json::{Value, json};

const NASTY: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "Sam\r\nBcc: victim@example.com",
    "Sam\n\nBcc: victim@example.com\n\nbody",
    "=?utf-8?Q?Sam=0D=0ABcc:_victim@example.com?=",
    "Ayşe \u{2028}Çelik\u{85}\u{0}",
    "&lt;b&gt; \\\" ,;:<a@example.com>",
    "{{ 7 * 7 }} ${7*7} ƒ\u{202e}",
];

/// The titles of nasty envelopes are cut to their maximum length, so they are compared by their start.
fn one_line(text: &str) -> String {
    text.replace(|char: char| char.is_control() || char == '\u{2028}', " ").trim().to_owned()
}

async fn source(stage: &Stage, message: &Value) -> String {
    let path = format!("/__admin/messages/{}/raw", message["id"].as_str().unwrap());
    stage.ask("GET", &path, json!({})).await.text
}

#[tokio::test]
async fn texts_of_callers_stay_text() {
    for (number, nasty) in NASTY.iter().enumerate() {
        let stage = Stage::new(json!({})).await;
        let party = json!({ "name": nasty, "email": "alice@example.com" });
        let actor = json!({ "external_user_id": "usr_123", "display_name": nasty, "email": "sam@example.com" });
        let facts = json!({ "metadata": { "title": nasty }, "parties": [party] });
        let answer = stage.send(&format!("h-{number}"), json!({ "actor": actor, "facts": facts })).await;
        assert_eq!(answer.json()["status"], "success", "{}", answer.text);
        let message = stage.get("/__admin/messages/latest").await;
        let html =
            stage.ask("GET", &format!("/__admin/messages/{}/html", message["id"].as_str().unwrap()), json!({})).await;
        let tags: Vec<&str> = html.text.split('<').skip(1).map(|tag| tag.split([' ', '>']).next().unwrap()).collect();
        let known = ["!DOCTYPE", "html", "head", "meta", "title", "body", "p", "main", "h1", "a"];
        let is_known = |tag: &&&str| known.contains(&tag.trim_start_matches('/'));
        assert_eq!(tags.iter().filter(|tag| !is_known(tag)).collect::<Vec<_>>(), [&""; 0], "{}", html.text);
        assert_eq!(tags.len(), 29, "{}", html.text);
        let mut tags = html.text.split('<').map(|tag| tag.split('>').next().unwrap());
        assert!(tags.all(|tag| !tag.contains("alert") && !tag.contains("onerror")), "{}", html.text);

        let text = source(&stage, &message).await;
        assert!(text.replace("\r\n", "").find(['\r', '\n']).is_none(), "{text:?}");
        let mail = MessageParser::default().parse(text.as_bytes()).unwrap();
        let mut headers: Vec<&str> = mail.headers().iter().map(|header| header.name()).collect();
        headers.sort_unstable();
        let expected =
            ["Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To", "X-Docendorse-Mock"];
        assert_eq!(headers, expected, "{text}");
        assert_eq!(mail.subject(), message["subject"].as_str(), "{text}");
        let title: String = one_line(nasty).chars().take(20).collect();
        assert!(mail.subject().unwrap().contains(title.trim_end()), "{title:?}");
        let Some(Address::List(to)) = mail.to() else { panic!("{text}") };
        assert_eq!((to.len(), to[0].address()), (1, Some("alice@example.com")), "{text}");
        assert_eq!(to[0].name().unwrap().trim(), one_line(nasty).replace("=?", "= ?"), "{text}");
        assert_eq!(mail.parts.len(), 3, "one text and one HTML part: {text}");
        assert_eq!(
            mail.body_text(0).unwrap().replace("\r\n", "\n").trim_end(),
            message["text"].as_str().unwrap().trim_end()
        );
        assert_eq!(mail.body_html(0).unwrap().trim_end(), html.text);
    }
}

#[tokio::test]
async fn a_boundary_cannot_be_forged() {
    let plain = Stage::new(json!({})).await;
    let facts = |title: &str| json!({ "facts": { "metadata": { "title": title }, "parties": [{ "name": "A", "email": "a@example.com" }] } });
    plain.send("h-1", facts("NDA")).await;
    // Another sandbox with the same seed gives its message the same id.
    let id = plain.get("/__admin/messages/latest").await["id"].as_str().unwrap().to_owned();
    let stage = Stage::new(json!({})).await;
    let mut forged = facts(&format!("x\r\n--=_{id}--"));
    let name = format!("--=_{id}--");
    forged["actor"] = json!({ "external_user_id": "usr_123", "display_name": name, "email": "sam@example.com" });
    forged["facts"]["parties"][0]["name"] = json!(name);
    stage.send("h-1", forged).await;
    let message = stage.get("/__admin/messages/latest").await;
    assert_eq!(message["id"], id);
    let text = source(&stage, &message).await;
    let mail = MessageParser::default().parse(text.as_bytes()).unwrap();
    assert_eq!(mail.parts.len(), 3, "{text}");
    let boundary = format!("=_{id}");
    assert_eq!(mail.content_type().unwrap().attribute("boundary"), Some(&*boundary));
    assert_eq!(text.matches(&format!("\r\n--{boundary}")).count(), 3, "{text}");
}

#[tokio::test]
async fn the_source_of_a_mail_is_complete() {
    let stage = Stage::new(json!({})).await;
    let facts =
        json!({ "metadata": { "title": "NDA" }, "parties": [{ "name": "Alice", "email": "alice@example.com" }] });
    stage.send("h-1", json!({ "facts": facts })).await;
    let message = stage.get("/__admin/messages/latest").await;
    let text = source(&stage, &message).await;
    let mail = MessageParser::default().parse(text.as_bytes()).unwrap();
    assert_eq!(mail.date().unwrap().to_rfc3339(), "2030-01-01T00:00:00Z");
    let id = message["id"].as_str().unwrap();
    assert_eq!(mail.message_id(), Some(&*format!("{id}@docendorse-mock.invalid")));
    assert_eq!(mail.from().unwrap().first().unwrap().address(), Some("no-reply@docendorse-mock.invalid"));
    assert_eq!(mail.content_type().unwrap().ctype(), "multipart");
    assert!(text.is_ascii());
    assert!(text.lines().all(|line| line.len() <= 998));
}

#[tokio::test]
async fn phones_and_unusual_addresses_stay_in_their_place() {
    let stage = Stage::new(json!({})).await;
    for email in ["o'hara@example.com", "\"a b\"@example.com", "üser@example.com", "a+b@sub.example.com"] {
        let facts = json!({ "metadata": { "title": "NDA" }, "parties": [{ "name": "", "email": email }] });
        let answer = stage.send(email, json!({ "facts": facts })).await;
        if answer.status != 200 {
            continue;
        }
        let message = stage.get("/__admin/messages/latest").await;
        assert_eq!(message["to"], email);
        let text = source(&stage, &message).await;
        let mail = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(mail.headers().len(), 8, "{text}");
        assert_eq!(mail.to().unwrap().first().unwrap().address(), Some(email), "{text}");
    }
}

#[tokio::test]
async fn a_title_with_line_breaks_stays_on_one_line_in_texts() {
    let api = Api::new();
    let body = json!({
        "handoff_id": "h-1", "intent": "send_e_sign_request",
        "actor": { "external_user_id": "usr_123", "email": "sam@example.com" },
        "integration": { "source": "chat", "source_conversation_id": "c", "source_message_id": "m" },
        "context": { "summary": "Sam wants to send an NDA." },
        "facts": { "metadata": { "title": "NDA\r\n1" }, "parties": [{ "name": "Alice", "email": "a@example.com" }] },
    });
    api.hand_off(body.to_string()).await;
    let sent = messages(&api, "").await;
    assert_eq!(told(&sent), ["invitation to a@example.com"]);
    assert!(sent[0]["text"].as_str().unwrap().contains("“NDA  1”"), "{}", sent[0]);
}
