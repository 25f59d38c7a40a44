//! Prepares a deployed version to run on this machine, before its first call.

use http_body_util::BodyExt as _;
use hyper::{Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{
    Emulator,
    data_plane::PREPARE,
    http::{client, full},
};

/// The result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prepared {
    /// Ready, possibly with a warning about a difference from AWS.
    Ready(Option<String>),
    /// Not ready, for a reason that a caller of the agent would also get.
    NotReady(String),
}

/// Waits until the code of the endpoint `DEFAULT` can run.
pub(crate) async fn prepare(emulator: &Emulator, arn: &str) -> Prepared {
    let url = format!(
        "{}{PREPARE}/runtimes/{}/invocations",
        emulator.url,
        utf8_percent_encode(arn, NON_ALPHANUMERIC)
    );
    match ask(&url, emulator.port).await {
        Ok((true, said)) => Prepared::Ready(said["warning"].as_str().map(str::to_owned)),
        Ok((false, said)) => {
            Prepared::NotReady(said["message"].as_str().unwrap_or_default().to_owned())
        }
        Err(why) => Prepared::NotReady(format!("the local AgentCore does not answer: {why}")),
    }
}

async fn ask(
    url: &str,
    port: u16,
) -> Result<(bool, Value), Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::post(url)
        .header(header::HOST, format!("127.0.0.1:{port}"))
        .body(full(""))?;
    let answer = client().request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((
        status.is_success(),
        serde_json::from_slice(&body).unwrap_or_default(),
    ))
}
