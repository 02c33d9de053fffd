//! Templates: texts with placeholders that are filled from the request, such as `{{ actor.email }}`.
//!
//! The only module that uses the template engine. A template is checked when its scenario is read and compiled when it
//! is rendered, so that a scenario contains only text. A template can use only the names of [`Context`], and its
//! source, nesting, work and output are limited.

mod blocks;
mod filters;
mod guard;
mod objects;
mod tag;
mod terms;
mod words;

use super::error::LONGEST_PROBLEM;
use crate::{
    base::{
        panics,
        position::{Excerpt, Position, excerpt, shorten_to},
    },
    domain::actor::Actor,
};
use blocks::Block;
use guard::Guarded;
use jiff::Timestamp;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, value::Serde};
use serde::{Deserialize, Serialize};
use std::{
    cell::Cell,
    fmt, io,
    sync::{Arc, LazyLock},
};
use tag::Refused;

/// Maximum total output of the templates of one answer, in bytes.
pub const MOST_OUTPUT: usize = 1024 * 1024;

/// The fuel of one template: about one unit per step, and one per 64 bytes that it creates or examines.
const FUEL: u64 = 100_000;

/// The fuel of all templates of one answer together. Checked between templates, so the last one may exceed it by
/// [`FUEL`].
const FUEL_OF_ANSWER: u64 = 2 * FUEL;

/// The fuel of a trial run. A scenario has many templates, and a caller waits while they are read.
const FUEL_OF_TRIAL: u64 = 2_000;

const NAME: &str = "template";

/// Renders the templates of all scenarios.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = engine(FUEL, UndefinedBehavior::Strict);
    // Lets errors name the undefined value.
    engine.set_debug(true);
    engine
});

/// Tries templates without a request.
static TRIAL: LazyLock<Environment<'static>> = LazyLock::new(|| engine(FUEL_OF_TRIAL, UndefinedBehavior::Chainable));

fn engine(fuel: u64, undefined: UndefinedBehavior) -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_fuel(Some(fuel));
    // The default depends on how the program is built.
    engine.set_debug(false);
    engine.set_undefined_behavior(undefined);
    // A variable that outlives the iterations of a loop could nest values endlessly, and `debug` exposes the engine.
    engine.remove_global("namespace");
    engine.remove_global("debug");
    engine.add_filter(guard::BOUNDED, filters::bounded);
    engine.add_filter(guard::SCALAR, filters::scalar);
    engine.add_filter("tojson", filters::to_json);
    engine.set_formatter(filters::show);
    #[cfg(test)]
    engine.add_filter("_panics", |_: Value| -> Value { panic!("a defect of the engine") });
    engine
}

/// The values that templates can use.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Context<'a> {
    /// The parsed body of the request.
    pub request: &'a serde_json::Value,
    /// The actor of the handoff.
    pub actor: &'a Actor,
    /// The sandbox's current time, as RFC 3339.
    pub now: Timestamp,
    /// The server's base URL, without a trailing slash.
    pub base_url: &'a str,
    /// The id of the agent session; empty if there is none.
    pub agent_session_id: &'a str,
    /// An id generated for this answer.
    pub id: &'a str,
}

/// The names of [`Context`], because serde provides no list of them.
const NAMES: [&str; 6] = ["request", "actor", "now", "base_url", "agent_session_id", "id"];
const ACTOR_NAMES: [&str; 3] = ["email", "external_user_id", "display_name"];

/// A context as an engine value, converted once for all templates of an answer, with the remaining fuel and output.
#[derive(Debug)]
pub(super) struct Names {
    values: Value,
    fuel: Cell<u64>,
    bytes: Cell<usize>,
}

impl Context<'_> {
    pub(super) fn names(&self) -> Names {
        Names { values: Value::from(Serde(self)), fuel: Cell::new(FUEL_OF_ANSWER), bytes: Cell::new(MOST_OUTPUT) }
    }
}

/// A text that may contain placeholders.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Without placeholders.
    Plain(Arc<str>),
    /// The text as written, and as passed to the engine.
    Filled { source: Arc<str>, guarded: Arc<str> },
}

/// A template that could not be rendered for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template {source_text:?} cannot be rendered: {problem}")]
pub struct TemplateError {
    /// The start of the template.
    pub source_text: String,
    pub problem: String,
}

impl Template {
    /// Checks and prepares a text.
    ///
    /// # Errors
    /// A message, when it does not compile, is too large or nested too deeply, or uses names that [`Context`] does not
    /// have.
    pub fn compile(source: &str) -> Result<Self, String> {
        if !["{{", "{%", "{#"].iter().any(|opening| source.contains(opening)) {
            return Ok(Self::plain(source));
        }
        match check(source) {
            Ok(guarded) => Ok(Self(Form::Filled { source: source.into(), guarded: guarded.into() })),
            Err(Refused { offset, problem }) => {
                let Excerpt { text, .. } = excerpt(source, offset);
                let Position { line, column } = Position::of(source, offset);
                let place = if offset == 0 { String::new() } else { format!("line {line}, column {column} of ") };
                let problem = format!("{place}the template {text:?} {problem}");
                Err(shorten_to(&problem, LONGEST_PROBLEM).into_owned())
            }
        }
    }

    /// Length of its source in bytes.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Form::Plain(source) | Form::Filled { source, .. } => source.len(),
        }
    }

    /// The text, if it has no placeholders.
    pub(super) fn as_plain(&self) -> Option<&str> {
        match &self.0 {
            Form::Plain(text) => Some(text),
            Form::Filled { .. } => None,
        }
    }

    /// A text without placeholders.
    pub(super) fn plain(text: &str) -> Self {
        Self(Form::Plain(text.into()))
    }

    /// Renders the text.
    ///
    /// # Errors
    /// When the request lacks a value that the template uses, or the work or the output exceeds its limit.
    pub fn render(&self, context: &Context<'_>) -> Result<String, TemplateError> {
        self.fill(&context.names())
    }

    pub(super) fn fill(&self, names: &Names) -> Result<String, TemplateError> {
        let (source, guarded) = match &self.0 {
            Form::Plain(text) => return Ok(text.to_string()),
            Form::Filled { source, guarded } => (source, guarded),
        };
        Self::fill_guarded(guarded, names).map_err(|problem| TemplateError {
            source_text: excerpt(source, 0).text.into_owned(),
            problem: shorten_to(&problem, LONGEST_PROBLEM).into_owned(),
        })
    }

    fn fill_guarded(guarded: &str, names: &Names) -> Result<String, String> {
        if names.fuel.get() == 0 {
            return Err("the templates of this answer together take too many steps; shorten them".to_owned());
        }
        let most = names.bytes.get();
        let render = || {
            let mut output = Bounded { bytes: Vec::new(), most };
            let rendered = ENGINE
                .template_from_named_str(NAME, guarded)
                .and_then(|template| template.render_captured_to(names.values.clone(), &mut output))
                .map(|captured| captured.state().fuel_levels().map_or(FUEL, |(used, _)| used));
            (rendered, output)
        };
        let (rendered, output) = panics::catch(render).ok_or(PANICKED)?;
        let used = rendered.map_err(|error| {
            if error.kind() == ErrorKind::WriteFailure {
                format!("the templates of this answer together give more than {MOST_OUTPUT} bytes; shorten them")
            } else {
                let expression = error.range().and_then(|range| guarded.get(range)).and_then(terms::unguarded);
                let line = error.line().filter(|_| guarded.contains('\n'));
                let line = line.map(|line| format!(" (in line {line} of the template)")).unwrap_or_default();
                format!("it {}{line}", words::rendering(&error, expression.as_deref()))
            }
        })?;
        names.fuel.set(names.fuel.get().saturating_sub(used));
        names.bytes.set(names.bytes.get().saturating_sub(output.bytes.len()));
        String::from_utf8(output.bytes).map_err(|_| "it gives a text that is not UTF-8".to_owned())
    }
}

impl fmt::Display for Template {
    /// Writes the template as it was written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Plain(source) | Form::Filled { source, .. } => formatter.write_str(source),
        }
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        Self::compile(&source)
    }
}

/// Checks a template and returns the text to compile.
fn check(source: &str) -> Result<String, Refused> {
    let Guarded { text, tags, open } = guard::guard(source)?;
    if let Some(block) = open.last() {
        return Err(block.unclosed());
    }
    let Err(problem) = try_out(source, &text) else { return Ok(text) };
    // The engine reports no position. It parses from the start, so the first prefix that fails ends with the wrong tag.
    let wrong = tags.partition_point(|(_, end)| passes(&source[..*end]));
    Err(Refused { offset: tags.get(wrong).map_or(0, |(start, _)| *start), problem })
}

/// Whether a template has no error up to a position between two tags.
fn passes(beginning: &str) -> bool {
    let Ok(Guarded { open, .. }) = guard::guard(beginning) else { return false };
    let endings = open.iter().rev().map(Block::ending);
    let source: String = std::iter::once(beginning.to_owned()).chain(endings).collect();
    guard::guard(&source).is_ok_and(|guarded| try_out(&source, &guarded.text).is_ok())
}

/// The error for a template that makes the engine panic.
const PANICKED: &str = "it cannot be rendered, because it makes the template engine fail; simplify it";

/// Compiles a guarded template and runs it once without a request.
fn try_out(source: &str, guarded: &str) -> Result<(), String> {
    let failed = "makes the template engine fail; simplify it";
    panics::catch(|| run_once(source, guarded)).unwrap_or_else(|| Err(failed.to_owned()))
}

fn run_once(source: &str, guarded: &str) -> Result<(), String> {
    let template = TRIAL.template_from_named_str(NAME, guarded).map_err(|error| {
        // Errors must not mention the filters that the guard inserted.
        let error = TRIAL.template_from_named_str(NAME, source).err().unwrap_or(error);
        words::clause(&error)
    })?;
    let mut used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    used.sort();
    used.iter().try_for_each(|name| known(name))?;
    // The engine checks filters and tests named by a string only when it runs: map("upper").
    let unknown = [ErrorKind::UnknownFilter, ErrorKind::UnknownTest, ErrorKind::UnknownFunction];
    match template.render_captured_to((), io::sink()) {
        Err(error) if unknown.contains(&error.kind()) => Err(words::clause(&error)),
        _ => Ok(()),
    }
}

/// Whether a name used by a template exists. The content of a request is known only when it arrives.
fn known(name: &str) -> Result<(), String> {
    let mut segments = name.split('.');
    let first = segments.next().unwrap_or_default();
    if TRIAL.globals().any(|(global, _)| global == first) {
        return Ok(());
    }
    match (first, segments.next()) {
        ("actor", Some(member)) if !ACTOR_NAMES.contains(&member) => {
            Err(words::unknown_name(name, &ACTOR_NAMES.map(|name| format!("actor.{name}"))))
        }
        (first, _) if !NAMES.contains(&first) => Err(words::unknown_name(first, &NAMES.map(str::to_owned))),
        _ => Ok(()),
    }
}

/// An output with a size limit.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other("too much output"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
