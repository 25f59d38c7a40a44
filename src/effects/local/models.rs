//! What answers for Bedrock's models in a local AgentCore.

use std::{ffi::OsStr, str::FromStr as _};

use crate::{
    config::{Local, LocalModels},
    effects::{aws::session, env, files},
    names::EndpointUrl,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Models {
    Emulator,
    Aws(Caller),
    Server(EndpointUrl),
}

/// The credentials for calls to Bedrock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// From CARGO_AGENTCORE_PROFILE; overrides everything else.
    pub(crate) explicit_profile: Option<String>,
    /// From the tables.
    pub(crate) metadata_profile: Option<String>,
}

/// The variables that determine which credentials the SDK finds, or where it gets them.
const CREDENTIALS: [&str; 23] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
];

/// The variables for proxies and trusted certificates.
pub(super) const NETWORK: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

impl Models {
    pub(crate) fn of(local: &Local) -> Self {
        let Local { models, profile } = local;
        Self::with(models, env::var("CARGO_AGENTCORE_PROFILE"), profile.clone())
    }

    fn with(
        models: &LocalModels,
        explicit_profile: Option<String>,
        metadata_profile: Option<String>,
    ) -> Self {
        match models {
            LocalModels::Emulator => Self::Emulator,
            LocalModels::Server(url) => Self::Server(url.clone()),
            LocalModels::Aws => Self::Aws(Caller {
                explicit_profile,
                metadata_profile,
            }),
        }
    }

    /// Parses the options from [`Models::words`].
    pub(crate) fn read(
        models: &str,
        explicit_profile: Option<String>,
        metadata_profile: Option<String>,
    ) -> Result<Self, String> {
        let models = LocalModels::from_str(models)?;
        Ok(Self::with(&models, explicit_profile, metadata_profile))
    }

    /// Returns the options for the process that serves them.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec!["--models".to_owned(), self.name()];
        if let Self::Aws(Caller {
            explicit_profile,
            metadata_profile,
        }) = self
        {
            for (option, profile) in [
                ("--explicit-profile", explicit_profile),
                ("--metadata-profile", metadata_profile),
            ] {
                words.extend(profile.iter().map(|profile| format!("{option}={profile}")));
            }
        }
        words
    }

    /// Returns the value in the table.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Emulator => LocalModels::Emulator.to_string(),
            Self::Aws(_) => LocalModels::Aws.to_string(),
            Self::Server(url) => url.to_string(),
        }
    }

    /// Returns a hash that differs for other credentials without revealing them.
    pub(super) fn caller(&self) -> Option<String> {
        let Self::Aws(caller) = self else {
            return None;
        };
        let variables = CREDENTIALS.map(|name| (name, env::var(name)));
        let all = format!("{caller:?} {variables:?}");
        Some(files::hash(all.as_bytes())[..32].to_owned())
    }

    /// Returns true if the process that serves them needs this variable of the user.
    pub(super) fn need(&self, name: &OsStr) -> bool {
        matches!(self, Self::Aws(_)) && CREDENTIALS.iter().any(|known| name == *known)
    }
}

impl Caller {
    pub(crate) fn request(&self) -> session::Request {
        session::Request {
            explicit_profile: self.explicit_profile.clone(),
            metadata_profile: self.metadata_profile.clone(),
            ..session::Request::default()
        }
    }
}

/// Returns true if a variable contains network settings.
pub(super) fn is_network(name: &str) -> bool {
    NETWORK.contains(&name.to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_read_again() {
        for (models, explicit, metadata) in [
            ("emulator", None, None),
            ("http://127.0.0.1:1/v1", None, None),
            ("aws", None, None),
            ("aws", Some("one"), Some("--two")),
        ] {
            let models = Models::read(
                models,
                explicit.map(str::to_owned),
                metadata.map(str::to_owned),
            )
            .unwrap();
            let words = models.words();
            let word = |option: &str| {
                let mut words = words.iter();
                let found = words.find_map(|word| word.strip_prefix(option));
                found.map(str::to_owned)
            };
            assert_eq!(words[0], "--models");
            let read = Models::read(
                &words[1],
                word("--explicit-profile="),
                word("--metadata-profile="),
            );
            assert_eq!(read, Ok(models));
        }
    }
}
