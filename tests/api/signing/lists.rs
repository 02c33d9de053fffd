//! Lists of the signing service: newest first, page by page; and the names that its document promises.

use crate::{
    harness::{Api, documents},
    sandboxes::lifecycle::{create, send},
    signing::lifecycle::{add, ask, draft, payload, refused, request, signer},
};
use docendorse_mock::{
    domain::{
        contract::signing::{Body, REQUEST_ERRORS},
        signing::{DraftError, Locale, Refusal},
    },
    sandbox::{NewUser, SigningError},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|thing| thing["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn envelopes_are_listed_newest_first_in_pages() {
    let api = Api::new();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, draft(&api).await);
    }
    let all = payload(&api, "GET", "/envelopes", None).await;
    assert_eq!((ids(&all["envelopes"]), all.get("next")), (made.iter().map(String::as_str).collect(), None));
    let mut seen = Vec::new();
    let mut path = "/envelopes?limit=2".to_owned();
    loop {
        let page = payload(&api, "GET", &path, None).await;
        seen.extend(ids(&page["envelopes"]).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        // A new envelope does not shift the pages.
        draft(&api).await;
        path = format!("/envelopes?limit=2&after={next}");
    }
    assert_eq!(seen, made);

    add(&api, &made[1], signer("tenant", &["sam"])).await;
    payload(&api, "PUT", &format!("/envelopes/{}/send", made[1]), None).await;
    let sent = payload(&api, "GET", "/envelopes?status=sent", None).await;
    assert_eq!(ids(&sent["envelopes"]), [&made[1]]);
    let sent = payload(&api, "GET", "/envelopes?status=finalized&limit=1", None).await;
    assert_eq!((&sent["envelopes"], sent.get("next")), (&json!([]), None));
}

#[tokio::test]
async fn a_page_is_bounded_by_its_bytes_too() {
    let api = Api::new();
    for _ in 0..8 {
        let heavy = json!({ "name": "NDA", "context": { "text": "x".repeat(1_000_000) } });
        payload(&api, "POST", "/envelopes", heavy).await;
    }
    let page = payload(&api, "GET", "/envelopes", None).await;
    assert_eq!(page["envelopes"].as_array().unwrap().len(), 5);
    let rest = payload(&api, "GET", &format!("/envelopes?after={}", page["next"].as_str().unwrap()), None).await;
    assert_eq!((rest["envelopes"].as_array().unwrap().len(), rest.get("next")), (3, None));
}

#[tokio::test]
async fn the_address_book_is_listed_and_shown() {
    let api = Api::new();
    let jane = json!({ "name": "Jane", "email": "jane@example.com", "phone": "+905001234567", "locale": "tr-TR" });
    let jane_id = payload(&api, "POST", "/contacts", jane.clone()).await["contactId"].clone();
    let joe = json!({ "name": "Joe", "email": "joe@example.com" });
    let joe_id = payload(&api, "POST", "/contacts", joe).await["contactId"].clone();
    let group = json!({ "name": "Directors", "contactIds": [joe_id, jane_id] });
    let group_id = payload(&api, "POST", "/contact-groups", group).await["groupId"].clone();
    let user = NewUser { name: "Sam".into(), email: "sam@example.com".into(), phone: None, locale: Locale::EnUs };
    api.app.sandboxes.default_sandbox().create_user(Some("usr_sam".to_owned()), user).await.unwrap();

    let contacts = payload(&api, "GET", "/contacts", None).await["contacts"].clone();
    assert_eq!(ids(&contacts), [joe_id.as_str().unwrap(), jane_id.as_str().unwrap()]);
    assert_eq!(contacts[0]["locale"], "en-US");
    let shown =
        payload(&api, "GET", &format!("/contacts/{}", jane_id.as_str().unwrap()), None).await["contact"].clone();
    assert_eq!(shown, contacts[1]);
    for (name, value) in jane.as_object().unwrap() {
        assert_eq!(&shown[name], value);
    }
    let groups = payload(&api, "GET", "/contact-groups", None).await["groups"].clone();
    assert_eq!(groups[0]["contactIds"], json!([joe_id, jane_id]), "in their own order");
    let path = format!("/contact-groups/{}", group_id.as_str().unwrap());
    assert_eq!(payload(&api, "GET", &path, None).await["group"], groups[0]);
    let users = payload(&api, "GET", "/users", None).await["users"].clone();
    assert_eq!(ids(&users), ["usr_sam"]);
    assert_eq!(payload(&api, "GET", "/users/usr_sam", None).await["user"], users[0]);

    let first = payload(&api, "GET", "/contacts?limit=1", None).await;
    let rest = payload(&api, "GET", &format!("/contacts?after={}", first["next"].as_str().unwrap()), None).await;
    assert_eq!(ids(&rest["contacts"]), [jane_id.as_str().unwrap()]);
}

#[tokio::test]
async fn a_query_that_cannot_be_read_names_its_parameter() {
    let api = Api::new();
    for (path, parameter) in [
        ("/envelopes?limit=0", "limit"),
        ("/envelopes?limit=1001", "limit"),
        ("/envelopes?limit=ten", "limit"),
        ("/envelopes?limit=-1", "limit"),
        ("/envelopes?limit=", "limit"),
        ("/envelopes?limit=1&limit=2", "limit"),
        ("/envelopes?status=Draft", "status"),
        ("/envelopes?status=", "status"),
        ("/envelopes?page=2", "page"),
        ("/contacts?status=draft", "status"),
        ("/contact-groups?after=a&after=b", "after"),
        ("/users?%FF=1", "\u{FFFD}"),
    ] {
        let (name, context) = refused(&api, "GET", path, None).await;
        assert_eq!((name.as_str(), context), ("Request.InvalidQuery", json!({ "parameter": parameter })), "{path}");
    }
    for (path, name) in [
        ("/envelopes?after=env_1", "Envelope.NotFound"),
        ("/contacts?after=cnt_1", "Contact.NotFound"),
        ("/contact-groups?after=grp_1", "Group.NotFound"),
        ("/users?after=usr_1", "User.NotFound"),
    ] {
        assert_eq!(refused(&api, "GET", path, None).await.0, name);
    }
    let exchange = api.exchange(&ask(&api, "GET", "/envelopes?limit=0", None).await).await;
    assert_eq!(exchange["client"], docendorse_mock::domain::oauth::built_in::CLIENT_ID);
}

#[test]
fn the_document_lists_exactly_the_error_names() {
    let document = documents().contract();
    let promised = document["components"]["schemas"]["SigningErrorName"]["enum"].as_array().unwrap();
    let promised: Vec<&str> = promised.iter().map(|name| name.as_str().unwrap()).collect();
    let known: BTreeSet<&str> = Refusal::ALL
        .iter()
        .map(|refusal| refusal.name())
        .chain(DraftError::NAMES)
        .chain(SigningError::NAMES)
        .chain(REQUEST_ERRORS)
        .collect();
    assert_eq!(promised.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(promised.len(), known.len(), "each of them once");
}

#[test]
fn the_document_is_built_on_the_signing_schema_files() {
    let schemas = &documents().contract()["components"]["schemas"];
    for body in Body::all() {
        let mut published = schemas[body.name].clone();
        // The document contains the shared part once.
        let reference = json!({ "$ref": "#/components/schemas/AgentSource" });
        for place in ["/properties/agents", "/properties/recipient/properties/agents"] {
            if let Some(agents) = published.pointer_mut(place) {
                assert_eq!(agents["items"], reference, "{}", body.name);
                agents["items"] = schemas["AgentSource"].clone();
            }
        }
        assert_eq!(&published, body.schema().unwrap().document(), "{}", body.name);
    }
}

#[test]
fn every_example_of_the_document_keeps_its_schema() {
    let document = documents().contract();
    let mut held = 0;
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/v1/key"));
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters")
        {
            let content = &operation["responses"]["200"]["content"]["application/json"];
            assert!(operation["security"][0]["apiKey"].is_array(), "{method} {path}");
            let objections = documents().objections_to(&content["schema"], &content["example"]);
            assert!(objections.is_empty(), "{method} {path}: {objections:?}");
            let body = &operation["requestBody"]["content"]["application/json"];
            for (name, example) in body["examples"].as_object().into_iter().flatten() {
                let objections = documents().objections_to(&body["schema"], &example["value"]);
                assert!(objections.is_empty(), "{method} {path} {name}: {objections:?}");
                held += 1;
            }
            held += 1;
        }
    }
    assert!(held >= 25, "only {held}");
}

#[tokio::test]
async fn new_ids_after_a_restore_are_unused() {
    let api = Api::new();
    let suite = create(&api, json!({ "name": "suite-a", "seed": 7 })).await;
    let jane = json!({ "name": "Jane", "email": "jane@example.com" });
    let group = |id: &Value| json!({ "name": "Directors", "contactIds": [id] });
    let key = suite["credentials"]["api_key"].as_str().unwrap().to_owned();
    let made = async |key: &str, path: &str, body: &Value| {
        let answer = api.send(request(key, "POST", path, Some(body))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["payload"].clone()
    };
    let contact = made(&key, "/contacts", &jane).await;
    let directors = made(&key, "/contact-groups", &group(&contact["contactId"])).await;
    let mut snapshot = api.get("/__admin/sandboxes/suite-a/snapshot").await.json();
    // As in a snapshot written by hand, without knowledge of the ids in use.
    snapshot["ids"]["contacts"] = json!(0);
    snapshot["ids"]["groups"] = json!(0);
    let restored = send(&api, "POST", "/__admin/sandboxes/restore?name=after", snapshot).await;
    assert_eq!(restored.status, 201, "{}", restored.text);
    let key = restored.json()["credentials"]["api_key"].as_str().unwrap().to_owned();
    assert_ne!(made(&key, "/contacts", &jane).await, contact);
    assert_ne!(made(&key, "/contact-groups", &group(&contact["contactId"])).await, directors);
}

#[test]
fn the_guide_lists_every_name() {
    let guide = std::fs::read_to_string("docs/signing.md").unwrap();
    let names = documents().contract()["components"]["schemas"]["SigningErrorName"]["enum"].as_array().unwrap();
    let missing: Vec<_> =
        names.iter().filter(|name| !guide.contains(&format!("`{}`", name.as_str().unwrap()))).collect();
    assert!(names.len() > 40 && missing.is_empty(), "docs/signing.md lacks {missing:?}");
}
