//! Which AWS account, region and identity to use.

use std::time::{Duration, Instant};

use aws_config::{
    BehaviorVersion, SdkConfig,
    default_provider::credentials::DefaultCredentialsChain,
    environment::region::EnvironmentVariableRegionProvider,
    meta::region::ProvideRegion,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};

use super::{
    capabilities::Capabilities, cli_login::CliLogin, error::AwsError, https, network::Network,
    profiles::Profiles,
};
use crate::{
    effects::{clock, env},
    error::Failure,
    names::{AccountId, EndpointUrl, Partition, Region, image_uri},
    plan::privacy::{self, Proof},
    text::did_you_mean,
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
        match Chosen::of(self) {
            Chosen::Metadata(profile) => Some(profile),
            Chosen::Local
            | Chosen::Explicit(_)
            | Chosen::Environment(_)
            | Chosen::EnvironmentProfile(_)
            | Chosen::Chain => None,
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

/// The region for `--local` if none is configured.
pub(crate) const LOCAL_REGION: &str = "us-east-1";

/// Finds the region and the credentials, and asks AWS for the caller's identity.
pub(crate) async fn open(request: &Request) -> Result<Session, Failure> {
    connect(request).await?.identify().await
}

/// Finds the region and the credentials without asking AWS.
pub(crate) async fn connect(request: &Request) -> Result<Connection, Failure> {
    let chosen = Chosen::of(request);
    if !request.local {
        check_addresses()?;
    }
    let endpoint = endpoint(request);
    if let Some(endpoint) = &endpoint {
        privacy::check(Proof::Signature, endpoint)?;
    }
    // Report an unknown profile before a missing region.
    if let (Some(profile), Some(origin)) = (chosen.profile(), chosen.origin()) {
        Profiles::load().await?.demand(&profile, origin)?;
    }
    let region = region(request, &chosen).await?;
    let network = if request.local {
        Network::default()
    } else {
        Network::load(chosen.profile().as_deref()).await?
    };
    let http = https::client(&network);
    let provider = ProviderConfig::without_region()
        .with_http_client(http.clone())
        .with_region(Some(aws_config::Region::new(region.as_str().to_owned())));
    let credentials = credentials(&chosen, &provider).await?;
    let http = match &endpoint {
        Some(url) => https::client_to(url, &network),
        None => http,
    };
    let sdk = sdk_config(endpoint, &region, http, credentials);
    Ok(Connection {
        sdk,
        region,
        source: chosen.source(),
        profile: chosen.profile(),
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

/// Where the credentials come from.
enum Chosen {
    Local,
    Explicit(String),
    /// Keys, a role or a profile from environment variables.
    Environment(String),
    EnvironmentProfile(String),
    Metadata(String),
    Chain,
}

impl Chosen {
    fn of(request: &Request) -> Self {
        if request.local {
            return Self::Local;
        }
        if let Some(profile) = &request.explicit_profile {
            return Self::Explicit(profile.clone());
        }
        let naming = [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ];
        if env::var(naming[0]).is_some() {
            return Self::Environment(naming[0].to_owned());
        }
        if let Some(profile) = env::var("AWS_PROFILE") {
            return Self::EnvironmentProfile(profile);
        }
        if let Some(name) = naming[1..].iter().find(|name| env::var(name).is_some()) {
            return Self::Environment((*name).to_owned());
        }
        match &request.metadata_profile {
            Some(profile) => Self::Metadata(profile.clone()),
            None => Self::Chain,
        }
    }

    fn source(&self) -> String {
        match self {
            Self::Local => "the emulator's test credentials".to_owned(),
            Self::Explicit(profile) => format!("profile `{profile}`"),
            Self::Environment(variable) => format!("the environment (`{variable}`)"),
            Self::EnvironmentProfile(profile) => format!("profile `{profile}` (`AWS_PROFILE`)"),
            Self::Metadata(profile) => format!("profile `{profile}` (metadata)"),
            Self::Chain => "the default credential chain".to_owned(),
        }
    }

    /// Returns where the profile's name comes from.
    fn origin(&self) -> Option<&'static str> {
        match self {
            Self::Explicit(_) => Some("`--profile` or CARGO_AGENTCORE_PROFILE names it"),
            Self::EnvironmentProfile(_) => Some("AWS_PROFILE names it"),
            Self::Metadata(_) => Some("`profile` in the metadata names it"),
            Self::Local | Self::Environment(_) | Self::Chain => None,
        }
    }

    fn profile(&self) -> Option<String> {
        match self {
            Self::Explicit(profile)
            | Self::EnvironmentProfile(profile)
            | Self::Metadata(profile) => Some(profile.clone()),
            Self::Local | Self::Environment(_) | Self::Chain => None,
        }
    }
}

async fn region(request: &Request, chosen: &Chosen) -> Result<Region, Failure> {
    let region = region_as_given(request, chosen).await?;
    match region.slip() {
        // Without this check, the request would time out.
        Some(meant) => {
            Err(Failure::usage(format!("unknown AWS region `{region}`")).help(did_you_mean(meant)))
        }
        None => Ok(region),
    }
}

async fn region_as_given(request: &Request, chosen: &Chosen) -> Result<Region, Failure> {
    if let Some(region) = &request.region {
        return Ok(region.clone());
    }
    let found = match chosen {
        Chosen::Local => {
            return Region::parse(LOCAL_REGION).map_err(|e| Failure::world(e.to_string()));
        }
        Chosen::Explicit(profile) => profile_region(Some(profile)).await,
        Chosen::Metadata(profile) => {
            match EnvironmentVariableRegionProvider::new().region().await {
                Some(region) => Some(region),
                None => profile_region(Some(profile)).await,
            }
        }
        Chosen::Environment(_) | Chosen::EnvironmentProfile(_) | Chosen::Chain => {
            configured_region().await
        }
    };
    let Some(found) = found else {
        return Err(Failure::config("no AWS region is configured")
            .note("a region is never guessed, because resources in the wrong one are costly")
            .help(
                "add `region = \"us-west-2\"` to the metadata, pass `--region`, or set AWS_REGION",
            ));
    };
    Region::parse(found.as_ref()).map_err(|error| {
        Failure::config(error.to_string()).note("the region comes from the AWS configuration")
    })
}

/// Returns the region from the environment or the AWS configuration files.
async fn configured_region() -> Option<aws_config::Region> {
    match EnvironmentVariableRegionProvider::new().region().await {
        Some(region) => Some(region),
        None => profile_region(None).await,
    }
}

/// Like [`configured_region`], for commands that open no session.
pub(crate) async fn known_region() -> Option<Region> {
    configured_region()
        .await
        .and_then(|region| Region::parse(region.as_ref()).ok())
}

async fn profile_region(profile: Option<&str>) -> Option<aws_config::Region> {
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        provider = provider.profile_name(profile);
    }
    provider.build().region().await
}

async fn credentials(
    chosen: &Chosen,
    provider: &ProviderConfig,
) -> Result<SharedCredentialsProvider, Failure> {
    let shared = match chosen {
        Chosen::Local => {
            return Ok(SharedCredentialsProvider::new(Credentials::new(
                crate::effects::aws::emulated::ACCESS_KEY_ID,
                crate::effects::aws::emulated::SECRET_ACCESS_KEY,
                None,
                None,
                "local",
            )));
        }
        Chosen::Explicit(profile) | Chosen::Metadata(profile) => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder()
                .configure(provider)
                .profile_name(profile)
                .build(),
        ),
        Chosen::Environment(_) | Chosen::EnvironmentProfile(_) | Chosen::Chain => {
            SharedCredentialsProvider::new(
                DefaultCredentialsChain::builder()
                    .configure(provider.clone())
                    .build()
                    .await,
            )
        }
    };
    // Request the credentials once now, to tell missing credentials from refused ones.
    match shared.provide_credentials().await {
        Ok(credentials) => Ok(SharedCredentialsProvider::new(Once {
            first: credentials,
            again: shared,
        })),
        Err(error) => {
            let profiles = Profiles::load().await?;
            if let Some(profile) = profiles.cli_login(chosen.profile().as_deref()) {
                let login = CliLogin::of_profile(profile)?;
                return Ok(SharedCredentialsProvider::new(Once {
                    first: login.export().await?,
                    again: SharedCredentialsProvider::new(login),
                }));
            }
            Err(profiles.why(&error, chosen.profile().as_deref(), &chosen.source()))
        }
    }
}

/// How long before they expire credentials are fetched again.
const MARGIN: Duration = Duration::from_mins(1);

/// Credentials that were already fetched, and the provider that renews them.
#[derive(Debug)]
struct Once {
    first: Credentials,
    again: SharedCredentialsProvider,
}

impl ProvideCredentials for Once {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        use aws_credential_types::provider::future::ProvideCredentials as Future;
        let needed_until = clock::wall() + MARGIN;
        match self.first.expiry() {
            Some(expiry) if expiry < needed_until => self.again.provide_credentials(),
            Some(_) | None => Future::ready(Ok(self.first.clone())),
        }
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
