//! `validate`: checks request bodies against the contract, and scenario files, without a server.

use super::{
    Exit, Failure, check_printed,
    output::{Audience, printable},
    warn,
};
use crate::{
    app::scenarios::{
        LoadError, find_all,
        folder::{FolderContent, is_yaml, read_bytes, shown},
    },
    base::{io_error, position::Position},
    config::ScenarioSource,
    domain::{
        contract::{Accepted, HANDOFF_REQUEST, Schema, SchemaError, locate, signing},
        scenario::{Scenario, ScenarioError, ScenarioSet, utf8},
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
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Maximum size of a file, in bytes.
const LARGEST: u64 = 64 << 20;

#[derive(Args, Debug)]
pub(super) struct ValidateOptions {
    /// Files with one request body or scenario each, or folders of such files; - is standard input.
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    files: Vec<String>,

    /// Check every file as this kind, also in folders, instead of detecting the kind.
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<FileKind>,

    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Audience,
}

/// A finding with its place in the file.
struct Located {
    position: Position,
    fact: Value,
    text: String,
    /// The line of the file with a caret below the place, if there is one. Each line ends with a newline.
    excerpt: String,
}

/// The kind of content a file is checked as.
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
    /// The schema of the kind's bodies; for scenarios, which do not use a schema here, that of a handoff.
    fn schema(self) -> Result<&'static Schema, Failure> {
        static HANDOFF: OnceLock<Result<Schema, SchemaError>> = OnceLock::new();
        let schema = match self {
            Self::Handoff | Self::Scenario => HANDOFF.get_or_init(|| Schema::compile(HANDOFF_REQUEST)).as_ref(),
            Self::Envelope => signing::ENVELOPE.schema(),
            Self::Recipient => signing::RECIPIENT.schema(),
            Self::RecipientChange => signing::RECIPIENT_CHANGE.schema(),
            Self::Agents => signing::AGENTS.schema(),
            Self::Contact => signing::CONTACT.schema(),
            Self::ContactChange => signing::CONTACT_CHANGE.schema(),
            Self::Group => signing::CONTACT_GROUP.schema(),
            Self::GroupChange => signing::CONTACT_GROUP_CHANGE.schema(),
        };
        schema.map_err(|error| Failure::new(Exit::Runtime, error.to_string()))
    }

    /// The name that `--as` takes.
    fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The name in JSON reports.
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

/// Checks every file, even after a file that is invalid.
pub(super) fn validate(options: &ValidateOptions) -> Result<Exit, Failure> {
    let mut reports = Vec::new();
    let mut unreadable = Vec::new();
    let mut scenarios = Scenarios::default();
    for file in &options.files {
        if Path::new(file).is_dir() {
            match folder_reports(Path::new(file), options.kind)? {
                Ok(found) => reports.extend(found),
                Err(error) => unreadable.push(error.to_string()),
            }
            continue;
        }
        match read(file) {
            Ok(body) => {
                let kind = options.kind.unwrap_or_else(|| kind(Path::new(file), &body));
                reports.push(report(kind, name_of(file), &body, &mut scenarios)?);
            }
            Err(error) => unreadable.push(format!("{}: cannot be read: {}", name_of(file), io_error::reason(&error))),
        }
    }
    let valid = unreadable.is_empty() && reports.iter().all(|report| report.violations.is_empty());
    let printed = match options.format {
        Audience::Human => print_human(&reports),
        Audience::Json => print_json(&reports),
    };
    check_printed(printed)?;
    if !unreadable.is_empty() {
        return Err(Failure::new(Exit::File, unreadable.join("\ndocendorse-mock: ")));
    }
    Ok(if valid { Exit::Fine } else { Exit::File })
}

fn name_of(file: &str) -> String {
    if file == "-" { "<stdin>".to_owned() } else { file.to_owned() }
}

/// Reads a file, which may be a pipe, up to [`LARGEST`] bytes.
fn read(file: &str) -> io::Result<Vec<u8>> {
    let input: &mut dyn Read = if file == "-" { &mut io::stdin() } else { &mut std::fs::File::open(file)? };
    let mut body = Vec::new();
    if input.take(LARGEST + 1).read_to_end(&mut body)? as u64 > LARGEST {
        return Err(io::Error::other(format!("larger than {LARGEST} bytes, the limit of this command")));
    }
    Ok(body)
}

/// Checks the files of a folder. If one of them is a scenario, all are checked as `serve --scenarios` would; otherwise
/// each is checked as a body.
fn folder_reports(folder: &Path, kind: Option<FileKind>) -> Result<Result<Vec<FileReport>, LoadError>, Failure> {
    let files = match read_folder(folder) {
        Ok(files) => files,
        Err(error) => return Ok(Err(error)),
    };
    let is_scenario = |(path, body): &(PathBuf, Vec<u8>)| self::kind(path, body) == FileKind::Scenario;
    let scenario = files.iter().find(|file| is_scenario(file));
    if let (None, Some((path, _)), false) = (kind, scenario, files.iter().all(is_scenario)) {
        let (folder, path) = (shown(folder), shown(path));
        warn(&format!(
            "{folder}: every file must be a scenario, because {path} is one; use --as KIND to check them as another kind"
        ));
    }
    let kind = kind.unwrap_or(if scenario.is_some() { FileKind::Scenario } else { FileKind::Handoff });
    let mut scenarios = Scenarios::default();
    files.iter().map(|(path, body)| report(kind, shown(path), body, &mut scenarios)).collect::<Result<_, _>>().map(Ok)
}

fn read_folder(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, LoadError> {
    let FolderContent { files, warnings } = find_all(&[ScenarioSource::Folder(folder.to_owned())])?;
    if files.is_empty() {
        return Err(LoadError::Empty(folder.to_owned()));
    }
    for warning in &warnings {
        warn(warning);
    }
    files.into_iter().map(|file| Ok((file.path.clone(), read_bytes(&file.path)?))).collect()
}

/// Detects the kind of a file. YAML is a scenario, as in the server's folders. Any other text is a scenario if it has
/// `answers` and no `handoff_id` at its top level; a text that cannot be parsed is searched for these words.
fn kind(file: &Path, body: &[u8]) -> FileKind {
    if is_yaml(file) {
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

/// The scenarios seen so far, of a folder or of all files on the command line.
#[derive(Default)]
struct Scenarios {
    read: Vec<Scenario>,
    bytes: usize,
}

/// Checks a scenario alone, and for conflicts with `others` as in a folder that holds them all.
fn scenario_report(file: String, body: &[u8], others: &mut Scenarios) -> FileReport {
    let read = utf8(&file, body).and_then(|text| Scenario::read(&file, text));
    let read = read.and_then(|scenario| {
        if let Some(first) = others.read.iter().find(|other| other.name() == scenario.name()) {
            return Err(scenario.same_name_as(first));
        }
        others.bytes += scenario.size();
        ScenarioSet::fits(&scenario, others.read.len() + 1, others.bytes)?;
        others.read.push(scenario);
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

/// Checks a file as a scenario, or as a body of the type that the server reads.
fn report(kind: FileKind, file: String, body: &[u8], scenarios: &mut Scenarios) -> Result<FileReport, Failure> {
    let schema = kind.schema()?;
    Ok(match kind {
        FileKind::Scenario => scenario_report(file, body, scenarios),
        FileKind::Handoff => report_as::<HandoffRequest>(schema, kind, file, body),
        FileKind::Envelope => report_as::<EnvelopeRequest>(schema, kind, file, body),
        FileKind::Recipient => report_as::<RecipientRequest>(schema, kind, file, body),
        FileKind::RecipientChange => report_as::<RecipientChangeRequest>(schema, kind, file, body),
        FileKind::Agents => report_as::<AgentsRequest>(schema, kind, file, body),
        FileKind::Contact => report_as::<ContactRequest>(schema, kind, file, body),
        FileKind::ContactChange => report_as::<ContactChange>(schema, kind, file, body),
        FileKind::Group => report_as::<GroupRequest>(schema, kind, file, body),
        FileKind::GroupChange => report_as::<GroupChangeRequest>(schema, kind, file, body),
    })
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
    // The position is printed in front of the text already.
    let place = format!(", at line {}, column {}", position.line, position.column);
    let text = found.to_string();
    let text = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    Located { position, fact, text, excerpt: String::new() }
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
            let verdict = match kind {
                FileKind::Scenario => "is a scenario",
                _ => "keeps the contract",
            };
            writeln!(out, "{file}: {verdict}")?;
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
