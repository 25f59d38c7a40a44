//! What is deleted from the project's bucket: one runtime's part, and the bucket itself with the
//! last part.

use std::collections::BTreeSet;

use super::{
    Desired,
    former::part_of_former,
    observed::{ObservedRuntime, OwnBucket},
    step::{CleanPlan, CleanStep},
};
use crate::{
    names::Region,
    resources::{
        bucket::{self, Stored},
        change::Subject,
        ownership::Ownership,
    },
};

/// Plans the deletions. `kept` are the runtimes with this name that are not deleted.
pub(crate) fn clean_bucket<'a>(
    desired: &Desired,
    region: &Region,
    there: &OwnBucket,
    mut kept: impl Iterator<Item = &'a ObservedRuntime>,
    plan: &mut CleanPlan,
) {
    if let Err(why) = proof(desired, there) {
        return plan.keep(Subject::new("bucket", &there.name), why);
    }
    let prefix = bucket::prefix(&desired.runtime);
    let objects: Vec<Stored> = there
        .objects
        .iter()
        .filter(|object| object.key.starts_with(&prefix))
        .cloned()
        .collect();
    let uses = |runtime: &&ObservedRuntime| {
        let code = runtime.code.as_ref();
        code.is_some_and(|code| code.bucket == there.name)
    };
    if let Some(runtime) = kept.find(uses) {
        return plan.keep(
            Subject::new("objects", format!("s3://{}/{prefix}", there.name)),
            format!("the runtime `{}`, which is kept, runs from it", runtime.id),
        );
    }
    let uploads = there.uploads.iter().filter(|key| key.starts_with(&prefix));
    let count = uploads.count();
    if count > 0 {
        plan.steps.push(CleanStep::AbortUploads {
            region: region.clone(),
            bucket: there.name.clone(),
            prefix: prefix.clone(),
            count,
        });
    }
    if !objects.is_empty() {
        plan.steps.push(CleanStep::DeleteArchives {
            region: region.clone(),
            bucket: there.name.clone(),
            prefix,
            objects,
        });
    }
    plan.emptied.insert(region.clone());
    end(desired, region, there, plan);
}

/// A bucket without tags and content is left over from a `deploy` that was killed before tagging
/// it, because only this project uses its name. `deploy` accepts such a bucket too.
fn proof(desired: &Desired, there: &OwnBucket) -> Result<(), String> {
    let OwnBucket {
        name: _,
        tags,
        objects,
        uploads,
    } = there;
    match bucket::ownership(&desired.identity.project, tags) {
        Ownership::Ours => Ok(()),
        Ownership::Unmarked if tags.is_empty() && objects.is_empty() && uploads.is_empty() => {
            Ok(())
        }
        Ownership::Unmarked => Err("it does not carry the tags of this project".to_owned()),
        Ownership::Others(owner) => Err(format!("its tags say {owner}")),
    }
}

/// Decides whether the bucket itself is deleted. If a later agent in the same run has objects in
/// it, that agent decides.
fn end(desired: &Desired, region: &Region, there: &OwnBucket, plan: &mut CleanPlan) {
    let Some(gone) = desired.last_in.get(region) else {
        return;
    };
    let keys = there.objects.iter().map(|object| &object.key);
    let others: BTreeSet<&str> = keys
        .chain(&there.uploads)
        .filter_map(|key| key.split('/').next())
        .filter(|part| {
            *part != desired.runtime.as_str() && !gone.iter().any(|gone| gone.as_str() == *part)
        })
        .collect();
    if others.is_empty() {
        plan.steps.push(CleanStep::DeleteBucket {
            region: region.clone(),
            bucket: there.name.clone(),
        });
        return;
    }
    let names: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
    plan.keep(
        Subject::new("bucket", &there.name),
        format!(
            "other agents of the project are in it: {}",
            names.join(", ")
        ),
    );
    for (what, why) in others
        .iter()
        .filter_map(|part| part_of_former(desired, part))
    {
        plan.keep(what, why);
    }
}
