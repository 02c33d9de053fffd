//! Creates assertions as a client does: signs a header and claims with a private key. The input is signed as it is, so
//! that tests can also create invalid assertions.

use super::{
    jws::{signing_input, with_signature},
    key::{KeyError, algorithm_name, objection, pem_block},
};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use serde_json::Value;
use std::fmt;
use x509_cert::{
    der::{
        Decode, Tag, Tagged,
        asn1::{AnyRef, OctetStringRef},
        pem::{self, LineEnding},
    },
    spki::{AlgorithmIdentifierRef, ObjectIdentifier},
};

/// An RSA private key that signs assertions (RS256). Never shown in errors or by `Debug`.
pub struct SigningKey {
    pair: KeyPair,
    public_pem: String,
}

impl SigningKey {
    /// Parses a private key from PEM: `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1).
    ///
    /// # Errors
    /// When the key cannot sign RS256.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        if text.matches("-----BEGIN ").count() > 1 {
            return Err(KeyError::new("it contains more than one PEM block; keep only the private key"));
        }
        if text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(encrypted());
        }
        let (label, der) = pem::decode_vec(pem_block(text)?.as_bytes()).map_err(|error| {
            let objection = objection(text, &error);
            KeyError::new(format!("it is not PEM with \"-----BEGIN PRIVATE KEY-----\"{objection}; {MAKE_ONE}"))
        })?;
        let pair = match label {
            "PRIVATE KEY" => {
                judge_algorithm(&der)?;
                KeyPair::from_pkcs8(&der)
            }
            "RSA PRIVATE KEY" => KeyPair::from_der(&der),
            "ENCRYPTED PRIVATE KEY" => return Err(encrypted()),
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE" => {
                return Err(KeyError::new(
                    "it is a public key, which verifies but cannot sign; give its private key instead",
                ));
            }
            "EC PRIVATE KEY" => return Err(not_rsa("an elliptic-curve key")),
            other => {
                return Err(KeyError::new(format!(
                    "its PEM block is a {other:?}; expected a PRIVATE KEY (PKCS#8) or an RSA PRIVATE KEY (PKCS#1)"
                )));
            }
        };
        let pair = pair.map_err(|_| {
            KeyError::new(format!("it is not a complete RSA private key of 2048 to 8192 bits; {MAKE_ONE}"))
        })?;
        Self::of(pair)
    }

    /// Generates a key of 2048, 3072 or 4096 bits. It is never derived from a seed, so that it cannot be guessed.
    ///
    /// # Errors
    /// When the size is not supported, or the system provides no randomness.
    pub fn generate(bits: usize) -> Result<Self, KeyError> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(KeyError::new(format!("cannot make a key of {bits} bits; choose 2048, 3072 or 4096"))),
        };
        Self::of(KeyPair::generate(size).map_err(|_| KeyError::new("it could not be generated"))?)
    }

    fn of(pair: KeyPair) -> Result<Self, KeyError> {
        let public = pair.public_key().as_der().map_err(|_| KeyError::new(UNWRITABLE))?;
        let public_pem =
            pem::encode_string("PUBLIC KEY", LineEnding::LF, public.as_ref()).map_err(|_| KeyError::new(UNWRITABLE))?;
        Ok(Self { pair, public_pem })
    }

    /// The public key, SPKI as PEM: what a server needs to verify signatures.
    #[must_use]
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The private key, PKCS#8 as PEM, for its owner only.
    ///
    /// # Errors
    /// When the key cannot be exported.
    pub fn private_pem(&self) -> Result<String, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::new(UNWRITABLE))?;
        pem::encode_string("PRIVATE KEY", LineEnding::LF, der.as_ref()).map_err(|_| KeyError::new(UNWRITABLE))
    }

    /// Signs claims with RS256, whatever `alg` the header states.
    ///
    /// # Errors
    /// When the signing library fails.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        let input = input(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // The randomness only blinds the computation against side channels; the signature depends on key and input
        // alone.
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| KeyError::new("it cannot sign"))?;
        Ok(with_signature(input, &signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey")
    }
}

/// A JWT with an empty signature, as for `"alg": "none"`. Every server must refuse it.
#[must_use]
pub fn unsigned(header: &Value, claims: &Value) -> String {
    with_signature(input(header, claims), &[])
}

/// A JWT with an HMAC, as for `"alg": "HS256"`. A server that trusts the header's algorithm would use its own public
/// key as the secret, which everyone knows; every server must refuse it.
#[must_use]
pub fn with_hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let input = input(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
    with_signature(input, tag.as_ref())
}

/// The error for a key that cannot be written as text.
const UNWRITABLE: &str = "the key cannot be written";

const MAKE_ONE: &str = "\"docendorse-mock keys generate\" makes one";

fn input(header: &Value, claims: &Value) -> String {
    signing_input(&header.to_string(), claims.to_string().as_bytes())
}

fn encrypted() -> KeyError {
    KeyError::new("it is encrypted; export it without a password, as \"openssl pkey -in KEY\" prints it")
}

fn not_rsa(what: &str) -> KeyError {
    KeyError::new(format!("it is {what}; assertions are signed with RS256, which needs an RSA key; {MAKE_ONE}"))
}

/// Distinguishes a key for another algorithm from a damaged one. PKCS#8 states the algorithm before the key (RFC 5208,
/// 5).
fn judge_algorithm(der: &[u8]) -> Result<(), KeyError> {
    const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    let found = AnyRef::from_der(der).and_then(|key| {
        key.sequence(|parts| -> Result<_, x509_cert::der::Error> {
            u8::decode(parts)?;
            let algorithm = AlgorithmIdentifierRef::decode(parts)?;
            <&OctetStringRef>::decode(parts)?;
            while !x509_cert::der::Reader::is_finished(parts) {
                let _: Tag = AnyRef::decode(parts)?.tag();
            }
            Ok(algorithm.oid)
        })
    });
    match found {
        Ok(oid) if oid != RSA => Err(not_rsa(&algorithm_name(oid))),
        // The library itself rejects other formats.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        PublicKey,
        built_in::{PRIVATE_KEY, PUBLIC_KEY},
        jws::Jws,
    };
    use super::*;
    use serde_json::json;

    const PKCS1: &str = include_str!("../../../fixtures/keys/test-client.pkcs1.pem");

    #[test]
    fn a_public_key_verifies_its_signatures() {
        for pem in [PRIVATE_KEY, PKCS1] {
            let key = SigningKey::from_pem(pem).unwrap();
            assert_eq!(key.public_pem(), PUBLIC_KEY);
            let text = key.sign(&json!({ "alg": "RS256" }), &json!({ "sub": "usr_1" })).unwrap();
            assert_eq!(text, key.sign(&json!({ "alg": "RS256" }), &json!({ "sub": "usr_1" })).unwrap());
            let jws = Jws::read(&text).unwrap();
            assert_eq!(jws.claims["sub"], "usr_1");
            assert!(PublicKey::from_pem(PUBLIC_KEY).unwrap().verifies(jws.signed.as_bytes(), &jws.signature));
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", SigningKey::from_pem(PRIVATE_KEY).unwrap()), "SigningKey");
    }

    #[test]
    fn tokens_are_made_unsigned_or_with_an_hmac() {
        let (header, claims) = (json!({ "alg": "none" }), json!({}));
        assert!(Jws::read(&unsigned(&header, &claims)).unwrap().signature.is_empty());
        let hmac = with_hmac(&header, &claims, b"a");
        assert_eq!(Jws::read(&hmac).unwrap().signature.len(), 32);
        assert_ne!(hmac, with_hmac(&header, &claims, b"b"));
    }

    #[test]
    fn a_key_that_cannot_sign_is_named() {
        // The shape of an Ed25519 key as PKCS#8, whose secret is zeros.
        let mut ed25519 = vec![0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20];
        ed25519.extend([0; 32]);
        let pem = |label: &str, der: &[u8]| pem::encode_string(label, LineEnding::LF, der).unwrap();
        for (text, problem) in [
            (PUBLIC_KEY.to_owned(), "it is a public key"),
            (format!("{PRIVATE_KEY}{PRIVATE_KEY}"), "more than one PEM block"),
            ("{}".to_owned(), "it is not PEM"),
            (pem("ENCRYPTED PRIVATE KEY", &[0; 8]), "it is encrypted"),
            (PKCS1.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1), "it is encrypted"),
            (pem("EC PRIVATE KEY", &[0; 8]), "it is an elliptic-curve key"),
            (pem("PRIVATE KEY", &ed25519), "it is an Ed25519 key"),
            (pem("PRIVATE KEY", &[0; 8]), "not a complete RSA private key"),
            (pem("RSA PRIVATE KEY", &[0; 8]), "not a complete RSA private key"),
            (pem("NEW PRIVATE KEY", &[0; 8]), "its PEM block is a \"NEW PRIVATE KEY\""),
        ] {
            let error = SigningKey::from_pem(&text).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
