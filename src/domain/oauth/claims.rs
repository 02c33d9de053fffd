//! Claims of an assertion that can be judged on their own: the user and the requested scope (T2, T3).

use super::{
    ErrorCode,
    client::{Client, Scopes},
    error::Quoted,
    fate::{Bench, Verdict},
};
use crate::domain::contract::{Advice, email_problem};
use serde_json::{Map, Value};

/// Maximum length of `sub`, `email` and `jti`, in characters.
const LONGEST: usize = 512;

/// The claims that the contract defines, in addition to those of the header.
pub(super) const KNOWN: [&str; 11] =
    ["iss", "sub", "aud", "iat", "exp", "nbf", "jti", "email", "given_name", "family_name", "scope"];

/// The JSON type of a claim, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A claim that must be a non-empty string.
pub(super) fn text<'c>(claims: &'c Map<String, Value>, name: &str, what: &str) -> Result<&'c str, String> {
    match claims.get(name) {
        None => Err(format!("it is missing; expected {what}")),
        Some(Value::String(text)) if text.trim().is_empty() => Err(format!("it is empty; expected {what}")),
        Some(Value::String(text)) if text.chars().count() > LONGEST => {
            Err(format!("it has {} characters; shorten it to at most {LONGEST}", text.chars().count()))
        }
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("it is {}; expected {what}, as a string", kind(other))),
    }
}

pub(super) fn judge_sub(claims: &Map<String, Value>, bench: &mut Bench, advices: &mut Vec<Advice>) {
    let sub = text(claims, "sub", "the user's id in your system");
    if let Ok(sub) = sub
        && sub.chars().count() < 3
    {
        advices.push(advice(
            "/sub",
            "short_sub",
            "has fewer than 3 characters, so no external_user_id of a handoff can match it",
        ));
    }
    bench.judge("sub", sub.map(drop));
}

pub(super) fn judge_aud(claims: &Map<String, Value>, audience: &str, token_url: &str, bench: &mut Bench) {
    let wanted = format!("expected '{audience}'");
    let is_ours = |aud: &Value| aud.as_str() == Some(audience);
    let judged = match claims.get("aud") {
        None => Err(format!("it is missing; {wanted}")),
        Some(aud) if is_ours(aud) => Ok(()),
        Some(Value::String(other)) if other == token_url => {
            Err(format!("it is this endpoint's URL, which RFC 7523 allows but the contract does not; {wanted}"))
        }
        Some(Value::String(other)) => Err(format!("it is {}; {wanted}", Quoted(other))),
        Some(Value::Array(all)) if !all.iter().all(Value::is_string) => {
            Err(format!("it is a list with items that are not strings; {wanted}"))
        }
        Some(Value::Array(all)) if all.iter().any(is_ours) => Ok(()),
        Some(Value::Array(_)) => Err(format!("it is a list without the required value; {wanted}")),
        Some(other) => Err(format!("it is {}; {wanted}", kind(other))),
    };
    bench.judge("aud", judged);
}

pub(super) fn judge_email(claims: &Map<String, Value>, ascii_only: bool, bench: &mut Bench, advices: &mut Vec<Advice>) {
    let email = text(claims, "email", "the user's email address");
    let judged = email.and_then(|email| match email_problem(email) {
        None if email.is_ascii() => Ok(()),
        None if ascii_only => {
            Err(format!("it is {}; --email ascii rejects internationalised addresses", Quoted(email)))
        }
        None => {
            let message =
                "is internationalised (RFC 6531), which not every mail system supports; --email ascii rejects it";
            advices.push(advice("/email", "internationalised_email", message));
            Ok(())
        }
        Some(problem) => Err(format!(
            "it is {}, which is not an email address: {problem}; send one such as sam@example.com",
            Quoted(email)
        )),
    });
    bench.judge("email", judged);
}

pub(super) fn judge_name(
    claims: &Map<String, Value>,
    name: &'static str,
    is_required: bool,
    bench: &mut Bench,
    advices: &mut Vec<Advice>,
) {
    match claims.get(name) {
        Some(Value::String(_)) => bench.tell(name, Verdict::Accepted),
        Some(other) => bench.refuse(name, format!("it is {}; expected a string", kind(other))),
        None if is_required => {
            bench.refuse(name, "it is missing; expected a string, unless --assertion-names is optional".to_owned());
        }
        None => {
            advices.push(advice(&format!("/{name}"), "missing_name", "is missing; the vendor's guide requires it"));
            bench.tell(name, Verdict::Absent);
        }
    }
}

/// Judges `scope` and returns the requested scopes.
pub(super) fn judge_scope(claims: &Map<String, Value>, client: Option<&Client>, bench: &mut Bench) -> Option<Scopes> {
    let refuse = |bench: &mut Bench, why: String| {
        bench.refuse_as(ErrorCode::InvalidScope, "scope", why);
        None
    };
    let wanted = "expected the scopes in one string, such as 'openid agent_sessions:create'";
    let text = match claims.get("scope") {
        None => return refuse(bench, format!("it is missing; {wanted}")),
        Some(Value::String(text)) => text,
        Some(Value::Array(_)) => return refuse(bench, format!("it is a list; {wanted}")),
        Some(other) => return refuse(bench, format!("it is {}; {wanted}", kind(other))),
    };
    match Scopes::read(text) {
        // Quoted like the other verdicts.
        Err(error) => refuse(bench, error.description.replace('"', "'")),
        Ok(scopes) => match client.map(|client| (client, scopes.beyond(client.scopes))) {
            Some((client, beyond)) if !beyond.is_empty() => {
                refuse(bench, format!("it asks for '{beyond}', but the client is only allowed '{}'", client.scopes))
            }
            _ => {
                bench.tell("scope", Verdict::Accepted);
                Some(scopes)
            }
        },
    }
}

pub(super) fn advice(pointer: &str, code: &'static str, message: &str) -> Advice {
    Advice { pointer: pointer.to_owned(), code, message: message.to_owned() }
}
