//! `decode`: checks an assertion claim by claim as a server would, without asking one.

use super::{Exit, Failure, output::printable, print, unreadable};
use crate::{
    base::{clock::Clock, position::brief, reading, times},
    config::{self, AssertionNames, DEFAULT_AUDIENCE, EmailRule},
    domain::oauth::{
        AccessToken, Assertion, AssertionJudgement, Client, Fate, Ground, Issuer, Jws, PublicKey, Scope, Scopes,
        Verdict, When, built_in, is_signed_by,
    },
};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    fmt::Write,
    io::Read,
    path::{Path, PathBuf},
};

#[derive(Args, Debug)]
pub(super) struct DecodeOptions {
    /// The token, a file that holds it, or - for standard input.
    #[arg(default_value = "-")]
    token: String,

    /// Verify the signature with this public key (PEM, JWK or JWKS); for access tokens, with the server's JWKS. The
    /// built-in test key needs no file.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Require this `aud`.
    #[arg(long, value_name = "URL", default_value = DEFAULT_AUDIENCE)]
    audience: String,

    /// Tolerate client clocks that differ by up to this much.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = config::duration)]
    clock_skew: SignedDuration,

    /// Whether `given_name` and `family_name` are required.
    #[arg(long, value_name = "RULE", value_enum, default_value_t)]
    assertion_names: AssertionNames,

    /// Which email addresses are valid.
    #[arg(long, value_name = "RULE", value_enum, default_value_t)]
    email: EmailRule,

    /// Check as of this time, such as 2026-03-01T12:00:00Z. [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn decode(options: &DecodeOptions) -> Result<Exit, Failure> {
    let TokenText { name, text } = read_token(&options.token)?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::new(Exit::File, format!("{name} is empty; {EXPECTED}")));
    }
    let is_no_jwt = |problem: &str| {
        Failure::new(Exit::File, printable(&format!("{name} is not a signed JWT: it {problem}; {EXPECTED}")))
    };
    let jws = Jws::read(text).map_err(|problem| is_no_jwt(&problem))?;
    let now = options.at.unwrap_or_else(Clock::system_now);
    if jws.header.get("typ").is_some_and(|typ| typ == "at+jwt") {
        let keys = options.key.as_deref().map(read_jwks).transpose()?;
        return print_result(options, "access token", &jws, &judge_access_token(&jws, keys.as_ref(), now));
    }
    let assertion = Assertion::read(text).map_err(|error| is_no_jwt(&error.description))?;
    let client = client(options, &assertion)?;
    let AssertionJudgement { fates, .. } = assertion.judge(&Ground {
        client: client.as_ref().map_or(Issuer::Unasked, Issuer::Registered),
        audience: &options.audience,
        token_url: "",
        when: When { now, system_now: None, skew: options.clock_skew },
        names_required: options.assertion_names == AssertionNames::Required,
        ascii_emails: options.email == EmailRule::Ascii,
    });
    print_result(options, "assertion", &jws, &fates)
}

fn time(text: &str) -> Result<Timestamp, String> {
    times::read(text)
}

/// The end of each message about a text that is not a JWT.
const EXPECTED: &str = "give a JWT (three parts separated by dots: header.claims.signature), a file that \
                        holds one, or - for standard input";

/// The text to check, and its name for messages.
struct TokenText {
    name: String,
    text: String,
}

/// Reads the argument: a literal token, the name of a file, or `-` for standard input.
fn read_token(argument: &str) -> Result<TokenText, Failure> {
    let named = |name: &str, text: String| TokenText { name: name.to_owned(), text };
    if argument == "-" {
        let mut text = String::new();
        // Larger than any token, so that reading an endless stream stops.
        let read = std::io::stdin().take(1 << 20).read_to_string(&mut text);
        return match read {
            Ok(_) => Ok(named("standard input", text)),
            Err(error) => Err(unreadable("standard input", &error)),
        };
    }
    if argument.trim().is_empty() {
        return Ok(named("the argument", String::new()));
    }
    let is_like_token = argument.matches('.').count() >= 2 && argument.starts_with("ey");
    if !is_like_token && Path::new(argument).exists() {
        return match std::fs::read_to_string(argument) {
            Ok(text) => Ok(named(argument, text)),
            Err(error) => Err(unreadable(argument, &error)),
        };
    }
    // A text with two dots is a token unless it looks like a path.
    if is_like_token || argument.matches('.').count() == 2 && !argument.contains(['/', '\\']) {
        return Ok(named("the argument", argument.to_owned()));
    }
    let shown = brief(argument);
    Err(Failure::new(Exit::File, printable(&format!("{shown:?} is neither a JWT nor a file that exists; {EXPECTED}"))))
}

/// A client with the known key, if there is one.
fn client(options: &DecodeOptions, assertion: &Assertion<'_>) -> Result<Option<Client>, Failure> {
    let iss = assertion.unverified_issuer().unwrap_or_default();
    let text = match &options.key {
        Some(path) => read(path)?,
        None if iss == built_in::CLIENT_ID => built_in::PUBLIC_KEY.to_owned(),
        None => return Ok(None),
    };
    let keys = PublicKey::read(&text).map_err(|error| {
        let file = options.key.as_ref().map_or_else(String::new, |path| path.display().to_string());
        if error.is_about_private_key() {
            let fix = "give the public half, as \"openssl pkey -in KEY -pubout\" prints it";
            return Failure::new(Exit::File, format!("{file}: it is a private key; {fix}"));
        }
        Failure::new(Exit::File, format!("{file}: {error}"))
    })?;
    let created_at = Timestamp::UNIX_EPOCH;
    Ok(Some(Client { id: iss.into(), secret: None, keys, scopes: Scopes::all(), created_at, registration: 0 }))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path.display(), &error))
}

fn read_jwks(path: &Path) -> Result<Value, Failure> {
    let refuse = |problem: &str| {
        let fix = "an access token is verified with the JWKS from /oauth2/v2/.well-known/jwks.json";
        Failure::new(Exit::File, printable(&format!("{}: {problem}; {fix}", path.display())))
    };
    let text = read(path)?;
    if text.contains("-----BEGIN ") {
        return Err(refuse("it is not a JWKS: it is PEM"));
    }
    let jwks: Value = reading::json(text.as_bytes()).map_err(|error| refuse(&format!("it is not a JWKS: {error}")))?;
    // A single JWK counts as a JWKS with one key.
    if jwks["keys"].is_array() || jwks.get("kty").is_some() {
        Ok(jwks)
    } else {
        Err(refuse("it is not a JWKS: it has neither \"keys\" nor \"kty\""))
    }
}

/// Checks an access token as a handoff would, as far as that is possible without the server.
fn judge_access_token(jws: &Jws<'_>, keys: Option<&Value>, now: Timestamp) -> Vec<Fate> {
    let fate = |claim: &'static str, fate, why: Option<String>| Fate { claim: claim.into(), fate, why };
    let judged =
        |claim, why: Option<String>| fate(claim, if why.is_some() { Verdict::Refused } else { Verdict::Accepted }, why);
    let signature = keys.map_or_else(
        || {
            let why = "the key is the server's; pass the answer of /oauth2/v2/.well-known/jwks.json with --key";
            fate("signature", Verdict::Unjudged, Some(why.to_owned()))
        },
        |keys| judged("signature", is_signed_by(keys, jws).err()),
    );
    let claims = Value::Object(jws.claims.clone()).to_string();
    let token: AccessToken = match reading::json(claims.as_bytes()) {
        Ok(token) => token,
        Err(error) => {
            let why = format!("these are not the claims of a docendorse-mock access token: {}", error.in_body());
            return vec![signature, fate("claims", Verdict::Refused, Some(why))];
        }
    };
    let wanted = Scope::CreateAgentSessions;
    let lacks = (!token.has_scope(wanted)).then(|| format!("it lacks '{}', which a handoff needs", wanted.as_str()));
    vec![
        signature,
        judged("exp", token.expired_for(now).map(|since| format!("it expired {since} s ago"))),
        judged("scope", lacks),
        fate("jti", Verdict::Unjudged, Some("only the server knows whether the token was revoked".to_owned())),
    ]
}

fn print_result(options: &DecodeOptions, what: &str, jws: &Jws<'_>, fates: &[Fate]) -> Result<Exit, Failure> {
    let objects = fates.iter().any(|fate| fate.fate == Verdict::Refused);
    let text = if options.json {
        format!("{:#}\n", json!({ "kind": what, "header": jws.header, "claims": jws.claims, "fates": fates }))
    } else {
        as_text(what, jws, fates)
    };
    print(text.as_bytes())?;
    Ok(if objects { Exit::Failed } else { Exit::Fine })
}

fn as_text(what: &str, jws: &Jws<'_>, fates: &[Fate]) -> String {
    let mut text = format!("an {what}\n");
    // Writing to a string cannot fail.
    for (name, value) in jws.header.iter().chain(&jws.claims) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace(char::is_control, " ");
        let time = ["iat", "nbf", "exp"]
            .contains(&name.as_str())
            .then(|| Timestamp::from_second(value.parse().ok()?).ok())
            .flatten();
        let time = time.map_or_else(String::new, |time| format!("  {time}"));
        let _ = writeln!(text, "  {:12}  {value}{time}", name.replace(char::is_control, " "));
    }
    text.push_str("judged\n");
    for Fate { claim, fate, why } in fates {
        let fate = match fate {
            Verdict::Accepted => "accepted",
            Verdict::Refused => "REFUSED",
            Verdict::Absent => "absent",
            Verdict::Unjudged => "unjudged",
            Verdict::PassedOver => "passed over",
        };
        let line =
            format!("  {:12}  {fate:11}  {}", claim.replace(char::is_control, " "), why.as_deref().unwrap_or(""));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
