//! Agents that were deployed and are not in Cargo.toml any more: only what they left tells of them.

use super::{Desired, subject::Subject};
use crate::{config::Declared, names::StageName, plan::ownership::Identity};

/// What is left of an agent of the project, by the runtime whose part of the bucket it is; `None` where
/// Cargo.toml still knows the agent.
pub(super) fn part_of_former(desired: &Desired, runtime: &str) -> Option<(Subject, String)> {
    let Desired {
        declared, identity, ..
    } = desired;
    if declared.knows(runtime) {
        return None;
    }
    let (agent, place) = whose(declared, identity, runtime);
    Some((
        Subject::new("agent", agent),
        format!(
            "it is no longer in Cargo.toml; `cargo agentcore clean --agent {agent}{place}` deletes what is left of it"
        ),
    ))
}

/// The agent, and the options that lead to its stage. A name that ends like a stage is read as that.
fn whose<'r>(declared: &Declared, identity: &Identity, runtime: &'r str) -> (&'r str, String) {
    let staged = declared.stages.iter().find_map(|stage| {
        let agent = runtime.strip_suffix(stage.as_str())?.strip_suffix('_')?;
        (!agent.is_empty()).then(|| (agent, format!(" --stage {stage}")))
    });
    staged.unwrap_or_else(|| {
        let local = identity.stage.as_ref().map(StageName::as_str) == Some("local");
        (runtime, if local { " --local" } else { "" }.to_owned())
    })
}
