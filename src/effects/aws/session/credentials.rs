//! Where a session's credentials come from.

use std::time::Duration;

use aws_config::{
    default_provider::credentials::DefaultCredentialsChain,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};

use super::Request;
use crate::{
    effects::{
        aws::{cli_login::CliLogin, emulated, profiles::Profiles},
        clock, env,
    },
    error::Failure,
};

/// Where the credentials come from.
pub(super) enum Source {
    Local,
    Explicit(String),
    /// Keys, a role or a profile from environment variables.
    Environment(String),
    EnvironmentProfile(String),
    Metadata(String),
    Chain,
}

impl Source {
    pub(super) fn of(request: &Request) -> Self {
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

    pub(super) fn words(&self) -> String {
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
    pub(super) fn origin(&self) -> Option<&'static str> {
        match self {
            Self::Explicit(_) => Some("`--profile` or CARGO_AGENTCORE_PROFILE names it"),
            Self::EnvironmentProfile(_) => Some("AWS_PROFILE names it"),
            Self::Metadata(_) => Some("`profile` in the metadata names it"),
            Self::Local | Self::Environment(_) | Self::Chain => None,
        }
    }

    pub(super) fn profile(&self) -> Option<String> {
        match self {
            Self::Explicit(profile)
            | Self::EnvironmentProfile(profile)
            | Self::Metadata(profile) => Some(profile.clone()),
            Self::Local | Self::Environment(_) | Self::Chain => None,
        }
    }
}

/// Returns the credentials of the source, after they were fetched once.
pub(super) async fn of(
    source: &Source,
    provider: &ProviderConfig,
) -> Result<SharedCredentialsProvider, Failure> {
    let shared = match source {
        Source::Local => {
            return Ok(SharedCredentialsProvider::new(Credentials::new(
                emulated::ACCESS_KEY_ID,
                emulated::SECRET_ACCESS_KEY,
                None,
                None,
                "local",
            )));
        }
        Source::Explicit(profile) | Source::Metadata(profile) => SharedCredentialsProvider::new(
            ProfileFileCredentialsProvider::builder()
                .configure(provider)
                .profile_name(profile)
                .build(),
        ),
        Source::Environment(_) | Source::EnvironmentProfile(_) | Source::Chain => {
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
            if let Some(profile) = profiles.cli_login(source.profile().as_deref()) {
                let login = CliLogin::of_profile(profile)?;
                return Ok(SharedCredentialsProvider::new(Once {
                    first: login.export().await?,
                    again: SharedCredentialsProvider::new(login),
                }));
            }
            Err(profiles.why(&error, source.profile().as_deref(), &source.words()))
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
