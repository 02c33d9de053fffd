//! The `detail` of the control plane's errors: its style, suggestions and fixes.

use crate::{
    control_plane::strictness::{operations, send},
    harness::{Answer, Api, body_of},
};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};

/// The detail of a problem, after a check of its style: a sentence or more, from an upper case letter to a full stop or
/// a question mark. Lines that follow show a place in a file.
fn detail(answer: &Answer) -> String {
    assert!(answer.status.as_u16() >= 400, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    let sentence = detail.lines().next().unwrap();
    assert!(!sentence.starts_with(char::is_lowercase), "{detail}");
    assert!(sentence.ends_with(['.', '?']), "{detail}");
    for wrong in ["?.", "..", ".;", "?;", "os error"] {
        assert!(!sentence.contains(wrong), "{wrong} in: {detail}");
    }
    detail
}

/// The members of a body schema, with references resolved.
fn members(document: &Value, operation: &Value) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn every_detail_is_a_sentence() {
    let api = Api::new();
    let document = crate::harness::documents().control();
    let mut refused = 0;
    for (method, path, operation, parameters) in operations() {
        let members = members(document, &operation);
        let mut bodies =
            vec![String::new(), "[]".to_owned(), "{".to_owned(), "a=b".to_owned(), "{\"a\": 1,}".to_owned()];
        for member in &members {
            for value in ["[[]]", "\"x\"", "-1", "{}", "true"] {
                bodies.push(format!("{{{member:?}: {value}}}"));
            }
            bodies.push(format!("{{\"{member}x\": 1}}"));
        }
        let mut queries = vec![String::new(), "sandbox=defualt".to_owned(), "sandbox=none".to_owned()];
        for parameter in &parameters {
            queries.push(format!("{}=1", &parameter[1..]));
            for value in ["x", "0", "-1", "%FF", "a+b", ""] {
                queries.push(format!("{parameter}={value}"));
            }
        }
        let tries = bodies.iter().map(|body| (String::new(), body.clone()));
        let tries = tries.chain(queries.iter().map(|query| (query.clone(), String::new())));
        for (query, body) in tries {
            // Operations that succeed or wait do not return an error.
            if method == "DELETE" && query.is_empty() || path.ends_with("/wait") && !query.contains("=x") {
                continue;
            }
            let answer = send(&api, &method, &format!("{path}?{query}"), &body).await;
            if answer.status.as_u16() >= 400 {
                detail(&answer);
                refused += 1;
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_draws_the_nearest() {
    let api = Api::new();
    api.hand_off(body_of("h-1", "kim@example.com")).await;
    send(&api, "POST", "/__admin/sandboxes", r#"{"name": "suite-a"}"#).await;
    let key = std::fs::read_to_string("fixtures/keys/other-client.pub.pem").unwrap();
    let id = "client_ffffffffffffffffffffffffffffffff";
    let client = json!({ "client_id": id, "public_key": key, "kid": "spring" }).to_string();
    assert_eq!(send(&api, "POST", "/__admin/clients", &client).await.status, 201);
    for (method, path, expected) in [
        ("GET", "/__admin/scenarios/falky", "There is no scenario \"falky\"; did you mean \"flaky\"?"),
        ("PUT", "/__admin/scenarios/rate_limitd/pin", "did you mean \"rate-limited\"?"),
        ("DELETE", "/__admin/scenarios/falky/pin", "did you mean \"flaky\"?"),
        ("POST", "/__admin/scenarios/falky/queue", "did you mean \"flaky\"?"),
        ("GET", "/__admin/scenarios/falky/state", "did you mean \"flaky\"?"),
        ("DELETE", "/__admin/scenarios/falky", "did you mean \"flaky\"?"),
        ("GET", "/__admin/scenarios?after=falky", "did you mean \"flaky\"?"),
        ("GET", "/__admin/scenarios/nothing-like-it", "There is no scenario \"nothing-like-it\"."),
        ("GET", "/__admin/health?sandbox=suitea", "There is no sandbox \"suitea\"; did you mean \"suite-a\"?"),
        ("GET", "/__admin/sandboxes/defualt", "did you mean \"default\"?"),
        ("POST", "/__admin/sandboxes/suite_b/reset", "did you mean \"suite-a\"?"),
        ("DELETE", "/__admin/sandboxes/suit-a", "did you mean \"suite-a\"?"),
        ("GET", "/__admin/sandboxes?after=suit-a", "did you mean \"suite-a\"?"),
        (
            "GET",
            "/__admin/actors/kim@exmaple.com",
            "There is no actor \"kim@exmaple.com\"; did you mean \"kim@example.com\"?",
        ),
        ("GET", "/__admin/actors?after=kin@example.com", "did you mean \"kim@example.com\"?"),
        (
            "DELETE",
            "/__admin/clients/client_ffffffffffffffffffffffffffffffff/keys/sprint",
            "There is no key \"sprint\"; did you mean \"spring\"?",
        ),
        ("GET", "/__admin/events?event=agent.acepted", "In the query: event: \"agent.acepted\" is not one of "),
        ("GET", "/__admin/events?event=agent.acepted", "; did you mean \"agent.accepted\"?"),
        ("GET", "/__admin/events?event=agent.accepted,envelope_sent", "; did you mean \"envelope.sent\"?"),
        ("GET", "/__admin/requests?status=sucess", "nor one of success, require_subscription, "),
        ("GET", "/__admin/requests?status=sucess", "; did you mean \"success\"?"),
        ("GET", "/__admin/requests?status=verify-email", "; did you mean \"verify_email\"?"),
        ("GET", "/__admin/requests?endpoint=handof", "; did you mean \"handoff\"?"),
        ("GET", "/__admin/signing/envelopes?status=finalised", "; did you mean \"finalized\"?"),
        ("GET", "/__admin/sessions?intent=self-sing", "; did you mean \"self_sign\"?"),
        ("GET", "/__admin/messages?channel=smss", "; did you mean \"sms\"?"),
        ("GET", "/__admin/sesions", "There is no endpoint /__admin/sesions; did you mean /__admin/sessions?"),
        ("POST", "/__admin/clock/advanse", "did you mean /__admin/clock/advance?"),
        ("GET", "/__admin/%C3%A4", "There is no endpoint /__admin/%C3%A4; GET /__admin/ lists the endpoints."),
        ("GET", "/__admin/x", "There is no endpoint /__admin/x; GET /__admin/ lists the endpoints."),
        ("GET", "/__admin/clok/", "There is no endpoint /__admin/clok/; did you mean /__admin/clock?"),
        ("GET", "/__admin/nowhere", "There is no endpoint /__admin/nowhere; GET /__admin/ lists the endpoints."),
    ] {
        let told = detail(&send(&api, method, path, "").await);
        assert!(told.contains(expected), "{method} {path}: {told}");
    }
}

#[tokio::test]
async fn a_404_says_only_what_is_known() {
    let api = Api::new();
    let before = detail(&api.get("/__admin/requests/ex_00000001").await);
    assert_eq!(before, "There is no exchange \"ex_00000001\"; the journal has recorded none yet.");
    let first = api.hand_off(body_of("h-1", "kim@example.com")).await;
    let first = first.header("x-mock-exchange").to_owned();
    api.hand_off(body_of("h-2", "kim@example.com")).await;
    assert_eq!(api.call("DELETE", &format!("/__admin/requests/{first}")).await.status, 204);
    for method in ["GET", "DELETE"] {
        for (id, expected) in [
            (&*first, "The exchange \"ex_00000001\" is no longer kept; it was deleted or dropped."),
            ("ex_00000003", "There is no exchange \"ex_00000003\"; the last is ex_00000002."),
            ("ex_00000000", "There is no exchange \"ex_00000000\"; the last is ex_00000002."),
            ("nonsense", "\"nonsense\" is not the id of an exchange; write one such as ex_00000001."),
        ] {
            assert_eq!(detail(&api.call(method, &format!("/__admin/requests/{id}")).await), expected);
        }
    }
    for path in [
        "/__admin/sessions/as_none",
        "/__admin/sessions?after=as_none",
        "/__admin/messages/msg_none",
        "/__admin/tokens/at_none",
        "/__admin/clients/client_none",
        "/__admin/signing/users/usr_none",
        "/__admin/signing/users?after=usr_none",
        "/__admin/signing/envelopes?after=env_none",
        "/__admin/signing/envelopes/env_0000000000000001",
    ] {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        let told = detail(&answer);
        let start = if path.contains('?') { "In the query: after: there is no " } else { "There is no " };
        assert!(told.starts_with(start) && told.ends_with("\"."), "{path}: {told}");
    }
    let open = api.call("POST", "/__admin/signing/agents/agt_000000000000000100000001/open").await;
    assert_eq!(detail(&open), "There is no agent \"agt_000000000000000100000001\".");
}

#[tokio::test]
async fn a_405_names_the_methods_of_the_path() {
    let api = Api::new();
    let operations = operations();
    let mut seen = 0;
    for (_, path, ..) in &operations {
        let known: Vec<&str> =
            operations.iter().filter(|(_, other, ..)| other == path).map(|(method, ..)| method.as_str()).collect();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if known.contains(&method) {
                continue;
            }
            let answer = send(&api, method, path, "").await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
            let told = detail(&answer);
            let (what, fix) = told.split_once("; use ").unwrap_or_else(|| panic!("{told}"));
            assert_eq!(what, format!("{path} does not support {method}"));
            let named: Vec<&str> = fix.trim_end_matches('.').split([',', ' ']).filter(|word| *word != "or").collect();
            let named: Vec<&str> = named.into_iter().filter(|word| !word.is_empty()).collect();
            assert_eq!(named, known, "{path}: {told}");
            let allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
            assert!(known.iter().all(|method| allowed.contains(method)), "{path}: {allowed:?}");
            assert!(allowed.iter().all(|method| *method == "HEAD" || known.contains(method)), "{path}: {allowed:?}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
    let health = detail(&api.call("POST", "/__admin/health").await);
    assert_eq!(health, "/__admin/health does not support POST; use GET.");
    let pin = detail(&api.call("GET", "/__admin/scenarios/flaky/pin").await);
    assert_eq!(pin, "/__admin/scenarios/flaky/pin does not support GET; use PUT or DELETE.");
}

#[tokio::test]
async fn a_missing_member_is_shown_by_an_example() {
    let api = Api::new();
    for (method, path, expected) in [
        (
            "POST",
            "/__admin/clock/advance",
            "In the body: /by: the member is missing; send one such as {\"by\":\"10m\"}.",
        ),
        (
            "POST",
            "/__admin/clock/set",
            "In the body: /to: the member is missing; send one such as {\"to\":\"2026-03-01T12:00:00Z\"}.",
        ),
        (
            "PUT",
            "/__admin/scenarios/flaky/state",
            "In the body: /answer: the member is missing; send one such as {\"subject\":\"sam@example.com\",\"answer\":0}.",
        ),
    ] {
        for body in ["", "{}", " "] {
            let answer = send(&api, method, path, body).await;
            assert_eq!((answer.status.as_u16(), &*detail(&answer)), (400, expected));
        }
    }
    let user = detail(&send(&api, "POST", "/__admin/signing/users", "").await);
    assert!(
        user.starts_with("In the body: /name: the member is missing; send one such as {\"id\":\"usr_sam\","),
        "{user}"
    );
}

#[tokio::test]
async fn a_negative_span_is_a_bad_value() {
    let api = Api::new();
    for by in ["-5s", "-PT5S", "5s ago", "-1d"] {
        let answer = send(&api, "POST", "/__admin/clock/advance", &json!({ "by": by }).to_string()).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        let problem = "is negative, but a clock only moves forward; write a span of time such as 10m.";
        assert_eq!(detail(&answer), format!("In the body: /by: {by:?} {problem}"));
    }
    assert_eq!(send(&api, "POST", "/__admin/clock/advance", r#"{"by": "0s"}"#).await.status, 200);
    // Whether a time is in the past depends on the clock.
    let past = send(&api, "POST", "/__admin/clock/set", r#"{"to": "2020-01-01T00:00:00Z"}"#).await;
    assert_eq!(past.status, 409, "{}", past.text);
}

#[tokio::test]
async fn the_index_lists_every_operation() {
    let api = Api::new();
    let index = api.get("/__admin/").await;
    assert_eq!(index.status, 200, "{}", index.text);
    assert_eq!(api.get("/__admin").await.json(), index.json());
    let listed = index.json()["operations"].clone();
    let listed = listed.as_array().unwrap();
    let document = crate::harness::documents().control();
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/__admin")) {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let expected = json!({
                "method": method.to_uppercase(),
                "url": format!("{}{path}", crate::harness::BASE_URL),
                "summary": operation["summary"],
            });
            assert!(listed.contains(&expected), "{expected}");
            count += 1;
        }
    }
    assert_eq!(listed.len(), count);
    assert_eq!(api.get("/__admin/?sandbx=1").await.status, 400);
    assert_eq!(api.get("/__admin?sandbx=1").await.status, 400);
    assert_eq!(api.call("POST", "/__admin").await.status, 405);
}

#[tokio::test]
async fn an_example_shows_the_member_that_is_missing() {
    let api = Api::new();
    for (method, path, body, member) in [
        ("POST", "/__admin/sandboxes", r#"{"name": "a", "clock": {}}"#, "frozen_at"),
        ("POST", "/__admin/requests/find", r#"{"match": {"body": [{}]}}"#, "pointer"),
        ("POST", "/__admin/requests/count", r#"{"match": {"body": [{}]}}"#, "pointer"),
        ("POST", "/__admin/signing/simulations", r#"{"agents": [{}]}"#, "name"),
        ("POST", "/__admin/clients", "{}", "public_key"),
    ] {
        let answer = send(&api, method, path, body).await;
        let told = detail(&answer);
        let (place, example) = told.split_once("; send one such as ").unwrap_or((&told, ""));
        if place.ends_with("the member is missing") || place.ends_with("the member is missing.") {
            assert!(place.contains(&format!("/{member}: ")), "{told}");
            assert!(example.is_empty() || example.contains(&format!("{member:?}:")), "{told}");
        }
        assert_eq!(answer.status, 400, "{told}");
    }
}

#[tokio::test]
async fn a_full_queue_says_how_many_fit() {
    let api = Api::new();
    let queue = "/__admin/scenarios/flaky/queue";
    for count in ["0", "1001"] {
        let told = detail(&send(&api, "POST", queue, &format!("{{\"count\": {count}}}")).await);
        assert_eq!(told, format!("In the body: /count: {count} is not from 1 to 1000."));
    }
    assert_eq!(send(&api, "POST", queue, r#"{"count": 990}"#).await.status, 200);
    let told = detail(&send(&api, "POST", queue, r#"{"count": 11}"#).await);
    assert!(told.starts_with("In the body: /count: 990 requests are queued already"), "{told}");
    assert!(told.contains("a count of at most 10,"), "{told}");
    assert_eq!(send(&api, "POST", queue, r#"{"count": 10}"#).await.status, 200);
}

#[tokio::test]
async fn a_simulation_takes_agents_or_an_envelope() {
    let api = Api::new();
    for (body, expected) in [
        ("{}", "In the body: neither \"agents\" nor \"envelope_id\" is given; give one of them."),
        (
            r#"{"agents": [{"name": "A"}], "envelope_id": "env_1"}"#,
            "In the body: \"agents\" and \"envelope_id\" cannot be given together; remove one.",
        ),
    ] {
        let answer = send(&api, "POST", "/__admin/signing/simulations", body).await;
        assert_eq!((answer.status.as_u16(), &*detail(&answer)), (400, expected));
    }
}

#[tokio::test]
async fn an_id_is_quoted_without_raw_control_characters() {
    let api = Api::new();
    let told = detail(&api.get("/__admin/sessions/a%01%E2%80%8Bb").await);
    assert_eq!(told, r#"There is no agent session "a\u0001\u200bb"."#);
}

#[tokio::test]
async fn the_contract_refuses_in_sentences() {
    let api = Api::new();
    for (path, key) in [("/api/v1/agent-sessions/create", "description"), ("/oauth2/v2/token", "error_description")] {
        let request = Request::post(path).header("origin", "http://evil.com").header("host", "localhost");
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        let told = answer.json()[key].as_str().unwrap().to_owned();
        assert!(told.starts_with("A web page at ") && told.ends_with("--allowed-hosts evil.com."), "{told}");
    }
    let request = Request::get("/api/v1/key/users").header("origin", "http://evil.com").header("host", "localhost");
    let answer = api.send(request.body(Body::empty()).unwrap()).await;
    let told = answer.json()["error"]["description"].as_str().unwrap().to_owned();
    assert!(told.starts_with("A web page at ") && told.ends_with("evil.com."), "{told}");
    let users = api.call("DELETE", "/api/v1/key/users").await;
    let told = users.json()["error"]["description"].as_str().unwrap().to_owned();
    assert_eq!(told, "DELETE is not allowed at /api/v1/key/users; use GET or HEAD.");
    let connect = Request::builder().method("CONNECT").uri("a:1").body(Body::empty()).unwrap();
    let told = api.send(connect).await.description();
    assert!(told.starts_with("There is no endpoint CONNECT a:1; "), "{told}");
}

#[tokio::test]
async fn a_token_without_a_valid_user_is_refused() {
    let api = Api::new();
    for (body, expected) in [
        (r#"{"sub": ""}"#, "In the body: /sub: it is empty; write the id of a user, or leave it out."),
        (r#"{"email": "y"}"#, "In the body: /email: \"y\" is not an email address: it has no \"@\"; write one such as"),
        (r#"{"email": ""}"#, "In the body: /email: \"\" is not an email address: "),
    ] {
        let answer = send(&api, "POST", "/__admin/tokens", body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        let told = detail(&answer);
        assert!(told.starts_with(expected), "{told}");
    }
    assert_eq!(send(&api, "POST", "/__admin/tokens", r#"{"sub": "u", "email": "y@z.org"}"#).await.status, 201);
}

#[tokio::test]
async fn an_empty_matcher_in_a_query_is_named_as_such() {
    let api = Api::new();
    let told = detail(&api.get("/__admin/requests/wait?match=").await);
    assert!(told.starts_with("In the query: match: it is empty; write a matcher such as "), "{told}");
}

#[tokio::test]
async fn an_error_names_the_range_of_a_number() {
    let api = Api::new();
    for (list, parameter) in [
        ("requests", "limit"),
        ("sessions", "limit"),
        ("actors", "limit"),
        ("messages", "limit"),
        ("tokens", "limit"),
        ("clients", "limit"),
        ("events", "limit"),
        ("agenda", "limit"),
        ("scenarios", "limit"),
        ("sandboxes", "limit"),
        ("signing/envelopes", "limit"),
        ("signing/users", "limit"),
    ] {
        for (value, problem) in [
            ("-1", "-1 is not from 1 to 1000."),
            ("0", "0 is not from 1 to 1000."),
            ("1001", "1001 is not from 1 to 1000."),
            ("99999999999999999999", "99999999999999999999 is not from 1 to 1000."),
            ("-99999999999999999999", "-99999999999999999999 is not from 1 to 1000."),
            ("1.5", "\"1.5\" is not a whole number from 1 to 1000."),
            ("", "\"\" is not a whole number from 1 to 1000."),
        ] {
            let told = detail(&api.get(&format!("/__admin/{list}?{parameter}={value}")).await);
            assert_eq!(told, format!("In the query: {parameter}: {problem}"), "{list}");
        }
    }
    let too_large = "99999999999999999999";
    for (path, body, expected) in [
        ("requests/find", r#"{"limit": -1}"#.to_owned(), "/limit: -1 is not from 1 to 1000."),
        ("requests/find", r#"{"limit": 0}"#.to_owned(), "/limit: 0 is not from 1 to 1000."),
        ("requests/find", r#"{"limit": 1.5}"#.to_owned(), "/limit: 1.5 is not a whole number from 1 to 1000."),
        (
            "requests/find",
            r#"{"limit": "5"}"#.to_owned(),
            "/limit: \"5\" is not a whole number from 1 to 1000; write 5 without quotes.",
        ),
        ("scenarios/flaky/queue", r#"{"count": -1}"#.to_owned(), "/count: -1 is not from 1 to 1000."),
        ("scenarios/flaky/queue", r#"{"count": 1e4}"#.to_owned(), "/count: 10000 is not from 1 to 1000."),
        ("sandboxes", r#"{"seed": -1}"#.to_owned(), "/seed: -1 is not a whole number of 0 or more."),
        (
            "sandboxes",
            format!("{{\"seed\": {too_large}}}"),
            "/seed: 99999999999999999999 is too large; write a number up to 18446744073709551615.",
        ),
        (
            "signing/simulations",
            format!("{{\"runs\": {too_large}}}"),
            "/runs: 99999999999999999999 is too large; write a smaller number.",
        ),
    ] {
        let told = detail(&send(&api, "POST", &format!("/__admin/{path}"), &body).await);
        assert_eq!(told, format!("In the body: {expected}"), "{body}");
    }
    for (count, expected) in [
        ("-1", "-1 is not from 1 to 1000, the number of exchanges that the journal keeps."),
        (
            "1001",
            "1001 is not from 1 to 1000, the number of exchanges that the journal keeps; raise --max-exchanges to wait for \
             more.",
        ),
        (too_large, "99999999999999999999 is too large; write a smaller number."),
    ] {
        let told = detail(&api.get(&format!("/__admin/requests/wait?timeout=1ms&count={count}")).await);
        assert_eq!(told, format!("In the query: count: {expected}"));
    }
    let body = r#"{"subject": "sam@example.com", "answer": -1}"#;
    let told = detail(&send(&api, "PUT", "/__admin/scenarios/flaky/state", body).await);
    assert!(told.starts_with("In the body: /answer: -1 is not from 0 to "), "{told}");
}

#[tokio::test]
async fn a_fault_in_a_scenario_of_a_body_has_a_pointer() {
    let api = Api::new();
    for (scenarios, expected) in [
        (r#"{"name":"a","answers":[{"http_status":99}]}"#, "/0/answers/0/http_status: 99 is not from 200 to 599"),
        (r#"{"name":"a","answers":[{"outcom":"success"}]}"#, "/0/answers/0/outcom: unknown key \"outcom\""),
        (r#"{"name":"a","answers":[{},{"outcome":"succes"}]}"#, "/0/answers/1/outcome: \"succes\" is not one of "),
        (r#"{"name":"a","answers":[{}]},{"name":"b","answers":[{"delay":5}]}"#, "/1/answers/0/delay: 5 has no unit"),
        (r#"{"name":"a","answers":[{}],"match":{"a/b":1}}"#, "/0/match/a~1b: unknown key \"a/b\""),
        (r#"{"name":"a","answers":[{"set":{"a":"{{ nothing }}"}}]}"#, "/0/answers/0/set/a: the template "),
        (r#"{"name":"a"}"#, "/0: the key \"answers\" is missing"),
        (r#"{"answers":[{}]}"#, "/0: the key \"name\" is missing"),
        (r#"{"name":"a","answers":[{"fault":"hang"}]}"#, "/0/answers/0/fault: expected an object"),
        ("5", "/0: expected an object"),
    ] {
        for (before, between) in [("", ""), ("\n\n  ", "\n")] {
            let body = format!("{{{before}\"name\":{between}\"x\",\"scenarios\":{before}[{scenarios}]}}");
            let told = detail(&send(&api, "POST", "/__admin/sandboxes", &body).await);
            assert!(told.starts_with(&format!("In the body: /scenarios{expected}")), "{body}: {told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}

#[tokio::test]
async fn a_misspelt_word_of_a_setting_draws_the_nearest() {
    let api = Api::new();
    for (settings, expected) in [
        (r#"{"auth": "stric"}"#, "auth: \"stric\" is not one of \"open\", \"strict\"; did you mean \"strict\"?"),
        (r#"{"on_decline": "viod"}"#, "; did you mean \"void\"?"),
        (r#"{"inspakt_http_status": "sematic"}"#, "; did you mean \"semantic\"?"),
        (r#"{"assertion_names": "Optional"}"#, "; did you mean \"optional\"?"),
        (r#"{"auth": "basic"}"#, "\"basic\" is not one of \"open\", \"strict\"."),
        (r#"{"auth": ["open"]}"#, "auth: a list is not one of \"open\", \"strict\"."),
        (r#"{"session_ttl": {"a": 1}}"#, "session_ttl: an object is not a span of time; "),
    ] {
        let told = detail(&send(&api, "POST", "/__admin/sandboxes", &format!("{{\"settings\": {settings}}}")).await);
        assert!(told.starts_with("In the body: /settings/") && told.contains(expected), "{told}");
    }
    send(&api, "POST", "/__admin/sandboxes", r#"{"name": "a"}"#).await;
    let mut snapshot = api.get("/__admin/sandboxes/a/snapshot").await.json();
    snapshot["settings"]["auth"] = json!("stric");
    let told = detail(&send(&api, "POST", "/__admin/sandboxes/restore?name=b", &snapshot.to_string()).await);
    assert!(told.starts_with("In the body: /settings/auth: ") && told.ends_with("did you mean \"strict\"?"), "{told}");
}

#[tokio::test]
async fn every_example_of_a_body_is_accepted() {
    let api = Api::new();
    for path in ["clock/advance", "clock/set"] {
        let path = format!("/__admin/{path}");
        for body in ["by=10m", "[]", "5", "null", "\"by\""] {
            let told = detail(&send(&api, "POST", &path, body).await);
            let (_, example) = told.split_once(", such as ").unwrap_or_else(|| panic!("{told}"));
            let answer = send(&api, "POST", &path, example.trim_end_matches('.')).await;
            assert!(answer.status == 200 || answer.status == 409, "{told}: {}", answer.text);
        }
    }
    for text in ["", "%20", "5", "%5B%5D"] {
        let told = detail(&api.get(&format!("/__admin/requests/wait?timeout=1ms&match={text}")).await);
        let (_, example) = told.split_once("a matcher such as ").unwrap_or_else(|| panic!("{told}"));
        let example = example.trim_end_matches('.').replace('"', "%22").replace([' ', '{', '}'], "");
        let waited = api.get(&format!("/__admin/requests/wait?timeout=1ms&match=%7B{example}%7D")).await;
        assert_eq!(waited.status, 408, "{told}: {}", waited.text);
    }
}

#[tokio::test]
async fn an_example_of_a_span_is_within_its_limit() {
    let api = Api::new();
    // So that a wait for one exchange ends immediately.
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    for timeout in ["10", "200", "400", "5000000", "soon", "-1"] {
        let told = detail(&api.get(&format!("/__admin/requests/wait?timeout={timeout}")).await);
        let (_, spans) = told.split_once("; write ").unwrap_or_else(|| panic!("{told}"));
        let spans = spans.split(';').next().unwrap().rsplit(" as ").next().unwrap();
        for span in spans.split(", ").flat_map(|part| part.split(" or ")) {
            let ready = api.get(&format!("/__admin/requests/wait?count=1&timeout={span}")).await;
            assert_eq!(ready.status, 200, "{told}: {span}: {}", ready.text);
        }
    }
    for (delay, expected) in [("30", "write 30ms or 30s"), ("5", "write 5ms, 5s or 5m"), ("700000", "such as 10m")] {
        let scenario = format!(r#"{{"name": "a", "answers": [{{"delay": {delay}}}]}}"#);
        let answer = send(&api, "PUT", "/__admin/scenarios/a", &scenario).await;
        assert!(detail(&answer).lines().next().unwrap().contains(expected), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_value_of_the_wrong_type_says_how_to_write_it() {
    let api = Api::new();
    for (path, body, expected) in [
        ("signing/users", r#"{"name": "a", "email": 5}"#, "/email: 5 is not a text; write a text in double quotes."),
        ("sandboxes", r#"{"name": "a", "clock": []}"#, "/clock: a list is not an object; write an object in braces."),
        ("sandboxes", r#"{"seed": "7"}"#, "/seed: \"7\" is not a whole number of 0 or more; write 7 without quotes."),
        ("sandboxes", r#"{"seed": "-7"}"#, "/seed: \"-7\" is not a whole number of 0 or more."),
        ("scenarios/flaky/queue", r#"{"count": "5000"}"#, "/count: \"5000\" is not a whole number from 1 to 1000."),
    ] {
        let told = detail(&send(&api, "POST", &format!("/__admin/{path}"), body).await);
        assert_eq!(told, format!("In the body: {expected}"));
    }
    for (status, shown) in [("-1", "-1"), ("200.5", "200.5"), ("\"x\"", "\"x\""), ("[]", "a list")] {
        let body = format!(r#"{{"settings": {{"error_http_status": {status}}}}}"#);
        let told = detail(&send(&api, "POST", "/__admin/sandboxes", &body).await);
        assert!(told.starts_with(&format!("In the body: /settings/error_http_status: {shown} is not ")), "{told}");
    }
}

#[tokio::test]
async fn an_error_names_its_real_cause() {
    let api = Api::new();
    let pem = "-----BEGIN PUBLIC KEY-----\\nAAAA";
    for (method, path, body, expected) in [
        ("PUT", "scenarios/flaky/pin", "{\"a\": 1}".to_owned(), "PUT /__admin/scenarios/flaky/pin takes no body"),
        (
            "PUT",
            "scenarios/flaky/pin?cuont=1",
            String::new(),
            "In the query of PUT /__admin/scenarios/flaky/pin: unknown",
        ),
        ("GET", "actors?after=foo", String::new(), "In the query: after: there is no actor \"foo\"."),
        ("GET", "health?sandbox=", String::new(), "In the query: sandbox: it is empty; name a sandbox, or leave"),
        (
            "POST",
            "clients",
            format!("{{\"public_key\": \"{pem}\"}}"),
            "; the END line is missing; give the complete text",
        ),
        (
            "POST",
            "clients",
            "{\"public_key\": \"x\"}".to_owned(),
            "a PUBLIC KEY, an RSA PUBLIC KEY or a CERTIFICATE; give",
        ),
        (
            "POST",
            "clients",
            "{\"public_key\": \"x\", \"jwks\": {}}".to_owned(),
            "In the body: \"public_key\" and \"jwks\" cannot be given together; remove one.",
        ),
        (
            "POST",
            "clients",
            "{}".to_owned(),
            "In the body: neither \"public_key\" (PEM) nor \"jwks\" (a JWKS) is given; ",
        ),
        (
            "POST",
            "clock/advance",
            "{\"a\":tru}".to_owned(),
            "it is not JSON at line 1, column 6: not a JSON word; write",
        ),
        ("POST", "clock/advance", "foo".to_owned(), "it is not JSON at line 1, column 1: not a JSON word; write"),
        ("POST", "clock/advance", "{\n // x\n}".to_owned(), "at line 2, column 2: JSON has no comments; remove it."),
        ("POST", "clock/advance", "{\"by\":\"1s\" /* x */}".to_owned(), "at line 1, column 12: JSON has no comments"),
        ("POST", "clock/advance", "{\"by\":\"1h\\u0000\"}".to_owned(), "/by: \"1h\\u0000\" is not a span of time; "),
        ("POST", "clock/advance", "{\"by\":\"1h\\u200b\"}".to_owned(), "/by: \"1h\\u200b\" is not a span of time; "),
    ] {
        let answer = send(&api, method, &format!("/__admin/{path}"), &body).await;
        let told = detail(&answer);
        assert!(told.contains(expected), "{method} {path} {body}: {told}");
    }
    let request = Request::post("/__admin/clock/advance").header("content-encoding", "gzip");
    let told = detail(&api.send(request.body(Body::from("x")).unwrap()).await);
    assert_eq!(told, "The Content-Encoding \"gzip\" is not supported; send the body uncompressed.");
    let request = Request::get("/__admin/health").header("origin", "null").header("host", "localhost");
    let told = detail(&api.send(request.body(Body::empty()).unwrap()).await);
    assert!(told.starts_with("A web page without an origin") && !told.contains("--allowed-hosts"), "{told}");
}

#[tokio::test]
async fn each_plus_of_a_filter_is_a_plus_or_a_space() {
    let api = Api::new();
    api.hand_off(body_of("h+3 4+5", "kim@example.com")).await;
    for (id, count) in [("h+3+4+5", 1), ("h+3%204+5", 1), ("h%2B3+4+5", 1), ("h%203+4+5", 0), ("h+3+4", 0)] {
        let answer = api.get(&format!("/__admin/sessions?handoff_id={id}")).await;
        assert_eq!(answer.json()["matching"], count, "{id}: {}", answer.text);
    }
    let told = detail(&api.get("/__admin/sessions?limit=+5").await);
    assert_eq!(told, "In the query: limit: \"+5\" is not a whole number from 1 to 1000.");
}
