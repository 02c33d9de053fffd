//! `token`: requests an access token. Creates an assertion, valid or wrong on purpose, and exchanges it at a server.

use super::{
    Exit, Failure,
    http_client::{get_json, post_form},
    locate::Locator,
    print,
    probe::{self, FoundServer},
    unreadable, warn,
};
use crate::{
    base::{
        clock::Clock,
        ids::Ids,
        reading::{self, nearest},
        urls::CREATE_TOKEN,
    },
    config::{self, DEFAULT_AUDIENCE, Secret},
    domain::oauth::{JWT_BEARER, LONGEST_LIFE, SigningKey, built_in, is_client_id, mint},
};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a server that gave no token may take to identify itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// Offset of times that are wrong on purpose, in seconds.
const HOUR: i64 = 3_600;

#[derive(Args, Debug)]
pub(super) struct TokenOptions {
    /// The client that requests the token; the assertion's iss.
    #[arg(long, value_name = "ID", default_value = built_in::CLIENT_ID)]
    client_id: String,

    /// Also authenticate the client with its secret.
    #[arg(long, value_name = "SECRET", value_parser = secret)]
    client_secret: Option<String>,

    /// The client's private key, as PEM. [default: the published test key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Put this key id into the assertion's header.
    #[arg(long, value_name = "KID")]
    kid: Option<String>,

    /// The user's id in your system.
    #[arg(long, value_name = "ID", default_value = "usr_123")]
    sub: String,

    /// The user's email.
    #[arg(long, value_name = "EMAIL", default_value = "sam@example.com")]
    email: String,

    /// The user's given name.
    #[arg(long, value_name = "NAME", default_value = "Sam")]
    given_name: String,

    /// The user's family name.
    #[arg(long, value_name = "NAME", default_value = "Doe")]
    family_name: String,

    /// The scopes to request, separated by spaces.
    #[arg(long, value_name = "SCOPE", default_value = "openid agent_sessions:create")]
    scope: String,

    /// Lifetime of the assertion, at most 5 minutes.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = config::duration)]
    lifetime: SignedDuration,

    /// Set a claim. VALUE is read as JSON if it is valid JSON, otherwise as a string. May be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = claim)]
    claim: Vec<(String, Value)>,

    /// Omit a claim. May be given more than once.
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,

    /// Set a member of the assertion's header. May be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = header)]
    header: Vec<(String, Value)>,

    /// Print the assertion without contacting a server. Its times follow this machine's clock.
    #[arg(long)]
    assertion_only: bool,

    /// Print the whole answer.
    #[arg(long, conflicts_with = "assertion_only")]
    json: bool,

    #[command(flatten)]
    wrong: Wrong,

    /// The server's admin token, used to read its sandbox's clock for --expired and --not-yet-valid.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_ADMIN_TOKEN",
        value_name = "TOKEN",
        help_heading = "Server",
        hide_env_values = true
    )]
    admin_token: Option<Secret>,

    #[command(flatten)]
    server: Locator,
}

/// The ways in which the assertion can be wrong, one at a time so that the effect is clear.
#[derive(Args, Debug)]
#[group(multiple = false)]
#[command(next_help_heading = "Invalid assertions, to see how the server answers")]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag, and the group allows only one of them")]
#[expect(clippy::struct_field_names, reason = "the names are the flags")]
struct Wrong {
    /// Use an assertion that expired an hour ago, by the clocks of both this machine and the client's sandbox.
    #[arg(long)]
    expired: bool,

    /// Use an assertion that becomes valid in an hour, by both clocks.
    #[arg(long)]
    not_yet_valid: bool,

    /// Use an assertion whose lifetime is one second over five minutes.
    #[arg(long)]
    too_long: bool,

    /// Use an assertion for another audience.
    #[arg(long)]
    wrong_audience: bool,

    /// Use an assertion signed with another key.
    #[arg(long)]
    wrong_key: bool,

    /// Use an assertion with a modified signature.
    #[arg(long)]
    bad_signature: bool,

    /// Use an unsigned assertion with alg "none".
    #[arg(long)]
    alg_none: bool,

    /// Use an assertion signed with HS256, using the public key as the secret.
    #[arg(long)]
    alg_hs256: bool,

    /// Send the same assertion twice, and print the second answer.
    #[arg(long, conflicts_with = "assertion_only")]
    replay: bool,
}

/// Parses a client secret, and refuses an empty one because it would authenticate nothing.
fn secret(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty; give the secret of the client, or leave the flag out".to_owned());
    }
    Ok(text.to_owned())
}

/// Gets a token and prints only that, so that a shell can capture it: `TOKEN=$(docendorse-mock token)`.
pub(super) fn token(options: &TokenOptions, is_flag: impl Fn(&str) -> bool) -> Result<Exit, Failure> {
    let now = Clock::system_now();
    if options.assertion_only {
        let assertion = assertion(options, Clocks::agreeing_on(now))?;
        return print(format!("{assertion}\n").as_bytes()).map(|()| Exit::Fine);
    }
    let url = options.server.target(is_flag)?.url()?;
    let assertion = assertion(options, Clocks::of(options, &url, now))?;
    let mut form = vec![("grant_type", JWT_BEARER), ("assertion", &*assertion)];
    if let Some(secret) = &options.client_secret {
        form.extend([("client_id", &*options.client_id), ("client_secret", secret)]);
    }
    let form = serde_urlencoded::to_string(form)
        .map_err(|_| Failure::new(Exit::Usage, "the assertion cannot be encoded as a form"))?;
    let post = || {
        post_form(&url, CREATE_TOKEN, form.clone())
            .map_err(|problem| Failure::new(Exit::Runtime, foreign_server(&url).unwrap_or(problem)))
    };
    if options.wrong.replay {
        post()?;
    }
    let answer = post()?;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if options.json {
        let exit = if answer.status == 200 { Exit::Fine } else { Exit::Failed };
        let text =
            if body.is_null() { String::from_utf8_lossy(&answer.body).into_owned() } else { format!("{body:#}") };
        return print(format!("{text}\n").as_bytes()).map(|()| exit);
    }
    match (answer.status, body["access_token"].as_str()) {
        (200, Some(token)) => print(format!("{token}\n").as_bytes()).map(|()| Exit::Fine),
        (status, _) => {
            let said = match (body["error"].as_str(), body["error_description"].as_str()) {
                (Some(error), Some(description)) => format!("{error}: {description}"),
                (Some(error), None) => error.to_owned(),
                _ => {
                    foreign_server(&url).unwrap_or_else(|| format!("the answer has HTTP status {status} and no token"))
                }
            };
            let exchange = answer.exchange.map_or_else(String::new, |id| format!(" ({url}/__admin/requests/{id})"));
            Err(Failure::new(Exit::Failed, format!("{said}{exchange}")))
        }
    }
}

/// The clocks that an assertion may be checked against. By default either may accept it, so an assertion that must be
/// refused has to be wrong by both.
#[derive(Clone, Copy)]
struct Clocks {
    system: Timestamp,
    /// The clock of the client's sandbox, which a test may have moved.
    sandbox: Timestamp,
}

impl Clocks {
    fn agreeing_on(now: Timestamp) -> Self {
        Self { system: now, sandbox: now }
    }

    /// The clocks to use for an assertion. The server is only asked for its clock if the options depend on it.
    fn of(options: &TokenOptions, url: &str, now: Timestamp) -> Self {
        if !options.wrong.expired && !options.wrong.not_yet_valid {
            return Self::agreeing_on(now);
        }
        if let Some(sandbox) = sandbox_time(url, options) {
            return Self { system: now, sandbox };
        }
        if probe::probe_now(url, PATIENCE) == FoundServer::Ready {
            let fix = match options.admin_token {
                Some(_) => "check that --admin-token is the server's",
                None => "if it has an admin token, set DOCENDORSE_MOCK_ADMIN_TOKEN",
            };
            warn(&format!(
                "cannot read the sandbox's clock from the server, so the times follow this machine's clock; {fix}"
            ));
        }
        Self::agreeing_on(now)
    }

    fn earliest(self) -> i64 {
        self.system.min(self.sandbox).as_second()
    }

    fn latest(self) -> i64 {
        self.system.max(self.sandbox).as_second()
    }
}

/// The time in the sandbox that has the client, or in the default sandbox.
fn sandbox_time(url: &str, options: &TokenOptions) -> Option<Timestamp> {
    let client_id = &*options.client_id;
    let get_json = |path: &str| get_json(url, path, options.admin_token.as_ref());
    let knows_client = |name: &&str| get_json(&format!("/__admin/clients/{client_id}?sandbox={name}")).is_some();
    let listed = if client_id == built_in::CLIENT_ID || !is_client_id(client_id) {
        None
    } else {
        get_json("/__admin/sandboxes?limit=1000")
    };
    let mut names = listed.iter().filter_map(|list| list["sandboxes"].as_array()).flatten();
    let found = names.find_map(|sandbox| sandbox["name"].as_str().filter(knows_client));
    let clock = get_json(&format!("/__admin/clock?sandbox={}", found.unwrap_or("default")))?;
    clock["now"].as_str()?.parse().ok()
}

/// Builds the assertion that the options describe.
fn assertion(options: &TokenOptions, clocks: Clocks) -> Result<String, Failure> {
    let now = clocks.system;
    let ids = Ids::from_entropy();
    let Wrong {
        expired, not_yet_valid, too_long, wrong_audience, wrong_key, bad_signature, alg_none, alg_hs256, ..
    } = options.wrong;
    let life = if too_long { LONGEST_LIFE + 1 } else { options.lifetime.as_secs() };
    let begin = match (expired, not_yet_valid) {
        (true, _) => clocks.earliest() - life - HOUR,
        (_, true) => clocks.latest() + HOUR,
        _ => now.as_second(),
    };
    let audience = if wrong_audience { "https://other.example" } else { DEFAULT_AUDIENCE };
    let mut claims = json!({
        "iss": options.client_id,
        "sub": options.sub,
        "aud": audience,
        "iat": begin,
        "exp": begin + life,
        // The short seed of the ids makes them repeat now and then, so the time is added.
        "jti": format!("{}-{:x}", ids.request(), now.as_nanosecond()),
        "email": options.email,
        "given_name": options.given_name,
        "family_name": options.family_name,
        "scope": options.scope,
    });
    if let Some(claims) = claims.as_object_mut() {
        claims.extend(options.claim.iter().cloned());
        if let Some(unknown) = options.without.iter().find(|name| *name != "nbf" && !claims.contains_key(*name)) {
            let known: Vec<&str> = claims.keys().map(String::as_str).collect();
            let fix = match nearest(unknown, &known) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => format!("it has {}", known.join(", ")),
            };
            let problem = format!("--without: the assertion has no claim {unknown:?}; {fix}");
            return Err(Failure::new(Exit::Usage, problem));
        }
        claims.retain(|name, _| !options.without.contains(name));
    }
    let mut header = Map::new();
    let alg = if alg_none {
        "none"
    } else if alg_hs256 {
        "HS256"
    } else {
        "RS256"
    };
    header.insert("alg".to_owned(), alg.into());
    header.insert("typ".to_owned(), "JWT".into());
    header.extend(options.kid.iter().map(|kid| ("kid".to_owned(), kid.as_str().into())));
    header.extend(options.header.iter().cloned());
    let header = Value::Object(header);
    let key = if wrong_key { SigningKey::generate(2048) } else { read_key(options.key.as_deref())? };
    let file = options.key.as_ref().map_or("the key".into(), |path| path.display().to_string());
    let refused = |problem: String| Failure::new(Exit::File, format!("{file}: {problem}"));
    let key = key.map_err(|error| refused(error.to_string()))?;
    if alg_none {
        return Ok(mint::unsigned(&header, &claims));
    }
    if alg_hs256 {
        return Ok(mint::with_hmac(&header, &claims, key.public_pem().as_bytes()));
    }
    let assertion = key.sign(&header, &claims).map_err(|error| refused(error.to_string()))?;
    match assertion.rsplit_once('.') {
        // Four characters encode three bytes, so the remainder is still valid base64url.
        Some((signed, signature)) if bad_signature => {
            Ok(format!("{signed}.AAAA{}", signature.get(4..).unwrap_or_default()))
        }
        _ => Ok(assertion),
    }
}

fn read_key(path: Option<&Path>) -> Result<Result<SigningKey, crate::domain::oauth::KeyError>, Failure> {
    let Some(path) = path else { return Ok(SigningKey::from_pem(built_in::PRIVATE_KEY)) };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path.display(), &error))?;
    Ok(SigningKey::from_pem(&text))
}

/// Describes the program at the URL if it is not docendorse-mock.
fn foreign_server(url: &str) -> Option<String> {
    match probe::probe_now(url, PATIENCE) {
        FoundServer::Foreign(what) => Some(format!("no token from {url}: {what}")),
        _ => None,
    }
}

/// Parses `NAME=VALUE` for a claim.
fn claim(text: &str) -> Result<(String, Value), String> {
    pair(text, "email=kim@example.com")
}

/// Parses `NAME=VALUE` for a header member.
fn header(text: &str) -> Result<(String, Value), String> {
    pair(text, "kid=spring")
}

/// Parses `NAME=VALUE`.
fn pair(text: &str, example: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            match serde_json::from_str(value) {
                Ok(value) => Ok((name.to_owned(), value)),
                // A number in range was probably meant, not its digits as a string.
                Err(_) if reading::is_number(value) => {
                    Err(format!("{value} is out of range for a number; write it in double quotes to send a string"))
                }
                Err(_) => Ok((name.to_owned(), value.into())),
            }
        }
        _ => Err(format!("{text:?} is not NAME=VALUE; write one such as {example}")),
    }
}
