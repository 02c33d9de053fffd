//! Every literal example of the vendor's pages, compared with our answer.

use crate::harness::{Api, body_of, documents, handoff_request};
use docendorse_mock::{
    Settings,
    config::{EmailRule, ValidationNextAction},
};
use serde_json::{Value, json};

/// The literal answers of the pages, each with the tag that selects it here.
const ANSWERS: [(&str, &str); 6] = [
    (
        "success",
        r#"{"status":"success","next_action":"continue_handoff","agent_session_id":"as_123456","handoff_uri":"https://app.docendorse.com/agent/xyz"}"#,
    ),
    (
        "require_subscription",
        r#"{"status":"require_subscription","next_action":"subscribe","subscription_url":"https://app.docendorse.com/subscribe/plan_xyz"}"#,
    ),
    ("verify_email", r#"{"status":"verify_email","next_action":"verify"}"#),
    ("register", r#"{"status":"register","next_action":"register_account"}"#),
    ("error", r#"{"status":"error","next_action":"none","description":"Invalid file URL provided."}"#),
    ("invalid", r#"{"status":"error","description":"Validation error explanation"}"#),
];

#[tokio::test]
async fn every_example_answer_of_the_pages_has_our_shape() {
    // The page on answers leaves out this URL.
    let api = Api::with(Settings { no_registration_url: true, ..Settings::default() });
    let mut table = String::new();
    for (tag, literal) in ANSWERS {
        let body = if tag == "invalid" { "{}".to_owned() } else { body_of(tag, &format!("sam+{tag}@example.com")) };
        let ours = api.hand_off(body).await.json();
        let theirs: Value = serde_json::from_str(literal).unwrap();
        assert_eq!(documents().objections("HandoffAnswer", &theirs), [""; 0], "{literal}");
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&ours), keys(&theirs), "{tag}");
        for word in ["status", "next_action"] {
            assert_eq!(ours.get(word), theirs.get(word), "{tag}");
        }
        table += &format!("{tag}\n  theirs {theirs}\n  ours   {}\n", masked(&ours));
    }
    insta::assert_snapshot!(table);
}

/// An answer without its generated ids.
fn masked(answer: &Value) -> String {
    let mut text = answer.to_string();
    for prefix in ["as_", "ho_"] {
        while let Some(at) =
            text.find(prefix).filter(|at| text[at + 3..].starts_with(|char: char| char.is_ascii_hexdigit()))
        {
            text.replace_range(at..at + 27, &prefix.to_uppercase());
        }
    }
    text
}

#[tokio::test]
async fn every_example_request_of_the_pages_succeeds() {
    for name in ["minimal", "including-files", "including-facts", "full"] {
        let body = std::fs::read_to_string(format!("fixtures/requests/valid/{name}.json")).unwrap();
        // Two of them have one handoff_id for two users, which is 409 on one server (S8).
        let answer = Api::new().hand_off(body).await;
        assert_eq!(answer.json()["status"], "success", "{name}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_setting_adds_the_next_action_to_invalid_requests() {
    for (switch, expected) in [(ValidationNextAction::Omit, None), (ValidationNextAction::None, Some(&json!("none")))] {
        let api = Api::with(Settings { validation_next_action: switch, ..Settings::default() });
        for body in ["{}", "not JSON", "", "[]", "\u{FEFF}{}"] {
            let answer = api.hand_off(body).await;
            assert_eq!(answer.status, 400, "{body}");
            assert_eq!(answer.json().get("next_action"), expected, "{body}");
        }
        let mut other = handoff_request("{}");
        other.headers_mut().remove("content-type");
        assert_eq!(api.send(other).await.json()["next_action"], "none", "415");
        assert_eq!(api.get("/elsewhere").await.json()["next_action"], "none", "404");
        let error = api.hand_off(body_of("h-1", "sam+error@example.com")).await;
        assert_eq!(error.json()["next_action"], "none", "422");
    }
}

#[tokio::test]
async fn the_url_of_an_answer_names_the_waiting_handoff() {
    let api = Api::new();
    for (tag, field, page) in
        [("require_subscription", "subscription_url", "subscribe"), ("register", "registration_url", "register")]
    {
        let body = |id: &str| body_of(id, &format!("sam+{tag}@example.com"));
        let first = api.hand_off(body("h-1")).await.json()[field].as_str().unwrap().to_owned();
        let (rest, id) = first.rsplit_once('/').unwrap();
        assert_eq!(rest, format!("http://mock.test/{page}"));
        let sandbox = api.app.sandboxes.default_sandbox();
        let waiting = sandbox.waiting_handoff(id).await.unwrap().unwrap();
        assert_eq!(&*waiting.request.handoff_id, "h-1");
        assert_eq!(api.hand_off(body("h-1")).await.json()[field], first, "a retry has the same URL");
        assert_ne!(api.hand_off(body("h-2")).await.json()[field], first);
        api.call("POST", "/__admin/reset").await;
        assert!(sandbox.waiting_handoff(id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_email_is_refused_with_the_rule_that_it_breaks() {
    let api = Api::new();
    for (email, rule) in [
        ("sam", "it has no \"@\""),
        ("\"sam\"@example.com", "a local part in quotes is not accepted"),
        ("sam@[127.0.0.1]", "an address literal is not accepted"),
        ("sam@-example.com", "begins or ends with a hyphen"),
        ("sam@example..com", "empty label"),
    ] {
        let answer = api.hand_off(body_of("h-1", email)).await;
        assert!(answer.description().contains(rule), "{}", answer.description());
        assert_eq!(api.exchange(&answer).await["violations"][0]["clause"], "R13");
    }
}

#[tokio::test]
async fn an_internationalised_email_passes_unless_ascii_is_asked_for() {
    for (rule, status) in [(EmailRule::International, 200), (EmailRule::Ascii, 400)] {
        let api = Api::with(Settings { email: rule, ..Settings::default() });
        for email in ["s\u{F6}m@example.com", "sam@b\u{FC}cher.example"] {
            let answer = api.hand_off(body_of(email, email)).await;
            assert_eq!(answer.status, status, "{}", answer.text);
            let exchange = api.exchange(&answer).await;
            match rule {
                EmailRule::International => assert_eq!(exchange["advices"][0]["code"], "internationalised_email"),
                EmailRule::Ascii => assert!(answer.description().contains("--email ascii"), "{}", answer.text),
            }
        }
        assert_eq!(api.hand_off(body_of("h-1", "sam@example.com")).await.status, 200);
    }
}

#[tokio::test]
async fn inaccessible_file_urls_draw_an_advice() {
    let api = Api::new();
    let mut body: Value = serde_json::from_str(&body_of("h-1", "sam@example.com")).unwrap();
    body["files"] = json!([
        { "type": "url", "name": "a", "url": "https://example.com/a" },
        { "type": "url", "name": "b", "url": "ftp://example.com/b" },
        { "type": "url", "name": "c", "url": "http://192.168.1.5/c" },
        { "type": "upload", "name": "d" },
    ]);
    let answer = api.hand_off(body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let exchange = api.exchange(&answer).await;
    let advices = exchange["advices"].as_array().unwrap();
    let told: Vec<_> = advices.iter().map(|advice| (&advice["pointer"], &advice["code"])).collect();
    assert_eq!(
        told,
        [
            (&json!("/files/1/url"), &json!("file_url_scheme")),
            (&json!("/files/2/url"), &json!("private_file_url")),
            (&json!("/files/3/type"), &json!("unexpected")),
        ]
    );
}

#[tokio::test]
async fn a_charset_other_than_utf_8_is_refused() {
    let api = Api::new();
    for (parameters, status) in [
        ("; charset=utf-8", 200),
        (";CHARSET=\"UTF-8\"", 200),
        ("; charset=utf8", 200),
        ("; profile=\"a;charset=latin1\"", 200),
        ("; charset=iso-8859-1", 415),
        (";Charset=\"UTF-16\"", 415),
        ("; a=b ;charset=windows-1252", 415),
        ("; charset=utf-8; charset=us-ascii", 415),
        ("; charset=", 415),
    ] {
        let mut request = handoff_request(body_of(parameters, "sam@example.com"));
        request.headers_mut().insert("content-type", format!("application/json{parameters}").parse().unwrap());
        let answer = api.send(request).await;
        assert_eq!(answer.status, status, "{parameters}");
        if status == 415 {
            assert!(answer.description().starts_with("The charset of the Content-Type is "), "{}", answer.text);
        }
    }
}
