//! Explains template errors in our own words. The engine's text is never shown: known messages are recognized, and
//! unknown ones get a general sentence.
//!
//! Each function returns a clause that follows "the template": `has an unknown filter …`.

use super::terms::{token, type_name};
use crate::base::{
    position::brief,
    reading::{nearest, quoted},
};
use minijinja::{Error, ErrorKind};
use std::borrow::Cow;

/// What a block tag can start with, except `else`, `elif` and the ends of blocks.
pub(super) const STATEMENTS: [&str; 8] = ["for", "if", "set", "with", "filter", "autoescape", "do", "raw"];

/// The engine's filters, without aliases.
pub(super) const FILTERS: [&str; 48] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// The engine's tests that can follow `is`.
pub(super) const TESTS: [&str; 36] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

/// The functions that a template can call.
const FUNCTIONS: [&str; 2] = ["dict", "range"];

/// A problem found by one of our own filters.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(String);

/// Wraps a problem found by one of our own filters as an engine error.
pub(super) fn refusal(problem: impl Into<String>) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(Refusal(problem.into()))
}

pub(super) fn unknown_statement(name: &str) -> String {
    unknown(&format!("{{% {} %}}", brief(name)), name, "statements", &STATEMENTS)
}

pub(super) fn unknown_filter(name: &str) -> String {
    unknown(&format!("the filter {}", quoted(name)), name, "filters", &FILTERS)
}

pub(super) fn unknown_test(name: &str) -> String {
    unknown(&format!("the test {}", quoted(name)), name, "tests", &TESTS)
}

/// The error for a name that is neither one of `names` nor a function.
pub(super) fn unknown_name(name: &str, names: &[String]) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let functions = FUNCTIONS.map(|function| format!("{function}()"));
    let meant = nearest(name, &[&names, &FUNCTIONS[..]].concat());
    let meant = meant.map_or(String::new(), |name| format!("; did you mean {name:?}?"));
    let what =
        if name.contains('.') { String::new() } else { format!(" and the functions {}", functions.join(" and ")) };
    let listed = names.join(", ");
    let separator = if meant.is_empty() { "; known names are" } else { " Known names are" };
    format!("names {}, which does not exist{meant}{separator} {listed}{what}", quoted(name))
}

/// The error for a member that a value of the engine does not have.
pub(super) fn unknown_member(of: &str, name: &str, known: &[&str]) -> String {
    unknown(&format!("{of}.{}", brief(name)), name, "members", known)
}

fn unknown(what: &str, name: &str, kind: &str, known: &[&str]) -> String {
    let meant = nearest(name, known).map_or(String::new(), |option| format!("; did you mean {option:?}?"));
    let list = known.join(", ");
    match &*meant {
        "" => format!("uses {what}, which does not exist; known {kind} are {list}"),
        _ => format!("uses {what}, which does not exist{meant} Known {kind} are {list}"),
    }
}

/// Explains why a template cannot be rendered; `expression` is the part that failed, as written.
pub(super) fn rendering<'t>(error: &Error, expression: Option<&'t str>) -> String {
    // The engine includes the opening of the tag in some expressions.
    let without_tag =
        |text: &'t str| text.strip_prefix("{{").or_else(|| text.strip_prefix("{%")).unwrap_or(text).trim();
    let expression = expression.map(|text| brief(without_tag(text)));
    if error.kind() == ErrorKind::UndefinedError {
        // The engine knows the names of most values, but not of a member of an undefined value.
        let name = error.detail().and_then(|detail| detail.split('`').nth(1)).filter(|name| !name.contains("(...)"));
        let name = name.map(brief).or(expression);
        let lacks = match &name {
            Some(name) if name.starts_with("request.") => format!("uses {name}, which the request does not have"),
            Some(name) => format!("uses {name}, which does not exist"),
            None => "uses an expression that has no value".to_owned(),
        };
        return format!("{lacks}; give another value with | default(\"\")");
    }
    // These already list all names, so there is no room for more.
    let is_name = matches!(error.kind(), ErrorKind::UnknownFilter | ErrorKind::UnknownTest);
    match (clause(error), expression) {
        (problem, Some(expression)) if !is_name && !expression.is_empty() => match problem.split_once("; ") {
            Some((problem, fix)) => format!("{problem}, in {expression}; {fix}"),
            None => format!("{problem}, in {expression}"),
        },
        (problem, _) => problem,
    }
}

/// Explains why a template cannot be compiled or rendered.
pub(super) fn clause(error: &Error) -> String {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(Refusal(problem)) = one.downcast_ref() {
            return problem.clone();
        }
        cause = one.source();
    }
    let detail = error.detail().unwrap_or_default();
    let between = |before: &str, behind: &str| detail.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    match error.kind() {
        ErrorKind::SyntaxError => syntax(detail),
        ErrorKind::BadEscape => {
            "has an unknown escape in quotes; write \\\\ for a backslash, and \\u with four hexadecimal digits"
                .to_owned()
        }
        ErrorKind::UndefinedError => rendering(error, None),
        ErrorKind::OutOfFuel => {
            "takes too many steps or produces too much text; shorten its loops and texts".to_owned()
        }
        ErrorKind::UnknownFilter => match between("filter ", " is unknown") {
            Some(name) => unknown_filter(name),
            None => format!(
                "names in a text, such as map(\"upper\"), a filter that does not exist; known filters are {}",
                FILTERS.join(", ")
            ),
        },
        ErrorKind::UnknownTest => match between("test ", " is unknown") {
            Some(name) => unknown_test(name),
            None => format!(
                "names in a text, such as select(\"odd\"), a test that does not exist; known tests are {}",
                TESTS.join(", ")
            ),
        },
        ErrorKind::UnknownFunction => {
            let name = between("", " is unknown").unwrap_or_default();
            unknown(&format!("the function {}", quoted(name)), name, "functions", &FUNCTIONS)
        }
        ErrorKind::UnknownMethod => match detail.split_once(" has no method named ") {
            Some((kind, name)) => {
                let filter = if FILTERS.contains(&name) { name } else { "upper" };
                let (name, kind) = (brief(name), type_name(kind));
                format!("calls the method {name:?} of {kind}, which has none; use a filter such as | {filter}")
            }
            None => "calls a method that does not exist; use a filter such as | upper".to_owned(),
        },
        ErrorKind::TooManyArguments => match between("unknown keyword argument '", "'") {
            Some(name) => format!("passes the argument {}, which the filter or function does not take", quoted(name)),
            None => "passes more arguments than the filter, test or function takes; remove some".to_owned(),
        },
        ErrorKind::MissingArgument => match between("missing keyword argument '", "'") {
            Some(name) => format!("lacks the argument {}, which the filter or function needs", quoted(name)),
            None => "passes fewer arguments than the filter, test or function needs; add them in ( )".to_owned(),
        },
        ErrorKind::CannotUnpack => {
            "assigns to several names a value that is not a list of the same length; use as many names as values"
                .to_owned()
        }
        ErrorKind::NonPrimitive | ErrorKind::NonKey => {
            "uses a list or an object as the key of an object; use a text or a number".to_owned()
        }
        ErrorKind::BadSerialization => {
            "converts a value that JSON cannot represent; use numbers, texts, lists and objects".to_owned()
        }
        ErrorKind::InvalidOperation => operation(detail),
        _ => "cannot be rendered; use only the statements and filters described in the guide".to_owned(),
    }
}

/// Explains a syntax error.
fn syntax(detail: &str) -> String {
    const KNOWN: [(&str, &str); 13] = [
        ("unexpected end of string", "has a quote that is not closed; close it"),
        ("unexpected end of comment", "has a {# that is not closed; close it with #}"),
        ("unexpected end of raw block", "has {% raw %} without {% endraw %}; add it at the end of the block"),
        (
            "unexpected character",
            "has a character that is not allowed in a tag, such as & or $; write and, or, not, (a if b else c), and texts in quotes",
        ),
        ("'_' may not occur", "has a number that ends with _; remove it"),
        ("invalid float", "has a number that cannot be read; write one such as 1.5"),
        ("invalid integer", "has a number that is too large or incomplete; write it in quotes, or write its digits"),
        ("exceeds maximum recursion", "nests too many operators and brackets; split it with set"),
        ("empty subscript", "has empty [ ]; write a number or a text in them"),
        ("non-keyword arg", "has a positional argument after a named one; write positional arguments first"),
        ("Too many arguments", "passes too many arguments; remove some"),
        (
            "expected call expression",
            "has {% do %} with a value; show it with {{ }}, or keep it with {% set name = value %}",
        ),
        ("expected a filter", "has a filter without a name; write one such as upper"),
    ];
    if let Some((_, ours)) = KNOWN.iter().find(|(theirs, _)| detail.contains(theirs)) {
        return (*ours).to_owned();
    }
    if let Some(name) = detail.strip_prefix("unknown statement ") {
        return unknown_statement(name);
    }
    if let Some(name) = detail.strip_prefix("cannot assign to reserved variable name ") {
        return format!("assigns to {}, which is a word of the language; choose another name", quoted(name));
    }
    let found =
        detail.strip_prefix("unexpected ").map(|rest| rest.split_once(", expected ").unwrap_or((rest, "expression")));
    let found = found.and_then(|(came, wanted)| Some((token(came)?, token(wanted)?)));
    match found {
        Some((came, wanted)) => {
            let fix: Cow<'_, str> = match (came, wanted) {
                ("=", "}}" | "%}") => "; compare with ==, or assign with {% set name = value %}".into(),
                (_, "}}") => "; join values with ~, and write filters after |".into(),
                (_, "%}") => "; remove the extra part of the tag".into(),
                (_, "in") => "; write in and a list".into(),
                (_, "=") => "; write a name, = and a value".into(),
                (came, wanted) if came.starts_with("a ") && wanted.starts_with("a ") => {
                    format!("; write {wanted} in its place").into()
                }
                _ => format!("; add {wanted} before it").into(),
            };
            format!("has {came} where {wanted} should be{fix}")
        }
        None => "has a tag that cannot be read; write it as the guide to templates shows".to_owned(),
    }
}

/// Explains a failed operation of a template.
fn operation(detail: &str) -> String {
    const KNOWN: [(&str, &str); 28] = [
        ("has too many elements", "calls range() for too many numbers; use fewer"),
        ("range with step of 0", "calls range() with a step of 0; use another step"),
        ("step size of 0", "takes every 0th item; use another step"),
        ("is too large", "repeats a text too often, or makes a number too large; use smaller numbers"),
        ("only be multiplied", "repeats a text by something that is not a whole number"),
        ("count cannot be 0", "splits a list into parts of 0 items; use a larger number"),
        ("can only sum", "adds up a list of which not every item is a number; choose them with map or select"),
        ("containment check", "uses in with something that is not a list, an object or a text"),
        ("not callable", "calls something that is not a function"),
        ("not iterable", "uses something as a list that is not a list"),
        ("non-iterable", "uses something as a list that is not a list"),
        ("must be iterable", "uses something as a list that is not a list"),
        ("value to list", "uses something as a list that is not a list"),
        ("into pair", "uses something as an object that is not an object"),
        ("expected object", "uses something as an object that is not an object"),
        ("item from value", "takes an item of something that is not a list"),
        ("cannot be sliced", "takes a part of something that is not a list or a text"),
        ("not a string", "uses something as a text that is not a text; convert it with | string"),
        (
            "filter name is required",
            "calls map without a filter or an attribute; write map(\"upper\") or map(attribute=\"name\")",
        ),
        ("must be a string", "uses something as a text that is not a text; convert it with | string"),
        ("autoescape", "passes a value other than true, false or \"html\" to autoescape"),
        ("assign to namespaces", "assigns to the member of a value; assign to a name"),
        ("method must be", "rounds by a method that does not exist; use \"common\", \"ceil\" or \"floor\""),
        ("round", "rounds something that is not a number, or is too large"),
        ("abs", "takes the absolute value of something that is not a number, or is too large"),
        ("loop", "calls loop, which is not supported; nest loops instead"),
        ("recursion limit", "nests too many blocks; nest fewer"),
        ("format", "has a format that does not match its values; write one %s for each value"),
    ];
    if let Some(calculation) = detail.strip_prefix("unable to calculate ") {
        let by_zero = calculation.rsplit_once(' ').is_some_and(|(before, divisor)| {
            before.ends_with(['/', '%']) && divisor.parse::<f64>().is_ok_and(|divisor| divisor == 0.0)
        });
        let problem = if by_zero {
            "divides by zero; check the divisor with {% if %}"
        } else {
            "calculates a number that is too large; use smaller numbers"
        };
        return problem.to_owned();
    }
    let operator =
        detail.strip_prefix("tried to use ").and_then(|rest| rest.split_once(" operator on unsupported types "));
    if let Some((operator, (one, other))) = operator.and_then(|(sign, types)| Some((sign, types.split_once(" and ")?)))
    {
        return format!("uses {operator} on {} and {}, which is not supported", type_name(one), type_name(other));
    }
    let conversion = detail.strip_prefix("cannot convert ").and_then(|rest| rest.split_once(" to "));
    if let Some((came, wanted)) = conversion.filter(|(came, _)| *came != "value") {
        return format!("uses {} where {} should be", type_name(came), type_name(wanted));
    }
    for before in
        ["cannot calculate length of value of type ", "cannot join value of type ", "cannot reverse values of type "]
    {
        if let Some(kind) = detail.strip_prefix(before) {
            return format!("uses {} where a list should be", type_name(kind));
        }
    }
    if ["invalid digit", "invalid float", "empty string", "number too"].iter().any(|slip| detail.contains(slip)) {
        return "converts a text to a number that is not one; give a fallback with default=".to_owned();
    }
    let known = KNOWN.iter().find(|(theirs, _)| detail.contains(theirs));
    known
        .map_or("uses a value in a way that its type does not allow; check what the request holds", |(_, ours)| ours)
        .to_owned()
}
