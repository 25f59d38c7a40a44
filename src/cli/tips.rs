//! Tips for command lines that clap rejects: what the user probably meant.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::{help, text::nearest};

/// Adds the tips to clap's error.
pub(super) fn added(
    error: clap::Error,
    command: &clap::Command,
    words: &[OsString],
) -> clap::Error {
    let error = with_our_word(with_variable(error, command, words));
    with_our_option(error, command, words)
}

/// Words that readers look for, and the topic that explains them.
const OTHER_TOPICS: [(&str, &str); 16] = [
    ("agents", "metadata"),
    ("artifact", "packaging"),
    ("ci", "environment"),
    ("codebuild", "images"),
    ("config", "metadata"),
    ("credentials", "environment"),
    ("docker", "images"),
    ("dockerfile", "images"),
    ("gateways", "metadata"),
    ("iam", "permissions"),
    ("memories", "metadata"),
    ("python", "packaging"),
    ("role", "permissions"),
    ("sbom", "images"),
    ("stages", "metadata"),
    ("templates", "projects"),
];

/// Returns the topic that explains a word, or that is spelled similarly.
fn topic(word: &str) -> Option<&'static str> {
    let is_meant = |other: &str| other == word || other.strip_suffix('s') == Some(word);
    let other = OTHER_TOPICS.iter().find(|(other, _)| is_meant(other));
    match other {
        Some((_, topic)) => Some(topic),
        None => nearest(word, help::TOPICS.iter().map(|topic| topic.name)),
    }
}

/// Suggests a topic for an unknown command after `help`.
pub(super) fn with_topic(mut error: clap::Error, name: &str) -> clap::Error {
    let is_unknown = error.kind() == ErrorKind::InvalidSubcommand;
    let has_tip = error.get(ContextKind::SuggestedSubcommand).is_some()
        || error.get(ContextKind::Suggested).is_some();
    if is_unknown {
        match topic(name) {
            Some(topic) => replace_tip(
                &mut error,
                format!("`cargo agentcore help {topic}` prints the topic `{topic}`"),
            ),
            None if !has_tip => replace_tip(
                &mut error,
                "`cargo agentcore help` lists the commands and topics".to_owned(),
            ),
            None => {}
        }
    }
    error
}

/// Returns a text of the error's context.
fn quoted(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn replace_tip(error: &mut clap::Error, tip: String) {
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
}

/// Other tools' names for our commands.
const OTHER_WORDS: [(&str, &[&str]); 16] = [
    ("add", &["init"]),
    ("build", &["package"]),
    ("configure", &["init", "prepare"]),
    ("create", &["new"]),
    ("delete", &["clean"]),
    ("destroy", &["clean"]),
    ("down", &["clean"]),
    ("generate", &["new"]),
    ("launch", &["deploy"]),
    ("remove", &["clean"]),
    ("run", &["dev"]),
    ("test", &["check"]),
    ("undeploy", &["clean"]),
    ("up", &["deploy"]),
    ("validate", &["check"]),
    ("watch", &["dev"]),
];

/// Suggests our command for another tool's name.
fn with_our_word(mut error: clap::Error) -> clap::Error {
    let Some(word) = quoted(&error, ContextKind::InvalidSubcommand) else {
        return error;
    };
    if let Some((_, ours)) = OTHER_WORDS.iter().find(|(theirs, _)| *theirs == word) {
        let tip = ours.iter().map(|name| format!("`cargo agentcore {name}`"));
        let tip: Vec<String> = tip.collect();
        let tip = format!("the command for this is {}", tip.join(" or "));
        error.remove(ContextKind::SuggestedSubcommand);
        replace_tip(&mut error, tip);
    }
    error
}

/// Options of cargo's own commands, and what to use instead, if anything. Without this, clap
/// suggests whichever of ours is spelled similarly.
const CARGOS_OPTIONS: [(&str, &str); 24] = [
    ("--all", "`--workspace` selects the agents of all packages"),
    ("--all-features", ""),
    ("--all-targets", ""),
    ("--bin", ""),
    ("--bins", ""),
    ("--config", ""),
    ("--debug", ""),
    ("--features", ""),
    ("--frozen", ""),
    ("--future-incompat-report", ""),
    ("--ignore-rust-version", ""),
    ("--jobs", ""),
    ("--keep-going", ""),
    ("--lib", ""),
    ("--lockfile-path", ""),
    ("--locked", ""),
    ("--message-format", "`--output json` prints a document"),
    ("--no-default-features", ""),
    (
        "--offline",
        "CARGO_NET_OFFLINE=true keeps dependencies from being downloaded",
    ),
    ("--release", "the release profile is always used"),
    ("--target", "the service runs on 64-bit ARM Linux only"),
    ("--target-dir", "set CARGO_TARGET_DIR"),
    ("--timings", ""),
    ("--unit-graph", ""),
];

/// Options of other tools for one of our commands, and what to use instead.
const OTHER_OPTIONS: [(&str, &str, &str); 3] = [
    (
        "invoke",
        "--payload",
        "pass the payload as an argument: `cargo agentcore invoke '{\"prompt\": \"hi\"}'`",
    ),
    (
        "package",
        "--output-dir",
        "the path of the archive is printed on stdout; copy it from there",
    ),
    ("logs", "--tail", "use `--follow`"),
];

/// The options for a dry run, which not all commands have.
const DRY_RUN: [&str; 2] = ["-n", "--dry-run"];

/// Replaces clap's suggestion for an option of cargo or another tool.
fn with_our_option(
    mut error: clap::Error,
    command: &clap::Command,
    words: &[OsString],
) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(given) = quoted(&error, ContextKind::InvalidArg) else {
        return error;
    };
    let name = given.split(['=', ' ']).next().unwrap_or_default();
    let command = typed_command(command, words);
    let other = OTHER_OPTIONS
        .iter()
        .find(|(of, option, _)| *of == command && *option == name);
    let cargos = CARGOS_OPTIONS.iter().find(|(option, _)| *option == name);
    let tip = match (other, cargos) {
        (Some((_, _, tip)), _) => (*tip).to_owned(),
        (None, Some((option, ""))) => {
            format!("`{option}` is an option of cargo and has no meaning for this command")
        }
        (None, Some((_, instead))) => (*instead).to_owned(),
        (None, None) if DRY_RUN.contains(&name) && !command.is_empty() => {
            format!("`cargo agentcore {command}` has no dry run")
        }
        (None, None) => return error,
    };
    error.remove(ContextKind::SuggestedArg);
    replace_tip(&mut error, tip);
    error
}

/// Returns the command in the words, such as `endpoint set`.
fn typed_command(command: &clap::Command, words: &[OsString]) -> String {
    let mut level = command;
    let mut names = Vec::new();
    for word in words.iter().filter_map(|word| word.to_str()) {
        if let Some(below) = level.find_subcommand(word) {
            names.push(below.get_name());
            level = below;
        }
    }
    names.join(" ")
}

/// Names the variable in an error about a value that was not typed.
fn with_variable(
    mut error: clap::Error,
    command: &clap::Command,
    words: &[OsString],
) -> clap::Error {
    // Such as `--region <REGION>`.
    let Some(argument) = quoted(&error, ContextKind::InvalidArg) else {
        return error;
    };
    let option = argument.split(' ').next().unwrap_or_default();
    let is_typed = words.iter().filter_map(|word| word.to_str()).any(|word| {
        word.strip_prefix(option)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    let mut level = command;
    for word in words.iter().filter_map(|word| word.to_str()) {
        level = level.find_subcommand(word).unwrap_or(level);
    }
    let known = level.get_arguments().chain(command.get_arguments());
    let variable = known
        .filter(|known| known.get_long() == option.strip_prefix("--"))
        .find_map(|known| known.get_env()?.to_str());
    if let Some(variable) = variable.filter(|_| !is_typed) {
        let tip = format!("the value comes from the environment variable {variable}");
        replace_tip(&mut error, tip);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::{OTHER_TOPICS, help, topic};

    #[test]
    fn every_other_word_leads_to_a_topic() {
        for (word, meant) in OTHER_TOPICS {
            assert!(help::find(meant).is_some(), "{meant}");
            assert!(help::find(word).is_none(), "{word}");
            assert_eq!(topic(word), Some(meant));
        }
        assert_eq!(topic("gateway"), Some("metadata"));
        assert_eq!(topic("xyzzy"), None);
    }
}
