//! This machine's network settings: its proxy, and the certificate authorities that it trusts. Also
//! what a session's requests share.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use aws_smithy_http_client::{
    Connector, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_smithy_types::base64;
use rustls::RootCertStore;

use super::{error::innermost, profiles::Profiles, skew::Skew};
use crate::{
    effects::env,
    error::Failure,
    plan::proxies::{Proxies, Proxy},
};

/// The environment variable that names a file of certificates, as for the AWS CLI.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// True if the machine has any trusted certificate. The TLS library panics if there is none.
static TRUSTS_SOMEBODY: LazyLock<bool> =
    LazyLock::new(|| !rustls_native_certs::load_native_certs().certs.is_empty());

#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    proxies: Proxies,
    trust: Trust,
    /// The connectors that were made, by address. A connector keeps its connections open.
    connectors: Arc<Mutex<BTreeMap<String, SharedHttpConnector>>>,
    /// How far the machine's clock is from the services'.
    pub(super) skew: Skew,
}

#[derive(Debug, Clone, Default)]
enum Trust {
    /// The certificate authorities that the machine trusts.
    #[default]
    Machine,
    /// Only these certificate authorities, in PEM.
    Bundle(Arc<Vec<u8>>),
}

impl Network {
    /// Loads the settings from the environment and the profile. Without a profile, uses the one
    /// that the AWS configuration selects.
    pub(crate) async fn load(profile: Option<&str>) -> Result<Self, Failure> {
        let proxies = Proxies::read(|name| {
            let empty = || env::is_set_to_nothing(name.as_ref()).then(String::new);
            env::var(name).or_else(empty)
        })?;
        let trust = match env::var(CA_BUNDLE) {
            Some(path) => bundle(&path).map_err(|why| {
                Failure::usage(format!(
                    "the environment variable {CA_BUNDLE} names `{path}`, and {why}"
                ))
                .help("set it to a file of certificates in PEM, or unset it")
            })?,
            None => trust_of_profile(profile).await?,
        };
        Ok(Self {
            proxies,
            trust,
            connectors: Arc::default(),
            skew: Skew::default(),
        })
    }

    /// Returns the connector to this address. The first caller makes it.
    pub(super) fn kept_connector(
        &self,
        address: &str,
        make: impl FnOnce() -> SharedHttpConnector,
    ) -> SharedHttpConnector {
        let mut made = self
            .connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        made.entry(address.to_owned()).or_insert_with(make).clone()
    }

    /// Returns the proxy for requests to this address.
    pub(super) fn proxy(&self, address: &str) -> Option<&Proxy> {
        self.proxies.for_address(address)
    }

    /// Returns true if any certificate authority is trusted.
    pub(super) fn is_trusting(&self) -> bool {
        match self.trust {
            Trust::Machine => *TRUSTS_SOMEBODY,
            Trust::Bundle(_) => true,
        }
    }

    pub(super) fn over_tls(
        &self,
        builder: ConnectorBuilder,
        proxy: Option<&Proxy>,
    ) -> Result<Connector, String> {
        let proxy = match proxy {
            Some(proxy) => ProxyConfig::https(proxy.url())
                // The error may contain the password.
                .map_err(|_| format!("{} is not the address of a proxy", proxy.variable))?,
            None => ProxyConfig::disabled(),
        };
        let store = match &self.trust {
            Trust::Machine => TrustStore::default(),
            Trust::Bundle(pem) => TrustStore::empty().with_pem_certificate(pem.to_vec()),
        };
        let context = TlsContext::builder().with_trust_store(store).build();
        Ok(builder
            .proxy_config(proxy)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.map_err(|error| innermost(&error))?)
            .build())
    }
}

async fn trust_of_profile(profile: Option<&str>) -> Result<Trust, Failure> {
    // A configuration that cannot be read is not an error if nothing is needed from it.
    let Ok(profiles) = Profiles::load().await else {
        return Ok(Trust::Machine);
    };
    let Some((profile, path)) = profiles.ca_bundle(profile) else {
        return Ok(Trust::Machine);
    };
    bundle(path).map_err(|why| {
        Failure::config(format!(
            "`ca_bundle` of the profile `{profile}` names `{path}`, and {why}"
        ))
        .help("set it to a file of certificates in PEM")
    })
}

/// Reads the certificates of a file. Skips unusable ones, as other tools do.
fn bundle(path: &str) -> Result<Trust, String> {
    let read = rustls_native_certs::load_certs_from_paths(Some(Path::new(path)), None);
    let mut roots = RootCertStore::empty();
    let mut pem = String::new();
    for certificate in read.certs {
        let encoded = base64::encode(&certificate);
        if roots.add(certificate).is_ok() {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in encoded.as_bytes().chunks(64) {
                pem.push_str(&String::from_utf8_lossy(line));
                pem.push('\n');
            }
            pem.push_str("-----END CERTIFICATE-----\n");
        }
    }
    if roots.is_empty() {
        return Err(match read.errors.first() {
            Some(error) => format!("that cannot be read: {}", innermost(error)),
            None => "that contains no certificate".to_owned(),
        });
    }
    Ok(Trust::Bundle(Arc::new(pem.into_bytes())))
}
