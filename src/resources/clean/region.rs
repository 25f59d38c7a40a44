//! What is deleted in one region: runtimes, and what belongs to them.

use super::{
    Desired, Logs, Trust,
    bucket::clean_bucket,
    observed::{
        ObservedLogGroup, ObservedObject, ObservedRegion, ObservedRepository, ObservedRuntime,
        OwnRepository, Tags,
    },
    proof::Proof,
    step::{CleanPlan, CleanStep},
    toolkit::in_place,
};
use crate::{
    names::Region,
    package::toolkit_yaml::Entry,
    protocol,
    resources::{change::Subject, ownership::Ownership},
};

pub(crate) fn clean_region(
    desired: &Desired,
    region: &Region,
    there: &ObservedRegion,
    entry: Option<&Entry>,
    role: &Proof,
    plan: &mut CleanPlan,
) {
    let ObservedRegion {
        runtimes,
        log_groups,
        objects,
        repository,
        own_repository,
        bucket,
    } = there;
    let entry = entry.filter(|entry| in_place(entry, desired, region));
    let included = desired.yaml == Trust::Included;
    let named = |runtime: &ObservedRuntime| {
        entry.is_some_and(|entry| entry.runtime_id.as_deref() == Some(&runtime.id))
    };
    let mut proven = Vec::new();
    for runtime in runtimes
        .iter()
        .filter(|runtime| runtime.name == desired.runtime.as_str())
    {
        let what = Subject::new("runtime", &runtime.id).at(region);
        match desired.proves(runtime, role, bucket.as_ref()) {
            Ok(()) => proven.push(runtime),
            Err(_) if included && named(runtime) => proven.push(runtime),
            Err(why) if named(runtime) => {
                plan.keep(what, format!("{why}; only the toolkit's file names it (`--include-yaml` deletes it anyway)"));
            }
            Err(why) => plan.keep(what, why),
        }
    }
    let groups = log_groups_that_go(desired, region, log_groups, &proven, plan);
    // What belongs to the runtime is proven by it, or by the role, which is deleted later.
    let by_entry = entry
        .is_some_and(|entry| included || entry.role.as_deref().is_some_and(|arn| role.proves(arn)));
    let another = runtimes.len() != proven.len();
    let hangs_on_us = !another && (by_entry || !proven.is_empty() || role.has_role());
    let runtime_steps = proven.iter().flat_map(|runtime| {
        let endpoints = runtime
            .endpoints
            .iter()
            .map(|endpoint| CleanStep::DeleteEndpoint {
                region: region.clone(),
                runtime: runtime.id.clone(),
                endpoint: endpoint.clone(),
            });
        endpoints.chain([CleanStep::DeleteRuntime {
            region: region.clone(),
            runtime: runtime.id.clone(),
        }])
    });
    plan.steps.extend(runtime_steps);
    if let Some(repository) = repository {
        clean_repository(region, repository, by_entry && !another, plan);
    }
    if let Some(repository) = own_repository {
        clean_own_repository(desired, region, repository, another, plan);
    }
    for object in objects {
        let ObservedObject {
            object: key,
            versions,
        } = object;
        let own = proven
            .iter()
            .any(|runtime| runtime.code.as_ref() == Some(key));
        if own || hangs_on_us {
            plan.steps.push(CleanStep::DeleteObject {
                region: region.clone(),
                object: key.clone(),
                versions: versions.clone(),
            });
        } else {
            plan.keep(
                Subject::new("object", format!("s3://{}/{}", key.bucket, key.key)),
                "it is not provably this project's",
            );
        }
    }
    if let Some(bucket) = bucket {
        let kept = runtimes
            .iter()
            .filter(|runtime| !proven.iter().any(|ours| ours.id == runtime.id));
        clean_bucket(desired, region, bucket, kept, plan);
    }
    for group in groups {
        plan.steps.push(CleanStep::DeleteLogGroup {
            region: region.clone(),
            name: group.name.clone(),
        });
    }
}

/// Returns the groups to delete. Plans to tag them first, so that the next run can prove them if
/// this run is killed after deleting the runtime.
fn log_groups_that_go<'a>(
    desired: &Desired,
    region: &Region,
    log_groups: &'a [ObservedLogGroup],
    proven: &[&ObservedRuntime],
    plan: &mut CleanPlan,
) -> Vec<&'a ObservedLogGroup> {
    let mut going = Vec::new();
    for group in log_groups {
        let suffix = group
            .name
            .strip_prefix(protocol::logs::PREFIX)
            .unwrap_or_default();
        let of_runtime = proven
            .iter()
            .any(|runtime| suffix.starts_with(&format!("{}-", runtime.id)));
        let tagged = matches!(&group.tags, Tags::Known(tags) if desired.identity.ownership(tags) == Ownership::Ours);
        let what = Subject::new("log group", &group.name).at(region);
        match (of_runtime || tagged, desired.logs) {
            (true, Logs::Delete) => going.push(group),
            (true, Logs::Keep) => plan.keep(what, "logs are kept unless `--logs` is given"),
            (false, _) => plan.keep(what, "no runtime that is provably ours writes to it"),
        }
        if of_runtime && !tagged && desired.logs == Logs::Delete && group.tags != Tags::Unknown {
            plan.steps.push(CleanStep::TagLogGroup {
                region: region.clone(),
                name: group.name.clone(),
                arn: group.arn.clone(),
                tags: desired.identity.tags(),
            });
        }
    }
    going
}

/// `another` is true if a runtime with the agent's name is kept, which may run from an image.
fn clean_own_repository(
    desired: &Desired,
    region: &Region,
    repository: &OwnRepository,
    another: bool,
    plan: &mut CleanPlan,
) {
    let OwnRepository { tags, content } = repository;
    let why = match desired.identity.ownership(tags) {
        Ownership::Ours if another => {
            "a runtime with the agent's name, which is kept, may run from it".to_owned()
        }
        Ownership::Ours => return clean_repository(region, content, true, plan),
        Ownership::Unmarked => "it does not carry the tags of this project".to_owned(),
        Ownership::Others(owner) => format!("its tags say {owner}"),
    };
    plan.keep(Subject::new("repository", &content.name).at(region), why);
}

fn clean_repository(
    region: &Region,
    repository: &ObservedRepository,
    proven: bool,
    plan: &mut CleanPlan,
) {
    let ObservedRepository {
        name,
        digests,
        images,
    } = repository;
    if !proven {
        plan.keep(
            Subject::new("repository", name).at(region),
            "it is not provably this project's",
        );
        return;
    }
    if !digests.is_empty() {
        plan.steps.push(CleanStep::DeleteImages {
            region: region.clone(),
            repository: name.clone(),
            digests: digests.clone(),
            images: *images,
        });
    }
    plan.steps.push(CleanStep::DeleteRepository {
        region: region.clone(),
        repository: name.clone(),
    });
}
