//! Scenario folders: which files are read, several folders together, and unusual folder contents.
#![cfg(unix)]

use crate::harness::{Folder, Running, program, run, text};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    os::unix::{ffi::OsStringExt, fs::symlink},
    process::Command,
    time::Duration,
};

fn scenario(name: &str) -> String {
    format!("name: {name}\nanswers: [{{}}]\n")
}

/// The names printed by `list`, and its warnings.
fn listed(sources: &[&str]) -> (Vec<String>, String) {
    let mut arguments = vec!["list"];
    for source in sources {
        arguments.extend(["--scenarios", source]);
    }
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let names = text(&output.stdout).lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    (names, text(&output.stderr))
}

/// The one-line error that `list`, `validate` and `serve` print for a folder.
fn refusal(folder: &Folder) -> String {
    let path = folder.file("").display().to_string();
    let lines: Vec<String> =
        [&["list", "--scenarios", &path][..], &["--listen", "127.0.0.1:0", "--scenarios", &path], &["validate", &path]]
            .into_iter()
            .map(|arguments| {
                let output = run(arguments);
                assert_eq!(output.status.code(), Some(3), "{arguments:?}");
                folder.plain(&text(&output.stderr))
            })
            .collect();
    assert!(lines[0] == lines[1] && lines[1] == lines[2], "{lines:#?}");
    lines[0].clone()
}

fn path(folder: &Folder) -> String {
    folder.file("").display().to_string()
}

fn make_fifo(folder: &Folder, name: &str) {
    assert!(Command::new("mkfifo").arg(folder.file(name)).status().unwrap().success());
}

/// Repeats a check until it holds. Even a slow machine needs fewer than the maximum number of attempts.
fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the condition never held");
}

#[test]
fn hidden_files_and_backups_are_ignored() {
    let folder = Folder::new();
    for name in
        [".a.yaml", ".a.yaml.swp", "._a.yaml", "a.yaml~", "#a.yaml#", "a.yaml.bak", "a.yaml.tmp", "yaml", "4913"]
    {
        folder.write(name, "not a scenario: [");
    }
    symlink("someone@host.1234", folder.file(".#a.yaml")).unwrap();
    std::fs::create_dir(folder.file(".git")).unwrap();
    folder.write(".git/b.yaml", "broken: [");
    folder.write("a.yaml", &scenario("a"));
    assert_eq!(listed(&[&path(&folder)]), (vec!["a".to_owned()], String::new()));
    let output = run(&["validate", &path(&folder)]);
    assert_eq!(folder.plain(&text(&output.stdout)), "a.yaml: is a scenario\n");
    assert_eq!(output.status.code(), Some(0));
    Running::start(program().args(["--listen", "127.0.0.1:0", "--scenarios", &path(&folder)]));
}

#[test]
fn extensions_count_in_any_case() {
    let folder = Folder::new();
    for (name, file) in [("a", "a.YAML"), ("b", "b.YML"), ("c", "c.Yaml")] {
        folder.write(file, &scenario(name));
    }
    folder.write("d.JSON", r#"{"name": "d", "answers": [{}]}"#);
    assert_eq!(listed(&[&path(&folder)]).0, ["a", "b", "c", "d"]);
    let files = ["a.YAML", "b.YML", "c.Yaml", "d.JSON"].map(|name| folder.file(name).display().to_string());
    let output = run(&["validate", &files[0], &files[1], &files[2], &files[3]]);
    assert!(text(&output.stdout).lines().all(|line| line.ends_with(": is a scenario")), "{}", text(&output.stdout));
}

#[test]
fn non_regular_files_never_block() {
    let folder = Folder::new();
    folder.write("a.yaml", &scenario("a"));
    std::fs::create_dir(folder.file("folder.yaml")).unwrap();
    make_fifo(&folder, "pipe.yaml");
    symlink("/dev/zero", folder.file("zero.yaml")).unwrap();
    symlink(folder.file("folder.yaml"), folder.file("link.json")).unwrap();
    let (names, warnings) = listed(&[&path(&folder)]);
    assert_eq!(names, ["a"]);
    let expected = "docendorse-mock: warning: folder.yaml: ignored, because it is a folder\n\
        docendorse-mock: warning: link.json: ignored, because it is a folder\n\
        docendorse-mock: warning: pipe.yaml: ignored, because it is not a regular file\n\
        docendorse-mock: warning: zero.yaml: ignored, because it is not a regular file\n";
    assert_eq!(folder.plain(&warnings), expected);
    assert_eq!(run(&["validate", &path(&folder)]).status.code(), Some(0));
    Running::start(program().args(["--listen", "127.0.0.1:0", "--scenarios", &path(&folder)]));
}

#[test]
fn broken_links_are_errors() {
    let folder = Folder::new();
    symlink("gone.txt", folder.file("a.yaml")).unwrap();
    let broken = "a.yaml: links to gone.txt, which does not exist; remove the link, or restore its target\n";
    assert_eq!(refusal(&folder), format!("docendorse-mock: {broken}"));
    std::fs::remove_file(folder.file("a.yaml")).unwrap();
    symlink("b.yaml", folder.file("a.yaml")).unwrap();
    symlink("a.yaml", folder.file("b.yaml")).unwrap();
    assert!(refusal(&folder).contains("yaml: cannot be read: "), "a loop");
    // A link to an existing file is read, whatever the name of the target.
    for name in ["a.yaml", "b.yaml"] {
        std::fs::remove_file(folder.file(name)).unwrap();
    }
    folder.write("..data", &scenario("linked"));
    symlink("..data", folder.file("a.yaml")).unwrap();
    assert_eq!(listed(&[&path(&folder)]).0, ["linked"]);
}

#[test]
fn folders_are_bounded_before_they_are_read() {
    let folder = Folder::new();
    let file = std::fs::File::create(folder.file("huge.yaml")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(
        refusal(&folder),
        "docendorse-mock: huge.yaml: larger than 1048576 bytes, the limit for a scenario file\n"
    );
    std::fs::remove_file(folder.file("huge.yaml")).unwrap();

    for number in 0..17 {
        std::fs::File::create(folder.file(&format!("{number}.yaml"))).unwrap().set_len(1 << 20).unwrap();
    }
    let output = run(&["list", "--scenarios", &path(&folder)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("more than 16777216 bytes of scenario files in all"));

    let many = Folder::new();
    for number in 0..=1_000 {
        many.write(&format!("{number}.yaml"), &scenario(&format!("s{number}")));
    }
    let output = run(&["list", "--scenarios", &path(&many)]);
    assert!(text(&output.stderr).contains("more than 1000 scenario files in all; remove files"));
    std::fs::remove_file(many.file("0.yaml")).unwrap();
    assert_eq!(listed(&[&path(&many)]).0.len(), 1_000);
    let shipped = listed(&[]).0.len();
    assert_eq!(
        listed(&["shipped", &path(&many)]).0.len(),
        1_000 + shipped,
        "the limit applies to the user's scenarios only"
    );
    for number in 0..10_000 {
        std::fs::File::create(many.file(&format!("{number}.txt"))).unwrap();
    }
    assert!(refusal(&many).contains("more than 10000 entries; keep scenarios in a folder of their own"));
}

#[test]
fn names_and_texts_that_are_not_utf8() {
    let folder = Folder::new();
    let name = OsString::from_vec(b"caf\xe9\x1b[31m\n.yaml".to_vec());
    std::fs::write(folder.file("").join(&name), scenario("strange")).unwrap();
    assert_eq!(listed(&[&path(&folder)]).0, ["strange"]);
    let output = run(&["show", "strange", "--scenarios", &path(&folder)]);
    assert_eq!(text(&output.stdout), scenario("strange"));
    std::fs::write(folder.file("").join(&name), b"name: a\ndescription: \xff\n").unwrap();
    let output = run(&["list", "--scenarios", &path(&folder)]);
    let expected = "docendorse-mock: caf\u{fffd}\u{fffd}[31m\u{fffd}.yaml:2:14: the file is not UTF-8; save it as \
                    UTF-8\ndescription: \u{fffd}\n             ^\n";
    assert_eq!((output.status.code(), folder.plain(&text(&output.stderr))), (Some(3), expected.to_owned()));
}

#[test]
fn a_folder_without_scenarios_gets_a_warning() {
    let folder = Folder::new();
    folder.write("notes.txt", "");
    let warning = "no scenarios found; scenario files end in .yaml, .yml or .json";
    let (names, warnings) = listed(&[&path(&folder)]);
    assert!(names.is_empty());
    assert_eq!(warnings, format!("docendorse-mock: warning: {}: {warning}\n", path(&folder)));
    let output = run(&["validate", &path(&folder)]);
    assert_eq!(output.status.code(), Some(3), "checking no files must not succeed");
    assert!(text(&output.stderr).contains(warning));

    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--scenarios", &path(&folder)]);
    let mut running = Running::start(&mut command);
    let log = running.log();
    let warned = || loop {
        let line = log.recv_timeout(Duration::from_secs(30)).expect("the log warns of an empty folder");
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["message"].as_str().unwrap_or_default().contains(warning) {
            assert_eq!(line["level"], "WARN", "{line}");
            return;
        }
    };
    warned();
    folder.write("a.yaml", &scenario("a"));
    let names = || running.ask("GET", "/__admin/scenarios", "").1["scenarios"].as_array().unwrap().len();
    eventually(|| names() == 1);
    std::fs::remove_file(folder.file("a.yaml")).unwrap();
    warned();
    eventually(|| names() == 0);
}

#[test]
fn a_source_must_be_a_folder() {
    let folder = Folder::new();
    let file = folder.write("a.yaml", &scenario("a"));
    let output = run(&["list", "--scenarios", &file]);
    assert_eq!(
        (output.status.code(), folder.plain(&text(&output.stderr))),
        (
            Some(3),
            "docendorse-mock: a.yaml: not a folder; --scenarios takes folders that hold scenario files\n".to_owned()
        )
    );
}

#[test]
fn several_folders_are_served_beside_the_shipped_set() {
    let (one, two) = (Folder::new(), Folder::new());
    one.write("a.yaml", &scenario("a"));
    two.write("b.yaml", &scenario("b"));
    let shipped = listed(&[]).0;
    assert!(shipped.contains(&"flaky".to_owned()));
    assert_eq!(listed(&["shipped"]).0, shipped);
    assert_eq!(listed(&[&path(&one), &path(&two)]).0, ["a", "b"]);
    assert_eq!(listed(&[&path(&one), &path(&one), &format!("{}/.", path(&one))]).0, ["a"], "a folder counts once");
    let all = listed(&[&path(&one), "shipped", &path(&two)]).0;
    assert_eq!(all.len(), shipped.len() + 2);
    let list = format!("shipped, {},{}", path(&two), path(&one));
    let by_variable = program().args(["list"]).env("DOCENDORSE_MOCK_SCENARIOS", &list).output().unwrap();
    assert_eq!(text(&by_variable.stdout).lines().count(), all.len());

    let mut command = program();
    command.args(["--listen", "127.0.0.1:0"]).env("DOCENDORSE_MOCK_SCENARIOS", &list);
    let running = Running::start(&mut command);
    let names = || -> Vec<Value> {
        let told = running.ask("GET", "/__admin/scenarios", "").1;
        told["scenarios"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect()
    };
    assert_eq!(names(), all);
    assert_eq!(running.ask("GET", "/__admin/settings", "").1["scenarios"], json!(["shipped", path(&two), path(&one)]));
    // Both folders are watched.
    one.write("c.yaml", &scenario("c"));
    two.write("d.yaml", &scenario("d"));
    eventually(|| names().len() == all.len() + 2);
}

#[test]
fn a_folder_replaces_shipped_scenarios_by_name() {
    let folder = Folder::new();
    folder.write("mine.yaml", "name: flaky\ndescription: mine\nanswers: [{}]\n");
    let shipped = listed(&[]).0;
    for sources in [["shipped", &path(&folder)], [&path(&folder), "shipped"]] {
        assert_eq!(listed(&sources).0, shipped);
        let output = run(&["show", "flaky", "--scenarios", sources[0], "--scenarios", sources[1]]);
        assert!(text(&output.stdout).contains("description: mine"), "{sources:?}");
    }
}

#[test]
fn two_folders_with_one_name_name_both_files() {
    let (one, two) = (Folder::new(), Folder::new());
    one.write("a.yaml", &scenario("same"));
    two.write("b.yaml", &scenario("same"));
    let output = run(&["list", "--scenarios", &path(&one), "--scenarios", &path(&two)]);
    assert_eq!(output.status.code(), Some(3));
    let told = text(&output.stderr);
    assert!(
        told.contains(&format!("{}a.yaml", path(&one))) && told.contains(&format!("{}b.yaml", path(&two))),
        "{told}"
    );
    one.write("c.yaml", &scenario("same"));
    let output = run(&["validate", &path(&one)]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    assert!(
        text(&output.stdout).contains("c.yaml:1:7: another scenario already has the name \"same\""),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_folder_called_shipped_is_written_as_a_path() {
    let folder = Folder::new();
    std::fs::create_dir(folder.file("shipped")).unwrap();
    folder.write("shipped/a.yaml", &scenario("a"));
    for (source, count) in [("shipped", listed(&[]).0.len()), ("./shipped", 1), ("shipped/", 1)] {
        let output = program().current_dir(folder.file("")).args(["list", "--scenarios", source]).output().unwrap();
        assert_eq!(text(&output.stdout).lines().count(), count, "{source}");
    }
}

#[test]
fn a_settings_file_names_one_source_or_several() {
    let folder = Folder::new();
    std::fs::create_dir(folder.file("mine")).unwrap();
    folder.write("mine/a.yaml", &scenario("a"));
    let shipped = listed(&[]).0.len();
    for (value, count) in
        [("\"mine\"", 1), ("[\"mine\"]", 1), ("[\"shipped\", \"mine\"]", shipped + 1), ("\"shipped\"", shipped)]
    {
        let config = folder.write("mock.toml", &format!("scenarios = {value}\n"));
        let running = Running::start(program().args(["--listen", "127.0.0.1:0", "--config", &config]));
        let told = running.ask("GET", "/__admin/scenarios", "").1;
        assert_eq!(told["scenarios"].as_array().unwrap().len(), count, "{value}");
    }
    for value in ["[]", "\"\"", "[\"\"]", "7", "[1]"] {
        let config = folder.write("mock.toml", &format!("scenarios = {value}\n"));
        let output = run(&["--listen", "127.0.0.1:0", "--config", &config]);
        assert_eq!(output.status.code(), Some(3), "{value}");
        let line = folder.plain(&text(&output.stderr));
        assert!(line.starts_with("docendorse-mock: mock.toml:1:13: "), "{value}: {line}");
    }
}

#[test]
fn a_file_that_is_written_bit_by_bit_is_loaded_when_complete() {
    let folder = Folder::new();
    folder.write("a.yaml", "name: a\ndescription: old\nanswers: [{}]\n");
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--scenarios", &path(&folder)]);
    let mut running = Running::start(&mut command);
    let log = running.log();
    let description = || running.ask("GET", "/__admin/scenarios", "").1["scenarios"][0]["description"].clone();
    folder.write("a.yaml", "name: a\ndescription: new\nansw");
    while !log.recv_timeout(Duration::from_secs(30)).unwrap().contains("reload failed; keeping the previous scenarios")
    {
    }
    assert_eq!(description(), "old");
    folder.write("a.yaml", "name: a\ndescription: new\nanswers: [{}]\n");
    eventually(|| description() == "new");
}

/// Writes a version of a mounted ConfigMap, and switches `..data` to it as Kubernetes does.
fn publish(folder: &Folder, version: &str, description: &str) {
    let shared = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    std::fs::create_dir(folder.file(version)).unwrap();
    for (name, padding) in [("a", 0), ("b", 900_000), ("c", 900_000), ("d", 900_000), ("e", 900_000), ("f", 900_000)] {
        let padding = "#".repeat(padding);
        let text = format!("name: {name}\ndescription: {description}\nanswers: [{{}}]\n{padding}\n");
        let path = folder.write(&format!("{version}/{name}.yaml"), &text);
        // Size and time stay the same, so that only the link distinguishes the versions.
        std::fs::File::options().write(true).open(path).unwrap().set_modified(shared).unwrap();
    }
    symlink(version, folder.file("..data_tmp")).unwrap();
    std::fs::rename(folder.file("..data_tmp"), folder.file("..data")).unwrap();
}

#[test]
fn a_switched_config_map_is_one_change() {
    let folder = Folder::new();
    publish(&folder, "..2026_11_25", "old");
    for name in ["a", "b", "c", "d", "e", "f"] {
        symlink(format!("..data/{name}.yaml"), folder.file(&format!("{name}.yaml"))).unwrap();
    }
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--scenarios", &path(&folder)]);
    let mut running = Running::start(&mut command);
    let log = running.log();
    let reloaded = || loop {
        let line = log.recv_timeout(Duration::from_secs(30)).expect("the log reports the reload");
        assert!(!line.contains("reload failed"), "{line}");
        if line.contains("scenarios reloaded") {
            return;
        }
    };
    let descriptions = || -> Vec<Value> {
        let told = running.ask("GET", "/__admin/scenarios", "").1;
        told["scenarios"].as_array().unwrap().iter().map(|one| one["description"].clone()).collect()
    };
    assert_eq!(descriptions(), ["old"; 6]);
    for (version, description) in [("..2026_11_26", "new"), ("..2026_11_27", "now")] {
        publish(&folder, version, description);
        reloaded();
        assert_eq!(descriptions(), [description; 6], "all files change at the same time");
    }
}
