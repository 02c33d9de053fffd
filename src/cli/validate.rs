//! `validate`: request bodies against the contract, and scenario files, without a server.

use super::{Exit, Failure, printed_fully, scenarios::Format, warn};
use crate::{
    app::scenarios::{
        LoadError,
        folder::{Found, find, is_yaml, read_bytes, shown},
    },
    contract::{Accepted, HANDOFF_REQUEST, Schema, locate},
    position::Position,
    scenario::{Scenario, ScenarioError, utf8},
    session::HandoffRequest,
};
use clap::{Args, ValueHint};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    fmt::Display,
    io::{self, Read, Write},
    path::Path,
};

/// The largest file that is checked, in bytes.
const LARGEST: u64 = 64 << 20;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Files that hold a request body or a scenario each, or folders of scenarios; - is standard input, a request body.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    files: Vec<String>,

    /// For people, or for programs.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// A finding with its place in the file.
struct Located {
    position: Position,
    fact: Value,
    text: String,
    /// The line of the file and a caret, where there is one; each line ends.
    excerpt: String,
}

/// What a file is checked as.
#[derive(Clone, Copy)]
enum Kind {
    Request,
    Scenario,
}

struct Report {
    file: String,
    kind: Kind,
    violations: Vec<Located>,
    omitted: usize,
    advices: Vec<Located>,
}

/// Checks every file, whether or not one before it is valid.
pub(super) fn validate(options: &Options) -> Result<Exit, Failure> {
    let schema = Schema::compile(HANDOFF_REQUEST).map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    let mut reports = Vec::new();
    let mut unreadable = Vec::new();
    let mut scenarios = Vec::new();
    for file in &options.files {
        if Path::new(file).is_dir() {
            match folder_reports(Path::new(file)) {
                Ok(found) => reports.extend(found),
                Err(error) => unreadable.push(error.to_string()),
            }
            continue;
        }
        match read(file) {
            Ok(body) => reports.push(match kind(file, &body) {
                Kind::Request => report(&schema, name_of(file), &body),
                Kind::Scenario => scenario_report(file.clone(), &body, &mut scenarios),
            }),
            Err(error) => unreadable.push(format!("{}: cannot be read: {error}", name_of(file))),
        }
    }
    let valid = unreadable.is_empty() && reports.iter().all(|report| report.violations.is_empty());
    let printed = match options.format {
        Format::Human => print_human(&reports),
        Format::Json => print_json(&reports),
    };
    printed_fully(printed)?;
    if !unreadable.is_empty() {
        return Err(Failure::new(Exit::File, unreadable.join("\ndocendorse-mock: ")));
    }
    Ok(if valid { Exit::Fine } else { Exit::File })
}

fn name_of(file: &str) -> String {
    if file == "-" { "<stdin>".to_owned() } else { file.to_owned() }
}

/// At most [`LARGEST`] bytes of a file, which may be a pipe.
fn read(file: &str) -> io::Result<Vec<u8>> {
    let input: &mut dyn Read = if file == "-" { &mut io::stdin() } else { &mut std::fs::File::open(file)? };
    let mut body = Vec::new();
    if input.take(LARGEST + 1).read_to_end(&mut body)? as u64 > LARGEST {
        return Err(io::Error::other(format!("larger than {LARGEST} bytes, the limit of this command")));
    }
    Ok(body)
}

/// Checks the scenario files of a folder as `serve --scenarios` would load them.
fn folder_reports(folder: &Path) -> Result<Vec<Report>, LoadError> {
    let Found { files, warnings } = find(folder)?;
    for warning in &warnings {
        warn(warning);
    }
    if files.is_empty() {
        return Err(LoadError::Empty(folder.to_owned()));
    }
    let mut reports = Vec::new();
    let mut scenarios = Vec::new();
    for file in files {
        reports.push(scenario_report(shown(&file.path), &read_bytes(&file.path)?, &mut scenarios));
    }
    Ok(reports)
}

/// A scenario is YAML, or JSON with `answers`, which no request body has.
fn kind(file: &str, body: &[u8]) -> Kind {
    let path = Path::new(file);
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let has_answers = || serde_json::from_slice::<Value>(body).is_ok_and(|value| value.get("answers").is_some());
    if is_yaml(path) || (is_json && has_answers()) { Kind::Scenario } else { Kind::Request }
}

/// Checks a scenario by itself and beside `others`, as a folder with all of them would.
fn scenario_report(file: String, body: &[u8], others: &mut Vec<Scenario>) -> Report {
    let read = utf8(&file, body).and_then(|text| Scenario::read(&file, text));
    let read = read.and_then(|scenario| {
        if let Some(first) = others.iter().find(|other| other.name() == scenario.name()) {
            return Err(scenario.same_name_as(first));
        }
        others.push(scenario);
        Ok(())
    });
    let violations = read.as_ref().err().map(located_error).into_iter().collect();
    Report { file, kind: Kind::Scenario, violations, omitted: 0, advices: Vec::new() }
}

fn located_error(error: &ScenarioError) -> Located {
    let text = printable(&error.to_string());
    let excerpt = text.split_once('\n').map(|(_, excerpt)| format!("{excerpt}\n")).unwrap_or_default();
    let problem = printable(&error.problem);
    let fact = json!({
        "problem": problem,
        "line": error.position.line,
        "column": error.position.column,
        "excerpt": error.line.text,
    });
    Located { position: error.position, fact, text: problem, excerpt }
}

/// Text of a file for a terminal, without control characters that it would act on.
pub(super) fn printable(text: &str) -> String {
    text.replace(|char: char| char.is_control() && char != '\n' && char != '\t', " ")
}

fn report(schema: &Schema, file: String, body: &[u8]) -> Report {
    let text = String::from_utf8_lossy(body);
    let (violations, omitted, advices) = match schema.check::<HandoffRequest>(body) {
        Ok(Accepted { advices, .. }) => (Vec::new(), 0, advices),
        Err(refusal) => (refusal.violations, refusal.omitted, refusal.advices),
    };
    Report {
        file,
        kind: Kind::Request,
        omitted,
        violations: violations
            .iter()
            .map(|found| located(found.position.unwrap_or_else(|| locate(&text, &found.pointer)), found))
            .collect(),
        advices: advices.iter().map(|found| located(locate(&text, &found.pointer), found)).collect(),
    }
}

fn located(position: Position, found: &(impl Serialize + Display)) -> Located {
    let mut fact = serde_json::to_value(found).unwrap_or_default();
    fact["line"] = position.line.into();
    fact["column"] = position.column.into();
    Located { position, fact, text: found.to_string(), excerpt: String::new() }
}

fn print_human(reports: &[Report]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Report { file, kind, violations, omitted, advices } in reports {
        for Located { position, text, excerpt, .. } in violations {
            writeln!(out, "{file}:{position}: {text}")?;
            write!(out, "{excerpt}")?;
        }
        if *omitted > 0 {
            writeln!(out, "{file}: and {omitted} more violations")?;
        }
        for Located { position, text, .. } in advices {
            writeln!(out, "{file}:{position}: advice: {text}")?;
        }
        if violations.is_empty() {
            let praise = match kind {
                Kind::Request => "keeps the contract",
                Kind::Scenario => "is a scenario",
            };
            writeln!(out, "{file}: {praise}")?;
        }
    }
    Ok(())
}

fn print_json(reports: &[Report]) -> io::Result<()> {
    let facts = |found: &[Located]| -> Vec<Value> { found.iter().map(|found| found.fact.clone()).collect() };
    let files: Vec<Value> = reports
        .iter()
        .map(|report| {
            json!({
                "file": report.file,
                "kind": match report.kind {
                    Kind::Request => "request",
                    Kind::Scenario => "scenario",
                },
                "valid": report.violations.is_empty(),
                "violations": facts(&report.violations),
                "omitted_violations": report.omitted,
                "advices": facts(&report.advices),
            })
        })
        .collect();
    writeln!(io::stdout(), "{:#}", json!({ "files": files }))
}
