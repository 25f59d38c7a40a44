//! The inbound authorizer of a runtime: who may call it.
//!
//! A runtime with a `customJWTAuthorizer` accepts only bearer tokens; any other runtime accepts
//! only signatures. This data plane serves unsigned requests like signed ones. It checks tokens as
//! the service does: issuer, audience, client, scopes, custom claims and time (see the developer
//! guide's inbound-jwt-authorizer). It can check the signature only if it can reach the issuer's
//! keys.

mod claims;
mod keys;
mod token;

use serde_json::{Value, json};

pub use self::{
    claims::{ClaimRule, Operator},
    keys::Keys,
    token::Jwt,
};
use super::{Refusal, refusal::Kind};

/// A `customJWTAuthorizer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub discovery_url: String,
    pub audience: Vec<String>,
    pub clients: Vec<String>,
    pub scopes: Vec<String>,
    pub claims: Vec<ClaimRule>,
    /// The names of scopes in the metadata that clients read.
    pub advertised: Vec<(String, String)>,
}

/// A request's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    /// An AWS signature in a header or in the query. It is not checked here.
    Signature,
    Bearer(String),
}

/// What is known about the issuer.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The name from the discovery document. Without the document, it is derived from the discovery
    /// URL.
    pub name: Option<String>,
    /// The keys, or why they could not be loaded.
    pub keys: Result<Keys, String>,
}

/// The parts of a discovery document that are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    pub issuer: String,
    pub jwks_uri: Option<String>,
}

/// Why a request is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// The runtime has no authorizer.
    Open,
    Token(Signature),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    Checked,
    /// The reason why the signature was not checked. The service would have checked it.
    NotChecked(String),
}

/// The WebSocket subprotocol in which a browser sends a token.
const SUBPROTOCOL: &str = "base64UrlBearerAuthorization";

impl Credentials {
    /// Reads the credentials from the `Authorization` header, the WebSocket's subprotocols, or the
    /// query.
    pub fn of<'h>(
        header: impl Fn(&str) -> Option<&'h str>,
        query: &[(String, String)],
    ) -> Result<Self, Refusal> {
        if let Some(value) = header("authorization") {
            let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                return Ok(Self::Bearer(rest.trim().to_owned()));
            }
            return Ok(Self::Signature);
        }
        if let Some(token) = header("sec-websocket-protocol").and_then(subprotocol_token) {
            return token.map(Self::Bearer);
        }
        let is_presigned = query
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("x-amz-signature"));
        Ok(if is_presigned {
            Self::Signature
        } else {
            Self::None
        })
    }
}

/// Finds the token in a WebSocket's subprotocols.
fn subprotocol_token(list: &str) -> Option<Result<String, Refusal>> {
    let encoded = list
        .split(',')
        .find_map(|item| item.trim().strip_prefix(SUBPROTOCOL)?.strip_prefix('.'))?;
    let token = token::from_base64url(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    Some(token.ok_or_else(unreadable))
}

/// Returns the subprotocols that are passed to the agent: those that carry no token.
pub fn agents_subprotocols(list: &str) -> Option<String> {
    let rest: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty() && !item.starts_with(SUBPROTOCOL))
        .collect();
    (!rest.is_empty()).then(|| rest.join(", "))
}

/// Returns the subprotocol to answer with if a browser sent a token and the agent chose no
/// subprotocol. Browsers close the connection without it.
pub fn answering_subprotocol(list: &str) -> Option<&'static str> {
    let mut items = list.split(',').map(str::trim);
    items.any(|item| item == SUBPROTOCOL).then_some(SUBPROTOCOL)
}

impl Rules {
    /// Reads the rules from a runtime as the service describes it.
    pub fn read(runtime: &Value) -> Option<Self> {
        let document = runtime["authorizerConfiguration"].get("customJWTAuthorizer")?;
        let strings = |name: &str| {
            let listed = document[name].as_array().into_iter().flatten();
            listed
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let advertised = document["advertisedScopeMapping"].as_object();
        Some(Self {
            discovery_url: document["discoveryUrl"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            audience: strings("allowedAudience"),
            clients: strings("allowedClients"),
            scopes: strings("allowedScopes"),
            claims: document["customClaims"]
                .as_array()
                .into_iter()
                .flatten()
                .map(ClaimRule::read)
                .collect(),
            advertised: advertised
                .into_iter()
                .flatten()
                .filter_map(|(scope, name)| Some((scope.clone(), name.as_str()?.to_owned())))
                .collect(),
        })
    }

    /// Derives the issuer from the discovery URL. RFC 8414 puts a tenant's path after the
    /// well-known part, OpenID puts it before.
    pub fn expected_issuer(&self) -> String {
        match self.discovery_url.split_once("/.well-known/") {
            Some((host, rest)) => match rest.split_once('/') {
                Some((_, path)) => format!("{host}/{path}"),
                None => host.to_owned(),
            },
            None => self.discovery_url.clone(),
        }
    }
}

impl Discovery {
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value =
            serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let member = |name: &str| document[name].as_str().map(str::to_owned);
        Ok(Self {
            issuer: member("issuer").ok_or("it has no `issuer`")?,
            jwks_uri: member("jwks_uri"),
        })
    }
}

/// Decides whether a request is allowed. `metadata` is the URL of the protected resource's
/// metadata; `now` is in seconds since the Unix epoch.
pub fn authorize(
    rules: Option<&Rules>,
    credentials: &Credentials,
    issuer: &Issuer,
    metadata: &str,
    now: u64,
) -> Result<Pass, Refusal> {
    let (rules, text) = match (rules, credentials) {
        (None, Credentials::None | Credentials::Signature) => return Ok(Pass::Open),
        (None, Credentials::Bearer(_)) | (Some(_), Credentials::Signature) => {
            return Err(Refusal::wrong_authorization());
        }
        (Some(_), Credentials::None) => {
            return Err(Refusal {
                authenticate: Some(format!("Bearer resource_metadata=\"{metadata}\"")),
                ..Refusal::new(Kind::Unauthorized, "Missing Authentication Token")
            });
        }
        (Some(rules), Credentials::Bearer(text)) => (rules, text),
    };
    let jwt = Jwt::parse(text).ok_or_else(unreadable)?;
    let signature = signature(&jwt, issuer)?;
    claims::check(rules, issuer, jwt.claims(), now).map_err(|message| Refusal {
        authenticate: Some(format!(
            "Bearer error=\"invalid_token\", resource_metadata=\"{metadata}\""
        )),
        ..Refusal::new(Kind::Unauthorized, message)
    })?;
    Ok(Pass::Token(signature))
}

fn signature(jwt: &Jwt, issuer: &Issuer) -> Result<Signature, Refusal> {
    let denied = |message: String| {
        Refusal::new(
            Kind::Unauthorized,
            format!("OAuth authorization failed: {message}"),
        )
    };
    if !keys::is_signature(jwt.algorithm()) {
        return Err(denied(format!(
            "the token's algorithm `{}` is not one of a public key",
            jwt.algorithm()
        )));
    }
    match &issuer.keys {
        Ok(keys) => keys.check(jwt).map_err(denied),
        Err(why) => Ok(Signature::NotChecked(why.clone())),
    }
}

fn unreadable() -> Refusal {
    Refusal::new(
        Kind::AccessDenied,
        "OAuth authorization failed: Failed to parse token",
    )
}

/// Returns the metadata of a runtime as a protected resource (RFC 9728). `resource` is the URL of
/// its invocations.
pub fn resource_metadata(rules: &Rules, issuer: &Issuer, resource: &str) -> Value {
    let server = issuer
        .name
        .clone()
        .unwrap_or_else(|| rules.expected_issuer());
    let mut metadata = json!({
        "resource": resource,
        "authorization_servers": [server],
        "bearer_methods_supported": ["header"],
    });
    if !rules.scopes.is_empty() {
        let advertised = rules.scopes.iter().map(|scope| {
            let name = rules.advertised.iter().find(|(given, _)| given == scope);
            name.map_or(scope, |(_, name)| name)
        });
        metadata["scopes_supported"] = advertised.cloned().collect();
    }
    metadata
}

#[cfg(test)]
mod tests;
