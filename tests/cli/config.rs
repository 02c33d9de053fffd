//! Precedence of flags, environment, file and defaults, and the messages for invalid values.

use crate::harness::{Folder, Running, flags, golden, program, run, text};
use serde_json::json;

fn settings(running: &Running) -> serde_json::Value {
    running.ask("GET", "/__admin/settings", "").1
}

#[test]
fn flags_win_over_environment_and_environment_over_file() {
    let folder = Folder::new();
    let config = folder.write(
        "mock.toml",
        "listen = \"127.0.0.1:0\"\nmax-body = \"1KiB\"\nmax-sessions = 5\nmax-exchanges = 6\nauth = \"strict\"\n",
    );
    let mut command = program();
    command.env("DOCENDORSE_MOCK_MAX_SESSIONS", "7").env("DOCENDORSE_MOCK_MAX_EXCHANGES", "8");
    let running = Running::start(command.args(["--config", &config, "--max-exchanges", "9"]));
    let settings = settings(&running);
    assert_eq!(settings["max-body"], 1024, "file");
    assert_eq!(settings["auth"], "strict", "file");
    assert_eq!(settings["max-sessions"], 7, "environment");
    assert_eq!(settings["max-exchanges"], 9, "flag");
    assert_eq!(settings["on-duplicate-handoff"], "replay", "default");
}

#[test]
fn the_environment_alone_is_enough() {
    let running = Running::start(
        program()
            .env("DOCENDORSE_MOCK_LISTEN", "127.0.0.1:0")
            .env("DOCENDORSE_MOCK_NO_REGISTRATION_URL", "true")
            .env("DOCENDORSE_MOCK_BASE_URL", "http://mock.test/")
            .env("DOCENDORSE_MOCK_SEED", "11"),
    );
    let settings = settings(&running);
    assert_eq!(settings["no-registration-url"], json!(true));
    assert_eq!(settings["base-url"], "http://mock.test");
    assert_eq!(settings["seed"], 11);
}

#[test]
fn a_switch_takes_any_of_the_usual_words() {
    for (word, expected) in
        [("1", true), ("yes", true), ("on", true), ("TRUE", true), ("0", false), ("no", false), ("off", false)]
    {
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0"]).env("DOCENDORSE_MOCK_NO_REGISTRATION_URL", word);
        assert_eq!(settings(&Running::start(&mut command))["no-registration-url"], expected, "{word}");
    }
    let running = Running::start(program().args(["--listen", "127.0.0.1:0", "--no-registration-url"]));
    assert_eq!(settings(&running)["no-registration-url"], true);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let mut command = program();
    // These two would otherwise be random.
    command.args(["--listen", "127.0.0.1:0", "--seed", "1", "--base-url", "http://mock.test"]).env("PORT", "");
    let expected = settings(&Running::start(&mut command));
    for flag in flags() {
        command.env(&flag.variable, "");
    }
    assert_eq!(settings(&Running::start(&mut command)), expected);
    for drawn in ["DOCENDORSE_MOCK_SEED", "DOCENDORSE_MOCK_BASE_URL"] {
        Running::start(program().args(["--listen", "127.0.0.1:0"]).env(drawn, ""));
    }
    let output = program().args(["serve", "--help"]).env("DOCENDORSE_MOCK_LISTEN", "").output().unwrap();
    assert!(text(&output.stdout).contains("DOCENDORSE_MOCK_LISTEN"), "help lists it nevertheless");
    let output = program().args(["ready", "--timeout", "0s"]).env("DOCENDORSE_MOCK_LISTEN", "").output().unwrap();
    assert_ne!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn an_error_names_the_wrong_variable() {
    let mut told = String::new();
    for (variable, value) in [
        ("DOCENDORSE_MOCK_LISTEN", "4747"),
        ("DOCENDORSE_MOCK_AUTH", "sometimes"),
        ("DOCENDORSE_MOCK_NO_REGISTRATION_URL", "perhaps"),
        ("DOCENDORSE_MOCK_SEED", "x"),
        ("DOCENDORSE_MOCK_ERROR_HTTP_STATUS", "304"),
        ("DOCENDORSE_MOCK_MAX_BODY", "much"),
        ("DOCENDORSE_MOCK_SCENARIOS", "shipped,"),
        ("DOCENDORSE_MOCK_ADMIN_TOKEN", "a b"),
        ("DOCENDORSE_MOCK_TOKEN_TTL", "0s"),
    ] {
        let output = program().env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{variable}");
        told += &text(&output.stderr);
    }
    #[cfg(unix)]
    for (variable, exit) in
        [("DOCENDORSE_MOCK_SEED", 2), ("DOCENDORSE_MOCK_AUTH", 2), ("DOCENDORSE_MOCK_ADMIN_TOKEN", 2), ("PORT", 2)]
    {
        let bytes: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff");
        let output = program().env(variable, bytes).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{variable}");
        told += &text(&output.stderr);
    }
    #[cfg(unix)]
    for arguments in [&[&b"--seed"[..], b"\xff"][..], &[b"--auth=\xff"], &[b"token", b"--url", b"\xff"]] {
        let arguments = arguments.iter().map(|bytes| std::os::unix::ffi::OsStrExt::from_bytes(bytes));
        let output = program().args(arguments.collect::<Vec<&std::ffi::OsStr>>()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        told += &text(&output.stderr);
    }
    let output = program().args(["--auth=never"]).env("DOCENDORSE_MOCK_AUTH", "sometimes").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    told += &text(&output.stderr);
    golden("config-variables.txt", &told);
}

#[test]
fn port_replaces_the_port_unless_an_address_is_given_as_a_flag() {
    let running = Running::start(program().env("PORT", "0").env("DOCENDORSE_MOCK_LISTEN", "127.0.0.1:1"));
    assert_eq!(settings(&running)["listen"], "127.0.0.1:0");
    let running = Running::start(program().env("PORT", "1").args(["--listen", "127.0.0.1:0"]));
    assert_eq!(settings(&running)["listen"], "127.0.0.1:0");
}

#[test]
fn a_wrong_file_is_reported_with_its_place() {
    let folder = Folder::new();
    let mut told = String::new();
    for text_of_file in [
        "listen = \"127.0.0.1:0\"\nlisen = 1\n",
        "auth = \"sometimes\"\n",
        "max-body = \"much\"\n",
        "max-journal = [1]\n",
        "max-sessions = -1\n",
        "seed = \n",
        "# error-http-status\nerror-http-status = 99\n",
        "error-http-status = 70000\n",
        "error-http-status = 204\n",
        "auth = \"open\"\nlisten = \"4747\"\n",
        "listen = \"\"\n",
        "base-url = \"mock.test\"\n",
        "[server]\nlisten = \"127.0.0.1:0\"\n",
        "listen = \"127.0.0.1:99999\"\n",
        "auth = \"open\"\nseed = 1\nauth = \"strict\"\n",
        "[[clients]]\nclient-id = \"acme\"\n",
        "client-key = [\"acme=app.pem\"]\n",
        "client-key = \"acme\"\n",
        "[[clients]]\nclient-id = \"client_ffffffffffffffffffffffffffffffff\"\nscope = \"profile\"\n",
        "[[clients]]\nclient-id = \"client_ffffffffffffffffffffffffffffffff\"\nclient-id = \"acme\"\n",
        "[[clients]]\nclient-id = \"client_ffffffffffffffffffffffffffffffff\"\n\n\
         [[clients]]\nclient-id = \"client_ffffffffffffffffffffffffffffffff\"\n",
        "[[clients]]\nkeys = [\"app.pem\"]\n",
        "seed = 99999999999999999999999999999999999999999\n",
        "max-sessions = 1.5\nport = 1\n",
        "\n# port\nauth = \"sometimes\"\nmax-body = \"much\"\n",
        "max-sessions = 1.5\n[[clients]]\nclient-id = \"acme\"\n",
        "[[clients]]\nclient-id = \"client_ffffffffffffffffffffffffffffffff\"\nclient-secret = \"\"\n",
        "audience = \"\"\n",
        "auth = 1979-05-27T07:32:00Z\n",
        "token-ttl = 07:32:00\n",
        "audience = 1979-05-27\n",
        "client-key = [1979-05-27]\n",
        "seed = nan\n",
        "seed = -inf\n",
        "audience = nan\n",
        "seed = \"5\"\n",
        "error-http-status = \"500\"\n",
        "trust-forwarded = \"true\"\n",
        "audience = 5\n",
        "allowed-hosts = \"a\"\n",
        "[clients]\nclient-id = \"acme\"\n",
        "max-body = \"99999999999999999999\"\n",
        "token-ttl = \"99999999999d\"\n",
        "audience = \"a\n",
        "audience = \"\\q\"\n",
        "audience = \"\\u12\"\n",
        "audience = 'a\n",
        "client-key = [\"a\" \"b\"]\n",
        "client-key = [\"a\"\n",
        "[[clients]\n",
        "[clients\n",
        "seed 5\n",
        "seed = 05\n",
        "max-body = \"\\ud800\"\n",
        "max-body = \"\\UFFFFFFFF\"\n",
        "max-body = \"\\u0000\"\n",
        "admin-token = \"\"\n",
        "listen = \"127.0.0.1:0\"\nadmin-token = \"a b\"\n",
        "client-key = [[1]]\n",
        "token-ttl = []\n",
        "error-http-status = -1\n",
    ] {
        let config = folder.write("mock.toml", text_of_file);
        let output = run(&["--config", &config]);
        assert_eq!(output.status.code(), Some(3), "{text_of_file}");
        let line = text(&output.stderr);
        assert_eq!(line.lines().count(), 1, "{line}");
        told += &folder.plain(&line);
    }
    let output = run(&["--config", "no/such.toml"]);
    assert_eq!(output.status.code(), Some(3));
    told += &text(&output.stderr);
    golden("config-wrong.txt", &told);
}

#[test]
fn a_wrong_value_is_reported_with_its_fix() {
    let mut told = String::new();
    for arguments in [
        &["--listen", "4747"][..],
        &["--listen", "127.0.0.1:99999"],
        &["--base-url", "mock.test"],
        &["--base-url", "http://x/?a"],
        &["--error-http-status", "99"],
        &["--error-http-status", "soon"],
        &["--error-http-status", "204"],
        &["--error-http-status", "205"],
        &["--error-http-status", "304"],
        &["--seed", "many"],
        &["--max-sessions", "-1"],
        &["--max-events=1.5"],
        &["--max-body", "-1"],
        &["--seed", "-1"],
        &["--token-ttl", "-1s"],
        &["--error-http-status", "-1"],
        &["token", "--lifetime", "-1s"],
        &["--trust-forwarded", "-1"],
        &["--max-body", "99999999999999999999"],
        &["--max-body", "99999999999999999999GiB!"],
        &["--token-ttl", "99999999999d"],
        &["--listen", "http://localhost:4747"],
        &["--audience", ""],
        &["--clock-skew", "0"],
        &["--listen", "https://localhost/"],
        &["--session-ttl", "500"],
        &["--port", "80"],
        &["--trust-forwarded", "yes"],
        &["--token-ttl", "1", "h"],
        &["--token-ttl=1", "h"],
        &["--log-level", "verbose"],
        &["--log-level", "inf"],
        &["--auth="],
        &["--auth"],
        &["--scenarios", ""],
        &["--scenarios"],
        &["--nope"],
        &["--seed", "1", "--seed", "2"],
        &["list", "all"],
        &["validate", "--strict"],
        &["validate"],
        &["token", "--expired=3"],
        &["token", "--expired", "yes"],
        &["token", "--json", "--assertion-only"],
        &["token", "--header", "foo"],
        &["completions", "foo"],
        &["keys", "generate", "--nope"],
        &["bogus"],
        &["serv"],
        &["race", "--agent", "Alice: opens 5m.."],
        &["race", "--agent", "Alice: opens 5x"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        told += &text(&output.stderr);
    }
    let output = program().env("PORT", "web").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    told += &text(&output.stderr);
    golden("config-values.txt", &told);
}

#[test]
fn an_unknown_variable_of_ours_draws_a_warning() {
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--log-format", "text"]).env("DOCENDORSE_MOCK_LISEN", "x");
    let (_, _, log) = Running::start(&mut command).stop("-TERM");
    assert!(
        log.contains(
            "DOCENDORSE_MOCK_LISEN is set, but is not the variable of any setting; did you mean DOCENDORSE_MOCK_LISTEN?"
        ),
        "{log}"
    );
}

#[test]
fn a_limit_of_zero_is_refused_wherever_it_comes_from() {
    let folder = Folder::new();
    for (setting, zero) in [
        ("max-body", "0"),
        ("max-admin-body", "0"),
        ("max-sessions", "0"),
        ("max-session-bytes", "0"),
        ("max-memory", "0"),
        ("token-ttl", "0s"),
        ("sandbox-idle", "0s"),
    ] {
        let written = if zero == "0" { zero.to_owned() } else { format!("{zero:?}") };
        let config = folder.write("zero.toml", &format!("{setting} = {written}\n"));
        let variable = format!("DOCENDORSE_MOCK_{}", setting.replace('-', "_").to_uppercase());
        let flag = format!("--{setting}");
        let in_file = format!("zero.toml:1:{}: {setting}", setting.len() + 4);
        let refused = [
            (2, setting, program().args([&*flag, zero]).output().unwrap()),
            (2, &variable, program().env(&variable, zero).output().unwrap()),
            (3, &in_file, program().args(["--config", &config]).output().unwrap()),
        ];
        for (exit, place, output) in refused {
            assert_eq!(output.status.code(), Some(exit), "{setting}");
            let told = folder.plain(&text(&output.stderr));
            assert!(told.starts_with(&format!("docendorse-mock: {place}: 0 would")), "{told}");
        }
    }
}

#[test]
fn zero_means_none_where_none_makes_sense() {
    let zero = ["--max-sandboxes", "0", "--max-events", "0", "--max-exchanges", "0", "--max-journal", "0"];
    let more = ["--clock-skew", "0s", "--listen", "127.0.0.1:0"];
    let settings = settings(&Running::start(program().args(zero).args(more)));
    assert_eq!((&settings["max-exchanges"], &settings["max-sandboxes"]), (&json!(0), &json!(0)));
}

/// The error for a file with one setting, or `None` if the server would start with it.
fn problem_of(folder: &Folder, setting: &str, value: &str) -> Option<String> {
    // The invalid size at the end keeps the server from starting.
    let config = folder.write("fix.toml", &format!("{setting} = {value}\nmax-memory = 0\n"));
    let told = text(&run(&["--config", &config]).stderr);
    (!told.contains("max-memory: 0")).then_some(told)
}

#[test]
fn the_value_suggested_by_a_message_is_accepted() {
    let folder = Folder::new();
    for setting in [
        "listen",
        "base-url",
        "admin-token",
        "audience",
        "ready-file",
        "token-ttl",
        "session-ttl",
        "clock-skew",
        "sandbox-idle",
    ] {
        for value in ["3600", "5110", "0", "70000", "1.5", "true", "[]"] {
            let told = problem_of(&folder, setting, value).unwrap_or_else(|| panic!("{setting} = {value}"));
            let (_, fix) = told.split_once("; ").unwrap_or_else(|| panic!("{told}"));
            let Some(shown) = fix.split('"').nth(1) else {
                assert!(fix.contains("in double quotes"), "{told}");
                continue;
            };
            assert_eq!(problem_of(&folder, setting, &format!("{shown:?}")), None, "{told}");
        }
    }
}
