//! The owner of a `handoff_id` (S8), retries, and tags, which take precedence over both.

use crate::{
    harness::{Answer, Api, body_of},
    sandboxes::lifecycle::send as admin,
    token::client::{Client, token_of},
};
use axum::{body::Body, http::Request};
use docendorse_mock::{Settings, config::OnDuplicateHandoff};
use serde_json::{Value, json};

fn with_mode(mode: OnDuplicateHandoff) -> Api {
    Api::with(Settings { on_duplicate_handoff: mode, ..Settings::default() })
}

const MODES: [OnDuplicateHandoff; 3] = [OnDuplicateHandoff::Replay, OnDuplicateHandoff::New, OnDuplicateHandoff::Error];

fn body_for(handoff_id: &str, user: &str, email: &str) -> String {
    let mut body: Value = serde_json::from_str(&body_of(handoff_id, email)).unwrap();
    body["actor"]["external_user_id"] = json!(user);
    body.to_string()
}

async fn codes(api: &Api, answer: &Answer) -> Vec<String> {
    let exchange = api.exchange(answer).await;
    let advices = exchange["advices"].as_array().unwrap();
    advices.iter().map(|advice| advice["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn another_user_under_a_known_id_is_refused_in_every_mode() {
    for mode in MODES {
        let api = with_mode(mode);
        assert_eq!(api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await.status, 200);
        for (user, email) in [("usr_2", "sam@example.com"), ("usr_1", "kim@example.com"), ("usr_2", "kim@example.com")]
        {
            let refused = api.hand_off(body_for("h-1", user, email)).await;
            assert_eq!(refused.status, 409, "{mode:?} {user} {email}: {}", refused.text);
            assert!(refused.description().contains("another user"), "{}", refused.text);
        }
        let same = api.hand_off(body_for("h-1", "usr_1", "SAM+x@Example.com")).await;
        assert_eq!(same.status, if mode == OnDuplicateHandoff::Error { 409 } else { 200 }, "{mode:?}");
        assert!(!same.text.contains("another user"), "{mode:?}");
        let refused = api.hand_off(body_for("h-1", "usr_2", "kim@example.com")).await;
        assert_eq!(refused.status, 409, "{mode:?}: still");
    }
}

#[tokio::test]
async fn another_user_is_refused_despite_an_obstacle() {
    for mode in MODES {
        let api = with_mode(mode);
        api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await;
        let patch = Request::patch("/__admin/actors/kim@example.com").body(Body::from(r#"{"subscribed": false}"#));
        api.send(patch.unwrap()).await;
        assert_eq!(api.hand_off(body_for("h-1", "usr_2", "kim@example.com")).await.status, 409, "{mode:?}");
    }
}

#[tokio::test]
async fn a_tag_wins_over_replay_and_over_the_rule_for_other_users() {
    for mode in MODES {
        let api = with_mode(mode);
        let first = api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await.json();
        for (tag, status) in [("verify_email", "verify_email"), ("error", "error"), ("register", "register")] {
            for name in ["sam", "kim"] {
                let answer = api.hand_off(body_for("h-1", "usr_1", &format!("{name}+{tag}@example.com"))).await;
                assert_eq!(answer.json()["status"], status, "{mode:?} {name}");
            }
        }
        let other = api.hand_off(body_for("h-1", "usr_2", "kim+success@example.com")).await.json();
        assert_eq!(other["status"], "success", "{mode:?}");
        assert_ne!(other["agent_session_id"], first["agent_session_id"], "a separate session");
    }
}

#[tokio::test]
async fn a_pinned_scenario_wins_over_the_rule_for_other_users() {
    let api = Api::new();
    let first = api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await.json();
    let scenario =
        json!({ "name": "yes", "match": { "email": "nobody@example.com" }, "answers": [{ "outcome": "success" }] });
    let put = Request::put("/__admin/scenarios/yes").body(Body::from(scenario.to_string())).unwrap();
    assert!(api.send(put).await.status.is_success());
    assert!(api.call("PUT", "/__admin/scenarios/yes/pin").await.status.is_success());
    let other = api.hand_off(body_for("h-1", "usr_2", "kim@example.com")).await.json();
    assert_eq!(other["status"], "success");
    assert_ne!(other["agent_session_id"], first["agent_session_id"]);
}

/// Registers a scenario that answers with a new success.
async fn put_yes(api: &Api, matcher: Value) {
    let scenario = json!({ "name": "yes", "match": matcher, "answers": [{ "outcome": "success" }] });
    let put = Request::put("/__admin/scenarios/yes").body(Body::from(scenario.to_string())).unwrap();
    let put = api.send(put).await;
    assert!(put.status.is_success(), "{}", put.text);
}

#[tokio::test]
async fn a_queued_scenario_wins_over_the_rule_for_other_users_once() {
    for mode in MODES {
        let api = with_mode(mode);
        let first = api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await.json();
        put_yes(&api, json!({ "email": "nobody@example.com" })).await;
        let queue = Request::post("/__admin/scenarios/yes/queue").body(Body::from(r#"{"count": 1}"#)).unwrap();
        assert_eq!(api.send(queue).await.status, 200);
        let other = api.hand_off(body_for("h-1", "usr_2", "kim@example.com")).await.json();
        assert_eq!(other["status"], "success", "{mode:?}");
        assert_ne!(other["agent_session_id"], first["agent_session_id"], "{mode:?}");
        let third = api.hand_off(body_for("h-1", "usr_3", "lee@example.com")).await;
        assert_eq!(third.status, 409, "{mode:?}: the queue is empty");
    }
}

#[tokio::test]
async fn a_matching_scenario_wins_over_the_rule_for_other_users() {
    for mode in MODES {
        let api = with_mode(mode);
        let first = api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await.json();
        put_yes(&api, json!({ "email": "kim@example.com" })).await;
        let other = api.hand_off(body_for("h-1", "usr_2", "kim@example.com")).await.json();
        assert_eq!(other["status"], "success", "{mode:?}");
        assert_ne!(other["agent_session_id"], first["agent_session_id"], "{mode:?}");
        assert_eq!(api.hand_off(body_for("h-1", "usr_3", "lee@example.com")).await.status, 409, "{mode:?}");
    }
}

#[tokio::test]
async fn the_handoff_ids_of_a_tokens_client_are_its_own() {
    for mode in MODES {
        let api = with_mode(mode);
        let client = Client::frozen(&api).await;
        let token = token_of(&client.exchange("j-1", &json!({})).await);
        let send = async |token: &str, user: &str, email: &str| {
            crate::token::access::hand_off(&api, token, "h-1", user, email).await
        };
        let first = send(&token, "usr_123", "sam@example.com").await;
        assert_eq!(first.status, 200, "{mode:?}: {}", first.text);
        // Another token of the same client is the same client.
        let token = token_of(&client.exchange("j-2", &json!({})).await);
        let other = send(&token, "usr_2", "kim@example.com").await;
        assert_eq!(other.status, 409, "{mode:?}: {}", other.text);
        assert!(other.description().contains("another user"), "{mode:?}: {}", other.text);
        let same = send(&token, "usr_123", "sam@example.com").await;
        match mode {
            OnDuplicateHandoff::Replay => {
                assert_eq!(same.json()["agent_session_id"], first.json()["agent_session_id"]);
            }
            OnDuplicateHandoff::New => assert_ne!(same.json()["agent_session_id"], first.json()["agent_session_id"]),
            OnDuplicateHandoff::Error => assert_eq!(same.status, 409),
        }
        // The sandbox's own token belongs to the same client.
        assert_eq!(send(&client.bearer_token, "usr_2", "kim@example.com").await.status, 409, "{mode:?}");
        // Other clients of the sandbox and other sandboxes have separate handoff ids.
        let jwk: Value = serde_json::from_str(include_str!("../../../fixtures/keys/other-client.jwk.json")).unwrap();
        let path = |what: &str| format!("/__admin/{what}?sandbox={}", client.sandbox);
        let registered = admin(&api, "POST", &path("clients"), json!({ "jwks": jwk })).await.json();
        let issued = admin(&api, "POST", &path("tokens"), json!({ "client_id": registered["client_id"] })).await.json();
        let theirs = send(issued["access_token"].as_str().unwrap(), "usr_2", "kim@example.com").await;
        let elsewhere = send("any-token", "usr_2", "kim@example.com").await;
        for answer in [theirs, elsewhere] {
            assert_eq!(answer.status, 200, "{mode:?}: {}", answer.text);
            assert_ne!(answer.json()["agent_session_id"], first.json()["agent_session_id"], "{mode:?}");
        }
    }
}

#[tokio::test]
async fn an_expired_session_frees_its_handoff_id() {
    for mode in MODES {
        let api = with_mode(mode);
        api.call("POST", "/__admin/clock/freeze").await;
        api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await;
        let advance = Request::post("/__admin/clock/advance").body(Body::from(r#"{"by": "24h"}"#)).unwrap();
        api.send(advance).await;
        assert_eq!(api.hand_off(body_for("h-1", "usr_2", "kim@example.com")).await.status, 200, "{mode:?}");
    }
}

#[tokio::test]
async fn before_a_success_a_changed_user_is_a_retry_with_an_advice() {
    for tag in ["verify_email", "register", "require_subscription"] {
        let api = Api::new();
        api.hand_off(body_for("h-1", "usr_1", &format!("sam+{tag}@example.com"))).await;
        let same = api.hand_off(body_for("h-1", "usr_1", &format!("SAM+{tag}@example.com"))).await;
        assert_eq!(codes(&api, &same).await, [""; 0], "{tag}");
        let changed = api.hand_off(body_for("h-1", "usr_1", "kim@example.com")).await;
        assert_eq!(changed.status, 200, "{tag}");
        assert_eq!(codes(&api, &changed).await, ["changed_user"], "{tag}");
        let kim = api.hand_off(body_for("h-1", "usr_1", "kim@example.com")).await;
        assert_eq!(codes(&api, &kim).await, [""; 0], "{tag}: the success determined its user");
        assert_eq!(api.hand_off(body_for("h-1", "usr_1", "sam@example.com")).await.status, 409, "{tag}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_users_who_race_for_an_id_gets_it() {
    let api = std::sync::Arc::new(Api::new());
    for round in 0..50 {
        let send = |user: &'static str| {
            let (api, id) = (std::sync::Arc::clone(&api), format!("h-{round}"));
            tokio::spawn(async move {
                api.hand_off(body_for(&id, user, &format!("{user}@example.com"))).await.status.as_u16()
            })
        };
        let (one, other) = (send("usr_1"), send("usr_2"));
        let mut statuses = [one.await.unwrap(), other.await.unwrap()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

#[tokio::test]
async fn the_same_json_in_another_notation_draws_no_advice() {
    let api = Api::new();
    let body = |extra: &str| format!("{}{extra}}}", body_of("h-1", "sam@example.com").trim_end_matches('}'));
    let body = |extra: &str| body(&format!("}}{extra}"));
    api.hand_off(body(r#","n":[1.0,1e400],"m":{"a":1,"b":2}"#)).await;
    for same in [r#", "m" : {"b":2, "a":1}, "n": [1,10e399]"#, r#","n":[10e-1,1e400],"m":{"a":1,"b":2}"#] {
        let again = api.hand_off(body(same)).await;
        assert_eq!(codes(&api, &again).await, [""; 0], "{same}");
    }
    for other in [r#","n":[1,1e401],"m":{"a":1,"b":2}"#, r#","n":[1e400,1],"m":{"a":1,"b":2}"#, ""] {
        let again = api.hand_off(body(other)).await;
        assert_eq!(codes(&api, &again).await, ["reused_handoff_id"], "{other}");
    }
}

#[tokio::test]
async fn a_tag_that_nearly_names_an_answer_draws_an_advice() {
    let api = Api::new();
    for (tag, name) in
        [("verifyEmail", "verify_email"), ("verify_emial", "verify_email"), ("ratelimited", "rate-limited")]
    {
        let answer = api.hand_off(body_of(tag, &format!("sam+{tag}@example.com"))).await;
        assert_eq!(answer.json()["status"], "success");
        let exchange = api.exchange(&answer).await;
        assert_eq!(exchange["advices"][0]["code"], "unknown_tag", "{tag}");
        let message = exchange["advices"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("did you mean \"+{name}\"?")), "{message}");
    }
    for tag in ["newsletter", "2026", "success", "SLOW"] {
        let answer = api.hand_off(body_of(tag, &format!("sam+{tag}@example.com"))).await;
        assert_eq!(codes(&api, &answer).await, [""; 0], "{tag}");
    }
}

#[tokio::test]
async fn hyphens_and_underscores_are_the_same_in_tags() {
    let api = Api::new();
    for tag in ["verify-email", "VERIFY-Email", "verify_email"] {
        assert_eq!(
            api.hand_off(body_of(tag, &format!("sam+{tag}@example.com"))).await.json()["status"],
            "verify_email"
        );
    }
    for tag in ["rate_limited", "rate-limited", "Rate_Limited"] {
        assert_eq!(api.hand_off(body_of(tag, &format!("{tag}+{tag}@example.com"))).await.status, 429, "{tag}");
    }
}

#[tokio::test]
async fn an_actor_with_a_session_counts_as_registered() {
    let api = Api::new();
    assert_eq!(api.get("/__admin/actors/sam@example.com").await.status, 404);
    api.hand_off(body_of("h-1", "Sam@example.com")).await;
    let actor = api.get("/__admin/actors/sam@example.com").await.json();
    assert_eq!((&actor["email"], &actor["registered"]), (&json!("sam@example.com"), &json!(true)));
    let listed = api.get("/__admin/actors").await.json();
    assert_eq!(listed["actors"][0], actor);
    let snapshot = api.get("/__admin/sandboxes/default/snapshot").await.json();
    assert_eq!(snapshot["actors"], json!([]), "derived when it is read");
}
