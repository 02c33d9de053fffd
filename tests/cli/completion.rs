//! Completion scripts. The bash script is run by a real bash, to see what the Tab key would offer.

use crate::harness::{Folder, program, run, text};
use std::process::Command;

/// Sources the script, finds the function that bash would call for the program, and prints its suggestions.
const DRIVER: &str = r#"
source "$1" || exit 1
shift
specification=$(complete -p docendorse-mock) || exit 1
function=$(sed 's/.*-F \([^ ]*\).*/\1/' <<<"$specification")
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

struct Bash {
    folder: Folder,
    script: String,
}

impl Bash {
    fn new() -> Self {
        let folder = Folder::new();
        let script = folder.write("completions.bash", &text(&run(&["completions", "bash"]).stdout));
        Self { folder, script }
    }

    /// The suggestions for the last word.
    fn offers(&self, words: &[&str]) -> Vec<String> {
        let mut command = Command::new("bash");
        command.current_dir(self.folder.file("")).args(["--norc", "-c", DRIVER, "bash", &self.script]).args(words);
        let output = command.output().expect("bash must be installed to test its completion script");
        assert_eq!(text(&output.stderr), "", "{words:?}");
        text(&output.stdout).lines().map(str::to_owned).collect()
    }
}

/// Commands or long flags listed in a help text.
fn documented(help: &str, is_verb: bool) -> Vec<String> {
    let lines = help.lines().filter_map(|line| {
        let word = line.split_whitespace().find(|word| word.starts_with("--") || is_verb)?;
        let indent = line.len() - line.trim_start().len();
        let is_item = if is_verb { indent == 2 && !word.starts_with('-') } else { indent <= 6 };
        let name = word.split(['[', ',', '=']).next().unwrap();
        (is_item && line.trim_start().starts_with(if is_verb { name } else { "-" })).then(|| name.to_owned())
    });
    lines.collect()
}

fn verbs() -> Vec<String> {
    let help = text(&run(&["--help"]).stdout);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    documented(list.split("\n\n").next().unwrap(), true)
}

#[test]
fn bash_offers_every_flag_behind_every_verb() {
    let bash = Bash::new();
    let verbs = verbs();
    assert!(verbs.len() > 10, "{verbs:?}");
    for verb in verbs.iter().filter(|verb| !["help", "keys"].contains(&verb.as_str())) {
        let offered = bash.offers(&["docendorse-mock", verb, "--"]);
        let flags = documented(&text(&run(&[verb, "--help"]).stdout), false);
        assert!(flags.contains(&"--help".to_owned()), "{verb}: {flags:?}");
        for flag in flags {
            assert!(offered.contains(&flag), "{verb} {flag}: {offered:?}");
        }
    }
    assert_eq!(bash.offers(&["docendorse-mock", "keys", "gen"]), ["generate"]);
    assert!(bash.offers(&["docendorse-mock", "keys", "generate", "--"]).contains(&"--out".to_owned()));
}

#[test]
fn bash_offers_verbs_values_and_files() {
    let bash = Bash::new();
    let offered = bash.offers(&["docendorse-mock", ""]);
    for verb in verbs() {
        assert!(offered.contains(&verb), "{verb}: {offered:?}");
    }
    assert_eq!(bash.offers(&["docendorse-mock", "re"]), ["ready"]);
    assert_eq!(bash.offers(&["./bin/docendorse-mock", "ready", "--w"]), ["--wait"], "started by a path");
    assert_eq!(bash.offers(&["docendorse-mock", "serve", "--auth", ""]), ["open", "strict"]);
    assert_eq!(bash.offers(&["docendorse-mock", "list", "--format", "j"]), ["json"]);
    assert_eq!(bash.offers(&["docendorse-mock", "ready", "--wait", "--timeo"]), ["--timeout"]);
    bash.folder.write("mock.toml", "");
    assert_eq!(bash.offers(&["docendorse-mock", "serve", "--config", "mo"]), ["mock.toml"]);
}

#[test]
fn bash_offers_the_flags_of_serve_without_a_verb() {
    let bash = Bash::new();
    assert_eq!(bash.offers(&["docendorse-mock", "--lis"]), ["--listen"]);
    assert_eq!(bash.offers(&["docendorse-mock", "--listen", "127.0.0.1:0", "--au"]), ["--auth", "--audience"]);
    assert_eq!(bash.offers(&["docendorse-mock", "--auth", "st"]), ["strict"]);
}

#[test]
fn every_script_knows_verbs_and_their_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = program().args(["completions", shell]).output().unwrap();
        let script = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0));
        for word in ["docendorse-mock", "ready", "wait", "listen", "generate", "on-duplicate-handoff"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
