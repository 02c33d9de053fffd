//! Files that cannot be read: each is refused with the place of the fault, the reason and the fix.

use crate::harness::{Folder, golden, run_with_input, text};

/// A JSON file with a description.
fn json(description: &str) -> String {
    format!("{{\n  \"name\": \"s\",\n  \"description\": \"{description}\",\n  \"answers\": [{{}}]\n}}\n")
}

/// A YAML file with the description on its second line.
fn yaml(description: &str) -> String {
    format!("name: s\ndescription: {description}\nanswers: [{{}}]\n")
}

fn broken_json() -> Vec<String> {
    let descriptions = [
        r"ab\ud800cd",
        r"ab\udc00cd",
        r"\udc00\ud800",
        r"\ud83d\n",
        r"\ud83d\ud83d",
        r"fine \ud83d\ude00 \\ then \q",
        r"a\u12g4b",
        r"a\u12",
        "a\u{1}b",
        "a\0b",
        "a\u{7f}b",
        "a\u{1b}[2Jb",
    ];
    let texts = [
        "{\n  \"name\": \"s,\n  \"answers\": [{}]\n}\n",
        "{\n  \"name\": \"s\"\n  \"answers\": [{}]\n}\n",
        "{\n  \"name\" \"s\",\n  \"answers\": [{}]\n}\n",
        "{\n  \"name\": \"s\",\n  \"answers\": [{}]\n",
        "{\n  \"name\": \"s\",\n  \"answers\": [{}\n}\n",
        "{\n  \"name\": \"s\",\n  \"answers\": [{}]\n}}\n",
        "{\n  \"name\": \"s\",\n  \"answers\": [{}]]\n}\n",
        "{\n  \"name\": \"s\",\n  \"name\": \"t\",\n  \"answers\": [{}]\n}\n",
        "{\n  \"name\": \"s\",\n  \"answers\": [{\"set\": {\"a\": 1, \"a\": 2}}]\n}\n",
        "{\"name\": \"s\", \"answers\": [{}]}\n{\"name\": \"t\", \"answers\": [{}]}\n",
        "{\"name\": \"s\", \"answers\": [{}]} x\n",
        "{\n  \"name\": \"s",
        "{\n  \"name\":",
        "{\n  \"name\": \"s\",\n  \"answers\": [{\"http_status\": 99999}]\n}\n",
        "{\n  \"name\": \"s\", \"priority\": 1.5,\n  \"answers\": [{}]\n}\n",
        "{\n  \"name\": \"s\", \"priority\": 99999999999999999999,\n  \"answers\": [{}]\n}\n",
        "{\n  \"name\": \"s\",\n  \"answers\": [{\"until\": {\"attempts\": 0}}, {}]\n}\n",
    ];
    descriptions.map(json).into_iter().chain(texts.map(str::to_owned)).collect()
}

fn broken_yaml() -> Vec<String> {
    let descriptions = [
        "\"abc",
        "'abc",
        "'it's'",
        "\"say \"hi\" now\"",
        "\"a\\qb\"",
        "\"C:\\dir\\users\"",
        "\"a\\ud800b\"",
        "\"a\\UFFFFFFFFb\"",
        "\"a\\xZZb\"",
        "a\u{1}b",
        "\"a\u{1}b\"",
        "a\0b",
        "a\u{feff}b\n\u{feff}c: d",
        "*n",
        "&a",
        "!important note",
        "!e!foo s",
        "@home",
        "`x`",
        "%d",
        "note: this",
        "[a",
        "{a: b",
        "|x\n  a",
    ];
    let texts = [
        "name: s\nanswers:\n\t- outcome: success\n",
        "name: s\nmatch:\n\temail: x@y.z\nanswers: [{}]\n",
        "name: s\nanswers:\n  - set:\n  \t  a: 1\n",
        "name: s\nanswers:\n  - raw:\n      body: |\n\ta\n",
        "name: s\nmatch:\n  email: \"a@b.c\n  source: crm\nanswers:\n  - outcome: success\n",
        "name: s\ndescription: \"abc\nmatch: { email: \"x@y.z\" }\nanswers: [{}]\n",
        "name: s\n# \"a comment\"\ndescription: 'abc\nanswers: [{}]\n",
        "name: s\r\ndescription: \"abc\r\nanswers: [{}]\r\n",
        "name: s\nanswers:\n  - raw:\n      body: \"a\nb\"\n",
        "name: s\nanswers: [{}\n",
        "name: s\nanswers: [{}\npriority: 3\n",
        "name: s\nmatch: { email: a@b.c\nanswers: [{}]\n",
        "name: s\nmatch:\n  body:\n    - { pointer: /a, exists: true\n    - { pointer: /b, exists: true }\nanswers: [{}]\n",
        "name: s\nanswers: [{]}\n",
        "name: s\nanswers: [{}]]\n",
        "name: s\nmatch: { email: a@b.c source: crm }\nanswers: [{}]\n",
        "name: s\nmatch: { email: \"a@b.c\" source: crm }\nanswers: [{}]\n",
        "name: s\nanswers: [{} {}]\n",
        "name: s\nanswers: [- {}]\n",
        "name: s\nname: t\nanswers: [{}]\n",
        "name: s\nanswers:\n  - set:\n      a: 1\n      b: 2\n      a: 3\n",
        "name: s\nmatch:\n  email: *@example.com\nanswers: [{}]\n",
        "name: s\npriority: !!int \"3\"\nanswers: [{}]\n",
        "name: !foo s\nanswers: [{}]\n",
        "%foo\nname: s\nanswers: [{}]\n",
        "name: s\nanswers:\n  - set: { a: {{ id }} }\n",
        "name: s\nanswers:\n  - set:\n      a: {{ id }}\n",
        "name: s\nanswers:\n  - headers:\n      X-A: {{ id }}-x\n",
        "name: s\nanswers:\n  - outcome: success\n    delay: 1s\n   until: subscribed\n",
        "name: s\nmatch:\n    email: a@b.c\n  source: crm\nanswers: [{}]\n",
        "name: s\nanswers\n",
        "name:s\nanswers: [{}]\n",
        "name: s\nanswers:\n  -outcome: success\n",
        "name: s\nanswers:\n  - outcome:success\n",
        "name: s\nanswers: [{}]\n---\nname: t\nanswers: [{}]\n",
        "name: s\nanswers: [{}]\n...\nfoo\n",
        "name: s\n? [a]\n: b\nanswers: [{}]\n",
        "name: s\nanswers:\n  - raw:\n      body: |\n        a\n       b\n",
        "name: s\nanswers:\n  - raw:\n      body: |0\n        a\n",
        "name: s\nanswers: [{}]#x\n",
        "name: \"s\" x\nanswers: [{}]\n",
        "name: s\npriority: [1]\nanswers: [{}]\n",
        "name: s\npriority: {a: 1}\nanswers: [{}]\n",
        "name: s\nanswers:\n  - { delay: 1s, probability: 0.3x }\n",
        "name: s\nendpoint: [token]\nanswers: [{}]\n",
        "hello\n",
        "- a\n- b\n",
        "# nothing\n",
        "",
    ];
    descriptions.map(yaml).into_iter().chain(texts.map(str::to_owned)).collect()
}

/// Phrases of the YAML reader, which must not reach a user.
const READER: [&str; 24] = [
    "unexpected",
    "while parsing",
    "while scanning",
    "did not find",
    "scalar",
    "flow ",
    "mapping",
    "sequence",
    "EOF",
    "eof",
    "simple key",
    "disallowed",
    "unclosed bracket",
    "surrogate",
    "codepoint",
    "indicator",
    "invalid type",
    "invalid value",
    "missing field",
    "unknown field",
    "unknown variant",
    "nonzero",
    "u16",
    "i64",
];

#[test]
fn unreadable_files_are_refused_at_their_fault() {
    let mut report = String::new();
    for (kind, texts) in [("json", broken_json()), ("yaml", broken_yaml())] {
        let folder = Folder::new();
        for (number, content) in texts.iter().enumerate() {
            let file = folder.write(&format!("{number:02}.{kind}"), content);
            let output = crate::harness::run(&["validate", "--as", "scenario", &file]);
            let told = folder.plain(&text(&output.stdout));
            assert_eq!(output.status.code(), Some(3), "{content:?}: {told}");
            let problem = told.lines().next().unwrap();
            for phrase in READER {
                assert!(!problem.contains(phrase), "{content:?}\n{problem}\nholds {phrase:?}");
            }
            report += &told;
        }
    }
    golden("reading.txt", &report);
}

#[test]
fn a_comment_in_a_json_scenario_is_refused_as_such() {
    let folder = Folder::new();
    for (text_of_file, place) in [
        ("{\"name\": \"x\", // hello\n\"answers\": [{}]}", "1:15"),
        ("{ /* hello */ \"name\": \"x\", \"answers\": [{}]}", "1:3"),
        ("{\"name\": \"x\", \"answers\": [{}] /* hello */}", "1:31"),
    ] {
        let file = folder.write("s.json", text_of_file);
        let output = crate::harness::run(&["validate", "--as", "scenario", &file]);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert!(
            told.contains(&format!("s.json:{place}: a comment that is valid in neither JSON nor YAML; ")),
            "{told}"
        );
    }
    let file = folder.write("s.json", "{\"name\": \"http://a\", \"answers\": [}");
    let told = text(&crate::harness::run(&["validate", "--as", "scenario", &file]).stdout);
    assert!(!told.contains("comment"), "{told}");
}

#[test]
fn a_body_that_is_not_json_is_refused_at_its_place() {
    let folder = Folder::new();
    for (body, place) in
        [("name: x\n", "1:1"), ("{\"a\":tru}", "1:6"), ("{\"a\": 'x'}", "1:7"), ("{\"a\":1 // x\n}", "1:8")]
    {
        let file = folder.write("body.json", body);
        let output = crate::harness::run(&["validate", "--as", "handoff", &file]);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert!(told.contains(&format!("body.json:{place}: ")), "{body:?}: {told}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_at_their_place() {
    for (bytes, place) in [
        (&b"name: s\ndescription: a\xFFb\nanswers: [{}]\n"[..], "<stdin>:2:15: "),
        (b"name: s\ndescription: \xC3\xA9\xC3\x28\nanswers: [{}]\n", "<stdin>:2:15: "),
        (b"\xFF\xFEn\0a\0", "<stdin>:1:1: "),
        (b"name: s\nanswers: [{}] # \xED\xA0\x80\n", "<stdin>:2:17: "),
    ] {
        let output = run_with_input(&["validate", "--as", "scenario", "-"], bytes);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.starts_with(&format!("{place}the file is not UTF-8")), "{told}");
    }
}

#[test]
fn json_escapes_are_accepted() {
    for description in [r"\ud83d\ude00", r#"a\/b\\c\"d\b\f\n\r\t"#, r"\u00e9\u0000"] {
        let output = run_with_input(&["validate", "--as", "scenario", "-"], json(description).as_bytes());
        assert_eq!(output.status.code(), Some(0), "{description}: {}", text(&output.stdout));
    }
}

/// Scenarios without a name, each with one value of the wrong type.
const WRONG_VALUES: [&str; 106] = [
    "per: [actor]\nanswers: [{}]",
    "per: {}\nanswers: [{}]",
    "per: {actor: 1}\nanswers: [{}]",
    "per: {actor}\nanswers: [{}]",
    "per: \nanswers: [{}]",
    "endpoint: {}\nanswers: [{}]",
    "answers: [{outcome: [x]}]",
    "answers: [{outcome: {success: 1}}]",
    "answers: [{outcome: {succes: 1}}]",
    "parties: {}\nanswers: [{}]",
    "answers: [{fault: {kind: [hang]}}]",
    "answers: [{fault: {kind: {}}}]",
    "answers: [{fault: hang}]",
    "answers: [{fault: hung}]",
    "answers: [{fault: []}]",
    "answers: [{fault: {}}]",
    "answers: [{until: {}},{}]",
    "answers: [{until: attempts},{}]",
    "answers: [{until: after},{}]",
    "answers: [{until: foo},{}]",
    "answers: [{until: [registered]},{}]",
    "answers: [{until: {registered}},{}]",
    "answers: [{until: {registered: 1}},{}]",
    "answers: [{until: {attempts: x}},{}]",
    "answers: [{until: {attempts: [1]}},{}]",
    "answers: [{until: {after: [1]}},{}]",
    "answers: [{until: {after: 5}},{}]",
    "answers: [{until: {attemps: 5}},{}]",
    "answers: [{until: {[a]: 5}},{}]",
    "answers: [{until: },{}]",
    "answers: [{until: 3},{}]",
    "people: [{declines: {instead_of: {}}}]\nanswers: [{}]",
    "people: [{declines: {instead_of: [x]}}]\nanswers: [{}]",
    "answers: [{error: [a]}]",
    "answers: [{error: invalid_clint}]",
    "answers: [{delay: {}}]",
    "answers: [{delay: {uniform: [1s,2s], lognormal: {median: 1s, sigma: 1}}}]",
    "answers: [{delay: {unifrm: [1s,2s]}}]",
    "answers: [{delay: uniform}]",
    "answers: [{delay: [1s, 2s]}]",
    "answers: [{delay: {lognormal: {median: 1s, sigma: x}}}]",
    "answers: [{delay: 1s, probability: 50%}]",
    "answers: [{delay: 1s, probability: null}]",
    "answers: [{delay: 1s, probability: }]",
    "answers: [{delay: 1s, probability: [1]}]",
    "answers: [{delay: {lognormal: {median: 1s, sigma: }}}]",
    "answers: [{delay: {lognormal: }}]",
    "answers: [{delay: {lognormal: {}}}]",
    "answers: [{delay: {lognormal: 1s}}]",
    "answers: [{delay: {uniform: }}]",
    "answers: [{delay: {uniform: 1s}}]",
    "answers: [{truncate: x}]",
    "answers: [{truncate: }]",
    "answers: [{truncate: 1.5}]",
    "answers: [{http_status: x}]",
    "answers: [{http_status: }]",
    "answers: [{http_status: 204}]",
    "answers: [{http_status: 99999}]",
    "answers: [{http_status: [200]}]",
    "answers: [{remove: x}]",
    "answers: [{remove: [{}]}]",
    "answers: [{set: x}]",
    "answers: [{set: [x]}]",
    "answers: [{headers: x}]",
    "answers: [{headers: [a]}]",
    "answers: [{headers: {a: [b]}}]",
    "answers: [{raw: x}]",
    "answers: [{raw: {body: [x]}}]",
    "answers: [{dribble: {}}]",
    "answers: [{expires_in: {}}]",
    "answers: [{expires_in: 5}]",
    "match: {intent: [x]}\nanswers: [{}]",
    "match: {intent: {}}\nanswers: [{}]",
    "match: {body: {}}\nanswers: [{}]",
    "match: {email: []}\nanswers: [{}]",
    "match: {body: [{pointer: [], exists: true}]}\nanswers: [{}]",
    "match: {body: [{pointer: /a, exists: x}]}\nanswers: [{}]",
    "match: {body: [{pointer: /a, above: x}]}\nanswers: [{}]",
    "match: x\nanswers: [{}]",
    "voids: {after: {}}\nanswers: [{}]",
    "people: [{opens: {after: {}}}]\nanswers: [{}]",
    "people: [{opens: {uniform: x}}]\nanswers: [{}]",
    "people: [{opens: {lognormal: x}}]\nanswers: [{}]",
    "people: [{opens: {lognormal: {median: 1s, sigma: 1}, uniform: [1s,2s]}}]\nanswers: [{}]",
    "people: [{opens: {probability: x}}]\nanswers: [{}]",
    "answers: [{raw: {body: x, content_type: \"a\\x01\"}}]",
    "answers: [{headers: {X-A: \"a\\x01\"}}]",
    "answers: [{headers: {X-A: \"a\\n\"}}]",
    "answers: [{headers: {X-A: \"é\"}}]",
    "answers: [{headers: {X-A: \"\\u200b\"}}]",
    "answers: [{headers: {\"X\\x01A\": \"a\"}}]",
    "answers: [{fault: {kind: hung}}]",
    "endpoint: tokens\nanswers: [{}]",
    "priority: \nanswers: [{}]",
    "priority: x\nanswers: [{}]",
    "priority: 1.5\nanswers: [{}]",
    "priority: 99999999999999999999\nanswers: [{}]",
    "reopen: \nanswers: [{}]",
    "reopen: [x]\nanswers: [{}]",
    "at_end: [x]\nanswers: [{}]",
    "answers: [{description: {}, outcome: error}]",
    "answers: {}",
    "answers: x",
    "answers: [x]",
    "answers: [[x]]",
    "answers:",
];

#[test]
fn a_value_of_the_wrong_type_is_refused_with_a_fix() {
    let folder = Folder::new();
    let contents = WRONG_VALUES.map(|text| format!("name: s\n{text}\n"));
    let files: Vec<String> =
        contents.iter().enumerate().map(|(n, text)| folder.write(&format!("{n:03}.yaml"), text)).collect();
    let mut args = vec!["validate", "--as", "scenario"];
    args.extend(files.iter().map(String::as_str));
    let output = crate::harness::run(&args);
    assert_eq!(output.status.code(), Some(3));
    let told = folder.plain(&text(&output.stdout));
    let problems: Vec<&str> = told.lines().filter(|line| line.contains(".yaml:")).collect();
    assert_eq!(problems.len(), WRONG_VALUES.len(), "{told}");
    for (problem, content) in problems.iter().zip(WRONG_VALUES) {
        let phrases = READER.iter().chain(&["the value cannot be read; check", "enum", "\\u{"]);
        for phrase in phrases {
            assert!(!problem.contains(phrase), "{content:?}\n{problem}\nholds {phrase:?}");
        }
    }
    golden("reading-values.txt", &told);
}
