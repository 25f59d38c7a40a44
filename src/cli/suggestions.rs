//! Completes the commands that messages suggest, so that they act on the same project and AWS
//! account.
//!
//! A message quotes a command in backticks, such as `` `cargo agentcore logs` ``, with the options
//! that belong to the message. The options of the current run are added here, so that no message
//! can forget one.

use std::path::Path;

use clap::CommandFactory as _;

use crate::{cli, effects::env, options, ui::About};

/// The start of this tool's commands.
const OURS: &str = "cargo agentcore ";

/// Options that do not go with `--local`.
const ELSEWHERE: [&str; 3] = ["--stage", "--profile", "--endpoint-url"];

/// Options that an ARN replaces, or that do not go with it.
const IN_ARN: [&str; 8] = [
    "--local",
    "--agent",
    "--package",
    "--workspace",
    "--exclude",
    "--stage",
    "--region",
    "--manifest-path",
];

/// Options that `--workspace` replaces.
const SELECTIONS: [&str; 3] = ["--agent", "--package", "--exclude"];

/// Options that an agent's name replaces.
const OF_PACKAGES: [&str; 3] = ["--package", "--workspace", "--exclude"];

/// Adds the options of this run to every command in the text that accepts them and does not have
/// them.
pub fn complete(text: &str, lead: &options::Lead, about: About) -> String {
    if about == About::Others {
        let project = lead.project.clone().map(options::Project::of_any_agent);
        let aws = lead.aws.clone();
        return complete(text, &options::Lead { project, aws }, About::ThisRun);
    }
    let mut parts = text.split('`');
    let mut led = parts.next().unwrap_or_default().to_owned();
    let mut is_quoted = true;
    for part in parts {
        led.push('`');
        match part.strip_prefix(OURS).filter(|_| is_quoted) {
            Some(words) => led.extend([OURS, &one(words, lead)]),
            None => led.push_str(part),
        }
        is_quoted = !is_quoted;
    }
    led
}

fn one(words: &str, lead: &options::Lead) -> String {
    let all = cli::Cli::command();
    let mut command = &all;
    for word in words.split(' ') {
        match command.find_subcommand(word) {
            Some(below) => command = below,
            None => break,
        }
    }
    let known: Vec<String> = command
        .get_arguments()
        .filter_map(|argument| Some(format!("--{}", argument.get_long()?)))
        .collect();
    let said: Vec<&str> = words
        .split(' ')
        .filter(|word| word.starts_with("--"))
        .collect();
    let fits = |name: &str| {
        let is_said_otherwise = said.contains(&name)
            || (said.contains(&"--arn") && IN_ARN.contains(&name))
            || (said.contains(&"--agent") && OF_PACKAGES.contains(&name))
            || (said.contains(&"--workspace") && SELECTIONS.contains(&name));
        known.iter().any(|known| known == name) && !is_said_otherwise
    };
    let added: String = options(lead)
        .into_iter()
        .filter(|(name, _)| fits(name))
        .map(|(name, value)| match value {
            Some(value) => format!(" {name} {}", env::shell().quote(&value)),
            None => format!(" {name}"),
        })
        .collect();
    // Insert the options after the subcommand, before the command's own options.
    let (before, behind) = words.split_at(words.find(" --").unwrap_or(words.len()));
    format!("{before}{added}{behind}")
}

/// Returns the options of this run, with their values.
fn options(lead: &options::Lead) -> Vec<(&'static str, Option<String>)> {
    let options::Lead { project, aws } = lead;
    let mut options = Vec::new();
    if let Some(options::Project {
        manifest_path,
        agent,
        package,
        workspace,
        exclude,
        stage,
    }) = project
    {
        let agents = agent.iter().map(|agent| agent.name.to_string());
        options.extend(agents.map(|name| ("--agent", Some(name))));
        options.extend(package.iter().map(|name| ("--package", Some(name.clone()))));
        options.extend(workspace.then_some(("--workspace", None)));
        options.extend(exclude.iter().map(|name| ("--exclude", Some(name.clone()))));
        options.extend(stage.iter().map(|name| ("--stage", Some(name.to_string()))));
        let path = manifest_path.as_deref().map(shown);
        options.extend(path.map(|path| ("--manifest-path", Some(path))));
    }
    if let Some(options::Aws {
        profile,
        region,
        endpoint_url,
        local,
    }) = aws
    {
        let region = region.as_ref().map(ToString::to_string);
        for (name, value) in [
            ("--profile", profile.clone()),
            (
                "--endpoint-url",
                endpoint_url.as_ref().map(ToString::to_string),
            ),
            ("--region", region),
        ] {
            options.extend(value.map(|value| (name, Some(value))));
        }
        if *local {
            options.retain(|(name, _)| !ELSEWHERE.contains(name));
            options.insert(0, ("--local", None));
        }
    }
    options
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    /// Returns the text as a run with this command line prints it.
    fn led(run: &str, text: &str) -> String {
        let words = shlex::split(run).unwrap().into_iter().map(OsString::from);
        let parsed = cli::parse(words, |_| true).unwrap();
        complete(text, &parsed.lead, About::ThisRun)
    }

    const EVERYWHERE: &str = "cargo-agentcore status --agent a --agent my-b --stage prod \
        --profile dev --region eu-west-1 --endpoint-url http://h:1 --manifest-path 'my agent/Cargo.toml'";

    #[test]
    fn what_led_here_leads_there() {
        assert_eq!(
            led(EVERYWHERE, "run `cargo agentcore clean` again: `--yes`"),
            "run `cargo agentcore clean --agent a --agent my_b --stage prod \
             --manifest-path 'my agent/Cargo.toml' --profile dev --endpoint-url http://h:1 \
             --region eu-west-1` again: `--yes`"
        );
        assert_eq!(
            led(
                "cargo-agentcore status --local --region eu-west-1",
                "`cargo agentcore endpoint list` lists those"
            ),
            "`cargo agentcore endpoint list --local --region eu-west-1` lists those"
        );
        let chosen = "cargo-agentcore status --workspace --exclude 't*'";
        assert_eq!(
            led(
                chosen,
                "`cargo agentcore clean` or `cargo agentcore clean --agent a`"
            ),
            "`cargo agentcore clean --workspace --exclude 't*'` or `cargo agentcore clean --agent a`"
        );
        let plain = "`cargo agentcore logs`; `cargo agentcore endpoint set prod --version N`";
        assert_eq!(led("cargo-agentcore deploy", plain), plain);
    }

    #[test]
    fn a_command_gets_only_the_options_that_it_has() {
        for (text, wanted) in [
            (
                "`cargo agentcore policy --only trust`",
                "`cargo agentcore policy --agent a --agent my_b --stage prod --manifest-path \
                 'my agent/Cargo.toml' --region eu-west-1 --only trust`",
            ),
            (
                "`cargo agentcore new <path>`, `cargo agentcore local stop`",
                "`cargo agentcore new <path> --region eu-west-1`, `cargo agentcore local stop \
                 --agent a --agent my_b --stage prod --manifest-path 'my agent/Cargo.toml'`",
            ),
            (
                "`cargo agentcore stop-session --arn ARN --session ID`",
                "`cargo agentcore stop-session --profile dev --endpoint-url http://h:1 --arn ARN \
                 --session ID`",
            ),
        ] {
            assert_eq!(led(EVERYWHERE, text), wanted);
        }
    }

    #[test]
    fn what_a_text_says_itself_stays_and_words_that_are_no_command_too() {
        for text in [
            "cargo agentcore logs",
            "`the text` cargo agentcore logs `of it`",
            "`cargo agentcore clean --region <region>`",
        ] {
            assert_eq!(led("cargo-agentcore clean --region eu-west-1", text), text);
        }
        assert_eq!(
            led(
                "cargo-agentcore deploy --stage prod --agent a --agent b",
                "`cargo agentcore logs --agent b`"
            ),
            "`cargo agentcore logs --stage prod --agent b`"
        );
    }

    #[test]
    fn it_stays_the_same_when_it_is_done_twice() {
        let text = "`cargo agentcore clean --yes`";
        let once = led(EVERYWHERE, text);
        assert_eq!(led(EVERYWHERE, &once), once);
        assert_ne!(once, text);
    }
}
