//! What may be deleted of an agent, in which order, and what is kept and why.
//!
//! Nothing is deleted that is not proven ours: by our tags; for a runtime also by its name together
//! with a role that our tags prove; for what hangs on a runtime by that runtime; for what the Python
//! toolkit made by an entry of its file whose account, region and runtime or role are proven.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ecr_uri::EcrUri,
    ownership::{ADOPTED, AGENT, Identity, MANAGED, Ownership, PROJECT, STAGE},
    role::{ObservedRole, POLICY_PREFIX, regions_served},
};
use crate::{
    config::RoleSettings,
    names::{AccountId, Partition, Region, RoleName, RuntimeName},
    package::toolkit_yaml::Entry,
    policy::{self, Document},
};

/// What a store says about the tags of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    Known(BTreeMap<String, String>),
    /// The store keeps no tags on such things.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectKey {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRuntime {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role_arn: String,
    pub(crate) status: String,
    pub(crate) tags: Tags,
    /// Without the one that goes with the runtime.
    pub(crate) endpoints: Vec<String>,
    pub(crate) code: Option<ObjectKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedLogGroup {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedObject {
    pub(crate) object: ObjectKey,
    /// Delete markers included.
    pub(crate) versions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRepository {
    pub(crate) name: String,
    pub(crate) digests: Vec<String>,
}

/// Whose things are cleaned, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) identity: Identity,
    pub(crate) runtime: RuntimeName,
    pub(crate) role: RoleSettings,
    pub(crate) partition: Partition,
    pub(crate) account: AccountId,
    /// The regions that are cleaned.
    pub(crate) regions: BTreeSet<Region>,
    pub(crate) logs: Logs,
    pub(crate) yaml: Trust,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logs {
    Keep,
    Delete,
}

/// Whether a toolkit's entry counts although nothing proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Proven,
    Included,
}

/// What stands in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Observed {
    pub(crate) role: Option<ObservedRole>,
    pub(crate) regions: BTreeMap<Region, ObservedRegion>,
    /// The toolkit's entry for the agent's runtime.
    pub(crate) entry: Option<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObservedRegion {
    pub(crate) runtimes: Vec<ObservedRuntime>,
    pub(crate) log_groups: Vec<ObservedLogGroup>,
    /// Of those that [`objects_to_look_for`] names.
    pub(crate) objects: Vec<ObservedObject>,
    /// The one that [`repository_to_look_for`] names.
    pub(crate) repository: Option<ObservedRepository>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CleanStep {
    TagLogGroup {
        region: Region,
        name: String,
        arn: String,
        tags: BTreeMap<String, String>,
    },
    DeleteEndpoint {
        region: Region,
        runtime: String,
        endpoint: String,
    },
    DeleteRuntime {
        region: Region,
        runtime: String,
    },
    DeleteImages {
        region: Region,
        repository: String,
        digests: Vec<String>,
    },
    DeleteRepository {
        region: Region,
        repository: String,
    },
    DeleteObject {
        region: Region,
        object: ObjectKey,
        versions: Vec<String>,
    },
    DeleteLogGroup {
        region: Region,
        name: String,
    },
    Role(RoleRemoval),
}

/// A write to IAM that takes something away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoleRemoval {
    DeletePolicy { role: RoleName, policy: String },
    SetTrust { role: RoleName, document: Document },
    Untag { role: RoleName, keys: Vec<String> },
    Delete { role: RoleName },
}

/// Something that stays, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// As it should be.
    Fine,
    /// Ours, and somebody has to do something before it can go.
    Leftover,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CleanPlan {
    /// In the order in which they have to be carried out.
    pub(crate) steps: Vec<CleanStep>,
    pub(crate) kept: Vec<Kept>,
    /// The toolkit's entry may go, with its cache.
    pub(crate) entry_goes: bool,
    /// The copied sources may go: no other region needs them.
    pub(crate) copy_goes: bool,
}

impl CleanPlan {
    fn keep(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.kept.push(Kept {
            what: what.into(),
            why: why.into(),
            weight: Weight::Fine,
        });
    }
}

/// The bucket that the toolkit makes for a region and shares among agents.
pub(crate) fn toolkit_bucket(account: &AccountId, region: &Region) -> String {
    format!("bedrock-agentcore-codebuild-sources-{account}-{region}")
}

/// The repository that the toolkit names after an agent.
pub(crate) fn toolkit_repository(runtime: &RuntimeName) -> String {
    format!(
        "bedrock-agentcore-{}",
        runtime.as_str().to_ascii_lowercase()
    )
}

/// Keys that hold what the agent was deployed from, by the toolkit's way of naming them.
pub(crate) fn objects_to_look_for(
    desired: &Desired,
    region: &Region,
    runtimes: &[ObservedRuntime],
    entry: Option<&Entry>,
) -> Vec<ObjectKey> {
    let runtime = &desired.runtime;
    let mut keys = BTreeSet::new();
    let mut buckets = BTreeSet::from([toolkit_bucket(&desired.account, region)]);
    if let Some(entry) = entry.filter(|entry| in_place(entry, desired, region))
        && let Some(path) = entry
            .s3_path
            .as_deref()
            .and_then(|path| path.strip_prefix("s3://"))
    {
        buckets.extend(path.split('/').next().map(str::to_owned));
    }
    for bucket in buckets {
        for file in ["deployment.zip", "source.zip"] {
            keys.insert(ObjectKey {
                bucket: bucket.clone(),
                key: format!("{runtime}/{file}"),
            });
        }
    }
    let own = format!("{runtime}/");
    keys.extend(
        runtimes
            .iter()
            .filter_map(|runtime| runtime.code.clone())
            .filter(|code| code.key.starts_with(&own)),
    );
    keys.into_iter().collect()
}

/// Whether an entry speaks of this account and region.
fn in_place(entry: &Entry, desired: &Desired, region: &Region) -> bool {
    entry.account.as_deref() == Some(desired.account.as_str())
        && entry.region.as_deref() == Some(region.as_str())
}

pub(crate) fn plan(desired: &Desired, observed: &Observed) -> CleanPlan {
    let mut plan = CleanPlan {
        copy_goes: true,
        ..CleanPlan::default()
    };
    let role = Proof::of_role(desired, observed.role.as_ref());
    for region in &desired.regions {
        if let Some(there) = observed.regions.get(region) {
            clean_region(
                desired,
                region,
                there,
                observed.entry.as_ref(),
                &role,
                &mut plan,
            );
        }
    }
    clean_role(desired, observed.role.as_ref(), &role, &mut plan);
    if let Some(entry) = &observed.entry {
        clean_entry(desired, entry, observed, &role, &mut plan);
    }
    plan
}

/// What is known of the execution role.
enum Proof {
    /// Ours by its tags.
    Ours { arn: String },
    /// There is none, so nothing can refer to it any more.
    Absent,
    /// It proves nothing, for this reason.
    Nothing(String),
}

impl Proof {
    fn of_role(desired: &Desired, observed: Option<&ObservedRole>) -> Self {
        match (&desired.role, observed) {
            (RoleSettings::Given { .. }, _) => Self::Nothing("brought with `role.arn`".to_owned()),
            (RoleSettings::Managed { .. }, None) => Self::Absent,
            (RoleSettings::Managed { .. }, Some(role)) => {
                match desired.identity.ownership(&role.tags) {
                    Ownership::Ours => Self::Ours {
                        arn: role.arn.clone(),
                    },
                    Ownership::Unmarked => Self::Nothing("it does not carry our tags".to_owned()),
                    Ownership::Others(owner) => Self::Nothing(format!("its tags say {owner}")),
                }
            }
        }
    }

    fn proves(&self, role_arn: &str) -> bool {
        matches!(self, Self::Ours { arn } if arn == role_arn)
    }
}

fn clean_region(
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
        let what = format!("runtime `{}` in {region}", runtime.id);
        match desired.proves(runtime, role) {
            Ok(()) => proven.push(runtime),
            Err(_) if included && named(runtime) => proven.push(runtime),
            Err(why) if named(runtime) => {
                plan.keep(what, format!("{why}; only the toolkit's file names it (`--include-yaml` takes it all the same)"));
            }
            Err(why) => plan.keep(what, why),
        }
    }
    let groups = log_groups_that_go(desired, region, log_groups, &proven, plan);
    // What hangs on the runtime is proven by it, or by the role that outlives it in this order.
    let by_entry = entry
        .is_some_and(|entry| included || entry.role.as_deref().is_some_and(|arn| role.proves(arn)));
    let another = runtimes.len() != proven.len();
    let hangs_on_us =
        !another && (by_entry || !proven.is_empty() || matches!(role, Proof::Ours { .. }));
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
                format!("object `s3://{}/{}`", key.bucket, key.key),
                "nothing proves that it is this project's",
            );
        }
    }
    for group in groups {
        plan.steps.push(CleanStep::DeleteLogGroup {
            region: region.clone(),
            name: group.name.clone(),
        });
    }
}

/// The groups that are deleted; they are tagged first, so that a run that is killed after the runtime is
/// gone still knows them as ours.
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
            .strip_prefix("/aws/bedrock-agentcore/runtimes/")
            .unwrap_or_default();
        let of_runtime = proven
            .iter()
            .any(|runtime| suffix.starts_with(&format!("{}-", runtime.id)));
        let tagged = matches!(&group.tags, Tags::Known(tags) if desired.identity.ownership(tags) == Ownership::Ours);
        let what = format!("log group `{}` in {region}", group.name);
        match (of_runtime || tagged, desired.logs) {
            (true, Logs::Delete) => going.push(group),
            (true, Logs::Keep) => plan.keep(what, "logs are kept unless `--logs` is given"),
            (false, _) => plan.keep(what, "no runtime that is proven ours writes to it"),
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

impl Desired {
    fn proves(&self, runtime: &ObservedRuntime, role: &Proof) -> Result<(), String> {
        match &runtime.tags {
            Tags::Known(tags) => match self.identity.ownership(tags) {
                Ownership::Ours => return Ok(()),
                Ownership::Others(owner) => return Err(format!("its tags say {owner}")),
                Ownership::Unmarked => {}
            },
            Tags::Unknown => {}
        }
        if role.proves(&runtime.role_arn) {
            Ok(())
        } else {
            Err("it carries none of our tags and does not use our role".to_owned())
        }
    }
}

fn clean_repository(
    region: &Region,
    repository: &ObservedRepository,
    proven: bool,
    plan: &mut CleanPlan,
) {
    let ObservedRepository { name, digests } = repository;
    if !proven {
        plan.keep(
            format!("repository `{name}` in {region}"),
            "nothing proves that it is this project's",
        );
        return;
    }
    if !digests.is_empty() {
        plan.steps.push(CleanStep::DeleteImages {
            region: region.clone(),
            repository: name.clone(),
            digests: digests.clone(),
        });
    }
    plan.steps.push(CleanStep::DeleteRepository {
        region: region.clone(),
        repository: name.clone(),
    });
}

/// The repository of the agent that the toolkit made, as its entry names it.
pub(crate) fn repository_to_look_for(
    desired: &Desired,
    region: &Region,
    entry: Option<&Entry>,
) -> Result<Option<String>, Kept> {
    let Some(uri) = entry
        .filter(|entry| in_place(entry, desired, region))
        .and_then(|entry| entry.repository.as_deref())
    else {
        return Ok(None);
    };
    let keep = |why: &str| Kept {
        what: format!("repository `{uri}`"),
        why: why.to_owned(),
        weight: Weight::Fine,
    };
    let parsed = EcrUri::parse(uri)
        .ok_or_else(|| keep("the toolkit's file names it, but it is no address of ECR"))?;
    if parsed.account != desired.account || parsed.region != *region {
        return Err(keep("it is in another account or region"));
    }
    if parsed.repository != toolkit_repository(&desired.runtime) {
        return Err(keep(
            "its name is not the one that the toolkit makes for this agent",
        ));
    }
    Ok(Some(parsed.repository))
}

fn clean_role(
    desired: &Desired,
    observed: Option<&ObservedRole>,
    proof: &Proof,
    plan: &mut CleanPlan,
) {
    let (name, role) = match (&desired.role, observed) {
        (RoleSettings::Given { arn }, _) => {
            return plan.keep(
                format!("role `{}`", arn.arn),
                "it was brought with `role.arn`",
            );
        }
        (RoleSettings::Managed { .. }, None) => return,
        (RoleSettings::Managed { name, .. }, Some(role)) => (name, role),
    };
    if let Proof::Nothing(why) = proof {
        return plan.keep(format!("role `{name}`"), format!("not ours: {why}"));
    }
    let served = regions_served(role);
    let (here, elsewhere): (BTreeSet<Region>, BTreeSet<Region>) = served
        .into_iter()
        .partition(|region| desired.regions.contains(region));
    let mut push = |removal: RoleRemoval| plan.steps.push(CleanStep::Role(removal));
    for region in &here {
        push(RoleRemoval::DeletePolicy {
            role: name.clone(),
            policy: format!("{POLICY_PREFIX}{region}"),
        });
    }
    if !elsewhere.is_empty() {
        let trust = policy::trust(desired.partition, &desired.account, &elsewhere);
        if !policy::same(&role.trust, &trust.to_value()) {
            push(RoleRemoval::SetTrust {
                role: name.clone(),
                document: trust,
            });
        }
        let regions: Vec<&str> = elsewhere.iter().map(Region::as_str).collect();
        plan.copy_goes = false;
        return plan.keep(
            format!("role `{name}`"),
            format!(
                "it still serves {} (`--all-regions` takes them all)",
                regions.join(", ")
            ),
        );
    }
    if role.tags.contains_key(ADOPTED) {
        let ours = [MANAGED, PROJECT, AGENT, STAGE, ADOPTED];
        let keys = ours
            .into_iter()
            .filter(|key| role.tags.contains_key(*key))
            .map(str::to_owned)
            .collect();
        push(RoleRemoval::Untag {
            role: name.clone(),
            keys,
        });
        return plan.keep(
            format!("role `{name}`"),
            "it was adopted; our policies and tags are taken off",
        );
    }
    let foreign: Vec<String> = role
        .inline
        .keys()
        .filter(|policy| !policy.starts_with(POLICY_PREFIX))
        .chain(&role.attached)
        .map(|policy| format!("`{policy}`"))
        .collect();
    if foreign.is_empty() {
        push(RoleRemoval::Delete { role: name.clone() });
    } else {
        plan.kept.push(Kept {
            what: format!("role `{name}`"),
            why: format!(
                "policies that are not ours stand on it: {}; take them off and run this again",
                foreign.join(", ")
            ),
            weight: Weight::Leftover,
        });
    }
}

fn clean_entry(
    desired: &Desired,
    entry: &Entry,
    observed: &Observed,
    role: &Proof,
    plan: &mut CleanPlan,
) {
    let what = format!("entry `{}` of the toolkit's file", entry.name);
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

impl CleanStep {
    /// Verb and object: ("Deleting", "delete", "runtime `x`").
    pub(crate) fn words(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::TagLogGroup { name, .. } => ("Tagging", "tag", format!("log group `{name}`")),
            Self::DeleteEndpoint {
                runtime, endpoint, ..
            } => (
                "Deleting",
                "delete",
                format!("endpoint `{endpoint}` of runtime `{runtime}`"),
            ),
            Self::DeleteRuntime { region, runtime } => (
                "Deleting",
                "delete",
                format!("runtime `{runtime}` in {region}"),
            ),
            Self::DeleteImages {
                repository,
                digests,
                ..
            } => (
                "Deleting",
                "delete",
                format!("{} images of repository `{repository}`", digests.len()),
            ),
            Self::DeleteRepository { repository, .. } => {
                ("Deleting", "delete", format!("repository `{repository}`"))
            }
            Self::DeleteObject {
                object, versions, ..
            } => {
                let all = if versions.len() > 1 {
                    format!(" ({} versions)", versions.len())
                } else {
                    String::new()
                };
                (
                    "Deleting",
                    "delete",
                    format!("object `s3://{}/{}`{all}", object.bucket, object.key),
                )
            }
            Self::DeleteLogGroup { name, .. } => {
                ("Deleting", "delete", format!("log group `{name}`"))
            }
            Self::Role(removal) => match removal {
                RoleRemoval::DeletePolicy { role, policy } => (
                    "Deleting",
                    "delete",
                    format!("policy `{policy}` of role `{role}`"),
                ),
                RoleRemoval::SetTrust { role, .. } => (
                    "Updating",
                    "update",
                    format!("trust policy of role `{role}`"),
                ),
                RoleRemoval::Untag { role, .. } => ("Untagging", "untag", format!("role `{role}`")),
                RoleRemoval::Delete { role } => ("Deleting", "delete", format!("role `{role}`")),
            },
        }
    }
}

#[cfg(test)]
mod tests;
