//! Whether the toolkit's entry for the agent goes.

use super::{
    Desired, Trust,
    observed::Observed,
    proof::Proof,
    step::{CleanPlan, CleanStep},
    subject::Subject,
    toolkit::in_place,
};
use crate::package::toolkit_yaml::Entry;

pub(super) fn clean_entry(
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
                "it speaks of account {} and region {}",
                place(&entry.account),
                place(&entry.region)
            ),
        );
    }
    let runtime_goes = |id: &String| {
        plan.steps
            .iter()
            .any(|step| matches!(step, CleanStep::DeleteRuntime { runtime, .. } if runtime == id))
    };
    let runtime_stays = entry.runtime_id.as_ref().is_some_and(|id| {
        let there = observed
            .regions
            .values()
            .flat_map(|region| &region.runtimes)
            .any(|runtime| runtime.id == *id);
        there && !runtime_goes(id)
    });
    let by_role = match role {
        Proof::Ours { arn } => entry.role.as_deref() == Some(arn.as_str()),
        // The role went in an earlier run; what it proved then is only the entry on disk.
        Proof::Absent => true,
        Proof::Nothing(_) => entry.runtime_id.as_ref().is_some_and(runtime_goes),
    };
    if runtime_stays {
        plan.keep(what, "its runtime is kept");
    } else if by_role || desired.yaml == Trust::Included {
        plan.entry_goes = true;
    } else {
        plan.keep(
            what,
            "nothing proves that it is this project's (`--include-yaml` takes it all the same)",
        );
    }
}
