//! Decides whether the toolkit's entry for the agent is deleted.

use super::{Desired, Trust, observed::Observed, proof::Proof, step::CleanPlan, toolkit::in_place};
use crate::{
    package::toolkit_yaml::Entry,
    resources::{change::Subject, runtime::observed::role_arn},
};

/// Deletes the entry if the agent's own role, or the runtime that is deleted with it, proves it;
/// never if it names another role. Deletions in this run are no further proof, so a kept entry is
/// also kept by the next run.
pub(crate) fn clean_entry(
    desired: &Desired,
    entry: &Entry,
    observed: &Observed,
    role: &Proof,
    plan: &mut CleanPlan,
) {
    let what = Subject::new("entry", &entry.name).of("the toolkit's file");
    if !desired
        .regions
        .iter()
        .any(|region| in_place(entry, desired, region))
    {
        let place = |text: &Option<String>| text.clone().unwrap_or_else(|| "no".to_owned());
        return plan.keep(
            what,
            format!(
                "it is about account {} and region {}",
                place(&entry.account),
                place(&entry.region)
            ),
        );
    }
    let runtime = entry.runtime_id.as_ref();
    let runtime_goes = runtime.is_some_and(|id| plan.deletes(id));
    let runtime_is_there = observed
        .regions
        .values()
        .flat_map(|region| &region.runtimes)
        .any(|runtime| Some(&runtime.id) == entry.runtime_id.as_ref());
    if runtime_is_there && !runtime_goes {
        return plan.keep(what, "its runtime is kept");
    }
    match proof(desired, entry, role, runtime_goes) {
        Err(why) if desired.yaml == Trust::Proven => {
            plan.keep(what, format!("{why} (`--include-yaml` deletes it anyway)"));
        }
        _ => plan.entry_goes = true,
    }
}

fn proof(desired: &Desired, entry: &Entry, role: &Proof, runtime_goes: bool) -> Result<(), String> {
    match &entry.role {
        Some(arn) if !is_own(desired, arn, role) => Err(format!(
            "it names the role `{arn}`, which is not provably this project's"
        )),
        // The role is proven, or it was deleted by this run or by a run that was killed right after
        // that.
        Some(arn) if role.proves(arn) || role.configured_is_ours => Ok(()),
        _ if runtime_goes => Ok(()),
        _ => Err("it is not provably this project's".to_owned()),
    }
}

/// Returns true if an ARN is that of the role that the metadata gives the agent.
fn is_own(desired: &Desired, arn: &str, role: &Proof) -> bool {
    role.proves(arn) || role_arn(&desired.role, desired.partition, &desired.account) == arn
}
