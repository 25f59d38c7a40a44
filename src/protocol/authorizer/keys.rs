//! An issuer's public keys (RFC 7517), and the check of a token's signature against them.

use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;

use super::{
    Signature,
    token::{Jwt, from_base64url},
};

/// A key set. Keys of unknown kinds are kept to tell them apart from missing keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    name: Option<String>,
    /// The only algorithm that the key may be used with, if the set names one.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point in uncompressed form.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Unknown,
}

/// Returns true if the algorithm signs with a private key. Public keys are not secret, so a
/// signature made with one of them (HS256), or no signature, proves nothing.
pub(super) fn is_signature(algorithm: &str) -> bool {
    matches!(
        algorithm,
        "RS256"
            | "RS384"
            | "RS512"
            | "PS256"
            | "PS384"
            | "PS512"
            | "ES256"
            | "ES384"
            | "ES512"
            | "EdDSA"
            | "Ed25519"
            | "ES256K"
    )
}

impl Keys {
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let keys = document["keys"].as_array().ok_or("it has no list `keys`")?;
        let signing = keys
            .iter()
            .filter(|key| key["use"].as_str().is_none_or(|purpose| purpose == "sig"));
        Ok(Self(signing.map(Key::read).collect()))
    }

    /// Returns true if the set has the key that the token names. If not, the issuer may have
    /// changed its keys.
    pub fn has_key_of(&self, jwt: &Jwt) -> bool {
        self.candidates(jwt).next().is_some()
    }

    fn candidates(&self, jwt: &Jwt) -> impl Iterator<Item = &Key> {
        let (name, algorithm) = (jwt.key(), jwt.algorithm());
        self.0.iter().filter(move |key| {
            let is_named = name.is_none() || key.name.as_deref() == name;
            is_named && key.algorithm.as_deref().is_none_or(|own| own == algorithm)
        })
    }

    /// Checks a token's signature with the key that it names, or with any key that fits.
    pub(super) fn check(&self, jwt: &Jwt) -> Result<Signature, String> {
        let mut unsupported = false;
        let mut tried = false;
        for key in self.candidates(jwt) {
            match key.verifies(jwt) {
                Some(true) => return Ok(Signature::Checked),
                Some(false) => tried = true,
                None => unsupported = true,
            }
        }
        match (tried, unsupported, jwt.key()) {
            (true, ..) => Err("the token's signature does not match the issuer's key".to_owned()),
            (false, true, _) if !is_supported(jwt.algorithm()) => {
                Ok(Signature::NotChecked(format!(
                    "signatures of the kind `{}` cannot be checked here",
                    jwt.algorithm()
                )))
            }
            (false, _, Some(name)) => Err(format!(
                "the issuer has no key `{name}` for `{}`",
                jwt.algorithm()
            )),
            (false, _, None) => Err(format!("the issuer has no key for `{}`", jwt.algorithm())),
        }
    }
}

impl Key {
    fn read(key: &Value) -> Self {
        let text = |name: &str| key[name].as_str().map(str::to_owned);
        Self {
            name: text("kid"),
            algorithm: text("alg"),
            material: material(key).unwrap_or(Material::Unknown),
        }
    }

    /// Returns `None` if this key cannot be used with the token's algorithm.
    fn verifies(&self, jwt: &Jwt) -> Option<bool> {
        match &self.material {
            Material::Rsa { n, e } => {
                let key = RsaPublicKeyComponents { n, e };
                let holds = key.verify(rsa(jwt.algorithm())?, jwt.signed(), jwt.signature());
                Some(holds.is_ok())
            }
            Material::P256(point) if jwt.algorithm() == "ES256" => {
                Some(holds(&signature::ECDSA_P256_SHA256_FIXED, point, jwt))
            }
            Material::P384(point) if jwt.algorithm() == "ES384" => {
                Some(holds(&signature::ECDSA_P384_SHA384_FIXED, point, jwt))
            }
            Material::Ed25519(key) if matches!(jwt.algorithm(), "EdDSA" | "Ed25519") => {
                Some(holds(&signature::ED25519, key, jwt))
            }
            Material::P256(_) | Material::P384(_) | Material::Ed25519(_) | Material::Unknown => {
                None
            }
        }
    }
}

fn holds(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], jwt: &Jwt) -> bool {
    UnparsedPublicKey::new(algorithm, key)
        .verify(jwt.signed(), jwt.signature())
        .is_ok()
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn is_supported(algorithm: &str) -> bool {
    rsa(algorithm).is_some() || matches!(algorithm, "ES256" | "ES384" | "EdDSA" | "Ed25519")
}

fn material(key: &Value) -> Option<Material> {
    let bytes = |name: &str| from_base64url(key[name].as_str()?);
    let point = |length: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        (x.len() == length && y.len() == length).then(|| [&[4], &*x, &*y].concat())
    };
    Some(match (key["kty"].as_str()?, key["crv"].as_str()) {
        ("RSA", _) => Material::Rsa {
            n: without_leading_zeros(bytes("n")?),
            e: without_leading_zeros(bytes("e")?),
        },
        ("EC", Some("P-256")) => Material::P256(point(32)?),
        ("EC", Some("P-384")) => Material::P384(point(48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
        _ => return None,
    })
}

/// Some issuers write numbers as Java does, with a leading zero for the sign.
fn without_leading_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    bytes
}
