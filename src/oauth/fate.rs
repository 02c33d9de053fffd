//! What became of each claim of an assertion: for the journal, and for whoever asks offline.

use super::{ErrorCode, TokenError};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// How one part of an assertion fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// `alg`, `kid`, `typ` and `crit` of the header, `signature`, or the name of a claim.
    pub claim: Cow<'static, str>,
    /// What became of it.
    pub fate: Verdict,
    /// Why, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is as it should be.
    Accepted,
    /// It is the reason, or one of the reasons, for which the assertion does not pass.
    Refused,
    /// It is not there, and need not be.
    Absent,
    /// It could not be judged, for want of something that was refused.
    Unjudged,
    /// The contract does not know it.
    PassedOver,
}

/// An assertion as the journal keeps it: readable, and of no use to anybody without its signature.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedAssertion {
    /// The header's members.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
    /// What became of each.
    pub fates: Vec<Fate>,
    /// About how many bytes this takes up.
    #[serde(skip)]
    pub size: usize,
}

/// Collects fates, and the first refusal among them: the one that the answer tells.
#[derive(Debug, Default)]
pub(super) struct Bench {
    pub(super) fates: Vec<Fate>,
    pub(super) refusal: Option<TokenError>,
}

impl Bench {
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

    /// Accepts a claim, or refuses it for a reason.
    pub(super) fn judge(&mut self, claim: &'static str, judged: Result<(), String>) {
        match judged {
            Ok(()) => self.tell(claim, Verdict::Accepted),
            Err(why) => self.refuse(claim, why),
        }
    }
}
