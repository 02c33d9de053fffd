//! Keys as JSON (RFC 7517).

use super::{
    jws::base64url,
    key::{KeyError, MOST_KEYS, PublicKey},
};
use crate::base::reading;
use serde_json::{Map, Value};

/// Members that only private RSA keys have.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Parses a JWK, or all keys of a JWKS.
pub(super) fn read(text: &str) -> Result<Vec<PublicKey>, KeyError> {
    let value: Value = reading::json(text.as_bytes()).map_err(|error| KeyError::new(error.in_body()))?;
    from_value(&value)
}

pub(super) fn from_value(value: &Value) -> Result<Vec<PublicKey>, KeyError> {
    let Some(object) = value.as_object() else {
        return Err(KeyError::new("it is JSON, but not an object; give a JWK or a JWKS"));
    };
    let Some(keys) = object.get("keys") else { return Ok(vec![one(object)?]) };
    let keys = keys.as_array().filter(|keys| (1..=MOST_KEYS).contains(&keys.len()));
    let Some(keys) = keys else {
        return Err(KeyError::new(format!("its \"keys\" must be a list of 1 to {MOST_KEYS} JWKs")));
    };
    let one = |(place, key): (usize, &Value)| {
        let key = key.as_object().ok_or_else(|| KeyError::new("it is not a JSON object")).and_then(one);
        key.map_err(|KeyError(problem)| KeyError(format!("keys/{place}: {problem}")))
    };
    keys.iter().enumerate().map(one).collect()
}

pub(super) fn one(jwk: &Map<String, Value>) -> Result<PublicKey, KeyError> {
    if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
        return Err(KeyError::private());
    }
    if jwk.contains_key("k") {
        return Err(KeyError::new(
            "it is a shared secret; assertions are signed with RS256, which needs an RSA key. \
             Nothing of it was kept",
        ));
    }
    let text = |name: &str| match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(KeyError::new(format!("its {name:?} must be a string, but is {other}"))),
    };
    match text("kty")? {
        Some("RSA") => {}
        Some(other) => {
            return Err(KeyError::new(format!(
                "its \"kty\" is {other:?}; assertions are signed with RS256, which needs \"RSA\""
            )));
        }
        None => return Err(KeyError::new("its \"kty\" is missing; expected \"RSA\"")),
    }
    if let Some(other) = text("use")?.filter(|purpose| *purpose != "sig") {
        return Err(KeyError::new(format!("its \"use\" is {other:?}; expected \"sig\", a key for signatures")));
    }
    if let Some(other) = text("alg")?.filter(|algorithm| *algorithm != "RS256") {
        return Err(KeyError::new(format!("its \"alg\" is {other:?}; assertions are signed with \"RS256\"")));
    }
    if let Some(operations) = jwk.get("key_ops")
        && !operations.as_array().is_some_and(|operations| operations.iter().any(|one| one == "verify"))
    {
        return Err(KeyError::new(format!(
            "its \"key_ops\" are {operations}, without \"verify\"; add it, or leave key_ops out"
        )));
    }
    let number = |name: &str| {
        let text = text(name)?.ok_or_else(|| KeyError::new(format!("its {name:?} is missing; add it")))?;
        base64url(text).map_err(|problem| KeyError::new(format!("its {name:?} is not base64url: {problem}")))
    };
    PublicKey::from_components(&number("n")?, &number("e")?, text("kid")?)
}
