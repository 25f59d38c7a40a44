//! Which AWS account, region and identity to use.

mod credentials;
mod region;

use std::time::{Duration, Instant};

use aws_config::{
    BehaviorVersion, SdkConfig, provider_config::ProviderConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

use self::credentials::Source;
pub(crate) use self::region::{LOCAL_REGION, known_region};
use super::{
    capabilities::Capabilities, error::AwsError, https, network::Network, profiles::Profiles,
};
use crate::{
    effects::{clock, env},
    error::Failure,
    names::{AccountId, EndpointUrl, Partition, Region, image_uri},
    plan::privacy::{self, Proof},
};

/// The session settings from the command line and the metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    /// From `--profile` or `CARGO_AGENTCORE_PROFILE`; overrides everything else.
    pub(crate) explicit_profile: Option<String>,
    /// From the metadata; used if the environment sets nothing.
    pub(crate) metadata_profile: Option<String>,
    /// From the option or the metadata. Otherwise, the AWS configuration is used.
    pub(crate) region: Option<Region>,
    pub(crate) endpoint_url: Option<String>,
    /// Use the emulator on this machine: fixed credentials, no profile, no environment.
    pub(crate) local: bool,
}

impl Request {
    /// Returns the metadata's profile if it is the one in use.
    pub(crate) fn profile_of_the_metadata(&self) -> Option<String> {
        match Source::of(self) {
            Source::Metadata(profile) => Some(profile),
            Source::Local
            | Source::Explicit(_)
            | Source::Environment(_)
            | Source::EnvironmentProfile(_)
            | Source::Chain => None,
        }
    }
}

/// An identity in an account and a region.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(super) sdk: SdkConfig,
    pub(crate) account: AccountId,
    /// The caller's ARN.
    pub(crate) principal: String,
    pub(crate) partition: Partition,
    pub(crate) region: Region,
    /// Where the credentials come from.
    pub(crate) source: String,
    /// The profile in use, for printed commands.
    pub(crate) profile: Option<String>,
    /// True for the project's own emulator.
    pub(super) local: bool,
    pub(super) network: Network,
}

impl Session {
    /// Returns the session's connection.
    pub(crate) fn connection(&self) -> Connection {
        Connection {
            sdk: self.sdk.clone(),
            region: self.region.clone(),
            source: self.source.clone(),
            profile: self.profile.clone(),
            local: self.local,
            network: self.network.clone(),
        }
    }

    /// Returns what works where this session leads.
    pub(crate) fn capabilities(&self) -> Capabilities {
        if self.local {
            Capabilities::LOCAL
        } else {
            Capabilities::AWS
        }
    }

    /// Returns the host of the account's image registry.
    pub(super) fn registry_host(&self) -> String {
        image_uri::host(&self.account, &self.region)
    }

    /// Returns the same identity in another region.
    pub(crate) fn in_region(&self, region: &Region) -> Self {
        let place = aws_config::Region::new(region.as_str().to_owned());
        let sdk = self.sdk.to_builder().region(place).build();
        Self {
            sdk,
            region: region.clone(),
            ..self.clone()
        }
    }
}

/// A region and credentials, before the caller is identified.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(super) sdk: SdkConfig,
    pub(crate) region: Region,
    source: String,
    profile: Option<String>,
    local: bool,
    pub(crate) network: Network,
}

/// Finds the region and the credentials, and asks AWS for the caller's identity.
pub(crate) async fn open(request: &Request) -> Result<Session, Failure> {
    connect(request).await?.identify().await
}

/// Finds the region and the credentials without asking AWS.
pub(crate) async fn connect(request: &Request) -> Result<Connection, Failure> {
    let source = Source::of(request);
    if !request.local {
        check_addresses()?;
    }
    let endpoint = endpoint(request);
    if let Some(endpoint) = &endpoint {
        privacy::check(Proof::Signature, endpoint)?;
    }
    // Report an unknown profile before a missing region.
    if let (Some(profile), Some(origin)) = (source.profile(), source.origin()) {
        Profiles::load().await?.demand(&profile, origin)?;
    }
    let region = region::of(request, &source).await?;
    let network = if request.local {
        Network::default()
    } else {
        Network::load(source.profile().as_deref()).await?
    };
    let http = https::client(&network);
    let provider = ProviderConfig::without_region()
        .with_http_client(http.clone())
        .with_region(Some(aws_config::Region::new(region.as_str().to_owned())));
    let credentials = credentials::of(&source, &provider).await?;
    let http = match &endpoint {
        Some(url) => https::client_to(url, &network),
        None => http,
    };
    let sdk = sdk_config(endpoint, &region, http, credentials);
    Ok(Connection {
        sdk,
        region,
        source: source.words(),
        profile: source.profile(),
        local: request.local,
        network,
    })
}

/// Returns the address that replaces AWS.
fn endpoint(request: &Request) -> Option<String> {
    let given = request.endpoint_url.clone();
    if request.local {
        return given;
    }
    given.or_else(|| env::var("AWS_ENDPOINT_URL"))
}

/// Checks the environment variables that redirect requests to another address.
fn check_addresses() -> Result<(), Failure> {
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE"] {
        if let Some(text) = env::var(variable) {
            EndpointUrl::parse(&text).map_err(|error| {
                Failure::usage(error.to_string())
                    .note(format!("it comes from the environment variable {variable}"))
            })?;
        }
    }
    Ok(())
}

impl Connection {
    /// Asks AWS for the caller's identity.
    pub(crate) async fn identify(&self) -> Result<Session, Failure> {
        let answer = aws_sdk_sts::Client::new(&self.sdk)
            .get_caller_identity()
            .send()
            .await
            .map_err(AwsError::on("sts:GetCallerIdentity", "the caller"))?;
        let principal = answer.arn.unwrap_or_default();
        let account =
            AccountId::parse(answer.account.as_deref().unwrap_or_default()).map_err(|error| {
                Failure::world(format!(
                    "`sts:GetCallerIdentity` gave an unexpected answer: {error}"
                ))
            })?;
        let partition = partition_of(&principal)?;
        Ok(Session {
            sdk: self.sdk.clone(),
            account,
            principal,
            partition,
            region: self.region.clone(),
            source: self.source.clone(),
            profile: self.profile.clone(),
            local: self.local,
            network: self.network.clone(),
        })
    }
}

/// Returns a caller's partition, from its ARN.
fn partition_of(principal: &str) -> Result<Partition, Failure> {
    let code = principal.split(':').nth(1).unwrap_or_default();
    Partition::parse(code).ok_or_else(|| {
        Failure::world(format!(
            "the caller `{principal}` is in a partition of AWS that this version does not support"
        ))
        .note(format!(
            "the supported partitions are {}",
            Partition::listed()
        ))
    })
}

/// The caller's identity, requested in the background.
#[derive(Debug, Clone)]
pub(crate) struct Identifying {
    answer: Shared<BoxFuture<'static, Result<Session, Failure>>>,
    since: Instant,
}

impl Identifying {
    pub(crate) fn begin(connection: &Connection) -> Self {
        let connection = connection.clone();
        let answer = async move { connection.identify().await }.boxed().shared();
        // Keeps running even if no task awaits it.
        drop(tokio::spawn(answer.clone()));
        Self {
            answer,
            since: clock::now(),
        }
    }

    /// Returns the identity if it arrives within this time after the request started.
    pub(crate) async fn within(&self, limit: Duration) -> Option<Result<Session, Failure>> {
        let left = limit.saturating_sub(self.since.elapsed());
        clock::within(left, self.answer.clone()).await
    }
}

impl Connection {
    /// Returns where the credentials come from.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Returns the session of an emulator that is not running: its identity is always the same.
    pub(crate) fn to_emulator(&self) -> Result<Session, Failure> {
        let account = AccountId::parse(crate::effects::aws::emulated::ACCOUNT_ID)
            .map_err(|error| Failure::world(error.to_string()))?;
        Ok(Session {
            sdk: self.sdk.clone(),
            principal: format!("arn:aws:iam::{account}:root"),
            account,
            partition: Partition::Aws,
            region: self.region.clone(),
            source: self.source.clone(),
            profile: self.profile.clone(),
            local: self.local,
            network: self.network.clone(),
        })
    }
}

fn sdk_config(
    endpoint: Option<String>,
    region: &Region,
    http: SharedHttpClient,
    credentials: SharedCredentialsProvider,
) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(https::CONNECTING)
        .operation_attempt_timeout(Duration::from_mins(1))
        .build();
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_config::Region::new(region.as_str().to_owned()))
        .http_client(http)
        .credentials_provider(credentials)
        .retry_config(RetryConfig::standard().with_max_attempts(6))
        .timeout_config(timeouts)
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ));
    if let Some(url) = endpoint {
        sdk = sdk.endpoint_url(url);
    }
    sdk.build()
}
