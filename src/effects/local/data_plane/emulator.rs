//! The data plane's requests to ministack.

use std::path::Path;

use http_body_util::BodyExt as _;
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::{
    effects::{
        aws::emulated::ACCESS_KEY_ID,
        local::http::{Body, HttpClient, client, full, remove_hop_by_hop, streamed, text},
    },
    package::image,
};

/// Required in every request to ministack, which refuses others.
pub(super) const TOKEN_HEADER: &str = "x-cargo-agentcore-token";

/// The characters that are not encoded in a path.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// ministack at its private port.
#[derive(Debug, Clone)]
pub(super) struct Emulator {
    client: HttpClient,
    port: u16,
    /// The data plane's port, which ministack uses in its own addresses.
    public: u16,
    token: String,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    NotFound(String),
    Other(String),
}

impl Emulator {
    pub(super) fn new(port: u16, public: u16, token: String) -> Self {
        Self {
            client: client(),
            port,
            public,
            token,
        }
    }

    /// Forwards a request and its answer unchanged.
    pub(super) async fn forward(&self, request: Request<Body>) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let Ok(uri) = format!("http://127.0.0.1:{}{path}", self.port).parse::<Uri>() else {
            return text(StatusCode::BAD_REQUEST, "the path cannot be passed on\n");
        };
        parts.uri = uri;
        remove_hop_by_hop(&mut parts.headers);
        if let Ok(token) = self.token.parse() {
            parts.headers.insert(TOKEN_HEADER, token);
        }
        match self.client.request(Request::from_parts(parts, body)).await {
            Ok(answer) => {
                let (mut parts, body) = answer.into_parts();
                remove_hop_by_hop(&mut parts.headers);
                Response::from_parts(parts, streamed(body))
            }
            Err(error) => text(
                StatusCode::BAD_GATEWAY,
                format!("the AWS emulator behind this address does not answer: {error}\n"),
            ),
        }
    }

    /// Returns true if the emulator with this nonce answers.
    pub(super) async fn answers(&self, nonce: &str) -> bool {
        let health = self
            .ask(
                Method::GET,
                "us-east-1",
                "sts",
                "/_ministack/health",
                &[],
                Bytes::new(),
            )
            .await;
        health.is_ok_and(|(status, body)| {
            status.is_success() && String::from_utf8_lossy(&body).contains(nonce)
        })
    }

    /// Sends a GET request to AgentCore's control plane.
    pub(super) async fn control(&self, region: &str, path: &str) -> Result<Value, Unanswered> {
        let (status, body) = self
            .ask(
                Method::GET,
                region,
                "bedrock-agentcore",
                path,
                &[],
                Bytes::new(),
            )
            .await?;
        parsed(status, &body)
    }

    /// Writes an object in a bucket to a file.
    pub(super) async fn download(
        &self,
        region: &str,
        bucket: &str,
        key: &str,
        version: Option<&str>,
        to: &Path,
    ) -> Result<(), Unanswered> {
        let key: Vec<String> = key
            .split('/')
            .map(|part| utf8_percent_encode(part, UNRESERVED).to_string())
            .collect();
        let mut path = format!("/{bucket}/{}", key.join("/"));
        if let Some(version) = version {
            path.push_str("?versionId=");
            path.extend(utf8_percent_encode(version, UNRESERVED));
        }
        let answer = self
            .send(Method::GET, region, "s3", &path, &[], Bytes::new())
            .await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => {
                return Err(Unanswered::NotFound(format!(
                    "the archive `s3://{bucket}/{}` is gone",
                    key.join("/")
                )));
            }
            status => return Err(Unanswered::Other(format!("S3 answered with {status}"))),
        }
        let failed = |error: &dyn std::fmt::Display| {
            Unanswered::Other(format!("cannot write `{}`: {error}", to.display()))
        };
        let mut file = tokio::fs::File::create(to)
            .await
            .map_err(|error| failed(&error))?;
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Unanswered::Other(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                file.write_all(&data)
                    .await
                    .map_err(|error| failed(&error))?;
            }
        }
        file.flush().await.map_err(|error| failed(&error))
    }

    /// Reads content from an image repository, and checks its digest. `what` is `manifests` or
    /// `blobs`.
    pub(super) async fn pull(
        &self,
        region: &str,
        repository: &str,
        what: &str,
        digest: &str,
    ) -> Result<Vec<u8>, Unanswered> {
        let path = format!("/v2/{repository}/{what}/{digest}");
        let headers = [("accept", image::MANIFEST)];
        let (status, body) = self
            .ask(Method::GET, region, "ecr", &path, &headers, Bytes::new())
            .await?;
        match status {
            StatusCode::OK if image::digest(&body) == digest => Ok(body.to_vec()),
            StatusCode::OK => Err(Unanswered::Other(format!(
                "the repository `{repository}` has other content than `{digest}`"
            ))),
            StatusCode::NOT_FOUND => Err(Unanswered::NotFound(format!(
                "`{digest}` is no longer in the repository `{repository}`"
            ))),
            status => Err(Unanswered::Other(format!(
                "the repository `{repository}` answered with {status}"
            ))),
        }
    }

    /// Calls CloudWatch Logs.
    pub(super) async fn logs(
        &self,
        region: &str,
        action: &str,
        input: &Value,
    ) -> Result<Value, Unanswered> {
        let target = format!("Logs_20140328.{action}");
        let headers = [
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        let body = Bytes::from(input.to_string());
        let (status, body) = self
            .ask(Method::POST, region, "logs", "/", &headers, body)
            .await?;
        parsed(status, &body)
    }

    async fn ask(
        &self,
        method: Method,
        region: &str,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Unanswered> {
        let answer = self
            .send(method, region, service, path, headers, body)
            .await?;
        let status = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| Unanswered::Other(error.to_string()))?;
        Ok((status, body.to_bytes()))
    }

    async fn send(
        &self,
        method: Method,
        region: &str,
        service: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://127.0.0.1:{}{path}", self.port))
            .header(header::HOST, format!("127.0.0.1:{}", self.public))
            .header(TOKEN_HEADER, &self.token)
            // ministack reads the service and the region from the signature's scope, and does not
            // check the signature.
            .header(
                header::AUTHORIZATION,
                format!(
                    "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/20260101/{region}/{service}/aws4_request, \
                     SignedHeaders=host, Signature=0"
                ),
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let other = |error: &dyn std::fmt::Display| Unanswered::Other(error.to_string());
        let request = request.body(full(body)).map_err(|error| other(&error))?;
        self.client
            .request(request)
            .await
            .map_err(|error| other(&error))
    }
}

fn parsed(status: StatusCode, body: &[u8]) -> Result<Value, Unanswered> {
    let value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    if status.is_success() {
        return Ok(value);
    }
    let message = ["message", "Message"]
        .iter()
        .find_map(|name| value[*name].as_str())
        .unwrap_or("no reason was given");
    let message = format!("{status}: {message}");
    Err(match status {
        StatusCode::NOT_FOUND => Unanswered::NotFound(message),
        _ => Unanswered::Other(message),
    })
}
