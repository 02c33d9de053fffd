//! Schemas of strings and numbers that many responses share, for the control plane's OpenAPI document.
//!
//! These types have no values: a field of such a form names its type as `value_type`.

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

    Duration: "An ISO 8601 duration.", text().format(Some(format("duration"))).examples(["PT24H", "PT10M"]).build();
    GivenSpan: "A duration such as `10m`, or in ISO 8601. Not negative. A day has 24 hours; months \
        and years are not allowed.",
        text().min_length(Some(2)).examples(["500ms", "90s", "10m", "1h 30m", "2d", "PT10M", "P1D"]).build();
    Pointer: "A JSON pointer (RFC 6901) into the body; for a missing member, where it should be.",
        text().format(Some(format("json-pointer"))).build();
    Seed: "The number from which all ids are derived.", whole().maximum(Some(u64::MAX)).build();
}

/// Makes a type refer to a named schema that another file defines.
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

/// The schema of an id.
#[must_use]
pub fn id(pattern: &str, example: &str) -> Object {
    text().pattern(Some(pattern)).examples([example]).build()
}

fn format(name: &str) -> SchemaFormat {
    SchemaFormat::Custom(name.to_owned())
}
