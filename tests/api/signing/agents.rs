//! Contact details of agents (G2), removals from a draft (G6, G7), and the effects of a decline (G10).

use crate::{
    harness::{Answer, Api},
    people::stage::{Stage, parties},
    sandboxes::lifecycle::{create, send},
    signing::lifecycle::{add, ask, draft, payload, people, refusal, refused, request, signer},
};
use docendorse_mock::{Settings, config::OnDecline};
use serde_json::{Value, json};

async fn act(api: &Api, agent: &Value, act: &str) -> Answer {
    let path = format!("/__admin/signing/agents/{}/{act}", agent.as_str().unwrap());
    api.call("POST", &path).await
}

async fn advices(api: &Api, answer: &Answer) -> Vec<String> {
    let exchange = api.exchange(answer).await;
    let advices = exchange["advices"].as_array().unwrap();
    assert_eq!(
        answer.headers.get("x-mock-advices").map_or(0, |count| count.to_str().unwrap().parse().unwrap()),
        advices.len()
    );
    advices
        .iter()
        .map(|advice| {
            format!(
                "{} {} {}",
                advice["code"].as_str().unwrap(),
                advice["pointer"].as_str().unwrap(),
                advice["message"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn a_phone_that_is_not_e164_draws_an_advice() {
    let api = Api::new();
    let id = draft(&api).await;
    let recipients = format!("/envelopes/{id}/recipients");
    for (place, phone) in
        ["0500 123 45 67", "905001234567", "+1 (415) 555-0123", "+0123", "ext. 12", "+1234567890123456"]
            .into_iter()
            .enumerate()
    {
        let info = json!({ "name": "Jane", "email": "jane@example.com", "phone": phone });
        let new = json!({ "type": "signer", "identifier": format!("r{place}"), "agents": [{ "info": info }] });
        let answer = ask(&api, "POST", &recipients, json!({ "recipient": new })).await;
        assert_eq!(answer.json()["success"], true, "{}", answer.text);
        let wanted = format!(
            "unexpected_form /recipient/agents/0/info/phone is {phone:?}, which is accepted, but is not a telephone \
             number in E.164 form such as \"+14155550123\""
        );
        assert_eq!(advices(&api, &answer).await, [wanted]);
        let listed = payload(&api, "GET", &recipients, None).await["recipients"][place]["agents"][0].clone();
        assert_eq!((&listed["phone"], &listed["phoneContactMethod"]), (&json!(phone), &json!("sms")), "kept as given");
        let answer = ask(&api, "POST", "/contacts", json!({ "name": "Jane", "phone": phone })).await;
        assert_eq!(advices(&api, &answer).await.len(), 1, "{}", answer.text);
    }
    let fine = ask(&api, "POST", "/contacts", json!({ "name": "Jane", "phone": "+905001234567" })).await;
    assert_eq!(advices(&api, &fine).await, [""; 0]);
}

#[tokio::test]
async fn an_agent_needs_a_name_and_an_email_or_a_phone() {
    let api = Api::new();
    let id = draft(&api).await;
    let recipient = add(&api, &id, json!({ "type": "signer", "identifier": "a" })).await;
    let path = format!("/envelopes/{id}/recipients/{recipient}/agents");
    let by_phone = json!({ "agents": [{ "info": { "name": "Jane", "phone": "+905001234567" } }] });
    let agent = payload(&api, "PUT", &path, by_phone).await["agents"][0].clone();
    assert_eq!((&agent["name"], &agent["phone"], agent.get("email")), (&json!("Jane"), &json!("+905001234567"), None));
    for (info, pointer) in [
        (json!({ "name": "Jane" }), "/agents/0/info"),
        (json!({ "email": "jane@example.com" }), "/agents/0/info/name"),
        (json!({ "name": "Jane", "phone": "" }), "/agents/0/info/phone"),
        (json!({ "name": "Jane", "phone": null }), "/agents/0/info/phone"),
    ] {
        let (name, context) = refused(&api, "PUT", &path, json!({ "agents": [{ "info": info }] })).await;
        assert_eq!(
            (name.as_str(), &context["violations"][0]["pointer"]),
            ("Request.Invalid", &json!(pointer)),
            "{info}"
        );
    }
    let (_, context) = refused(&api, "POST", "/contacts", json!({ "name": "Jane" })).await;
    assert_eq!(
        context["violations"][0]["message"],
        "the body must be an object with at least one of \"email\" and \"phone\", but is an object without them"
    );
    let two = json!({ "agents": [
        { "info": { "name": "Jane", "phone": "+90 500 1234567" } }, { "info": { "name": "Joe", "phone": "+905001234567" } },
    ] });
    let (name, context) = refused(&api, "PUT", &path, two).await;
    assert_eq!((name.as_str(), &context["phone"]), ("Agent.Duplicate", &json!("+905001234567")), "one phone, no email");
}

#[tokio::test]
async fn a_code_reaches_the_phone_of_a_recipient_that_requires_one() {
    let api = Api::new();
    for (required, sent) in [(true, 1), (false, 0)] {
        api.call("DELETE", "/__admin/messages").await;
        let id = draft(&api).await;
        let info = json!({ "name": "Jane", "phone": "0500 123", "locale": "tr-TR", "phoneContactMethod": "whatsapp" });
        let new =
            json!({ "type": "signer", "identifier": "a", "phoneVerification": required, "agents": [{ "info": info }] });
        add(&api, &id, new).await;
        let envelope = payload(&api, "PUT", &format!("/envelopes/{id}/send"), None).await["envelope"].clone();
        let agent = &envelope["recipients"][0]["agents"][0]["id"];
        for what in ["open", "accept"] {
            assert_eq!(act(&api, agent, what).await.status, 200);
        }
        let messages = api.get("/__admin/messages?kind=one_time_code").await.json();
        assert_eq!(messages["matching"], sent, "{messages}");
        if required {
            assert_eq!(
                (&messages["messages"][0]["to"], &messages["messages"][0]["channel"]),
                (&json!("0500 123"), &json!("whatsapp"))
            );
            assert!(messages["messages"][0]["text"].as_str().unwrap().contains("kodunuz"), "in the agent's locale");
        }
    }
}

#[tokio::test]
async fn a_context_in_info_wins_over_one_beside_it() {
    let api = Api::new();
    let id = draft(&api).await;
    let info = |name: &str| json!({ "name": name, "email": format!("{name}@example.com"), "phone": "+14155550123" });
    let mut own = info("own");
    own["context"] = json!({ "from": "info" });
    own["phoneContactMethod"] = json!("whatsapp");
    let agents = json!([
        { "info": own, "context": { "from": "beside" }, "phoneContactMethod": "sms" },
        { "info": info("beside"), "context": { "from": "beside" }, "phoneContactMethod": "whatsapp" },
    ]);
    let recipient = add(&api, &id, json!({ "type": "signer", "identifier": "a", "agents": agents })).await;
    let path = format!("/envelopes/{id}/recipients/{recipient}/agents");
    let agents = payload(&api, "GET", &path, None).await["agents"].clone();
    let of = |place: usize| (agents[place]["context"]["from"].clone(), agents[place]["phoneContactMethod"].clone());
    assert_eq!(of(0), (json!("info"), json!("whatsapp")));
    assert_eq!(of(1), (json!("beside"), json!("whatsapp")));
}

#[tokio::test]
async fn only_a_draft_is_deleted() {
    let api = Api::new();
    let id = draft(&api).await;
    add(&api, &id, signer("tenant", &["sam"])).await;
    let path = format!("/envelopes/{id}");
    assert_eq!(payload(&api, "DELETE", &path, None).await, json!({ "envelopeId": id }));
    assert_eq!(payload(&api, "GET", "/envelopes", None).await["envelopes"], json!([]));
    for (method, path) in [("DELETE", path.clone()), ("GET", path.clone()), ("PUT", format!("{path}/send"))] {
        let (name, context) = refused(&api, method, &path, None).await;
        assert_eq!((name.as_str(), context), ("Envelope.NotFound", json!({ "envelopeId": id })), "{method}");
    }
    let sent = draft(&api).await;
    add(&api, &sent, signer("tenant", &["sam"])).await;
    payload(&api, "PUT", &format!("/envelopes/{sent}/send"), None).await;
    for status in ["sent", "voided"] {
        let (name, context) = refused(&api, "DELETE", &format!("/envelopes/{sent}"), None).await;
        assert_eq!((name.as_str(), &context["status"]), ("Envelope.NotDeletable", &json!(status)));
        if status == "sent" {
            payload(&api, "POST", &format!("/envelopes/{sent}/void"), None).await;
        }
    }
    assert_eq!(payload(&api, "GET", &format!("/envelopes/{sent}"), None).await["envelope"]["status"], "voided");
}

#[tokio::test]
async fn a_recipient_that_another_refers_to_is_not_removed() {
    let api = Api::new();
    let id = draft(&api).await;
    let host = add(&api, &id, json!({ "type": "host", "identifier": "host", "agents": people(&["alice"]) })).await;
    let guest = json!({ "type": "in_person_signer", "identifier": "guest", "hostedById": host });
    let guest = add(&api, &id, guest).await;
    let boss = add(&api, &id, signer("boss", &["bob"])).await;
    let deputy = json!({ "type": "delegator", "identifier": "deputy", "delegatedById": boss });
    let deputy = add(&api, &id, deputy).await;
    let path = |recipient: &str| format!("/envelopes/{id}/recipients/{recipient}");
    let bound = |by: &str| json!({ "envelopeId": id, "boundRecipientId": by });
    let host_bound = ("Recipient.HostRecipientBound".to_owned(), bound(&guest));
    assert_eq!(refused(&api, "DELETE", &path(&host), None).await, host_bound);
    let retype = json!({ "recipient": { "type": "signer" } });
    assert_eq!(refused(&api, "PATCH", &path(&host), retype.clone()).await, host_bound, "it would no longer be a host");
    let delegator_bound = ("Recipient.DelegatorRecipientBound".to_owned(), bound(&deputy));
    assert_eq!(refused(&api, "DELETE", &path(&boss), None).await, delegator_bound);

    payload(&api, "PATCH", &path(&host), json!({ "recipient": { "order": 5 } })).await;
    let late = refused(&api, "PUT", &format!("/envelopes/{id}/send"), None).await.0;
    assert_eq!(late, "Recipient.NoAgents", "orders are checked when the envelope is sent");
    let signs = payload(&api, "PATCH", &path(&guest), retype).await["recipient"].clone();
    assert_eq!(signs.get("hostedById"), None, "a signer has no host");
    payload(&api, "DELETE", &path(&host), None).await;
    payload(&api, "DELETE", &path(&deputy), None).await;
    payload(&api, "DELETE", &path(&boss), None).await;
}

/// Sends an envelope to one signer, who declines. Returns the envelope as the control plane shows it.
async fn declined(api: &Api, key: &str, sandbox: &str) -> Value {
    let ask = async |method: &str, path: &str, body: Option<Value>| {
        let answer = api.send(request(key, method, path, body.as_ref())).await.json();
        assert_eq!(answer["success"], true, "{answer}");
        answer["payload"].clone()
    };
    let id = ask("POST", "/envelopes", Some(json!({ "name": "NDA" }))).await["envelopeId"].as_str().unwrap().to_owned();
    let new = json!({ "recipient": signer("tenant", &["sam"]) });
    ask("POST", &format!("/envelopes/{id}/recipients"), Some(new)).await;
    let sent = ask("PUT", &format!("/envelopes/{id}/send"), None).await;
    let agent = sent["envelope"]["recipients"][0]["agents"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/__admin/signing/agents/{agent}/decline?sandbox={sandbox}");
    assert_eq!(api.call("POST", &path).await.status, 200);
    api.get(&format!("/__admin/signing/envelopes/{id}?sandbox={sandbox}")).await.json()
}

#[tokio::test]
async fn a_decline_voids_or_keeps_the_envelope() {
    for (on_decline, status) in [(OnDecline::Void, "voided"), (OnDecline::Keep, "sent")] {
        let api = Api::with(Settings { on_decline, ..Settings::default() });
        let envelope = declined(&api, "any", "default").await;
        assert_eq!((&envelope["status"], &envelope["recipients"][0]["state"]), (&json!(status), &json!("declined")));
    }
    let api = Api::new();
    let suite = create(&api, json!({ "name": "suite-a", "settings": { "on_decline": "keep" } })).await;
    let kept = declined(&api, suite["credentials"]["api_key"].as_str().unwrap(), "suite-a").await;
    assert_eq!(kept["status"], "sent", "a sandbox can override the setting");
    assert_eq!(declined(&api, "any", "default").await["status"], "voided");
    // A kept envelope waits for its sender, or expires.
    let void = format!("/__admin/signing/envelopes/{}/void?sandbox=suite-a", kept["id"].as_str().unwrap());
    assert_eq!(api.call("POST", &void).await.json()["envelope"]["voidedBecause"], "sender");

    let snapshot = api.get("/__admin/sandboxes/suite-a/snapshot").await.json();
    assert_eq!(snapshot["settings"]["on_decline"], "keep");
    let restored = send(&api, "POST", "/__admin/sandboxes/restore?name=again", snapshot).await.json();
    let key = restored["credentials"]["api_key"].as_str().unwrap();
    assert_eq!(declined(&api, key, "again").await["status"], "sent", "a snapshot keeps the setting");
}

#[tokio::test]
async fn the_envelope_of_a_handoff_is_kept_too() {
    let settings = Settings { on_decline: OnDecline::Keep, ..Settings::default() };
    let stage = Stage::with(settings, 7, json!({ "people": [{ "opens": "5m", "declines": "1m" }] })).await;
    let session = stage.hand_off("h-1", parties(&["Alice"])).await;
    stage.advance("1h").await;
    assert_eq!(stage.envelope(&session).await["status"], "sent");
    stage.advance("721h").await;
    assert_eq!(stage.envelope(&session).await["status"], "expired");
}

#[tokio::test]
async fn a_refusal_names_the_broken_rule() {
    let api = Api::new();
    let answer = ask(&api, "DELETE", "/envelopes/env_0000000000000000", None).await;
    assert_eq!(refusal(&answer).0, "Envelope.NotFound");
    assert_eq!(api.exchange(&answer).await["chosen"]["why"], "the signing rules refuse it: Envelope.NotFound");
}
