//! A runtime's environment variables: the service's limits, and values that do not belong in one.

use std::{collections::BTreeMap, ops::Range};

use super::{Platform, read::Problems};
use crate::redaction::secret::{self, Scan};

/// The limit for all names and values together, in bytes.
/// Source:
/// <https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/bedrock-agentcore-limits.html>
pub(crate) const MOST_BYTES: usize = 4096;
/// The limit on platform version V2, for an agent that is deployed as an archive.
const MOST_BYTES_ON_V2: usize = 1536;
/// Credentials that the SDKs prefer over the role's.
const CREDENTIALS: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// Returns true if the variable would replace the role's credentials.
pub(crate) fn replaces_role(name: &str) -> bool {
    CREDENTIALS.contains(&name)
}

/// What to do instead of setting such a variable.
pub(crate) const ROLE_INSTEAD: &str = "grant the agent's role what it needs with `permissions`; the agent gets the role's credentials by itself";

/// What to do instead of storing a secret in a variable.
pub(crate) const SECRET_INSTEAD: &str = "keep it in AWS Secrets Manager, and let the agent read it: `permissions = [{ secret = \"ARN\" }]`";

/// Returns the kind of secret that the value contains, if any.
pub(crate) fn secret_in(name: &str, value: &str) -> Option<&'static str> {
    let scan = Scan {
        enough: 1,
        is_key_file: false,
    };
    let line = format!("{name}={value}\n");
    let found = secret::find(line.as_bytes(), scan).ok()?;
    found.first().map(|finding| finding.what)
}

/// Warns if the value of a key looks like a secret. `table` is the key of the table, and `readers`
/// can read the value, besides those who can read the repository.
pub(super) fn warn_of_secret(
    (name, value): (&str, &str),
    (name_at, value_at): (Range<usize>, Range<usize>),
    (table, readers): (&str, &str),
    problems: &mut Problems<'_>,
) {
    let Some(secret) = secret_in(name, value) else {
        return;
    };
    let what = format!("the value of `{name}` in `{table}` looks like {secret}");
    let warning = problems.masked(name_at, value_at, what);
    problems.warn(
        warning
            .note(format!(
                "anyone who can read the repository or {readers} can read it"
            ))
            .help(SECRET_INSTEAD),
    );
}

/// Returns the size of the variables in bytes.
fn bytes(variables: &BTreeMap<String, String>) -> usize {
    let sizes = variables
        .iter()
        .map(|(name, value)| name.len() + value.len());
    sizes.sum()
}

/// Whether the variables exceed a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Size {
    Fits,
    /// Only on platform version V1, and the metadata does not set the version.
    FitsV1(String),
    Exceeds(String),
}

impl Size {
    pub(crate) fn of(
        agent: &str,
        variables: &BTreeMap<String, String>,
        platform: Option<Platform>,
    ) -> Self {
        let bytes = bytes(variables);
        let what = |most: usize| {
            format!(
                "the environment variables of agent `{agent}` take {bytes} bytes in all, but the service accepts {most}"
            )
        };
        let on_v2 = || format!("{} on platform version V2", what(MOST_BYTES_ON_V2));
        match platform {
            _ if bytes > MOST_BYTES => Self::Exceeds(what(MOST_BYTES)),
            Some(Platform::V1) => Self::Fits,
            _ if bytes <= MOST_BYTES_ON_V2 => Self::Fits,
            Some(Platform::V2) => Self::Exceeds(on_v2()),
            None => Self::FitsV1(on_v2()),
        }
    }
}

/// What to do about the size.
pub(crate) const SMALLER: &str = "ship long values in a file beside the code";
