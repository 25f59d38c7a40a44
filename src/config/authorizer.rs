//! `authorizer`: whose tokens an agent or a gateway accepts.

use serde_json::{Value, json};

use super::{
    Settings,
    read::{Problems, Table},
    settings,
};

/// A custom JWT authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    pub discovery_url: String,
    pub allowed_audience: Vec<String>,
    pub allowed_clients: Vec<String>,
    pub allowed_scopes: Vec<String>,
}

impl Authorizer {
    /// Returns the service's document, without custom claims.
    pub(crate) fn document(&self) -> Value {
        let Self {
            discovery_url,
            allowed_audience,
            allowed_clients,
            allowed_scopes,
        } = self;
        let mut jwt = json!({ "discoveryUrl": discovery_url });
        for (name, list) in [
            ("allowedAudience", allowed_audience),
            ("allowedClients", allowed_clients),
            ("allowedScopes", allowed_scopes),
        ] {
            if !list.is_empty() {
                jwt[name] = json!(list);
            }
        }
        json!({ "customJWTAuthorizer": jwt })
    }
}

/// Takes the key `authorizer`.
pub(super) fn read(
    table: &mut Table<'_>,
    settings: &mut Settings,
    problems: &mut Problems<'_>,
) -> Option<Authorizer> {
    let mut inner = table.table("authorizer", problems)?;
    let discovery_url = inner.parsed("discovery-url", problems, |text| {
        if is_discovery_url(text) {
            Ok(text.to_owned())
        } else {
            Err(format!(
                "invalid discovery URL `{text}`: expected `https://…/.well-known/openid-configuration`"
            ))
        }
    });
    let missing = discovery_url.is_none() && inner.key_span("discovery-url") == inner.span;
    if missing {
        problems.at(
            inner.span.clone(),
            format!("`{}` needs `discovery-url`", inner.name()),
            "",
        );
    }
    let allowed_audience = inner
        .texts("allowed-audience", problems)
        .unwrap_or_default();
    let allowed_clients = inner.texts("allowed-clients", problems).unwrap_or_default();
    let allowed_scopes = inner.texts("allowed-scopes", problems).unwrap_or_default();
    let has_claims = settings::claims::read(&mut inner, settings, problems);
    let accepts_all = !has_claims
        && [&allowed_audience, &allowed_clients, &allowed_scopes]
            .iter()
            .all(|list| list.is_empty());
    if accepts_all && !missing {
        let warning = problems.message(
            inner.span.clone(),
            "the authorizer accepts every token of the issuer, whoever it was issued for",
            "",
        );
        problems.warn(
            warning.help("limit it with `allowed-audience`, `allowed-clients`, `allowed-scopes` or `custom-claims`"),
        );
    }
    inner.finish(problems);
    Some(Authorizer {
        discovery_url: discovery_url?,
        allowed_audience,
        allowed_clients,
        allowed_scopes,
    })
}

/// Returns true for a URL that matches the service's pattern for `discoveryUrl`, over HTTPS. A
/// tenant's path may follow (RFC 8414).
fn is_discovery_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else {
        return false;
    };
    let is_clean = !rest.contains(|c: char| c.is_whitespace() || "?#".contains(c));
    let after = ["openid-configuration", "oauth-authorization-server"]
        .iter()
        .filter_map(|document| rest.split_once(&format!("/.well-known/{document}")))
        .any(|(host, path)| {
            let is_tenant = path.starts_with('/') && path.len() > 1;
            !host.is_empty() && (path.is_empty() || is_tenant)
        });
    is_clean && after
}
