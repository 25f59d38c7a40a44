//! The report about a deployed agent as text.

use crate::{
    commands::endpoint::list,
    config::{Authorizer, Network},
    engine::status::There,
    plan::table::{age, aligned, time},
    protocol,
    resources::{
        change::Reveal,
        runtime::{
            fields::{Artifact, RuntimeFields, effective_lifecycle},
            managed_settings::lines,
            observed::DEFAULT_ENDPOINT,
        },
    },
};

impl There<'_> {
    pub(super) fn text(&self, reveal: Reveal) -> String {
        let state = &self.found.state;
        let mut rows: Vec<[String; 2]> = Vec::new();
        let mut row = |name: &str, text: String| rows.push([format!("  {name}"), text]);
        row(
            "state",
            match &state.failure {
                Some(failure) => format!("{}: {failure}", state.status),
                None => state.status.clone(),
            },
        );
        row(
            "version",
            format!(
                "{}, since {} ({} ago)",
                state.version,
                time(state.updated),
                age(self.now - state.updated)
            ),
        );
        match self.endpoints.as_deref() {
            None => row("endpoints", "unknown".to_owned()),
            Some([]) => row("endpoints", "none".to_owned()),
            Some(all) => {
                for (at, one) in all.iter().enumerate() {
                    row(if at == 0 { "endpoints" } else { "" }, list::line(one));
                }
            }
        }
        row("runtime", state.arn.clone());
        row("url", self.url(DEFAULT_ENDPOINT));
        row(
            "traces",
            self.traces().unwrap_or_else(|| {
                let why = if self.placed.session.capabilities().traces {
                    "none: the agent does not run under `opentelemetry-instrument`"
                } else {
                    "none: the local AgentCore does not keep any"
                };
                why.to_owned()
            }),
        );
        row("logs", protocol::logs::group(&state.id, DEFAULT_ENDPOINT));
        self.configured(&mut row);
        for (at, (member, value)) in self.set_elsewhere().iter().enumerate() {
            row(
                if at == 0 { "set elsewhere" } else { "" },
                match reveal {
                    Reveal::Keys => member.clone(),
                    Reveal::Values => format!("{member}: {value}"),
                },
            );
        }
        for (at, change) in self.differences.iter().enumerate() {
            let name = if at == 0 { "here differs" } else { "" };
            row(name, change.words(reveal));
        }
        for (name, text) in self.sameness() {
            row(name, text);
        }
        format!("{}\n{}", self.placed.agent.name, aligned(&rows))
    }

    /// Adds the rows for the runtime's configuration.
    fn configured(&self, row: &mut impl FnMut(&str, String)) {
        let RuntimeFields {
            role_arn,
            description,
            artifact,
            env,
            lifecycle,
            network,
            protocol,
            authorizer,
            header_allowlist,
            settings: _,
        } = &self.found.state.fields;
        row("role", role_arn.clone());
        row(
            "artifact",
            format!("{artifact}{}", self.age.words(self.now)),
        );
        if let Artifact::Code {
            runtime,
            entry_point,
            ..
        } = artifact
        {
            row("runs", format!("{} on {runtime}", entry_point.join(" ")));
        }
        if let Some(platform) = &self.found.state.platform {
            row("platform", platform.clone());
        }
        if let Some(project) = &self.build {
            row("built by", format!("CodeBuild project {project}"));
        }
        row("protocol", protocol.clone());
        if let Some(authorizer) = authorizer {
            for (at, line) in authorizer_lines(authorizer).into_iter().enumerate() {
                row(if at == 0 { "authorizer" } else { "" }, line);
            }
        }
        if !header_allowlist.is_empty() {
            row("headers", header_allowlist.join(", "));
        }
        let (idle, lifetime) = effective_lifecycle(*lifecycle);
        row(
            "lifecycle",
            format!("idle timeout {idle} s, at most {lifetime} s"),
        );
        row(
            "network",
            match network {
                Network::Public => "public".to_owned(),
                Network::Vpc {
                    subnets,
                    security_groups,
                } => format!(
                    "VPC: {}, {}",
                    subnets.join(", "),
                    security_groups.join(", ")
                ),
            },
        );
        if !env.is_empty() {
            let keys: Vec<&str> = env.keys().map(String::as_str).collect();
            row("variables", keys.join(", "));
        }
        if let Some(description) = description {
            row("description", description.clone());
        }
        let has_callers = self.placed.session.capabilities().resource_policies;
        let callers = self.placed.agent.callers.iter();
        for (at, caller) in callers.filter(|_| has_callers).enumerate() {
            row(if at == 0 { "callers" } else { "" }, caller.to_string());
        }
        for (at, (key, value)) in lines(&self.managed()).into_iter().enumerate() {
            row(
                if at == 0 { "settings" } else { "" },
                format!("{key}: {value}"),
            );
        }
    }
}

/// Returns the issuer, followed by the requirements for tokens.
fn authorizer_lines(authorizer: &Authorizer) -> Vec<String> {
    let Authorizer {
        discovery_url,
        allowed_audience,
        allowed_clients,
        allowed_scopes,
    } = authorizer;
    let mut lines = vec![format!("JWTs of {discovery_url}")];
    for (what, list) in [
        ("audience", allowed_audience),
        ("clients", allowed_clients),
        ("scopes", allowed_scopes),
    ] {
        if !list.is_empty() {
            lines.push(format!("{what}: {}", list.join(", ")));
        }
    }
    lines
}
