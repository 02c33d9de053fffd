//! The JSON view of an exchange.

use super::{Entry, exchange_id, mask_jwts};
use crate::{
    base::schema::{AgentSessionId, ExchangeId, TokenId},
    domain::{
        contract::{Advice, Status, Violation, is_json},
        oauth::JudgedAssertion,
        scenario::Chosen,
    },
};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::{Map, Value, value::RawValue};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

impl Serialize for Entry {
    /// Signed JWTs are masked wherever they may be quoted.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = serde_json::to_string(&ExchangeView::of(self)).map_err(S::Error::custom)?;
        match mask_jwts(&whole) {
            Cow::Borrowed(_) => ExchangeView::of(self).serialize(serializer),
            Cow::Owned(masked) => {
                let masked: Map<String, Value> = serde_json::from_str(&masked).map_err(S::Error::custom)?;
                masked.serialize(serializer)
            }
        }
    }
}

/// A recorded request with its answer and the reasons for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Exchange)]
struct ExchangeView<'e> {
    #[schema(value_type = ExchangeId)]
    id: String,
    /// When the request arrived.
    at: Timestamp,
    /// The client that sent it; null if the credential was refused or not examined (H2), or the connection ended first.
    #[schema(required)]
    client: Option<&'e str>,
    request: RequestView<'e>,
    /// The answer; null while the exchange is pending, or if the connection ended before there was one. Present even if
    /// the caller did not wait for it.
    #[schema(required)]
    answer: Option<AnswerView<'e>>,
    /// Whether the answer is decided but still delayed. When the delay ends, the exchange gets its answer under the
    /// same id. No status filter matches a pending exchange.
    pending: bool,
    /// How the request violates the contract, in the order of the schema.
    #[schema(max_items = 100)]
    violations: &'e [Violation],
    /// Number of violations beyond the listed ones.
    omitted_violations: usize,
    advices: &'e [Advice],
    chosen: &'e Chosen,
    /// The agent session that the answer names.
    #[schema(required, value_type = Option<AgentSessionId>)]
    agent_session_id: Option<&'e str>,
    /// Id of the access token that was issued or presented.
    #[schema(required, value_type = Option<TokenId>)]
    token_id: Option<&'e str>,
    /// The assertion presented to the token endpoint, with the result for each claim.
    #[schema(required)]
    assertion: Option<&'e JudgedAssertion>,
    /// How long the answer took, in microseconds; while the exchange is pending, how long it took to decide.
    duration_us: u64,
    /// The `X-Request-Id` of the answer.
    #[schema(min_length = 1)]
    request_id: &'e str,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedRequest)]
struct RequestView<'e> {
    #[schema(min_length = 1)]
    method: &'e str,
    /// The path with the query, as received.
    #[schema(min_length = 1)]
    path: &'e str,
    headers: Headers,
    #[serde(flatten)]
    body: BodyView<'e>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordedAnswer)]
struct AnswerView<'e> {
    #[schema(minimum = 100, maximum = 599)]
    http_status: u16,
    /// The `status` in the answer's body (S1); null for the token endpoint, whose answers have none.
    #[schema(required, value_type = Option<Status>)]
    status: Option<&'static str>,
    headers: Headers,
    #[serde(flatten)]
    body: BodyView<'e>,
}

/// A body, unmodified: in `body` if it is JSON, so that a duplicate key appears twice; otherwise in `body_text`.
#[derive(Debug, Default, Serialize, ToSchema)]
struct BodyView<'e> {
    /// The body if it is JSON, otherwise null. Also null if it was not read or the connection ended first.
    #[schema(required, value_type = Value)]
    body: Option<&'e RawValue>,
    /// The body as text if it is not JSON. Invalid UTF-8 is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_text: Option<Cow<'e, str>>,
}

/// Headers by lower-case name. Values of the same name are joined with a comma (RFC 9110 5.2). Of a credential, only
/// the scheme and the length are kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = HashMap<String, String>)]
struct Headers(Map<String, Value>);

impl<'e> ExchangeView<'e> {
    fn of(entry: &'e Entry) -> Self {
        let exchange = &entry.exchange;
        let (method, path) = entry.request_line();
        Self {
            id: exchange_id(entry.number),
            at: exchange.at,
            client: exchange.client.as_deref(),
            request: RequestView {
                method,
                path,
                headers: Headers::of(exchange.head.lines().skip(1)),
                body: exchange.body.as_deref().map(BodyView::of).unwrap_or_default(),
            },
            answer: exchange.answer.as_ref().map(|answer| AnswerView {
                http_status: answer.status,
                status: exchange.status,
                headers: Headers::of(answer.headers.lines()),
                body: BodyView::of(&answer.body),
            }),
            pending: exchange.pending,
            violations: &exchange.violations,
            omitted_violations: exchange.omitted_violations,
            advices: &exchange.advices,
            chosen: &exchange.chosen,
            agent_session_id: exchange.agent_session.as_deref(),
            token_id: exchange.token.as_deref(),
            assertion: exchange.assertion.as_deref(),
            duration_us: u64::try_from(exchange.duration.as_micros()).unwrap_or(u64::MAX),
            request_id: &exchange.request_id,
        }
    }
}

impl<'e> BodyView<'e> {
    fn of(body: &'e [u8]) -> Self {
        if is_json(body)
            && let Ok(json) = serde_json::from_slice::<&RawValue>(body)
        {
            return Self { body: Some(json), body_text: None };
        }
        Self { body: None, body_text: Some(String::from_utf8_lossy(body)) }
    }
}

impl PartialSchema for Entry {
    fn schema() -> RefOr<Schema> {
        ExchangeView::schema()
    }
}

impl ToSchema for Entry {
    fn name() -> Cow<'static, str> {
        ExchangeView::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ExchangeView::schemas(schemas);
    }
}

impl Headers {
    fn of<'h>(lines: impl Iterator<Item = &'h str>) -> Self {
        let mut map = Map::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            match map.get_mut(name) {
                Some(Value::String(joined)) => {
                    joined.push_str(", ");
                    joined.push_str(value);
                }
                _ => {
                    map.insert(name.to_owned(), value.into());
                }
            }
        }
        Self(map)
    }
}
