//! A parsed JSON Web Token: RFC 7515's compact form with a claims set.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::{Map, Value};

/// The standard forbids padding, but padded tokens are accepted too.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

/// A token whose signature is not checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Jwt {
    algorithm: String,
    key: Option<String>,
    claims: Map<String, Value>,
    /// The signed part: the encoded header and claims, unchanged.
    signed: String,
    signature: Vec<u8>,
}

impl Jwt {
    pub fn parse(text: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        let object = |part: &str| match serde_json::from_slice(&from_base64url(part)?).ok()? {
            Value::Object(object) => Some(object),
            _ => None,
        };
        let header = object(header)?;
        // Extensions that must be understood. None are supported.
        if header.contains_key("crit") {
            return None;
        }
        let key = match header.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        Some(Self {
            algorithm: header.get("alg")?.as_str()?.to_owned(),
            key,
            claims: object(claims)?,
            signed: signed.to_owned(),
            signature: from_base64url(signature)?,
        })
    }

    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Returns the name of the signing key.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub(super) fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Leaves out everything that would allow someone else to use the token.
impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            algorithm,
            key,
            claims: _,
            signed: _,
            signature: _,
        } = self;
        f.debug_struct("Jwt")
            .field("algorithm", algorithm)
            .field("key", key)
            .finish_non_exhaustive()
    }
}
