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
use aws_smithy_runtime_api::box_error::BoxError;
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
pub(super) fn client() -> SharedHttpClient {
    told(SharedHttpClient::new(WhenAsked::default()))
}

/// [`client`] for requests that all go to this address instead of AWS: what goes wrong names it.
pub(super) fn client_to(endpoint: &str) -> SharedHttpClient {
    SharedHttpClient::new(Naming {
        inner: if endpoint.starts_with("http://") {
            told(Builder::new().build_http())
        } else {
            client()
        },
        address: endpoint.to_owned(),
    })
}

#[derive(Debug)]
struct Naming<T> {
    inner: T,
    address: String,
}

/// What went wrong on the way to an address that the user named.
#[derive(Debug, thiserror::Error)]
#[error("no answer from `{address}`")]
pub(super) struct Unanswered {
    pub(super) address: String,
    source: BoxError,
}

impl HttpClient for Naming<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Naming {
            inner: self.inner.http_connector(settings, components),
            address: self.address.clone(),
        })
    }
}

impl HttpConnector for Naming<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let address = self.address.clone();
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move { answer.await.map_err(|error| named(error, address)) })
    }
}

/// The same error, with the same meaning to whoever may repeat the request.
fn named(error: ConnectorError, address: String) -> ConnectorError {
    let (is_timeout, is_io, is_user) = (error.is_timeout(), error.is_io(), error.is_user());
    let (kind, connection) = (error.as_other(), error.connection_metadata().cloned());
    let source = error.into_source();
    let source = Unanswered { address, source }.into();
    let named = match () {
        () if is_timeout => ConnectorError::timeout(source),
        () if is_io => ConnectorError::io(source),
        () if is_user => ConnectorError::user(source),
        () => ConnectorError::other(source, kind),
    };
    match connection {
        Some(connection) => named.with_connection(connection),
        None => named,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a request is sent again depends on what an error means.
    #[test]
    fn an_error_means_the_same_when_it_names_the_address() {
        let source = || BoxError::from("broken");
        let given = [
            ConnectorError::timeout(source()),
            ConnectorError::io(source()),
            ConnectorError::user(source()),
            ConnectorError::other(source(), None),
        ];
        let meaning = |error: &ConnectorError| {
            [
                error.is_timeout(),
                error.is_io(),
                error.is_user(),
                error.is_other(),
            ]
        };
        for error in given {
            let before = meaning(&error);
            let after = named(error, "http://h".to_owned());
            assert_eq!(meaning(&after), before);
            let source = after.into_source();
            let found = source.downcast_ref::<Unanswered>().unwrap();
            assert_eq!(found.address, "http://h");
        }
    }
}
