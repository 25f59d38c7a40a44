//! HTTP to AWS and to emulators. Loads the trusted certificates only when they are needed, limits
//! the size of answers, and does not send credentials over unencrypted connections to other
//! machines.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{
    network::Network,
    requests::{told, told_connector},
    unanswered::{Lost, Unanswered},
};
use crate::plan::{privacy, proxies::Proxy};

/// The time limit for connecting. Waiting for an answer has its own limit.
pub(super) const CONNECTING: Duration = Duration::from_secs(10);

/// The longest answer of a service that is read, in bytes. The services' pages have at most one
/// megabyte.
const LONGEST_ANSWER: usize = 16 << 20;

/// Returns a connector for requests without an SDK; the caller limits the answer's size. Does not
/// load the trusted certificates for an HTTP endpoint, because that takes longer than a whole call
/// to an emulator.
pub(super) fn connector(endpoint: &str, network: &Network) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECTING)
        .build();
    let builder = Connector::builder()
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new());
    let proxy = network.proxy(endpoint);
    let connector = if endpoint.starts_with("http://") {
        SharedHttpConnector::new(builder.build_http())
    } else if !network.is_trusting() {
        SharedHttpConnector::new(Impossible::nobody_trusted())
    } else {
        match network.over_tls(builder, proxy) {
            Ok(connector) => SharedHttpConnector::new(connector),
            Err(why) => SharedHttpConnector::new(Impossible(why)),
        }
    };
    let connector = told_connector(connector);
    match proxy {
        Some(proxy) => SharedHttpConnector::new(Naming {
            inner: connector,
            place: Peer::Proxy(proxy.clone()),
        }),
        None => connector,
    }
}

/// Returns [`connector`], which requests to the same address share.
pub(super) fn shared_connector(endpoint: &str, network: &Network) -> SharedHttpConnector {
    network.kept_connector(endpoint, || connector(endpoint, network))
}

/// Returns the HTTP client for the SDKs.
pub(super) fn client(network: &Network) -> SharedHttpClient {
    told(SharedHttpClient::new(Client(Arc::new(Ways {
        network: network.clone(),
        made: Mutex::default(),
    }))))
}

/// Returns [`client`] for requests that all go to this address instead of AWS. Errors name the
/// address.
pub(super) fn client_to(endpoint: &str, network: &Network) -> SharedHttpClient {
    SharedHttpClient::new(Naming {
        inner: client(network),
        place: Peer::Address(endpoint.to_owned()),
    })
}

#[derive(Debug, Clone)]
struct Naming<T> {
    inner: T,
    place: Peer,
}

#[derive(Debug, Clone)]
enum Peer {
    /// An address from the user.
    Address(String),
    Proxy(Proxy),
}

impl HttpClient for Naming<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Naming {
            inner: self.inner.http_connector(settings, components),
            place: self.place.clone(),
        })
    }
}

impl HttpConnector for Naming<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let place = self.place.clone();
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move { answer.await.map_err(|error| named(error, place)) })
    }
}

/// Adds the place to an error and keeps its kind, which determines whether the request is retried.
fn named(error: ConnectorError, place: Peer) -> ConnectorError {
    let (is_timeout, is_io, is_user) = (error.is_timeout(), error.is_io(), error.is_user());
    let (kind, connection) = (error.as_other(), error.connection_metadata().cloned());
    let source = error.into_source();
    let source: BoxError = match place {
        Peer::Address(address) => Unanswered { address, source }.into(),
        Peer::Proxy(proxy) => Lost { proxy, source }.into(),
    };
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

#[derive(Debug)]
struct Client(Arc<Ways>);

/// The clients for the different routes, each created for its first request, because credentials
/// from the environment need no request at all.
#[derive(Debug)]
struct Ways {
    network: Network,
    made: Mutex<BTreeMap<Way, SharedHttpClient>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Plain,
    Tls,
    Proxy,
}

/// Chooses the client for each request, because the route depends on the request.
#[derive(Debug)]
struct Choosing {
    ways: Arc<Ways>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Choosing {
            ways: Arc::clone(&self.0),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

impl HttpConnector for Choosing {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let address = request.uri();
        if holds_credentials(&request) && !privacy::is_private(address) {
            let why = format!(
                "a request with credentials is not sent to `{address}`, which is neither HTTPS nor this machine"
            );
            return Impossible(why).call(request);
        }
        let proxy = self.ways.network.proxy(address).cloned();
        let way = match &proxy {
            Some(_) => Way::Proxy,
            None if address.starts_with("https://") => Way::Tls,
            None => Way::Plain,
        };
        if way != Way::Plain && !self.ways.network.is_trusting() {
            return Impossible::nobody_trusted().call(request);
        }
        let client = self.ways.client(way, proxy.as_ref());
        let connector = client.http_connector(&self.settings, &self.components);
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move {
            match (answer.await, proxy) {
                (Ok(answer), _) => Ok(bounded(answer)),
                (Err(error), Some(proxy)) => Err(named(error, Peer::Proxy(proxy))),
                (Err(error), None) => Err(error),
            }
        })
    }
}

impl Ways {
    fn client(&self, way: Way, proxy: Option<&Proxy>) -> SharedHttpClient {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let client = made.entry(way).or_insert_with(|| match way {
            Way::Plain => Builder::new().build_http(),
            Way::Tls | Way::Proxy => over_tls(self.network.clone(), proxy.cloned()),
        });
        client.clone()
    }
}

fn over_tls(network: Network, proxy: Option<Proxy>) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder();
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        if let Some(settings) = settings {
            builder.set_connector_settings(Some(settings.clone()));
        }
        network
            .over_tls(builder, proxy.as_ref())
            .expect("the address of a proxy was read before")
    })
}

/// Returns true if a request contains credentials or acts as one. Requests to a machine's metadata
/// service do not: they use plain HTTP.
fn holds_credentials(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let authorization = headers.get("authorization").unwrap_or_default();
    request.method() == "POST"
        || authorization.starts_with("AWS4-")
        || authorization.starts_with("Bearer ")
        || headers.contains_key("x-amz-security-token")
        || headers.contains_key("x-amz-sso_bearer_token")
        || request.uri().contains("X-Amz-Signature=")
}

/// Limits the size of an answer.
pub(super) fn bounded(answer: HttpResponse) -> HttpResponse {
    answer.map(|body| {
        let body = Limited::new(body, LONGEST_ANSWER).map_err(|error| {
            if error.is::<LengthLimitError>() {
                TooLong.into()
            } else {
                error
            }
        });
        SdkBody::from_body_1_x(body)
    })
}

#[derive(Debug, thiserror::Error)]
#[error("the answer is longer than {} MiB, and the rest was not read", LONGEST_ANSWER >> 20)]
struct TooLong;

/// Fails every request with this reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Impossible(String);

impl Impossible {
    /// Without a certificate authority, no server can be verified.
    fn nobody_trusted() -> Self {
        Self(
            "no trusted certificate authority was found on this machine; install the package \
             `ca-certificates`, or set SSL_CERT_FILE to a file of certificates"
                .to_owned(),
        )
    }
}

impl HttpConnector for Impossible {
    fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
        let why = Self(self.0.clone());
        HttpConnectorFuture::ready(Err(ConnectorError::other(why.into(), None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind of an error determines whether a request is retried.
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
            let after = named(error, Peer::Address("http://h".to_owned()));
            assert_eq!(meaning(&after), before);
            let source = after.into_source();
            let found = source.downcast_ref::<Unanswered>().unwrap();
            assert_eq!(found.address, "http://h");
        }
    }
}
