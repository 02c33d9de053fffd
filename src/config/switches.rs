//! The settings that each sandbox can override, declared once.
//!
//! To add one, add a field to [`super::ServeOptions`] and [`Settings`], and a line to the list below. The control plane
//! then accepts it in `POST /__admin/sandboxes`, shows it, and keeps it in snapshots. A new enum must also be added to
//! `words!`.

use super::{
    AssertionClock, AssertionNames, Auth, EmailRule, InspaktHttpStatus, OnDecline, OnDuplicateHandoff, Settings,
    ValidationNextAction,
    judge::{ZERO_SESSION_TTL, ZERO_TOKEN_TTL},
    values,
};
use crate::base::{
    chance::without_unit,
    position::brief,
    reading::{nearest, quoted, whole},
    schema,
};
use clap::ValueEnum;
use jiff::SignedDuration;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema,
        schema::{RefBuilder, Type},
    },
};

macro_rules! switches {
    ($($(#[doc = $doc:literal])* $name:ident: $type:ty,)*) => {
        /// All settings of a sandbox, with their values.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub struct Switches {
            $($(#[doc = $doc])* pub $name: $type,)*
        }

        /// Settings of a sandbox that differ from the server's.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct SwitchChanges {
            $($(#[doc = $doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>,)*
        }

        impl Switches {
            /// The names of all settings of a sandbox.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// The settings of the server.
            #[must_use]
            pub fn of(settings: &Settings) -> Self {
                Self { $($name: settings.$name,)* }
            }

            /// These settings with some of them replaced.
            #[must_use]
            pub fn with(self, changes: SwitchChanges) -> Self {
                Self { $($name: changes.$name.unwrap_or(self.$name),)* }
            }
        }

        impl PartialSchema for Switches {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new().description(Some("The settings of a sandbox."));
                $(let object = object
                    .property(stringify!($name), described(<$type>::shown(), concat!($($doc),*)))
                    .required(stringify!($name));)*
                object.into()
            }
        }

        impl PartialSchema for SwitchChanges {
            fn schema() -> RefOr<Schema> {
                let description = "Settings of a sandbox. Omitted or null settings are taken from the server.";
                let object = ObjectBuilder::new().description(Some(description));
                $(let object = object
                    .property(stringify!($name), described(or_null(<$type>::given()), concat!($($doc),*)));)*
                object.into()
            }
        }

        impl From<Switches> for SwitchChanges {
            fn from(switches: Switches) -> Self {
                Self { $($name: Some(switches.$name),)* }
            }
        }

        impl TryFrom<Map<String, Value>> for SwitchChanges {
            type Error = String;

            fn try_from(members: Map<String, Value>) -> Result<Self, String> {
                let mut changes = Self::default();
                for (name, value) in &members {
                    changes.set(name, value).map_err(|problem| format!("/settings/{}: {problem}", brief(name)))?;
                }
                Ok(changes)
            }
        }

        impl SwitchChanges {
            /// Sets a setting by its name. The error does not repeat the name.
            fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
                match name {
                    $(stringify!($name) => self.$name = read(value)?,)*
                    _ => return Err(unknown(name)),
                }
                if self.token_ttl.is_some_and(|ttl| ttl.is_zero()) {
                    return Err(ZERO_TOKEN_TTL.to_owned());
                }
                if self.session_ttl.is_some_and(|ttl| ttl.is_zero()) {
                    return Err(ZERO_SESSION_TTL.to_owned());
                }
                Ok(())
            }
        }
    };
}

switches! {
    /// Which bearer tokens are accepted (H2).
    auth: Auth,
    /// The HTTP status of every error answer of the handoff endpoint, if one is set (S7).
    error_http_status: Option<u16>,
    /// Whether answers to invalid requests have a `next_action` (S6).
    validation_next_action: ValidationNextAction,
    /// Which email addresses are valid (R13).
    email: EmailRule,
    /// How to answer a `handoff_id` that already has a session (S8).
    on_duplicate_handoff: OnDuplicateHandoff,
    /// The HTTP status of errors at the signing service (G8).
    inspakt_http_status: InspaktHttpStatus,
    /// What happens to an envelope when a required recipient declines (G10).
    on_decline: OnDecline,
    /// Whether `registration_url` is left out (S5).
    no_registration_url: bool,
    /// Lifetime of agent sessions, by the sandbox's clock.
    session_ttl: SignedDuration,
    /// Lifetime of access tokens, by the sandbox's clock (T5).
    token_ttl: SignedDuration,
    /// Tolerance for client clocks that differ (T2).
    clock_skew: SignedDuration,
    /// Which clock assertion times are checked against (T2).
    assertion_clock: AssertionClock,
    /// Whether assertions need `given_name` and `family_name` (T2).
    assertion_names: AssertionNames,
}

impl ToSchema for Switches {
    fn name() -> Cow<'static, str> {
        "SandboxSettings".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((schema::Duration::name().into(), schema::Duration::schema()));
    }
}

impl ToSchema for SwitchChanges {
    fn name() -> Cow<'static, str> {
        "SandboxChanges".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((schema::GivenSpan::name().into(), schema::GivenSpan::schema()));
    }
}

/// A schema with a description.
fn described(schema: RefOr<Schema>, text: &str) -> RefOr<Schema> {
    let text = text.trim();
    match schema {
        RefOr::Ref(reference) => RefBuilder::new().ref_location(reference.ref_location).description(Some(text)).into(),
        RefOr::T(Schema::Object(object)) => ObjectBuilder::from(object).description(Some(text)).into(),
        RefOr::T(Schema::OneOf(one_of)) => OneOfBuilder::from(one_of).description(Some(text)).into(),
        other @ RefOr::T(_) => other,
    }
}

fn or_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    OneOfBuilder::new().item(schema).item(ObjectBuilder::new().schema_type(Type::Null)).into()
}

/// The type of a setting, with its form in JSON.
trait Setting: Sized {
    /// Its schema in answers.
    fn shown() -> RefOr<Schema>;

    /// Its schema in requests.
    fn given() -> RefOr<Schema> {
        Self::shown()
    }

    /// The meaning of `null`; `None` if it means that the setting is not given.
    const NULL: Option<Self> = None;

    /// Reads a value. The error says what is wrong with it and what is expected.
    fn read(value: &Value) -> Result<Self, String>;
}

/// Reads each member separately, so that an error names it.
impl<'de> Deserialize<'de> for SwitchChanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = SwitchChanges;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SwitchChanges, A::Error> {
                let mut changes = SwitchChanges::default();
                while let Some(name) = map.next_key::<String>()? {
                    map.next_value_seed(Member { name: &name, changes: &mut changes })?;
                }
                Ok(changes)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// The value of one setting.
struct Member<'c> {
    name: &'c str,
    changes: &'c mut SwitchChanges,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let value = Value::deserialize(deserializer)?;
        self.changes.set(self.name, &value).map_err(D::Error::custom)
    }
}

fn read<T: Setting>(value: &Value) -> Result<Option<T>, String> {
    if value.is_null() { Ok(T::NULL) } else { T::read(value).map(Some) }
}

fn unknown(name: &str) -> String {
    let meant =
        nearest(name, Switches::NAMES).map_or("; known".to_owned(), |known| format!("; did you mean {known:?}? Known"));
    format!("unknown setting of a sandbox{meant} settings are {}", Switches::NAMES.join(", "))
}

macro_rules! words {
    ($($type:ty),*) => {
        $(impl Setting for $type {
            fn shown() -> RefOr<Schema> {
                Self::schema()
            }

            fn read(value: &Value) -> Result<Self, String> {
                read_word(value)
            }
        })*
    };
}

words!(
    AssertionClock,
    AssertionNames,
    Auth,
    EmailRule,
    InspaktHttpStatus,
    OnDecline,
    OnDuplicateHandoff,
    ValidationNextAction
);

fn read_word<T: ValueEnum>(value: &Value) -> Result<T, String> {
    value.as_str().and_then(|text| T::from_str(text, false).ok()).ok_or_else(|| {
        let words = T::value_variants().iter().filter_map(T::to_possible_value);
        let words: Vec<String> = words.map(|word| word.get_name().to_owned()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let listed: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        let meant = value.as_str().and_then(|text| nearest(text, &words));
        let meant = meant.map_or(String::new(), |word| format!("; did you mean {word:?}?"));
        format!("{} is not one of {}{meant}", shown(value), listed.join(", "))
    })
}

/// A value in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

impl Setting for bool {
    fn shown() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).into()
    }

    fn read(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| {
            let fix = match value.as_str() {
                Some(word @ ("true" | "false")) => format!("; write {word} without quotes"),
                _ => String::new(),
            };
            format!("{} is not true or false{fix}", shown(value))
        })
    }
}

impl Setting for SignedDuration {
    fn shown() -> RefOr<Schema> {
        Ref::from_schema_name(schema::Duration::name()).into()
    }

    fn given() -> RefOr<Schema> {
        Ref::from_schema_name(schema::GivenSpan::name()).into()
    }

    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => values::duration(text),
            Value::Number(number) => Err(without_unit(number.as_f64().unwrap_or_default(), number)),
            _ => Err(format!("{} is not a span of time; write one such as \"90s\" or \"PT10M\"", shown(value))),
        }
    }
}

/// An HTTP status for error answers. With `null`, each error has its own status.
impl Setting for Option<u16> {
    const NULL: Option<Self> = Some(None);

    fn shown() -> RefOr<Schema> {
        or_null(Self::given())
    }

    fn given() -> RefOr<Schema> {
        // Without 204, 205 and 304, which cannot have a body.
        let range = |(from, to)| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(from)).maximum(Some(to));
        let ranges = [(200, 203), (206, 303), (305, 599)].map(range);
        ranges.into_iter().fold(OneOfBuilder::new(), OneOfBuilder::item).into()
    }

    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Number(number) => {
                let number = number.to_string();
                values::error_http_status(&whole(&number).unwrap_or(number)).map(Some)
            }
            Value::String(text) if values::error_http_status(text).is_ok() => {
                Err(format!("{value} is not a number; write {text} without quotes"))
            }
            _ => Err(format!("{} is not the HTTP status of an answer; write a number from 200 to 599", shown(value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServeOptions;
    use clap::{Args, Command};

    #[test]
    fn every_switch_is_a_flag_a_variable_and_a_file_key() {
        let command = ServeOptions::augment_args(Command::new("serve"));
        for name in Switches::NAMES {
            let flag = name.replace('_', "-");
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(&flag)).unwrap();
            let variable = format!("DOCENDORSE_MOCK_{}", name.to_uppercase());
            assert_eq!(argument.get_env().unwrap(), &*variable);
            let error = toml::from_str::<ServeOptions>(&format!("{flag} = []")).unwrap_err();
            assert!(!error.message().contains("unknown field"), "{flag}: {error}");
        }
    }
}
