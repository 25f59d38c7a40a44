//! Agents that were deployed but are no longer in Cargo.toml. Only what they left behind reveals
//! them.

use super::Desired;
use crate::{
    config::Declared,
    error::Message,
    names::{AgentName, Region, StageName},
    resources::{change::Subject, deletion::Kept},
};

/// Describes what a former agent left in the project's bucket under `runtime`. Returns `None` if
/// the agent is still in Cargo.toml.
pub(crate) fn part_of_former(desired: &Desired, runtime: &str) -> Option<(Subject, String)> {
    let Desired {
        declared, identity, ..
    } = desired;
    if declared.knows(runtime) {
        return None;
    }
    let (agent, place) = whose(declared, identity.stage.as_ref(), runtime);
    Some(told(agent, &place))
}

/// Finds former agents on disk. `built` are the build folders of agents and stages, `recorded` the
/// agents whose copied sources are recorded. AWS is not asked for roles with unknown names, because
/// IAM can only list all roles.
pub(crate) fn formers_on_disk<'r>(
    declared: &Declared,
    at: Option<&StageName>,
    built: impl IntoIterator<Item = &'r str>,
    recorded: impl IntoIterator<Item = &'r str>,
) -> Vec<Kept> {
    let stage = at.map(StageName::as_str);
    let built = built.into_iter().filter_map(|folder| {
        let local = folder.strip_suffix("_local");
        match (local, stage) {
            (Some(agent), Some("local")) => Some((agent, " --local".to_owned())),
            (Some(_), _) | (None, Some("local")) => None,
            (None, _) => Some(whose(declared, at, folder)),
        }
    });
    let place = match stage {
        None => String::new(),
        Some("local") => " --local".to_owned(),
        Some(stage) => format!(" --stage {stage}"),
    };
    // A copy is named after its package, whose name may differ from the agent's.
    let is_package = |name: &str| declared.packages.iter().any(|known| known.as_str() == name);
    let recorded = recorded.into_iter().filter(|name| !is_package(name));
    let recorded = recorded.map(|agent| (agent, place.clone()));
    built
        .chain(recorded)
        .filter(|(agent, _)| !declared.knows(agent) && AgentName::parse(agent).is_ok())
        .map(|(agent, place)| {
            let (what, why) = told(agent, &place);
            Kept::fine(what, why)
        })
        .collect()
}

/// Reports a runtime, by name and ID, of an agent that is no longer in Cargo.toml.
pub(crate) fn still_deployed(
    declared: &Declared,
    at: Option<&StageName>,
    (name, id): (&str, &str),
    region: &Region,
) -> Message {
    let (agent, place) = whose(declared, at, name);
    Message::new(format!(
        "the agent `{agent}` is still deployed, but it is no longer in Cargo.toml"
    ))
    .note(format!("it runs as `{id}` in {region}"))
    .help(format!(
        "`cargo agentcore clean --agent {agent}{place}` deletes it"
    ))
}

fn told(agent: &str, place: &str) -> (Subject, String) {
    (
        Subject::new("agent", agent),
        format!(
            "it is no longer in Cargo.toml; `cargo agentcore clean --agent {agent}{place}` deletes what is left of it"
        ),
    )
}

/// Returns a runtime's agent and the options for its stage. A name that ends like a stage is
/// assumed to have that stage.
fn whose<'r>(declared: &Declared, at: Option<&StageName>, runtime: &'r str) -> (&'r str, String) {
    let staged = declared.stages.iter().find_map(|stage| {
        let agent = runtime.strip_suffix(stage.as_str())?.strip_suffix('_')?;
        (!agent.is_empty()).then(|| (agent, format!(" --stage {stage}")))
    });
    staged.unwrap_or_else(|| {
        let local = at.map(StageName::as_str) == Some("local");
        (runtime, if local { " --local" } else { "" }.to_owned())
    })
}
