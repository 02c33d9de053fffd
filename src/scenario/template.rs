//! Texts with places that are filled from the request: `{{ actor.email }}`.
//!
//! The one module that knows the template engine. A template is compiled when its scenario is read, may name only
//! what [`Context`] has, and its work and its output are bounded.

use crate::actor::Actor;
use jiff::Timestamp;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, value::Serde};
use serde::{Deserialize, Serialize};
use std::{fmt, io, sync::Arc};

/// The most bytes that one template may produce.
pub const MOST_OUTPUT: usize = 1024 * 1024;

/// The most steps that one template may take.
const FUEL: u64 = 50_000;

/// The engine knows a template by name, and each engine here has one.
const NAME: &str = "template";

/// What templates may name.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Context<'a> {
    /// The parsed body of the request.
    pub request: &'a serde_json::Value,
    /// Who the handoff is for.
    pub actor: &'a Actor,
    /// The sandbox's present, as RFC 3339.
    pub now: Timestamp,
    /// The server's base URL, without a slash at its end.
    pub base_url: &'a str,
    /// The id of the agent session; empty when there is none.
    pub agent_session_id: &'a str,
    /// An id drawn for this answer.
    pub id: &'a str,
}

/// The names of [`Context`], which serde has no list of.
const NAMES: [&str; 6] = ["request", "actor", "now", "base_url", "agent_session_id", "id"];
const ACTOR_NAMES: [&str; 3] = ["email", "external_user_id", "display_name"];

/// A context in the engine's own form, converted once for all templates of an answer.
#[derive(Debug)]
pub(super) struct Names(Value);

impl Context<'_> {
    pub(super) fn names(&self) -> Names {
        Names(Value::from(Serde(self)))
    }
}

/// A text that may hold places to fill, compiled.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Form);

#[derive(Clone, Debug)]
enum Form {
    /// There is nothing to fill.
    Plain(Arc<str>),
    Compiled {
        source: Arc<str>,
        engine: Arc<Environment<'static>>,
    },
}

/// A template that could not be rendered for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template {source_text:?} cannot be rendered: {problem}")]
pub struct TemplateError {
    /// The template.
    pub source_text: String,
    /// Why.
    pub problem: String,
}

impl Template {
    /// Compiles a text.
    ///
    /// # Errors
    /// In words, when it does not compile or names what [`Context`] does not have.
    pub fn compile(source: &str) -> Result<Self, String> {
        if !["{{", "{%", "{#"].iter().any(|opening| source.contains(opening)) {
            return Ok(Self::plain(source));
        }
        let mut engine = Environment::new();
        engine.set_fuel(Some(FUEL));
        // With a variable that outlives the turns of a loop, a short template could fill the memory.
        engine.remove_global("namespace");
        engine
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| format!("the template {source:?} does not compile: {}", in_words(&error)))?;
        let template = engine.get_template(NAME).map_err(|error| in_words(&error))?;
        let mut used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        used.sort();
        for name in used {
            known(&name, &engine).map_err(|problem| format!("the template {source:?} names {problem}"))?;
        }
        // The engine meets filters, tests and functions only when it runs, so it runs once with values of any kind.
        engine.set_undefined_behavior(UndefinedBehavior::Chainable);
        let trial = engine.get_template(NAME).and_then(|template| template.render_captured_to((), io::sink()));
        let unknown = [ErrorKind::UnknownFilter, ErrorKind::UnknownTest, ErrorKind::UnknownFunction];
        if let Err(error) = trial.map(|_| ())
            && unknown.contains(&error.kind())
        {
            return Err(format!("the template {source:?} does not compile: {}", in_words(&error)));
        }
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        Ok(Self(Form::Compiled { source: source.into(), engine: Arc::new(engine) }))
    }

    /// A text with nothing to fill.
    pub(super) fn plain(text: &str) -> Self {
        Self(Form::Plain(text.into()))
    }

    /// The text with all places filled.
    ///
    /// # Errors
    /// When the request lacks what the template names, or the work or the output exceeds its bound.
    pub fn render(&self, context: &Context<'_>) -> Result<String, TemplateError> {
        match &self.0 {
            Form::Plain(text) => Ok(text.to_string()),
            Form::Compiled { .. } => self.fill(&context.names()),
        }
    }

    pub(super) fn fill(&self, names: &Names) -> Result<String, TemplateError> {
        let (source, engine) = match &self.0 {
            Form::Plain(text) => return Ok(text.to_string()),
            Form::Compiled { source, engine } => (source, engine),
        };
        let mut output = Bounded(Vec::new());
        let rendered = engine
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(names.0.clone(), &mut output).map(|_| ()));
        let problem = match rendered {
            Ok(()) => match String::from_utf8(output.0) {
                Ok(text) => return Ok(text),
                Err(error) => error.to_string(),
            },
            Err(error) if error.kind() == ErrorKind::WriteFailure => format!("it gives more than {MOST_OUTPUT} bytes"),
            Err(error) => in_words(&error),
        };
        Err(TemplateError { source_text: source.to_string(), problem })
    }
}

impl fmt::Display for Template {
    /// The template as it is written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Plain(source) | Form::Compiled { source, .. } => formatter.write_str(source),
        }
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(source: String) -> Result<Self, String> {
        Self::compile(&source)
    }
}

/// Whether a name that a template uses is there at all; what a request holds is known only when it comes.
fn known(name: &str, engine: &Environment<'_>) -> Result<(), String> {
    let mut segments = name.split('.');
    let first = segments.next().unwrap_or_default();
    if engine.globals().any(|(global, _)| global == first) {
        return Ok(());
    }
    let (unknown, options): (&str, &[&str]) = match (first, segments.next()) {
        ("actor", Some(member)) if !ACTOR_NAMES.contains(&member) => (name, &ACTOR_NAMES),
        (first, _) if !NAMES.contains(&first) => (first, &NAMES),
        _ => return Ok(()),
    };
    Err(format!("{unknown:?}, which does not exist; there is {}", options.join(", ")))
}

fn in_words(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None if error.kind() == ErrorKind::UndefinedError => {
            "it uses a value that the request does not have; give another one with | default(\"…\")".to_owned()
        }
        None => error.kind().to_string(),
    }
}

/// An output that takes so much and no more.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_OUTPUT {
            return Err(io::Error::other("too much output"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(source: &str) -> Result<String, String> {
        let request =
            json!({ "handoff_id": "order \"7\"", "facts": { "parties": [{ "name": "Ann" }, { "name": "Bo" }] } });
        let actor = Actor { external_user_id: "usr_1".into(), email: "kim@x.com".into(), display_name: None };
        let context = Context {
            request: &request,
            actor: &actor,
            now: "2026-03-01T09:30:00Z".parse().unwrap(),
            base_url: "http://mock.test",
            agent_session_id: "as_1",
            id: "0000",
        };
        Template::compile(source)?.render(&context).map_err(|error| error.to_string())
    }

    #[test]
    fn a_template_is_filled_from_the_request_the_actor_the_clock_and_the_ids() {
        for (source, expected) in [
            ("plain }} text", "plain }} text"),
            ("{{ base_url }}/x?s={{ agent_session_id }}&i={{ id }}", "http://mock.test/x?s=as_1&i=0000"),
            ("{{ now }}", "2026-03-01T09:30:00Z"),
            ("{{ actor.email | upper }} {{ actor['external_user_id'] }}", "KIM@X.COM usr_1"),
            ("{{ request.handoff_id | tojson }}", r#""order \"7\"""#),
            ("{% for party in request.facts.parties %}{{ loop.index }}{{ party.name }} {% endfor %}", "1Ann 2Bo "),
            ("{{ request.nothing | default('none') }}", "none"),
            ("{{ range(3) | join(',') }}", "0,1,2"),
            ("{{ actor.display_name | default(actor.email) | tojson }}", r#""kim@x.com""#),
            ("{% if request.handoff_id is defined %}yes{% endif %}", "yes"),
        ] {
            assert_eq!(render(source).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn what_can_never_be_rendered_is_refused_when_it_is_read() {
        for (source, problem) in [
            ("{{ request.", "does not compile"),
            ("{{ nothing }}", "\"nothing\", which does not exist; there is request, actor, now"),
            ("{{ actor.mail }}", "\"actor.mail\", which does not exist; there is email, external_user_id"),
            ("{{ id | shout }}", "unknown filter: filter shout is unknown"),
            ("{% include 'other' %}", "does not compile"),
            ("{{ namespace() }}", "\"namespace\""),
        ] {
            let error = Template::compile(source).map(|_| ()).unwrap_err();
            assert!(error.contains(problem), "{source}: {error}");
        }
    }

    #[test]
    fn what_a_request_lacks_and_what_takes_too_much_is_an_error() {
        for (source, problem) in [
            ("{{ request.facts.metadata.title }}", "the request does not have"),
            ("{% for i in range(90000) %}{% endfor %}", "fuel"),
            ("{% for i in range(5000) %}{{ 'a' * 1000 }}{% endfor %}", "more than 1048576 bytes"),
        ] {
            let error = render(source).unwrap_err();
            assert!(error.contains(problem), "{source}: {error}");
        }
    }
}
