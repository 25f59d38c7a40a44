//! What the Python toolkit creates for an agent, and where.

use std::collections::BTreeSet;

use super::Desired;
use crate::{
    names::{AccountId, Region, RuntimeName, image_uri::EcrUri, ours},
    package::toolkit_yaml::Entry,
    resources::{
        change::Subject,
        deletion::Kept,
        runtime::deletion::{NamedRuntime, ObjectKey},
    },
};

/// Returns the bucket that the toolkit creates for a region and shares among agents.
pub(crate) fn toolkit_bucket(account: &AccountId, region: &Region) -> String {
    format!("bedrock-agentcore-codebuild-sources-{account}-{region}")
}

/// Returns the repository that the toolkit names after an agent: lower case, several underscores in
/// a row become one hyphen, at least two characters.
fn toolkit_repository(runtime: &RuntimeName) -> String {
    let lower = runtime.as_str().to_ascii_lowercase();
    let mut name = String::new();
    let mut letters = lower.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '_' && letters.peek() == Some(&'_') {
            while letters.next_if_eq(&'_').is_some() {}
            name.push('-');
        } else {
            name.push(letter);
        }
    }
    let name = name.trim_end_matches(['-', '_']);
    let ending = if name.len() < 2 { "-agent" } else { "" };
    format!("bedrock-agentcore-{name}{ending}")
}

/// Returns the agent's keys in the toolkit's bucket, as the toolkit names them. Other buckets are
/// not read, because the deployer's policy does not allow it.
pub(crate) fn objects_to_look_for(
    desired: &Desired,
    region: &Region,
    runtimes: &[NamedRuntime],
) -> Vec<ObjectKey> {
    let bucket = toolkit_bucket(&desired.account, region);
    let named = ["deployment.zip", "source.zip"].map(|file| ObjectKey {
        bucket: bucket.clone(),
        key: format!("{}/{file}", desired.runtime),
    });
    let run_from = codes(runtimes).filter(|code| is_looked_into(desired, region, code));
    let keys: BTreeSet<ObjectKey> = run_from.cloned().chain(named).collect();
    keys.into_iter().collect()
}

/// Returns the objects in other places that the toolkit's entry or a runtime with the agent's name
/// uses.
pub(crate) fn objects_elsewhere(
    desired: &Desired,
    region: &Region,
    runtimes: &[NamedRuntime],
    entry: Option<&Entry>,
) -> Vec<Kept> {
    let own = ours::bucket(&desired.identity.project, &desired.account, region);
    let keep = |what: Subject, which: &str| {
        let why = format!(
            "{which}, and only the project's bucket and `{}/` in the toolkit's own are searched",
            desired.runtime
        );
        Kept::fine(what, why)
    };
    let configured = entry
        .filter(|entry| in_place(entry, desired, region))
        .and_then(|entry| entry.s3_path.as_deref())
        .filter(|path| {
            let path = path.strip_prefix("s3://").unwrap_or(path);
            let bucket = path.trim_end_matches('/');
            bucket != own && bucket != toolkit_bucket(&desired.account, region)
        })
        .map(|path| {
            keep(
                Subject::new("objects", path),
                "the toolkit's file names this place",
            )
        });
    let run_from = codes(runtimes)
        .filter(|code| code.bucket != own && !is_looked_into(desired, region, code))
        .map(|code| {
            let address = format!("s3://{}/{}", code.bucket, code.key);
            keep(
                Subject::new("object", address),
                "a runtime of this name runs from it",
            )
        });
    configured.into_iter().chain(run_from).collect()
}

fn codes(runtimes: &[NamedRuntime]) -> impl Iterator<Item = &ObjectKey> {
    runtimes.iter().filter_map(|runtime| runtime.code.as_ref())
}

fn is_looked_into(desired: &Desired, region: &Region, object: &ObjectKey) -> bool {
    object.bucket == toolkit_bucket(&desired.account, region)
        && object.key.starts_with(&format!("{}/", desired.runtime))
}

/// Returns true if an entry is for this account and region.
pub(crate) fn in_place(entry: &Entry, desired: &Desired, region: &Region) -> bool {
    entry.account.as_deref() == Some(desired.account.as_str())
        && entry.region.as_deref() == Some(region.as_str())
}

/// Returns the repository that the toolkit created for the agent, as its entry names it.
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
    let place = (Some(&desired.account), Some(region));
    match repository_at(uri, &desired.runtime, place) {
        Ok(repository) => Ok(Some(repository)),
        Err(why) => Err(Kept::fine(Subject::new("repository", uri), why)),
    }
}

/// Returns the repository at an address in the toolkit's file if the toolkit seems to have created
/// it for this agent in this account and region; otherwise why not.
pub(crate) fn repository_at(
    uri: &str,
    runtime: &RuntimeName,
    (account, region): (Option<&AccountId>, Option<&Region>),
) -> Result<String, &'static str> {
    let parsed =
        EcrUri::parse(uri).ok_or("the toolkit's file names it, but it is not an ECR address")?;
    if account.is_some_and(|account| parsed.account != *account)
        || region.is_some_and(|region| parsed.region != *region)
    {
        return Err("it is in another account or region");
    }
    if parsed.repository != toolkit_repository(runtime) {
        return Err("its name is not the one that the toolkit creates for this agent");
    }
    Ok(parsed.repository)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_as_the_toolkit_names_it() {
        for (runtime, name) in [
            ("my_agent", "bedrock-agentcore-my_agent"),
            ("MyAgent__prod_", "bedrock-agentcore-myagent-prod"),
            ("a", "bedrock-agentcore-a-agent"),
            ("a___b", "bedrock-agentcore-a-b"),
        ] {
            let runtime = RuntimeName::parse(runtime).unwrap();
            assert_eq!(toolkit_repository(&runtime), name);
        }
    }
}
