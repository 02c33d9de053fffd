//! Invalid values are refused with a fix, in every source of settings.

use crate::harness::{Folder, program, run, run_with_input, text};

/// The message of a command that exits with the given code.
fn refused(arguments: &[&str], exit: i32) -> String {
    let output = run(arguments);
    let told = text(&output.stderr) + &text(&output.stdout);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {told}");
    assert!(!told.contains("panicked"), "{told}");
    told
}

#[test]
fn numbers_have_no_sign_and_fit() {
    for (flag, value, reason) in [
        ("--listen", "127.0.0.1:+5110", "its port \"+5110\" is not a number"),
        ("--max-exchanges", "+5", "not a whole number"),
        ("--seed", "+5", "not a whole number"),
        ("--error-http-status", "+200", "is not the HTTP status"),
        ("--max-body", "+5", "is not a size"),
        ("--max-body", "99999999999999999999GiB", "is too large"),
        ("--max-body", "99999999999999999999", "is too large"),
        ("--max-body", "16EiB", "is too large"),
        ("--max-journal", "999999999999999999999999999999PB", "is too large"),
        ("--max-memory", "1e30", "is not a size"),
        ("--max-exchanges", "99999999999999999999", "is too large"),
        ("--max-sessions", "18446744073709551615", "is too large"),
        ("--session-ttl", "0s", "0 would expire every session immediately"),
        ("--audience", "https://x\u{1}", "contains a control character"),
        ("--allowed-hosts", "*.com", "also covers hosts of strangers"),
        ("--scenarios", "shipped,shipped", "entry 2 repeats entry 1, shipped"),
    ] {
        let told = refused(&[flag, value], 2);
        assert!(told.contains(reason), "{flag} {value}: {told}");
    }
    for (name, value, reason) in [
        ("PORT", "+5112", "\"+5112\" is not a port"),
        ("DOCENDORSE_MOCK_SEED", "+5", "not a whole number"),
        ("DOCENDORSE_MOCK_LISTEN", "localhost:+1", "is not a number from 0 to 65535"),
        ("DOCENDORSE_MOCK_MAX_BODY", "+1MiB", "is not a size"),
    ] {
        let output = program().env(name, value).output().unwrap();
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}={value}: {told}");
        assert!(told.contains(reason), "{name}={value}: {told}");
    }
    let told = refused(&["race", "--runs", "+5"], 2);
    assert!(told.contains("not a whole number"), "{told}");
}

#[test]
fn a_settings_file_is_as_strict_as_flags() {
    let folder = Folder::new();
    for (line, reason) in [
        ("scenarios = [\"shipped\", \"shipped\"]", "mock.toml:1:13: scenarios: entry 2 repeats entry 1, shipped"),
        ("session-ttl = \"0s\"", "session-ttl: 0 would expire every session immediately"),
        ("listen = \"localhost:+1\"", "is not a number from 0 to 65535"),
        ("max-body = \"99999999999999999999GiB\"", "is too large"),
        ("max-body = 9223372036854775807", "max-body: 9223372036854775807 is too large"),
        ("max-exchanges = 9223372036854775807", "max-exchanges: 9223372036854775807 is too large"),
        ("audience = \"a\\u0000\"", "contains a control character"),
        ("allowed-hosts = [\"*.com\"]", "also covers hosts of strangers"),
    ] {
        let file = folder.write("mock.toml", line);
        let told = refused(&["--config", &file], 3);
        assert!(told.contains(reason), "{line}: {told}");
    }
}

#[test]
fn misspelt_words_of_a_race_suggest_the_nearest() {
    let told = refused(&["race", "--agent", "Alice: opnes 5m"], 2);
    assert!(told.contains("did you mean \"opens\"?"), "{told}");
    for (script, reason) in [
        ("sned\n", "did you mean \"send\""),
        ("agnet 1 open\n", "did you mean \"agent\""),
        ("send\nagent 1 opne\n", "did you mean \"open\""),
        ("agents 2\nagents 2\n", "agents is given more than once; give it once"),
        ("agents +2\n", "\"+2\" is not a number of agents"),
        ("keep\nkeep\n", "keep is given more than once"),
    ] {
        let output = run_with_input(&["race", "--replay", "-"], script.as_bytes());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{script}: {told}");
        assert!(told.contains(reason), "{script}: {told}");
    }
}

#[test]
fn an_empty_client_secret_is_refused() {
    let told = refused(&["token", "--client-secret", ""], 2);
    assert!(told.contains("it is empty; give the secret of the client"), "{told}");
}

#[test]
fn a_scenario_name_that_fits_no_path_is_refused() {
    let folder = Folder::new();
    for name in [".", ".."] {
        let file = folder.write("s.yaml", &format!("name: {name}\nanswers: [{{}}]\n"));
        let told = refused(&["validate", &file], 3);
        assert!(told.contains("it has a special meaning in URLs"), "{told}");
    }
}

#[test]
fn a_template_that_panics_is_an_error_of_its_scenario() {
    let folder = Folder::new();
    let source = "{% for a in [1] %}{{ loop.cycle() }}{% endfor %}";
    let file = folder.write("s.yaml", &format!("name: s\nanswers: [{{set: {{x: \"{source}\"}}}}]\n"));
    let directory = folder.file("").display().to_string();
    for arguments in
        [&["validate", &file][..], &["list", "--scenarios", &directory], &["serve", "--scenarios", &directory]]
    {
        let told = refused(arguments, 3);
        assert!(told.contains("s.yaml") && told.contains("loop.cycle()"), "{arguments:?}: {told}");
    }
}
