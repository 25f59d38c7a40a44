//! A runtime's state in AWS, who owns it, and how it differs from the configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::fields::{Artifact, CodeObject, RuntimeFields};
use crate::{
    config::RoleSettings,
    names::{AccountId, Partition},
    resources::{
        change::{FieldChange, Secrecy},
        ownership::{Identity, Ownership},
        tags::Tags,
    },
};

/// The endpoint that the service creates, which follows the newest version.
pub(crate) const DEFAULT_ENDPOINT: &str = "DEFAULT";

/// The status of a usable resource.
pub(crate) const READY: &str = "READY";

/// A runtime with everything that this tool shows or changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuntimeState {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) status: String,
    pub(crate) failure: Option<String>,
    /// In seconds since 1970.
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) fields: RuntimeFields,
    /// The platform in the service's spelling, or `None` if the store does not report it.
    pub(crate) platform: Option<String>,
    /// Settings in no other field, by path in the service's document, regardless of who made them.
    pub(crate) set_elsewhere: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointState {
    pub(crate) name: String,
    pub(crate) arn: String,
    /// The version that answers requests; `None` until the first version is ready.
    pub(crate) live: Option<String>,
    /// The version that is being rolled out.
    pub(crate) target: Option<String>,
    pub(crate) status: String,
    pub(crate) failure: Option<String>,
    pub(crate) description: Option<String>,
}

/// An entry in the list of a runtime's versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionState {
    pub(crate) number: u32,
    pub(crate) status: String,
    pub(crate) created: i64,
}

/// Returns true if a version is `wanted` or newer: the service numbers versions in ascending order.
pub(crate) fn reaches(version: &str, wanted: &str) -> bool {
    match (version.parse::<u64>(), wanted.parse::<u64>()) {
        (Ok(version), Ok(wanted)) => version >= wanted,
        _ => version == wanted,
    }
}

impl RuntimeState {
    /// Returns true if the runtime's archive is in this bucket, under the prefix of its name.
    pub(crate) fn runs_from(&self, bucket: &str) -> bool {
        match &self.fields.artifact {
            Artifact::Code {
                object: Some(object),
                ..
            } => object.bucket == bucket && object.key.starts_with(&format!("{}/", self.name)),
            _ => false,
        }
    }
}

/// Who owns a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Ours,
    /// Not proven to be this project's, for this reason.
    NotOurs(String),
}

/// Evidence for a runtime with the agent's name whose own tags prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Evidence {
    pub(crate) uses_our_role: bool,
    /// Its archive is in the project's bucket, which is tagged.
    pub(crate) runs_from_our_bucket: bool,
}

impl Standing {
    /// Decides by the runtime's own tags, then by its role and, in a store without tags on
    /// runtimes, by the bucket.
    pub(crate) fn of(identity: &Identity, tags: &Tags, evidence: Evidence) -> Self {
        let Evidence {
            uses_our_role,
            runs_from_our_bucket,
        } = evidence;
        Self::by_tags(identity, tags).unwrap_or_else(|| {
            if uses_our_role || (*tags == Tags::Unknown && runs_from_our_bucket) {
                Self::Ours
            } else {
                Self::NotOurs(
                    "it has none of this project's tags and does not use its role".to_owned(),
                )
            }
        })
    }

    /// Decides by the runtime's own tags. In a store without tags, they prove nothing.
    pub(crate) fn by_tags(identity: &Identity, tags: &Tags) -> Option<Self> {
        match tags {
            Tags::Unknown => None,
            Tags::Known(tags) => match identity.ownership(tags) {
                Ownership::Ours => Some(Self::Ours),
                Ownership::Others(owner) => Some(Self::NotOurs(format!("its tags say {owner}"))),
                Ownership::Unmarked => None,
            },
        }
    }
}

/// Returns true if a runtime uses a role with this tool's tags. `role` is the ARN and the tags of
/// the agent's role, if it exists.
pub(crate) fn uses_our_role(
    identity: &Identity,
    runtime_role: &str,
    role: Option<(&str, &BTreeMap<String, String>)>,
) -> bool {
    role.is_some_and(|(arn, tags)| {
        arn == runtime_role && identity.ownership(tags) == Ownership::Ours
    })
}

/// Returns the ARN of the role that the agent's runtime should use.
pub(crate) fn role_arn(
    settings: &RoleSettings,
    partition: Partition,
    account: &AccountId,
) -> String {
    match settings {
        RoleSettings::Given { arn } => arn.arn.clone(),
        RoleSettings::Managed { name, path, .. } => {
            format!("arn:{partition}:iam::{account}:role{path}{name}")
        }
    }
}

/// Whether the deployed code is the local code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    Equal,
    Differs(FieldChange),
    /// Unknown without packaging, for this reason.
    Unknown(String),
}

/// The local code, as of its last build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeHere {
    /// The object that deploying the last build would create.
    pub(crate) built: CodeObject,
    /// True if the deployed archive is made from the same files.
    pub(crate) is_same: bool,
    /// The files that changed since the last build.
    pub(crate) changed: BTreeSet<String>,
}

/// How many changed files a message names.
const NAMED: usize = 3;

impl Code {
    /// Compares without packaging: if nothing changed since the last build, a new build would be
    /// the same.
    pub(crate) fn compare(here: &CodeHere, deployed: &Artifact) -> Self {
        let CodeHere {
            built,
            is_same,
            changed,
        } = here;
        let there = match deployed {
            Artifact::Code { object, .. } => object.as_ref(),
            Artifact::Container { .. } => {
                return Self::Unknown("what is deployed is a container image".to_owned());
            }
            Artifact::Unknown => None,
        };
        let Some(there) = there else {
            return Self::Unknown("the service does not say which archive is deployed".to_owned());
        };
        let is_same = *is_same || built == there;
        Self::decided(is_same, there.to_string(), built.to_string(), changed)
    }

    /// Like [`Code::compare`], for an image by its address.
    pub(crate) fn of_image(built: &str, changed: &BTreeSet<String>, deployed: &Artifact) -> Self {
        match deployed {
            Artifact::Container { uri } => {
                Self::decided(uri == built, uri.clone(), built.to_owned(), changed)
            }
            Artifact::Code { .. } => Self::Unknown("what is deployed is a code archive".to_owned()),
            Artifact::Unknown => {
                Self::Unknown("the service does not say which image is deployed".to_owned())
            }
        }
    }

    fn decided(is_same: bool, there: String, built: String, changed: &BTreeSet<String>) -> Self {
        let after = if !changed.is_empty() {
            let named: Vec<String> = changed
                .iter()
                .take(NAMED)
                .map(|path| format!("`{path}`"))
                .collect();
            let more = match changed.len() - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("not packaged yet: {}{more}", named.join(", "))
        } else if is_same {
            return Self::Equal;
        } else {
            built
        };
        Self::Differs(FieldChange {
            field: "code".to_owned(),
            before: Some(there),
            after: Some(after),
            secrecy: Secrecy::Open,
        })
    }

    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs(_) => "differs",
            Self::Unknown(_) => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{AgentName, ProjectId};

    fn identity() -> Identity {
        Identity {
            project: ProjectId::parse("p-1").unwrap(),
            owner: crate::resources::ownership::Owner::Agent(AgentName::parse("a").unwrap()),
            stage: None,
        }
    }

    #[test]
    fn our_tags_prove_foreign_ones_refute_and_none_leave_it_to_the_evidence() {
        let all = Evidence {
            uses_our_role: true,
            runs_from_our_bucket: true,
        };
        let of = |tags: &Tags, evidence| Standing::of(&identity(), tags, evidence);
        let ours = Tags::Known(identity().tags());
        assert_eq!(of(&ours, Evidence::default()), Standing::Ours);
        let mut foreign = identity().tags();
        foreign.insert(crate::resources::ownership::PROJECT.into(), "p-2".into());
        assert!(matches!(
            of(&Tags::Known(foreign), all),
            Standing::NotOurs(why) if why.contains("p-2")
        ));
        let none = Tags::Known(BTreeMap::new());
        for tags in [&Tags::Unknown, &none] {
            assert_eq!(of(tags, all), Standing::Ours);
            assert_ne!(of(tags, Evidence::default()), Standing::Ours);
        }
        let by_bucket = Evidence {
            uses_our_role: false,
            ..all
        };
        assert_eq!(of(&Tags::Unknown, by_bucket), Standing::Ours);
        assert_ne!(of(&none, by_bucket), Standing::Ours, "tags were to be had");
    }

    #[test]
    fn code_is_equal_only_where_the_last_archive_is_deployed_and_nothing_changed_since() {
        let object = |key: &str| CodeObject {
            bucket: "b".into(),
            key: key.into(),
            version: None,
        };
        let deployed = |object| Artifact::Code {
            object,
            runtime: "PYTHON_3_13".into(),
            entry_point: vec!["invoke.py".into()],
        };
        let here = |changed: &[&str]| CodeHere {
            built: object("a/1.zip"),
            is_same: false,
            changed: changed.iter().map(ToString::to_string).collect(),
        };
        let after = |code| match code {
            Code::Differs(FieldChange { after, .. }) => after.unwrap(),
            other => panic!("{other:?}"),
        };
        let same = deployed(Some(object("a/1.zip")));
        let other = deployed(Some(object("a/2.zip")));
        assert_eq!(Code::compare(&here(&[]), &same), Code::Equal);
        assert_eq!(after(Code::compare(&here(&[]), &other)), "s3://b/a/1.zip");
        for there in [&same, &other] {
            assert_eq!(
                after(Code::compare(&here(&["a", "b", "c", "d"]), there)),
                "not packaged yet: `a`, `b`, `c` and 1 more"
            );
        }
        for there in [
            deployed(None),
            Artifact::Container { uri: "x:1".into() },
            Artifact::Unknown,
        ] {
            assert!(matches!(
                Code::compare(&here(&[]), &there),
                Code::Unknown(_)
            ));
        }
    }

    #[test]
    fn a_role_proves_only_with_our_tags_and_only_the_runtime_that_uses_it() {
        let (ours, none) = (identity().tags(), BTreeMap::new());
        let by = |role| uses_our_role(&identity(), "arn:r", role);
        assert!(by(Some(("arn:r", &ours))));
        assert!(!by(Some(("arn:other", &ours))));
        assert!(!by(Some(("arn:r", &none))));
        assert!(!by(None));
    }
}
