//! An exchange as readers of the journal see it.

use super::{Entry, RecordedAnswer, exchange_id, mask_jwts};
use crate::domain::contract::is_json;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::{Map, Value, value::RawValue};
use std::borrow::Cow;

impl Serialize for Entry {
    /// Signed JWTs are masked wherever they may be quoted.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = serde_json::to_string(&Whole(self)).map_err(S::Error::custom)?;
        match mask_jwts(&whole) {
            Cow::Borrowed(_) => Whole(self).serialize(serializer),
            Cow::Owned(masked) => {
                let masked: Map<String, Value> = serde_json::from_str(&masked).map_err(S::Error::custom)?;
                masked.serialize(serializer)
            }
        }
    }
}

/// An exchange with everything in it.
struct Whole<'e>(&'e Entry);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = self.0;
        let exchange = &entry.exchange;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &exchange_id(entry.number))?;
        map.serialize_entry("at", &exchange.at)?;
        map.serialize_entry("client", &exchange.client)?;
        map.serialize_entry("request", &RequestView(entry))?;
        map.serialize_entry("answer", &exchange.answer.as_ref().map(|answer| AnswerView(answer, exchange.status)))?;
        map.serialize_entry("pending", &exchange.pending)?;
        map.serialize_entry("violations", &exchange.violations)?;
        map.serialize_entry("omitted_violations", &exchange.omitted_violations)?;
        map.serialize_entry("advices", &exchange.advices)?;
        map.serialize_entry("chosen", &exchange.chosen)?;
        map.serialize_entry("agent_session_id", &exchange.agent_session)?;
        map.serialize_entry("token_id", &exchange.token)?;
        map.serialize_entry("assertion", &exchange.assertion)?;
        map.serialize_entry("duration_us", &u64::try_from(exchange.duration.as_micros()).unwrap_or(u64::MAX))?;
        map.serialize_entry("request_id", &exchange.request_id)?;
        map.end()
    }
}

struct RequestView<'e>(&'e Entry);

impl Serialize for RequestView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (method, path) = self.0.request_line();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("method", method)?;
        map.serialize_entry("path", path)?;
        map.serialize_entry("headers", &headers(self.0.exchange.head.lines().skip(1)))?;
        serialize_body(&mut map, self.0.exchange.body.as_deref())?;
        map.end()
    }
}

struct AnswerView<'e>(&'e RecordedAnswer, Option<&'static str>);

impl Serialize for AnswerView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("http_status", &self.0.status)?;
        map.serialize_entry("status", &self.1)?;
        map.serialize_entry("headers", &headers(self.0.headers.lines()))?;
        serialize_body(&mut map, Some(&self.0.body))?;
        map.end()
    }
}

/// Header lines as an object; a name given more than once has its values joined as RFC 9110 5.2 allows.
fn headers<'h>(lines: impl Iterator<Item = &'h str>) -> Map<String, Value> {
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
    map
}

/// A body letter by letter: as `body` where it is JSON, so that a key given twice shows twice; else as `body_text`,
/// with what is not text replaced.
fn serialize_body<M: SerializeMap>(map: &mut M, body: Option<&[u8]>) -> Result<(), M::Error> {
    let Some(body) = body else {
        return map.serialize_entry("body", &());
    };
    if is_json(body)
        && let Ok(json) = serde_json::from_slice::<&RawValue>(body)
    {
        return map.serialize_entry("body", json);
    }
    map.serialize_entry("body", &())?;
    map.serialize_entry("body_text", &String::from_utf8_lossy(body))
}
