//! The repository for the agent's images.

use std::collections::BTreeMap;

use super::{desired, identity, region, runtime};
use crate::resources::{
    clean::{Observed, ObservedRegion, What, plan},
    ownership::PROJECT,
    repository::{Content, DeletionStep, OwnRepository},
    tags::Tags,
};

const NAME: &str = "cargo-agentcore-0123456789ab/a";

fn with(tags: BTreeMap<String, String>, digests: &[&str]) -> Observed {
    let there = ObservedRegion {
        own_repository: Some(OwnRepository {
            tags,
            content: Content {
                name: NAME.into(),
                digests: digests.iter().map(|digest| (*digest).to_owned()).collect(),
                images: digests.len(),
            },
        }),
        ..ObservedRegion::default()
    };
    Observed {
        regions: BTreeMap::from([(region("us-west-2"), there)]),
        ..Observed::default()
    }
}

fn deletes(observed: &Observed) -> Vec<&'static str> {
    let steps = plan(&desired(), observed).steps;
    steps
        .iter()
        .filter_map(|step| match &step.what {
            What::Repository(DeletionStep::DeleteImages { name, .. }) if name == NAME => {
                Some("images")
            }
            What::Repository(DeletionStep::Delete { name }) if name == NAME => Some("repository"),
            _ => None,
        })
        .collect()
}

#[test]
fn a_repository_goes_with_its_images_where_its_tags_name_the_agent() {
    assert_eq!(
        deletes(&with(identity().tags(), &["d"])),
        ["images", "repository"]
    );
    assert_eq!(deletes(&with(identity().tags(), &[])), ["repository"]);
}

#[test]
fn a_repository_of_others_is_kept_with_the_reason() {
    let mut others = identity().tags();
    others.insert(PROJECT.to_owned(), "other".to_owned());
    for (tags, reason) in [
        (BTreeMap::new(), "does not carry the tags"),
        (others, "project `other`"),
    ] {
        let observed = with(tags, &["d"]);
        assert!(deletes(&observed).is_empty());
        let kept = plan(&desired(), &observed).kept;
        assert!(
            kept.iter().any(|kept| kept.why.contains(reason)),
            "{kept:?}"
        );
    }
}

#[test]
fn a_repository_stays_while_a_runtime_that_may_need_it_stays() {
    let mut observed = with(identity().tags(), &["d"]);
    let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
    // Nothing proves that this one is ours.
    there.runtimes = vec![runtime("arn:aws:iam::1:role/theirs", Tags::Unknown)];
    assert!(deletes(&observed).is_empty());
}
