//! The `agentcore configure` command for a prepared agent.

use std::path::Path;

use serde::Serialize;

use crate::{
    config::{Agent, Network, Protocol, Runtime},
    error::Message,
    names::Region,
    system::shell::Shell,
};

/// The Python toolkit that the command runs. This is its last version; it is no longer developed.
pub(crate) const TOOLKIT: &str = "bedrock-agentcore-starter-toolkit==0.3.14";

/// A command for the user to run, as data; [`CommandLine::quoted`] formats it for a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CommandLine {
    /// Variables to set before the command, in order; `null` unsets a variable.
    pub(crate) environment: Vec<(String, Option<String>)>,
    pub(crate) arguments: Vec<String>,
}

/// What the command needs in addition to the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circumstances<'a> {
    pub(crate) role_arn: &'a str,
    pub(crate) region: &'a Region,
    /// The profile in use, if one was named.
    pub(crate) profile: Option<&'a str>,
    /// True if keys in the environment must be unset because they would override the profile.
    pub(crate) hide_keys: bool,
    /// The address that replaces AWS, with its fixed credentials, if any.
    pub(crate) endpoint: Option<Endpoint<'a>>,
    pub(crate) entrypoint: &'a Path,
    pub(crate) requirements: &'a Path,
    /// The directory to change to, if it is not the current one.
    pub(crate) directory: Option<&'a Path>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    pub(crate) url: &'a str,
    /// The emulator's access key and secret.
    pub(crate) test_credentials: Option<(&'a str, &'a str)>,
    /// True if `AWS_PROFILE` must be unset, because it would be looked up without need.
    pub(crate) drop_profile: bool,
}

/// Returns the command for `agent`, and warnings about it.
pub(crate) fn command(
    agent: &Agent,
    circumstances: &Circumstances<'_>,
) -> (CommandLine, Vec<Message>) {
    let mut warnings = Vec::new();
    let mut arguments: Vec<String> = ["uv", "run", "--no-project"].map(str::to_owned).to_vec();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    if let Some(directory) = circumstances.directory {
        add(&["--directory", &directory.to_string_lossy()]);
    }
    add(&["--with", TOOLKIT, "agentcore", "configure"]);
    let shown = |file: &Path| slashes(file.strip_prefix(&agent.dir).unwrap_or(file));
    add(&[
        "--entrypoint",
        &shown(circumstances.entrypoint),
        "--name",
        agent.runtime_name.as_str(),
    ]);
    add(&["--execution-role", circumstances.role_arn]);
    add(&[
        "--requirements-file",
        &shown(circumstances.requirements),
        "--non-interactive",
    ]);
    add(&["--deployment-type", "direct_code_deploy", "--runtime"]);
    add(&[
        known_runtime(agent, &mut warnings).service_name(),
        "--disable-memory",
    ]);
    if agent.protocol != Protocol::Http {
        add(&["--protocol", agent.protocol.service_name()]);
    }
    if let Network::Vpc {
        subnets,
        security_groups,
    } = &agent.network
    {
        add(&[
            "--vpc",
            "--subnets",
            &subnets.join(","),
            "--security-groups",
            &security_groups.join(","),
        ]);
    }
    if let Some(seconds) = agent.lifecycle.idle_timeout {
        add(&["--idle-timeout", &seconds.to_string()]);
    }
    if let Some(seconds) = agent.lifecycle.max_lifetime {
        add(&["--max-lifetime", &seconds.to_string()]);
    }
    if let Some(authorizer) = &agent.authorizer {
        add(&["--authorizer-config", &authorizer_json(authorizer)]);
    }
    if !agent.header_allowlist.is_empty() {
        add(&[
            "--request-header-allowlist",
            &agent.header_allowlist.join(","),
        ]);
    }
    add(&["--region", circumstances.region.as_str()]);
    let environment = environment(circumstances);
    (
        CommandLine {
            environment,
            arguments,
        },
        warnings,
    )
}

fn environment(circumstances: &Circumstances<'_>) -> Vec<(String, Option<String>)> {
    let mut variables: Vec<(&str, Option<&str>)> = Vec::new();
    if let Some(endpoint) = &circumstances.endpoint {
        if endpoint.drop_profile {
            variables.push(("AWS_PROFILE", None));
        }
        variables.push(("AWS_ENDPOINT_URL", Some(endpoint.url)));
        // The toolkit derives these two addresses itself and reads no other variable.
        variables.push(("BEDROCK_AGENTCORE_CP_ENDPOINT", Some(endpoint.url)));
        variables.push(("BEDROCK_AGENTCORE_DP_ENDPOINT", Some(endpoint.url)));
        if let Some((id, secret)) = endpoint.test_credentials {
            variables.push(("AWS_ACCESS_KEY_ID", Some(id)));
            variables.push(("AWS_SECRET_ACCESS_KEY", Some(secret)));
        }
    }
    if circumstances.hide_keys {
        for name in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ] {
            variables.push((name, None));
        }
    }
    if let Some(profile) = circumstances.profile {
        variables.push(("AWS_PROFILE", Some(profile)));
    }
    variables.push(("AWS_DEFAULT_REGION", Some(circumstances.region.as_str())));
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
        .collect()
}

/// Returns the agent's runtime, or the newest one that the toolkit knows.
fn known_runtime(agent: &Agent, warnings: &mut Vec<Message>) -> Runtime {
    if agent.runtime <= Runtime::Python313 {
        return agent.runtime;
    }
    warnings.push(
        Message::new(format!(
            "the Python toolkit does not support `{}`; the command for agent `{}` uses `{}`",
            agent.runtime.as_str(),
            agent.name,
            Runtime::Python313.service_name()
        ))
        .help("set `runtime = \"python3.13\"`, so that what is tested is what runs"),
    );
    Runtime::Python313
}

fn authorizer_json(authorizer: &crate::config::Authorizer) -> String {
    let crate::config::Authorizer {
        discovery_url,
        allowed_audience,
        allowed_clients,
        allowed_scopes,
    } = authorizer;
    let mut inner = serde_json::Map::new();
    inner.insert("discoveryUrl".into(), discovery_url.as_str().into());
    for (key, list) in [
        ("allowedAudience", allowed_audience),
        ("allowedClients", allowed_clients),
        ("allowedScopes", allowed_scopes),
    ] {
        if !list.is_empty() {
            inner.insert(key.into(), list.clone().into());
        }
    }
    serde_json::json!({ "customJWTAuthorizer": inner }).to_string()
}

fn slashes(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

impl CommandLine {
    /// Returns one line to paste into `shell`.
    pub(crate) fn quoted(&self, shell: Shell) -> String {
        let words = shell.line(self.arguments.iter().map(String::as_str));
        shell.with_variables(&self.environment, &words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Manifest, Stage, load};

    fn agent(extra: &str) -> Agent {
        let text = format!(
            "[workspace.metadata.agentcore]\nproject = \"p\"\n[workspace.metadata.agentcore.agents.a]\n{extra}"
        );
        let manifest = Manifest::new("/real/fake/Cargo.toml", text);
        load(&[manifest], &Stage::None).unwrap().agents.remove(0)
    }

    fn region() -> Region {
        Region::parse("us-west-2").unwrap()
    }

    fn plain(region: &Region) -> Circumstances<'_> {
        Circumstances {
            role_arn: "arn:aws:iam::123456789012:role/R",
            region,
            profile: None,
            hide_keys: false,
            endpoint: None,
            entrypoint: Path::new("/real/fake/deployment/invoke.py"),
            requirements: Path::new("/real/fake/deployment/requirements.txt"),
            directory: None,
        }
    }

    #[test]
    fn the_line_is_the_one_that_the_toolkit_takes() {
        let region = region();
        let (line, warnings) = command(&agent(""), &plain(&region));
        assert_eq!(
            line.quoted(Shell::Posix),
            "AWS_DEFAULT_REGION=us-west-2 uv run --no-project --with bedrock-agentcore-starter-toolkit==0.3.14 \
             agentcore configure --entrypoint deployment/invoke.py --name a \
             --execution-role arn:aws:iam::123456789012:role/R --requirements-file deployment/requirements.txt \
             --non-interactive --deployment-type direct_code_deploy --runtime PYTHON_3_13 --disable-memory \
             --region us-west-2"
        );
        assert!(warnings.is_empty());
    }

    #[test]
    fn words_are_quoted_for_the_users_shell() {
        let region = region();
        let directory = Path::new("/my projects/it's");
        let circumstances = Circumstances {
            directory: Some(directory),
            profile: Some("my dev"),
            ..plain(&region)
        };
        let (line, _) = command(&agent(""), &circumstances);
        let posix = line.quoted(Shell::Posix);
        assert!(
            posix.contains("--directory \"/my projects/it's\""),
            "{posix}"
        );
        assert_eq!(shlex::split(&posix).unwrap()[0], "AWS_PROFILE=my dev");
        let power = line.quoted(Shell::PowerShell7);
        assert!(
            power.starts_with(
                "$env:AWS_PROFILE='my dev'; $env:AWS_DEFAULT_REGION='us-west-2'; uv run"
            ),
            "{power}"
        );
        assert!(power.contains("'/my projects/it''s'"));
    }

    #[test]
    fn an_endpoint_reaches_every_client_of_the_toolkit_and_hides_profile_and_keys() {
        let region = region();
        let endpoint = Endpoint {
            url: "http://127.0.0.1:1",
            test_credentials: Some(("test", "test")),
            drop_profile: true,
        };
        let (line, _) = command(
            &agent(""),
            &Circumstances {
                endpoint: Some(endpoint),
                ..plain(&region)
            },
        );
        assert!(line.quoted(Shell::Posix).starts_with(
            "env -u AWS_PROFILE AWS_ENDPOINT_URL=http://127.0.0.1:1 BEDROCK_AGENTCORE_CP_ENDPOINT=http://127.0.0.1:1 \
             BEDROCK_AGENTCORE_DP_ENDPOINT=http://127.0.0.1:1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
             AWS_DEFAULT_REGION=us-west-2 uv run"
        ));
    }

    #[test]
    fn a_runtime_that_the_toolkit_does_not_know_is_a_warning() {
        let region = region();
        let (line, warnings) = command(&agent("runtime = \"python3.14\"\n"), &plain(&region));
        assert_eq!(warnings.len(), 1);
        assert!(line.arguments.contains(&"PYTHON_3_13".to_owned()));
    }

    #[test]
    fn every_setting_that_configure_knows_is_handed_over() {
        let region = region();
        let extra = "protocol = \"mcp\"\nheader-allowlist = [\"Authorization\"]\n\
            lifecycle = { idle-timeout = 60, max-lifetime = 120 }\n\
            network = { subnets = [\"subnet-1\"], security-groups = [\"sg-1\"] }\n\
            authorizer = { discovery-url = \"https://x.example/.well-known/openid-configuration\", allowed-clients = [\"c\"] }\n";
        let (line, _) = command(&agent(extra), &plain(&region));
        let text = line.arguments.join(" ");
        for part in [
            "--protocol MCP",
            "--request-header-allowlist Authorization",
            "--idle-timeout 60 --max-lifetime 120",
            "--vpc --subnets subnet-1 --security-groups sg-1",
            "{\"customJWTAuthorizer\":{\"discoveryUrl\":\"https://x.example/.well-known/openid-configuration\",\"allowedClients\":[\"c\"]}}",
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }
}
