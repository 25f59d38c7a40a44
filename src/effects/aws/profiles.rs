//! The profiles in the AWS configuration: which ones exist, and why one has no credentials.

use std::path::PathBuf;

use aws_config::profile::{self, Profile, ProfileSet};
use aws_credential_types::provider::error::CredentialsError;
use aws_types::os_shim_internal::{Env, Fs};

use super::error::innermost;
use crate::{
    effects::env,
    error::Failure,
    text::{did_you_mean, nearest},
};

/// How many existing profiles a message lists.
const NAMED: usize = 8;

/// The content of the configuration files.
pub(super) struct Profiles(ProfileSet);

/// Where a profile gets its credentials from.
#[derive(Debug, PartialEq, Eq)]
enum Way<'a> {
    /// IAM Identity Center, with the profile that configures it. That may be the source of another
    /// profile.
    Sso(&'a str),
    /// A session of `aws login`, the profile's own or its source's.
    Login,
    /// An external program.
    Process {
        profile: &'a str,
        command: &'a str,
    },
    Other,
}

/// The state of a login that the AWS CLI cached.
#[derive(Debug, PartialEq, Eq)]
enum Login {
    Missing,
    Expired,
}

impl Profiles {
    pub(super) async fn load() -> Result<Self, Failure> {
        #[expect(deprecated, reason = "the new name stands in a crate of the SDK's own")]
        let usual = profile::profile_file::ProfileFiles::default();
        match profile::load(&Fs::real(), &Env::real(), &usual, None).await {
            Ok(set) => Ok(Self(set)),
            Err(error) => Err(Failure::access("the AWS configuration cannot be read")
                .note(innermost(&error))
                .note(format!("it is in {}", places()))),
        }
    }

    /// Refuses a profile that does not exist. `origin` says where the name comes from.
    pub(super) fn demand(&self, name: &str, origin: &str) -> Result<(), Failure> {
        if self.0.get_profile(name).is_some() {
            return Ok(());
        }
        Err(absent(name, origin, self.0.profiles().collect()))
    }

    /// Returns the profile's certificate file, with the profile's name.
    pub(super) fn ca_bundle<'a>(&'a self, profile: Option<&'a str>) -> Option<(&'a str, &'a str)> {
        let name = profile.unwrap_or(self.0.selected_profile());
        let path = self.0.get_profile(name)?.get("ca_bundle")?;
        Some((name, path))
    }

    /// Finds the credentials' source. Follows `source_profile`, as the SDK does.
    fn way<'a>(&'a self, name: &'a str) -> Way<'a> {
        let (mut name, mut seen) = (name, Vec::new());
        while let Some(profile) = self.0.get_profile(name) {
            seen.push(name);
            match profile.get("source_profile") {
                Some(source) if profile.get("role_arn").is_some() && !seen.contains(&source) => {
                    name = source;
                }
                _ => return way_of(profile),
            }
        }
        Way::Other
    }

    /// Returns the profile to ask the AWS CLI for, if the credentials come from a session of `aws
    /// login`.
    pub(super) fn cli_login<'a>(&'a self, profile: Option<&'a str>) -> Option<&'a str> {
        let name = profile.unwrap_or(self.0.selected_profile());
        matches!(self.way(name), Way::Login).then_some(name)
    }

    /// Explains why there are no credentials. `profile` is `None` if none was selected.
    pub(super) fn why(
        &self,
        error: &CredentialsError,
        profile: Option<&str>,
        source: &str,
    ) -> Failure {
        let way = self.way(profile.unwrap_or(self.0.selected_profile()));
        match (way, login(error)) {
            (Way::Sso(name), Some(login)) => logged_out(name, &login),
            (Way::Process { profile, command }, _)
                if matches!(error, CredentialsError::ProviderError(_)) =>
            {
                Failure::access(format!(
                    "the program `{}` returned no credentials for the profile `{profile}`",
                    program(command)
                ))
                .note(innermost(error).trim_end())
                .help(format!(
                    "run it yourself to see why; it is the profile's `credential_process` in {}",
                    places()
                ))
            }
            _ => general(error, profile, source),
        }
    }
}

fn way_of(profile: &Profile) -> Way<'_> {
    let has = |key: &str| profile.get(key).is_some();
    let name = profile.name();
    if has("credential_source") || has("web_identity_token_file") {
        return Way::Other;
    }
    match profile.get("credential_process") {
        _ if has("sso_session") || has("sso_start_url") => Way::Sso(name),
        _ if has("login_session") => Way::Login,
        Some(command) => Way::Process {
            profile: name,
            command,
        },
        None => Way::Other,
    }
}

fn absent(name: &str, origin: &str, known: Vec<&str>) -> Failure {
    let mut failure =
        Failure::access(format!("there is no profile `{name}` in {}", places())).note(origin);
    if known.is_empty() {
        failure = failure.note("there is no profile at all");
    } else {
        failure = failure.note(listed(name, known.clone()));
    }
    match nearest(name, known) {
        Some(near) => failure.help(did_you_mean(near)),
        None => failure.help(format!(
            "create it with `aws configure --profile {name}` or `aws configure sso --profile {name}`"
        )),
    }
}

/// Lists the existing profiles, the most similar names first.
fn listed(wanted: &str, mut known: Vec<&str>) -> String {
    known.sort_by_key(|name| (strsim::damerau_levenshtein(wanted, name), *name));
    let more = known.len().saturating_sub(NAMED);
    let named: Vec<String> = known
        .iter()
        .take(NAMED)
        .map(|name| format!("`{name}`"))
        .collect();
    let rest = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match &named[..] {
        [one] => format!("the only profile is {one}"),
        several => format!("the profiles are {}{rest}", several.join(", ")),
    }
}

/// Lists the configuration files.
fn places() -> String {
    let place = |variable: &str, file: &str| {
        let usual = || env::home_dir().map(|home| home.join(".aws").join(file));
        let path = env::var(variable).map(PathBuf::from).or_else(usual);
        let path = path.unwrap_or_else(|| PathBuf::from("~/.aws").join(file));
        format!("`{}`", path.display())
    };
    format!(
        "{} or {}",
        place("AWS_CONFIG_FILE", "config"),
        place("AWS_SHARED_CREDENTIALS_FILE", "credentials")
    )
}

/// Reads the state of a cached login from an SDK error. Its types are private, and some drop their
/// cause, so only the debug output contains it.
fn login(error: &CredentialsError) -> Option<Login> {
    let said = format!("{error:?}");
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["ExpiredToken", "UnauthorizedException", "RefreshFailed"]) {
        Some(Login::Expired)
    } else if has(&["kind: NotFound", "MissingField", "JsonError"]) {
        Some(Login::Missing)
    } else {
        None
    }
}

fn logged_out(profile: &str, login: &Login) -> Failure {
    let place = "AWS IAM Identity Center (SSO)";
    let failure = Failure::access(match login {
        Login::Missing => format!("you are not logged in to {place} with profile `{profile}`"),
        Login::Expired => format!("the login to {place} with profile `{profile}` has expired"),
    });
    failure.help(login_command("aws sso login", profile))
}

/// Returns the command to log in with a profile.
pub(super) fn login_command(command: &str, profile: &str) -> String {
    match profile {
        "default" => format!("`{command}`"),
        profile => {
            let quoted = env::shell().quote(profile);
            format!("`{command} --profile {quoted}`")
        }
    }
}

/// Returns a command's program without its arguments, which may be secret.
fn program(command: &str) -> String {
    let words = shlex::split(command).and_then(|words| words.into_iter().next());
    words.unwrap_or_else(|| command.split(' ').next().unwrap_or_default().to_owned())
}

fn general(error: &CredentialsError, profile: Option<&str>, source: &str) -> Failure {
    let failure = match (error, profile) {
        (CredentialsError::CredentialsNotLoaded(_), Some(profile)) => {
            Failure::access(format!("the profile `{profile}` has no credentials"))
        }
        (CredentialsError::CredentialsNotLoaded(_), None) => {
            Failure::access("no AWS credentials were found")
        }
        _ => Failure::access(format!("cannot load AWS credentials from {source}")),
    };
    failure.note(innermost(error)).help(
        "set up credentials with `aws configure` or `aws sso login`, or choose a profile with `--profile`; `--local` needs none",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_come_first_and_not_all_of_many() {
        assert_eq!(listed("x", vec!["dev"]), "the only profile is `dev`");
        assert_eq!(
            listed("prd", vec!["dev", "test", "prod"]),
            "the profiles are `prod`, `dev`, `test`"
        );
        let many: Vec<String> = (10..30).map(|n| format!("p{n}")).collect();
        let many = listed("p29", many.iter().map(String::as_str).collect());
        assert!(
            many.starts_with("the profiles are `p29`, `p19`, "),
            "{many}"
        );
        assert!(many.ends_with(" and 12 more"), "{many}");
    }

    #[test]
    fn a_program_is_named_without_its_arguments() {
        for (command, named) in [
            ("helper --token secret", "helper"),
            ("'/opt/my tools/helper' a", "/opt/my tools/helper"),
            ("\"unbalanced", "\"unbalanced"),
        ] {
            assert_eq!(program(command), named);
        }
    }
}
