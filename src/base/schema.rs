//! The forms of texts and numbers that many answers share, for the OpenAPI document of the control plane.
//!
//! None of these types has a value: a field that holds such a text names its form as `value_type`.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, ObjectBuilder, RefOr, Schema, schema::SchemaFormat, schema::Type},
};

macro_rules! forms {
    ($($name:ident: $description:literal, $form:expr;)*) => {$(
        #[doc = $description]
        #[derive(Debug)]
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let mut form: Object = $form;
                form.description = Some($description.to_owned());
                form.into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

forms! {
    AgentSessionId: "The id of an agent session (S2).", id("^as_[0-9a-f]{24}$", "as_4f30a4977471f0ecc2e1265b");
    ClientId: "The id of a client (T4).", id("^client_[0-9a-f]{32}$", "client_00000000000000000000000000000001");
    EventId: "The id of an event.", id("^evt_[0-9]{1,19}$", "evt_00000001");
    ExchangeId: "The id of an exchange (S9).", id("^ex_[0-9]{1,19}$", "ex_00000001");
    MessageId: "The id of a message.", id("^msg_[0-9a-f]{24}$", "msg_4f30a4977471f0ecc2e1265b");
    SandboxName: "The name of a sandbox. `restore`, `.` and `..` are reserved.",
        id("^[A-Za-z0-9._-]{1,64}$", "suite-a");
    ScenarioName: "The name of a scenario.", id("^[A-Za-z0-9_.-]{1,100}$", "rate-limited");
    TokenId: "The id of an access token.", id("^at_[0-9a-f]{24}$", "at_4f30a4977471f0ecc2e1265b");
    UserId: "The id of a user.", id("^[A-Za-z0-9._-]{1,64}$", "usr_4f30a4977471f0ecc2e1265b");

    Duration: "A span of time as ISO 8601.", text().format(Some(format("duration"))).examples(["PT24H", "PT10M"]).build();
    GivenSpan: "A span of time, as people write it or as ISO 8601. It cannot be negative. A day has 24 hours; months \
        and years are not allowed.",
        text().min_length(Some(2)).examples(["500ms", "90s", "10m", "1h 30m", "2d", "PT10M", "P1D"]).build();
    Pointer: "A JSON pointer (RFC 6901) into the body; for a missing member, where it should be.",
        text().format(Some(format("json-pointer"))).build();
    Seed: "All ids are derived from this number.", whole().maximum(Some(u64::MAX)).build();
}

/// Describes a type by the name of a schema that another file defines.
macro_rules! by_name {
    ($type:ty, $name:literal) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::Ref::from_schema_name($name).into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}

pub(crate) use by_name;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn whole() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0))
}

/// The form of an id.
#[must_use]
pub fn id(pattern: &str, example: &str) -> Object {
    text().pattern(Some(pattern)).examples([example]).build()
}

fn format(name: &str) -> SchemaFormat {
    SchemaFormat::Custom(name.to_owned())
}
