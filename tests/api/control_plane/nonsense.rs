//! Meaningless input is refused with its location and a fix, and never accepted silently.

use crate::{
    harness::{Api, body_of, handoff_request},
    people::stage::{Stage, parties},
    sandboxes::lifecycle::send,
};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};

/// The `detail` of an error.
fn refused(answer: &crate::harness::Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer.json()["detail"].as_str().unwrap().to_owned()
}

/// A server, and a snapshot of its sandbox with one record of each kind.
async fn full_snapshot() -> (Stage, Value) {
    let stage = Stage::new(json!({ "people": [{ "opens": "1h" }] })).await;
    stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let mut taken = stage.get("/__admin/sandboxes/play/snapshot").await;
    let session = taken["agent_sessions"][0].clone();
    taken["pending_handoffs"] = json!([{
        "id": "ho_0123456789abcdef01234567", "key": "open\nh-2", "client": "open", "request": {
            "handoff_id": session["request"]["handoff_id"], "intent": session["intent"], "actor": session["actor"],
            "integration": { "source": session["request"]["integration"]["source"] },
        },
        "body": session["request"],
    }]);
    let at = "2026-03-01T12:00:00Z";
    taken["contacts"] = json!([{ "id": "cnt_1", "name": "Ann", "email": "ann@example.com", "createdAt": at }]);
    taken["contact_groups"] = json!([{ "id": "grp_1", "name": "Team", "contactIds": ["cnt_1"], "createdAt": at }]);
    taken["users"] = json!([{ "id": "usr_1", "name": "Sam", "email": "sam@example.com", "createdAt": at }]);
    taken["actors"] =
        json!([{ "email": "kim@example.com", "registered": true, "email_verified": true, "subscribed": true }]);
    (stage, taken)
}

#[tokio::test]
async fn every_member_of_a_snapshot_is_checked() {
    let (stage, taken) = full_snapshot().await;
    let restored = stage.ask("POST", "/__admin/sandboxes/restore?name=good", taken.clone()).await;
    assert_eq!(restored.status, 201, "{}", restored.text);
    for (pointer, value, reason) in [
        ("/agent_sessions/0/id", json!(""), "is not an id"),
        ("/agent_sessions/0/id", json!("\u{0}"), "is not an id"),
        ("/agent_sessions/0/id", json!("x"), "is not an id"),
        ("/agent_sessions/0/id", json!("as_a/b"), "is not an id"),
        ("/agent_sessions/0/actor/email", json!("nonsense"), "is not an email address"),
        ("/agent_sessions/0/actor/external_user_id", json!("another"), "differs from the request"),
        ("/agent_sessions/0/request", json!(5), "must be a JSON object"),
        ("/agent_sessions/0/request", json!({}), "is missing"),
        ("/agent_sessions/0/request/actor/email", json!("nonsense"), "must be an email address"),
        ("/agent_sessions/0/handoff_id", json!("other"), "differs from the request"),
        ("/agent_sessions/0/intent", json!("self_sign"), "differs from the request"),
        ("/agent_sessions/0/expires_at", json!("2020-01-01T00:00:00Z"), "is before created_at"),
        ("/agent_sessions/0/created_at", json!("20290501T000000Z"), "is not a time such as"),
        ("/pending_handoffs/0/id", json!(""), "is not an id"),
        ("/pending_handoffs/0/body", json!("x"), "must be a JSON object"),
        ("/pending_handoffs/0/request/handoff_id", json!("other"), "differs from the request"),
        ("/pending_handoffs/0/request/actor/email", json!("x"), "is not an email address"),
        ("/actors/0/email", json!("nonsense"), "is not an email address"),
        ("/actors/0/email", json!("Kim@example.com"), "write \"kim@example.com\""),
        ("/contacts/0/id", json!("cnt_\n"), "is not an id"),
        ("/contacts/0/name", json!(""), "must be a non-empty string"),
        ("/contacts/0/name", json!("a\u{7}"), "must be a non-empty string without control characters"),
        ("/contacts/0/email", json!("x"), "must be an email address"),
        ("/contacts/0/createdAt", json!("2026-02-30T00:00:00Z"), "the day 2026-02-30 does not exist"),
        ("/contact_groups/0/id", json!("Team"), "is not an id"),
        ("/contact_groups/0/name", json!(""), "must be a non-empty string"),
        ("/contact_groups/0/contactIds/0", json!("cnt_2"), "there is no contact \"cnt_2\" in the snapshot"),
        ("/users/0/id", json!(".."), "is not an id"),
        ("/users/0/name", json!(" "), "must have 1 to 200 characters"),
        ("/users/0/email", json!("sam@"), "is not an email address"),
        ("/users/0/phone", json!("by letter"), "has no digits"),
        ("/envelopes/0/recipients/0/role/identifier", json!("a\u{0}"), "contains a control character"),
        ("/envelopes/0/recipients/0/role/persons/0/email", json!("x"), "must be an email address"),
        ("/envelopes/0/recipients/0/role/persons/0/name", json!(""), "must be a non-empty string"),
        ("/envelopes/0/terms/sender/email", json!("sam@\r\nBcc: x"), "is not an email address"),
        ("/envelopes/0/terms/created_at", json!("2026-03-01T12:00:00+25:00"), "the offset +25:00 does not exist"),
        ("/ids/agent_sessions", json!(u64::MAX), "is too large"),
        ("/clock/now", json!("2026-03-01T12:00:00,5Z"), "is not a time such as"),
    ] {
        let mut changed = taken.clone();
        match changed.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => {
                let (parent, member) = pointer.rsplit_once('/').unwrap();
                changed.pointer_mut(parent).unwrap()[member] = value.clone();
            }
        }
        let answer = stage.ask("POST", "/__admin/sandboxes/restore?name=again", changed).await;
        let detail = refused(&answer, 400);
        assert!(detail.contains(reason), "{pointer} {value}: {detail}");
        assert!(detail.contains(pointer), "{pointer} {value}: {detail}");
        assert_eq!(stage.api.get("/__admin/sandboxes/again").await.status, 404, "nothing is left behind");
    }
}

#[tokio::test]
async fn a_large_snapshot_is_checked_like_a_small_one() {
    let (stage, mut taken) = full_snapshot().await;
    let contact = taken["contacts"][0].clone();
    taken["contacts"] = (0..4_000)
        .map(|number| {
            let mut contact = contact.clone();
            contact["id"] = json!(format!("cnt_{number}"));
            contact
        })
        .collect();
    taken["contact_groups"] = json!([]);
    taken["contacts"][3_999]["createdAt"] = json!("2029-04-01T00Z");
    assert!(taken.to_string().len() > 300_000);
    let detail = refused(&stage.ask("POST", "/__admin/sandboxes/restore?name=again", taken).await, 400);
    assert!(detail.contains("/contacts/3999/createdAt"), "{detail}");
}

#[tokio::test]
async fn only_rfc_3339_times_are_read() {
    let api = Api::new();
    for (time, reason) in [
        ("2029-05-01T00:00:00+25:00", "the offset +25:00 does not exist"),
        ("20290501T000000Z", "is not a time such as"),
        ("2029-04-01T00Z", "is not a time such as"),
        ("2029-04-01T00:00:00Z[UTC]", "is not a time such as"),
        ("2029-04-01T00:00:00,5Z", "is not a time such as"),
        ("-002029-04-01T00:00:00Z", "is not a time such as"),
        ("2029-06-30T23:59:60Z", "leap seconds"),
        ("9999-12-31T23:59:59Z", "out of range; the latest time is 9999-12-30T22:00:00Z"),
        ("2027-02-30T00:00:00Z", "the day 2027-02-30 does not exist"),
    ] {
        let set = send(&api, "POST", "/__admin/clock/set", json!({ "to": time })).await;
        let frozen = send(&api, "POST", "/__admin/sandboxes", json!({ "clock": { "frozen_at": time } })).await;
        for answer in [set, frozen] {
            let detail = refused(&answer, 400);
            assert!(detail.contains(reason), "{time}: {detail}");
        }
        let time = time.replace('+', "%2B").replace('[', "%5B").replace(']', "%5D");
        assert_eq!(api.get(&format!("/__admin/requests?since={time}")).await.status, 400, "{time}");
    }
    let set = send(&api, "POST", "/__admin/clock/set", json!({ "to": "9999-12-30T22:00:00Z" })).await;
    assert_eq!(set.status, 200, "{}", set.text);
}

#[tokio::test]
async fn invalid_scenarios_are_refused_with_a_fix() {
    let api = Api::new();
    for (answer, reason) in [
        (json!({ "remove": ["handof_uri"] }), "did you mean \"handoff_uri\"?"),
        (json!({ "remove": [] }), "\"remove\" is empty"),
        (json!({ "remove": ["5"] }), "the answer has no member \"5\"; it has status, next_action"),
        (json!({ "remove": ["description"] }), "the answer has no member \"description\""),
        (json!({ "outcome": "register", "remove": ["registration_uri"] }), "did you mean \"registration_url\"?"),
    ] {
        let scenario = json!({ "name": "s", "answers": [answer] });
        let detail = refused(&send(&api, "PUT", "/__admin/scenarios/s", scenario).await, 400);
        assert!(detail.contains(reason), "{answer}: {detail}");
    }
    let token = json!({ "name": "s", "endpoint": "token", "answers": [{ "remove": ["acces_token"] }] });
    let detail = refused(&send(&api, "PUT", "/__admin/scenarios/s", token).await, 400);
    assert!(detail.contains("did you mean \"access_token\"?"), "{detail}");
    for good in [
        json!({ "remove": ["handoff_uri", "next_action"] }),
        json!({ "outcome": "error", "remove": ["description"], "set": { "status": "odd" } }),
    ] {
        let scenario = json!({ "name": "s", "answers": [good] });
        assert_eq!(send(&api, "PUT", "/__admin/scenarios/s", scenario).await.status, 200);
    }
    for name in [".", ".."] {
        let list = json!({ "scenarios": [{ "name": name, "answers": [{}] }] });
        let detail = refused(&send(&api, "POST", "/__admin/sandboxes", list).await, 400);
        assert!(detail.contains("it has a special meaning in URLs"), "{detail}");
    }
}

#[tokio::test]
async fn a_state_of_an_actor_is_set_by_email() {
    let api = Api::new();
    let path = "/__admin/scenarios/flaky/state";
    let refusal = send(&api, "PUT", path, json!({ "subject": "sam", "answer": 0 })).await;
    let detail = refused(&refusal, 400);
    assert!(detail.contains("/subject") && detail.contains("is not an email address"), "{detail}");
    let set = send(&api, "PUT", path, json!({ "subject": "sam@example.com", "answer": 0 })).await;
    assert_eq!(set.status, 200, "{}", set.text);
}

#[tokio::test]
async fn a_wait_for_no_exchange_is_refused() {
    let detail = refused(&Api::new().get("/__admin/requests/wait?count=0").await, 400);
    assert!(detail.contains("count: 0") && detail.contains("/__admin/requests/count"), "{detail}");
}

#[tokio::test]
async fn filters_refuse_values_that_cannot_be_ids() {
    let api = Api::new();
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    for path in [
        "sessions?client=foo",
        "sessions?email=foo",
        "events?agent_session_id=foo",
        "events?envelope_id=foo",
        "events?agent_id=foo",
        "events?after=foo",
        "messages?envelope_id=foo",
        "messages?agent_id=foo",
        "signing/envelopes?agent_session_id=as_",
        "requests?before=foo",
        "requests?since=foo",
    ] {
        let detail = refused(&api.get(&format!("/__admin/{path}")).await, 400);
        let (parameter, _) = path.split_once('?').unwrap().1.split_once('=').unwrap();
        assert!(detail.contains(&format!("In the query: {parameter}: ")), "{path}: {detail}");
    }
    for (path, list) in [
        ("sessions?client=client_0123456789abcdef0123456789abcdef", "sessions"),
        ("sessions?email=nobody%40example.com", "sessions"),
        ("sessions?email=no+body@example.com", "sessions"),
        ("sessions?handoff_id=none", "sessions"),
        ("events?agent_session_id=as_0123456789abcdef01234567", "events"),
        ("events?envelope_id=env_0123456789abcdef", "events"),
        ("messages?envelope_id=env_0123456789abcdef", "messages"),
        ("signing/envelopes?agent_session_id=as_0123456789abcdef01234567", "envelopes"),
        ("requests?before=ex_00000001", "requests"),
    ] {
        let answer = api.get(&format!("/__admin/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!(answer.json()[list], json!([]), "{path}");
    }
    for path in [
        "requests?before=ex_99999999",
        "requests?since=ex_00000002",
        "sessions?after=as_0123456789abcdef01234567",
        "events?after=evt_99999999",
        "messages?after=msg_0",
        "signing/envelopes?after=env_0123456789abcdef",
    ] {
        let detail = refused(&api.get(&format!("/__admin/{path}")).await, 404);
        assert!(detail.contains("here is no"), "{path}: {detail}");
    }
}

#[tokio::test]
async fn a_misspelt_path_with_ids_suggests_the_nearest() {
    let api = Api::new();
    for (written, meant) in [
        ("scenarios/flaky/sate", "scenarios/flaky/state"),
        ("clients/client_x/kyes", "clients/client_x/keys"),
        ("clients/client_x/kyes/2026-03", "clients/client_x/keys/2026-03"),
        ("openapi", "openapi.json"),
        ("sesions/as_1", "sessions/as_1"),
        ("signing/agent/agt_1/accept", "signing/agents/agt_1/accept"),
        ("signing/agents/agt_1/acept/", "signing/agents/agt_1/accept"),
        ("request", "requests"),
        ("schemas/scenario", "schemas/scenario.json"),
    ] {
        let detail = refused(&api.get(&format!("/__admin/{written}")).await, 404);
        assert!(detail.ends_with(&format!("did you mean /__admin/{meant}?")), "{written}: {detail}");
    }
    for written in ["x/y/z", "sessions/as_1/of/nothing", "entirely-different"] {
        let detail = refused(&api.get(&format!("/__admin/{written}")).await, 404);
        assert!(detail.contains("GET /__admin/ lists the endpoints"), "{written}: {detail}");
    }
}

#[tokio::test]
async fn control_characters_in_names_are_refused() {
    let api = Api::new();
    for text in ["a\u{0}b", "a\nb", "a\u{7f}"] {
        for (path, member, mut body) in [
            ("/__admin/tokens", "sub", json!({})),
            ("/__admin/signing/users", "name", json!({ "email": "sam@example.com" })),
        ] {
            body[member] = json!(text);
            let detail = refused(&send(&api, "POST", path, body).await, 400);
            assert!(detail.contains(&format!("/{member}: ")) && detail.contains("control character"), "{detail}");
        }
        let key = include_str!("../../../fixtures/keys/test-client.pub.pem");
        let client = send(&api, "POST", "/__admin/clients", json!({ "public_key": key, "kid": text })).await;
        let detail = refused(&client, 400);
        assert!(detail.contains("/kid: ") && detail.contains("control character"), "{detail}");
        let agents = json!([{ "name": text, "opens": "1m" }]);
        let race = send(&api, "POST", "/__admin/signing/simulations", json!({ "agents": agents })).await;
        assert!(refused(&race, 400).contains("control character"), "{}", race.text);
    }
}

/// Sends a request that the signing service refuses.
async fn sign(api: &Api, method: &str, path: &str, body: Value) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v1/key/{path}"))
        .header("x-inspakt-api-key", "any")
        .header("content-type", "application/json")
        .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) })
        .unwrap();
    api.send(request).await.json()
}

#[tokio::test]
async fn the_signing_service_refuses_unknown_parameters_everywhere() {
    let api = Api::new();
    let contact = json!({ "name": "Ann", "email": "ann@example.com" });
    for (method, path, body) in [
        ("GET", "contacts/cnt_1", Value::Null),
        ("DELETE", "contacts/cnt_1", Value::Null),
        ("POST", "contacts", contact.clone()),
        ("PATCH", "contacts/cnt_1", contact),
        ("GET", "envelopes/env_0123456789abcdef", Value::Null),
        ("GET", "users/usr_1", Value::Null),
    ] {
        let answer = sign(&api, method, &format!("{path}?x=1"), body).await.to_string();
        assert!(answer.contains("Request.InvalidQuery"), "{method} {path}: {answer}");
        assert!(answer.contains("takes none"), "{method} {path}: {answer}");
    }
    let answer = sign(&api, "GET", "envelopes?lmit=5", Value::Null).await.to_string();
    assert!(answer.contains("did you mean \\\"limit\\\"?"), "{answer}");
    let answer = sign(&api, "GET", "envelopes?limit=%2B5", Value::Null).await.to_string();
    assert!(answer.contains("Request.InvalidQuery"), "{answer}");
    let listed = api.get("/__admin/requests").await.json();
    assert_eq!(listed["matching"], 8, "refused requests are recorded");
}

#[tokio::test]
async fn names_at_the_signing_service_have_no_control_characters() {
    let api = Api::new();
    for (path, body, place) in [
        ("contacts", json!({ "name": "a\u{0}", "email": "a@example.com" }), "/name"),
        ("contact-groups", json!({ "name": "a\n", "contactIds": [] }), "/name"),
        ("envelopes", json!({ "name": "a\u{7f}b" }), "/name"),
    ] {
        let answer = sign(&api, "POST", path, body).await.to_string();
        assert!(answer.contains("without control characters") && answer.contains(place), "{path}: {answer}");
    }
    let envelope = sign(&api, "POST", "envelopes", json!({ "name": "NDA" })).await;
    let id = envelope.pointer("/payload/envelopeId").and_then(Value::as_str).unwrap_or_else(|| panic!("{envelope}"));
    let recipient = json!({ "recipient": { "type": "signer", "identifier": "a\u{1}" } });
    let answer = sign(&api, "POST", &format!("envelopes/{id}/recipients"), recipient).await.to_string();
    assert!(answer.contains("/recipient/identifier") && answer.contains("control characters"), "{answer}");
}

#[tokio::test]
async fn a_sandbox_parameter_at_the_contract_draws_an_advice() {
    let api = Api::new();
    for (query, advised) in [("", false), ("?x=sandbox", false), ("?sandbox=suite-a", true), ("?x=1&sandbox", true)] {
        let mut request = handoff_request(body_of(&format!("h{query}"), "sam@example.com"));
        *request.uri_mut() = format!("{}{query}", crate::harness::CREATE).parse().unwrap();
        let answer = api.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let advices = api.exchange(&answer).await["advices"].to_string();
        assert_eq!(advices.contains("ignored_sandbox"), advised, "{query}: {advices}");
        assert_eq!(answer.headers.contains_key("x-mock-advices"), advised, "{query}");
    }
    let token = Request::post("/oauth2/v2/token?sandbox=a").body(Body::empty()).unwrap();
    let answer = api.send(token).await;
    assert!(api.exchange(&answer).await["advices"].to_string().contains("ignored_sandbox"));
}

#[tokio::test]
async fn a_session_lifetime_of_zero_is_refused() {
    let api = Api::new();
    for setting in ["session_ttl", "token_ttl"] {
        let sandbox = send(&api, "POST", "/__admin/sandboxes", json!({ "settings": { setting: "0s" } })).await;
        let detail = refused(&sandbox, 400);
        assert!(detail.contains(&format!("/settings/{setting}: 0 would")), "{detail}");
    }
}

#[tokio::test]
async fn empty_steps_of_a_simulation_are_refused() {
    let api = Api::new();
    for (step, reason) in [
        (json!({}), "the object is empty"),
        (json!({ "uniform": null }), "null is not allowed here"),
        (json!({ "after": null }), "null is not allowed here"),
        (json!(null), "the value is missing"),
    ] {
        let agents = json!([{ "name": "Alice", "opens": "1m", "accepts": step }]);
        let answer = send(&api, "POST", "/__admin/signing/simulations", json!({ "agents": agents })).await;
        let detail = refused(&answer, 400);
        assert!(detail.contains(reason) && detail.contains("/agents/0"), "{step}: {detail}");
    }
}
