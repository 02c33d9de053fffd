//! Properties of any body: it is accepted, or refused at locations that exist; the fast path for clean bodies agrees
//! with full validation, and the explanation with the JSON Schema validator.

use crate::{
    bodies::agreement::{holds, signing_holds},
    handoff::fixtures::files,
    harness::Api,
};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn any_json(key: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        // Near the limits of days and orders, in every notation of a whole number.
        (-2_i32..93).prop_map(Value::from),
        (-2_i32..93).prop_map(|number| Value::from(f64::from(number))),
        (999_998_u64..1_000_003).prop_map(Value::from),
        text(),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Strings near the limits of the contract.
fn text() -> impl Strategy<Value = Value> {
    prop_oneof![
        ".{0,8}",
        Just("sam@example.com".to_owned()),
        Just("s\u{F6}m@example.com".to_owned()),
        Just("sam@localhost".to_owned()),
        Just("https://".to_owned()),
        Just("http://127.1/a".to_owned()),
        "[a-zé\"]{1,3}@[a-zé.-]{1,6}",
        "https?:/{0,3}[a-z@:?.0-9]{0,8}",
        Just("send_e_sign_request".to_owned()),
        Just("2024-02-29".to_owned()),
        Just("https://example.com/a.pdf".to_owned()),
        Just("+14155550123".to_owned()),
        Just("url".to_owned()),
        Just("signer".to_owned()),
        Just("en-US".to_owned()),
        Just("whatsapp".to_owned()),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "\\+?[0-9]{1,17}",
        "[a-z.+-]{0,5}@[a-z.-]{0,8}",
        "[a-z]{0,5}:?/{0,2}[a-z%. ]{0,8}",
        (4998_usize..5003).prop_map(|count| "ö".repeat(count)),
    ]
    .prop_map(Value::from)
}

fn key() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        ".{0,4}",
        prop::sample::select(vec![
            "handoff_id",
            "intent",
            "actor",
            "integration",
            "context",
            "facts",
            "files",
            "email",
            "external_user_id",
            "display_name",
            "source",
            "summary",
            "transcript",
            "metadata",
            "title",
            "parties",
            "name",
            "telephone",
            "dates",
            "effective_date",
            "type",
            "url",
            "handoffId",
            "e_mail",
        ])
        .prop_map(str::to_owned),
    ]
}

fn signing_key() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        ".{0,4}",
        prop::sample::select(vec![
            "recipient",
            "agents",
            "agent",
            "info",
            "contactId",
            "userId",
            "groupId",
            "contactIds",
            "context",
            "name",
            "email",
            "phone",
            "locale",
            "phoneContactMethod",
            "type",
            "identifier",
            "order",
            "required",
            "roleName",
            "hostedById",
            "phoneVerification",
            "expirationPeriodDays",
            "reminderInitialDelayDays",
            "reopen",
            "role_name",
            "contactID",
        ])
        .prop_map(str::to_owned),
    ]
}

fn valid(folders: &[&str]) -> Vec<Value> {
    let files = folders.iter().flat_map(|folder| files(folder));
    files.map(|(_, body)| docendorse_mock::domain::contract::read_json(&body).unwrap()).collect()
}

/// The folders of valid bodies of the signing service.
const SIGNING: [&str; 6] = [
    "signing/envelope/valid",
    "signing/recipient/valid",
    "signing/recipient-change/valid",
    "signing/agents/valid",
    "signing/contact/valid",
    "signing/group/valid",
];

/// A valid body with one value changed, removed or added.
fn nearly_valid(
    bodies: Vec<Value>,
    key: impl Strategy<Value = String> + Clone + 'static,
) -> impl Strategy<Value = Value> {
    let change = (prop::sample::select(bodies), any::<prop::sample::Index>(), 0..3, any_json(key.clone()), key);
    change.prop_map(|(mut body, index, what, value, key)| {
        let mut places = Vec::new();
        collect(&body, String::new(), &mut places);
        let place = places[index.index(places.len())].clone();
        match (what, body.pointer_mut(&place)) {
            (0, Some(target)) => *target = value,
            (1, Some(Value::Object(members))) => {
                members.insert(key, value);
            }
            (1, Some(Value::Array(items))) => items.push(value),
            _ => remove(&mut body, &place),
        }
        body
    })
}

fn collect(value: &Value, pointer: String, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| collect(value, format!("{pointer}/{}", escaped(key)), into));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| collect(value, format!("{pointer}/{index}"), into));
        }
        _ => {}
    }
    into.push(pointer);
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn remove(body: &mut Value, place: &str) {
    let Some((parent, key)) = place.rsplit_once('/') else { return };
    match body.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            items.remove(key.parse().unwrap());
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn violations_in_any_json_have_existing_locations(value in any_json(key())) {
        holds(value.to_string().as_bytes());
    }

    #[test]
    fn all_validators_agree_on_a_changed_body(value in nearly_valid(valid(&["requests/valid"]), key())) {
        holds(value.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_are_accepted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        holds(&bytes);
        signing_holds(&bytes);
    }

    #[test]
    fn violations_in_any_signing_json_have_existing_locations(value in any_json(signing_key())) {
        signing_holds(value.to_string().as_bytes());
    }

    #[test]
    fn all_validators_agree_on_a_changed_signing_body(
        value in nearly_valid(valid(&SIGNING), signing_key())
    ) {
        signing_holds(value.to_string().as_bytes());
    }
}

/// Numbers that fit neither a 64-bit integer nor a double.
fn number_out_of_range() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[1-9][0-9]{19,400}",
        "-?[0-9](\\.[0-9]{1,30})?[eE][+-]?[1-9][0-9]{2,6}",
        "-?0\\.[0-9]{20,400}",
        Just("1e400".to_owned()),
    ]
}

/// JSON strings with half of a surrogate pair.
fn lone_surrogate() -> impl Strategy<Value = String> {
    prop_oneof![
        "\"[a-z]{0,3}\\\\ud[89ab][0-9a-f]{2}[a-z]{0,3}\"",
        "\"[a-z]{0,3}\\\\ud[c-f][0-9a-f]{2}[a-z]{0,3}\"",
        "\"\\\\ud[89ab][0-9a-f]{2}\\\\ud[89ab][0-9a-f]{2}\"",
    ]
}

/// A valid body with the given JSON text in an unknown member of some object, or as the next item of some list.
fn with_written(written: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let bodies = valid(&["requests/valid"]);
    (prop::sample::select(bodies), any::<prop::sample::Index>(), written).prop_map(|(mut body, index, written)| {
        const PLACEHOLDER: &str = "~written here~";
        let mut places = Vec::new();
        collect(&body, String::new(), &mut places);
        let objects: Vec<_> = places.iter().filter(|place| body.pointer(place).unwrap().is_object()).collect();
        let place = objects[index.index(objects.len())].clone();
        body.pointer_mut(&place).unwrap()[PLACEHOLDER] = Value::from(PLACEHOLDER);
        body.to_string().replace(&format!("{PLACEHOLDER:?}:{PLACEHOLDER:?}"), &format!("\"x\":{written}"))
    })
}

/// The HTTP status of a handoff with this body.
fn status_of(body: &str) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Api::new().hand_off(body.to_owned()).await.status.as_u16() })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_out_of_range_pass_in_unknown_members(body in with_written(number_out_of_range())) {
        holds(body.as_bytes());
        prop_assert_eq!(status_of(&body), 200, "{}", body);
    }

    #[test]
    fn lone_surrogates_pass_in_unknown_members(body in with_written(lone_surrogate())) {
        holds(body.as_bytes());
        // The grammar of RFC 8259 allows them (8.2), and so do unknown members (R9).
        prop_assert_eq!(status_of(&body), 200, "{}", body);
    }
}

#[test]
fn all_validators_agree_on_truncated_fixtures() {
    for (_, body) in files("requests/valid") {
        holds(&body);
        // Cutting a long body at every byte would find nothing that cutting at every prime does not.
        for cut in (0..body.len()).step_by(if body.len() > 2_000 { 97 } else { 1 }) {
            holds(&body[..cut]);
        }
    }
    for (_, body) in SIGNING.iter().flat_map(|folder| files(folder)) {
        for cut in (0..=body.len()).step_by(7) {
            signing_holds(&body[..cut]);
        }
        signing_holds(&body);
    }
}
