//! The signing service over HTTP: an envelope from draft to end.

use crate::harness::{Answer, Api};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use docendorse_mock::domain::{oauth::built_in, signing::Act};
use serde_json::{Value, json};

pub const KEY: &str = "/api/v1/key";

/// A request with a key and, if it has a body, a media type.
pub fn request(key: &str, method: &str, path: &str, body: Option<&Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(format!("{KEY}{path}")).header("x-inspakt-api-key", key);
    match body {
        Some(body) => request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// Sends a request with the published key.
pub async fn ask(api: &Api, method: &str, path: &str, body: impl Into<Option<Value>>) -> Answer {
    api.send(request(built_in::API_KEY, method, path, body.into().as_ref())).await
}

/// The payload of a success.
pub async fn payload(api: &Api, method: &str, path: &str, body: impl Into<Option<Value>>) -> Value {
    let answer = ask(api, method, path, body).await;
    assert_eq!(
        (answer.status, &answer.json()["success"]),
        (StatusCode::OK, &json!(true)),
        "{method} {path}: {}",
        answer.text
    );
    answer.json()["payload"].clone()
}

/// The name and the context of an error. Its HTTP status is 200, like that of every answer (G8).
pub fn refusal(answer: &Answer) -> (String, Value) {
    let body = answer.json();
    assert_eq!(answer.status, StatusCode::OK, "G8");
    assert_eq!((&body["version"], &body["success"]), (&json!("1.0.0"), &json!(false)), "G8");
    (body["error"]["name"].as_str().unwrap().to_owned(), body["error"]["context"].clone())
}

/// Sends a request that is refused, and returns its error.
pub async fn refused(api: &Api, method: &str, path: &str, body: impl Into<Option<Value>>) -> (String, Value) {
    refusal(&ask(api, method, path, body).await)
}

/// Creates a draft, and returns its id.
pub async fn draft(api: &Api) -> String {
    let made = payload(api, "POST", "/envelopes", json!({ "name": "UK NDA Agreement" })).await;
    made["envelopeId"].as_str().unwrap().to_owned()
}

/// Adds a recipient, and returns its id.
pub async fn add(api: &Api, envelope: &str, recipient: Value) -> String {
    let path = format!("/envelopes/{envelope}/recipients");
    let added = payload(api, "POST", &path, json!({ "recipient": recipient })).await;
    added["recipientId"].as_str().unwrap().to_owned()
}

/// Agents with the emails `name@example.com`.
pub fn people(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "info": { "name": name, "email": format!("{name}@example.com") } })).collect()
}

/// A signer with several agents, who compete.
pub fn signer(identifier: &str, names: &[&str]) -> Value {
    json!({ "type": "signer", "identifier": identifier, "agents": people(names) })
}

async fn envelope(api: &Api, id: &str) -> Value {
    payload(api, "GET", &format!("/envelopes/{id}"), None).await["envelope"].clone()
}

async fn act(api: &Api, agent: &Value, act: Act<'_>) {
    api.app.sandboxes.default_sandbox().act(agent.as_str().unwrap(), act).await.unwrap();
}

#[tokio::test]
async fn an_envelope_goes_from_draft_to_finalized() {
    let api = Api::new();
    let made = json!({ "name": "UK NDA Agreement", "context": { "order": "4711" }, "expirationPeriodDays": 14 });
    let id = payload(&api, "POST", "/envelopes", made).await["envelopeId"].as_str().unwrap().to_owned();
    let empty = envelope(&api, &id).await;
    assert_eq!((&empty["status"], &empty["context"]), (&json!("draft"), &json!({ "order": "4711" })));
    assert_eq!((&empty["expirationPeriodDays"], &empty["reopen"]), (&json!(14), &json!(false)));
    assert_eq!((&empty["recipients"], empty.get("sentAt")), (&json!([]), None));

    let company = add(&api, &id, signer("company_rep", &["alice", "bob", "carol"])).await;
    let tenant = json!({ "type": "signer", "identifier": "tenant", "order": 2, "agents": people(&["sam"]) });
    let tenant = add(&api, &id, tenant).await;
    let sent = payload(&api, "PUT", &format!("/envelopes/{id}/send"), None).await["envelope"].clone();
    assert_eq!(sent["status"], "sent");
    assert!(sent["expiresAt"].is_string() && sent["sentAt"].is_string());
    assert_eq!(sent["recipients"][0]["id"], company);
    assert!(sent["recipients"][0]["activatedAt"].is_string(), "the first order is active");
    assert!(sent["recipients"][1]["activatedAt"].is_null(), "the second order is waiting");

    let agents = |envelope: &Value, place: usize| {
        let agents = envelope["recipients"][place]["agents"].as_array().unwrap().clone();
        agents.into_iter().map(|agent| agent["id"].clone()).collect::<Vec<_>>()
    };
    let primaries = |envelope: &Value| -> Vec<bool> {
        let agents = envelope["recipients"][0]["agents"].as_array().unwrap();
        agents.iter().map(|agent| agent["primary"].as_bool().unwrap()).collect()
    };
    assert_eq!(primaries(&sent), [false, false, false]);
    let bob = &agents(&sent, 0)[1];
    act(&api, bob, Act::Open).await;
    act(&api, bob, Act::Accept).await;
    assert_eq!(primaries(&envelope(&api, &id).await), [false, true, false], "exactly one primary");
    act(&api, bob, Act::Sign { code: None }).await;
    let halfway = envelope(&api, &id).await;
    assert!(halfway["recipients"][0]["completedAt"].is_string() && halfway["recipients"][1]["activatedAt"].is_string());
    let sam = &agents(&halfway, 1)[0];
    for what in [Act::Open, Act::Accept, Act::Sign { code: None }] {
        act(&api, sam, what).await;
    }
    let done = envelope(&api, &id).await;
    assert_eq!(done["status"], "finalized");
    assert!(done["completedAt"].is_string() && done["expiresAt"].is_null());
    let recipient = payload(&api, "GET", &format!("/envelopes/{id}/recipients/{tenant}"), None).await;
    assert_eq!(recipient["recipient"], done["recipients"][1]);
    for (method, path, name) in [("PUT", "send", "Envelope.NotDraft"), ("POST", "void", "Envelope.Closed")] {
        let (refused, context) = refused(&api, method, &format!("/envelopes/{id}/{path}"), None).await;
        assert_eq!(
            (refused.as_str(), &context["envelopeId"], &context["status"]),
            (name, &json!(id), &json!("finalized"))
        );
    }
}

#[tokio::test]
async fn an_envelope_is_voided_once() {
    let api = Api::new();
    let id = draft(&api).await;
    let void = format!("/envelopes/{id}/void");
    assert_eq!(refused(&api, "POST", &void, None).await.0, "Envelope.NotSent");
    add(&api, &id, signer("tenant", &["sam"])).await;
    payload(&api, "PUT", &format!("/envelopes/{id}/send"), None).await;
    // Any body is ignored.
    let voided = payload(&api, "POST", &void, json!({ "reason": "a mistake" })).await["envelope"].clone();
    assert_eq!(voided["status"], "voided");
    assert!(voided["voidedAt"].is_string());
    assert_eq!(refused(&api, "POST", &void, None).await.0, "Envelope.Closed");
}

#[tokio::test]
async fn omitted_members_have_defaults() {
    let api = Api::new();
    let id = draft(&api).await;
    let made = envelope(&api, &id).await;
    let days = [
        "expirationPeriodDays",
        "reminderInitialDelayDays",
        "reminderRepeatIntervalDays",
        "reminderBeforeExpirationDays",
    ];
    assert_eq!(days.map(|name| made[name].as_u64().unwrap()), [30, 0, 0, 0]);
    let recipient = add(&api, &id, json!({ "type": "viewer", "identifier": "lawyer" })).await;
    let path = format!("/envelopes/{id}/recipients/{recipient}");
    let recipient = payload(&api, "GET", &path, None).await["recipient"].clone();
    assert_eq!((&recipient["order"], &recipient["required"]), (&json!(1), &json!(true)));
    assert_eq!((&recipient["phoneVerification"], &recipient["agents"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn a_recipient_is_changed_and_removed() {
    let api = Api::new();
    let id = draft(&api).await;
    let host = add(&api, &id, json!({ "type": "host", "identifier": "host", "agents": people(&["alice"]) })).await;
    let tenant = add(&api, &id, signer("tenant", &["sam"])).await;
    let path = format!("/envelopes/{id}/recipients/{tenant}");
    let changed = json!({ "recipient": { "type": "in_person_signer", "hostedById": host, "roleName": "Tenant" } });
    let changed = payload(&api, "PATCH", &path, changed).await["recipient"].clone();
    assert_eq!((&changed["type"], &changed["hostedById"]), (&json!("in_person_signer"), &json!(host)));
    assert_eq!((&changed["identifier"], &changed["agents"][0]["name"]), (&json!("tenant"), &json!("sam")), "as it was");
    let changed = payload(&api, "PUT", &path, json!({ "recipient": { "order": 5 } })).await["recipient"].clone();
    assert_eq!((&changed["order"], &changed["roleName"]), (&json!(5), &json!("Tenant")), "PUT means the same");
    let changed = json!({ "recipient": { "agents": people(&["bob", "carol"]) } });
    let changed = payload(&api, "PATCH", &path, changed).await["recipient"].clone();
    assert_eq!(changed["agents"].as_array().unwrap().len(), 2);

    let listed = payload(&api, "GET", &format!("/envelopes/{id}/recipients"), None).await["recipients"].clone();
    assert_eq!((&listed[0]["id"], &listed[1]), (&json!(host), &changed));
    let removed = payload(&api, "DELETE", &path, None).await["recipient"].clone();
    assert!(removed["removedAt"].is_string());
    assert_eq!(payload(&api, "GET", &path, None).await["recipient"], removed, "it is still shown");
    for (method, body) in [("DELETE", None), ("PATCH", Some(json!({ "recipient": {} })))] {
        assert_eq!(refused(&api, method, &path, body).await.0, "Recipient.Removed");
    }
    let again = add(&api, &id, signer("tenant", &["sam"])).await;
    assert_ne!(again, tenant, "its identifier is free again, its id is not");
}

#[tokio::test]
async fn only_a_draft_can_be_changed() {
    let api = Api::new();
    let id = draft(&api).await;
    let tenant = add(&api, &id, signer("tenant", &["sam"])).await;
    payload(&api, "PUT", &format!("/envelopes/{id}/send"), None).await;
    let before = envelope(&api, &id).await;
    let recipients = format!("/envelopes/{id}/recipients");
    let one = format!("{recipients}/{tenant}");
    for (method, path, body) in [
        ("POST", recipients.clone(), Some(json!({ "recipient": signer("landlord", &["bob"]) }))),
        ("PATCH", one.clone(), Some(json!({ "recipient": { "order": 2 } }))),
        ("PUT", one.clone(), Some(json!({ "recipient": {} }))),
        ("DELETE", one.clone(), None),
        ("PUT", format!("{one}/agents"), Some(json!({ "agents": people(&["bob"]) }))),
        ("PUT", format!("/envelopes/{id}/send"), None),
    ] {
        let (name, context) = refused(&api, method, &path, body).await;
        assert_eq!((name.as_str(), &context["envelopeId"]), ("Envelope.NotDraft", &json!(id)), "{method} {path}");
    }
    assert_eq!(envelope(&api, &id).await, before, "nothing was changed");
}

#[tokio::test]
async fn each_missing_resource_has_its_own_error() {
    let api = Api::new();
    let id = draft(&api).await;
    let other = draft(&api).await;
    let foreign = add(&api, &other, signer("tenant", &["sam"])).await;
    let (nobody, recipient) = ("env_0000000000000000", json!({ "recipient": signer("a", &["sam"]) }));
    for (method, path, body, name) in [
        ("GET", format!("/envelopes/{nobody}"), None, "Envelope.NotFound"),
        ("GET", "/envelopes/%2F..%2Fx".to_owned(), None, "Envelope.NotFound"),
        ("GET", "/envelopes/%FF".to_owned(), None, "Endpoint.NotFound"),
        ("PUT", format!("/envelopes/{nobody}/send"), None, "Envelope.NotFound"),
        ("POST", format!("/envelopes/{nobody}/void"), None, "Envelope.NotFound"),
        ("GET", format!("/envelopes/{nobody}/recipients"), None, "Envelope.NotFound"),
        ("POST", format!("/envelopes/{nobody}/recipients"), Some(recipient.clone()), "Envelope.NotFound"),
        ("GET", format!("/envelopes/{id}/recipients/rcp_1"), None, "Recipient.NotFound"),
        ("GET", format!("/envelopes/{id}/recipients/{foreign}"), None, "Recipient.NotFound"),
        ("GET", format!("/envelopes/{id}/recipients/{foreign}/agents"), None, "Recipient.NotFound"),
        ("DELETE", format!("/envelopes/{id}/recipients/{foreign}"), None, "Recipient.NotFound"),
        ("PATCH", format!("/envelopes/{id}/recipients/{foreign}"), Some(recipient), "Recipient.NotFound"),
        ("GET", "/contacts/cnt_1".to_owned(), None, "Contact.NotFound"),
        ("GET", "/contact-groups/grp_1".to_owned(), None, "Group.NotFound"),
        ("GET", "/users/usr_1".to_owned(), None, "User.NotFound"),
    ] {
        assert_eq!(refused(&api, method, &path, body).await.0, name, "{method} {path}");
    }
    let (_, context) = refused(&api, "GET", &format!("/envelopes/{nobody}"), None).await;
    assert_eq!(context, json!({ "envelopeId": nobody }));
}
