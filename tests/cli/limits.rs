//! Limits of scenarios: a folder, a PUT, a new sandbox and `validate` refuse the same scenarios with the same message.

use crate::harness::{Folder, Running, program, run, text};
use serde_json::{Value, json};

/// The name of each scenario, its text, and a part of the expected message.
fn attacks() -> Vec<(&'static str, String, &'static str)> {
    let with = |answer: Value| json!({ "name": "s", "answers": [answer] }).to_string();
    let many = |count: usize| -> Value {
        (0..count).map(|number| (format!("X-{number}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
    };
    let deep = |depth: usize| {
        format!(
            "{{\"name\": \"s\", \"answers\": [{{\"set\": {{\"a\": {}1{}}}}}]}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let laughs: String = (1..12)
        .map(|level| format!("      l{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", ")))
        .collect();
    let laughs = format!(
        "name: s\nanswers: [{{}}]\nmatch:\n  body:\n  - pointer: /a\n    equals:\n      l0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{laughs}"
    );
    vec![
        ("headers", with(json!({ "headers": many(33_000) })), "at most 100 headers"),
        ("header-bytes", with(json!({ "headers": { "X-A": "a".repeat(20_000) } })), "at most 16384 bytes together"),
        ("set", with(json!({ "set": many(1_001) })), "\"set\" has more than 1000 members and items; an answer has at most 1000"),
        ("set-list", with(json!({ "set": { "a": vec![0; 1_000] } })), "an answer has at most 1000"),
        ("remove", with(json!({ "remove": vec!["a"; 1_001] })), "\"remove\" has 1001 members"),
        ("answers", json!({ "name": "s", "answers": vec![json!({}); 1_001] }).to_string(), "the list has 1001 entries"),
        ("people", json!({ "name": "s", "answers": [{}], "people": vec![json!({}); 1_001] }).to_string(), "1001 rules"),
        (
            "any",
            json!({ "name": "s", "answers": [{}], "match": { "any": vec![json!({ "email": "a*" }); 1_001] } }).to_string(),
            "the list has more than 100 entries",
        ),
        (
            "predicates",
            json!({ "name": "s", "answers": [{}], "match": { "any": vec![
                json!({ "any": vec![json!({ "email": "a*" }); 60] }), json!({ "any": vec![json!({ "email": "a*" }); 60] }),
            ] } })
            .to_string(),
            "predicates; at most 100 are allowed",
        ),
        ("values", with(json!({ "remove": vec!["a"; 60_000] })), "too many values; at most 50000 are allowed"),
        ("deep", deep(65), "nested too deeply; at most 64"),
        ("deeper", deep(100_000), "nest"),
        ("laughs", laughs, "at most 50000"),
        ("long-line", format!("{{\"name\": \"s\", \"answers\": [{{\"x{}\": 1}}]}}", "y".repeat(700_000)), "unknown key"),
        ("long-name", json!({ "name": "n".repeat(700_000), "answers": [{}] }).to_string(), "cannot be a name"),
        ("long-value", with(json!({ "outcome": "o".repeat(700_000) })), "is not one of"),
        ("broken", format!("{{\"name\": \"s\", \"answers\": [{{\"set\": {{\"a\": \"{}\" oh", "y".repeat(700_000)), ""),
        ("template", with(json!({ "set": { "a": format!("{{{{ {}1 }}}}", "-".repeat(10_000)) } })), "nests more than 64"),
        ("unknown", with(json!({ "set": { "a": format!("{{{{ {} }}}}", "n".repeat(50_000)) } })), "which does not exist"),
    ]
}

/// The message without the name that each entry point gives the file.
fn refusal(text: &str, file: &str) -> String {
    let from = text.find(&format!("{file}:")).unwrap_or_else(|| panic!("no {file} in {text}"));
    text[from + file.len()..].trim_end().to_owned()
}

#[test]
fn every_entry_point_reports_limits_with_the_same_message() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    for (name, scenario, part) in attacks() {
        let folder = Folder::new();
        let file = folder.write(&format!("{name}.yaml"), &scenario);
        let validated = run(&["validate", &file]);
        assert_eq!(validated.status.code(), Some(3), "{name}");
        let told = refusal(&text(&validated.stdout), &file);
        assert!(told.contains(part) && told.chars().count() < 1_500, "{name}: {told}");

        let directory = folder.file("").to_str().unwrap().trim_end_matches('/').to_owned();
        let started = run(&["--listen", "127.0.0.1:0", "--scenarios", &directory]);
        assert_eq!(started.status.code(), Some(3), "{name}");
        assert_eq!(refusal(&text(&started.stderr), &file), told, "{name}: a start");

        let (status, answer) = server.ask("PUT", "/__admin/scenarios/s", &scenario);
        let detail = answer["detail"].as_str().unwrap_or_default();
        // A problem's detail is a sentence, so its first line ends with a full stop.
        let detail = detail.replacen(".\n", "\n", 1);
        assert_eq!((status, refusal(&detail, "The body")), (400, told.clone()), "{name}: PUT");

        let report = run(&["validate", "--format", "json", &file]);
        assert!(report.stdout.len() < 4_000, "{name}: {}", text(&report.stdout));

        // The place differs, because a scenario in a request has no lines of its own.
        if let Ok(value) = serde_json::from_str::<Value>(&scenario) {
            let (status, answer) =
                server.ask("POST", "/__admin/sandboxes", &json!({ "scenarios": [value] }).to_string());
            let detail = answer["detail"].as_str().unwrap_or_default();
            assert_eq!(status, 400, "{name}: a new sandbox");
            assert!(
                detail.contains("In the body: /scenarios/0") && detail.contains(part),
                "{name}: a new sandbox: {detail}"
            );
            assert!(detail.chars().count() < 1_500, "{name}: {detail}");
        }
    }
    assert_eq!(server.ask("GET", "/livez", "").0, 200);
}

#[test]
fn two_scenarios_of_one_name_are_refused_by_validate() {
    let folder = Folder::new();
    let one = folder.write("a.yaml", "name: same\nanswers: [{}]\n");
    let two = folder.write("b.yaml", "name: same\nanswers: [{}]\n");
    let output = run(&["validate", &one, &two]);
    assert_eq!(output.status.code(), Some(3));
    let expected = "a.yaml: is a scenario\nb.yaml:1:7: another scenario already has the name \"same\" (a.yaml:1:7); \
                    rename one of them\nname: same\n      ^\n";
    assert_eq!(folder.plain(&text(&output.stdout)), expected);
}
