//! Messages about errors in a settings file, in TOML's terms.

use crate::base::{
    chance::not_a_span,
    reading::{ReadError, Tree, is_number},
};

/// A value of a type that only TOML has: a date, a time, or a non-finite number.
pub(super) struct Foreign {
    pub(super) pointer: String,
    written: String,
}

impl Foreign {
    /// Replaces such values with texts, which settings of other types do not accept either. `span` is the text that the
    /// file's reader rejected.
    pub(super) fn replace_in(tree: &mut Tree, span: &str) -> Vec<Self> {
        let mut found = Vec::new();
        Self::replace(tree, String::new(), span, &mut found);
        found
    }

    fn replace(tree: &mut Tree, pointer: String, span: &str, found: &mut Vec<Self>) {
        /// The key that stands for a date in the TOML reader's output.
        const DATE: &str = "$__toml_private_datetime";

        let written = match tree {
            // TOML has no null; the reader turns non-finite numbers into it.
            Tree::Null => if span.trim_start_matches(['+', '-']) == "inf" { span } else { "nan" }.to_owned(),
            Tree::Object(members) => match &mut members[..] {
                [(name, Tree::Text(date))] if name == DATE => std::mem::take(date),
                members => {
                    for (name, value) in members {
                        Self::replace(value, format!("{pointer}/{name}"), span, found);
                    }
                    return;
                }
            },
            Tree::List(items) => {
                for (place, item) in items.iter_mut().enumerate() {
                    Self::replace(item, format!("{pointer}/{place}"), span, found);
                }
                return;
            }
            _ => return,
        };
        *tree = Tree::Text(written.clone());
        found.push(Self { pointer, written });
    }

    pub(super) fn setting(&self) -> &str {
        self.pointer.split('/').nth(1).unwrap_or_default()
    }

    /// The value as shown in a message.
    pub(super) fn shown(&self) -> String {
        let kind = if self.written.ends_with(char::is_alphabetic) && !self.written.ends_with(['Z', 'z']) {
            ""
        } else if self.written.get(4..5) == Some("-") {
            "the date "
        } else {
            "the time "
        };
        format!("{kind}{}", self.written)
    }
}

/// The message about a setting, with its place and a fix in TOML's terms.
pub(super) fn in_settings(tree: &Tree, error: &ReadError, foreign: Option<&Foreign>) -> String {
    let mut problem = error.in_settings();
    if let Some(value) = foreign {
        problem = problem.replacen(&format!("{:?}", value.written), &value.shown(), 1);
    } else {
        problem.push_str(&type_fix(setting_of(error), value_at(tree, &error.pointer), &problem));
    }
    with_counted_entry(problem)
}

/// The fix for a value of the wrong type if its text may have been meant.
fn type_fix(setting: &str, value: Option<&Tree>, problem: &str) -> String {
    match value {
        Some(value) if problem.ends_with(" is not a text") => text_fix(setting, value),
        Some(Tree::Text(text)) if problem.ends_with(" is not a list") => format!("; write [{text:?}]"),
        Some(Tree::Object(_)) if problem.ends_with(" is not a list") => {
            "; write its name in double brackets, such as [[clients]]".to_owned()
        }
        Some(Tree::Text(text)) if is_number(text) && problem.contains(" is not a whole number") => {
            format!("; write {text} without quotes")
        }
        Some(Tree::Text(text)) if problem.ends_with(" is not true or false") => match text.as_str() {
            word @ ("true" | "false") => format!("; write {word} without quotes"),
            _ => String::new(),
        },
        Some(_) if problem.ends_with(" is not a list") => "; write a list in square brackets".to_owned(),
        _ => String::new(),
    }
}

/// The setting that an error is about.
fn setting_of(error: &ReadError) -> &str {
    error.pointer.split('/').nth(1).unwrap_or_default()
}

/// The fix for a value that must be a text. Any value it shows is one that the setting accepts.
fn text_fix(setting: &str, value: &Tree) -> String {
    let number = match value {
        Tree::Number(number) => Some(&**number),
        _ => None,
    };
    match (setting, number, value) {
        ("token-ttl" | "session-ttl" | "clock-skew" | "sandbox-idle", number, _) => {
            let problem = number.map(not_a_span);
            match problem.as_ref().and_then(|problem| problem.split_once("; write ")) {
                Some((_, spans)) if spans != "0s" && !spans.starts_with("a span") => {
                    format!(
                        "; a span of time needs a unit; write a text in double quotes, such as \"{}\"",
                        with_seconds(spans)
                    )
                }
                _ => "; write a span of time in double quotes, such as \"1h\"".to_owned(),
            }
        }
        ("listen", Some(port), _) if port.parse::<u16>().is_ok() => format!("; write \"127.0.0.1:{port}\""),
        ("listen", ..) => "; write HOST:PORT in double quotes, such as \"127.0.0.1:4747\"".to_owned(),
        ("base-url", ..) => "; write a URL in double quotes, such as \"http://127.0.0.1:4747\"".to_owned(),
        ("clients" | "client-key" | "allowed-hosts" | "scenarios", ..) => "; write a text in double quotes".to_owned(),
        (_, Some(number), _) => format!("; write \"{number}\""),
        (_, _, Tree::Bool(value)) => format!("; write \"{value}\""),
        _ => "; write a text in double quotes".to_owned(),
    }
}

/// Picks the suggestion in seconds from a list of durations.
fn with_seconds(spans: &str) -> &str {
    let mut all = spans.split(", ").flat_map(|part| part.split(" or "));
    all.find(|span| span.ends_with('s') && !span.ends_with("ms")).unwrap_or("1h")
}

/// The value at a pointer.
fn value_at<'t>(tree: &'t Tree, pointer: &str) -> Option<&'t Tree> {
    pointer.split('/').skip(1).try_fold(tree, |tree, segment| match tree {
        Tree::Object(members) => members.iter().find(|(name, _)| name == segment).map(|(_, value)| value),
        Tree::List(items) => items.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Counts list entries from one: `clients.0.scope: …` becomes `clients, entry 1, scope: …`.
fn with_counted_entry(problem: String) -> String {
    let counted = || {
        let (setting, rest) = problem.split_once('.')?;
        let end = rest.find(|char: char| !char.is_ascii_digit())?;
        let entry = rest[..end].parse::<usize>().ok()? + 1;
        let is_name = setting.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let rest = rest[end..].strip_prefix('.').map_or(rest[end..].to_owned(), |member| format!(", {member}"));
        is_name.then(|| format!("{setting}, entry {entry}{rest}"))
    };
    counted().unwrap_or(problem)
}

/// The message for common syntax errors. `place` is the part of the file that the reader's message refers to.
pub(super) fn syntax(message: &str, place: &str) -> String {
    const SLIPS: [(&str, &str); 16] = [
        ("missing escaped value", "a backslash starts an escape that TOML does not have; write \\\\ for a backslash"),
        ("too few unicode value digits", "an escape has too few digits; write \\u and 4 digits, or \\U and 8"),
        (
            "invalid basic string",
            "the text has no closing double quote, or contains a control character; add the quote, or remove the character",
        ),
        (
            "invalid multi-line basic string",
            "the text has no closing \"\"\", or contains a control character; add the quotes, or remove the character",
        ),
        (
            "invalid literal string",
            "the text has no closing single quote, or contains a control character; add the quote, or remove the character",
        ),
        (
            "invalid multi-line literal string",
            "the text has no closing ''', or contains a control character; add the quotes, or remove the character",
        ),
        ("missing comma between array elements", "a comma is missing between two values of the list; add it"),
        ("missing comma between key-value pairs", "a comma is missing between two members of the inline table; add it"),
        ("extra comma", "there is an extra comma; remove it"),
        ("unclosed array table", "the heading has too few closing brackets; write one such as [[clients]]"),
        ("unclosed table", "the heading has no closing bracket; write one such as [[clients]]"),
        ("unclosed array", "the list has no closing bracket; add it"),
        ("unclosed inline table", "the inline table has no closing brace; add it"),
        ("unexpected leading zero", "the number starts with 0; remove the 0"),
        ("missing value", "the value is missing; write one such as max-body = \"1MiB\""),
        ("missing opening quote", "the text has no opening double quote; add it"),
    ];
    if message.contains("duplicate key") {
        let key = place.trim().trim_matches(['[', ']', '"', '\'', ' ']);
        return format!("{key:?} is given more than once; remove all but one");
    }
    if !message.contains("leading zero")
        && place.starts_with(|char: char| char.is_ascii_digit())
        && place.bytes().all(|byte| byte.is_ascii_digit())
    {
        return format!("{place} is too large; write a smaller number");
    }
    let is_code = |length| place.len() == length && place.bytes().all(|byte| byte.is_ascii_hexdigit());
    if (is_code(4) || is_code(8)) && u32::from_str_radix(place, 16).is_ok_and(|code| char::from_u32(code).is_none()) {
        return "the escape is not a complete character; write the character itself, or its code such as \
                \\U0001F600"
            .to_owned();
    }
    if message.contains("must be quoted") {
        return "the value is not TOML; write a text in double quotes, such as \"1MiB\"".to_owned();
    }
    let slip = SLIPS.iter().find(|(theirs, _)| message.starts_with(theirs)).map(|(_, ours)| *ours);
    slip.unwrap_or("the line is not TOML; write one such as max-body = \"1MiB\"").to_owned()
}
