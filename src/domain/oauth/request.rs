//! A request to the token endpoint: its form and the client that it names (T1, T4; RFC 6749, 2.3 and 3.2).

use super::{
    ErrorCode::{InvalidClient, InvalidRequest, UnsupportedGrantType},
    TokenError,
    error::Quoted,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::borrow::Cow;

/// The only supported grant type (RFC 7523, 2.1).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Maximum number of parameters of a request.
const MOST: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The assertion, not verified yet.
    pub assertion: String,
    /// The requested scope, if it differs from the assertion's own.
    pub scope: Option<String>,
    /// The client that the request names, if any.
    pub shown: Option<Shown>,
}

/// A client as named by a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub id: String,
    pub secret: Option<String>,
}

impl TokenRequest {
    /// Parses a form, and the `Authorization` header if there is one.
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_grant_type` or `invalid_client`.
    pub fn read(form: &[u8], authorization: Option<&str>) -> Result<Self, TokenError> {
        let form = Form::read(form)?;
        match form.take("grant_type") {
            None => return Err(refuse(&format!("grant_type is missing; send grant_type={JWT_BEARER}."))),
            Some(JWT_BEARER) => {}
            Some(other) => {
                let problem =
                    format!("The grant type {} is not supported; send grant_type={JWT_BEARER}.", Quoted(other));
                return Err(TokenError::new(UnsupportedGrantType, &problem));
            }
        }
        let shown = form.shown(authorization)?;
        let assertion = form
            .take("assertion")
            .ok_or_else(|| refuse("assertion is missing; send the JWT that your private key signed (RFC 7523)."))?;
        Ok(Self { assertion: assertion.to_owned(), scope: form.take("scope").map(str::to_owned), shown })
    }
}

/// The parameters of a form. A parameter without a value counts as absent (RFC 6749, 3.2).
struct Form<'f>(Vec<(Cow<'f, str>, Cow<'f, str>)>);

impl<'f> Form<'f> {
    fn read(form: &'f [u8]) -> Result<Self, TokenError> {
        if let Err(error) = std::str::from_utf8(form) {
            return Err(refuse(&format!(
                "The form is not UTF-8 at byte {}; percent-encode its values.",
                error.valid_up_to()
            )));
        }
        let pairs: Vec<_> = form_urlencoded::parse(form).take(MOST + 1).collect();
        if pairs.len() > MOST {
            return Err(refuse(&format!("The form has more than {MOST} parameters; send only those of RFC 7523.")));
        }
        for (place, (name, _)) in pairs.iter().enumerate() {
            if pairs[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(refuse(&format!("The parameter {} is given more than once; send it once.", Quoted(name))));
            }
        }
        Ok(Self(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    fn take(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| &**value)
    }

    /// The client that the request names, in the header or in the form, but not in both (RFC 6749, 2.3).
    fn shown(&self, authorization: Option<&str>) -> Result<Option<Shown>, TokenError> {
        if self.take("client_assertion").is_some() || self.take("client_assertion_type").is_some() {
            let problem = "client_assertion is not supported; leave it out, because the assertion itself authenticates the client.";
            return Err(TokenError::new(InvalidClient, problem));
        }
        let (id, secret) = (self.take("client_id"), self.take("client_secret"));
        let Some(authorization) = authorization else {
            return match (id, secret) {
                (None, None) => Ok(None),
                (None, Some(_)) => Err(refuse("client_secret was sent without client_id; send both, or neither.")),
                (Some(id), secret) => Ok(Some(Shown { id: id.to_owned(), secret: secret.map(str::to_owned) })),
            };
        };
        let shown = basic(authorization).map_err(|problem| TokenError::new(InvalidClient, &problem))?;
        if secret.is_some() {
            return Err(refuse("The client authenticates in the header and in the form; use only one of them."));
        }
        match id {
            Some(id) if id != shown.id => Err(refuse(&format!(
                "client_id is {}, but the Authorization header names {}.",
                Quoted(id),
                Quoted(&shown.id)
            ))),
            _ => Ok(Some(shown)),
        }
    }
}

/// Parses `Basic` credentials, whose two halves are form-encoded before they are joined (RFC 6749, 2.3.1).
fn basic(authorization: &str) -> Result<Shown, String> {
    let (scheme, credential) = authorization.split_once(' ').unwrap_or((authorization, ""));
    if !scheme.eq_ignore_ascii_case("Basic") {
        // What stands in the place of the scheme may be the secret itself, which must not reach a log.
        let looks_like_one = scheme.len() <= 16 && scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
        let what = if looks_like_one && !credential.is_empty() {
            format!("has the scheme {}", Quoted(scheme))
        } else {
            "has no scheme".to_owned()
        };
        return Err(format!("The Authorization header {what}; the token endpoint accepts Basic, or no header."));
    }
    let malformed = |what: &str| format!("The Authorization header is not a Basic credential: {what}.");
    let decoded = BASE64_STANDARD.decode(credential.trim());
    let decoded =
        decoded.map_err(|_| malformed("it is not base64 with padding; encode client_id:client_secret again"))?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed("it is not UTF-8"))?;
    let (id, secret) = decoded.split_once(':').ok_or_else(|| malformed("it has no colon between id and secret"))?;
    let plain = |text: &str| {
        // Decoded as a form with a single name, even if the client did not encode the half.
        let name = text.replace('&', "%26").replace('=', "%3D");
        form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
    };
    let secret = plain(secret);
    Ok(Shown { id: plain(id), secret: (!secret.is_empty()).then_some(secret) })
}

fn refuse(problem: &str) -> TokenError {
    TokenError::new(InvalidRequest, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str, authorization: Option<&str>) -> Result<TokenRequest, String> {
        TokenRequest::read(form.as_bytes(), authorization).map_err(|error| error.to_string())
    }

    const GRANT: &str = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

    #[test]
    fn a_request_names_its_client_in_the_form_or_in_the_header() {
        let shown =
            |form: &str, authorization| read(&format!("{GRANT}&assertion=a.b.c{form}"), authorization).unwrap().shown;
        let client = |secret: Option<&str>| Some(Shown { id: "a b:c".to_owned(), secret: secret.map(str::to_owned) });
        assert_eq!(shown("", None), None);
        assert_eq!(shown("&client_id=a+b%3Ac&client_secret=%26=", None), client(Some("&=")));
        assert_eq!(shown("&client_id=a+b%3Ac&client_secret=", None), client(None));
        let basic = format!("bAsIc {}", BASE64_STANDARD.encode("a+b%3Ac:%26%3D"));
        assert_eq!(shown("", Some(&basic)), client(Some("&=")));
        assert_eq!(shown("&client_id=a+b%3Ac", Some(&basic)), client(Some("&=")));
        // Many clients encode nothing; their secret must be taken as a whole.
        let raw = format!("Basic {}", BASE64_STANDARD.encode("a b%3Ac:s3c=&ret=="));
        assert_eq!(shown("", Some(&raw)), client(Some("s3c=&ret==")));
    }

    #[test]
    fn every_mistake_in_the_form_has_its_error() {
        let basic = format!("Basic {}", BASE64_STANDARD.encode("a:b"));
        for (form, authorization, problem) in [
            ("", None, "invalid_request: grant_type is missing"),
            ("grant_type=&assertion=x", None, "invalid_request: grant_type is missing"),
            (
                "grant_type=authorization_code",
                None,
                "unsupported_grant_type: The grant type 'authorization_code' is not supported",
            ),
            (GRANT, None, "invalid_request: assertion is missing"),
            ("GRANT&assertion=x&assertion=x", None, "The parameter 'assertion' is given more than once; send it once"),
            ("GRANT&assertion=x&extra=&extra=", None, "The parameter 'extra' is given more than once; send it once"),
            ("GRANT&assertion=x&client_secret=s", None, "client_secret was sent without client_id"),
            ("GRANT&assertion=x&client_secret=s&client_id=a", Some(&*basic), "use only one of them"),
            ("GRANT&assertion=x&client_id=b", Some(&*basic), "but the Authorization header names 'a'"),
            ("GRANT&assertion=x", Some("Bearer x"), "invalid_client: The Authorization header has the scheme 'Bearer'"),
            ("GRANT&assertion=x", Some("cs_0123"), "invalid_client: The Authorization header has no scheme;"),
            ("GRANT&assertion=x", Some("secret"), "invalid_client: The Authorization header has no scheme;"),
            (
                "GRANT&assertion=x",
                Some("Basic *"),
                "invalid_client: The Authorization header is not a Basic credential",
            ),
            ("GRANT&assertion=x", Some("Basic YQ=="), "no colon"),
            ("GRANT&client_assertion=x", None, "invalid_client: client_assertion is not supported"),
        ] {
            let error = read(&form.replace("GRANT", GRANT), authorization).unwrap_err();
            assert!(error.contains(problem), "{form}: {error}");
        }
        assert!(TokenRequest::read(b"a=\xff", None).is_err());
    }
}
