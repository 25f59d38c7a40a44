//! `[workspace.metadata.agentcore.local]`: settings of the local AgentCore.

use std::{fmt, str::FromStr};

use super::read::{Problems, Table};
use crate::{names::EndpointUrl, text::suggestion};

/// How the agents of a project run on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Local {
    pub models: LocalModels,
    /// The profile in the project's tables, for models on AWS.
    pub profile: Option<String>,
}

impl Local {
    pub(super) fn of(models: Option<LocalModels>, profile: Option<String>) -> Self {
        Self {
            models: models.unwrap_or_default(),
            profile,
        }
    }
}

/// What answers for Bedrock's models on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LocalModels {
    /// The emulator, with canned answers.
    #[default]
    Emulator,
    /// Bedrock itself, with the developer's credentials.
    Aws,
    /// An OpenAI-compatible server, by its base URL without a trailing slash.
    Server(EndpointUrl),
}

const WORDS: [&str; 2] = ["emulator", "aws"];

impl FromStr for LocalModels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "emulator" => Ok(Self::Emulator),
            "aws" => Ok(Self::Aws),
            _ if text.contains("://") => server(text).map(Self::Server),
            _ => {
                let near = suggestion(&text.to_ascii_lowercase(), WORDS);
                Err(format!(
                    "`{text}` cannot answer for models: use `emulator`, `aws`, or the URL of an OpenAI-compatible \
                     server{near}"
                ))
            }
        }
    }
}

impl fmt::Display for LocalModels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emulator => f.write_str("emulator"),
            Self::Aws => f.write_str("aws"),
            Self::Server(url) => f.write_str(url.as_str()),
        }
    }
}

/// Parses a server's URL. The API is below `/v1` unless the URL has another path.
fn server(text: &str) -> Result<EndpointUrl, String> {
    EndpointUrl::parse(text).map_err(|error| error.to_string())?;
    let base = text.trim_end_matches('/');
    if let Some(base) = base.strip_suffix("/chat/completions") {
        return Err(format!(
            "`{text}` is the URL of one operation; use the base URL `{base}`"
        ));
    }
    let (_, rest) = base.split_once("://").unwrap_or_default();
    let base = if rest.contains('/') {
        base.to_owned()
    } else {
        format!("{base}/v1")
    };
    EndpointUrl::parse(&base).map_err(|error| error.to_string())
}

/// Parses the table `local`.
pub(super) fn models(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<LocalModels> {
    let mut local = table.table("local", problems)?;
    let models = local.parsed("models", problems, LocalModels::from_str);
    local.finish(problems);
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_its_base_url() {
        for (given, read) in [
            ("emulator", "emulator"),
            ("aws", "aws"),
            ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
            ("http://127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1"),
            ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
            ("http://localhost:1/", "http://localhost:1/v1"),
            (
                "https://models.example.com/api",
                "https://models.example.com/api",
            ),
        ] {
            let models: LocalModels = given.parse().unwrap();
            assert_eq!(models.to_string(), read);
            assert_eq!(read.parse(), Ok(models));
        }
    }

    #[test]
    fn what_cannot_answer_is_refused_with_what_was_meant() {
        for (given, said) in [
            ("emulater", "did you mean `emulator`?"),
            ("AWS", "did you mean `aws`?"),
            ("", "use `emulator`, `aws`, or the URL"),
            ("localhost:11434", "use `emulator`, `aws`, or the URL"),
            ("ftp://host/v1", "endpoint URL"),
            ("http://user:secret@host/v1", "endpoint URL"),
            (
                "http://host/v1/chat/completions",
                "use the base URL `http://host/v1`",
            ),
        ] {
            let error = given.parse::<LocalModels>().unwrap_err();
            assert!(error.contains(said), "{given}: {error}");
        }
    }
}
