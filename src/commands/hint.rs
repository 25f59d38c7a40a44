//! Commands that are shown to the user, to go on with: they lead to where this one has led.

use std::path::Path;

use crate::cli;

/// The options of this run that the next one needs too, for these agents.
pub(super) fn options<'a>(
    agents: impl Iterator<Item = &'a str>,
    project: &cli::Project,
    aws: &cli::Aws,
) -> String {
    let cli::Project {
        manifest_path,
        stage,
        agent: _,
    } = project;
    let cli::Aws {
        profile,
        region,
        endpoint_url,
        local,
    } = aws;
    let agents = agents.map(|agent| ("--agent", agent.to_owned()));
    // What leads elsewhere than to the emulator is not typed beside `--local`.
    let elsewhere = [
        ("--stage", stage.as_ref().map(ToString::to_string)),
        ("--profile", profile.clone()),
        ("--endpoint-url", endpoint_url.clone()),
    ];
    let elsewhere = elsewhere.into_iter().filter(|_| !local);
    let anywhere = [
        ("--region", region.as_ref().map(ToString::to_string)),
        ("--manifest-path", manifest_path.as_deref().map(shown)),
    ];
    let options = elsewhere
        .chain(anywhere)
        .filter_map(|(name, value)| Some((name, value?)));
    let local = local.then(|| " --local".to_owned());
    let words = agents.chain(options).map(|(name, value)| {
        let quoted = shlex::try_quote(&value).map(String::from);
        format!(" {name} {}", quoted.unwrap_or(value))
    });
    local.into_iter().chain(words).collect::<Vec<_>>().concat()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::names::Region;

    fn project(manifest_path: Option<&str>) -> cli::Project {
        cli::Project {
            manifest_path: manifest_path.map(PathBuf::from),
            agent: Vec::new(),
            stage: None,
        }
    }

    fn aws(local: bool) -> cli::Aws {
        cli::Aws {
            profile: Some("dev".to_owned()),
            region: Region::read("eu-west-1").ok(),
            endpoint_url: None,
            local,
        }
    }

    #[test]
    fn what_led_here_leads_there() {
        let agents = || ["a", "b"].into_iter();
        assert_eq!(
            options(agents(), &project(Some("my agent/Cargo.toml")), &aws(false)),
            " --agent a --agent b --profile dev --region eu-west-1 --manifest-path 'my agent/Cargo.toml'"
        );
        assert_eq!(
            options(std::iter::empty(), &project(None), &aws(true)),
            " --local --region eu-west-1"
        );
    }
}
