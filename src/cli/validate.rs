//! `validate`: request bodies against the contract, and scenario files, without a server.

use super::{
    Exit, Failure,
    output::{Audience, printable},
    printed_fully, warn,
};
use crate::{
    app::scenarios::{
        LoadError,
        folder::{FolderContent, find, is_yaml, read_bytes, shown},
    },
    base::position::Position,
    domain::{
        contract::{Accepted, HANDOFF_REQUEST, Schema, SchemaError, locate, signing},
        scenario::{Scenario, ScenarioError, utf8},
        session::HandoffRequest,
        signing::{
            AgentsRequest, ContactChange, ContactRequest, EnvelopeRequest, GroupChangeRequest, GroupRequest,
            RecipientChangeRequest, RecipientRequest,
        },
    },
};
use clap::{Args, ValueEnum, ValueHint};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    fmt::Display,
    io::{self, Read, Write},
    path::Path,
};

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The largest file that is checked, in bytes.
const LARGEST: u64 = 64 << 20;

#[derive(Args, Debug)]
pub(super) struct ValidateOptions {
    /// Files that hold a request body or a scenario each, or folders of scenarios; - is standard input.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    files: Vec<String>,

    /// Check every file as this, instead of finding out what it is.
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<FileKind>,

    /// For people, or for programs.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Audience,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FileKind {
    Handoff,
    Scenario,
    Envelope,
    Recipient,
    RecipientChange,
    Agents,
    Contact,
    ContactChange,
    Group,
    GroupChange,
}

impl FileKind {
    /// The schema of a body of the signing service.
    fn signing(self) -> Option<&'static signing::Body> {
        match self {
            Self::Handoff | Self::Scenario => None,
            Self::Envelope => Some(&signing::ENVELOPE),
            Self::Recipient => Some(&signing::RECIPIENT),
            Self::RecipientChange => Some(&signing::RECIPIENT_CHANGE),
            Self::Agents => Some(&signing::AGENTS),
            Self::Contact => Some(&signing::CONTACT),
            Self::ContactChange => Some(&signing::CONTACT_CHANGE),
            Self::Group => Some(&signing::CONTACT_GROUP),
            Self::GroupChange => Some(&signing::CONTACT_GROUP_CHANGE),
        }
    }

    /// The word that `--as` takes.
    fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The name in reports for programs.
    fn name(self) -> String {
        match self {
            Self::Handoff => "request".to_owned(),
            other => other.word(),
        }
    }
}

struct FileReport {
    file: String,
    kind: FileKind,
    violations: Vec<Located>,
    omitted: usize,
    advices: Vec<Located>,
}

/// Checks every file, whether or not one before it is valid.
pub(super) fn validate(options: &ValidateOptions) -> Result<Exit, Failure> {
    let unusable = |error: &SchemaError| Failure::new(Exit::Runtime, error.to_string());
    let handoff = Schema::compile(HANDOFF_REQUEST).map_err(|error| unusable(&error))?;
    let mut reports = Vec::new();
    let mut unreadable = Vec::new();
    let mut scenarios = Vec::new();
    for file in &options.files {
        if Path::new(file).is_dir() {
            if let Some(kind) = options.kind.filter(|kind| *kind != FileKind::Scenario) {
                let kind = kind.word();
                unreadable.push(format!("{file}: is a folder of scenarios; --as {kind} takes files only"));
                continue;
            }
            match folder_reports(Path::new(file)) {
                Ok(found) => reports.extend(found),
                Err(error) => unreadable.push(error.to_string()),
            }
            continue;
        }
        match read(file) {
            Ok(body) => reports.push(match options.kind.unwrap_or_else(|| kind(file, &body)) {
                FileKind::Scenario => scenario_report(name_of(file), &body, &mut scenarios),
                kind => {
                    let schema = kind.signing().map_or(Ok(&handoff), signing::Body::schema).map_err(unusable)?;
                    report(schema, kind, name_of(file), &body)
                }
            }),
            Err(error) => unreadable.push(format!("{}: cannot be read: {error}", name_of(file))),
        }
    }
    let valid = unreadable.is_empty() && reports.iter().all(|report| report.violations.is_empty());
    let printed = match options.format {
        Audience::Human => print_human(&reports),
        Audience::Json => print_json(&reports),
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
fn folder_reports(folder: &Path) -> Result<Vec<FileReport>, LoadError> {
    let FolderContent { files, warnings } = find(folder)?;
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

/// Finds out what a file is. YAML is a scenario, as in a folder of the server; any other text is one if it has `answers`
/// and no `handoff_id` at its top level. A text that cannot be parsed is judged by the words in it.
fn kind(file: &str, body: &[u8]) -> FileKind {
    if is_yaml(Path::new(file)) {
        return FileKind::Scenario;
    }
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let is_scenario = if let Ok(value) = serde_json::from_slice::<Value>(body) {
        value.get("answers").is_some() && value.get("handoff_id").is_none()
    } else {
        let text = String::from_utf8_lossy(body);
        let is_yaml = text.lines().any(|line| line.starts_with("answers:"));
        (is_yaml || text.contains("\"answers\"")) && !text.contains("\"handoff_id\"")
    };
    if is_scenario { FileKind::Scenario } else { FileKind::Handoff }
}

/// Checks a scenario by itself and beside `others`, as a folder with all of them would.
fn scenario_report(file: String, body: &[u8], others: &mut Vec<Scenario>) -> FileReport {
    let read = utf8(&file, body).and_then(|text| Scenario::read(&file, text));
    let read = read.and_then(|scenario| {
        if let Some(first) = others.iter().find(|other| other.name() == scenario.name()) {
            return Err(scenario.same_name_as(first));
        }
        others.push(scenario);
        Ok(())
    });
    let violations = read.as_ref().err().map(located_error).into_iter().collect();
    FileReport { file, kind: FileKind::Scenario, violations, omitted: 0, advices: Vec::new() }
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

/// Checks a body, as the type that the server reads.
fn report(schema: &Schema, kind: FileKind, file: String, body: &[u8]) -> FileReport {
    match kind {
        FileKind::Handoff | FileKind::Scenario => report_as::<HandoffRequest>(schema, kind, file, body),
        FileKind::Envelope => report_as::<EnvelopeRequest>(schema, kind, file, body),
        FileKind::Recipient => report_as::<RecipientRequest>(schema, kind, file, body),
        FileKind::RecipientChange => report_as::<RecipientChangeRequest>(schema, kind, file, body),
        FileKind::Agents => report_as::<AgentsRequest>(schema, kind, file, body),
        FileKind::Contact => report_as::<ContactRequest>(schema, kind, file, body),
        FileKind::ContactChange => report_as::<ContactChange>(schema, kind, file, body),
        FileKind::Group => report_as::<GroupRequest>(schema, kind, file, body),
        FileKind::GroupChange => report_as::<GroupChangeRequest>(schema, kind, file, body),
    }
}

fn report_as<T: DeserializeOwned>(schema: &Schema, kind: FileKind, file: String, body: &[u8]) -> FileReport {
    let text = String::from_utf8_lossy(body);
    let (violations, omitted, advices) = match schema.check::<T>(body) {
        Ok(Accepted { advices, .. }) => (Vec::new(), 0, advices),
        Err(refusal) => (refusal.violations, refusal.omitted, refusal.advices),
    };
    FileReport {
        file,
        kind,
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

fn print_human(reports: &[FileReport]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for FileReport { file, kind, violations, omitted, advices } in reports {
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
                FileKind::Scenario => "is a scenario",
                _ => "keeps the contract",
            };
            writeln!(out, "{file}: {praise}")?;
        }
    }
    Ok(())
}

fn print_json(reports: &[FileReport]) -> io::Result<()> {
    let facts = |found: &[Located]| -> Vec<Value> { found.iter().map(|found| found.fact.clone()).collect() };
    let files: Vec<Value> = reports
        .iter()
        .map(|report| {
            json!({
                "file": report.file,
                "kind": report.kind.name(),
                "valid": report.violations.is_empty(),
                "violations": facts(&report.violations),
                "omitted_violations": report.omitted,
                "advices": facts(&report.advices),
            })
        })
        .collect();
    writeln!(io::stdout(), "{:#}", json!({ "files": files }))
}
