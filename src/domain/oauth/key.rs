//! The public keys of clients: parsed from PEM or JSON, and rejected if a verifier should not trust them (T2, T4).

use super::jwk;
use crate::base::{names::control_problem, position::shorten, reading::quoted};
use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use pkcs1::RsaPublicKey;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny},
};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt, sync::Arc};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use x509_cert::{
    Certificate,
    der::{Decode, Encode, asn1::UintRef, pem},
    spki::{ObjectIdentifier, SubjectPublicKeyInfoRef},
};

/// Maximum number of keys of a client: enough to rotate, few enough to try them all.
pub const MOST_KEYS: usize = 16;

/// Accepted sizes of RSA keys, in bits.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Maximum length of the public exponent, in bits.
const EXPONENT_BITS: usize = 33;

/// The error for a PEM label that denotes a private key.
const PRIVATE: &str = "it is a private key, which stays with the client; register the public half of it, as \
                       \"openssl pkey -in KEY -pubout\" prints it. Nothing of the private key was kept";

/// How to export a key again.
const EXPORT: &str = "export it again, as \"openssl pkey -in KEY -pubout\" prints it";

/// Why a key cannot verify assertions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub(super) String);

impl KeyError {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self(shorten(&problem.into()).into_owned())
    }

    pub(super) fn private() -> Self {
        Self::new(PRIVATE)
    }

    /// Whether the key is rejected because it is private.
    #[must_use]
    pub fn is_about_private_key(&self) -> bool {
        self.0.ends_with(PRIVATE)
    }
}

/// An RSA public key that verifies a client's assertions (RS256).
#[derive(Clone)]
pub struct PublicKey {
    kid: Arc<str>,
    thumbprint: Arc<str>,
    modulus: Arc<[u8]>,
    exponent: Arc<[u8]>,
    parsed: Arc<ParsedPublicKey>,
}

impl PublicKey {
    /// Parses the keys in a text: PEM (`PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`) or JSON (a JWK or a JWKS).
    ///
    /// # Errors
    /// At the first unusable key; then no key is returned.
    pub fn read(text: &str) -> Result<Vec<Self>, KeyError> {
        let is_json = text.trim_start().starts_with('{') || serde_json::from_str::<IgnoredAny>(text).is_ok();
        if is_json { jwk::read(text) } else { Ok(vec![Self::from_pem(text)?]) }
    }

    /// Parses a key from PEM.
    ///
    /// # Errors
    /// When the key is unusable. Private keys are rejected.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        // Checked first, whatever else may be wrong with the text.
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::private());
        }
        if text.matches("-----BEGIN ").count() > 1 {
            return Err(KeyError::new("it contains more than one PEM block; register each key separately, or a JWKS"));
        }
        let (label, der) = pem::decode_vec(pem_block(text)?.as_bytes()).map_err(|error| {
            let objection = objection(text, &error);
            let fix = if objection.is_empty() { "; give the complete text of the key file" } else { "" };
            KeyError::new(format!(
                "it is neither JSON nor PEM of a PUBLIC KEY, an RSA PUBLIC KEY or a CERTIFICATE{objection}{fix}"
            ))
        })?;
        match label {
            "PUBLIC KEY" => Self::from_spki(&der),
            "RSA PUBLIC KEY" => Self::from_pkcs1(&der),
            "CERTIFICATE" => {
                let damaged = |_| {
                    KeyError::new(
                        "its CERTIFICATE block is damaged or not an X.509 certificate; export it again, or register \
                         the public key that \"openssl x509 -in CERTIFICATE -noout -pubkey\" prints",
                    )
                };
                let certificate = Certificate::from_der(&der).map_err(damaged)?;
                Self::from_spki(&certificate.tbs_certificate().subject_public_key_info().to_der().map_err(damaged)?)
            }
            label => Err(KeyError::new(format!(
                "its PEM block is a {label:?}; expected a PUBLIC KEY, an RSA PUBLIC KEY or a CERTIFICATE"
            ))),
        }
    }

    fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| {
            KeyError::new(format!("its PUBLIC KEY block is damaged or not a SubjectPublicKeyInfo; {EXPORT}"))
        })?;
        if spki.algorithm.oid != RSA_ENCRYPTION {
            return Err(KeyError::new(format!(
                "it is {}; assertions are signed with RS256, which needs an RSA key",
                algorithm_name(spki.algorithm.oid)
            )));
        }
        let bits = spki.subject_public_key.as_bytes();
        Self::from_pkcs1(
            bits.ok_or_else(|| KeyError::new("its bit string is not a whole number of bytes; make a new key"))?,
        )
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let key: RsaPublicKey<UintRef<'_>> = RsaPublicKey::from_der(der)
            .map_err(|_| KeyError::new(format!("its RSA public key is damaged or truncated; {EXPORT}")))?;
        Self::from_components(key.modulus.as_bytes(), key.public_exponent.as_bytes(), None)
    }

    /// Creates a key from its big-endian numbers. Without a `kid`, its thumbprint (RFC 7638) is used.
    pub(super) fn from_components(modulus: &[u8], exponent: &[u8], kid: Option<&str>) -> Result<Self, KeyError> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        if !BITS.contains(&bits) {
            return Err(KeyError::new(format!(
                "it is an RSA key of {bits} bits; use one of {} to {} bits",
                BITS.start(),
                BITS.end()
            )));
        }
        if modulus.last().is_some_and(|last| last % 2 == 0) {
            return Err(KeyError::new("its modulus is even, so a factor of it is known; make a new key"));
        }
        // With an exponent of 1, every signature would verify; RSA exponents are never even.
        if matches!(exponent, [] | [1]) || exponent.last().is_some_and(|last| last % 2 == 0) {
            return Err(KeyError::new("its exponent must be odd and larger than 1; 65537 is the usual one"));
        }
        // Verification time grows with the exponent's length: one as long as the modulus would take a thousand times as
        // long.
        let exponent_bits = exponent.first().map_or(0, |first| exponent.len() * 8 - first.leading_zeros() as usize);
        if exponent_bits > EXPONENT_BITS {
            return Err(KeyError::new(format!(
                "its exponent has {exponent_bits} bits, but may have at most {EXPONENT_BITS}; 65537 is the usual one"
            )));
        }
        let parsed = RsaPublicKeyComponents { n: modulus, e: exponent }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyError::new("its numbers do not form an RSA key"))?;
        let thumbprint = thumbprint(modulus, exponent);
        let kid = match kid {
            Some(kid) if !(1..=200).contains(&kid.chars().count()) => {
                return Err(KeyError::new("its \"kid\" must have 1 to 200 characters"));
            }
            Some(kid) if control_problem(kid).is_some() => {
                return Err(KeyError::new(format!(
                    "its \"kid\" {} contains a control character; remove it",
                    quoted(kid)
                )));
            }
            Some(kid) => kid.into(),
            None => Arc::clone(&thumbprint),
        };
        Ok(Self { kid, thumbprint, modulus: modulus.into(), exponent: exponent.into(), parsed: Arc::new(parsed) })
    }

    /// The same key with another `kid`.
    ///
    /// # Errors
    /// When the text cannot be a `kid`.
    pub fn under(&self, kid: &str) -> Result<Self, KeyError> {
        Self::from_components(&self.modulus, &self.exponent, Some(kid))
    }

    /// The id with which an assertion's header names it.
    #[must_use]
    pub fn kid(&self) -> &Arc<str> {
        &self.kid
    }

    /// The SHA-256 thumbprint (RFC 7638), which a header can use as well.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    #[must_use]
    pub fn bits(&self) -> usize {
        self.modulus.first().map_or(0, |first| self.modulus.len() * 8 - first.leading_zeros() as usize)
    }

    /// Whether a header's `kid` names this key.
    #[must_use]
    pub fn is_named(&self, kid: &str) -> bool {
        *self.kid == *kid || *self.thumbprint == *kid
    }

    /// Whether a signature of a message was made with the matching private key (RS256).
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

/// Extracts the PEM block of a text from what editors and tools put around it.
pub(super) fn pem_block(text: &str) -> Result<&str, KeyError> {
    let Some(begin) = text.find("-----BEGIN ") else { return Ok(text.trim()) };
    let text = text[begin..].trim();
    let behind = text.find("-----END ").map(|end| end + "-----END ".len());
    let end = behind.and_then(|behind| Some(behind + text[behind..].find("-----")? + "-----".len()));
    let block = end.map_or(text, |end| &text[..end]);
    // Typical damage to a key passed through a variable or a form.
    if block.contains("\\n") {
        return Err(KeyError::new("its lines end with a backslash and an \"n\"; replace them with line feeds"));
    }
    if end.is_some() && !block.contains(['\n', '\r']) {
        return Err(KeyError::new("it is all on one line; put its first and last line on lines of their own"));
    }
    Ok(block)
}

/// The PEM library's objection, as the end of a sentence. Empty for a text without any PEM.
pub(super) fn objection(text: &str, error: &pem::Error) -> &'static str {
    if !text.contains("-----BEGIN ") {
        return "";
    }
    if !text.contains("-----END ") {
        return "; the END line is missing; give the complete text of the key file";
    }
    match error {
        pem::Error::Base64(_) | pem::Error::EncapsulatedText | pem::Error::Length => {
            "; the lines between BEGIN and END are not base64, or not 64 characters long (except the last)"
        }
        pem::Error::HeaderDisallowed => "; remove the header lines between BEGIN and END",
        pem::Error::PostEncapsulationBoundary => "; the END line is missing, or does not match the BEGIN line",
        _ => "; the BEGIN line is damaged",
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PublicKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// An RSA public key as JSON (RFC 7517).
#[derive(Serialize, ToSchema)]
struct Jwk<'k> {
    #[schema(pattern = "^RSA$")]
    kty: &'static str,
    #[schema(pattern = "^sig$")]
    r#use: &'static str,
    #[schema(pattern = "^RS256$")]
    alg: &'static str,
    #[schema(min_length = 1)]
    kid: &'k str,
    n: String,
    e: String,
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [n, e] = [&self.modulus, &self.exponent].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
        Jwk { kty: "RSA", r#use: "sig", alg: "RS256", kid: &self.kid, n, e }.serialize(serializer)
    }
}

impl PartialSchema for PublicKey {
    fn schema() -> RefOr<Schema> {
        Jwk::schema()
    }
}

impl ToSchema for PublicKey {
    fn name() -> Cow<'static, str> {
        Jwk::name()
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        jwk::one(&Map::<String, Value>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

pub(super) fn algorithm_name(oid: ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.2.840.10045.2.1" => "an elliptic-curve key".to_owned(),
        "1.3.101.112" => "an Ed25519 key".to_owned(),
        "1.3.101.113" => "an Ed448 key".to_owned(),
        "1.2.840.113549.1.1.10" => "a key for RSASSA-PSS only".to_owned(),
        other => format!("a key for the algorithm {other}"),
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// RFC 7638, 3: only the required members, ordered by name.
fn thumbprint(modulus: &[u8], exponent: &[u8]) -> Arc<str> {
    let (n, e) = (BASE64_URL_SAFE_NO_PAD.encode(modulus), BASE64_URL_SAFE_NO_PAD.encode(exponent));
    let members = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes())).into()
}
