//! Calls Bedrock models with the developer's credentials for agents on this machine.
//!
//! An agent's process has no credentials. Its model calls are signed here and sent to Bedrock, and
//! the answer streams back unchanged.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use hyper::{Response, body::Bytes};

use super::{
    error::innermost,
    https,
    session::{self, Connection},
    sign::{NotSigned, Scheme, Unsigned},
};
use crate::{
    effects::{clock, env},
    error::Failure,
    names::Region,
    plan::privacy::{self, Proof},
};

/// The time limit for getting credentials, which may come from a program or a browser.
const CREDENTIALS: Duration = Duration::from_secs(30);

pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// An agent's call, without the headers of its connection and its signature.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) region: Region,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// A client for the models.
pub(crate) struct Models {
    request: session::Request,
    /// Created at the first call, and again if its credentials are refused.
    connection: tokio::sync::Mutex<Option<Connection>>,
    connectors: Mutex<BTreeMap<String, SharedHttpConnector>>,
}

impl Models {
    /// The request determines the identity; each call has its own region.
    pub(crate) fn new(request: session::Request) -> Self {
        Self {
            request,
            connection: tokio::sync::Mutex::default(),
            connectors: Mutex::default(),
        }
    }

    /// Sends a call to Bedrock and returns the answer.
    pub(crate) async fn call(&self, call: Call) -> Result<Response<Body>, Failure> {
        let connection = clock::within(CREDENTIALS, self.connect(&call.region))
            .await
            .unwrap_or_else(|| {
                Err(Failure::access("AWS credentials did not come within 30 s")
                    .help("`aws sts get-caller-identity` shows what they wait for"))
            })?;
        let endpoint = endpoint(&call.region);
        privacy::check(Proof::Signature, &endpoint)?;
        let url = format!("{}{}", endpoint.trim_end_matches('/'), call.target);
        let unsigned = Unsigned {
            method: &call.method,
            url: &url,
            headers: &call.headers,
            body: &call.body,
        };
        let credentials = connection
            .sdk
            .credentials_provider()
            .ok_or_else(|| Failure::access("no AWS credentials were found"))?;
        let signature = unsigned
            .signature(
                Scheme::Usual("bedrock"),
                &call.region,
                &credentials,
                clock::wall(),
            )
            .await
            .map_err(|error| match error {
                NotSigned::NoCredentials(why) => {
                    Failure::access("the AWS credentials cannot be used").note(why)
                }
                NotSigned::Unsuitable(why) => Failure::world("the call cannot be signed").note(why),
            })?;
        let request = unsigned
            .with(&signature)
            .map_err(|why| Failure::world("the call cannot be passed on").note(why))?;
        let answer = self
            .connector(&endpoint, &connection)
            .call(request)
            .await
            .map_err(|error| {
                Failure::world(format!("Bedrock at {endpoint} does not answer"))
                    .note(innermost(&error))
            })?;
        let status = answer.status().as_u16();
        if matches!(status, 401 | 403) {
            // The credentials may have been renewed since, in a file or by a login.
            *self.connection.lock().await = None;
        }
        let mut response = Response::builder().status(status);
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        response
            .body(answer.into_body().map_err(Into::into).boxed_unsync())
            .map_err(|error| Failure::world(format!("Bedrock gave an unexpected answer: {error}")))
    }

    async fn connect(&self, region: &Region) -> Result<Connection, Failure> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept
            && let Some(credentials) = connection.sdk.credentials_provider()
            && credentials.provide_credentials().await.is_ok()
        {
            return Ok(connection.clone());
        }
        *kept = None;
        let request = session::Request {
            region: Some(region.clone()),
            ..self.request.clone()
        };
        let connection = session::connect(&request).await.map_err(without_options)?;
        *kept = Some(connection.clone());
        Ok(connection)
    }

    fn connector(&self, endpoint: &str, connection: &Connection) -> SharedHttpConnector {
        let mut made = self
            .connectors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connector = made
            .entry(endpoint.to_owned())
            .or_insert_with(|| https::connector(endpoint, &connection.network));
        connector.clone()
    }
}

/// Returns a description of the identity that calls the models.
pub(crate) async fn identify(request: &session::Request) -> Result<String, Failure> {
    // Each call has its own region; any region can identify the caller.
    let region = session::known_region().await;
    let region = region.or_else(|| Region::parse(session::LOCAL_REGION).ok());
    let request = session::Request {
        region,
        ..request.clone()
    };
    let asking = async { session::connect(&request).await?.identify().await };
    let session = clock::within(CREDENTIALS, asking)
        .await
        .unwrap_or_else(|| {
            Err(Failure::access(
                "AWS STS did not identify the credentials within 30 s",
            ))
        })
        .map_err(without_options)?;
    Ok(format!(
        "as {} in account {} via {}",
        session.principal, session.account, session.source
    ))
}

/// Rewrites help about `--profile`: for models, an environment variable names the profile.
fn without_options(mut failure: Failure) -> Failure {
    for message in &mut failure.messages {
        for help in &mut message.help {
            if help.contains("`--profile`") {
                "set up credentials with `aws configure` or `aws sso login`, or choose a profile with CARGO_AGENTCORE_PROFILE"
                    .clone_into(help);
            }
        }
    }
    failure
}

/// Returns the address of a region's models.
fn endpoint(region: &Region) -> String {
    env::var("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
        .or_else(|| env::var("AWS_ENDPOINT_URL"))
        .unwrap_or_else(|| {
            let suffix = region.partition().dns_suffix();
            format!("https://bedrock-runtime.{region}.{suffix}")
        })
}
