//! The JSON Schema of scenario files, also as components of an OpenAPI document.

use serde_json::{Map, Value};

/// The JSON Schema of scenario files.
pub const SCENARIO_SCHEMA: &str = include_str!("scenario.schema.json");

/// The definitions of the schema and their names in an OpenAPI document.
const NAMES: [(&str, &str); 12] = [
    ("answer", "ScenarioAnswer"),
    ("body", "BodyPredicate"),
    ("declines", "DeclineHabit"),
    ("duration", "HabitSpan"),
    ("filling", "ScenarioFilling"),
    ("habit", "Habit"),
    ("lognormal", "LognormalSpan"),
    ("match", "Match"),
    ("person", "SimulatedPerson"),
    ("span", "ScenarioSpan"),
    ("template", "ScenarioTemplate"),
    ("uniform", "UniformSpan"),
];

/// The schema of a scenario and everything it refers to, as components of an OpenAPI document.
#[must_use]
pub fn components() -> Map<String, Value> {
    // Tests ensure that the file is JSON.
    let mut scenario: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap_or_default();
    let mut components = Map::new();
    if let Some(members) = scenario.as_object_mut() {
        members.shift_remove("$schema");
        members.shift_remove("$id");
        members.shift_remove("title");
        let definitions = members.shift_remove("$defs").unwrap_or_default();
        for (name, definition) in definitions.as_object().into_iter().flatten() {
            components.insert(component(name).to_owned(), definition.clone());
        }
    }
    components.insert("Scenario".to_owned(), scenario);
    components.values_mut().for_each(refer_to_components);
    components
}

/// The name of a definition in an OpenAPI document. A test ensures that all are listed.
fn component(definition: &str) -> &str {
    NAMES.iter().find(|(name, _)| *name == definition).map_or(definition, |(_, component)| component)
}

fn refer_to_components(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(definition) = reference.strip_prefix("#/$defs/")
            {
                *reference = format!("#/components/schemas/{}", component(definition));
            }
            members.values_mut().for_each(refer_to_components);
        }
        Value::Array(items) => items.iter_mut().for_each(refer_to_components),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_has_a_name_in_documents() {
        let schema: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
        let defined: Vec<&String> = schema["$defs"].as_object().unwrap().keys().collect();
        assert_eq!(defined.len(), NAMES.len());
        for name in defined {
            assert!(NAMES.iter().any(|(known, _)| known == name), "{name}");
        }
    }
}
