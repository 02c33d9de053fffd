//! The HTTP status of the signing service (G8): 200 for every answer, or 4xx and 5xx if a setting says so.

use crate::{
    harness::{Answer, Api},
    sandboxes::lifecycle::create,
    signing::lifecycle::{request, signer},
};
use axum::{
    body::Body,
    http::{HeaderValue, Request},
};
use docendorse_mock::{
    Settings,
    config::{Auth, InspaktHttpStatus},
    domain::oauth::built_in,
};
use serde_json::{Value, json};

/// Every kind of error, each with its HTTP status by HTTP semantics.
async fn errors(api: &Api, key: &str) -> Vec<(u16, &'static str, Answer)> {
    let ask =
        async |method: &str, path: &str, body: Option<Value>| api.send(request(key, method, path, body.as_ref())).await;
    let payload =
        async |method: &str, path: &str, body: Option<Value>| ask(method, path, body).await.json()["payload"].clone();
    let made = async |path: &str, body: Value, id: &str| {
        payload("POST", path, Some(body)).await[id].as_str().unwrap().to_owned()
    };
    let draft = made("/envelopes", json!({ "name": "NDA" }), "envelopeId").await;
    let sent = made("/envelopes", json!({ "name": "NDA" }), "envelopeId").await;
    let new = json!({ "recipient": signer("tenant", &["sam"]) });
    made(&format!("/envelopes/{sent}/recipients"), new.clone(), "recipientId").await;
    ask("PUT", &format!("/envelopes/{sent}/send"), None).await;
    let host = json!({ "recipient": { "type": "host", "identifier": "host" } });
    let host = made(&format!("/envelopes/{draft}/recipients"), host, "recipientId").await;
    let guest = json!({ "recipient": { "type": "in_person_signer", "identifier": "guest", "hostedById": host } });
    let guest = made(&format!("/envelopes/{draft}/recipients"), guest, "recipientId").await;
    let deputy = json!({ "recipient": { "type": "delegator", "identifier": "deputy", "delegatedById": guest } });
    made(&format!("/envelopes/{draft}/recipients"), deputy, "recipientId").await;
    let recipients = format!("/envelopes/{draft}/recipients");
    let group = made("/contact-groups", json!({ "name": "Nobody", "contactIds": [] }), "groupId").await;
    let agents =
        |agents: Value| Some(json!({ "recipient": { "type": "signer", "identifier": "x", "agents": agents } }));
    let change = Some(json!({}));
    let mut all = Vec::new();
    for (status, name, method, path, body) in [
        (404, "Envelope.NotFound", "GET", "/envelopes/env_1".to_owned(), None),
        (404, "Envelope.NotFound", "DELETE", "/envelopes/env_1".to_owned(), None),
        (409, "Envelope.NotDeletable", "DELETE", format!("/envelopes/{sent}"), None),
        (409, "Envelope.NotDraft", "PUT", format!("/envelopes/{sent}/send"), None),
        (409, "Envelope.NotSent", "POST", format!("/envelopes/{draft}/void"), None),
        (
            409,
            "Envelope.NoSigner",
            "PUT",
            format!("/envelopes/{}/send", made("/envelopes", json!({ "name": "NDA" }), "envelopeId").await),
            None,
        ),
        (404, "Recipient.NotFound", "GET", format!("{recipients}/rcp_1"), None),
        (409, "Recipient.HostRecipientBound", "DELETE", format!("{recipients}/{host}"), None),
        (409, "Recipient.DelegatorRecipientBound", "DELETE", format!("{recipients}/{guest}"), None),
        (422, "Agent.NoSource", "POST", recipients.clone(), agents(json!([{}]))),
        (422, "Group.Empty", "POST", recipients.clone(), agents(json!([{ "groupId": group }]))),
        (404, "Contact.NotFound", "DELETE", "/contacts/cnt_1".to_owned(), None),
        (404, "Contact.NotFound", "PATCH", "/contacts/cnt_1".to_owned(), change.clone()),
        (404, "Group.NotFound", "PUT", "/contact-groups/grp_1".to_owned(), change),
        (404, "Group.NotFound", "DELETE", "/contact-groups/grp_1".to_owned(), None),
        (404, "User.NotFound", "GET", "/users/usr_1".to_owned(), None),
        (400, "Request.Invalid", "POST", "/envelopes".to_owned(), Some(json!({}))),
        (400, "Request.InvalidQuery", "GET", "/envelopes?limit=0".to_owned(), None),
        (404, "Endpoint.NotFound", "GET", "/webhooks".to_owned(), None),
        (404, "Endpoint.NotFound", "GET", format!("/envelopes/{sent}/audit"), None),
        (404, "Endpoint.NotFound", "GET", "".to_owned(), None),
        (404, "Endpoint.NotFound", "GET", "/envelopes/%FF".to_owned(), None),
        (405, "Method.NotAllowed", "OPTIONS", "/envelopes".to_owned(), None),
        (405, "Method.NotAllowed", "DELETE", "/users/usr_1".to_owned(), None),
    ] {
        all.push((status, name, ask(method, &path, body).await));
    }
    ask("POST", &format!("/envelopes/{sent}/void"), None).await;
    all.push((409, "Envelope.Closed", ask("POST", &format!("/envelopes/{sent}/void"), None).await));
    let with = async |change: &dyn Fn(&mut Request<Body>)| {
        let mut request = request(key, "POST", "/envelopes", Some(&json!({ "name": "NDA" })));
        change(&mut request);
        api.send(request).await
    };
    let text = HeaderValue::from_static("text/plain");
    let untyped = with(&|request| drop(request.headers_mut().insert("content-type", text.clone()))).await;
    all.push((415, "Request.UnsupportedMediaType", untyped));
    let large = Body::from(json!({ "name": "x".repeat(2 << 20) }).to_string());
    let large = std::cell::Cell::new(Some(large));
    all.push((413, "Request.TooLarge", with(&|request| *request.body_mut() = large.take().unwrap()).await));
    all
}

#[tokio::test]
async fn every_error_is_answered_with_200() {
    let api = Api::new();
    for (_, name, answer) in errors(&api, "any").await {
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["name"]), (200, &json!(name)), "{}", answer.text);
        assert_eq!(answer.json()["success"], false);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(
            api.exchange(&answer).await["answer"]["http_status"],
            200,
            "the journal shows the status that was sent"
        );
    }
    let keyless = Request::get("/api/v1/key/envelopes").body(Body::empty()).unwrap();
    let keyless = api.send(keyless).await;
    assert_eq!((keyless.status.as_u16(), &keyless.json()["error"]["name"]), (200, &json!("ApiKey.Missing")));
}

#[tokio::test]
async fn a_setting_gives_errors_their_http_status() {
    let api = Api::with(Settings { inspakt_http_status: InspaktHttpStatus::Semantic, ..Settings::default() });
    for (status, name, answer) in errors(&api, "any").await {
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["name"]),
            (status, &json!(name)),
            "{}",
            answer.text
        );
    }
    let keyless = Request::get("/api/v1/key/envelopes").body(Body::empty()).unwrap();
    assert_eq!(api.send(keyless).await.status, 401);
}

#[tokio::test]
async fn a_sandbox_has_an_http_status_of_its_own() {
    let api = Api::new();
    let suite = create(&api, json!({ "name": "suite-a", "settings": { "inspakt_http_status": "semantic" } })).await;
    let key = suite["credentials"]["api_key"].as_str().unwrap();
    let missing = async |key: &str| api.send(request(key, "GET", "/envelopes/env_1", None)).await.status.as_u16();
    assert_eq!((missing(key).await, missing("any").await), (404, 200));
    let snapshot = api.get("/__admin/sandboxes/suite-a/snapshot").await.json();
    assert_eq!(snapshot["settings"]["inspakt_http_status"], "semantic");
}

#[tokio::test]
async fn a_key_that_does_not_pass_follows_the_default_sandbox() {
    for (inspakt_http_status, status) in [(InspaktHttpStatus::Ok, 200), (InspaktHttpStatus::Semantic, 401)] {
        let api = Api::with(Settings { auth: Auth::Strict, inspakt_http_status, ..Settings::default() });
        let answer = api.send(request("other", "GET", "/envelopes", None)).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]["name"]), (status, &json!("ApiKey.Unknown")));
        assert_eq!(answer.header("www-authenticate"), "ApiKey realm=\"docendorse-mock\"");
        assert_eq!(api.send(request(built_in::API_KEY, "GET", "/envelopes", None)).await.status, 200);
    }
}

#[tokio::test]
async fn the_handoff_keeps_its_http_statuses() {
    let api = Api::new();
    assert_eq!(api.hand_off("{}").await.status, 400);
    assert_eq!(api.get("/api/v1/unknown").await.status, 404);
}
