//! What the Python toolkit makes for an agent, and where it puts it.

use std::collections::BTreeSet;

use super::{
    Desired,
    observed::{ObjectKey, ObservedRuntime},
    step::{Kept, Weight},
    subject::Subject,
};
use crate::{
    names::{AccountId, Region, RuntimeName},
    package::toolkit_yaml::Entry,
    plan::{bucket, ecr_uri::EcrUri},
};

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

/// Keys outside of the project's own bucket that hold what the agent was deployed from, by the
/// toolkit's way of naming them.
pub(crate) fn objects_to_look_for(
    desired: &Desired,
    region: &Region,
    runtimes: &[ObservedRuntime],
    entry: Option<&Entry>,
) -> Vec<ObjectKey> {
    let runtime = &desired.runtime;
    let mut keys = BTreeSet::new();
    let mut look = |bucket: &str, prefix: &str| {
        for file in ["deployment.zip", "source.zip"] {
            keys.insert(ObjectKey {
                bucket: bucket.to_owned(),
                key: format!("{prefix}{runtime}/{file}"),
            });
        }
    };
    look(&toolkit_bucket(&desired.account, region), "");
    if let Some(entry) = entry.filter(|entry| in_place(entry, desired, region))
        && let Some(path) = entry.s3_path.as_deref()
    {
        let path = path.strip_prefix("s3://").unwrap_or(path);
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        look(bucket, "");
        if path.contains('/') {
            // Joined by a slash whatever the prefix ends in, as the toolkit does it.
            look(bucket, &format!("{prefix}/"));
        }
    }
    let (own, below) = (format!("{runtime}/"), format!("/{runtime}/deployment.zip"));
    keys.extend(
        runtimes
            .iter()
            .filter_map(|runtime| runtime.code.clone())
            .filter(|code| code.key.starts_with(&own) || code.key.ends_with(&below)),
    );
    // The project's own bucket is cleaned by its tags, whatever names it.
    let own = bucket::name(&desired.identity.project, &desired.account, region);
    keys.retain(|key| key.bucket != own);
    keys.into_iter().collect()
}

/// Whether an entry speaks of this account and region.
pub(super) fn in_place(entry: &Entry, desired: &Desired, region: &Region) -> bool {
    entry.account.as_deref() == Some(desired.account.as_str())
        && entry.region.as_deref() == Some(region.as_str())
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
        what: Subject::new("repository", uri),
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
