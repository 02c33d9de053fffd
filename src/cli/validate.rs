//! `validate`: request bodies against the contract, without a server.

use super::{Exit, Failure, printed_fully};
use crate::{
    contract::{Accepted, HANDOFF_REQUEST, Schema, locate},
    position::Position,
    session::HandoffRequest,
};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    fmt::Display,
    io::{self, Read, Write},
};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// Files that hold a request body each; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,

    /// For people, or for programs.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// A finding with its place in the file.
struct Located {
    position: Position,
    fact: Value,
    text: String,
}

struct Report {
    file: String,
    violations: Vec<Located>,
    omitted: usize,
    advices: Vec<Located>,
}

/// Checks every file, whatever the ones before came to.
pub(super) fn validate(options: &Options) -> Result<Exit, Failure> {
    let schema = Schema::compile(HANDOFF_REQUEST).map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    let mut reports = Vec::new();
    let mut unreadable = Vec::new();
    for file in &options.files {
        match read(file) {
            Ok(body) => reports.push(report(&schema, name_of(file), &body)),
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

fn read(file: &str) -> io::Result<Vec<u8>> {
    if file == "-" {
        let mut body = Vec::new();
        io::stdin().read_to_end(&mut body)?;
        Ok(body)
    } else {
        std::fs::read(file)
    }
}

fn report(schema: &Schema, file: String, body: &[u8]) -> Report {
    let text = String::from_utf8_lossy(body);
    let (violations, omitted, advices) = match schema.check::<HandoffRequest>(body) {
        Ok(Accepted { advices, .. }) => (Vec::new(), 0, advices),
        Err(refusal) => (refusal.violations, refusal.omitted, refusal.advices),
    };
    Report {
        file,
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
    Located { position, fact, text: found.to_string() }
}

fn print_human(reports: &[Report]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Report { file, violations, omitted, advices } in reports {
        for Located { position, text, .. } in violations {
            writeln!(out, "{file}:{position}: {text}")?;
        }
        if *omitted > 0 {
            writeln!(out, "{file}: and {omitted} more violations")?;
        }
        for Located { position, text, .. } in advices {
            writeln!(out, "{file}:{position}: advice: {text}")?;
        }
        if violations.is_empty() {
            writeln!(out, "{file}: keeps the contract")?;
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
                "valid": report.violations.is_empty(),
                "violations": facts(&report.violations),
                "omitted_violations": report.omitted,
                "advices": facts(&report.advices),
            })
        })
        .collect();
    writeln!(io::stdout(), "{:#}", json!({ "files": files }))
}
