//! Credentials and region, loaded on the first call of AWS.
//!
//! The SDK's own chain comes first. On AgentCore it finds the role's credentials at the metadata
//! service of the microVM. If it finds none anywhere, [`Metadata`] asks that service again, and is
//! less strict than the SDK: it needs neither the header with the token's lifetime nor tokens.

use std::{
    sync::Once,
    time::{Duration, SystemTime},
};

use aws_config::{SdkConfig, default_provider::credentials::DefaultCredentialsChain};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use aws_sdk_bedrockruntime::error::DisplayErrorContext;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::DateTime;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Returns the configuration for AWS clients.
pub async fn load() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let chain = DefaultCredentialsChain::builder();
    let own = aws_config::provider_config::ProviderConfig::default().with_http_client(http.clone());
    let chain = chain.configure(own).build().await;
    aws_config::from_env()
        .http_client(http)
        .credentials_provider(WithFallback {
            chain,
            metadata: Metadata::from_env(),
        })
        .load()
        .await
}

#[derive(Debug)]
struct WithFallback {
    chain: DefaultCredentialsChain,
    metadata: Option<Metadata>,
}

impl ProvideCredentials for WithFallback {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let error = match self.chain.provide_credentials().await {
                Ok(credentials) => return Ok(credentials),
                Err(error) => error,
            };
            if let Some(metadata) = &self.metadata
                && let Ok(credentials) = metadata.credentials().await
            {
                return Ok(credentials);
            }
            static SAID: Once = Once::new();
            SAID.call_once(|| {
                tracing::error!(
                    "there are no AWS credentials: {}",
                    DisplayErrorContext(&error)
                );
            });
            Err(error)
        })
    }
}

/// The metadata service of the machine.
#[derive(Debug, Clone)]
struct Metadata {
    /// Host and port.
    address: String,
}

/// The credentials as the service describes them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: String,
}

const PATIENCE: Duration = Duration::from_secs(2);
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

impl Metadata {
    fn from_env() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        if variable("AWS_EC2_METADATA_DISABLED").eq_ignore_ascii_case("true") {
            return None;
        }
        let given = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let address = given.trim_start_matches("http://").trim_end_matches('/');
        let address = if address.is_empty() {
            "169.254.169.254:80".to_owned()
        } else if address.contains(':') {
            address.to_owned()
        } else {
            format!("{address}:80")
        };
        Some(Self { address })
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let failed = |why: String| CredentialsError::provider_error(why);
        let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", "21600")];
        // A service without tokens refuses this request, and answers the others without one.
        let token = match self.ask("PUT", "/latest/api/token", &lifetime).await {
            Ok((200, token)) => Some(token),
            Ok(_) | Err(_) => None,
        };
        let headers: Vec<(&str, &str)> = token
            .iter()
            .map(|token| ("x-aws-ec2-metadata-token", token.as_str()))
            .collect();
        let get = async |path: &str| match self.ask("GET", path, &headers).await {
            Ok((200, body)) => Ok(body),
            Ok((status, _)) => Err(failed(format!("the metadata service answered {status}"))),
            Err(why) => Err(failed(format!("the metadata service: {why}"))),
        };
        let role = get(ROLES).await?;
        let role = role.lines().next().unwrap_or_default();
        let text = get(&format!("{ROLES}{role}")).await?;
        let described: Described =
            serde_json::from_str(&text).map_err(|why| failed(why.to_string()))?;
        let format = aws_smithy_types::date_time::Format::DateTime;
        let expiration = DateTime::from_str(&described.expiration, format);
        let expiration = expiration.map_err(|why| failed(why.to_string()))?;
        Ok(Credentials::new(
            described.access_key_id,
            described.secret_access_key,
            Some(described.token),
            SystemTime::try_from(expiration).ok(),
            "the metadata service",
        ))
    }

    /// Sends a request, and returns the status and the body.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> std::io::Result<(u16, String)> {
        let Self { address } = self;
        let mut request = format!("{method} {path} HTTP/1.0\r\nhost: {address}\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("content-length: 0\r\n\r\n");
        let answer = timeout(PATIENCE, async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        });
        let answer = answer.await??;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Ok((status.unwrap_or(0), body.trim().to_owned()))
    }
}

#[cfg(test)]
mod tests;
