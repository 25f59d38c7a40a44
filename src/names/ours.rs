//! The names that this tool gives: the keys of its tags, the project's bucket, and the agents' image
//! repositories.

use sha2::{Digest as _, Sha256};

use super::{AccountId, ProjectId, Region, RuntimeName};
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

/// Returns the name of the repository for an agent's images. ECR accepts lower-case letters, digits
/// and single separators between them; any other name of a runtime gets a part of its hash.
pub(crate) fn repository(project: &ProjectId, runtime: &RuntimeName) -> String {
    let project = hex(&Sha256::digest(project.as_str().as_bytes())[..6]);
    let name = runtime.as_str();
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower.split('_').filter(|word| !word.is_empty()).collect();
    let legal = words.join("_");
    if legal == name {
        return format!("cargo-agentcore-{project}/{legal}");
    }
    let hash = hex(&Sha256::digest(name.as_bytes())[..4]);
    format!("cargo-agentcore-{project}/{legal}-{hash}")
}

/// Returns the name of the CodeBuild project that builds an agent's image.
pub(crate) fn build_project(project: &ProjectId, runtime: &RuntimeName) -> String {
    let project = hex(&Sha256::digest(project.as_str().as_bytes())[..6]);
    format!("cargo-agentcore-{project}-{runtime}")
}

/// Returns the name of the role that CodeBuild assumes for it, which is one of the region's own.
pub(crate) fn build_role(project: &ProjectId, runtime: &RuntimeName, region: &Region) -> String {
    let name = format!("{project}/{runtime}");
    let hash = hex(&Sha256::digest(name.as_bytes())[..6]);
    format!("AgentCoreBuild-{region}-{hash}")
}

/// Returns the log group of a build project.
pub(crate) fn build_log_group(project: &str) -> String {
    format!("/aws/codebuild/{project}")
}

/// Returns the prefix of the sources of builds in the project's bucket.
pub(crate) fn build_prefix(runtime: &RuntimeName) -> String {
    format!("{runtime}/build/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_runtime_has_a_legal_repository_of_its_own(
            one in "[a-zA-Z][a-zA-Z0-9_]{0,47}",
            other in "[a-zA-Z][a-zA-Z0-9_]{0,47}",
        ) {
            let name = |runtime: &str| {
                let project = ProjectId::parse("My.Agent-7k2qpx").unwrap();
                repository(&project, &RuntimeName::parse(runtime).unwrap())
            };
            let ours = name(&one);
            prop_assert!((2..=256).contains(&ours.len()));
            for part in ours.split('/') {
                let words: Vec<&str> = part.split(['-', '_']).collect();
                let legal = |word: &&str| {
                    !word.is_empty()
                        && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                };
                prop_assert!(words.iter().all(legal), "{}", ours);
            }
            prop_assert_eq!(ours == name(&other), one == other);
        }
    }

    #[test]
    fn a_repository_shows_the_name_of_its_runtime() {
        let project = ProjectId::parse("my-agent-7k2qpx").unwrap();
        let name = |runtime: &str| repository(&project, &RuntimeName::parse(runtime).unwrap());
        assert_eq!(name("my_agent"), "cargo-agentcore-da5de3527290/my_agent");
        assert_eq!(
            name("My_agent"),
            "cargo-agentcore-da5de3527290/my_agent-2f55b60c"
        );
    }

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
