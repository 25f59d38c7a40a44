//! HTTP to AWS and to emulators: what a server's certificate is held against is read when it is first
//! needed, and a machine that trusts nobody is told so.

use std::{
    sync::{LazyLock, OnceLock},
    time::Duration,
};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Builder, Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};

use super::requests::{told, told_connector};

/// How long a connection may take; waiting for an answer is another matter.
pub(super) const CONNECTING: Duration = Duration::from_secs(10);

/// For requests that no SDK makes. Reading the trusted certificates takes longer than a whole call to
/// an emulator, so it is left out where the endpoint asks for none.
pub(super) fn connector(endpoint: &str) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECTING)
        .build();
    let builder = Connector::builder()
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new());
    told_connector(if endpoint.starts_with("http://") {
        SharedHttpConnector::new(builder.build_http())
    } else if *TRUSTS_SOMEBODY {
        SharedHttpConnector::new(
            builder
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build(),
        )
    } else {
        SharedHttpConnector::new(Untrusting)
    })
}

/// For the SDKs.
pub(super) fn client(endpoint: Option<&str>) -> SharedHttpClient {
    told(match endpoint {
        Some(url) if url.starts_with("http://") => Builder::new().build_http(),
        _ => SharedHttpClient::new(WhenAsked::default()),
    })
}

/// A client that is made at its first request: keys in the environment need nobody to be asked.
#[derive(Debug, Default)]
struct WhenAsked(OnceLock<SharedHttpClient>);

impl HttpClient for WhenAsked {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        if !*TRUSTS_SOMEBODY {
            return SharedHttpConnector::new(Untrusting);
        }
        let client = self.0.get_or_init(|| {
            Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https()
        });
        client.http_connector(settings, components)
    }
}

/// The TLS library panics where there is no certificate at all.
static TRUSTS_SOMEBODY: LazyLock<bool> =
    LazyLock::new(|| !rustls_native_certs::load_native_certs().certs.is_empty());

/// Sends nothing, because no server could prove who it is.
#[derive(Debug)]
struct Untrusting;

#[derive(Debug, thiserror::Error)]
#[error(
    "this machine trusts no certificate authority, so no server can prove who it is; install the package \
     `ca-certificates`, or let SSL_CERT_FILE name a file of certificates"
)]
struct NobodyTrusted;

impl HttpConnector for Untrusting {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(Err(ConnectorError::other(NobodyTrusted.into(), None)))
    }
}
