//! The names that this tool gives: the keys of its tags, and the project's bucket.

use sha2::{Digest as _, Sha256};

use super::{AccountId, ProjectId, Region};
use crate::text::hex;

/// The prefix of this tool's tags.
pub(crate) const OURS: &str = "cargo-agentcore:";
pub(crate) const MANAGED: &str = "cargo-agentcore:managed";
pub(crate) const PROJECT: &str = "cargo-agentcore:project";
pub(crate) const AGENT: &str = "cargo-agentcore:agent";
pub(crate) const STAGE: &str = "cargo-agentcore:stage";
/// On a declared resource, such as a memory: its kind and its name in the metadata.
pub(crate) const RESOURCE: &str = "cargo-agentcore:resource";
/// On a declared resource: a hash of its settings.
pub(crate) const SETTINGS_HASH: &str = "cargo-agentcore:hash";
/// On what existed before and was adopted; `clean` keeps it.
pub(crate) const ADOPTED: &str = "cargo-agentcore:adopted";

/// Returns the name of the project's bucket in an account and a region. At most 63 characters.
pub(crate) fn bucket(project: &ProjectId, account: &AccountId, region: &Region) -> String {
    let project = hex(&Sha256::digest(project.as_str().as_bytes())[..6]);
    format!("cargo-agentcore-{project}-{account}-{region}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_short_enough_in_the_longest_region_and_differs_by_project() {
        let project = |text| ProjectId::parse(text).unwrap();
        let account = AccountId::parse("123456789012").unwrap();
        let region = Region::parse("ap-southeast-2").unwrap();
        let ours = bucket(&project("my-agent-7k2qpx"), &account, &region);
        assert_eq!(
            ours,
            "cargo-agentcore-da5de3527290-123456789012-ap-southeast-2"
        );
        assert!(ours.len() <= 63);
        let other = project("my-agent-7k2qpy");
        assert_ne!(bucket(&other, &account, &region), ours);
    }
}
