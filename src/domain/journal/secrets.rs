//! Detects secrets by their form and by their names, to keep them out of the journal and the logs.

use std::borrow::Cow;

/// Replaces every signed JWT in a text with `eyJ***`. Separators may be percent-encoded.
///
/// A text without a JWT costs only a search for three bytes.
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

/// Masks credentials that can be recognized by their form: those after `Bearer`, `Basic` and similar schemes, and the
/// user information of URLs.
#[must_use]
pub fn mask_credentials(text: &str) -> Cow<'_, str> {
    let masked = if text.contains("://") { mask_user_information(text) } else { Cow::Borrowed(text) };
    match masked {
        Cow::Borrowed(text) => mask_schemes(text),
        Cow::Owned(masked) => Cow::Owned(mask_schemes(&masked).into_owned()),
    }
}

/// Masks every secret that can be recognized by its form.
#[must_use]
pub fn mask_shapes(text: &str) -> Cow<'_, str> {
    match mask_credentials(text) {
        Cow::Borrowed(text) => mask_jwts(text),
        Cow::Owned(masked) => Cow::Owned(mask_jwts(&masked).into_owned()),
    }
}

/// Masks the credentials after the name of an HTTP authentication scheme.
fn mask_schemes(text: &str) -> Cow<'_, str> {
    const SCHEMES: [&str; 6] = ["bearer", "basic", "digest", "dpop", "negotiate", "token"];
    let mut masked = String::new();
    let mut copied = 0;
    for (space, _) in text.match_indices([' ', '\t']) {
        if space < copied {
            continue;
        }
        let before = text[..space].trim_end_matches(|char: char| char.is_ascii_alphabetic()).len();
        let scheme = &text[before..space];
        if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            continue;
        }
        let rest = &text[space..];
        let start = space + rest.len() - rest.trim_start().len();
        let credential = &text[start..];
        let length = if scheme.eq_ignore_ascii_case("digest") {
            credential.len()
        } else {
            credential.find([' ', '\t', ',', ';', '"', '\'', '&']).unwrap_or(credential.len())
        };
        // A challenge, such as `Bearer realm="…"`, has parameters instead.
        let is_challenge = credential[..length].ends_with('=') && credential[length..].starts_with('"');
        if length > 0 && !is_challenge {
            masked.push_str(&text[copied..start]);
            masked.push_str("***");
            copied = start + length;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

/// Masks the user information of URLs: `http://user:password@host`.
fn mask_user_information(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(place) = rest.find("://") {
        let (before, authority) = rest.split_at(place + "://".len());
        masked.push_str(before);
        let end = authority.find(|char: char| "/?#,;<>\"'".contains(char) || char.is_whitespace());
        let end = end.unwrap_or(authority.len());
        match authority[..end].rfind('@') {
            Some(at) => {
                masked.push_str("***");
                rest = &authority[at..];
            }
            None => rest = authority,
        }
    }
    masked.push_str(rest);
    if masked == text { Cow::Borrowed(text) } else { Cow::Owned(masked) }
}

/// The length of the JWT at the start of a text: three non-empty parts in base64url.
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

/// Whether the name of a header, or of a parameter of a query or a form, denotes a secret. Ignores case, hyphens and
/// underscores.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    const WHOLE: [&str; 9] = ["key", "code", "sig", "sessionid", "sid", "pass", "otp", "pin", "bearer"];
    const END: [&str; 19] = [
        "token",
        "tokens",
        "apikey",
        "accesskey",
        "authkey",
        "signature",
        "credential",
        "credentials",
        "passphrase",
        "passcode",
        "passwd",
        "pwd",
        "jwt",
        "dpop",
        "auth",
        "authorization",
        "session",
        "cookie",
        "cookies",
    ];
    const WITHIN: [&str; 4] = ["secret", "password", "assertion", "privatekey"];
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let is_extension = name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"));
    let whole = if is_extension { &plain[1..] } else { &*plain };
    WHOLE.contains(&whole)
        || END.iter().any(|end| plain.ends_with(end))
        || WITHIN.iter().any(|word| plain.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_jwts_are_masked_anywhere() {
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
    fn credentials_are_masked_by_their_shape() {
        for (text, masked) in [
            ("Bearer S", "Bearer ***"),
            ("basic  dTpz", "basic  ***"),
            ("for=x;auth=\"Bearer S\", Basic dTpz", "for=x;auth=\"Bearer ***\", Basic ***"),
            ("Digest username=\"u\", response=\"S\"", "Digest ***"),
            ("Bearer realm=\"mock\", error=\"invalid_token\"", "Bearer realm=\"mock\", error=\"invalid_token\""),
            ("http://u:S@x/", "http://***@x/"),
            ("a https://S@x?b=c@d, ftp://u:p@S@y", "a https://***@x?b=c@d, ftp://***@y"),
            ("http://x/a@b", "http://x/a@b"),
            ("Bearer", "Bearer"),
            ("forbearer x", "forbearer x"),
            ("plain text", "plain text"),
        ] {
            assert_eq!(mask_credentials(text), masked, "{text}");
        }
    }

    #[test]
    fn names_of_secrets_are_recognized_in_every_spelling() {
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
            "X-Forwarded-Authorization",
            "X-Auth",
            "X-Session",
            "X-Code",
            "X-Original-Cookie",
            "X-Forwarded-Access-Token",
            "Proxy-Authorization",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["handoff_id", "keyword", "status", "x-request-id", "idempotency-key", "zipcode", "design"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
