//! The body of an answer that deviates from the contract's: with changed members, or a different text.

use super::{
    answer::Departure,
    headers::sendable,
    template::{Context, Names, Template, TemplateError},
};
use crate::base::{
    position::excerpt,
    reading::{nearest, quoted},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

/// Maximum number of members of "set" in one answer, including nested members and list items; also of members of
/// "remove".
const MOST_MEMBERS: usize = 1_000;

/// The source of a scenario's body.
#[derive(Clone, Debug)]
pub(super) enum BodyPlan {
    /// The contract's body, with members replaced, added and removed.
    Contract { set: Members, remove: Vec<Box<str>> },
    /// The scenario's own text.
    Raw(Raw),
}

/// A scenario's own body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename = "raw")]
pub(super) struct Raw {
    #[serde(default = "json_type", deserialize_with = "content_type")]
    content_type: Template,
    body: Template,
}

/// Members of a JSON object whose strings are templates.
#[derive(Clone, Debug, Default)]
pub(super) struct Members(Vec<(String, Filling)>);

/// A JSON value whose strings are templates.
#[derive(Clone, Debug)]
enum Filling {
    Text(Template),
    List(Vec<Filling>),
    Members(Members),
    /// A number, a boolean or null.
    Other(Value),
}

/// What is sent instead of the contract's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Headers that replace those with the same name.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Departure {
    /// Renders the headers and the body of this answer, starting from the contract's body.
    ///
    /// # Errors
    /// When a template cannot be rendered for this request.
    pub fn render(&self, contract_body: &[u8], context: &Context<'_>) -> Result<Rendered, TemplateError> {
        let names = context.names();
        let mut headers = self.headers.fill(&names)?;
        let mut body = match &self.body {
            BodyPlan::Raw(raw) => {
                let content_type = raw.content_type.fill(&names)?;
                sendable_type(&content_type).map_err(|problem| TemplateError {
                    source_text: excerpt(&raw.content_type.to_string(), 0).text.into_owned(),
                    problem,
                })?;
                headers.push(("content-type".to_owned(), content_type));
                raw.body.fill(&names)?.into_bytes()
            }
            BodyPlan::Contract { set, remove } if set.0.is_empty() && remove.is_empty() => contract_body.to_vec(),
            BodyPlan::Contract { set, remove } => {
                let mut members: Map<String, Value> = serde_json::from_slice(contract_body).unwrap_or_default();
                members.extend(set.fill(&names)?);
                members.retain(|name, _| !remove.iter().any(|removed| **removed == **name));
                Value::Object(members).to_string().into_bytes()
            }
        };
        if let Some(kept) = self.truncate {
            body.truncate(kept);
        }
        Ok(Rendered { headers, body })
    }
}

impl Default for BodyPlan {
    fn default() -> Self {
        Self::Contract { set: Members::default(), remove: Vec::new() }
    }
}

impl BodyPlan {
    pub(super) fn of(raw: Option<Raw>, set: Members, remove: Vec<Box<str>>) -> Result<Self, String> {
        if remove.len() > MOST_MEMBERS {
            let count = remove.len();
            return Err(format!(
                "\"remove\" has {count} members; an answer has at most {MOST_MEMBERS}. Use \"raw\" for a large body"
            ));
        }
        if let Some((name, _)) = set.0.iter().find(|(name, _)| remove.iter().any(|removed| **removed == **name)) {
            let name = excerpt(name, 0).text;
            return Err(format!("the member {name:?} is both set and removed; do only one of them"));
        }
        match raw {
            None => Ok(Self::Contract { set, remove }),
            Some(raw) if set.0.is_empty() && remove.is_empty() => Ok(Self::Raw(raw)),
            Some(_) => Err("\"raw\" replaces the whole body; remove it, or remove \"set\" and \"remove\"".to_owned()),
        }
    }

    /// Rejects removing members that the contract's answer does not have. `known` are its members.
    pub(super) fn check_removed(&self, known: &[&str]) -> Result<(), String> {
        let Self::Contract { remove, .. } = self else { return Ok(()) };
        let Some(unknown) = remove.iter().find(|name| !known.contains(&&***name)) else { return Ok(()) };
        let meant = nearest(unknown, known).map_or(String::new(), |meant| format!("; did you mean {meant:?}?"));
        let separator = if meant.is_empty() { "; it has" } else { " It has" };
        Err(format!("\"remove\": the answer has no member {}{meant}{separator} {}", quoted(unknown), known.join(", ")))
    }

    /// Whether it is the contract's unchanged body.
    pub(super) fn is_contract(&self) -> bool {
        matches!(self, Self::Contract { set, remove } if set.0.is_empty() && remove.is_empty())
    }
}

impl Members {
    /// Number of members, including nested ones.
    fn count(&self) -> usize {
        self.0.iter().map(|(_, filling)| filling.count()).sum()
    }

    fn fill(&self, names: &Names) -> Result<Map<String, Value>, TemplateError> {
        self.0.iter().map(|(name, filling)| Ok((name.clone(), filling.fill(names)?))).collect()
    }
}

impl Filling {
    fn count(&self) -> usize {
        1 + match self {
            Self::Text(_) | Self::Other(_) => 0,
            Self::List(items) => items.iter().map(Self::count).sum(),
            Self::Members(members) => members.count(),
        }
    }

    fn fill(&self, names: &Names) -> Result<Value, TemplateError> {
        Ok(match self {
            Self::Text(template) => Value::String(template.fill(names)?),
            Self::List(items) => Value::Array(items.iter().map(|item| item.fill(names)).collect::<Result<_, _>>()?),
            Self::Members(members) => Value::Object(members.fill(names)?),
            Self::Other(value) => value.clone(),
        })
    }
}

fn json_type() -> Template {
    Template::plain("application/json")
}

fn content_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
    let template = Template::deserialize(deserializer)?;
    if let Some(text) = template.as_plain() {
        sendable_type(text).map_err(D::Error::custom)?;
    }
    Ok(template)
}

/// Checks that a text can be sent as a content type.
fn sendable_type(text: &str) -> Result<(), String> {
    const MOST_BYTES: usize = 1_000;
    if text.len() > MOST_BYTES {
        return Err(format!("\"content_type\" has {} bytes; at most {MOST_BYTES} are allowed", text.len()));
    }
    sendable("Content-Type", text)
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let (mut members, mut count) = (Vec::new(), 0);
        while let Some((name, filling)) = map.next_entry::<String, Filling>()? {
            count = within_limit(count + filling.count()).map_err(A::Error::custom)?;
            members.push((name, filling));
        }
        Ok(Members(members))
    }
}

/// Checks the count of members and items so far. Reading stops at the first excess one, before the rest is compiled.
fn within_limit(count: usize) -> Result<usize, String> {
    if count > MOST_MEMBERS {
        return Err(format!(
            "\"set\" has more than {MOST_MEMBERS} members and items; an answer has at most {MOST_MEMBERS}. Use \"raw\" for \
             a large body"
        ));
    }
    Ok(count)
}

impl<'de> Deserialize<'de> for Filling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FillingVisitor)
    }
}

struct FillingVisitor;

impl<'de> Visitor<'de> for FillingVisitor {
    type Value = Filling;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Filling, E> {
        Template::compile(text).map(Filling::Text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Filling, A::Error> {
        let (mut list, mut count) = (Vec::new(), 0);
        while let Some(item) = items.next_element::<Filling>()? {
            count = within_limit(count + item.count()).map_err(A::Error::custom)?;
            list.push(item);
        }
        Ok(Filling::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Filling, A::Error> {
        MembersVisitor.visit_map(map).map(Filling::Members)
    }

    fn visit_unit<E>(self) -> Result<Filling, E> {
        Ok(Filling::Other(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Filling, E> {
        Ok(Filling::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Filling, E> {
        Ok(Filling::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Filling, E> {
        Ok(Filling::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Filling, E> {
        Ok(Filling::Other(value.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::answer::ScriptedAnswer, *};
    use crate::domain::actor::Actor;
    use serde_json::json;

    fn render(answer: Value) -> Result<Rendered, String> {
        let answer: ScriptedAnswer = serde_json::from_value(answer).map_err(|error| error.to_string())?;
        let actor = Actor { external_user_id: "usr_1".into(), email: "kim@x.com".into(), display_name: None };
        let context = Context {
            request: &json!({ "handoff_id": "h\n1" }),
            actor: &actor,
            now: "2026-03-01T09:30:00Z".parse().unwrap(),
            base_url: "http://mock.test",
            agent_session_id: "as_1",
            id: "0000",
        };
        let departure = answer.departure(&mut || 0.0).ok_or("nothing departs")?;
        let body = br#"{"status":"success","next_action":"continue_handoff","handoff_uri":"u"}"#;
        departure.render(body, &context).map_err(|error| error.to_string())
    }

    fn body(answer: Value) -> String {
        String::from_utf8(render(answer).unwrap().body).unwrap()
    }

    #[test]
    fn members_are_replaced_appended_and_removed() {
        let set = json!({
            "status": "odd",
            "for": { "who": ["{{ actor.email }}", 3, null, true, 1.5] },
        });
        assert_eq!(
            body(json!({ "set": set, "remove": ["next_action", "absent"] })),
            r#"{"status":"odd","handoff_uri":"u","for":{"who":["kim@x.com",3,null,true,1.5]}}"#
        );
    }

    #[test]
    fn a_raw_body_has_its_own_type_and_can_be_truncated() {
        let rendered = render(json!({
            "raw": { "content_type": "text/html", "body": "<p>{{ id }}</p>" },
            "headers": { "X-Id": "{{ id }}" },
            "truncate": 5,
        }));
        let headers =
            [("X-Id", "0000"), ("content-type", "text/html")].map(|(name, value)| (name.into(), value.into()));
        assert_eq!(rendered.unwrap(), Rendered { headers: headers.into(), body: b"<p>00".into() });
        assert_eq!(body(json!({ "truncate": 10 })), r#"{"status":"#);
        assert_eq!(body(json!({ "raw": { "body": "[]" }, "truncate": 10 })), "[]");
    }

    #[test]
    fn a_header_holds_plain_text_and_does_not_frame_the_answer() {
        let error = render(json!({ "headers": { "X-Handoff": "{{ request.handoff_id }}" } })).unwrap_err();
        assert!(error.contains(r#""h\n1" cannot be the header X-Handoff"#), "{error}");
        for (headers, problem) in [
            (json!({ "Content-Length": "3" }), "the server sets the header"),
            (json!({ "a b": "3" }), "cannot be the name of a header"),
            (json!({ "a": "3", "A": "4" }), "the header A is given more than once"),
            (json!({ "a": "{{ b }}" }), "\"b\", which does not exist"),
        ] {
            let error = render(json!({ "headers": headers })).unwrap_err();
            assert!(error.contains(problem), "{headers}: {error}");
        }
    }

    #[test]
    fn an_invalid_body_is_refused() {
        for (answer, problem) in [
            (json!({ "set": { "a": ["{{ nobody }}"] } }), "\"nobody\", which does not exist"),
            (json!({ "set": { "a": 1 }, "remove": ["a"] }), "both set and removed"),
            (json!({ "raw": { "text": "x" } }), "unknown field `text`"),
        ] {
            let error = render(answer.clone()).unwrap_err();
            assert!(error.contains(problem), "{answer}: {error}");
        }
    }
}
