//! Fetches documents from servers other than AWS, without credentials and with limits on time and
//! size.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::HttpConnector as _,
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Limited};

use super::{error::innermost, https, network::Network};
use crate::effects::clock;

/// The longest document that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Checks whether a server answers at a URL, with any status.
pub(crate) async fn reach(url: &str, limit: Duration) -> Result<(), String> {
    let answered = async { answer(url).await.map(drop) };
    clock::within(limit, answered)
        .await
        .unwrap_or_else(|| Err(format!("no answer within {} s", limit.as_secs())))
}

/// Returns the text at a URL. Uses the user's proxy and certificates.
pub(crate) async fn text(url: &str, limit: Duration) -> Result<String, String> {
    let read = async {
        let response = answer(url).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered with {}", status.as_u16()));
        }
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        String::from_utf8(body.to_vec()).map_err(|_| "it is not UTF-8".to_owned())
    };
    clock::within(limit, read)
        .await
        .unwrap_or_else(|| Err("it does not answer".to_owned()))
}

/// Requests a URL through the user's proxy, with the user's certificates.
async fn answer(url: &str) -> Result<HttpResponse, String> {
    let network = Network::load(None)
        .await
        .map_err(|failure| failure.to_string())?;
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).map_err(|error| innermost(&error))?;
    https::connector(url, &network)
        .call(request)
        .await
        .map_err(|error| innermost(&error))
}
