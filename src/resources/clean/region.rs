//! What is deleted in one region: runtimes, and what belongs to them.

use super::{
    Desired, Trust,
    former::part_of_former,
    observed::{ObservedObject, ObservedRegion},
    proof::Proof,
    step::{CleanPlan, Turn, What},
    toolkit::in_place,
};
use crate::{
    names::Region,
    package::toolkit_yaml::Entry,
    resources::{
        bucket::OwnBucket, build_project, change::Subject, deletion::Deletion, log_group,
        repository, runtime::deletion::NamedRuntime,
    },
};

pub(super) fn clean_region(
    desired: &Desired,
    region: &Region,
    there: &ObservedRegion,
    entry: Option<&Entry>,
    proof: &Proof,
    plan: &mut CleanPlan,
) {
    let ObservedRegion {
        runtimes,
        log_groups,
        objects,
        repository,
        own_repository,
        builds,
        bucket,
    } = there;
    let entry = entry.filter(|entry| in_place(entry, desired, region));
    let (proven, others) = judge(desired, region, there, entry, proof, plan);
    let place = (Turn::Agents, region);
    let ids: Vec<&str> = proven.iter().map(|runtime| &*runtime.id).collect();
    let (before, groups) =
        log_group::deletion_with_runtimes(log_groups, &desired.identity, &ids, desired.logs);
    plan.take(place, Deletion::of(before), What::LogGroup);
    for runtime in &proven {
        let deletion = Deletion::of(runtime.deletion(region));
        plan.take(place, deletion, What::Runtime);
    }
    // What belongs to the runtime is proven by it, or by the role, which is deleted later.
    let by_entry = entry.is_some_and(|entry| {
        let role = entry.role.as_deref();
        desired.yaml == Trust::Included || role.is_some_and(|arn| proof.proves(arn))
    });
    let another = runtimes.len() != proven.len();
    let hangs_on_us = !another && (by_entry || !proven.is_empty() || proof.has_role());
    if let Some(content) = repository {
        let deletion = if by_entry && !another {
            content.deletion()
        } else {
            Deletion::keeping(Subject::new("repository", &content.name), UNPROVEN)
        };
        plan.take(place, deletion, What::Repository);
    }
    if let Some(own) = own_repository {
        let deletion = repository::deletion(&desired.identity, own, another);
        plan.take(place, deletion, What::Repository);
    }
    for object in objects {
        let ObservedObject { object: key, .. } = object;
        let is_own = |runtime: &&NamedRuntime| runtime.code.as_ref() == Some(key);
        if hangs_on_us || proven.iter().any(is_own) {
            plan.push(Turn::Agents, region, What::Object(object.clone()));
        } else {
            let address = format!("s3://{}/{}", key.bucket, key.key);
            plan.keep(Subject::new("object", address), UNPROVEN);
        }
    }
    if let Some(bucket) = bucket {
        clean_bucket(desired, region, bucket, &others, plan);
    }
    plan.take(place, groups, What::LogGroup);
    if let Some(builds) = builds {
        let identity = build_project::identity_of(&desired.identity);
        let of_builds = desired.place(&identity);
        let (project, group, role) = build_project::deletion(of_builds, builds, desired.logs);
        plan.take(place, project, What::Builds);
        plan.take(place, group, What::LogGroup);
        plan.take_role((Turn::Roles, region), role);
    }
}

const UNPROVEN: &str = "it is not provably this project's";

/// Returns the runtimes with the agent's name that are proven, and the others, which are kept.
fn judge<'a>(
    desired: &Desired,
    region: &Region,
    there: &'a ObservedRegion,
    entry: Option<&Entry>,
    proof: &Proof,
    plan: &mut CleanPlan,
) -> (Vec<&'a NamedRuntime>, Vec<&'a NamedRuntime>) {
    let (mut proven, mut others) = (Vec::new(), Vec::new());
    for runtime in &there.runtimes {
        let is_named = entry.is_some_and(|entry| entry.runtime_id.as_deref() == Some(&runtime.id));
        let Err(why) = desired.proves(runtime, proof, there.bucket.as_ref()) else {
            proven.push(runtime);
            continue;
        };
        if is_named && desired.yaml == Trust::Included {
            proven.push(runtime);
            continue;
        }
        let only = if is_named {
            "; only the toolkit's file names it (`--include-yaml` deletes it anyway)"
        } else {
            ""
        };
        let what = Subject::new("runtime", &runtime.id).at(region);
        plan.keep(what, format!("{why}{only}"));
        others.push(runtime);
    }
    (proven, others)
}

/// Plans the deletion of the agent's part of the project's bucket. The last agent of a run that has
/// objects in the bucket also decides about the bucket itself.
fn clean_bucket(
    desired: &Desired,
    region: &Region,
    bucket: &OwnBucket,
    kept: &[&NamedRuntime],
    plan: &mut CleanPlan,
) {
    if let Err(why) = bucket.proof(&desired.identity.project) {
        return plan.keep(Subject::new("bucket", &bucket.name), why);
    }
    let uses = |runtime: &&&NamedRuntime| {
        let code = runtime.code.as_ref();
        code.is_some_and(|code| code.bucket == bucket.name)
    };
    let user = kept.iter().find(uses).map(|runtime| &*runtime.id);
    let part = bucket.part(&desired.runtime, user);
    plan.take((Turn::Agents, region), part, What::Bucket);
    if user.is_some() {
        return;
    }
    plan.emptied.insert(region.clone());
    let Some(gone) = desired.last_in.get(region) else {
        return;
    };
    let gone: Vec<_> = gone.iter().chain([&desired.runtime]).collect();
    let (end, rest) = bucket.end(&gone);
    plan.take((Turn::Buckets, region), end, What::Bucket);
    let formers = rest.iter().filter_map(|part| part_of_former(desired, part));
    for (what, why) in formers {
        plan.keep(what, why);
    }
}
