//! The filters that [`super::guard`] inserts into templates, and a replacement for a filter of the engine.

use super::words::refusal;
use minijinja::{
    Error, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter,
    value::{Kwargs, ValueKind},
};

/// Maximum nesting depth of lists and objects in a value; a request has at most 127 levels.
const MOST_LEVELS: usize = 140;

/// The filter [`super::guard::BOUNDED`]: charges fuel for the whole value, evaluates deferred parts, and rejects values
/// that the engine would show as an internal name.
pub(super) fn bounded(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    check_kind(&value)?;
    if !is_container(&value) {
        return Ok(value);
    }
    if measure(state, &value, MOST_LEVELS, 0)? { build(&value) } else { Ok(value) }
}

/// Writes a value to the output of a template. Rejects lists and objects that contain undefined values.
pub(super) fn show(output: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    check_kind(value)?;
    if is_container(value) {
        let is_trial = state.env().undefined_behavior() != UndefinedBehavior::Strict;
        check_shown(value, MOST_LEVELS, is_trial)?;
    }
    escape_formatter(output, state, value)
}

fn check_shown(value: &Value, levels: usize, is_trial: bool) -> Result<(), Error> {
    if levels == 0 {
        return Err(too_deep());
    }
    let is_map = value.kind() == ValueKind::Map;
    for item in value.try_iter()? {
        let item = if is_map { value.get_item(&item)? } else { item };
        check_kind(&item)?;
        if item.is_undefined() && !is_trial {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        if is_container(&item) {
            check_shown(&item, levels - 1, is_trial)?;
        }
    }
    Ok(())
}

/// Rejects values that have no text: failed computations and objects of the engine.
fn check_kind(value: &Value) -> Result<(), Error> {
    match value.kind() {
        // The error stored in the value.
        ValueKind::Invalid => Err(value.try_iter().err().unwrap_or_else(no_text)),
        ValueKind::Plain => Err(no_text()),
        _ => Ok(()),
    }
}

fn no_text() -> Error {
    refusal(
        "uses a function or an object of the template language as a value; use only texts, numbers, lists and objects",
    )
}

/// Evaluates the deferred parts of a measured value.
fn build(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.map(|item| build(&item)).collect::<Result<Vec<_>, _>>().map(Value::from)
        }
        ValueKind::Map => {
            let members = value.try_iter()?.map(|key| Ok((key.clone(), build(&value.get_item(&key)?)?)));
            Ok(Value::from_iter(members.collect::<Result<Vec<_>, Error>>()?))
        }
        _ => Ok(value.clone()),
    }
}

/// The filter [`super::guard::SCALAR`].
pub(super) fn scalar(value: Value) -> Result<Value, Error> {
    if is_container(&value) {
        return Err(refusal("uses + or * on a list or an object; they take numbers and texts"));
    }
    Ok(value)
}

/// The filter `tojson`. The engine's own version charges for a text only after writing it, which is too late: with an
/// indent, the text can be much larger than the value.
pub(super) fn to_json(
    state: &State<'_, '_>,
    value: &Value,
    indent: Option<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let named_indent = named.peek::<Option<Value>>("indent")?;
    let spaces = indent.as_ref().or(named_indent.as_ref()).and_then(|spaces| usize::try_from(spaces.clone()).ok());
    if let Some(spaces) = spaces.filter(|_| is_container(value)) {
        measure(state, value, MOST_LEVELS, spaces)?;
    }
    minijinja::filters::tojson(value, indent, named)
}

fn is_container(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map)
}

fn too_deep() -> Error {
    refusal(format!("makes a value with more than {MOST_LEVELS} levels of lists and objects"))
}

/// Charges fuel for a container and everything in it, as text indented by `indent` spaces. Returns whether any part is
/// deferred.
fn measure(state: &State<'_, '_>, value: &Value, levels: usize, indent: usize) -> Result<bool, Error> {
    if levels == 0 {
        return Err(too_deep());
    }
    let is_map = value.kind() == ValueKind::Map;
    let mut is_deferred = value.kind() == ValueKind::Iterable;
    for item in value.try_iter()? {
        is_deferred |= weigh(state, &item, levels, indent)?;
        if is_map {
            is_deferred |= weigh(state, &value.get_item(&item)?, levels, indent)?;
        }
    }
    Ok(is_deferred)
}

fn weigh(state: &State<'_, '_>, value: &Value, levels: usize, indent: usize) -> Result<bool, Error> {
    check_kind(value)?;
    let spaces = indent.saturating_mul(MOST_LEVELS + 1 - levels);
    let bytes = value.as_str().map_or(0, str::len).saturating_add(spaces);
    state.consume_fuel(1 + (bytes as u64) / 64)?;
    if is_container(value) { measure(state, value, levels - 1, indent) } else { Ok(false) }
}
