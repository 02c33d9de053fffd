//! The parts of a request that scenarios can match.

use super::exact::Exact;
use crate::domain::contract::read_json;
use serde_json::Value;
use std::{borrow::Cow, sync::OnceLock};

/// A request body that is parsed at most once, when its content is first needed.
#[derive(Debug)]
pub struct LazyBody<'a> {
    text: &'a [u8],
    value: OnceLock<Value>,
    exact: OnceLock<Exact>,
}

impl<'a> LazyBody<'a> {
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, value: OnceLock::new(), exact: OnceLock::new() }
    }

    /// The body with exact numbers; `null` if it is not JSON.
    pub(super) fn exact(&self) -> &Exact {
        self.exact.get_or_init(|| Exact::read(self.text).unwrap_or_else(|| self.value().into()))
    }

    /// The body as JSON; `null` if it is not JSON.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| read_json(self.text).unwrap_or_default())
    }
}

/// The parts of a request that scenarios can match. Parts that the request does not have are empty.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The actor's email, in any case.
    pub email: &'a str,
    /// The actor's id in the caller's system.
    pub external_user_id: &'a str,
    /// The intent, as the contract names it.
    pub intent: &'a str,
    /// The caller's id of the handoff.
    pub handoff_id: &'a str,
    /// The integration's source.
    pub source: &'a str,
    pub body: &'a LazyBody<'a>,
}

impl<'a> Facts<'a> {
    /// The facts of a body that may be invalid, such as one in the journal.
    #[must_use]
    pub fn of(body: &'a LazyBody<'a>) -> Self {
        let text = |pointer| body.value().pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        Self {
            email: text("/actor/email"),
            external_user_id: text("/actor/external_user_id"),
            intent: text("/intent"),
            handoff_id: text("/handoff_id"),
            source: text("/integration/source"),
            body,
        }
    }

    /// The facts of an assertion's claims, as scenarios for tokens match them.
    #[must_use]
    pub fn of_claims(claims: &'a LazyBody<'a>) -> Self {
        let text = |name| claims.value().get(name).and_then(Value::as_str).unwrap_or_default();
        Self {
            email: text("email"),
            external_user_id: text("sub"),
            intent: "",
            handoff_id: "",
            source: "",
            body: claims,
        }
    }

    /// Restores the kept facts of a body. The body is parsed again only if a matcher needs more.
    #[must_use]
    pub fn kept(kept: &'a KeptFacts, body: &'a LazyBody<'a>) -> Self {
        let KeptFacts([email, external_user_id, intent, handoff_id, source]) = kept;
        Self { email, external_user_id, intent, handoff_id, source, body }
    }

    /// A copy to keep; `None` if a text is too long to be worth the memory.
    #[must_use]
    pub fn keep(&self) -> Option<KeptFacts> {
        let texts = [self.email, self.external_user_id, self.intent, self.handoff_id, self.source];
        texts.iter().all(|text| text.len() <= LONGEST_KEPT).then(|| KeptFacts(texts.map(Box::from)))
    }
}

/// Maximum length of a text that is kept.
const LONGEST_KEPT: usize = 1_000;

/// The facts of a request without its body, as the journal keeps them.
#[derive(Debug)]
pub struct KeptFacts([Box<str>; 5]);

impl KeptFacts {
    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|text| text.len()).sum()
    }
}

/// An email in lower case, as used for matching and as a key.
pub(super) fn lower_case(email: &str) -> Cow<'_, str> {
    if email.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(email)
    } else {
        Cow::Owned(email.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_of_a_broken_body_are_empty() {
        for body in [&b"{"[..], b"[]", br#"{"actor": "sam", "intent": 3}"#] {
            let body = LazyBody::new(body);
            let facts = Facts::of(&body);
            assert_eq!((facts.email, facts.intent, facts.source), ("", "", ""));
        }
    }

    #[test]
    fn emails_are_compared_in_lower_case() {
        assert!(matches!(lower_case("sam@x.com"), Cow::Borrowed(_)));
        assert_eq!(lower_case("Sam@ÉX.com"), "sam@éx.com");
    }
}
