//! Headers that an answer adds or replaces.

use super::template::{Names, Template, TemplateError};
use crate::base::{position::excerpt, reading::quoted};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use std::fmt;

/// Maximum number of headers of an answer.
const MOST: usize = 100;

/// Maximum total size of an answer's headers in bytes, including their names: as much as common clients accept.
const MOST_BYTES: usize = 16 * 1024;

/// Headers that frame an answer or control its connection.
const FRAMING: [&str; 7] =
    ["connection", "content-length", "keep-alive", "proxy-connection", "trailer", "transfer-encoding", "upgrade"];

/// Headers by name, in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Headers(Vec<(HeaderName, Template)>);

/// The name of a header that an answer may set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct HeaderName(Box<str>);

impl Headers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a header with this name, in any case.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other.0.eq_ignore_ascii_case(name))
    }

    /// Renders the headers for a request.
    pub(super) fn fill(&self, names: &Names) -> Result<Vec<(String, String)>, TemplateError> {
        let mut bytes = 0;
        self.0
            .iter()
            .map(|(name, template)| {
                let value = template.fill(names)?;
                let wrong = |problem: String| {
                    let source_text = excerpt(&template.to_string(), 0).text.into_owned();
                    Err(TemplateError { source_text, problem })
                };
                bytes += name.0.len() + value.len();
                if bytes > MOST_BYTES {
                    return wrong(format!(
                        "with the header {} the headers of the answer have {bytes} bytes; they have at most {MOST_BYTES} \
                         together",
                        excerpt(&name.0, 0).text
                    ));
                }
                if let Err(problem) = sendable(&name.0, &value) {
                    return wrong(problem);
                }
                Ok((name.0.to_string(), value))
            })
            .collect()
    }
}

/// Checks that a value can be sent as a header: visible ASCII, with spaces and tabs inside.
pub(super) fn sendable(name: &str, value: &str) -> Result<(), String> {
    let (name, shown) = (excerpt(name, 0).text, quoted(value));
    if value.chars().any(|char| char != '\t' && char.is_control() || !char.is_ascii()) {
        return Err(format!(
            "{shown} cannot be the header {name}: it has characters other than plain text; use visible ASCII"
        ));
    }
    if value.trim_ascii() != value {
        return Err(format!("{shown} cannot be the header {name}: clients drop leading and trailing space; remove it"));
    }
    Ok(())
}

impl TryFrom<String> for HeaderName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        // The server sets framing headers itself: a wrong length would break the connection for the next request.
        if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            return Err(format!(
                "the server sets the header {name} itself; to break an answer, use \"fault\" or \"truncate\""
            ));
        }
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!(
                "{} cannot be the name of a header; write letters, digits and dashes, such as Retry-After",
                quoted(&name)
            ));
        }
        Ok(Self(name.into()))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of headers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::default();
        let mut bytes = 0;
        while let Some(name) = map.next_key::<HeaderName>()? {
            if headers.0.len() == MOST {
                return Err(A::Error::custom(format!("an answer has at most {MOST} headers; remove some")));
            }
            if headers.has(&name.0) {
                return Err(A::Error::custom(format!(
                    "the header {} is given more than once; write it once",
                    excerpt(&name.0, 0).text
                )));
            }
            let value: Template = map.next_value()?;
            if let Some(text) = value.as_plain() {
                sendable(&name.0, text).map_err(A::Error::custom)?;
            }
            bytes += name.0.len() + value.len();
            if bytes > MOST_BYTES {
                let problem =
                    format!("the headers of an answer have at most {MOST_BYTES} bytes together; shorten them");
                return Err(A::Error::custom(problem));
            }
            headers.0.push((name, value));
        }
        Ok(headers)
    }
}
