//! Translates the engine's terms into ours.

use super::guard::{BOUNDED, SCALAR};

/// A part of a guarded template without the inserted filters; `None` if it is one of them.
pub(super) fn unguarded(part: &str) -> Option<String> {
    // The space after a filter is not part of an expression that ends with it.
    let part = [BOUNDED, SCALAR].iter().fold(part.to_owned(), |part, filter| {
        part.replace(&format!("|{filter} "), "").replace(&format!("|{filter}"), "")
    });
    (part != BOUNDED && part != SCALAR).then_some(part)
}

/// A syntax element in our words.
pub(super) fn token(theirs: &str) -> Option<&str> {
    Some(match theirs {
        "end of variable block" => "}}",
        "end of block" => "%}",
        "end of input" => "the end of the template",
        "identifier" => "a name",
        "identifier or integer" => "a name or a number",
        "string" => "a text",
        "integer" | "float" => "a number",
        "expression" => "a value",
        "block keyword" | "statement" | "keyword" => "a statement",
        "assignment operator" => "=",
        "comma" => ",",
        "in" => "in",
        sign => sign.strip_prefix('`')?.strip_suffix('`')?,
    })
}

/// A value type in our words.
pub(super) fn type_name(theirs: &str) -> &'static str {
    match theirs {
        "undefined" => "a value that does not exist",
        "none" => "null",
        "bool" | "boolean" => "true or false",
        "number" | "float" | "f32" | "f64" => "a number",
        "integer" | "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number of 0 or more",
        "string" | "char" => "a text",
        "sequence" | "iterator" | "tuple" => "a list",
        "map" => "an object",
        "kwargs" => "an argument with a name",
        _ => "another value",
    }
}
