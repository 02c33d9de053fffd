//! Finding messages: filters, the newest one, deletion, and resets.

use super::{by_phone, messages, told};
use crate::{
    harness::{Api, body_of},
    people::stage::{Stage, parties},
    signing::play::{Draft, act, person, post, signer},
};
use docendorse_mock::domain::signing::{Locale, PhoneContactMethod};
use serde_json::json;

#[tokio::test]
async fn a_filter_takes_any_id_that_a_message_is_about() {
    let stage = Stage::new(json!({})).await;
    let one = stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let other = stage.hand_off("h 2+", parties(&["Alice"])).await;
    let envelope = stage.envelope(&one).await;
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    for (about, matching) in [
        (text(&one["envelope_id"]), 2),
        (text(&envelope["recipients"][1]["agents"][0]["id"]), 1),
        (text(&one["id"]), 2),
        ("h-1".to_owned(), 2),
        ("H-1".to_owned(), 0),
        (text(&other["id"]), 1),
        ("h+2%2B".to_owned(), 1),
        ("h-3".to_owned(), 0),
        ("as_000000000000000000000000".to_owned(), 0),
    ] {
        let found = stage.get(&format!("/__admin/messages?about={about}")).await;
        assert_eq!(found["matching"], matching, "{about}");
    }
}

#[tokio::test]
async fn a_waiting_handoff_is_found_by_both_of_its_ids() {
    let api = Api::new();
    api.hand_off(body_of("h-1", "sam+verify_email@example.com")).await;
    api.hand_off(body_of("h-2", "kim+verify_email@example.com")).await;
    let waiting = api.get("/__admin/messages/latest?about=h-1").await.json()["waiting_id"].clone();
    let found = messages(&api, &format!("?about={}", waiting.as_str().unwrap())).await;
    assert_eq!(told(&found), ["verify_email to sam+verify_email@example.com"]);
}

#[tokio::test]
async fn addresses_are_compared_as_their_channel_does() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let kim = by_phone("Kim", "+15550100", PhoneContactMethod::Whatsapp, Locale::EnUs);
    let lee = by_phone("Lee", "+15550101", PhoneContactMethod::Sms, Locale::EnUs);
    draft.add(signer("buyer"), vec![person("Sam+Tag"), kim, lee]).await;
    draft.send().await;
    for (query, found) in [
        ("?to=sam%2Btag@EXAMPLE.com", vec!["invitation to Sam+Tag@example.com"]),
        ("?to=SAM+TAG@example.com", vec!["invitation to Sam+Tag@example.com"]),
        ("?to=sam@example.com", vec![]),
        ("?to=+15550100", vec!["invitation to +15550100"]),
        ("?channel=email", vec!["invitation to Sam+Tag@example.com"]),
        ("?channel=sms", vec!["invitation to +15550101"]),
        ("?channel=whatsapp&kind=invitation", vec!["invitation to +15550100"]),
        ("?channel=whatsapp&kind=reminder", vec![]),
    ] {
        assert_eq!(told(&messages(&api, query).await), found, "{query}");
    }
    let sms = api.get("/__admin/messages/latest?channel=sms").await.json();
    assert_eq!(sms["subject"], json!(null));
    assert_eq!(sms["links"][0]["rel"], "sign");
    for part in ["html", "raw"] {
        let id = sms["id"].as_str().unwrap();
        let refused = api.get(&format!("/__admin/messages/{id}/{part}")).await;
        assert_eq!(refused.status, 404);
        assert!(refused.json()["detail"].as_str().unwrap().contains("was sent to a phone"), "{}", refused.text);
        assert_eq!(api.get(&format!("/__admin/messages/msg_0/{part}")).await.status, 404);
    }
}

#[tokio::test]
async fn since_takes_a_time_or_a_message() {
    let stage = Stage::new(json!({})).await;
    stage.hand_off("h-1", parties(&["Alice"])).await;
    let first = stage.get("/__admin/messages/latest").await;
    stage.advance("1h").await;
    stage.hand_off("h-2", parties(&["Bob"])).await;
    let first = first["id"].as_str().unwrap();
    for (since, matching) in [
        ("2030-01-01T00:00:00Z", 2),
        ("2030-01-01T00:00:01Z", 1),
        ("2030-01-01T02:00:00+01:00", 1),
        ("2030-01-01T02:00:00%2B01:00", 1),
        ("2030-01-01T01:00:01Z", 0),
        (first, 1),
    ] {
        let found = stage.get(&format!("/__admin/messages?since={since}")).await;
        assert_eq!(found["matching"], matching, "{since}");
    }
    let newest = stage.get(&format!("/__admin/messages/latest?since={first}")).await;
    assert_eq!(newest["to"], "bob@example.com");
    let id = newest["id"].as_str().unwrap();
    for (query, status, words) in [
        (format!("latest?since={id}"), 404, "No message matches"),
        (format!("latest?since={id}&to=alice@example.com"), 404, "holds 2 messages, the newest of kind invitation"),
        ("latest?since=msg_000000000000000000000000".to_owned(), 404, "since: there is no message"),
        ("latest?since=noon".to_owned(), 400, "neither a time such as 2026-03-01T12:00:00Z nor a message"),
        ("latest?kind=invite".to_owned(), 400, "invitation"),
        ("latest?limit=1".to_owned(), 400, "limit"),
        ("latest?after=msg_0".to_owned(), 400, "after"),
    ] {
        let refused = stage.ask("GET", &format!("/__admin/messages/{query}"), json!({})).await;
        assert_eq!(refused.status.as_u16(), status, "{query}: {}", refused.text);
        assert!(refused.json()["detail"].as_str().unwrap().contains(words), "{query}: {}", refused.text);
    }
}

#[tokio::test]
async fn the_newest_message_is_found_among_many() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    for round in 0..3 {
        let draft = Draft::new(&sandbox).await;
        let people = (0..100).map(|number| person(&format!("p{number}-{round}"))).chain([person("sam")]);
        draft.add(signer("buyer"), people.collect()).await;
        draft.send().await;
    }
    for name in ["p0-0", "p99-0", "p50-1", "p99-2", "sam"] {
        let found = api.get(&format!("/__admin/messages/latest?to={name}@example.com")).await.json();
        assert_eq!(found["to"], format!("{name}@example.com"));
    }
    let sam = messages(&api, "?to=sam@example.com").await;
    assert_eq!(api.get("/__admin/messages/latest?to=sam@example.com").await.json(), sam[2]);
}

#[tokio::test]
async fn messages_end_with_deletion_and_reset() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let (_, agents) = draft.add(signer("buyer"), vec![person("sam"), person("kim")]).await;
    draft.send().await;
    assert_eq!(api.call("DELETE", "/__admin/messages").await.json(), json!({ "deleted": 2 }));
    let none = api.get("/__admin/messages/latest").await;
    assert_eq!(none.status, 404);
    assert!(none.json()["detail"].as_str().unwrap().contains("holds no messages"), "{}", none.text);
    for what in ["open", "accept"] {
        act(&api, &agents[0], what).await;
    }
    assert_eq!(told(&messages(&api, "").await), ["no_longer_needed to kim@example.com"]);
    post(&api, "/__admin/reset", "").await;
    assert_eq!(told(&messages(&api, "").await), [""; 0]);
}
