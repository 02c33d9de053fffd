//! `token`, `decode` and `keys`: requesting tokens, all kinds of invalid assertions, and new key pairs.

use crate::harness::{CREATE, Folder, Running, golden, minimal, program, run, run_with_input, text};
use std::process::Output;

fn token(server: &Running, flags: &[&str]) -> Output {
    let mut arguments = vec!["token", "--url", &server.url];
    arguments.extend(flags);
    run(&arguments)
}

fn refusal(output: &Output) -> String {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    let line = text(&output.stderr);
    let said = line.strip_prefix("docendorse-mock: ").unwrap();
    assert!(said.contains("/__admin/requests/ex_"), "{said}");
    said.split(" (http").next().unwrap().to_owned()
}

#[test]
fn a_token_made_by_hand_permits_a_handoff() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0", "--auth", "strict"]));
    assert_eq!(server.ask("POST", CREATE, &minimal()).0, 401, "strict");
    let output = token(&server, &["--sub", "usr_hahua8h7"]);
    let printed = text(&output.stdout);
    assert_eq!((output.status.code(), printed.lines().count()), (Some(0), 1), "{}", text(&output.stderr));
    let answer = server.ask_as(printed.trim(), "POST", CREATE, &minimal());
    assert_eq!((answer.0, &answer.1["status"]), (200, &"success".into()), "{}", answer.1);
    let whole = token(&server, &["--json", "--scope", "openid"]);
    let whole: serde_json::Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert_eq!((&whole["scope"], &whole["expires_in"]), (&"openid".into(), &3600.into()));
}

#[test]
fn every_kind_of_wrong_token_is_distinguished() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    for (flags, said) in [
        (&["--expired"][..], "invalid_grant: The assertion's exp: it expired 36"),
        (&["--not-yet-valid"], "invalid_grant: The assertion's iat: it is 3"),
        (
            &["--too-long"],
            "invalid_grant: The assertion's exp: it is 301 s after iat; it must be at most 300 s after iat.",
        ),
        (&["--wrong-audience"], "invalid_grant: The assertion's aud: it is 'https://other.example'"),
        (&["--wrong-key"], "invalid_grant: The assertion's signature: it does not match the client's key"),
        (&["--bad-signature"], "invalid_grant: The assertion's signature: it does not match the client's key"),
        (&["--alg-none"], "invalid_grant: The assertion's alg: it is 'none'"),
        (&["--alg-hs256"], "invalid_grant: The assertion's alg: it is 'HS256'"),
        (&["--replay"], "invalid_grant: The assertion's jti: it was used before"),
        (&["--without", "sub"], "invalid_grant: The assertion's sub: it is missing"),
        (&["--claim", "email=7"], "invalid_grant: The assertion's email: it is a number"),
        (&["--claim", "scope=profile"], "invalid_scope: The assertion's scope: there is no scope 'profile'"),
        (&["--kid", "another"], "invalid_grant: The assertion's kid: 'another' is not a key of the client"),
        (&["--header", "crit=[\"b64\"]"], "invalid_grant: The assertion's crit: it names extensions"),
        (&["--client-secret", "wrong"], "invalid_client: The client_secret is wrong."),
        (&["--client-id", "acme"], "invalid_grant: The assertion's iss: it is 'acme'"),
        (&["--email", "sam+token-client-unknown-for-a-minute@example.com"], "invalid_client: The client is not known."),
    ] {
        let refused = refusal(&token(&server, flags));
        assert!(refused.starts_with(said), "{flags:?}: {refused}");
    }
}

#[test]
fn without_a_server_there_is_no_token() {
    let output = run(&["token", "--url", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("no answer from http://127.0.0.1:1: "), "{}", text(&output.stderr));
    let output = run(&["token", "--url", "https://mock.test"]);
    assert!(text(&output.stderr).contains("print the assertion with --assertion-only"));
    let output = run(&["token", "--expired", "--alg-none"]);
    assert_eq!(output.status.code(), Some(2), "the flags exclude each other");
    let output = run(&["token", "--key", "fixtures/keys/test-client.pub.pem"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("fixtures/keys/test-client.pub.pem: it is a public key"));
}

#[test]
fn a_new_key_pair_is_registered_and_used() {
    let folder = Folder::new();
    let name = folder.file("app").display().to_string();
    let made = run(&["keys", "generate", "--out", &name]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let told = text(&made.stdout);
    let id = told.split_whitespace().nth(1).unwrap().to_owned();
    let (private, public) = (format!("{name}.key.pem"), format!("{name}.pub.pem"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&private), mode(&public)), (0o600, 0o644));
    }
    let before = std::fs::read(&private).unwrap();
    let again = run(&["keys", "generate", "--out", &name]);
    assert_eq!(again.status.code(), Some(3));
    assert!(text(&again.stderr).contains("existing files are not overwritten"), "{}", text(&again.stderr));
    assert_eq!(std::fs::read(&private).unwrap(), before);

    // As the printed lines say: at the start, and through the control plane of a running server.
    let key = format!("{id}={public}");
    let server = Running::start(program().args(["--listen", "127.0.0.1:0", "--client-key", &key]));
    let flags = ["--client-id", &*id, "--key", &private];
    assert_eq!(token(&server, &flags).status.code(), Some(0));
    let with_secret = token(&server, &[&flags[..], &["--client-secret", "cs_1"]].concat());
    assert_eq!(
        refusal(&with_secret),
        "invalid_client: The client has no client_secret; leave it out, because the assertion authenticates the client."
    );
    let other = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    let body = told.lines().find_map(|line| line.trim().strip_prefix("curl ")?.split('\'').nth(1)).unwrap();
    let registered = other.ask("POST", "/__admin/clients", body);
    assert_eq!(registered.0, 201, "{}", registered.1);
    assert_eq!(token(&other, &flags).status.code(), Some(0));
}

#[test]
fn a_client_that_cannot_be_registered_stops_the_start() {
    for (key, said) in [
        ("client_ffffffffffffffffffffffffffffffff=missing.pem", "missing.pem: cannot be read"),
        (
            "client_ffffffffffffffffffffffffffffffff=fixtures/keys/test-client.key.pem",
            "fixtures/keys/test-client.key.pem: no usable key for client_ffffffffffffffffffffffffffffffff: it is a private key",
        ),
        ("client_ffffffffffffffffffffffffffffffff=fixtures/keys/short.pub.pem", "it is an RSA key of 1024 bits"),
    ] {
        let output = run(&["--listen", "127.0.0.1:0", "--client-key", key]);
        assert_eq!(output.status.code(), Some(3), "{key}");
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn a_file_describes_clients_in_full() {
    let folder = Folder::new();
    std::fs::copy("fixtures/keys/other-client.pub.pem", folder.file("app.pub.pem")).unwrap();
    let id = "client_ffffffffffffffffffffffffffffffff";
    let settings = format!(
        "[[clients]]\nclient-id = \"{id}\"\nclient-secret = \"s3cret\"\nkeys = [\"app.pub.pem\"]\nscope = \"openid\"\n"
    );
    std::fs::write(folder.file("mock.toml"), settings).unwrap();
    let config = folder.file("mock.toml").display().to_string();
    let server = Running::start(program().args(["--listen", "127.0.0.1:0", "--config", &config]));
    let key = ["--client-id", id, "--key", "fixtures/keys/other-client.key.pem"];
    let with = |more: &[&str]| token(&server, &[&key[..], more].concat());
    assert_eq!(with(&["--client-secret", "s3cret", "--scope", "openid"]).status.code(), Some(0));
    assert!(
        refusal(&with(&[])).contains("it asks for 'agent_sessions:create', but the client is only allowed 'openid'")
    );
    assert!(!server.ask("GET", "/__admin/settings", "").1.to_string().contains("s3cret"));
    std::fs::write(folder.file("mock.toml"), "[[clients]]\nclient-id = \"acme\"\n").unwrap();
    let output = run(&["--listen", "127.0.0.1:0", "--config", &config]);
    assert_eq!(output.status.code(), Some(3));
    let said = folder.plain(&text(&output.stderr));
    assert!(said.contains("mock.toml:2:13: clients, entry 1, client-id: \"acme\" is not a client id"), "{said}");
}

/// An assertion of the published client, created at noon on 1 March 2026.
fn assertion(more: &[&str]) -> String {
    let fixed = ["--claim", "iat=1772366400", "--claim", "exp=1772366700", "--claim", "jti=j-1", "--assertion-only"];
    let arguments = [&["token"], &fixed[..], more].concat();
    text(&run(&arguments).stdout).trim().to_owned()
}

#[test]
fn decode_reads_an_assertion_claim_by_claim() {
    let decode = |token: &str, more: &[&str]| {
        let mut arguments = vec!["decode", token];
        arguments.extend(more);
        let output = run(&arguments);
        (output.status.code(), text(&output.stdout))
    };
    let good = assertion(&[]);
    let (code, printed) = decode(&good, &["--at", "2026-03-01T12:00:00Z"]);
    assert_eq!(code, Some(0), "{printed}");
    golden("decode-good.txt", &printed);
    let bad = assertion(&["--claim", "aud=other", "--without", "email", "--bad-signature", "--claim", "extra=1"]);
    let (code, printed) = decode(&bad, &["--at", "2026-03-01T13:00:00Z"]);
    assert_eq!(code, Some(1));
    golden("decode-bad.txt", &printed);
    // Without the key, the signature cannot be checked.
    let foreign = assertion(&["--client-id", "client_ffffffffffffffffffffffffffffffff"]);
    let at = ["--at", "2026-03-01T12:00:00Z", "--json"];
    let (code, printed) = decode(&foreign, &at);
    assert!(code == Some(0) && printed.contains("\"unjudged\""), "{printed}");
    let key = [&at[..], &["--key", "fixtures/keys/other-client.jwk.json"]].concat();
    assert_eq!(decode(&foreign, &key).0, Some(1));
    let piped = run_with_input(&["decode", "--at", "2026-03-01T12:00:00Z"], good.as_bytes());
    assert_eq!(piped.status.code(), Some(0));
    let none = run_with_input(&["decode"], b"not a token");
    assert_eq!(none.status.code(), Some(3));
    assert!(
        text(&none.stderr).contains("standard input is not a signed JWT: it has 1 part "),
        "{}",
        text(&none.stderr)
    );
}

#[test]
fn decode_reads_an_access_token() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0", "--token-ttl", "10m"]));
    let printed = text(&token(&server, &[]).stdout);
    let now = run(&["decode", printed.trim()]);
    assert_eq!(now.status.code(), Some(0));
    assert!(text(&now.stdout).starts_with("an access token\n"));
    // Checked claim by claim, as far as that is possible without the server, which knows the revoked tokens.
    let folder = Folder::new();
    let jwks = folder.file("jwks.json").display().to_string();
    std::fs::write(&jwks, server.ask("GET", "/oauth2/v2/.well-known/jwks.json", "").1.to_string()).unwrap();
    let judged = |token: &str, key: &str| {
        let output = run(&["decode", token, "--key", key, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let fates = told["fates"].as_array().unwrap().iter();
        let fates: Vec<String> =
            fates.map(|fate| format!("{} {}", fate["claim"], fate["fate"]).replace('"', "")).collect();
        (output.status.code(), fates.join(", "))
    };
    let good = "signature accepted, exp accepted, scope accepted, jti unjudged";
    assert_eq!(judged(printed.trim(), &jwks), (Some(0), good.to_owned()));
    let narrow = text(&token(&server, &["--scope", "openid"]).stdout);
    let lacking = "signature accepted, exp accepted, scope refused, jti unjudged";
    assert_eq!(judged(narrow.trim(), &jwks), (Some(1), lacking.to_owned()));
    let forged = printed.trim().replacen('.', ".e30", 1);
    assert!(run(&["decode", &forged]).status.code() != Some(0));
    let (signed, _) = printed.trim().rsplit_once('.').unwrap();
    let (_, other) = narrow.trim().rsplit_once('.').unwrap();
    assert!(judged(&format!("{signed}.{other}"), &jwks).1.starts_with("signature refused"));
    assert!(judged(printed.trim(), "fixtures/keys/other-client.jwk.json").1.starts_with("signature refused"));
    let no_jwks = run(&["decode", printed.trim(), "--key", "fixtures/keys/test-client.pub.pem"]);
    assert_eq!(no_jwks.status.code(), Some(3));
    assert!(text(&no_jwks.stderr).contains("test-client.pub.pem: it is not a JWKS"), "{}", text(&no_jwks.stderr));
    let later = run(&["decode", printed.trim(), "--at", "2100-01-01T00:00:00Z"]);
    assert_eq!(later.status.code(), Some(1));
    assert!(text(&later.stdout).contains("REFUSED"), "{}", text(&later.stdout));
}

#[test]
fn decode_has_the_rules_of_the_server_for_assertions() {
    let judged = |token: &str, more: &[&str]| {
        let output = run(&[&["decode", token, "--at", "2026-03-01T12:00:00Z"], more].concat());
        (output.status.code(), text(&output.stdout))
    };
    let nameless = assertion(&["--without", "given_name", "--without", "family_name"]);
    let (code, printed) = judged(&nameless, &[]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("unless --assertion-names is optional"), "{printed}");
    assert_eq!(judged(&nameless, &["--assertion-names", "optional"]).0, Some(0));
    let international = assertion(&["--email", "söm@example.com"]);
    assert_eq!(judged(&international, &[]).0, Some(0));
    let (code, printed) = judged(&international, &["--email", "ascii"]);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("--email ascii rejects internationalised addresses"), "{printed}");
}

/// Phrases of libraries, which no message may contain.
const FOREIGN: [&str; 22] = [
    "invalid type",
    "invalid value",
    "unknown variant",
    "unknown field",
    "missing field",
    "expected value",
    "expected `",
    "at line 1 column",
    "Invalid symbol",
    "Invalid byte",
    "Invalid input length",
    "ASN.1",
    "PEM error",
    "PEM Base64",
    "DER",
    "did not find expected",
    "while parsing",
    "failed to parse",
    "invalid digit",
    "expected four digit",
    "Invalid padding",
    "Invalid last symbol",
];

#[test]
fn no_message_about_a_key_or_token_quotes_a_library() {
    let folder = Folder::new();
    let good = assertion(&[]);
    let write = |name: &str, content: &str| {
        std::fs::write(folder.file(name), content).unwrap();
        folder.file(name).display().to_string()
    };
    let pem = std::fs::read_to_string("fixtures/keys/test-client.pub.pem").unwrap();
    let zeros = |label: &str| format!("-----BEGIN {label}-----\nAAAAAAAAAAA=\n-----END {label}-----\n");
    for (content, problem) in [
        ("{\"kty\":\"RSA\",".to_owned(), "it ends too early"),
        ("{\"kty\":\"RSA\",\"n\":\"a+b\",\"e\":\"AQAB\"}".to_owned(), "its \"n\" is not base64url: character 2 is '+'"),
        ("{\"kty\":\"RSA\",\"n\":\"ab==\",\"e\":\"AQAB\"}".to_owned(), "it has padding; remove each \"=\""),
        ("{\"kty\":\"RSA\",\"n\":\"abcde\",\"e\":\"AQAB\"}".to_owned(), "truncated or damaged at the end"),
        (zeros("CERTIFICATE"), "its CERTIFICATE block is damaged"),
        (zeros("PUBLIC KEY"), "its PUBLIC KEY block is damaged"),
        (zeros("RSA PUBLIC KEY"), "its RSA public key is damaged"),
        (pem.replace("MII", "M!!"), "the lines between BEGIN and END are not base64"),
        (pem.replace("END PUBLIC", "END OTHER"), "the END line"),
    ] {
        let key = write("key", &content);
        let output = run(&["decode", &good, "--key", &key]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{content}: {told}");
        assert!(told.contains(problem), "{content}: {told}");
        assert!(!FOREIGN.iter().any(|words| told.contains(words)), "{told}");
    }
    for (token, problem) in [
        ("eyJ!.e30.AA", "is not base64url in its header: character 4 is '!'"),
        ("eyJh.e30.AA", "has an error in its header: it ends too early"),
        ("W10.e30.AA", "has no JSON object as its header"),
        ("e30.eyJhIjoxLCJhIjoyfQ.AA", "has an error in its claims: /a: the member is given more than once"),
        ("e30.eyJleHAiOjFlNDAwfQ.AA", "has an error in its claims: /exp: 1e400 is out of range"),
    ] {
        let output = run_with_input(&["decode"], token.as_bytes());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{token}: {told}");
        assert!(told.contains(problem), "{token}: {told}");
        assert!(!FOREIGN.iter().any(|words| told.contains(words)), "{told}");
    }
}

#[test]
fn no_message_about_a_flag_quotes_a_library() {
    for (arguments, problem) in [
        (&["decode", "--at", "soon"][..], "\"soon\" is not a time such as \"2026-03-01T12:00:00Z\""),
        (&["decode", "--at", "2026-03-01"], "\"2026-03-01\" is not a time"),
        (&["decode", "--clock-skew", "5"], "5 has no unit; write 5ms, 5s or 5m"),
        (&["decode", "--clock-skew=-5s"], "\"-5s\" is negative"),
        (&["race", "--runs", "many"], "it is not a whole number from 1 to 10000000"),
        (&["race", "--runs", "0"], "it is not a whole number from 1 to 10000000"),
        (&["race", "--agents", "1001"], "it is not a whole number from 1 to 1000"),
        (&["race", "--seed", "x"], "it is not a whole number of 0 or more"),
        (&["token", "--lifetime", "soon"], "\"soon\" is not a span of time"),
    ] {
        let output = run(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        // Every flag's message starts with "invalid value … for …: "; the rest is about the value.
        let said = told.split(">': ").nth(1).unwrap();
        assert!(said.starts_with(problem), "{arguments:?}: {told}");
        assert!(!FOREIGN.iter().any(|words| said.contains(words)), "{told}");
    }
}

#[test]
fn no_message_about_a_scenario_or_race_quotes_a_library() {
    let folder = Folder::new();
    let write = |name: &str, content: &str| {
        std::fs::write(folder.file(name), content).unwrap();
        folder.file(name).display().to_string()
    };
    for scenario in [
        "name: s\nanswers: [\n",
        "name: s\n\tanswers: [{}]\n",
        "name: \"s\nanswers: [{}]\n",
        "name: \"\\q\"\nanswers: [{}]\n",
        "name: s: t\nanswers: [{}]\n",
        "name: s\nname: t\nanswers: [{}]\n",
        "name: s\n---\nname: t\n",
        "name: [s]\nanswers: [{}]\n",
        "name: {a: b}\nanswers: [{}]\n",
        "name: s\nanswers: {}\n",
        "name: s\nanswers: [5]\n",
        "name: s\nanswers: [x]\n",
        "name: s\npriority: [1]\nanswers: [{}]\n",
        "name: s\npriority: x\nanswers: [{}]\n",
        "name: s\nanswers: [{http_status: x}]\n",
        "name: s\nanswers: [{http_status: 99999}]\n",
        "name: s\nanswers: [{headers: [a]}]\n",
        "name: s\nanswers: [{set: 5}]\n",
        "name: s\nanswers: [{remove: 5}]\n",
        "name: s\nanswers: [{remove: [[a]]}]\n",
        "name: s\nanswers: [{delay: [1]}]\n",
        "name: s\nanswers: [{delay: {uniform: 5}}]\n",
        "name: s\nanswers: [{delay: {lognormal: 5}}]\n",
        "name: s\nanswers: [{delay: {lognormal: {median: 1, sigma: x}}}]\n",
        "name: s\nanswers: [{delay: {other: 1}}]\n",
        "name: s\nanswers: [{fault: x}]\n",
        "name: s\nanswers: [{fault: {x: 1}}]\n",
        "name: s\nanswers: [{outcome: [x]}]\n",
        "name: s\nmatch: 5\nanswers: [{}]\n",
        "name: s\nmatch: {body: 5}\nanswers: [{}]\n",
        "name: s\nmatch: {body: [5]}\nanswers: [{}]\n",
        "name: s\nmatch: {body: [{pointer: /a, above: x}]}\nanswers: [{}]\n",
        "name: s\nmatch: {body: [{pointer: [a], exists: true}]}\nanswers: [{}]\n",
        "name: s\nmatch: {any: 5}\nanswers: [{}]\n",
        "name: s\nmatch: {email: [a]}\nanswers: [{}]\n",
        "name: s\npeople: [5]\nanswers: [{}]\n",
        "name: *a\nanswers: [{}]\n",
        "name: !x s\nanswers: [{}]\n",
        "<<: 5\nname: s\nanswers: [{}]\n",
        "name: !!binary x\nanswers: [{}]\n",
        "? [a]\n: b\n",
        "]\n",
    ] {
        let output = run(&["validate", "--as", "scenario", &write("s.yaml", scenario)]);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_ne!(output.status.code(), Some(0), "{scenario}");
        assert!(!FOREIGN.iter().any(|words| told.contains(words)), "{scenario}\n{told}");
    }
    for race in [
        "agents: 5\n",
        "agents: [5]\n",
        "agents: [{name: [a]}]\n",
        "agents: [{name: A, opens: [1]}]\n",
        "agents: [{name: A, opens: {uniform: [1, 2]}}]\n",
        "agents: [{name: A, opens: {probability: x}}]\n",
        "agents: [{name: A}]\nreopen: 5\n",
        "agents: [{name: A}]\nexpiration_period_days: x\n",
    ] {
        let output = run(&["race", &write("race.yaml", race)]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{race}: {told}");
        assert!(!FOREIGN.iter().any(|words| told.contains(words)), "{race}\n{told}");
    }
    for (snapshot, problem) in [
        ("{", "it ends too early"),
        ("[]", "must be a JSON object"),
        ("{\"clock\": 5}", "/clock: "),
        ("{\"clock\": {\"now\": \"soon\", \"frozen\": true}, \"envelopes\": []}", "a time such as"),
    ] {
        let output = run(&["race", &write("snapshot.json", snapshot), "--envelope", "env_0000000000000001"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{snapshot}: {told}");
        assert!(told.contains("this is not the snapshot of a sandbox") && told.contains(problem), "{snapshot}: {told}");
        assert!(!FOREIGN.iter().any(|words| told.contains(words)), "{snapshot}\n{told}");
    }
    for spec in ["Alice: opens [1]", "Alice: opens 5", "Alice: opens -5", "Alice: accepts 1..2", "Alice: opens x..y"] {
        let told = text(&run(&["race", "--agent", spec]).stderr);
        // Every flag's message starts with "invalid value … for …: "; the rest is about the value.
        let said = told.split("<SPEC>': ").nth(1).unwrap();
        assert!(!told.is_empty() && !FOREIGN.iter().any(|words| said.contains(words)), "{spec}\n{told}");
    }
}

#[test]
fn a_missing_claim_cannot_be_left_out() {
    for (flags, problem) in [
        (&["--without", "given-name"][..], "the assertion has no claim \"given-name\"; did you mean \"given_name\"?"),
        (&["--without", "foo"], "no claim \"foo\"; it has "),
        (&["--claim", "exp=1e400"], "1e400 is out of range for a number; write it in double quotes"),
    ] {
        let output = run(&[&["token", "--assertion-only"], flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let told = text(&output.stderr);
        assert!(told.contains(problem), "{told}");
    }
    for flags in [&["--without", "nbf"][..], &["--claim", "x=1", "--without", "x"], &["--claim", "exp=\"1e400\""]] {
        let output = run(&[&["token", "--assertion-only"], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{flags:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_key_of_the_wrong_kind_suggests_the_right_one() {
    let folder = Folder::new();
    let server = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    let access = text(&token(&server, &[]).stdout).trim().to_owned();
    let jwks = "an access token is verified with the JWKS from /oauth2/v2/.well-known/jwks.json";
    let other = folder.write("other.json", "{}");
    for (token, key, problem) in [
        (&access, "fixtures/keys/test-client.pub.pem", format!("it is not a JWKS: it is PEM; {jwks}")),
        (&access, &other, format!("it is not a JWKS: it has neither \"keys\" nor \"kty\"; {jwks}")),
        (&assertion(&[]), "fixtures/keys/test-client.key.pem", "it is a private key; give the public half".to_owned()),
    ] {
        let output = run(&["decode", token, "--key", key]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains(&problem) && !told.contains("register"), "{told}");
    }
    for jwks in ["5", "[]", "\"a\""] {
        let refused = server.ask("POST", "/__admin/clients", &format!("{{\"jwks\": {jwks}}}"));
        assert_eq!(refused.0, 400);
        assert!(refused.1["detail"].to_string().contains("it is JSON, but not an object"), "{}", refused.1);
    }
}

#[test]
fn token_reads_the_clock_with_the_admin_token() {
    let listen = ["--listen", "127.0.0.1:0", "--admin-token", "s3cret"];
    let server = Running::start(program().args(listen));
    let ask = |admin: Option<&str>| {
        let mut command = program();
        command.args(["token", "--url", &server.url, "--expired"]);
        command.envs(admin.map(|token| ("DOCENDORSE_MOCK_ADMIN_TOKEN", token)));
        text(&command.output().unwrap().stderr)
    };
    assert!(ask(None).contains("warning: ") && ask(None).contains("set DOCENDORSE_MOCK_ADMIN_TOKEN"), "{}", ask(None));
    assert!(ask(Some("other")).contains("warning: "));
    let told = ask(Some("s3cret"));
    assert!(!told.contains("warning: ") && told.contains("exp: it expired"), "{told}");
}

#[test]
fn a_client_that_cannot_get_a_token_draws_a_warning() {
    let folder = Folder::new();
    let id = "client_ffffffffffffffffffffffffffffffff";
    let config = folder.write("mock.toml", &format!("[[clients]]\nclient-id = \"{id}\"\n"));
    let start = |more: &[&str]| {
        let listen = ["--listen", "127.0.0.1:0", "--config", &config];
        Running::start(program().args(listen).args(more)).stop("-TERM").2
    };
    assert!(start(&[]).contains(&format!("the client {id} has no key and cannot get a token")));
    let key = format!("{id}=fixtures/keys/other-client.pub.pem");
    assert!(!start(&["--client-key", &key]).contains("has no key"));
}
