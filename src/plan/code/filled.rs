//! Derives an agent's table from its code, for `init`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    At, Code, is_variable, models,
    needs::{self, Need},
};
use crate::config::{Model, Permission, variable};

/// The keys of an agent's table that the code reveals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) models: Vec<At<Model>>,
    pub(crate) permissions: Vec<At<Permission>>,
    pub(crate) headers: Vec<At<String>>,
    /// Environment variables that change the code's behavior or that it requires.
    pub(crate) variables: Vec<At<String>>,
    /// Variables that contain a secret.
    pub(crate) secrets: Vec<At<String>>,
    /// Permissions for resources that the code does not name.
    pub(crate) open: Vec<At<Need>>,
}

/// Derives the table. `env` contains the variables with known values.
pub(crate) fn fill(code: &Code<'_>, env: &BTreeMap<String, String>) -> Filled {
    let mut filled = Filled {
        models: models::named(code, env)
            .into_iter()
            .map(|at| at.map(|named| named.model().clone()))
            .collect(),
        headers: code.headers(),
        ..Filled::default()
    };
    for at in needs::needed(code, env) {
        match at.it.permission() {
            Some(permission) => filled.permissions.push(at.map(|_| permission)),
            None => filled.open.push(at),
        }
    }
    let mut told = BTreeSet::new();
    for at in code.variables() {
        let name = at.it.name.clone();
        let is_set = env.contains_key(&name) || at.it.has_default || is_given(&name);
        if is_set || !told.insert(name.clone()) {
            continue;
        }
        let list = if is_secret(&name) {
            &mut filled.secrets
        } else {
            &mut filled.variables
        };
        list.push(at.map(|_| name));
    }
    filled
}

/// Returns the model that a variable's value names.
pub(crate) fn model_in(value: &str) -> Option<Model> {
    models::read(value)
}

/// Returns true if the runtime or the SDKs set the variable.
fn is_given(name: &str) -> bool {
    const GIVEN: [&str; 8] = [
        "DOCKER_CONTAINER",
        "HOME",
        "HOST",
        "HOSTNAME",
        "PATH",
        "PORT",
        "PYTHONPATH",
        "TMPDIR",
    ];
    GIVEN.contains(&name) || name.starts_with("AWS_") || name.starts_with("OTEL_")
}

/// Returns true if a variable with this name usually contains a secret.
fn is_secret(name: &str) -> bool {
    const SECRETS: [&str; 7] = [
        "APIKEY",
        "CREDENTIALS",
        "KEY",
        "PASSWD",
        "PASSWORD",
        "SECRET",
        "TOKEN",
    ];
    let upper = name.to_ascii_uppercase();
    upper.split('_').any(|word| SECRETS.contains(&word))
}

/// A variable that a Dockerfile sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DockerVariable {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) line: usize,
}

/// Returns the variables that a Dockerfile sets for the agent, without those for the image's own
/// programs.
pub(crate) fn docker_variables(text: &str) -> Vec<DockerVariable> {
    let mut found: Vec<DockerVariable> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let mut whole = line.trim().to_owned();
        while let Some(start) = whole.strip_suffix('\\') {
            let next = lines.next().map_or("", |(_, line)| line.trim());
            whole = format!("{start} {next}");
        }
        let Some((word, rest)) = whole.split_once(char::is_whitespace) else {
            continue;
        };
        if !word.eq_ignore_ascii_case("ENV") {
            continue;
        }
        for (name, value) in pairs(rest.trim()) {
            if is_agents(&name, &value) {
                found.retain(|variable| variable.name != name);
                found.push(DockerVariable {
                    name,
                    value,
                    line: at + 1,
                });
            }
        }
    }
    found
}

/// Parses `NAME=value OTHER="a b"`, or the old form `NAME value`.
fn pairs(rest: &str) -> Vec<(String, String)> {
    let first = rest.split(char::is_whitespace).next().unwrap_or_default();
    if !first.contains('=') {
        let value = rest[first.len()..].trim();
        return vec![(first.to_owned(), value.to_owned())];
    }
    let words = shlex::split(rest).unwrap_or_default().into_iter();
    words
        .filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

fn is_agents(name: &str, value: &str) -> bool {
    const IMAGES: [&str; 12] = [
        "AGENT_OBSERVABILITY_ENABLED",
        "DEBIAN_",
        "HOST",
        "LANG",
        "LC_",
        "NODE_",
        "PIP_",
        "POETRY_",
        "PYTHON",
        "UV_",
        "VIRTUAL_ENV",
        "XDG_",
    ];
    let is_images = IMAGES.iter().any(|start| name.starts_with(start));
    let is_secret = is_secret(name) || variable::secret_in(name, value).is_some();
    let is_plain = !value.contains('$') && !value.is_empty();
    is_variable(name) && is_plain && !is_images && !is_secret && !is_given(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_says_what_the_agent_is_to_have() {
        let text = "FROM python\nENV LOG_LEVEL=info TABLE=\"my orders\"\nRUN ENV=x true\nENV PYTHONUNBUFFERED=1 \\\n    MODE=fast\nenv OLD a b\nENV API_KEY=abc BASE=$HOME/x AWS_REGION=us-east-1\nENV LOG_LEVEL=debug\n";
        let found = docker_variables(text).into_iter();
        let found: Vec<_> = found.map(|v| (v.name, v.value, v.line)).collect();
        let expected = [
            ("TABLE", "my orders", 2),
            ("MODE", "fast", 4),
            ("OLD", "a b", 6),
            ("LOG_LEVEL", "debug", 8),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value, line)| (name.to_owned(), value.to_owned(), line))
        );
    }
}
