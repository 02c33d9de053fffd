//! Contacts and groups (G3): changing and deleting them, and the effect on groups and assigned agents.

use crate::{
    harness::Api,
    signing::lifecycle::{add, ask, draft, payload, refused},
};
use serde_json::{Value, json};

async fn contact(api: &Api, fields: Value) -> String {
    payload(api, "POST", "/contacts", fields).await["contactId"].as_str().unwrap().to_owned()
}

async fn named(api: &Api, name: &str) -> String {
    contact(api, json!({ "name": name, "email": format!("{name}@example.com") })).await
}

async fn group(api: &Api, members: &[&String]) -> String {
    let new = json!({ "name": "Directors", "contactIds": members });
    payload(api, "POST", "/contact-groups", new).await["groupId"].as_str().unwrap().to_owned()
}

/// Adds a recipient with the given source to a draft, and returns the path of its agents.
async fn assigned(api: &Api, source: Value) -> String {
    let id = draft(api).await;
    let recipient = add(api, &id, json!({ "type": "signer", "identifier": "board", "agents": [source] })).await;
    format!("/envelopes/{id}/recipients/{recipient}/agents")
}

#[tokio::test]
async fn a_contact_is_changed_by_what_is_given() {
    let api = Api::new();
    let jane = json!({ "name": "Jane", "email": "jane@example.com", "phone": "+905001234567", "locale": "tr-TR" });
    let id = contact(&api, jane).await;
    let path = format!("/contacts/{id}");
    let created = payload(&api, "GET", &path, None).await["contact"]["createdAt"].clone();
    let changed = payload(&api, "PATCH", &path, json!({ "name": "Jane Smith" })).await["contact"].clone();
    let mut wanted = json!({ "id": id, "name": "Jane Smith", "email": "jane@example.com", "phone": "+905001234567",
        "locale": "tr-TR", "createdAt": created });
    assert_eq!(changed, wanted);
    let put = json!({ "email": "smith@example.com", "locale": "en-US" });
    wanted["email"] = json!("smith@example.com");
    wanted["locale"] = json!("en-US");
    assert_eq!(payload(&api, "PUT", &path, put).await["contact"], wanted, "PUT means the same");
    let answer = ask(&api, "PATCH", &path, json!({ "phone": "" })).await;
    wanted.as_object_mut().unwrap().remove("phone");
    assert_eq!(answer.json()["payload"]["contact"], wanted, "an empty phone removes it");
    assert!(!answer.headers.contains_key("x-mock-advices"));
    assert_eq!(payload(&api, "PATCH", &path, json!({})).await["contact"], wanted, "an empty change has no effect");
    assert_eq!(payload(&api, "GET", &path, None).await["contact"], wanted);

    let by_phone = contact(&api, json!({ "name": "Joe", "phone": "+905001234567" })).await;
    let path = format!("/contacts/{by_phone}");
    let (name, context) = refused(&api, "PATCH", &path, json!({ "phone": "" })).await;
    assert_eq!((name.as_str(), context), ("Contact.NoAddress", json!({ "contactId": by_phone })));
    assert_eq!(payload(&api, "GET", &path, None).await["contact"]["phone"], "+905001234567", "nothing was changed");
}

#[tokio::test]
async fn a_deleted_contact_leaves_its_groups_and_keeps_its_agents() {
    let api = Api::new();
    let (jane, joe) = (named(&api, "jane").await, named(&api, "joe").await);
    let both = group(&api, &[&jane, &joe]).await;
    let alone = group(&api, &[&jane]).await;
    let agents = assigned(&api, json!({ "contactId": jane })).await;
    let before = payload(&api, "GET", &agents, None).await;
    let gone = payload(&api, "DELETE", &format!("/contacts/{jane}"), None).await;
    assert_eq!(gone, json!({ "contactId": jane }));

    assert_eq!(payload(&api, "GET", &agents, None).await, before, "the agent keeps the id of its source");
    let members = async |id: &str| payload(&api, "GET", &format!("/contact-groups/{id}"), None).await["group"].clone();
    assert_eq!(members(&both).await["contactIds"], json!([joe]));
    assert_eq!(members(&alone).await["contactIds"], json!([]));
    let contacts = payload(&api, "GET", "/contacts", None).await["contacts"].clone();
    assert_eq!(contacts.as_array().unwrap().len(), 1);
    let envelope = draft(&api).await;
    let signer = |source: Value| json!({ "recipient": { "type": "signer", "identifier": "x", "agents": [source] } });
    let path = format!("/envelopes/{envelope}/recipients");
    for (source, name) in
        [(json!({ "groupId": alone }), "Group.Empty"), (json!({ "contactId": jane }), "Contact.NotFound")]
    {
        assert_eq!(refused(&api, "POST", &path, signer(source)).await.0, name);
    }
    for (method, body) in
        [("GET", None), ("PATCH", Some(json!({ "name": "x" }))), ("PUT", Some(json!({}))), ("DELETE", None)]
    {
        let (name, context) = refused(&api, method, &format!("/contacts/{jane}"), body).await;
        assert_eq!((name.as_str(), context), ("Contact.NotFound", json!({ "contactId": jane })), "{method}");
    }
}

#[tokio::test]
async fn a_group_is_changed_and_deleted() {
    let api = Api::new();
    let (jane, joe) = (named(&api, "jane").await, named(&api, "joe").await);
    let id = group(&api, &[&jane]).await;
    let path = format!("/contact-groups/{id}");
    let renamed = payload(&api, "PATCH", &path, json!({ "name": "Board" })).await["group"].clone();
    assert_eq!((&renamed["name"], &renamed["contactIds"]), (&json!("Board"), &json!([jane])));
    let filled = payload(&api, "PUT", &path, json!({ "contactIds": [joe, jane, joe] })).await["group"].clone();
    assert_eq!((&filled["name"], &filled["contactIds"]), (&json!("Board"), &json!([joe, jane])), "each member once");
    assert_eq!(payload(&api, "GET", &path, None).await["group"], filled);
    let unknown = json!({ "name": "Other", "contactIds": [jane, "cnt_1"] });
    assert_eq!(
        refused(&api, "PATCH", &path, unknown).await,
        ("Contact.NotFound".to_owned(), json!({ "contactId": "cnt_1" }))
    );
    assert_eq!(payload(&api, "GET", &path, None).await["group"], filled, "nothing was changed");

    let agents = assigned(&api, json!({ "groupId": id })).await;
    let before = payload(&api, "GET", &agents, None).await;
    assert_eq!(payload(&api, "DELETE", &path, None).await, json!({ "groupId": id }));
    assert_eq!(payload(&api, "GET", &agents, None).await, before, "agents created from the group stay");
    assert_eq!(payload(&api, "GET", "/contacts", None).await["contacts"].as_array().unwrap().len(), 2);
    for (method, body) in [("GET", None), ("PATCH", Some(json!({ "contactIds": ["cnt_1"] }))), ("DELETE", None)] {
        let (name, context) = refused(&api, method, &path, body).await;
        assert_eq!((name.as_str(), context), ("Group.NotFound", json!({ "groupId": id })), "{method}");
    }
}

#[tokio::test]
async fn a_dropped_contact_is_not_a_member() {
    let api = Api::with(docendorse_mock::Settings { max_sessions: 2, ..docendorse_mock::Settings::default() });
    let (old, joe) = (named(&api, "old").await, named(&api, "joe").await);
    let both = group(&api, &[&old, &joe]).await;
    named(&api, "new").await;
    let agents = assigned(&api, json!({ "groupId": both })).await;
    let agents = payload(&api, "GET", &agents, None).await["agents"].clone();
    assert_eq!((agents.as_array().unwrap().len(), &agents[0]["name"]), (1, &json!("joe")));
}
