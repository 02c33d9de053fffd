//! The scenarios embedded in the binary.

/// A shipped file is named after its scenario.
macro_rules! ship {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../scenarios/", $name, ".yaml")))
    };
}

const SHIPPED: [(&str, &str); 33] = [
    ship!("any-one-signs"),
    ship!("close-midway"),
    ship!("contract-drift-extra-field"),
    ship!("contract-drift-html"),
    ship!("contract-drift-missing-field"),
    ship!("contract-drift-truncated-json"),
    ship!("contract-drift-unknown-status"),
    ship!("contract-drift-wrong-content-type"),
    ship!("contract-drift-wrong-type"),
    ship!("empty-answer"),
    ship!("expired-file-url"),
    ship!("first-declines"),
    ship!("flaky"),
    ship!("flaky-alternating"),
    ship!("hang"),
    ship!("nobody-signs"),
    ship!("outage-for-a-minute"),
    ship!("race-to-sign"),
    ship!("rate-limited"),
    ship!("register-verify-success"),
    ship!("reset"),
    ship!("sender-voids"),
    ship!("slow-body"),
    ship!("slow-lognormal"),
    ship!("subscribe-then-session"),
    ship!("token-client-unknown-for-a-minute"),
    ship!("token-expires-in-a-second"),
    ship!("token-rate-limited"),
    ship!("token-revoked"),
    ship!("token-server-error"),
    ship!("token-slow"),
    ship!("token-without-scope"),
    ship!("verify-then-success"),
];

/// The shipped scenarios: the name and the file text of each.
#[must_use]
pub fn shipped() -> Vec<(&'static str, &'static str)> {
    SHIPPED.to_vec()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{SCENARIO_SCHEMA, facts::LazyBody, read, script::Scenario, set::ScenarioSet},
        *,
    };
    use crate::domain::{
        actor::Actor,
        scenario::{Context, Facts, ScenarioEndpoint},
    };
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn schema() -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
        jsonschema::options().offline().build(&schema).unwrap()
    }

    #[test]
    fn every_shipped_file_keeps_the_schema_and_can_be_read() {
        let schema = schema();
        for (name, text) in shipped() {
            let scenario = Scenario::read(name, text).unwrap_or_else(|error| panic!("{error}"));
            let objections: Vec<String> =
                schema.iter_errors(&scenario.document()).map(|error| error.to_string()).collect();
            assert_eq!(objections, [""; 0], "{name}");
            assert_eq!(scenario.name(), name);
            assert!(!scenario.description().is_empty(), "{name} does not say what it is for");
            let mut lines = text.lines();
            let editor = "# yaml-language-server: $schema=http://127.0.0.1:4747/__admin/schemas/scenario.json";
            assert_eq!(lines.next(), Some(editor), "{name}");
            assert!(text.contains("# Try it:"), "{name} does not say how to try it");
        }
    }

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios")).unwrap();
        let mut files: Vec<String> =
            folder.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        files.sort();
        assert_eq!(files, shipped().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn every_shipped_answer_can_be_rendered() {
        let request: Value = json!({ "handoff_id": "h" });
        let actor = Actor { external_user_id: "usr_1".into(), email: "sam@example.com".into(), display_name: None };
        let context = Context {
            request: &request,
            actor: &actor,
            now: jiff::Timestamp::UNIX_EPOCH,
            base_url: "http://mock.test",
            agent_session_id: "as_1",
            id: "0000",
        };
        for (name, text) in shipped() {
            for answer in Scenario::read(name, text).unwrap().answers() {
                if let Some(departure) = answer.departure(&mut || 0.0) {
                    departure.render(b"{}", &context).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
            }
        }
    }

    #[test]
    fn scenarios_can_be_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<ScenarioSet>();
        shared::<LazyBody<'_>>();
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused_at_a_place_within_it(
            file in 0..SHIPPED.len(), from in 0..2000_usize, length in 0..20_usize, put in "[a-z:{}\\[\\]\"'*&\\n -]{0,4}"
        ) {
            let chars: Vec<char> = SHIPPED[file].1.chars().collect();
            let from = from.min(chars.len());
            let rest = &chars[(from + length).min(chars.len())..];
            let text: String = chars[..from].iter().copied().chain(put.chars()).chain(rest.iter().copied()).collect();
            if let Err(error) = Scenario::read("s.yaml", &text) {
                proptest::prop_assert!(error.position.line <= text.lines().count() + 1);
                proptest::prop_assert!(error.to_string().starts_with("s.yaml:"));
                proptest::prop_assert!(!error.problem.is_empty() && !error.problem.contains('\n'), "{}", error);
            }
        }
    }

    #[test]
    fn every_example_of_the_guide_can_be_read() {
        let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenarios.md")).unwrap();
        let examples: Vec<&str> =
            guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(examples.len() >= 5);
        let schema = schema();
        for example in examples {
            let scenario = Scenario::read("docs/scenarios.md", example).unwrap_or_else(|error| panic!("{error}"));
            assert!(schema.is_valid(&scenario.document()), "{example}");
        }
    }

    #[test]
    fn a_shipped_scenario_answers_only_to_its_tag() {
        let scenarios = shipped().into_iter().map(|(name, text)| Arc::new(Scenario::read(name, text).unwrap()));
        let set = ScenarioSet::compile(scenarios.collect()).unwrap();
        let chosen_by = |endpoint: ScenarioEndpoint, email: &str| {
            let text = json!({ "actor": { "email": email } }).to_string();
            let body = LazyBody::new(text.as_bytes());
            set.choose(endpoint, &Facts::of(&body)).unwrap().map(|scenario| scenario.name().to_owned())
        };
        let chosen = |email: &str| chosen_by(ScenarioEndpoint::Handoff, email);
        for (name, _) in shipped() {
            let endpoint = set.get(name).unwrap().endpoint();
            let other =
                if endpoint == ScenarioEndpoint::Token { ScenarioEndpoint::Handoff } else { ScenarioEndpoint::Token };
            let email = format!("sam+{name}@example.com");
            assert_eq!(chosen_by(endpoint, &email).as_deref(), Some(name));
            assert_eq!(chosen_by(other, &email), None);
        }
        for built_in in ["sam@example.com", "sam+verify_email@example.com", "sam+slow@example.com"] {
            assert_eq!(chosen(built_in), None);
        }
    }

    #[test]
    fn the_schema_and_the_reader_refuse_the_same_values() {
        let schema = schema();
        let answer = |answer: &str| format!("{{name: s, answers: [{answer}]}}");
        let matcher = |matcher: &str| format!("{{name: s, match: {matcher}, answers: [{{}}]}}");
        let with = |keys: &str| format!("{{name: s, {keys}, answers: [{{}}]}}");
        let habit = |habit: &str| with(&format!("people: [{{opens: {habit}}}]"));
        let good = [
            answer("{}"),
            answer("{delay: {uniform: [1ms, 1h]}}").replace("1h", "1m"),
            answer("{delay: {lognormal: {median: 1s, sigma: 0}}}, {until: {attempts: 2}}, {}"),
            answer("{outcome: error, description: x}"),
            matcher("{}"),
            matcher("{all: [{not: {body: [{pointer: /a, equals: null}]}}]}"),
            with("parties: any_one, reopen: true, voids: 2d, people: []"),
            with("voids: {after: {uniform: [1m, 2h]}, probability: 0.5}"),
            habit("never"),
            habit("{probability: 0}"),
            habit("{uniform: [0s, 90d], probability: 1}"),
            habit("{lognormal: {median: 1h, sigma: 0.5}}"),
            with("people: [{agent: 'a@*', declines: {after: 1m, instead_of: signing}}, {}]"),
            with("people: [{declines: 5m}]"),
        ];
        for text in &good {
            let value: Value = read::read("s", text).unwrap();
            assert!(schema.is_valid(&value), "{text}");
            Scenario::read("s", text).unwrap_or_else(|error| panic!("{error}"));
        }
        let broken = [
            "{answers: [{}]}".to_owned(),
            "{name: s}".to_owned(),
            "{name: s, answers: []}".to_owned(),
            "{name: a b, answers: [{}]}".to_owned(),
            "{name: s, answers: [{}], also: 1}".to_owned(),
            "{name: s, per: client, answers: [{}]}".to_owned(),
            answer("{outcome: ok}"),
            answer("{http_status: 600}"),
            answer("{delay: soon}"),
            habit("{}"),
            answer("{delay: 5}"),
            answer("{delay: {uniform: [1s]}}"),
            answer("{probability: 2, delay: 1s}"),
            answer("{description: x}"),
            answer("{raw: {body: x}, set: {a: 1}}"),
            answer("{raw: {content_type: x}}"),
            answer("{fault: {kind: explode}}"),
            answer("{fault: {kind: reset, at_most: 1s}}"),
            answer("{until: bored}, {}"),
            answer("{until: {attempts: 0}}, {}"),
            answer("{until: {attempts: 1, after: 1s}}, {}"),
            answer("{headers: {a b: x}}"),
            matcher("{email: ''}"),
            matcher("{mail: x}"),
            matcher("{any: []}"),
            matcher("{intent: sign}"),
            matcher("{body: [{pointer: a, exists: true}]}"),
            matcher("{body: [{pointer: /a}]}"),
            matcher("{body: [{pointer: /a, above: 1, below: 2}]}"),
            with("parties: all"),
            with("reopen: 1"),
            with("voids: 5"),
            with("voids: {after: 1d, instead_of: signing}"),
            with("people: {opens: 1m}"),
            with("people: [{reads: 1m}]"),
            with("people: [{agent: ''}]"),
            with(&format!("people: [{}]", "{}, ".repeat(1001))),
            habit("5"),
            habit("soon"),
            habit("true"),
            habit("[1m]"),
            habit("{uniform: [1m]}"),
            habit("{uniform: [1m, 2m], after: 1m}"),
            habit("{uniform: [1m, 2m], lognormal: {median: 1m, sigma: 1}}"),
            habit("{lognormal: {median: 1m}}"),
            habit("{after: never}"),
            habit("{probability: 1.5}"),
            with("people: [{declines: {instead_of: opening}}]"),
        ];
        for text in &broken {
            let value: Value = read::read("s", text).unwrap();
            assert!(!schema.is_valid(&value), "the schema passes {text}");
            assert!(Scenario::read("s", text).is_err(), "the reader passes {text}");
        }
    }
}
