//! Texts with places that are filled from the request: `{{ actor.email }}`.
//!
//! The one module that knows the template engine. A template is checked when its scenario is read and compiled when it
//! is rendered, so that a scenario holds only texts. It may name only what [`Context`] has, and its source, its nesting,
//! its work and its output are bounded.

mod guard;

use crate::{
    actor::Actor,
    position::{Excerpt, Position, excerpt, shorten},
};
use guard::Refused;
use jiff::Timestamp;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, value::Serde};
use serde::{Deserialize, Serialize};
use std::{
    cell::Cell,
    fmt, io,
    sync::{Arc, LazyLock},
};

/// The most bytes that the templates of one answer may produce together.
pub const MOST_OUTPUT: usize = 1024 * 1024;

/// What one template may use: about one unit per step, and one per 64 bytes that it makes or looks at.
const FUEL: u64 = 100_000;

/// What the templates of one answer may use together. It is checked between them, so the last may exceed it by [`FUEL`].
const FUEL_OF_ANSWER: u64 = 2 * FUEL;

/// What a template may use when it is tried out. A scenario has many, and they are read while somebody waits.
const FUEL_OF_TRIAL: u64 = 2_000;

const NAME: &str = "template";

/// Renders the templates of all scenarios.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| engine(FUEL, UndefinedBehavior::Strict));

/// Tries templates out, without a request.
static TRIAL: LazyLock<Environment<'static>> = LazyLock::new(|| engine(FUEL_OF_TRIAL, UndefinedBehavior::Chainable));

fn engine(fuel: u64, undefined: UndefinedBehavior) -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_fuel(Some(fuel));
    engine.set_undefined_behavior(undefined);
    // A variable that outlives the turns of a loop could nest values without an end, and `debug` shows the engine.
    engine.remove_global("namespace");
    engine.remove_global("debug");
    engine.add_filter(guard::BOUNDED, guard::bounded);
    engine.add_filter(guard::SCALAR, guard::scalar);
    engine
}

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

/// A context in the engine's own form, converted once for all templates of an answer, and what they may still use.
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

/// A text that may hold places to fill.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Form);

#[derive(Clone, Debug)]
enum Form {
    /// There is nothing to fill.
    Plain(Arc<str>),
    /// The text as it is written, and as the engine gets it.
    Filled { source: Arc<str>, guarded: Arc<str> },
}

/// A template that could not be rendered for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template {source_text:?} cannot be rendered: {problem}")]
pub struct TemplateError {
    /// The beginning of the template.
    pub source_text: String,
    /// Why.
    pub problem: String,
}

impl Template {
    /// Checks a text.
    ///
    /// # Errors
    /// In words, when it does not compile, is too large or nested too deep, or names what [`Context`] does not have.
    pub fn compile(source: &str) -> Result<Self, String> {
        if !["{{", "{%", "{#"].iter().any(|opening| source.contains(opening)) {
            return Ok(Self::plain(source));
        }
        let wrong = |problem: &str| {
            let Excerpt { text, .. } = excerpt(source, 0);
            Err(shorten(&format!("the template {text:?} {problem}")).into_owned())
        };
        let guarded = match guard::guard(source) {
            Ok(guarded) => guarded,
            Err(Refused { offset: 0, problem }) => return wrong(&problem),
            Err(Refused { offset, problem }) => {
                return wrong(&format!("{problem} (at {} of the template)", Position::of(source, offset)));
            }
        };
        let template = match TRIAL.template_from_named_str(NAME, &guarded) {
            Ok(template) => template,
            Err(error) => return wrong(&format!("does not compile: {}", in_words(&error))),
        };
        let mut used: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        used.sort();
        for name in used {
            if let Err(problem) = known(&name) {
                return wrong(&format!("names {problem}"));
            }
        }
        // The engine meets filters, tests and functions only when it runs, so it runs once with values of any kind.
        let trial = template.render_captured_to((), io::sink());
        let unknown = [ErrorKind::UnknownFilter, ErrorKind::UnknownTest, ErrorKind::UnknownFunction];
        if let Err(error) = trial.map(|_| ())
            && unknown.contains(&error.kind())
        {
            return wrong(&format!("does not compile: {}", in_words(&error)));
        }
        Ok(Self(Form::Filled { source: source.into(), guarded: guarded.into() }))
    }

    /// How many bytes it has as it is written.
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Form::Plain(source) | Form::Filled { source, .. } => source.len(),
        }
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
        self.fill(&context.names())
    }

    pub(super) fn fill(&self, names: &Names) -> Result<String, TemplateError> {
        let (source, guarded) = match &self.0 {
            Form::Plain(text) => return Ok(text.to_string()),
            Form::Filled { source, guarded } => (source, guarded),
        };
        Self::fill_guarded(guarded, names).map_err(|problem| TemplateError {
            source_text: excerpt(source, 0).text.into_owned(),
            problem: shorten(&problem).into_owned(),
        })
    }

    fn fill_guarded(guarded: &str, names: &Names) -> Result<String, String> {
        if names.fuel.get() == 0 {
            return Err("the templates of this answer take too many steps together".to_owned());
        }
        let mut output = Bounded { bytes: Vec::new(), most: names.bytes.get() };
        let rendered = ENGINE
            .template_from_named_str(NAME, guarded)
            .and_then(|template| template.render_captured_to(names.values.clone(), &mut output))
            .map(|captured| captured.state().fuel_levels().map_or(FUEL, |(used, _)| used));
        let used = rendered.map_err(|error| {
            if error.kind() == ErrorKind::WriteFailure {
                format!("the templates of this answer give more than {MOST_OUTPUT} bytes together")
            } else {
                in_words(&error)
            }
        })?;
        names.fuel.set(names.fuel.get().saturating_sub(used));
        names.bytes.set(names.bytes.get().saturating_sub(output.bytes.len()));
        String::from_utf8(output.bytes).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Template {
    /// The template as it is written.
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

/// Whether a name that a template uses is there at all; what a request holds is known only when it comes.
fn known(name: &str) -> Result<(), String> {
    let mut segments = name.split('.');
    let first = segments.next().unwrap_or_default();
    if TRIAL.globals().any(|(global, _)| global == first) {
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
        None if error.kind() == ErrorKind::OutOfFuel => "it takes too many steps, or makes too much text".to_owned(),
        None => error.kind().to_string(),
    }
}

/// An output with a limit.
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
mod tests {
    use super::*;
    use proptest::prelude::*;
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
    fn the_guard_leaves_the_language_as_it_is() {
        for (source, expected) in [
            ("{{ 2 * 3 + 4 }} {{ 'a' + 'b' ~ 1 }} {{ -2 * -3 }} {{ 2 ** 3 ** 2 }}", "10 ab1 6 64"),
            ("{{ 2 * request.facts.parties | length }}", "4"),
            ("{{ [1, 2, 3][1] }} {{ {'a': {'b': 7}}.a.b }} {{ 'abc'[1:] }} {{ [1, 2, 3][::2] }}", "2 7 bc [1, 3]"),
            ("{{ 'yes' if 4 is divisibleby 2 and 1 is not in [2, 3] else 'no' }}", "yes"),
            ("{{ 'yes' if not 1 in (2, 3) and 1 < 2 <= 3 else 'no' }}", "yes"),
            ("{% for key, value in {'a': 1, 'b': 2} | items %}{{ key }}={{ value }};{% endfor %}", "a=1;b=2;"),
            ("{% for x in [1, 2, 3] if x is odd %}{{ x }}{% else %}none{% endfor %}", "13"),
            ("{% set a, b = 1, 2 %}{% set c %}x{{ a }}{{ b }}{% endset %}{{ c | upper }}", "X12"),
            ("{% set c | upper | replace('X', 'y') %}x{% endset %}{{ c }}", "y"),
            ("{% with a = 1, b = [2] %}{{ a }}{{ b | first }}{% endwith %}", "12"),
            ("{% filter upper | replace('A', 'b') %}a{{ id }}{% endfilter %}", "b0000"),
            ("{% if false %}a{% elif true %}b{% else %}c{% endif %}", "b"),
            ("{# {{ nothing }} #}{% raw %}{{ nothing }}{% endraw %}{{ 'a}}b' }}", "{{ nothing }}a}}b"),
            ("a {{- ' ' -}} b{%- if true -%} c {%- endif %}", "a bc"),
            ("{{ request.facts.parties | map(attribute='name') | sort(reverse=true) | join(', ') }}", "Bo, Ann"),
            ("{{ request.facts.parties | selectattr('name', 'equalto', 'Bo') | list | length }}", "1"),
            ("{{ '%s-%03d' | format('a', 7) }} {{ 'x' | indent(2, true) }}", "a-007   x"),
            ("{% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"),
            ("{% autoescape 'html' %}{{ '<' }}{% endautoescape %}{{ '<' }}", "&lt;<"),
            ("{{ request['facts'].parties[0]['name'] }} {{ (request.facts).parties[-1].name }}", "Ann Bo"),
            ("{{ request.nothing is defined }} {{ request.nothing | default(['x'] | first) }}", "False x"),
        ] {
            assert_eq!(render(source), Ok(expected.to_owned()), "{source}");
        }
    }

    #[test]
    fn many_templates_of_one_answer_share_their_bounds() {
        let actor = Actor { external_user_id: "usr_1".into(), email: "kim@x.com".into(), display_name: None };
        let context = Context {
            request: &json!({}),
            actor: &actor,
            now: "2026-03-01T09:30:00Z".parse().unwrap(),
            base_url: "http://mock.test",
            agent_session_id: "as_1",
            id: "0000",
        };
        for (source, problem) in [
            ("{% for i in range(20000) %}{% endfor %}", "too many steps together"),
            ("{{ 'a' * 300000 }}", "more than 1048576 bytes together"),
        ] {
            let template = Template::compile(source).unwrap();
            let names = context.names();
            let errors: Vec<String> = (0..30).filter_map(|_| template.fill(&names).err()).map(|e| e.problem).collect();
            assert!(!errors.is_empty() && errors.len() < 30, "{source}: {errors:?}");
            assert!(errors.iter().all(|error| error.contains(problem)), "{source}: {errors:?}");
        }
    }

    proptest! {
        #[test]
        fn any_template_is_refused_or_rendered(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
            for source in [pieces.concat(), format!("{{{{ {} }}}}", pieces.concat())] {
                match render(&source) {
                    Ok(text) => prop_assert!(text.len() <= MOST_OUTPUT),
                    Err(problem) => prop_assert!(problem.chars().count() < 2000, "{}", problem),
                }
            }
        }
    }

    const PIECES: &[&str] = &[
        "{{ ",
        " }}",
        "{% set a = ",
        "{% set a %}",
        "{% endset %}",
        "{% for a in ",
        "{% endfor %}",
        "{% if ",
        " %}",
        "{% elif ",
        "{% else %}",
        "{% endif %}",
        "{% filter ",
        "{% endfilter %}",
        "{% with a = ",
        "{% endwith %}",
        "{% raw %}",
        "{% endraw %}",
        "{#",
        "#}",
        "a",
        "request",
        ".facts",
        "[0]",
        "[1:",
        "]",
        "[",
        "(",
        ")",
        "{",
        "}",
        "'x'",
        ": ",
        ", ",
        " = ",
        " * ",
        " + ",
        " ~ ",
        " - ",
        " ** ",
        " // ",
        " == ",
        " < ",
        " in ",
        " not ",
        " is ",
        " and ",
        " or ",
        " if ",
        " else ",
        " | ",
        "upper",
        "list",
        "map('list')",
        "join(a)",
        "tojson",
        "default(a)",
        "range(9)",
        "99999999",
        "1",
        "defined",
        "eq ",
        "batch(3)",
        "sort",
        "unique",
        "loop",
        "loop(a)",
        " recursive ",
    ];

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
            ("{% for i in range(90000) %}{% endfor %}", "too many steps"),
            ("{% for i in range(5000) %}{{ 'a' * 1000 }}{% endfor %}", "more than 1048576 bytes"),
        ] {
            let error = render(source).unwrap_err();
            assert!(error.contains(problem), "{source}: {error}");
        }
    }
}
