//! Sessions of `aws login`, which the AWS CLI stores and renews.
//!
//! The SDK could read them itself, with two dozen crates of elliptic-curve code. Users with such a
//! session have the AWS CLI, and `aws configure export-credentials` prints its credentials in the
//! format of `credential_process`:
//! <https://docs.aws.amazon.com/cli/latest/reference/configure/export-credentials.html>

use std::{path::PathBuf, time::Duration};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use serde::Deserialize;

use crate::{
    effects::{
        clock, env,
        programs::{Checkout, Programs},
    },
    error::Failure,
};

/// The AWS CLI may have to renew the session over the network.
const PATIENCE: Duration = Duration::from_secs(30);

/// Credentials of a profile, exported by the AWS CLI.
#[derive(Debug)]
pub(super) struct CliLogin {
    aws: PathBuf,
    programs: Programs,
    profile: String,
}

/// The AWS CLI's output, in the format of `credential_process`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// RFC 3339.
    expiration: Option<String>,
}

impl CliLogin {
    /// Finds the AWS CLI outside of the checkout.
    ///
    /// # Errors
    /// There is no AWS CLI on PATH.
    pub(super) fn of_profile(profile: &str) -> Result<Self, Failure> {
        let here = env::current_dir().unwrap_or_default();
        let programs = Programs::outside(Checkout::around(&here));
        match programs.find("aws") {
            Some(aws) => Ok(Self {
                aws,
                programs,
                profile: profile.to_owned(),
            }),
            None => Err(Failure::access(format!(
                "the profile `{profile}` uses a session of `aws login`, and the AWS CLI was not found on PATH"
            ))
            .help("install version 2.32 or later of the AWS CLI, or use `--profile` with a profile of another kind")),
        }
    }

    /// Gets credentials from the AWS CLI.
    ///
    /// # Errors
    /// The AWS CLI has none, for example because the session has expired, or does not answer in
    /// time.
    pub(super) async fn export(&self) -> Result<Credentials, Failure> {
        let mut command = tokio::process::Command::from(self.programs.command(&self.aws));
        command
            .args(["configure", "export-credentials", "--format", "process"])
            .args(["--profile", &self.profile])
            .kill_on_drop(true);
        let failed = |why: String| {
            Failure::access(format!(
                "the AWS CLI has no credentials for the profile `{}`",
                self.profile
            ))
            .note(why)
            .help(super::profiles::login_command("aws login", &self.profile))
        };
        let output = match clock::within(PATIENCE, command.output()).await {
            Some(Ok(output)) => output,
            Some(Err(error)) => return Err(failed(format!("{}: {error}", self.aws.display()))),
            None => {
                return Err(failed(format!(
                    "{} did not answer within {} seconds",
                    self.aws.display(),
                    PATIENCE.as_secs()
                )));
            }
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty());
            return Err(failed(last.map_or_else(
                || output.status.to_string(),
                |line| line.trim().to_owned(),
            )));
        }
        let exported: Exported = serde_json::from_slice(&output.stdout)
            // serde's error would quote the text, which may contain a secret.
            .map_err(|_| {
                failed("its output is not what `credential_process` defines".to_owned())
            })?;
        let expiration = exported.expiration.as_deref();
        let expiry = expiration
            .map(|time| humantime::parse_rfc3339_weak(time.trim_end_matches("+00:00")))
            .transpose()
            .map_err(|_| failed("the expiration in its output is not a time".to_owned()))?;
        Ok(Credentials::new(
            exported.access_key_id,
            exported.secret_access_key,
            exported.session_token,
            expiry,
            "AWS CLI",
        ))
    }
}

impl ProvideCredentials for CliLogin {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let exported = self.export().await;
            exported.map_err(|failure| CredentialsError::provider_error(failure.to_string()))
        })
    }
}
