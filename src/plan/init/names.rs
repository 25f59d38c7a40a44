//! Names for the agents that `init --all` finds.

use super::check_new;
use crate::{
    config::Agent,
    error::Failure,
    names::AgentName,
    plan::new::agent_name,
    scaffold::adopt::{Entry, OwnEntry},
};

/// Returns a name for each of several agents: its folder's or its file's, whichever is more
/// specific.
pub(crate) fn names(
    entries: &[Entry],
    folder: &str,
    declared: &[Agent],
) -> Result<Vec<AgentName>, Failure> {
    let mut names: Vec<AgentName> = Vec::new();
    for entry in entries {
        let words: Vec<String> = match entry {
            Entry::Own(own) => called(own, folder),
            Entry::Handlers { .. } => vec![folder.to_owned()],
        };
        let is_free = |name: &AgentName| !names.contains(name) && check_new(name, declared).is_ok();
        let found = words
            .iter()
            .filter_map(|words| agent_name(words).ok())
            .map(|(name, _)| name)
            .find(is_free);
        names.push(found.ok_or_else(|| {
            let place = match entry {
                Entry::Own(own) => own.path.clone(),
                Entry::Handlers { .. } => folder.to_owned(),
            };
            Failure::usage(format!("`--all`: the agent in `{place}` needs a name"))
                .help("set it up separately with `--entrypoint` and `--name`")
        })?);
    }
    Ok(names)
}

/// Returns the possible names for a file, best first.
fn called(own: &OwnEntry, folder: &str) -> Vec<String> {
    const PLAIN: [&str; 9] = [
        "__main__", "agent", "app", "handler", "index", "invoke", "main", "run", "server",
    ];
    let path = own.path.strip_suffix(".py").unwrap_or(&own.path);
    let parts: Vec<&str> = path.split('/').collect();
    let stem = parts.last().copied().unwrap_or_default();
    let above = parts.iter().rev().nth(1).copied();
    let whole = parts.join("_");
    let mut names = Vec::new();
    if !PLAIN.contains(&stem) {
        names.push(stem.to_owned());
    }
    names.extend(above.map(str::to_owned));
    names.push(format!("{folder}_{stem}"));
    names.push(format!("{folder}_{whole}"));
    names
}
