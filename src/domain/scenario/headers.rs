//! Headers that an answer adds to, or puts in place of, those of the server.

use super::template::{Names, Template, TemplateError};
use crate::base::{position::excerpt, reading::quoted};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use std::fmt;

/// The most headers of one answer.
const MOST: usize = 100;

/// The most bytes of all headers of one answer together, with their names: as many as common clients read.
const MOST_BYTES: usize = 16 * 1024;

/// What frames an answer or governs its connection.
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

    /// Whether there is a header of this name, in any case.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other.0.eq_ignore_ascii_case(name))
    }

    /// The headers for one request.
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

/// Whether a value can be sent as a header: visible ASCII, with spaces and tabs inside.
pub(super) fn sendable(name: &str, value: &str) -> Result<(), String> {
    let (name, shown) = (excerpt(name, 0).text, quoted(value));
    if value.chars().any(|char| char != '\t' && char.is_control() || !char.is_ascii()) {
        return Err(format!("{shown} cannot be the header {name}: it holds more than plain text; use visible ASCII"));
    }
    if value.trim_ascii() != value {
        return Err(format!("{shown} cannot be the header {name}: readers drop the space around it; remove it"));
    }
    Ok(())
}

impl TryFrom<String> for HeaderName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        // What frames the answer is the server's own: a wrong length would break the connection for the next request.
        if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            return Err(format!("the header {name} is the server's own; \"fault\" and \"truncate\" break an answer"));
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
                return Err(A::Error::custom(format!("an answer has at most {MOST} headers; drop some")));
            }
            if headers.has(&name.0) {
                return Err(A::Error::custom(format!(
                    "the header {} is there twice; write it once",
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
