//! Sources of agents (G3), and every refusal of an assignment or of sending, by its name (G7, G10).

use crate::{
    harness::Api,
    signing::lifecycle::{add, ask, draft, payload, people, refusal, refused, signer},
};
use docendorse_mock::{
    Settings,
    domain::signing::{Locale, MOST_AGENTS, MOST_RECIPIENTS},
    sandbox::{NewContact, NewUser},
};
use serde_json::{Value, json};

async fn contact(api: &Api, name: &str) -> String {
    let new =
        json!({ "name": name, "email": format!("{name}@example.com"), "phone": "+905001234567", "locale": "tr-TR" });
    payload(api, "POST", "/contacts", new).await["contactId"].as_str().unwrap().to_owned()
}

async fn group(api: &Api, members: &[&String]) -> String {
    let new = json!({ "name": "Directors", "contactIds": members });
    payload(api, "POST", "/contact-groups", new).await["groupId"].as_str().unwrap().to_owned()
}

async fn user(api: &Api) {
    let user = NewUser { name: "Sam".into(), email: "sam@example.com".into(), phone: None, locale: Locale::EnUs };
    api.app.sandboxes.default_sandbox().create_user(Some("usr_sam".to_owned()), user).await.unwrap();
}

fn without_ids(agents: &Value) -> Vec<Value> {
    let mut agents = agents.as_array().unwrap().clone();
    for agent in &mut agents {
        agent.as_object_mut().unwrap().remove("id").unwrap();
    }
    agents
}

#[tokio::test]
async fn agents_come_from_four_sources() {
    let api = Api::new();
    let (jane, joe) = (contact(&api, "jane").await, contact(&api, "joe").await);
    let directors = group(&api, &[&joe]).await;
    user(&api).await;
    let id = draft(&api).await;
    let recipient = add(&api, &id, json!({ "type": "signer", "identifier": "company_rep" })).await;
    let path = format!("/envelopes/{id}/recipients/{recipient}/agents");
    let info = json!({ "name": "Alice", "email": "alice@example.com", "phone": "+14155550123" });
    let set = payload(
        &api,
        "PUT",
        &path,
        json!({ "agents": [
            { "info": info, "context": { "crm": 7 } },
            { "contactId": jane, "phoneContactMethod": "whatsapp" },
            { "userId": "usr_sam" },
            { "groupId": directors, "context": { "seat": "board" } },
        ] }),
    )
    .await;
    let wanted = json!([
        { "name": "Alice", "email": "alice@example.com", "phone": "+14155550123", "locale": "en-US",
          "phoneContactMethod": "sms", "primary": false, "context": { "crm": 7 } },
        { "name": "jane", "email": "jane@example.com", "phone": "+905001234567", "locale": "tr-TR",
          "phoneContactMethod": "whatsapp", "primary": false, "contactId": jane },
        { "name": "Sam", "email": "sam@example.com", "locale": "en-US", "primary": false, "userId": "usr_sam" },
        { "name": "joe", "email": "joe@example.com", "phone": "+905001234567", "locale": "tr-TR",
          "phoneContactMethod": "sms", "primary": false, "context": { "seat": "board" }, "groupId": directors },
    ]);
    assert_eq!(Value::from(without_ids(&set["agents"])), wanted);
    assert_eq!(payload(&api, "GET", &path, None).await, set);
    let fewer = payload(&api, "PUT", &path, json!({ "agents": people(&["bob"]) })).await;
    assert_eq!(fewer["agents"].as_array().unwrap().len(), 1, "they replace the earlier agents");
    assert_ne!(fewer["agents"][0]["id"], set["agents"][0]["id"], "ids are never reused");
    assert_eq!(payload(&api, "PUT", &path, json!({ "agents": [] })).await["agents"], json!([]));
}

#[tokio::test]
async fn an_inline_person_has_no_ids_and_keeps_its_context() {
    let api = Api::new();
    let id = draft(&api).await;
    let info = json!({ "name": "Alice", "email": "alice@example.com", "contactId": "cnt_1", "userId": "usr_1", "context": { "crm": 7 } });
    let recipient = add(&api, &id, json!({ "type": "signer", "identifier": "a", "agents": [{ "info": info }] })).await;
    let agents = payload(&api, "GET", &format!("/envelopes/{id}/recipients/{recipient}/agents"), None).await;
    let wanted = json!({ "name": "Alice", "email": "alice@example.com", "locale": "en-US", "primary": false, "context": { "crm": 7 } });
    assert_eq!(without_ids(&agents["agents"]), [wanted]);
}

#[tokio::test]
async fn a_group_expands_when_it_is_assigned_and_never_again() {
    let api = Api::new();
    let (jane, joe, late) = (contact(&api, "jane").await, contact(&api, "joe").await, contact(&api, "late").await);
    let directors = group(&api, &[&jane, &joe, &jane]).await;
    let id = draft(&api).await;
    let new = json!({ "type": "signer", "identifier": "board", "agents": [{ "groupId": directors }] });
    let recipient = add(&api, &id, new).await;
    let path = format!("/envelopes/{id}/recipients/{recipient}/agents");
    let agents = payload(&api, "GET", &path, None).await["agents"].clone();
    let names: Vec<&str> = agents.as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["jane", "joe"], "in the order of the group, each once");
    assert!(agents.as_array().unwrap().iter().all(|agent| agent["groupId"] == directors));

    // Change the group and its first member.
    let grown = json!({ "contactIds": [late] });
    payload(&api, "PUT", &format!("/contact-groups/{directors}"), grown).await;
    payload(&api, "PATCH", &format!("/contacts/{jane}"), json!({ "name": "renamed" })).await;
    assert_eq!(payload(&api, "GET", &path, None).await["agents"], agents, "assigned agents do not change");
    payload(&api, "PUT", &format!("/envelopes/{id}/send"), None).await;
    assert_eq!(payload(&api, "GET", &path, None).await["agents"], agents);
}

#[tokio::test]
async fn every_refusal_at_assignment_has_its_name() {
    let api = Api::new();
    let jane = contact(&api, "jane").await;
    let (directors, nobody) = (group(&api, &[&jane]).await, group(&api, &[]).await);
    let id = draft(&api).await;
    let host = add(&api, &id, json!({ "type": "host", "identifier": "host" })).await;
    let signer_id = add(&api, &id, signer("tenant", &["sam"])).await;
    let agents = |agents: Value| json!({ "type": "signer", "identifier": "board", "agents": agents });
    let info = json!({ "name": "Jane", "email": "JANE@example.com" });
    let cases = [
        (agents(json!([{ "info": info }, {}])), "Agent.NoSource", json!({ "agent": 1 })),
        (agents(json!([{ "context": {} }])), "Agent.NoSource", json!({ "agent": 0 })),
        (agents(json!([{ "info": info, "contactId": jane }])), "Agent.SeveralSources", json!({ "agent": 0 })),
        (
            agents(json!([{ "info": info }, { "userId": "u", "groupId": "g" }])),
            "Agent.SeveralSources",
            json!({ "agent": 1 }),
        ),
        (
            agents(json!([{ "info": info }, { "contactId": jane }])),
            "Agent.Duplicate",
            json!({ "envelopeId": id, "email": "jane@example.com" }),
        ),
        (
            agents(json!([{ "groupId": directors }, { "groupId": directors }])),
            "Agent.Duplicate",
            json!({ "envelopeId": id, "email": "jane@example.com" }),
        ),
        (agents(json!([{ "groupId": nobody }])), "Group.Empty", json!({ "groupId": nobody })),
        (agents(json!([{ "groupId": "grp_1" }])), "Group.NotFound", json!({ "groupId": "grp_1" })),
        (agents(json!([{ "contactId": "cnt_1" }])), "Contact.NotFound", json!({ "contactId": "cnt_1" })),
        (agents(json!([{ "userId": "usr_1" }])), "User.NotFound", json!({ "userId": "usr_1" })),
        (signer("tenant", &["bob"]), "Recipient.DuplicateIdentifier", json!({ "envelopeId": id })),
        (
            json!({ "type": "in_person_signer", "identifier": "x", "hostedById": signer_id }),
            "Recipient.WrongReference",
            json!({ "envelopeId": id }),
        ),
        (
            json!({ "type": "in_person_signer", "identifier": "x", "hostedById": "rcp_1" }),
            "Recipient.WrongReference",
            json!({ "envelopeId": id }),
        ),
        (
            json!({ "type": "signer", "identifier": "x", "delegatedById": "" }),
            "Recipient.WrongReference",
            json!({ "envelopeId": id }),
        ),
    ];
    let before = payload(&api, "GET", &format!("/envelopes/{id}"), None).await;
    let mut told = String::new();
    for (recipient, name, context) in cases {
        let path = format!("/envelopes/{id}/recipients");
        let answer = ask(&api, "POST", &path, json!({ "recipient": recipient })).await;
        assert_eq!(refusal(&answer), (name.to_owned(), context), "{recipient}");
        let description = answer.json()["error"]["description"].as_str().unwrap().to_owned();
        told += &format!("{name}: {description}\n");
        // The same as a change, if a change can express it.
        let mut change = recipient.clone();
        let change = change.as_object_mut().unwrap();
        change.remove("type");
        let answer = ask(&api, "PATCH", &format!("{path}/{host}"), json!({ "recipient": change })).await;
        assert_eq!(refusal(&answer).0, name, "{recipient}");
        if let Some(agents) = change.get("agents").filter(|_| name != "Recipient.DuplicateIdentifier") {
            let answer = ask(&api, "PUT", &format!("{path}/{host}/agents"), json!({ "agents": agents })).await;
            assert_eq!(refusal(&answer).0, name, "{agents}");
        }
    }
    assert_eq!(payload(&api, "GET", &format!("/envelopes/{id}"), None).await, before, "nothing was changed");
    let told = told.replace(&jane, "CONTACT").replace(&nobody, "GROUP").replace(&signer_id, "RECIPIENT");
    insta::assert_snapshot!(told);
    let new = json!({ "name": "Directors", "contactIds": [jane, "cnt_1"] });
    assert_eq!(refused(&api, "POST", "/contact-groups", new).await.0, "Contact.NotFound");
}

#[tokio::test]
async fn every_refusal_at_sending_has_its_name() {
    let api = Api::new();
    let agents = people(&["sam"]);
    let signs = |more: Value| {
        let mut recipient = json!({ "type": "signer", "identifier": "tenant", "agents": agents });
        recipient.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        recipient
    };
    let host = json!({ "type": "host", "identifier": "host", "order": 2, "agents": people(&["alice"]) });
    let cases = [
        (vec![], "Envelope.NoSigner", json!(null)),
        (vec![signs(json!({ "type": "viewer" }))], "Envelope.NoSigner", json!(null)),
        (vec![signs(json!({ "required": false }))], "Envelope.NoSigner", json!(null)),
        (vec![signs(json!({ "agents": [] }))], "Recipient.NoAgents", json!(0)),
        (vec![signs(json!({ "type": "in_person_signer" }))], "Recipient.NoHost", json!(0)),
        (vec![host, signs(json!({ "type": "in_person_signer" }))], "Recipient.NoHost", json!(1)),
        (vec![signs(json!({ "phoneVerification": true }))], "Agent.NoPhone", json!(0)),
    ];
    for (recipients, name, about) in cases {
        let id = draft(&api).await;
        let mut ids = Vec::new();
        for mut recipient in recipients {
            if name == "Recipient.NoHost" && !ids.is_empty() {
                recipient["hostedById"] = json!(ids[0]);
            }
            ids.push(add(&api, &id, recipient).await);
        }
        let (refused, context) = refused(&api, "PUT", &format!("/envelopes/{id}/send"), None).await;
        assert_eq!((refused.as_str(), &context["status"]), (name, &json!("draft")));
        let wanted = about.as_u64().map_or(Value::Null, |place| json!(ids[usize::try_from(place).unwrap()]));
        assert_eq!(context["recipientId"], wanted, "{name}");
        assert_eq!(context["agentId"].is_string(), name == "Agent.NoPhone");
    }
}

#[tokio::test]
async fn recipients_of_an_envelope_and_their_agents_are_bounded() {
    let api = Api::with(Settings { max_body: 16 << 20, ..Settings::default() });
    let id = draft(&api).await;
    let many: Value = (0..=MOST_AGENTS)
        .map(|number| json!({ "info": { "name": "Sam", "email": format!("sam+{number}@example.com") } }))
        .collect();
    let recipients = format!("/envelopes/{id}/recipients");
    let too_many = json!({ "recipient": { "type": "signer", "identifier": "all", "agents": many } });
    assert_eq!(refused(&api, "POST", &recipients, too_many).await.0, "Recipient.TooManyAgents");
    for number in 0..MOST_RECIPIENTS {
        add(&api, &id, json!({ "type": "viewer", "identifier": format!("viewer_{number}") })).await;
    }
    assert_eq!(MOST_RECIPIENTS, 1_000);
    let one_more = json!({ "recipient": { "type": "viewer", "identifier": "one_more" } });
    assert_eq!(refused(&api, "POST", &recipients, one_more).await.0, "Envelope.TooManyRecipients");
}

/// A short body can name a large group, each member of which gets a copy of the context. Refused before copying.
#[tokio::test]
async fn a_group_times_a_context_is_bounded() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let mut members = Vec::new();
    for number in 0..1000 {
        let contact = NewContact {
            name: "Sam".into(),
            email: Some(format!("sam+{number}@example.com").into()),
            phone: None,
            locale: Locale::EnUs,
        };
        members.push(sandbox.create_contact(contact).await.unwrap().id.to_string());
    }
    let crowd = group(&api, &members.iter().collect::<Vec<_>>()).await;
    let id = draft(&api).await;
    let recipients = format!("/envelopes/{id}/recipients");
    let with = |agents: Value| json!({ "recipient": { "type": "signer", "identifier": "crowd", "agents": agents } });
    let heavy = with(json!([{ "groupId": crowd, "context": { "text": "x".repeat(100_000) } }]));
    assert_eq!(refused(&api, "POST", &recipients, heavy).await.0, "Envelope.TooLarge");
    let again_and_again = with(vec![json!({ "groupId": crowd }); 11].into());
    assert_eq!(refused(&api, "POST", &recipients, again_and_again).await.0, "Recipient.TooManyAgents");
    let recipient =
        payload(&api, "POST", &recipients, with(json!([{ "groupId": crowd }]))).await["recipientId"].clone();
    // The limit also applies across requests: 34 recipients of 999,000 bytes each are too large together.
    let wide =
        |number: usize| json!({ "type": "viewer", "identifier": format!("v{number}"), "color": "x".repeat(999_000) });
    for number in 0..33 {
        add(&api, &id, wide(number)).await;
    }
    let one_more = json!({ "recipient": wide(33) });
    assert_eq!(refused(&api, "POST", &recipients, one_more).await.0, "Envelope.TooLarge");
    let path = format!("{recipients}/{}", recipient.as_str().unwrap());
    let change = json!({ "recipient": { "color": "x".repeat(999_000) } });
    assert_eq!(refused(&api, "PATCH", &path, change).await.0, "Envelope.TooLarge");
}
