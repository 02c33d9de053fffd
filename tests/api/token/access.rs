//! Access tokens at the handoff (H2, T3, T5, T6): checked in full in both modes, revoked and expired immediately, and
//! compared with the handoff's actor.

use crate::{
    harness::{Answer, Api, CREATE},
    sandboxes::lifecycle::send,
    token::client::{Client, token_of},
};
use axum::http::{Request, StatusCode};
use docendorse_mock::{
    Settings,
    config::{AssertionNames, Auth},
};
use serde_json::{Value, json};
use std::fmt::Write;

pub async fn hand_off(api: &Api, token: &str, handoff_id: &str, user: &str, email: &str) -> Answer {
    let body = json!({
        "handoff_id": handoff_id,
        "intent": "self_sign",
        "actor": { "external_user_id": user, "display_name": "Sam", "email": email },
        "integration": { "source": "chat", "source_conversation_id": "conv_1", "source_message_id": "msg_1" },
        "context": { "summary": "Sam wants to sign an NDA." },
    });
    let request = Request::post(CREATE)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(body.to_string().into())
        .unwrap();
    api.send(request).await
}

fn both_modes() -> [Api; 2] {
    [Auth::Open, Auth::Strict].map(|auth| Api::with(Settings { auth, ..Settings::default() }))
}

async fn plain(api: &Api, token: &str) -> Answer {
    hand_off(api, token, "h-1", "usr_123", "sam@example.com").await
}

#[tokio::test]
async fn a_token_identifies_its_sandbox_and_client() {
    for api in both_modes() {
        let client = Client::frozen(&api).await;
        let token = token_of(&client.exchange("j-1", &json!({})).await);
        let answer = plain(&api, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let sessions = api.get(&client.path("sessions")).await.json();
        assert_eq!(sessions["sessions"][0]["client"], client.id);
        let exchange = format!("/__admin/requests/{}?sandbox={}", answer.header("x-mock-exchange"), client.sandbox);
        let exchange = api.get(&exchange).await.json();
        assert!(exchange["token_id"].as_str().unwrap().starts_with("at_"));
        // The sandbox's own token acts for no user, so it matches every actor.
        let own = hand_off(&api, &client.bearer_token, "h-2", "anybody", "kim@example.com").await;
        assert_eq!((own.status.as_u16(), own.headers.contains_key("x-mock-advices")), (200, false), "{}", own.text);
    }
}

#[tokio::test]
async fn a_token_passes_until_its_last_second_by_the_sandboxs_clock() {
    for api in both_modes() {
        let client = Client::frozen(&api).await;
        let token = token_of(&client.exchange("j-1", &json!({})).await);
        let advance = async |by: &str| send(&api, "POST", &client.path("clock/advance"), json!({ "by": by })).await;
        advance("3599s").await;
        assert_eq!(plain(&api, &token).await.status, 200);
        advance("1s").await;
        let refused = plain(&api, &token).await;
        assert_eq!(refused.status, 401);
        assert!(refused.description().contains("expired 0 s ago, at 2026-03-01T13:00:00Z"), "{}", refused.text);
        let challenge = refused.header("www-authenticate");
        assert_eq!(
            challenge,
            r#"Bearer realm="docendorse-mock", error="invalid_token", error_description="The access token expired""#
        );
    }
}

#[tokio::test]
async fn a_token_is_revoked_and_all_are_expired_at_once() {
    for api in both_modes() {
        let client = Client::frozen(&api).await;
        let tokens: Vec<String> = {
            let mut tokens = Vec::new();
            for jti in ["1", "2", "3"] {
                tokens.push(token_of(&client.exchange(jti, &json!({})).await));
            }
            tokens
        };
        for token in &tokens {
            assert_eq!(plain(&api, token).await.status, 200);
        }
        let ids = api.get(&client.path("tokens")).await.json();
        let newest = ids["tokens"][0]["id"].as_str().unwrap().to_owned();
        // By its id, and by the whole token.
        for id in [&newest, &tokens[0]] {
            let path = client.path(&format!("tokens/{id}"));
            assert_eq!(api.call("DELETE", &path).await.status, 204);
            assert_eq!(api.get(&path).await.json()["status"], "revoked");
        }
        for revoked in [&tokens[2], &tokens[0]] {
            let refused = plain(&api, revoked).await;
            assert_eq!(refused.status, 401);
            assert_eq!(refused.description(), "The access token was revoked; get another one.");
        }
        assert_eq!(plain(&api, &tokens[1]).await.status, 200);
        let expired = api.call("DELETE", &client.path("tokens")).await;
        assert_eq!(expired.json(), json!({ "expired": 1 }));
        assert!(
            plain(&api, &tokens[1]).await.description().starts_with("All access tokens of the sandbox were expired")
        );
        let fresh = token_of(&client.exchange("4", &json!({})).await);
        assert_eq!(plain(&api, &fresh).await.status, 200, "what is issued from now on passes");
        assert_eq!(api.call("DELETE", &client.path("tokens/at_000000000000000000000000")).await.status, 404);
        // Tokens of another sandbox are not affected.
        let other = Client::frozen(&api).await;
        assert_eq!(api.call("DELETE", &other.path(&format!("tokens/{fresh}"))).await.status, 404);
        assert_eq!(plain(&api, &fresh).await.status, 200);
    }
}

/// After a reset, revoked and expired tokens are valid again, until all tokens are expired again.
#[tokio::test]
async fn tokens_expired_all_at_once_stay_expired_after_a_reset() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    let client = Client::frozen(&api).await;
    let expire_all = async || api.call("DELETE", &client.path("tokens")).await.status;
    assert_eq!((expire_all().await, expire_all().await), (StatusCode::OK, StatusCode::OK));
    let token = token_of(&client.exchange("j-1", &json!({})).await);
    assert_eq!(api.call("POST", &client.path("reset")).await.status, 200);
    for token in [&token, &client.bearer_token] {
        assert_eq!(plain(&api, token).await.status, 200);
    }
    assert_eq!(expire_all().await, 200);
    for token in [&token, &client.bearer_token] {
        assert_eq!(plain(&api, token).await.status, 401);
    }
}

/// When memory is short, the sandbox drops old entries, but a revoked token stays revoked.
#[tokio::test]
async fn revoked_tokens_stay_revoked_when_memory_is_short() {
    let api = Api::with(Settings { max_memory: 4 << 20, ..Settings::default() });
    let client = Client::frozen(&api).await;
    let press = async |round: &str| {
        for number in 0..60 {
            let handoff_id = format!("{round}-{number}-{}", "x".repeat(100_000));
            let answer = hand_off(&api, &client.bearer_token, &handoff_id, "usr_123", "sam@example.com").await;
            assert_ne!(answer.status, 400);
        }
        assert!(api.get(&client.path("health")).await.json()["memory"]["dropped"].as_u64() > Some(0));
    };
    let [revoked, expired] = [issue(&api, json!({})).await, issue(&api, json!({})).await];
    assert_eq!(api.call("DELETE", &format!("/__admin/tokens/{revoked}")).await.status, 204);
    press("a").await;
    assert_eq!(
        (plain(&api, &revoked).await.status, plain(&api, &expired).await.status.as_u16()),
        (StatusCode::UNAUTHORIZED, 200)
    );
    assert_eq!(api.call("DELETE", "/__admin/tokens").await.status, 200);
    press("b").await;
    for token in [&revoked, &expired] {
        assert_eq!(plain(&api, token).await.status, 401);
    }
}

/// The exchange of an answer in the client's sandbox.
async fn exchange(client: &Client<'_>, answer: &Answer) -> Value {
    let path = client.path(&format!("requests/{}", answer.header("x-mock-exchange")));
    client.api.get(&path).await.json()
}

#[tokio::test]
async fn names_can_be_made_optional_in_assertions() {
    let api = Api::with(Settings { assertion_names: AssertionNames::Optional, ..Settings::default() });
    let client = Client::frozen(&api).await;
    let answer = client.exchange("j-1", &json!({ "given_name": null, "family_name": null })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let exchange = exchange(&client, &answer).await;
    let advices = exchange["advices"].as_array().unwrap();
    let told: Vec<_> = advices.iter().map(|advice| (&advice["pointer"], &advice["code"])).collect();
    let code = json!("missing_name");
    assert_eq!(told, [(&json!("/given_name"), &code), (&json!("/family_name"), &code)]);
}

#[tokio::test]
async fn a_token_without_openid_is_advised_against_or_refused() {
    for auth in [Auth::Open, Auth::Strict] {
        let api = Api::with(Settings { auth, ..Settings::default() });
        let client = Client::frozen(&api).await;
        let token = token_of(&client.exchange("j-1", &json!({ "scope": "agent_sessions:create" })).await);
        let answer = plain(&api, &token).await;
        if auth == Auth::Strict {
            assert_eq!(answer.status, 403, "{}", answer.text);
            assert!(answer.header("www-authenticate").ends_with(r#"scope="openid""#));
        } else {
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(exchange(&client, &answer).await["advices"][0]["code"], "missing_openid");
        }
    }
}

#[tokio::test]
async fn a_token_without_the_scope_is_forbidden_to_create_sessions() {
    for api in both_modes() {
        let client = Client::frozen(&api).await;
        let token = token_of(&client.exchange("j-1", &json!({ "scope": "openid" })).await);
        let refused = plain(&api, &token).await;
        assert_eq!(refused.status, 403);
        assert!(refused.header("www-authenticate").contains(r#"error="insufficient_scope""#));
        assert!(refused.header("www-authenticate").ends_with(r#"scope="agent_sessions:create""#));
        assert!(refused.description().contains("this endpoint needs \"agent_sessions:create\""));
    }
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused_in_both_modes() {
    for api in both_modes() {
        let client = Client::frozen(&api).await;
        let token = token_of(&client.exchange("j-1", &json!({})).await);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let mut refusals = String::new();
        for forged in [
            format!("{header}.{claims}.{}", signature.chars().rev().collect::<String>()),
            format!("{header}.{}.{signature}", &claims[..claims.len() - 4]),
            format!("{header}."),
            format!("{header}.{claims}"),
            format!("{header}..{signature}"),
        ] {
            let refused = plain(&api, &forged).await;
            assert_eq!(refused.status, 401, "{forged}");
            writeln!(refusals, "{}", refused.description()).unwrap();
        }
        assert!(refusals.lines().all(|line| line.starts_with("The access token was altered")));
    }
}

#[tokio::test]
async fn a_foreign_token_passes_only_in_open_mode() {
    let [open, strict] = both_modes();
    let other = Api::with(Settings { seed: Some(99), ..Settings::default() });
    let client = Client::frozen(&other).await;
    let token = token_of(&client.exchange("j-1", &json!({})).await);
    assert_eq!(plain(&open, &token).await.status, 200);
    let refused = plain(&strict, &token).await;
    assert_eq!(refused.status, 401);
    assert!(refused.description().contains("was not issued by this server"));
    // A server restarted with the same seed recognizes its tokens.
    let again = Api::with(Settings { seed: Some(99), auth: Auth::Strict, ..Settings::default() });
    let token = issue(&other, json!({ "sub": "usr_123" })).await;
    assert_eq!(plain(&again, &token).await.status, 200);
}

async fn issue(api: &Api, token: Value) -> String {
    let made = send(api, "POST", "/__admin/tokens", token).await;
    assert_eq!(made.status, 201, "{}", made.text);
    token_of(&made)
}

#[tokio::test]
async fn tokens_are_issued_by_hand() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    assert_eq!(plain(&api, &issue(&api, json!({})).await).await.status, 200);
    let narrow = issue(&api, json!({ "scope": "openid", "expires_in": "10m", "email": "sam@example.com" })).await;
    assert_eq!(plain(&api, &narrow).await.status, 403);
    for wrong in [
        json!({ "scope": "profile" }),
        json!({ "expires_in": "soon" }),
        json!({ "expires_in": "10ms" }),
        json!({ "client_id": "client_00000000000000000000000000000000" }),
        json!({ "user": "x" }),
        json!({ "sub": "x".repeat(513) }),
    ] {
        assert_eq!(send(&api, "POST", "/__admin/tokens", wrong.clone()).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_handoff_for_another_user_draws_an_advice_or_an_error() {
    let [open, strict] = both_modes();
    for (user, email, differs) in [
        ("usr_123", "SAM@example.com", 0),
        ("usr_124", "sam@example.com", 1),
        ("usr_123", "kim@example.com", 1),
        ("usr_124", "kim@example.com", 2),
    ] {
        for api in [&open, &strict] {
            let client = Client::frozen(api).await;
            let token = token_of(&client.exchange("j-1", &json!({})).await);
            let answer = hand_off(api, &token, "h-1", user, email).await;
            let is_refused = differs > 0 && api.app.settings.auth == Auth::Strict;
            assert_eq!(answer.status, if is_refused { 403 } else { 200 }, "{}", answer.text);
            if is_refused {
                assert!(answer.description().starts_with("The access token acts for another user: /actor/"));
            } else {
                let advices = answer.headers.get("x-mock-advices").map_or("0", |count| count.to_str().unwrap());
                assert_eq!(advices, differs.to_string());
            }
        }
    }
}
