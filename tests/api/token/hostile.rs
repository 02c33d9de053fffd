//! The token endpoint answers any input: no input causes a panic, and no invalid assertion gets a token.

use crate::token::client::published_key;
use docendorse_mock::{
    base::clock::Clock,
    domain::{
        contract::is_email,
        oauth::{
            Assertion, Client, Ground, Issuer, Jws, PublicKey, Scopes, TokenRequest, When, built_in, signing_input,
            with_signature,
        },
    },
};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

fn client() -> Client {
    built_in::client(built_in::CLIENT_ID, built_in::CLIENT_SECRET, Clock::system_now()).unwrap()
}

fn ground(client: &Client) -> Ground<'_> {
    let when =
        When { now: "2026-03-01T12:00:00Z".parse().unwrap(), system_now: None, skew: SignedDuration::from_secs(30) };
    Ground {
        client: Issuer::Registered(client),
        audience: "https://api.docendorse.com",
        token_url: "http://x",
        when,
        names_required: true,
        ascii_emails: false,
    }
}

/// Any JSON value, for a claim.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (1_772_366_000_i64..1_772_367_000).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(json!("sam@example.com")),
        Just(json!("https://api.docendorse.com")),
        Just(json!(built_in::CLIENT_ID)),
        Just(json!("openid agent_sessions:create")),
        Just(json!(["https://api.docendorse.com"])),
        Just(json!({ "a": [1, null] })),
    ]
}

fn claims() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "iss",
        "sub",
        "aud",
        "iat",
        "exp",
        "nbf",
        "jti",
        "email",
        "given_name",
        "family_name",
        "scope",
        "other",
    ]);
    prop::collection::vec((names, value()), 0..14).prop_map(|pairs| {
        let mut claims = json!({
            "iss": built_in::CLIENT_ID, "sub": "usr_1", "aud": "https://api.docendorse.com", "iat": 1_772_366_400,
            "exp": 1_772_366_500, "jti": "j", "email": "sam@example.com", "given_name": "Sam", "family_name": "Doe", "scope": "openid",
        });
        for (name, value) in pairs {
            claims[name] = value;
        }
        claims
    })
}

proptest! {
    #[test]
    fn any_form_and_any_credential_is_read_or_refused(
        form in prop::collection::vec(any::<u8>(), 0..200), credential in prop::option::of("(Basic |Bearer )?[ -~]{0,40}"),
    ) {
        let _ = TokenRequest::read(&form, credential.as_deref());
    }

    #[test]
    fn any_text_is_a_jwt_or_not(text in "[A-Za-z0-9_=.-]{0,200}|.{0,50}") {
        let _ = Jws::read(&text);
        let _ = Assertion::read(&text);
    }

    #[test]
    fn any_text_is_a_key_or_not(text in "\\PC{0,100}|-----BEGIN [A-Z ]{0,20}-----\n[A-Za-z0-9+/=\n]{0,200}-----END [A-Z ]{0,20}-----\n") {
        let _ = PublicKey::read(&text);
    }

    /// An accepted assertion has everything that the clauses require, and descriptions use only characters of RFC 6749.
    #[test]
    fn every_accepted_assertion_keeps_the_clauses(claims in claims(), is_signed in any::<bool>()) {
        let header = json!({ "alg": "RS256" });
        let text = if is_signed {
            published_key().sign(&header, &claims).unwrap()
        } else {
            with_signature(signing_input(&header.to_string(), claims.to_string().as_bytes()), &[0; 256])
        };
        let client = client();
        let judgement = Assertion::read(&text).unwrap().judge(&ground(&client));
        match judgement.result {
            Ok(grant) => {
                let seconds = |name: &str| claims[name].as_f64().unwrap();
                prop_assert!(is_signed && claims["iss"] == built_in::CLIENT_ID);
                prop_assert!(seconds("exp") > seconds("iat") && seconds("exp") - seconds("iat") <= 300.0);
                prop_assert!(seconds("exp") + 30.0 > 1_772_366_400.0 && seconds("iat") - 30.0 <= 1_772_366_400.0);
                prop_assert!(is_email(&grant.email) && !grant.sub.trim().is_empty() && !grant.jti.is_empty());
                prop_assert!(grant.scopes.beyond(Scopes::all()).is_empty() && !grant.scopes.is_empty());
                let refused = judgement.fates.iter().any(|fate| fate.why.is_some());
                prop_assert!(!refused);
            }
            Err(error) => {
                let plain = error.description.chars().all(|char| (' '..='~').contains(&char) && !"\"\\".contains(char));
                prop_assert!(plain, "{}", error.description);
            }
        }
    }
}
