//! Corrects the generated schemas where they differ from what bodies and answers really are.

use super::{add_all, members};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Bodies that need exactly one of two members: the schema, the first member with those that may accompany it, and the
/// second member.
pub(super) const EITHER: [(&str, &[&str], &str); 3] = [
    ("NewClient", &["public_key", "kid"], "jwks"),
    ("NewKeys", &["public_key", "kid"], "jwks"),
    ("NewSimulation", &["agents", "reopen", "expiration_period_days"], "envelope_id"),
];

/// Requires exactly one of two members of an object. Null counts as absent.
pub(super) fn require_one(schema: &mut Value, one: &[&str], other: &str) {
    let alternative = |name: &str, without: &[&str]| {
        let nulls = without.iter().map(|name| ((*name).to_owned(), json!({ "type": "null" })));
        let mut properties: Map<String, Value> = nulls.collect();
        properties.insert(name.to_owned(), json!({ "not": { "type": "null" } }));
        json!({ "required": [name], "properties": properties })
    };
    if let ([first, ..], Some(schema)) = (one, schema.as_object_mut()) {
        schema.insert("oneOf".to_owned(), json!([alternative(first, &[other]), alternative(other, one)]));
    }
}

/// Moves the description and the default of an inlined schema to the place where it is used.
pub(super) fn describe_inlined(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(describe_inlined);
            let Some([one, place]) = members.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else { return };
            let place =
                place.as_object().filter(|place| !place.contains_key("properties") && !place.contains_key("$ref"));
            if let (Some(place), Some(one)) = (place, one.as_object().filter(|one| !one.contains_key("properties"))) {
                let mut one = one.clone();
                one.extend(
                    place.iter().filter(|(name, _)| *name != "type").map(|(name, value)| (name.clone(), value.clone())),
                );
                *value = one.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(describe_inlined),
        _ => {}
    }
}

/// Removes null from the optional members of answers, which are omitted instead. Members of request bodies may be null.
pub(super) fn leave_out_instead_of_null(schemas: &mut Value, paths: &Value) {
    let mut given = HashSet::new();
    let operations = paths.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object);
    operations.flat_map(Map::values).for_each(|operation| collect_references(&operation["requestBody"], &mut given));
    loop {
        let before = given.len();
        for name in given.clone() {
            collect_references(&schemas[&name], &mut given);
        }
        if given.len() == before {
            break;
        }
    }
    for (_, schema) in members(schemas).filter(|(name, _)| !given.contains(*name)) {
        let required: HashSet<String> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        for (_, member) in
            schema.get_mut("properties").into_iter().flat_map(members).filter(|(name, _)| !required.contains(*name))
        {
            without_null(member);
        }
    }
}

/// Merges each `allOf` (flattened members) into one object, or into one object per variant.
pub(super) fn merge_parts(schemas: &mut Value) {
    let all = schemas.clone();
    for (_, schema) in members(schemas) {
        if schema["allOf"].is_array() {
            *schema = merged(schema, &all);
        }
    }
}

fn merged(schema: &Value, all: &Value) -> Value {
    let mut variants = vec![schema.clone()];
    for part in schema["allOf"].as_array().into_iter().flatten() {
        let name = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let part = merged(name.map_or(part, |name| &all[name]), all);
        let parts = part["oneOf"].as_array().cloned().unwrap_or_else(|| vec![part]);
        variants = variants.iter().flat_map(|one| parts.iter().map(|part| together(one, part))).collect();
    }
    for variant in &mut variants {
        if let Some(members) = variant.as_object_mut() {
            members.shift_remove("allOf");
        }
    }
    match &mut variants[..] {
        [one] => one.take(),
        several => {
            let description = schema["description"].clone();
            for variant in several.iter_mut().filter_map(Value::as_object_mut) {
                variant.shift_remove("description");
            }
            let mut whole = json!({ "oneOf": several });
            if description.is_string() {
                whole["description"] = description;
            }
            whole
        }
    }
}

/// Returns an object schema with the members of both.
fn together(one: &Value, other: &Value) -> Value {
    let mut both = one.clone();
    both["type"] = "object".into();
    let (properties, required) = (other["properties"].clone(), other["required"].clone());
    if let (Some(to), Value::Object(from)) = (both.as_object_mut(), properties) {
        let to = to.entry("properties").or_insert_with(|| json!({}));
        add_all(to, from);
    }
    if let (Some(to), Value::Array(from)) = (both.as_object_mut(), required) {
        let to = to.entry("required").or_insert_with(|| json!([]));
        to.as_array_mut().into_iter().for_each(|to| to.extend(from.iter().cloned()));
    }
    both
}

/// Removes schemas that nothing refers to, such as parts that were merged into others.
pub(super) fn retain_used(schemas: &mut Value, roots: &[&Value]) {
    loop {
        let mut used = HashSet::new();
        for root in roots {
            collect_references(root, &mut used);
        }
        collect_references(schemas, &mut used);
        let Some(schemas) = schemas.as_object_mut() else { return };
        let before = schemas.len();
        schemas.retain(|name, _| used.contains(name));
        if schemas.len() == before {
            return;
        }
    }
}

fn collect_references(value: &Value, names: &mut HashSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                names.extend(reference.strip_prefix("#/components/schemas/").map(str::to_owned));
            }
            members.values().for_each(|member| collect_references(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, names)),
        _ => {}
    }
}

/// Closes every object: answers have no undocumented members, and bodies with unknown members are refused.
pub(super) fn close_objects(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) && members.get("type") == Some(&"object".into())
            {
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.values_mut().for_each(close_objects);
        }
        Value::Array(items) => items.iter_mut().for_each(close_objects),
        _ => {}
    }
}

/// Normalizes the text and types of a document: joins the source's line breaks in descriptions, removes integer and
/// float widths, and removes null from queries and headers.
pub(super) fn simplify(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
                *text = paragraphs.collect::<Vec<_>>().join("\n\n");
            }
            if members.get("format").and_then(Value::as_str).is_some_and(|format| WIDTHS.contains(&format)) {
                members.shift_remove("format");
            }
            if members.get("in").is_some_and(Value::is_string)
                && let Some(schema) = members.get_mut("schema")
            {
                without_null(schema);
            }
            members.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

const WIDTHS: [&str; 4] = ["int32", "int64", "float", "double"];

/// Removes null from the schema of a value that is either present or absent.
pub(super) fn without_null(schema: &mut Value) {
    if let Some([one, _]) = schema["type"].as_array().map(Vec::as_slice) {
        schema["type"] = one.clone();
    }
    if let Some(variants) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        variants.retain(|variant| variant["type"] != "null");
        if let [one] = &mut variants[..] {
            *schema = one.take();
        }
    }
}
