//! Secrets by their shape and by their names: what no reader of the journal or of a log is to see.

use std::borrow::Cow;

/// The text with every signed JWT in it cut to `eyJ***`. Separators may be percent-encoded.
///
/// A text without one costs a search for three bytes.
#[must_use]
pub fn mask_jwts(text: &str) -> Cow<'_, str> {
    if !text.contains("eyJ") {
        return Cow::Borrowed(text);
    }
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("eyJ") {
        let (before, token) = rest.split_at(start);
        masked.push_str(before);
        masked.push_str("eyJ");
        match length_of_jwt(token) {
            Some(length) => {
                masked.push_str("***");
                rest = &token[length..];
            }
            None => rest = &token["eyJ".len()..],
        }
    }
    if masked.is_empty() {
        return Cow::Borrowed(text);
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

/// The length of the JWT that a text begins with: three parts in base64url, none of them empty.
fn length_of_jwt(text: &str) -> Option<usize> {
    let part =
        |text: &str| text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)).count();
    let mut length = part(text);
    for _ in 0..2 {
        let rest = &text[length..];
        let separator = [".", "%2E", "%2e"].into_iter().find(|separator| rest.starts_with(separator))?;
        let next = part(&rest[separator.len()..]);
        if next == 0 {
            return None;
        }
        length += separator.len() + next;
    }
    Some(length)
}

/// Whether a header, or a parameter of a query or a form, holds a secret by its name. Case, hyphens and underscores do
/// not count.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    const WHOLE: [&str; 15] = [
        "key",
        "code",
        "sig",
        "auth",
        "session",
        "sessionid",
        "sid",
        "jwt",
        "dpop",
        "pwd",
        "passwd",
        "cookie",
        "setcookie",
        "authorization",
        "proxyauthorization",
    ];
    const END: [&str; 8] =
        ["token", "apikey", "accesskey", "signature", "credential", "credentials", "passphrase", "pwd"];
    const WITHIN: [&str; 4] = ["secret", "password", "assertion", "privatekey"];
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    WHOLE.contains(&&*plain)
        || END.iter().any(|end| plain.ends_with(end))
        || WITHIN.iter().any(|word| plain.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_jwts_are_masked_wherever_they_stand() {
        for (text, masked) in [
            ("eyJhbGciOi.eyJzdWIi.c2ln", "eyJ***"),
            ("a=eyJhbGciOi%2EeyJzdWIi%2ec2ln&b=1", "a=eyJ***&b=1"),
            ("\"eyJa.b.c\", \"eyJd.e.f\"", "\"eyJ***\", \"eyJ***\""),
            ("eyJa.b.", "eyJa.b."),
            ("eyJa.b.***", "eyJa.b.***"),
            ("eyJ eyJa", "eyJ eyJa"),
            ("plain", "plain"),
        ] {
            assert_eq!(mask_jwts(text), masked, "{text}");
        }
    }

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "apikey",
            "api_key",
            "API-Key",
            "X-Api-Key",
            "key",
            "code",
            "sig",
            "signature",
            "pwd",
            "passwd",
            "session",
            "client_secret",
            "assertion",
            "X-Auth-Token",
            "DPoP",
            "X-Amz-Signature",
            "X-Amz-Security-Token",
            "user[password]",
            "Set-Cookie",
            "access_token",
            "X-Amz-Credential",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["handoff_id", "keyword", "status", "x-request-id", "idempotency-key", "zipcode", "design"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
