//! Parses and assembles compact signed JWTs (RFC 7515, RFC 7519) without judging them.

use crate::base::reading;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

/// Maximum length of a JWT in characters: several times what clients need.
pub(super) const LONGEST: usize = 16 << 10;

/// A parsed signed JWT.
#[derive(Clone, Debug)]
pub struct Jws<'t> {
    pub header: Map<String, Value>,
    /// The header as it was written.
    pub header_text: Vec<u8>,
    pub claims: Map<String, Value>,
    /// The claims as they were written.
    pub claims_text: Vec<u8>,
    /// The text that the signature covers.
    pub signed: &'t str,
    pub signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Parses a token.
    ///
    /// # Errors
    /// Why the text is not a signed JWT, as the end of "it …".
    pub fn read(token: &'t str) -> Result<Self, String> {
        if token.len() > LONGEST {
            return Err(format!("has {} characters; at most {LONGEST} are accepted", token.len()));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            let what = if parts.len() == 5 { " (an encrypted JWT has 5)" } else { "" };
            let count = if parts.len() == 1 { "1 part".to_owned() } else { format!("{} parts", parts.len()) };
            return Err(format!("has {count} between dots, but a signed JWT has 3: header.claims.signature{what}"));
        };
        let decode = |name: &str, part: &str| {
            base64url(part).map_err(|problem| format!("is not base64url in its {name}: {problem}"))
        };
        let object = |name: &str, bytes: &[u8]| {
            serde_json::from_slice(bytes).map(|Members(members)| members).map_err(|_| {
                let what = if bytes.trim_ascii_start().starts_with(b"{") { "an error in" } else { "no JSON object as" };
                format!("has {what} its {name}{}", objection(bytes))
            })
        };
        let (header_text, claims_text) = (decode("header", header)?, decode("claims", claims)?);
        Ok(Self {
            header: object("header", &header_text)?,
            header_text,
            claims: object("claims", &claims_text)?,
            claims_text,
            signed: &token[..header.len() + 1 + claims.len()],
            signature: decode("signature", signature)?,
        })
    }
}

/// Why a text is not a JSON object, as the end of a sentence.
fn objection(text: &[u8]) -> String {
    match reading::json::<Map<String, Value>>(text) {
        Err(error) => format!(": {}", error.in_body()),
        Ok(_) => String::new(),
    }
}

/// Decodes base64url without padding (RFC 7515, 2). Errors say what to change.
pub(super) fn base64url(text: &str) -> Result<Vec<u8>, String> {
    let is_part = |char: &char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| match text.chars().zip(1..).find(|(char, _)| !is_part(char)) {
        Some(('=', _)) => "it has padding; remove each \"=\"".to_owned(),
        Some((char @ ('+' | '/'), place)) => {
            format!("character {place} is {char:?}; write \"-\" for \"+\" and \"_\" for \"/\"")
        }
        Some((char, _))
            if char.is_whitespace() && text.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) =>
        {
            "it starts with \"Bearer\"; give only the token".to_owned()
        }
        Some((char, place)) => {
            format!("character {place} is {char:?}; only letters, digits, \"-\" and \"_\" are allowed")
        }
        None => "it is truncated or damaged at the end; copy it again".to_owned(),
    })
}

/// The text to sign, from a header and claims as JSON texts.
#[must_use]
pub fn signing_input(header: &str, claims: &[u8]) -> String {
    let mut input = BASE64_URL_SAFE_NO_PAD.encode(header);
    input.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut input);
    input
}

/// Appends the signature to the text that it covers.
#[must_use]
pub fn with_signature(mut signed: String, signature: &[u8]) -> String {
    signed.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut signed);
    signed
}

/// A JSON object with unique names (RFC 7515, 5.2; RFC 7519, 4): two readers could take different values of a duplicate
/// claim.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if members.contains_key(&name) {
                        return Err(A::Error::custom(format!("the member {name:?} is given more than once")));
                    }
                    members.insert(name, value);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}
