//! The repository for an agent's images: its settings, who owns it, and which images may be deleted.

mod deletion;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};

pub(crate) use self::deletion::{Content, DeletionStep, OwnRepository, deletion};
use crate::{
    error::Failure,
    names::{ProjectId, RuntimeName, ours},
    package::image::tag_of,
    resources::{
        change::{Action, Change, Step, Subject},
        ownership::{Identity, MANAGED, Ownership, PROJECT},
        tags::{self, TagChanges},
    },
};

/// How old an image must be before it may be deleted, because a concurrent deploy may have pushed
/// it and not used it yet.
pub(crate) const GRACE: Duration = Duration::from_hours(24);

/// Returns the name of the agent's repository.
pub(crate) fn name(project: &ProjectId, runtime: &RuntimeName) -> String {
    ours::repository(project, runtime)
}

/// The repository that an agent needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredRepository {
    pub(crate) name: String,
    pub(crate) identity: Identity,
    /// The user's own tags.
    pub(crate) tags: BTreeMap<String, String>,
}

/// An existing repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRepository {
    pub(crate) arn: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) immutable: bool,
    pub(crate) scanned: bool,
    /// The lifecycle policy.
    pub(crate) lifecycle: Option<Value>,
}

/// One change of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RepositoryStep {
    /// With its tags and settings, but without a lifecycle policy.
    Create {
        name: String,
        tags: BTreeMap<String, String>,
    },
    /// So that no one can put another image behind a tag.
    MakeImmutable {
        name: String,
    },
    Scan {
        name: String,
    },
    /// Images without a tag are left over from interrupted pushes and cost money.
    DropUntagged {
        name: String,
        policy: Value,
    },
    Tag {
        name: String,
        arn: String,
        tags: BTreeMap<String, String>,
    },
    Untag {
        name: String,
        arn: String,
        keys: Vec<String>,
    },
}

/// A repository with the agent's name that does not belong to the agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("repository `{name}` belongs to {whose}")]
    Others { name: String, whose: String },
    #[error("repository `{0}` does not have the tags of this project")]
    Unmarked(String),
}

impl From<Foreign> for Failure {
    fn from(foreign: Foreign) -> Self {
        Self::world(foreign.to_string())
            .note(format!(
                "images are only pushed to a repository whose tags, such as `{MANAGED}` and `{PROJECT}`, name this agent"
            ))
            .help(
                "delete that repository if it is not needed, or give the project another `project` in the metadata",
            )
    }
}

/// The policy that expires what no version can need: every image of a version has a tag.
pub(crate) fn lifecycle_policy() -> Value {
    json!({
        "rules": [{
            "rulePriority": 1,
            "description": "cargo-agentcore: images of interrupted pushes",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 7,
            },
            "action": { "type": "expire" },
        }],
    })
}

/// Returns the steps that prepare the repository or restore settings that were changed; none if
/// nothing differs.
pub(crate) fn plan(
    desired: &DesiredRepository,
    observed: Option<&ObservedRepository>,
) -> Result<Vec<RepositoryStep>, Foreign> {
    let DesiredRepository {
        name,
        identity,
        tags: declared,
    } = desired;
    let drop_untagged = RepositoryStep::DropUntagged {
        name: name.clone(),
        policy: lifecycle_policy(),
    };
    let Some(ObservedRepository {
        arn,
        tags: there,
        immutable,
        scanned,
        lifecycle,
    }) = observed
    else {
        let create = RepositoryStep::Create {
            name: name.clone(),
            tags: tags::wanted(identity.tags(), declared, &BTreeMap::new()),
        };
        return Ok(vec![create, drop_untagged]);
    };
    match identity.ownership(there) {
        Ownership::Ours => {}
        Ownership::Others(whose) => {
            let name = name.clone();
            return Err(Foreign::Others { name, whose });
        }
        Ownership::Unmarked => return Err(Foreign::Unmarked(name.clone())),
    }
    let mut steps = Vec::new();
    if !immutable {
        steps.push(RepositoryStep::MakeImmutable { name: name.clone() });
    }
    if !scanned {
        steps.push(RepositoryStep::Scan { name: name.clone() });
    }
    // Any policy of the user stays.
    if lifecycle.is_none() {
        steps.push(drop_untagged);
    }
    let wanted = tags::wanted(identity.tags(), declared, there);
    let TagChanges { take_off, set } = tags::changes(wanted, there);
    if !take_off.is_empty() {
        steps.push(RepositoryStep::Untag {
            name: name.clone(),
            arn: arn.clone(),
            keys: take_off,
        });
    }
    if !set.is_empty() {
        steps.push(RepositoryStep::Tag {
            name: name.clone(),
            arn: arn.clone(),
            tags: set,
        });
    }
    Ok(steps)
}

impl Step for RepositoryStep {
    fn change(&self) -> Change {
        let whole = |name: &str| Subject::new("repository", name);
        let (action, object, name) = match self {
            Self::Create { name, .. } => return Change::of(Action::Create, whole(name)),
            Self::MakeImmutable { name } => {
                let object = format!("tags of repository `{name}` against changes");
                (Action::Close, object, name)
            }
            Self::Scan { name } => {
                let object = format!("scans of images on repository `{name}`");
                (Action::Set, object, name)
            }
            Self::DropUntagged { name, .. } => {
                let object = format!("untagged images in repository `{name}` to a week");
                (Action::Limit, object, name)
            }
            Self::Tag { name, tags, .. } => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                let object = format!("repository `{name}` with {}", keys.join(", "));
                (Action::Tag, object, name)
            }
            Self::Untag { name, keys, .. } => {
                let object = format!("tags {} of repository `{name}`", keys.join(", "));
                (Action::Remove, object, name)
            }
        };
        Change::new(action, object, whole(name))
    }
}

/// Returns the steps to report: only the first for a new repository, all of them for an existing
/// one.
pub(crate) fn worth_saying(steps: &[RepositoryStep]) -> &[RepositoryStep] {
    match steps {
        [first @ RepositoryStep::Create { .. }, ..] => std::slice::from_ref(first),
        steps => steps,
    }
}

/// An image in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredImage {
    pub(crate) digest: String,
    pub(crate) tags: Vec<String>,
    /// In seconds since 1970.
    pub(crate) pushed: i64,
    /// The size of everything that is stored for it.
    pub(crate) bytes: u64,
}

/// The beginning of the tag of an image that CodeBuild pushed.
const BUILT: &str = "built-";
/// How many hexadecimal digits of the digest of the sources are in such a tag.
const SOURCE_DIGITS: usize = 32;

/// Returns the tag for an image that CodeBuild builds from these sources now, in seconds since 1970.
/// Tags are immutable, so a second build of the same sources has another one.
pub(crate) fn build_tag(sources: &str, now: i64) -> String {
    let digits = sources.get(..SOURCE_DIGITS).unwrap_or(sources);
    format!("{BUILT}{digits}-{now}")
}

/// Returns whether CodeBuild built the image from these sources.
pub(crate) fn built_from(image: &StoredImage, sources: &str) -> bool {
    let digits = sources.get(..SOURCE_DIGITS).unwrap_or(sources);
    let mut tags = image.tags.iter().filter_map(|tag| tag.strip_prefix(BUILT));
    tags.any(|tag| tag.split_once('-').is_some_and(|(of, _)| of == digits))
}

/// Returns the images that may be deleted: those that this tool pushed, that no version needs, and
/// that are older than [`GRACE`]. Other tags than this tool's mean that someone else uses an image.
pub(crate) fn prunable(stored: &[StoredImage], needed: &BTreeSet<String>, now: i64) -> Vec<String> {
    let grace = i64::try_from(GRACE.as_secs()).unwrap_or(i64::MAX);
    stored
        .iter()
        .filter(|image| match &image.tags[..] {
            [tag] => tag == tag_of(&image.digest) || tag.starts_with(BUILT),
            _ => false,
        })
        .filter(|image| !needed.contains(&image.digest))
        .filter(|image| now.saturating_sub(image.pushed) > grace)
        .map(|image| image.digest.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::AgentName;

    fn desired() -> DesiredRepository {
        let project = ProjectId::parse("p-1").unwrap();
        DesiredRepository {
            name: name(&project, &RuntimeName::parse("one").unwrap()),
            identity: Identity {
                project,
                owner: crate::resources::ownership::Owner::Agent(AgentName::parse("one").unwrap()),
                stage: None,
            },
            tags: BTreeMap::from([("team".to_owned(), "research".to_owned())]),
        }
    }

    /// Carries out steps on a value.
    fn after(observed: Option<ObservedRepository>, steps: &[RepositoryStep]) -> ObservedRepository {
        let mut there = observed.unwrap_or_else(|| ObservedRepository {
            arn: "arn".to_owned(),
            tags: BTreeMap::new(),
            immutable: true,
            scanned: true,
            lifecycle: None,
        });
        for step in steps {
            match step {
                RepositoryStep::Create { tags, .. } | RepositoryStep::Tag { tags, .. } => {
                    there.tags.extend(tags.clone());
                }
                RepositoryStep::MakeImmutable { .. } => there.immutable = true,
                RepositoryStep::Scan { .. } => there.scanned = true,
                RepositoryStep::DropUntagged { policy, .. } => {
                    there.lifecycle = Some(policy.clone());
                }
                RepositoryStep::Untag { keys, .. } => {
                    there.tags.retain(|key, _| !keys.contains(key));
                }
            }
        }
        there
    }

    #[test]
    fn after_its_steps_nothing_is_left_to_do() {
        let desired = desired();
        let made = plan(&desired, None).unwrap();
        assert!(matches!(
            worth_saying(&made),
            [RepositoryStep::Create { .. }]
        ));
        let there = after(None, &made);
        assert_eq!(plan(&desired, Some(&there)), Ok(vec![]));
        let mut spoiled = there.clone();
        spoiled.immutable = false;
        spoiled.scanned = false;
        spoiled.lifecycle = None;
        spoiled.tags.remove("team");
        spoiled.tags.insert("theirs".to_owned(), "x".to_owned());
        let steps = plan(&desired, Some(&spoiled)).unwrap();
        assert_eq!(steps.len(), 4);
        assert_eq!(worth_saying(&steps), steps);
        let mended = after(Some(spoiled), &steps);
        assert_eq!(plan(&desired, Some(&mended)), Ok(vec![]));
        assert_eq!(mended.tags["theirs"], "x");
        let withdrawn = DesiredRepository {
            tags: BTreeMap::new(),
            ..desired
        };
        let steps = plan(&withdrawn, Some(&mended)).unwrap();
        let rest = after(Some(mended), &steps);
        assert!(!rest.tags.contains_key("team"));
        assert_eq!(plan(&withdrawn, Some(&rest)), Ok(vec![]));
    }

    #[test]
    fn a_lifecycle_policy_of_the_user_stays() {
        let desired = desired();
        let made = plan(&desired, None).unwrap();
        let mut there = after(None, &made);
        there.lifecycle = Some(json!({ "rules": [] }));
        assert_eq!(plan(&desired, Some(&there)), Ok(vec![]));
    }

    #[test]
    fn a_repository_of_others_is_never_used() {
        let desired = desired();
        let made = plan(&desired, None).unwrap();
        let mut there = after(None, &made);
        there.tags.insert(PROJECT.to_owned(), "other".to_owned());
        let refused = plan(&desired, Some(&there)).unwrap_err();
        assert!(refused.to_string().contains("project `other`"), "{refused}");
        there.tags.clear();
        assert!(matches!(
            plan(&desired, Some(&there)),
            Err(Foreign::Unmarked(_))
        ));
    }

    #[test]
    fn only_old_images_that_no_version_needs_are_deleted() {
        let image = |digest: &str, pushed| StoredImage {
            digest: digest.to_owned(),
            tags: vec![digest.to_owned()],
            pushed,
            bytes: 1,
        };
        let mut stored = vec![image("needed", 0), image("young", 90_000), image("old", 0)];
        for tags in [&[][..], &["latest"], &["theirs", "latest"]] {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            stored.push(StoredImage {
                tags,
                ..image("theirs", 0)
            });
        }
        let needed = BTreeSet::from(["needed".to_owned()]);
        assert_eq!(prunable(&stored, &needed, 100_000), ["old"]);
        assert!(prunable(&stored, &needed, 3600).is_empty());
    }
}
