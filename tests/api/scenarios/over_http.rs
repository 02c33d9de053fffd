//! Scenarios over HTTP: how the control plane chooses and changes them, and what they answer.

use super::live::{Live, errors, hand_off, patch, put, said, sam, with, word};
use crate::{
    harness::Api,
    sandboxes::lifecycle::{self, create, send},
};
use axum::{body::Body, http::Request};
use docendorse_mock::{Settings, domain::scenario::shipped};
use serde_json::{Value, json};

#[tokio::test]
async fn the_highest_priority_is_tried_first() {
    let api = Api::new();
    put(&api, errors("a", &["a"])).await;
    put(&api, errors("b", &["b"])).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "a", "among equals, by name");
    put(&api, with(errors("b", &["b"]), "priority", json!(1))).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "b");
    put(&api, with(errors("a", &["a"]), "priority", json!(2))).await;
    put(&api, with(errors("c", &["c"]), "priority", json!(-1))).await;
    assert_eq!(said(&api, "h-1", &sam("rate-limited")).await, "a", "before the shipped ones, too");
    let names = |list: &Value| -> Vec<String> {
        list["scenarios"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let names = names(&api.get("/__admin/scenarios").await.json());
    assert_eq!((&*names[0], &*names[1], &**names.last().unwrap()), ("a", "b", "c"));
    assert_eq!(names.len(), shipped().len() + 3);
}

#[tokio::test]
async fn a_scenario_chooses_who_shares_its_progress() {
    for (per, expected) in [
        ("actor", ["1", "2", "3", "1", "2"]),
        ("handoff", ["1", "1", "2", "2", "3"]),
        ("all", ["1", "2", "3", "3", "3"]),
    ] {
        let api = Api::new();
        put(&api, with(errors("s", &["1", "2", "3"]), "per", json!(per))).await;
        let mut seen = Vec::new();
        for (handoff_id, email) in [
            ("h-1", "sam@example.com"),
            ("h-2", "SAM@example.com"),
            ("h-1", "sam@EXAMPLE.com"),
            ("h-2", "kim@example.com"),
            ("h-1", "kim@example.com"),
        ] {
            seen.push(said(&api, handoff_id, email).await);
        }
        assert_eq!(seen, expected, "{per}");
    }
}

#[tokio::test]
async fn queued_scenarios_win_over_pinned_ones_over_others() {
    let api = Api::new();
    let nobody = json!({ "email": "nobody@example.com" });
    put(&api, with(errors("pinned", &["pinned"]), "match", nobody.clone())).await;
    put(&api, with(errors("once", &["once"]), "match", nobody.clone())).await;
    put(&api, with(errors("twice", &["twice 1", "twice 2"]), "match", nobody)).await;
    let pin = api.call("PUT", "/__admin/scenarios/pinned/pin").await;
    assert_eq!((pin.status.as_u16(), pin.json()), (200, json!({ "pinned": "pinned" })));
    let queued = send(&api, "POST", "/__admin/scenarios/twice/queue", json!({ "count": 2 })).await;
    assert_eq!(queued.json(), json!({ "queued": "twice", "count": 2 }));
    assert_eq!(api.call("POST", "/__admin/scenarios/once/queue").await.json()["count"], 1);
    let list = api.get("/__admin/scenarios").await.json();
    assert_eq!((&list["pinned"], &list["queued"]), (&json!("pinned"), &json!(["twice", "twice", "once"])));
    for expected in ["twice 1", "twice 2", "once", "pinned", "pinned"] {
        assert_eq!(said(&api, "h-1", &sam("rate-limited")).await, expected);
    }
    assert_eq!(api.call("DELETE", "/__admin/scenarios/once/pin").await.status, 409, "another scenario is pinned");
    assert_eq!(api.call("DELETE", "/__admin/scenarios/none/pin").await.status, 404);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/pinned/pin").await.status, 204);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/pinned/pin").await.status, 409);
    assert_eq!(said(&api, "h-1", &sam("rate-limited")).await, "Too many requests.", "scenarios are matched again");
    for (path, body, status) in [
        ("/__admin/scenarios/none/queue", json!({}), 404),
        ("/__admin/scenarios/once/queue", json!({ "count": 0 }), 400),
        ("/__admin/scenarios/once/queue", json!({ "count": 1001 }), 400),
        ("/__admin/scenarios/once/queue", json!({ "counts": 1 }), 400),
        ("/__admin/scenarios/once/queue", json!({ "count": 1000 }), 200),
        ("/__admin/scenarios/once/queue", json!({ "count": 1 }), 400),
    ] {
        let answer = send(&api, "POST", path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
    }
    assert_eq!(api.call("PUT", "/__admin/scenarios/none/pin").await.status, 404);
}

#[tokio::test]
async fn a_refused_request_takes_nothing_from_the_queue() {
    let api = Api::new();
    api.call("POST", "/__admin/scenarios/rate-limited/queue").await;
    assert_eq!(api.hand_off("{}").await.status, 400);
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "Too many requests.");
    assert_eq!(word(&api, "h-1", "sam@example.com").await, "success");
}

#[tokio::test]
async fn a_replaced_scenario_answers_where_it_is_pinned_or_queued() {
    let api = Api::new();
    put(&api, errors("s", &["old"])).await;
    api.call("PUT", "/__admin/scenarios/s/pin").await;
    api.call("POST", "/__admin/scenarios/s/queue").await;
    put(&api, errors("s", &["new"])).await;
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "new", "queued");
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "new", "pinned");
}

#[tokio::test]
async fn progress_is_shown_set_and_reset() {
    let api = Api::new();
    api.call("POST", "/__admin/clock/freeze").await;
    send(&api, "POST", "/__admin/clock/set", json!({ "to": "2100-01-01T00:00:00Z" })).await;
    put(&api, errors("s", &["0", "1", "2"])).await;
    assert_eq!(api.get("/__admin/scenarios/s/state").await.json(), json!({ "state": [] }));
    said(&api, "h-1", "Sam@example.com").await;
    said(&api, "h-1", "sam@example.com").await;
    let walk = |answer: u32, attempts: u32, total: u32| {
        json!({ "state": [{
            "scenario": "s", "subject": "sam@example.com", "answer": answer, "attempts": attempts,
            "since": "2100-01-01T00:00:00Z", "total": total,
        }] })
    };
    assert_eq!(api.get("/__admin/scenarios/s/state").await.json(), walk(1, 1, 2));
    let set = json!({ "subject": "SAM@example.com", "answer": 0 });
    assert_eq!(send(&api, "PUT", "/__admin/scenarios/s/state", set).await.json(), walk(0, 0, 0));
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "0");
    send(&api, "PUT", "/__admin/scenarios/s/state", json!({ "subject": "kim@example.com", "answer": 2 })).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "2", "Kim has sent no request yet");
    for (path, body, status) in [
        ("/__admin/scenarios/s/state", json!({ "subject": "sam@example.com", "answer": 3 }), 400),
        ("/__admin/scenarios/s/state", json!({ "subject": "sam@example.com" }), 400),
        ("/__admin/scenarios/s/state", json!({ "answer": 1 }), 400),
        ("/__admin/scenarios/none/state", json!({ "answer": 0 }), 404),
    ] {
        let answer = send(&api, "PUT", path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
    }
    let beyond = json!({ "subject": "sam@example.com", "answer": 3 });
    let told = send(&api, "PUT", "/__admin/scenarios/s/state", beyond).await.json();
    let problem = "In the body: /answer: 3 is not from 0 to 2; answers count from 0, so 0 is answer 1 of \"s\".";
    assert_eq!(told["detail"], problem);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/s/state").await.status, 204);
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "0");
    assert_eq!(api.get("/__admin/scenarios/none/state").await.status, 404);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/none/state").await.status, 404);
}

#[tokio::test]
async fn progress_is_set_by_the_subject_of_the_scenario() {
    for (per, subject, status) in [
        ("actor", json!("SAM@example.com"), 200),
        ("handoff", json!("H-1"), 200),
        ("handoff", json!(""), 400),
        ("all", json!(""), 200),
        ("all", json!("sam@example.com"), 400),
    ] {
        let api = Api::new();
        put(&api, with(errors("s", &["0", "1"]), "per", json!(per))).await;
        let body = json!({ "subject": subject, "answer": 1 });
        let set = send(&api, "PUT", "/__admin/scenarios/s/state", body).await;
        assert_eq!(set.status, status, "{per} {subject}: {}", set.text);
        let expected = if status == 200 { "1" } else { "0" };
        assert_eq!(said(&api, "H-1", "sam@example.com").await, expected, "{per} {subject}");
    }
}

#[tokio::test]
async fn a_scenario_put_in_yaml_or_json_is_shown_in_json() {
    let api = Api::new();
    let yaml = "# Busy.\nname: busy\nmatch: { email: kim@* }\nanswers:\n  - outcome: error\n    description: Busy.\n";
    let request = Request::put("/__admin/scenarios/busy").header("content-type", "application/yaml");
    let answer = api.send(request.body(Body::from(yaml)).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "put": "busy" })));
    let written = json!({
        "name": "busy", "match": { "email": "kim@*" }, "answers": [{ "outcome": "error", "description": "Busy." }],
    });
    assert_eq!(api.get("/__admin/scenarios/busy").await.json(), written);
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "Busy.");
    put(&api, with(written, "answers", json!([{ "outcome": "error", "description": "In JSON." }]))).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "In JSON.");
    assert_eq!(api.get("/__admin/scenarios/none").await.status, 404);
    for (name, _) in shipped() {
        let shown = api.get(&format!("/__admin/scenarios/{name}")).await;
        // The path of the shipped scenario "reset" is also that of an action.
        assert!(name == "reset" || shown.json()["name"] == name, "{}", shown.text);
    }
}

#[tokio::test]
async fn a_scenario_without_a_file_shows_none() {
    let api = Api::new();
    put(&api, errors("own", &["own"])).await;
    let list = api.get("/__admin/scenarios").await.json();
    let scenarios = list["scenarios"].as_array().unwrap();
    assert!(scenarios.len() > 30 && scenarios.iter().all(|one| one.get("file").is_none()), "{list}");
}

#[tokio::test]
async fn an_unreadable_scenario_is_refused_and_changes_nothing() {
    let api = Api::new();
    put(&api, errors("s", &["old"])).await;
    let detail = async |body: &str| {
        let answer = api.send(Request::put("/__admin/scenarios/s").body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    let problem = detail("name: s\nanswers:\n  - outcome: succes\n").await;
    assert!(problem.starts_with("The body:3:14: \"succes\" is not one of \"success\", "), "{problem}");
    assert!(problem.ends_with("\n  - outcome: succes\n             ^"), "{problem}");
    let problem = detail("{\"name\": \"s\",\n \"answer\": []}").await;
    assert!(problem.starts_with("The body:2:2: ") && problem.ends_with("\n \"answer\": []}\n ^"), "{problem}");
    let problem = detail("name: t\nanswers: [{}]\n").await;
    assert_eq!(problem, r#"The scenario has the name "t", but the path has "s"; write the same name in both."#);
    for nothing in ["", "- 1", "name: s\nanswers: []\n", "name: s\nanswers: [{headers: {X: '{{ nope }}'}}]\n"] {
        assert!(detail(nothing).await.contains("The body:"), "{nothing}");
    }
    let answer = api.send(Request::put("/__admin/scenarios/s").body(Body::from(vec![0xFF])).unwrap()).await;
    let problem = "The body:1:1: the file is not UTF-8; save it as UTF-8.\n\u{FFFD}\n^";
    assert_eq!((answer.status.as_u16(), &answer.json()["detail"]), (400, &json!(problem)));
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "old");
    assert_eq!(api.get("/__admin/scenarios/t").await.status, 404);
}

#[tokio::test]
async fn a_template_that_cannot_be_rendered_fails_its_answer() {
    let api = Api::new();
    put(&api, json!({ "name": "s", "answers": [{ "set": { "x": "{{ request.context.nope.deeper }}" } }] })).await;
    let answer = hand_off(&api, "h-1", "sam@example.com").await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert!(answer.description().starts_with("The scenario \"s\" gave no answer: "), "{}", answer.text);
}

#[tokio::test]
async fn deleted_scenarios_are_gone_until_a_reset() {
    for (method, reset) in [("DELETE", "/__admin/scenarios"), ("POST", "/__admin/reset")] {
        let api = Api::new();
        put(&api, errors("own", &["own"])).await;
        put(&api, with(errors("rate-limited", &["mine"]), "match", json!({ "email": "kim@*" }))).await;
        api.call("PUT", "/__admin/scenarios/own/pin").await;
        api.call("POST", "/__admin/scenarios/own/queue").await;
        assert_eq!(said(&api, "h-1", "kim@example.com").await, "own");
        api.call("POST", "/__admin/scenarios/own/queue").await;
        assert_eq!(api.call("DELETE", "/__admin/scenarios/own").await.status, 204);
        assert_eq!(api.call("DELETE", "/__admin/scenarios/own").await.status, 404);
        let list = api.get("/__admin/scenarios").await.json();
        assert_eq!((&list["pinned"], &list["queued"]), (&json!(null), &json!([])));
        assert_eq!(said(&api, "h-1", "kim@example.com").await, "mine");
        assert_eq!(api.call("DELETE", "/__admin/scenarios/rate-limited").await.status, 204);
        assert_eq!(word(&api, "h-1", &sam("rate-limited")).await, "success", "the plain answer of the contract");
        said(&api, "h-1", &sam("flaky-alternating")).await;
        api.call("PUT", "/__admin/scenarios/hang/pin").await;
        assert!(api.call(method, reset).await.status.is_success());
        assert_eq!(api.get("/__admin/scenarios/own").await.status, 404);
        assert_eq!(said(&api, "h-2", &sam("rate-limited")).await, "Too many requests.");
        assert_eq!(hand_off(&api, "h-2", &sam("flaky-alternating")).await.status, 503, "every walk starts over");
        assert_eq!(api.get("/__admin/scenarios").await.json()["pinned"], json!(null));
    }
}

#[tokio::test]
async fn sandboxes_do_not_see_each_others_scenarios() {
    let api = Api::new();
    let a = create(&api, json!({ "name": "a" })).await["credentials"]["bearer_token"].clone();
    let b = create(&api, json!({ "name": "b" })).await["credentials"]["bearer_token"].clone();
    let ask = async |token: &Value, email: &str| {
        let answer = lifecycle::hand_off(&api, token, email, email).await.json();
        answer.get("description").unwrap_or(&answer["status"]).as_str().unwrap().to_owned()
    };
    let own = with(errors("own", &["own"]), "match", json!({ "email": "kim@*" }));
    assert_eq!(send(&api, "PUT", "/__admin/scenarios/own?sandbox=a", own).await.status, 200);
    assert_eq!(ask(&a, "kim@example.com").await, "own");
    assert_eq!(ask(&b, "kim@example.com").await, "success");
    assert_eq!(api.get("/__admin/scenarios/own?sandbox=b").await.status, 404);
    assert_eq!(api.get("/__admin/scenarios/own").await.status, 404);
    assert_eq!(api.call("PUT", "/__admin/scenarios/own/pin?sandbox=a").await.status, 200);
    assert_eq!(api.call("POST", "/__admin/scenarios/expired-file-url/queue?sandbox=b").await.status, 200);
    assert_eq!(ask(&a, "sam@example.com").await, "own");
    assert_eq!(ask(&b, "sam@example.com").await, "Invalid file URL provided.");
    assert_eq!(ask(&b, "sam@example.com").await, "success");
    assert_eq!(word(&api, "h-1", "sam@example.com").await, "success");
    assert_eq!(api.call("DELETE", "/__admin/scenarios/rate-limited?sandbox=a").await.status, 204);
    assert_eq!(api.get("/__admin/scenarios/rate-limited?sandbox=b").await.status, 200);
    let state = api.get("/__admin/scenarios/expired-file-url/state?sandbox=b").await.json();
    assert_eq!(state["state"].as_array().unwrap().len(), 1);
    let state = api.get("/__admin/scenarios/expired-file-url/state?sandbox=a").await.json();
    assert_eq!(state["state"], json!([]));
    assert_eq!(api.get("/__admin/scenarios?sandbox=none").await.status, 404);
}

#[tokio::test]
async fn random_choices_follow_from_the_seed() {
    let run = async |seed: u64| {
        let api = Api::with(Settings { seed: Some(seed), ..Settings::default() });
        put(&api, json!({ "name": "s", "answers": [{ "outcome": "error", "description": "x", "http_status": 503, "probability": 0.5 }] }))
            .await;
        let mut hit = Vec::new();
        for _ in 0..32 {
            hit.push(hand_off(&api, "h-1", "sam@example.com").await.status == 503);
        }
        assert!(hit.contains(&true) && hit.contains(&false), "{hit:?}");
        hit
    };
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}

#[tokio::test]
async fn an_exchange_names_its_scenario_and_answer() {
    let api = Api::new();
    let chosen = async |email: &str| {
        let answer = hand_off(&api, "h-1", email).await;
        api.exchange(&answer).await["chosen"].clone()
    };
    let by = |by: &str, why: &str| json!({ "by": by, "why": why });
    let email = sam("expired-file-url");
    let why = "the scenario \"expired-file-url\" matches: its answer";
    assert_eq!(chosen(&email).await, by("scenario", &format!("{why} 1")));
    assert_eq!(chosen(&email).await, by("scenario", &format!("{why} 2")));
    assert_eq!(chosen(&email).await, by("scenario", &format!("{why} 2; the handoff_id is known")));
    api.call("PUT", "/__admin/scenarios/token-revoked/pin").await;
    api.call("POST", "/__admin/scenarios/rate-limited/queue").await;
    assert_eq!(chosen("kim@example.com").await, by("queued", "the scenario \"rate-limited\" is queued: its answer 1"));
    assert_eq!(chosen("kim@example.com").await, by("pinned", "the scenario \"token-revoked\" is pinned: its answer 1"));
    api.call("DELETE", "/__admin/scenarios/token-revoked/pin").await;
    assert_eq!(chosen("sam+verify_email@example.com").await["by"], "magic_email");
}

#[tokio::test]
async fn an_answer_lost_in_a_reset_is_recorded_as_intended() {
    let live = Live::start().await;
    live.hand_off("h-1", &sam("reset")).await.unwrap_err();
    let list = live.client.get(format!("{}/__admin/requests", live.mock.url())).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    let exchange = &list["requests"][0];
    assert_eq!(exchange["chosen"]["by"], "scenario");
    assert_eq!((&exchange["answer"]["status"], &exchange["answer"]["http_status"]), (&json!("success"), &json!(200)));
    assert_eq!(exchange["agent_session_id"], live.sessions().await[0]);
}

#[tokio::test]
async fn the_schema_of_scenarios_is_served_for_editors() {
    let api = Api::new();
    let schema = api.get("/__admin/schemas/scenario.json").await;
    assert_eq!((schema.status.as_u16(), schema.header("content-type")), (200, "application/schema+json"));
    let schema = jsonschema::options().offline().build(&schema.json()).unwrap();
    for (name, _) in shipped().iter() {
        assert!(schema.is_valid(&api.get(&format!("/__admin/scenarios/{name}")).await.json()), "{name}");
    }
}

#[tokio::test]
async fn a_header_of_a_scenario_replaces_the_usual_one() {
    let live = Live::start().await;
    let answer = live.hand_off("h-1", &sam("contract-drift-wrong-content-type")).await.unwrap();
    let types: Vec<_> = answer.headers().get_all("content-type").iter().collect();
    assert_eq!(types, ["text/plain"]);
}

#[tokio::test]
async fn journeys_start_from_the_beginning_for_a_new_actor() {
    let api = Api::new();
    for (name, steps) in [
        ("verify-then-success", &[("verify_email", json!({ "email_verified": true }))][..]),
        ("subscribe-then-session", &[("require_subscription", json!({ "subscribed": true }))]),
        (
            "register-verify-success",
            &[("register", json!({ "registered": true })), ("verify_email", json!({ "email_verified": true }))],
        ),
    ] {
        let email = sam(name);
        for (expected, change) in steps {
            for attempt in 0..2 {
                assert_eq!(word(&api, name, &email).await, *expected, "{name} {attempt}");
            }
            patch(&api, &email, change.clone()).await;
        }
        assert_eq!(word(&api, name, &email).await, "success", "{name}");
    }
}

#[tokio::test]
async fn a_scenario_named_reset_can_be_addressed() {
    let api = Api::new();
    assert_eq!(api.get("/__admin/scenarios/reset").await.json()["name"], "reset");
    put(&api, errors("reset", &["mine"])).await;
    assert_eq!(api.call("DELETE", "/__admin/scenarios/reset").await.status, 204);
}

#[tokio::test]
async fn a_deleted_scenario_hides_nothing_that_comes_later() {
    let api = Api::new();
    put(&api, errors("own", &["first"])).await;
    assert_eq!(api.call("DELETE", "/__admin/scenarios/own").await.status, 204);
    put(&api, errors("own", &["second"])).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "second");
}

#[tokio::test]
async fn an_answer_that_cannot_be_rendered_is_recorded() {
    let api = Api::new();
    put(&api, json!({ "name": "s", "answers": [{ "set": { "x": "{{ request.context.nope.deeper }}" } }] })).await;
    let answer = hand_off(&api, "h-1", "sam@example.com").await;
    let exchange = api.exchange(&answer).await;
    assert_eq!((&exchange["client"], &exchange["chosen"]["by"]), (&json!("open"), &json!("scenario")));
    assert!(exchange["agent_session_id"].is_string() && exchange["request"]["body"].is_object());
}

#[tokio::test]
async fn a_long_subject_is_stored_in_short() {
    let api = Api::new();
    let mut scenario = errors("s", &["one", "two"]);
    scenario["per"] = json!("handoff");
    put(&api, scenario).await;
    let (long, other) = ("x".repeat(5_000), format!("{}y", "x".repeat(4_999)));
    assert_eq!(said(&api, &long, "kim@example.com").await, "one");
    assert_eq!(said(&api, &other, "kim@example.com").await, "one", "long subjects are still distinguished");
    assert_eq!(said(&api, &long, "kim@example.com").await, "two");
    assert!(api.get("/__admin/scenarios/s/state").await.text.len() < 2_000);
}
