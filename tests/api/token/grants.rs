//! The JWT bearer grant (T1 to T3, T5): claims that are missing, wrong, early, late, at a limit or replayed, and
//! confused algorithms and keys.

use crate::{
    harness::Api,
    sandboxes::lifecycle::send,
    token::client::{Client, NOW, TOKEN, ask, error_of, form, published_key, sign, token_of, token_request},
};
use axum::{body::Body, http::Request};
use docendorse_mock::domain::oauth::{SigningKey, built_in, mint};
use serde_json::{Value, json};
use std::fmt::Write;

#[tokio::test]
async fn a_good_assertion_gets_a_token() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let answer = client.exchange("j-1", &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let body = answer.json();
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(3600), &json!("openid agent_sessions:create"))
    );
    let token = token_of(&answer);
    let listed = api.get(&client.path("tokens")).await.json();
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 1);
    let shown = &listed["tokens"][0];
    assert_eq!(
        (&shown["sub"], &shown["email"], &shown["status"]),
        (&json!("usr_123"), &json!("sam@example.com"), &json!("active"))
    );
    assert_eq!(shown["expires_at"], "2026-03-01T13:00:00Z");
    let exchange =
        api.get(&format!("/__admin/requests/{}?sandbox={}", answer.header("x-mock-exchange"), client.sandbox)).await;
    let exchange = exchange.json();
    assert_eq!((&exchange["token_id"], &exchange["client"]), (&shown["id"], &json!(client.id)));
    let refused = exchange["assertion"]["fates"].as_array().unwrap().iter().any(|fate| fate["fate"] == "refused");
    assert!(!refused && exchange["chosen"]["by"] == "default", "{exchange:#}");
    // The journal contains nothing with which its reader could act as the client.
    assert!(!exchange.to_string().contains(&token), "the token is masked");
    assert!(exchange["request"]["body_text"].as_str().unwrap().ends_with(".***"), "the signature is masked");
}

/// The same seed and the same requests give the same tokens.
#[tokio::test]
async fn tokens_follow_from_the_seed() {
    let token = async || {
        let api = Api::with(docendorse_mock::Settings { seed: Some(1), ..Default::default() });
        let client = Client::frozen(&api).await;
        token_of(&client.exchange("j-1", &json!({})).await)
    };
    assert_eq!(token().await, token().await);
}

/// One claim is wrong at a time: both the answer and the exchange name it.
#[tokio::test]
async fn every_claim_that_is_wrong_is_named() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let long = "x".repeat(513);
    let cases: Vec<(&str, Value)> = vec![
        ("iss", Value::Null),
        ("iss", json!(7)),
        ("iss", json!("")),
        ("iss", json!("acme")),
        ("iss", json!("client_00000000000000000000000000000000")),
        ("sub", Value::Null),
        ("sub", json!(["usr_123"])),
        ("sub", json!(" ")),
        ("sub", json!(long)),
        ("aud", Value::Null),
        ("aud", json!("https://api.docendorse.com/")),
        ("aud", json!("http://mock.test/oauth2/v2/token")),
        ("aud", json!([])),
        ("aud", json!(["https://other.test"])),
        ("aud", json!(["https://api.docendorse.com", 7])),
        ("aud", json!({})),
        ("iat", Value::Null),
        ("iat", json!("1772366400")),
        ("iat", json!(true)),
        ("iat", json!(NOW + 31)),
        ("iat", json!(NOW * 1000)),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("exp", json!(NOW)),
        ("exp", json!(NOW - 1)),
        ("exp", json!(NOW + 301)),
        ("exp", json!(1e300)),
        ("nbf", json!("now")),
        ("nbf", json!(NOW + 31)),
        ("jti", Value::Null),
        ("jti", json!(1)),
        ("jti", json!("")),
        ("email", Value::Null),
        ("email", json!(false)),
        ("email", json!("sam")),
        ("given_name", json!(1)),
        ("family_name", json!(["Doe"])),
        ("scope", Value::Null),
        ("scope", json!("")),
        ("scope", json!("openid  agent_sessions:create")),
        ("scope", json!("openid agent_sessions:delete")),
        ("scope", json!(["openid"])),
        ("scope", json!(1)),
    ];
    let mut refusals = String::new();
    for (claim, value) in &cases {
        let mut changes = json!({});
        changes[*claim] = value.clone();
        let answer = client.exchange("j-wrong", &changes).await;
        let error = error_of(&answer);
        assert!(error.contains(&format!("The assertion's {claim}: ")), "{claim} {value}: {error}");
        let shown: String = value.to_string().chars().take(50).collect();
        writeln!(refusals, "{claim} {shown}\n  {error}").unwrap();
        // Where the client is not known, the exchange is in the default sandbox.
        let sandbox = if *claim == "iss" { "default" } else { &client.sandbox };
        let exchange =
            api.get(&format!("/__admin/requests/{}?sandbox={sandbox}", answer.header("x-mock-exchange"))).await.json();
        let refused: Vec<&Value> = exchange["assertion"]["fates"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|fate| fate["fate"] == "refused")
            .map(|fate| &fate["claim"])
            .collect();
        // A wrong iat also makes exp wrong, which is relative to it; and the default sandbox's clock shows another
        // time.
        let and_exp = ["iat", "iss"].contains(claim) && refused == [claim, "exp"];
        assert!(refused == [claim] || and_exp, "{claim} {value}: {refused:?}");
    }
    // None of these used up the jti.
    assert_eq!(client.exchange("j-wrong", &json!({})).await.status, 200);
    insta::assert_snapshot!(refusals.replace(&client.id, "CLIENT_ID"));
}

#[tokio::test]
async fn times_are_valid_up_to_the_limit_and_not_beyond() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    for (number, (changes, passes)) in [
        // The client's clock may be up to 30 seconds ahead of the sandbox's.
        (json!({ "iat": NOW + 30, "exp": NOW + 90 }), true),
        (json!({ "iat": NOW + 31, "exp": NOW + 90 }), false),
        (json!({ "nbf": NOW + 30 }), true),
        (json!({ "nbf": NOW + 31 }), false),
        (json!({ "nbf": NOW - 1_000_000 }), true),
        (json!({ "iat": NOW - 100, "exp": NOW - 29 }), true),
        (json!({ "iat": NOW - 100, "exp": NOW - 30 }), false),
        (json!({ "iat": NOW, "exp": NOW + 300 }), true),
        (json!({ "iat": NOW, "exp": NOW + 301 }), false),
        (json!({ "iat": NOW, "exp": NOW + 1 }), true),
        (json!({ "iat": NOW, "exp": NOW }), false),
        (json!({ "iat": NOW as f64 + 0.5, "exp": NOW as f64 + 300.25 }), true),
        (json!({ "iat": -5, "exp": -1 }), false),
        (json!({ "aud": ["https://other.test", "https://api.docendorse.com"] }), true),
        (json!({ "scope": "agent_sessions:create" }), true),
        (json!({ "scope": "openid" }), true),
        (json!({ "more": { "than": ["known"] } }), true),
        (json!({ "given_name": null }), false),
        (json!({ "family_name": null }), false),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = client.exchange(&format!("j-{number}"), &changes).await;
        assert_eq!(answer.status == 200, passes, "{changes}: {}", answer.text);
    }
}

#[tokio::test]
async fn an_assertion_is_accepted_once_wherever_the_clock_moves() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let assertion = client.assertion("j-1", &json!({}));
    let again = async || error_of(&ask(&api, &[("assertion", &assertion)]).await);
    assert_eq!(again().await, "200 OK");
    let replayed = "invalid_grant: The assertion's jti: it was used before; use a new jti for each assertion.";
    assert_eq!(again().await, replayed);
    // Another assertion with the same jti is refused too; other clients can use the same jti.
    assert_eq!(error_of(&client.exchange("j-1", &json!({ "exp": NOW + 200 })).await), replayed);
    let other = Client::frozen(&api).await;
    assert_eq!(other.exchange("j-1", &json!({})).await.status, 200);
    for step in ["freeze", "resume", "freeze"] {
        assert_eq!(api.call("POST", &client.path(&format!("clock/{step}"))).await.status, 200);
        assert_eq!(again().await, replayed, "after {step}");
    }
    let advance = async |by: &str| send(&api, "POST", &client.path("clock/advance"), json!({ "by": by })).await;
    advance("5m").await;
    assert_eq!(again().await, replayed, "within the clock skew, it would still be valid");
    advance("1m").await;
    assert!(again().await.contains("exp: it expired"), "expired assertions are forgotten");
    // A reset forgets used assertions, but time does not go back.
    assert_eq!(api.call("POST", &client.path("reset")).await.status, 200);
    assert!(again().await.contains("exp: it expired"));
}

#[tokio::test]
async fn an_assertion_valid_by_system_time_passes_with_an_advice() {
    let api = Api::new();
    let moved = json!({ "clock": { "frozen_at": "2020-01-01T00:00:00Z" } });
    let client = Client::in_sandbox(&api, moved).await;
    let now = docendorse_mock::base::clock::Clock::system_now().as_second();
    let changes = json!({ "iat": now, "exp": now + 300 });
    let answer = client.exchange("j-1", &changes).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-mock-advices")), (200, "1"), "{}", answer.text);
    let replayed = client.exchange("j-1", &changes).await;
    assert!(error_of(&replayed).contains("it was used before"));
    // It is valid by the sandbox's clock as well.
    let at_2020 = json!({ "iat": 1_577_836_800, "exp": 1_577_836_900 });
    assert_eq!(client.exchange("j-2", &at_2020).await.status, 200);
    let strict =
        json!({ "clock": { "frozen_at": "2020-01-01T00:00:00Z" }, "settings": { "assertion_clock": "sandbox" } });
    let strict = Client::in_sandbox(&api, strict).await;
    assert!(error_of(&strict.exchange("j-1", &changes).await).contains("in the future"));
}

#[tokio::test]
async fn only_rs256_is_accepted() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let claims = client.claims("j-1");
    let good = sign(&json!({ "alg": "RS256" }), &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let public_pem = built_in::PUBLIC_KEY.as_bytes();
    let mut refusals = String::new();
    for (what, assertion) in [
        ("none", mint::unsigned(&json!({ "alg": "none" }), &claims)),
        ("nOnE", mint::unsigned(&json!({ "alg": "nOnE" }), &claims)),
        ("none with the signature", sign(&json!({ "alg": "none" }), &claims)),
        ("RS256 without a signature", format!("{signed}.")),
        ("HS256 by the public key", mint::with_hmac(&json!({ "alg": "HS256" }), &claims, public_pem)),
        ("HS256 said to be RS256", mint::with_hmac(&json!({ "alg": "RS256" }), &claims, public_pem)),
        ("RS512", sign(&json!({ "alg": "RS512" }), &claims)),
        ("PS256", sign(&json!({ "alg": "PS256" }), &claims)),
        ("rs256", sign(&json!({ "alg": "rs256" }), &claims)),
        ("no alg", sign(&json!({}), &claims)),
        ("alg of another type", sign(&json!({ "alg": ["RS256"] }), &claims)),
        ("crit", sign(&json!({ "alg": "RS256", "crit": ["b64"], "b64": false }), &claims)),
        ("typ of an access token", sign(&json!({ "alg": "RS256", "typ": "at+jwt" }), &claims)),
        (
            "a key of its own",
            sign(&json!({ "alg": "RS256", "jwk": { "kty": "RSA" } }), &{
                let mut forged = claims.clone();
                forged["iss"] = json!("client_ffffffffffffffffffffffffffffffff");
                forged
            }),
        ),
        ("a key that comes along with it", {
            let key = std::fs::read_to_string("fixtures/keys/other-client.key.pem").unwrap();
            let jwk = std::fs::read_to_string("fixtures/keys/other-client.jwk.json").unwrap();
            let jwk: Value = serde_json::from_str(&jwk).unwrap();
            SigningKey::from_pem(&key).unwrap().sign(&json!({ "alg": "RS256", "jwk": jwk }), &claims).unwrap()
        }),
        ("an unknown kid", sign(&json!({ "alg": "RS256", "kid": "another" }), &claims)),
        ("a kid of another type", sign(&json!({ "alg": "RS256", "kid": 1 }), &claims)),
        ("another signature", format!("{signed}.AAAA{}", &signature[4..])),
        ("another claim", {
            let forged = claims.to_string().replace("usr_123", "usr_999");
            format!(
                "{}.{signature}",
                docendorse_mock::domain::oauth::signing_input(r#"{"alg":"RS256"}"#, forged.as_bytes())
            )
        }),
        ("two parts", signed.to_owned()),
        ("five parts", format!("{good}.a.b")),
        ("no base64url", format!("{signed}=.{signature}")),
        ("no JSON", format!("e30.e30x.{signature}")),
        ("a claim twice", {
            let doubled = claims.to_string().replacen('{', r#"{"sub":"usr_999","#, 1);
            format!(
                "{}.{signature}",
                docendorse_mock::domain::oauth::signing_input(r#"{"alg":"RS256"}"#, doubled.as_bytes())
            )
        }),
        ("half of a character", {
            let half = claims.to_string().replacen('{', r#"{"note":"\ud83d","#, 1);
            let signed = docendorse_mock::domain::oauth::signing_input(r#"{"alg":"RS256"}"#, half.as_bytes());
            format!("{signed}.{signature}")
        }),
        ("an unknown escape", {
            let escape = claims.to_string().replacen('{', r#"{"note":"\q","#, 1);
            let signed = docendorse_mock::domain::oauth::signing_input(r#"{"alg":"RS256"}"#, escape.as_bytes());
            format!("{signed}.{signature}")
        }),
        ("too long", "x".repeat(20_000)),
    ] {
        let answer = ask(&api, &[("assertion", &assertion)]).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        writeln!(refusals, "{what}\n  {}", error_of(&answer)).unwrap();
    }
    assert_eq!(ask(&api, &[("assertion", &good)]).await.status, 200, "{}", published_key().public_pem());
    insta::assert_snapshot!(refusals.replace(&client.id, "CLIENT_ID"));
}

#[tokio::test]
async fn an_invalid_grant_request_is_refused_with_the_reason() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let good = client.assertion("j-1", &json!({}));
    let send = async |content_type: Option<&str>, body: String| {
        let mut request = Request::post(TOKEN);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        api.send(request.body(Body::from(body)).unwrap()).await
    };
    let whole = form(&[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &good)]);
    let is_form = Some("application/x-www-form-urlencoded");
    let mut refusals = String::new();
    for (content_type, body) in [
        (None, whole.clone()),
        (Some("application/json"), json!({ "grant_type": "x" }).to_string()),
        (is_form, String::new()),
        (is_form, "grant_type=client_credentials".to_owned()),
        (is_form, whole.replace("assertion", "assertions")),
        (is_form, format!("{whole}&assertion=x")),
        (is_form, format!("{whole}&scope=&scope=")),
        (is_form, format!("{whole}&scope=openid+profile")),
        (is_form, format!("{whole}&a=%FF&{}", "b&".repeat(200))),
    ] {
        let answer = send(content_type, body).await;
        assert_eq!(answer.status, 400);
        writeln!(refusals, "{}", error_of(&answer)).unwrap();
    }
    let get = api.call("GET", TOKEN).await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));
    writeln!(refusals, "{}", error_of(&get)).unwrap();
    insta::assert_snapshot!(refusals);
    let with_charset = Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    assert_eq!(send(with_charset, format!("{whole}&unknown=1")).await.status, 200);
}

#[tokio::test]
async fn a_form_in_a_charset_other_than_utf_8_is_refused() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    for (number, (parameters, status)) in [
        ("; charset=utf-8", 200),
        (";Charset=\"UTF-8\"", 200),
        ("; a=\"b;charset=latin1\"", 200),
        ("; charset=iso-8859-1", 400),
        (";CHARSET=\"utf-16\"", 400),
        ("; a=b; charset=windows-1252", 400),
        ("; charset=", 400),
    ]
    .into_iter()
    .enumerate()
    {
        let assertion = client.assertion(&format!("j-{number}"), &json!({}));
        let mut request = token_request(&[("assertion", &assertion)]);
        let media_type = format!("application/x-www-form-urlencoded{parameters}");
        request.headers_mut().insert("content-type", media_type.parse().unwrap());
        let answer = api.send(request).await;
        assert_eq!(answer.status, status, "{parameters}: {}", answer.text);
        if status == 400 {
            let error = error_of(&answer);
            assert!(error.starts_with("invalid_request: The charset of the Content-Type is "), "{error}");
        }
    }
}

#[tokio::test]
async fn the_scope_parameter_narrows_and_never_widens() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let narrowed = client.assertion("j-1", &json!({}));
    let answer = ask(&api, &[("assertion", &narrowed), ("scope", "openid")]).await;
    assert_eq!(answer.json()["scope"], "openid");
    let widened = client.assertion("j-2", &json!({ "scope": "openid" }));
    let answer = ask(&api, &[("assertion", &widened), ("scope", "openid agent_sessions:create")]).await;
    assert!(error_of(&answer).starts_with("invalid_scope: The scope parameter asks for 'agent_sessions:create'"));
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused_as_an_oauth_error() {
    let api = Api::new();
    let answer = api.send(token_request(&[("assertion", &"x".repeat(2 << 20))])).await;
    assert_eq!(answer.status, 413);
    assert!(error_of(&answer).starts_with("invalid_request: The request body is larger"));
}

#[tokio::test]
async fn ascii_emails_are_a_rule_of_assertions_too() {
    for (rule, email, expected) in [
        ("ascii", "söm@example.com", Some("--email ascii rejects internationalised addresses")),
        ("ascii", "sam@exämple.com", Some("--email ascii rejects internationalised addresses")),
        ("ascii", "sam@example.com", None),
        ("international", "söm@example.com", None),
    ] {
        let api = Api::new();
        let settings = json!({ "assertion_clock": "sandbox", "email": rule });
        let clock = json!({ "frozen_at": "2026-03-01T12:00:00Z" });
        let client = Client::in_sandbox(&api, json!({ "clock": clock, "settings": settings })).await;
        let answer = client.exchange("j-1", &json!({ "email": email })).await;
        assert_eq!(answer.status, if expected.is_some() { 400 } else { 200 }, "{rule} {email}: {}", answer.text);
        if let Some(problem) = expected {
            assert!(error_of(&answer).contains(problem), "{}", answer.text);
        }
        let is_advised = answer.headers.contains_key("x-mock-advices");
        assert_eq!(is_advised, rule != "ascii", "{rule} {email}");
    }
}
