//! Clients and their keys (T3, T4): registration, rotation and deletion through the control plane, and their effect at
//! the token endpoint.

use crate::{
    harness::{Answer, Api},
    sandboxes::lifecycle::send,
    token::client::{Client, TOKEN, ask, error_of, form, published_key, token_of},
};
use axum::{body::Body, http::Request};
use base64::{Engine, prelude::BASE64_STANDARD};
use docendorse_mock::{
    Settings,
    config::Auth,
    domain::oauth::{JWT_BEARER, SigningKey, built_in},
};
use serde_json::{Value, json};
use std::fmt::Write;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("fixtures/keys/{name}")).unwrap()
}

fn other_key() -> SigningKey {
    SigningKey::from_pem(&fixture("other-client.key.pem")).unwrap()
}

#[tokio::test]
async fn unsafe_rsa_exponents_are_refused() {
    let api = Api::new();
    let jwk: Value = serde_json::from_str(&fixture("other-client.jwk.json")).unwrap();
    let with = |exponent: &str| json!({ "jwks": { "kty": "RSA", "n": jwk["n"], "e": exponent } });
    // 1, 2, 65536, 2^33 + 1, 2^34 - 1, and one as long as the modulus.
    let long = jwk["n"].as_str().unwrap();
    for refused in ["AQ", "Ag", "AQAA", "AgAAAAE", "A_____8", long] {
        let answer = register(&api, with(refused)).await;
        assert_eq!(answer.status, 400, "{refused}: {}", answer.text);
        assert!(answer.text.contains("exponent"), "{refused}: {}", answer.text);
    }
    // 3, 65537, and 2^32 + 1, which has 33 bits.
    for taken in ["Aw", "AQAB", "AQAAAAE"] {
        let answer = register(&api, with(taken)).await;
        assert_eq!(answer.status, 201, "{taken}: {}", answer.text);
    }
}

/// In any order, a registered client can be used, and a client that is not registered does not occupy its id.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_removed_while_it_is_added_leaves_nothing() {
    let api = std::sync::Arc::new(Api::new());
    let id = format!("client_{:032x}", 7);
    let path = format!("/__admin/clients/{id}");
    for round in 0..50 {
        assert_eq!(send(&api, "POST", "/__admin/sandboxes", json!({ "name": "short" })).await.status, 201);
        let (registrar, remover, body) = (
            std::sync::Arc::clone(&api),
            std::sync::Arc::clone(&api),
            json!({ "client_id": id, "public_key": fixture("other-client.pub.pem") }),
        );
        let register =
            tokio::spawn(async move { send(&registrar, "POST", "/__admin/clients?sandbox=short", body).await });
        let remove = tokio::spawn(async move { remover.call("DELETE", "/__admin/sandboxes/short").await });
        let registered = register.await.unwrap();
        assert_eq!(remove.await.unwrap().status, 204);
        assert!([201, 404].contains(&registered.status.as_u16()), "round {round}: {}", registered.text);
        let again = json!({ "client_id": id, "public_key": fixture("other-client.pub.pem") });
        assert_eq!(self::register(&api, again).await.status, 201, "round {round}: the id is free");
        assert_eq!(api.call("DELETE", &path).await.status, 204);
    }
}

async fn register(api: &Api, client: Value) -> Answer {
    send(api, "POST", "/__admin/clients", client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_sandboxes_that_race_for_an_id_gets_it() {
    let api = std::sync::Arc::new(Api::new());
    assert_eq!(send(&api, "POST", "/__admin/sandboxes", json!({ "name": "other" })).await.status, 201);
    for round in 0..50 {
        let register = |path: &'static str| {
            let (api, id) = (std::sync::Arc::clone(&api), format!("client_{round:032x}"));
            let body = json!({ "client_id": id, "public_key": fixture("other-client.pub.pem") });
            tokio::spawn(async move { send(&api, "POST", path, body).await.status.as_u16() })
        };
        let (one, other) = (register("/__admin/clients"), register("/__admin/clients?sandbox=other"));
        let statuses = [one.await.unwrap(), other.await.unwrap()];
        assert!(matches!(statuses, [201, 409] | [409, 201]), "round {round}: {statuses:?}");
        for (sandbox, registered) in ["default", "other"].into_iter().zip(statuses) {
            let shown = api.get(&format!("/__admin/clients/client_{round:032x}?sandbox={sandbox}")).await;
            assert_eq!(shown.status == 200, registered == 201, "round {round}: {sandbox}");
        }
    }
}

#[tokio::test]
async fn a_client_is_registered_with_its_key_in_every_form() {
    let api = Api::new();
    let forms = [
        json!({ "public_key": fixture("other-client.pub.pem") }),
        json!({ "public_key": fixture("other-client.rsa-pub.pem") }),
        json!({ "public_key": fixture("other-client.cert.pem") }),
        json!({ "public_key": format!("\u{feff}Bag Attributes\r\n{}\r\nbehind it", fixture("other-client.pub.pem")) }),
        json!({ "jwks": serde_json::from_str::<Value>(&fixture("other-client.jwk.json")).unwrap() }),
        json!({ "jwks": { "keys": [serde_json::from_str::<Value>(&fixture("other-client.jwk.json")).unwrap()] } }),
    ];
    let mut moduli = Vec::new();
    for wanted in forms {
        let made = register(&api, wanted.clone()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        let id = made["client_id"].as_str().unwrap();
        let secret = made["client_secret"].as_str().unwrap();
        assert!(secret.starts_with("cs_") && id.starts_with("client_"));
        moduli.push(made["keys"][0]["n"].clone());
        let shown = api.get(&format!("/__admin/clients/{id}")).await;
        assert!(!shown.text.contains(secret), "a secret is shown once");
        assert_eq!(shown.json()["has_secret"], true);
        // It can authenticate with that key and with its secret.
        let now = docendorse_mock::base::clock::Clock::system_now().as_second();
        let claims = json!({
            "iss": id, "sub": "usr_1", "aud": "https://api.docendorse.com", "iat": now, "exp": now + 60, "jti": "j",
            "email": "kim@example.com", "given_name": "Kim", "family_name": "Doe", "scope": "openid",
        });
        let assertion = other_key().sign(&json!({ "alg": "RS256" }), &claims).unwrap();
        let pairs = [("assertion", &*assertion), ("client_id", id), ("client_secret", secret)];
        let answer = ask(&api, &pairs).await;
        assert_eq!(answer.status, 200, "{wanted}: {}", answer.text);
    }
    assert!(moduli.windows(2).all(|pair| pair[0] == pair[1]), "one key in every form");
    let listed = api.get("/__admin/clients").await.json();
    assert_eq!(listed["clients"].as_array().unwrap().len(), 7);
    assert_eq!(listed["clients"][0]["client_id"], built_in::CLIENT_ID);
}

#[tokio::test]
async fn untrustworthy_keys_are_refused_with_the_reason() {
    let api = Api::new();
    let jwk: Value = serde_json::from_str(&fixture("other-client.jwk.json")).unwrap();
    let with = |member: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[member] = value;
        json!({ "jwks": jwk })
    };
    let mut refusals = String::new();
    for (what, wanted) in [
        ("nothing", json!({})),
        ("both", json!({ "public_key": "x", "jwks": {} })),
        ("no PEM", json!({ "public_key": "x" })),
        ("line ends written out", json!({ "public_key": built_in::PUBLIC_KEY.replace('\n', "\\n") })),
        ("no line ends", json!({ "public_key": built_in::PUBLIC_KEY.replace('\n', " ") })),
        ("an end without a beginning", json!({ "public_key": "-----END PUBLIC KEY-----\n" })),
        ("a private key", json!({ "public_key": built_in::PRIVATE_KEY })),
        ("1024 bits", json!({ "public_key": fixture("short.pub.pem") })),
        ("an elliptic curve", json!({ "public_key": fixture("ec.pub.pem") })),
        ("two keys", json!({ "public_key": built_in::PUBLIC_KEY.repeat(2) })),
        ("another PEM", json!({ "public_key": "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n" })),
        ("a private JWK", with("d", json!("AQ"))),
        ("a secret", json!({ "jwks": { "kty": "oct", "k": "AQ" } })),
        ("another kty", with("kty", json!("EC"))),
        ("another use", with("use", json!("enc"))),
        ("another alg", with("alg", json!("PS256"))),
        ("key_ops without verify", with("key_ops", json!(["sign"]))),
        ("a modulus that is none", with("n", json!("AQAB"))),
        ("a modulus with padding", with("n", json!("AQAB=="))),
        ("an even modulus", with("n", json!("_".repeat(341) + "g"))),
        ("an exponent of one", with("e", json!("AQ"))),
        ("a kid of another type", with("kid", json!(7))),
        ("an empty JWKS", json!({ "jwks": { "keys": [] } })),
        ("the same key twice", json!({ "jwks": { "keys": [jwk, jwk] } })),
        ("an id that is none", json!({ "client_id": "acme", "public_key": built_in::PUBLIC_KEY })),
        ("an id that is taken", json!({ "client_id": built_in::CLIENT_ID, "public_key": built_in::PUBLIC_KEY })),
        ("a scope that is none", json!({ "scopes": ["profile"], "public_key": built_in::PUBLIC_KEY })),
        ("no scope", json!({ "scopes": [], "public_key": built_in::PUBLIC_KEY })),
        ("an unknown field", json!({ "key": built_in::PUBLIC_KEY })),
    ] {
        let answer = register(&api, wanted).await;
        assert!([400, 409].contains(&answer.status.as_u16()), "{what}: {}", answer.text);
        assert!(!answer.text.contains("MII"), "no key is shown");
        writeln!(refusals, "{what}\n  {}", answer.json()["detail"].as_str().unwrap()).unwrap();
    }
    assert_eq!(api.get("/__admin/clients").await.json()["clients"].as_array().unwrap().len(), 1, "no key was stored");
    insta::assert_snapshot!(refusals);
}

#[tokio::test]
async fn keys_are_rotated_with_requests_in_progress() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let old = published_key();
    let new = other_key();
    let claims = |jti: &str| client.claims(jti);
    let by = |key: &SigningKey, header: Value, jti: &str| key.sign(&header, &claims(jti)).unwrap();
    let plain = json!({ "alg": "RS256" });
    // Signed before the rotation, and not sent yet.
    let in_flight = [by(old, plain.clone(), "f-1"), by(old, plain.clone(), "f-2")];
    let sent = async |assertion: &str| error_of(&ask(&api, &[("assertion", assertion)]).await);
    assert!(sent(&by(&new, plain.clone(), "j-1")).await.contains("it does not match the client's key"));
    let keys = format!("/__admin/clients/{}/keys", client.id);
    let at = |path: &str| format!("{path}?sandbox={}", client.sandbox);
    let added = send(&api, "POST", &at(&keys), json!({ "public_key": new.public_pem(), "kid": "2026-03" })).await;
    assert_eq!(added.status, 200, "{}", added.text);
    let old_kid = added.json()["keys"][0]["kid"].as_str().unwrap().to_owned();
    assert_eq!(added.json()["keys"][1]["kid"], "2026-03");
    assert_eq!(sent(&in_flight[0]).await, "200 OK", "the old key verifies until it is retired");
    assert_eq!(sent(&by(&new, plain.clone(), "j-2")).await, "200 OK");
    assert_eq!(sent(&by(&new, json!({ "alg": "RS256", "kid": "2026-03" }), "j-3")).await, "200 OK");
    let wrong = sent(&by(&new, json!({ "alg": "RS256", "kid": old_kid }), "j-4")).await;
    assert!(wrong.contains("it does not match the client's key"), "{wrong}");
    let twice = send(&api, "POST", &at(&keys), json!({ "public_key": new.public_pem() })).await;
    assert_eq!(twice.status, 409, "{}", twice.text);
    let retired = api.call("DELETE", &at(&format!("{keys}/{old_kid}"))).await;
    assert_eq!((retired.status.as_u16(), retired.json()["keys"].as_array().unwrap().len()), (200, 1));
    assert!(sent(&in_flight[1]).await.contains("it does not match the client's key '2026-03'"));
    let unknown = sent(&by(old, json!({ "alg": "RS256", "kid": old_kid }), "j-5")).await;
    assert!(unknown.contains("is not a key of the client; its keys are '2026-03'"), "{unknown}");
    assert_eq!(api.call("DELETE", &at(&format!("{keys}/{old_kid}"))).await.status, 404);
    // Without a key, no assertion can be verified, and no kid can be right or wrong.
    assert_eq!(api.call("DELETE", &at(&format!("{keys}/2026-03"))).await.status, 200);
    let keyless = by(&new, json!({ "alg": "RS256", "kid": "2026-03" }), "j-6");
    let answer = ask(&api, &[("assertion", &keyless)]).await;
    assert!(error_of(&answer).contains("signature: the client has no public key"), "{}", answer.text);
    let exchange = at(&format!("/__admin/requests/{}", answer.header("x-mock-exchange")));
    let exchange = api.get(&exchange).await.json();
    let mut fates = exchange["assertion"]["fates"].as_array().unwrap().iter();
    assert_eq!(fates.find(|fate| fate["claim"] == "kid").unwrap()["fate"], "unjudged");
}

#[tokio::test]
async fn a_client_may_authenticate_with_the_right_secret() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let other = Client::frozen(&api).await;
    let basic = |id: &str, secret: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
    let mut refusals = String::new();
    for (number, (authorization, pairs)) in [
        (None, vec![("client_id", &*client.id)]),
        (None, vec![("client_id", &*client.id), ("client_secret", &client.secret)]),
        (Some(basic(&client.id, &client.secret)), vec![]),
        (Some(basic(&client.id, &client.secret)), vec![("client_id", &client.id)]),
        (Some(basic(&client.id, "")), vec![]),
        (None, vec![("client_id", &client.id), ("client_secret", &other.secret)]),
        (Some(basic(&client.id, "wrong")), vec![]),
        (None, vec![("client_id", &other.id), ("client_secret", &other.secret)]),
        (None, vec![("client_id", "client_00000000000000000000000000000000")]),
        (Some(basic(&client.id, &client.secret)), vec![("client_secret", &client.secret)]),
        (Some("Bearer x".to_owned()), vec![]),
        (Some("Basic a!b".to_owned()), vec![]),
        (Some("Basic YTpi=".to_owned()), vec![]),
    ]
    .into_iter()
    .enumerate()
    {
        let assertion = client.assertion(&format!("j-{number}"), &json!({}));
        let mut all = vec![("grant_type", JWT_BEARER), ("assertion", &*assertion)];
        all.extend(pairs);
        let mut request = Request::post(TOKEN).header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = api.send(request.body(Body::from(form(&all))).unwrap()).await;
        assert_eq!(answer.status == 200, number < 5, "{number}: {}", answer.text);
        if answer.status == 401 {
            assert_eq!(answer.header("www-authenticate"), "Basic realm=\"docendorse-mock\"");
        }
        writeln!(refusals, "{}", error_of(&answer)).unwrap();
        let exchange = format!("/__admin/requests/{}?sandbox={}", answer.header("x-mock-exchange"), client.sandbox);
        let journal = api.get(&exchange).await.text;
        assert!(!journal.contains(&client.secret) && !journal.contains(&other.secret), "secrets are masked");
    }
    insta::assert_snapshot!(refusals.replace(&client.id, "CLIENT_ID").replace(&other.id, "OTHER_ID"));
}

/// Secrets are masked wherever a client puts them by mistake, and in any encoding.
#[tokio::test]
async fn the_journal_contains_no_usable_credentials() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let secret = &*client.secret;
    let assertion = client.assertion("j-1", &json!({}));
    let signature = assertion.rsplit('.').next().unwrap();
    let grant = form(&[("grant_type", JWT_BEARER)]);
    let basic_alone = Some(secret.to_owned());
    for (query, authorization, form) in [
        (String::new(), None, format!("{grant}&assertion={}", assertion.replace('.', "%2E"))),
        (String::new(), None, format!("{grant}&%61ssertion={assertion}")),
        (String::new(), None, format!("{grant}&client%5Fid=a&client_%73ecret={secret}")),
        (String::new(), None, format!("grant_type=refresh_token&refresh_token={secret}")),
        (String::new(), None, format!("grant_type=password&username=sam&password={secret}")),
        (String::new(), basic_alone, format!("{grant}&assertion={assertion}")),
        (format!("?client_secret={secret}&assertion={assertion}"), None, grant.clone()),
    ] {
        let mut request =
            Request::post(format!("{TOKEN}{query}")).header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = api.send(request.body(Body::from(form.clone())).unwrap()).await;
        let in_both = ["default", &client.sandbox].map(|sandbox| format!("/__admin/requests?sandbox={sandbox}"));
        for path in in_both {
            let journal = api.get(&path).await.text;
            assert!(!journal.contains(secret) && !journal.contains(signature), "{query} {form}: {}", answer.text);
        }
    }
    // A value that is not an assertion may be a secret that was sent by mistake.
    let answer = ask(&api, &[("assertion", "undefined")]).await;
    assert!(api.exchange(&answer).await["request"]["body_text"].as_str().unwrap().ends_with("&assertion=***"));
    let nowhere = api.get(&format!("/nowhere?client_secret={secret}")).await;
    assert!(!api.exchange(&nowhere).await.to_string().contains(secret));
}

#[tokio::test]
async fn a_client_gets_no_more_than_its_scopes() {
    let api = Api::new();
    let made = register(&api, json!({ "public_key": built_in::PUBLIC_KEY, "scopes": ["openid"] })).await.json();
    let now = docendorse_mock::base::clock::Clock::system_now().as_second();
    let mut claims = json!({
        "iss": made["client_id"], "sub": "usr_1", "aud": "https://api.docendorse.com", "iat": now, "exp": now + 60,
        "jti": "j", "email": "kim@example.com", "given_name": "Kim", "family_name": "Doe", "scope": "openid agent_sessions:create",
    });
    let header = json!({ "alg": "RS256" });
    let answer = ask(&api, &[("assertion", &published_key().sign(&header, &claims).unwrap())]).await;
    assert!(error_of(&answer).starts_with("invalid_scope: The assertion's scope: it asks for 'agent_sessions:create'"));
    claims["scope"] = json!("openid");
    let answer = ask(&api, &[("assertion", &published_key().sign(&header, &claims).unwrap())]).await;
    assert_eq!(answer.json()["scope"], "openid");
}

#[tokio::test]
async fn a_deleted_client_is_gone_with_its_tokens() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    let client = Client::frozen(&api).await;
    let token = token_of(&client.exchange("j-1", &json!({})).await);
    let hand_off = async || crate::token::access::hand_off(&api, &token, "h-1", "usr_123", "sam@example.com").await;
    assert_eq!(hand_off().await.status, 200);
    let path = format!("/__admin/clients/{}?sandbox={}", client.id, client.sandbox);
    assert_eq!(api.call("DELETE", &path).await.status, 204);
    assert_eq!(api.call("DELETE", &path).await.status, 404);
    let refused = hand_off().await;
    assert_eq!(refused.status, 401);
    assert!(refused.description().contains("no longer exists: it was deleted"), "{}", refused.text);
    assert_eq!(api.get(&client.path("tokens")).await.json()["tokens"][0]["status"], "revoked");
    let refused = client.exchange("j-2", &json!({})).await;
    assert!(error_of(&refused).contains("no longer exists: it was deleted"), "{}", refused.text);
    // Its id is free again, but a new client with that id does not take over its tokens, in any sandbox.
    let again = json!({ "client_id": client.id, "public_key": built_in::PUBLIC_KEY });
    let again = |sandbox: &str| (format!("/__admin/clients?sandbox={sandbox}"), again.clone());
    for sandbox in [&client.sandbox, "default", &client.sandbox] {
        let (path, body) = again(sandbox);
        assert_eq!(send(&api, "POST", &path, body).await.status, 201);
        let refused = hand_off().await;
        assert_eq!(refused.status, 401);
        assert!(refused.description().contains("another one was registered under the same id"), "{}", refused.text);
        let path = format!("/__admin/clients/{}?sandbox={sandbox}", client.id);
        assert_eq!(api.get(&client.path("tokens")).await.json()["tokens"][0]["status"], "revoked");
        assert_eq!(api.call("DELETE", &path).await.status, 204);
    }
    let (path, body) = again(&client.sandbox);
    assert_eq!(send(&api, "POST", &path, body).await.status, 201);
    let fresh = token_of(&client.exchange("j-3", &json!({})).await);
    let answer = crate::token::access::hand_off(&api, &fresh, "h-2", "usr_123", "sam@example.com").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_token_does_not_pass_in_a_new_sandbox_of_the_same_name() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    let id = "client_ffffffffffffffffffffffffffffffff";
    let mut tokens = Vec::new();
    for _ in 0..2 {
        crate::sandboxes::lifecycle::create(&api, json!({ "name": "suite-a" })).await;
        let client = json!({ "client_id": id, "public_key": built_in::PUBLIC_KEY });
        assert_eq!(send(&api, "POST", "/__admin/clients?sandbox=suite-a", client).await.status, 201);
        let made = send(&api, "POST", "/__admin/tokens?sandbox=suite-a", json!({ "client_id": id })).await;
        tokens.push(token_of(&made));
        let mut passes = Vec::new();
        for token in &tokens {
            let answer = crate::token::access::hand_off(&api, token, "h-1", "usr_123", "sam@example.com").await;
            passes.push(answer.status == 200);
        }
        assert_eq!(passes, (0..tokens.len()).map(|place| place + 1 == tokens.len()).collect::<Vec<_>>());
        assert_eq!(api.call("DELETE", "/__admin/sandboxes/suite-a").await.status, 204);
    }
}

#[tokio::test]
async fn the_server_publishes_where_tokens_are_issued() {
    let api = Api::new();
    let metadata = api.get("/oauth2/v2/.well-known/oauth-authorization-server").await;
    for other in ["/.well-known/oauth-authorization-server/oauth2/v2", "/oauth2/v2/.well-known/openid-configuration"] {
        let router = docendorse_mock::http::router(&api.app);
        let request = Request::get(other).body(Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        assert_eq!(body, metadata.text.as_bytes(), "{other}");
    }
    insta::assert_snapshot!(metadata.text);
    assert_eq!(api.get("/oauth2/v2/.well-known/jwks.json").await.json()["keys"][0]["alg"], "EdDSA");
    assert_eq!(api.app.sandboxes.default_sandbox().journal.fill().kept, 0, "documents are not recorded");
    // A wrong path gets an answer with the right one.
    let missed = api.call("POST", "/oauth/token").await;
    assert!(missed.description().ends_with("the token endpoint is POST /oauth2/v2/token."), "{}", missed.text);
}
