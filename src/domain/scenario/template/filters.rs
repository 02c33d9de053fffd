//! The filters that [`super::guard`] puts into templates, and the one that replaces a filter of the engine.

use super::words::refusal;
use minijinja::{
    Error, State, Value,
    value::{Kwargs, ValueKind},
};

/// The most lists and objects inside one another in a value; a request has at most 127 levels.
const MOST_LEVELS: usize = 140;

/// The filter [`super::guard::BOUNDED`]: charges fuel for everything that a value holds, and builds what was deferred.
pub(super) fn bounded(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if !is_container(&value) {
        return Ok(value);
    }
    measure(state, &value, MOST_LEVELS, 0)?;
    if value.kind() == ValueKind::Iterable {
        return Ok(value.try_iter()?.collect::<Vec<Value>>().into());
    }
    Ok(value)
}

/// The filter [`super::guard::SCALAR`].
pub(super) fn scalar(value: Value) -> Result<Value, Error> {
    if is_container(&value) {
        return Err(refusal("uses + or * on a list or an object; they take numbers and texts"));
    }
    Ok(value)
}

/// The filter `tojson`. The engine's own takes fuel for a text once it is written, which is too late: an indent can
/// make the text much larger than the value.
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

/// Takes fuel for a container and all that it holds, as text indented by `indent` spaces.
fn measure(state: &State<'_, '_>, value: &Value, levels: usize, indent: usize) -> Result<(), Error> {
    if levels == 0 {
        return Err(refusal(format!(
            "makes a value with more than {MOST_LEVELS} lists and objects inside one another"
        )));
    }
    let is_map = value.kind() == ValueKind::Map;
    for item in value.try_iter()? {
        weigh(state, &item, levels, indent)?;
        if is_map {
            weigh(state, &value.get_item(&item)?, levels, indent)?;
        }
    }
    Ok(())
}

fn weigh(state: &State<'_, '_>, value: &Value, levels: usize, indent: usize) -> Result<(), Error> {
    let spaces = indent.saturating_mul(MOST_LEVELS + 1 - levels);
    let bytes = value.as_str().map_or(0, str::len).saturating_add(spaces);
    state.consume_fuel(1 + (bytes as u64) / 64)?;
    if is_container(value) { measure(state, value, levels - 1, indent) } else { Ok(()) }
}
