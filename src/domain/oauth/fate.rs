//! The result for each claim of an assertion, for the journal and for offline checks.

use super::{ErrorCode, TokenError};
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeStruct},
};
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::ToSchema;

/// The result for one part of an assertion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fate {
    /// `alg`, `kid`, `typ` and `crit` of the header, `signature`, or the name of a claim.
    pub claim: Cow<'static, str>,
    #[schema(inline)]
    pub fate: Verdict,
    /// The reason, if it is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The result for a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Accepted,
    /// The claim is a reason, possibly one of several, why the assertion is refused.
    Refused,
    /// The claim is absent, and optional.
    Absent,
    /// The claim could not be judged, because something it depends on was refused.
    Unjudged,
    /// The contract does not define the claim.
    PassedOver,
}

/// An assertion without its signature, and the result for each of its parts.
#[derive(Clone, Debug, ToSchema)]
pub struct JudgedAssertion {
    /// The header.
    #[schema(value_type = Object)]
    pub header: Box<[u8]>,
    /// The claims.
    #[schema(value_type = Object)]
    pub claims: Box<[u8]>,
    /// The result for each part, in the order in which they were judged. The answer reports the first refusal.
    pub fates: Vec<Fate>,
}

impl JudgedAssertion {
    /// Approximate size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let why = |fate: &Fate| size_of::<Fate>() + fate.claim.len() + fate.why.as_ref().map_or(0, String::len);
        self.header.len() + self.claims.len() + self.fates.iter().map(why).sum::<usize>()
    }
}

impl Serialize for JudgedAssertion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = |text| serde_json::from_slice::<&RawValue>(text).map_err(S::Error::custom);
        let mut assertion = serializer.serialize_struct("assertion", 3)?;
        assertion.serialize_field("header", raw(&self.header)?)?;
        assertion.serialize_field("claims", raw(&self.claims)?)?;
        assertion.serialize_field("fates", &self.fates)?;
        assertion.end()
    }
}

/// Collects results and remembers the first refusal, which the answer reports.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) fates: Vec<Fate>,
    pub(super) refusal: Option<TokenError>,
}

impl Bench {
    pub(super) fn new() -> Self {
        // One for each part of an assertion, so that the list never reallocates.
        Self { fates: Vec::with_capacity(16), refusal: None }
    }

    pub(super) fn tell(&mut self, claim: impl Into<Cow<'static, str>>, fate: Verdict) {
        self.fates.push(Fate { claim: claim.into(), fate, why: None });
    }

    pub(super) fn refuse(&mut self, claim: &'static str, why: String) {
        self.refuse_as(ErrorCode::InvalidGrant, claim, why);
    }

    pub(super) fn refuse_as(&mut self, code: ErrorCode, claim: &'static str, why: String) {
        if self.refusal.is_none() {
            self.refusal = Some(TokenError::new(code, &format!("The assertion's {claim}: {why}.")));
        }
        self.fates.push(Fate { claim: claim.into(), fate: Verdict::Refused, why: Some(why) });
    }

    /// Accepts a claim, or refuses it with a reason.
    pub(super) fn judge(&mut self, claim: &'static str, judged: Result<(), String>) {
        match judged {
            Ok(()) => self.tell(claim, Verdict::Accepted),
            Err(why) => self.refuse(claim, why),
        }
    }
}
