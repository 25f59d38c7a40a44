//! The models of Bedrock, called as the developer for agents on this machine.
//!
//! An agent's process holds no credentials. What it asks of a model is signed here and passed on, and the answer
//! comes back as it is, piece by piece.

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
    sign::{NotSigned, Unsigned},
};
use crate::{
    effects::{clock, env},
    error::Failure,
    names::Region,
    plan::privacy::{self, Proof},
};

/// How long credentials may take to come. A program or a browser may be asked for them.
const CREDENTIALS: Duration = Duration::from_secs(30);

pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A call as the agent makes it, without what belongs to its connection and its signature.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) region: Region,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// A way to the models.
pub(crate) struct Models {
    request: session::Request,
    /// Made at the first call; again, where its credentials do not work.
    connection: tokio::sync::Mutex<Option<Connection>>,
    connectors: Mutex<BTreeMap<String, SharedHttpConnector>>,
}

impl Models {
    /// As whom, the request says; the region is each call's own.
    pub(crate) fn new(request: session::Request) -> Self {
        Self {
            request,
            connection: tokio::sync::Mutex::default(),
            connectors: Mutex::default(),
        }
    }

    /// What Bedrock answers.
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
            .signature("bedrock", &call.region, &credentials)
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
            // They may be renewed by now, in a file or by a login.
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

/// As whom the models are called, in words.
pub(crate) async fn identify(request: &session::Request) -> Result<String, Failure> {
    // Each call names a region of its own; to ask who that is, any will do.
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
                "AWS did not say within 30 s whose credentials these are",
            ))
        })
        .map_err(without_options)?;
    Ok(format!(
        "as {} in account {} by {}",
        session.principal, session.account, session.source
    ))
}

/// Models have no options of the command line: a variable names their profile.
fn without_options(mut failure: Failure) -> Failure {
    for message in &mut failure.messages {
        for help in &mut message.help {
            if help.contains("`--profile`") {
                "`aws configure` or `aws sso login` makes credentials; CARGO_AGENTCORE_PROFILE names the profile to use"
                    .clone_into(help);
            }
        }
    }
    failure
}

/// Where the models of a region are.
fn endpoint(region: &Region) -> String {
    env::var("AWS_ENDPOINT_URL_BEDROCK_RUNTIME")
        .or_else(|| env::var("AWS_ENDPOINT_URL"))
        .unwrap_or_else(|| {
            let suffix = region.partition().dns_suffix();
            format!("https://bedrock-runtime.{region}.{suffix}")
        })
}
