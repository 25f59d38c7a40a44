//! What is known of a runtime in AWS, whose it is, and what may be done to its endpoints.

use std::collections::BTreeSet;

use super::{
    clean::Tags,
    ownership::{Identity, Ownership},
    runtime_diff::{
        Artifact, Circumstances, CodeObject, FieldChange, RuntimeFields, Secrecy, changes,
    },
};
use crate::{
    config::{Agent, RoleSettings},
    names::{AccountId, Partition},
};

/// The endpoint that the service makes, which follows the newest version.
pub(crate) const DEFAULT_ENDPOINT: &str = "DEFAULT";

/// The status of what can be used.
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
    /// Seconds since 1970.
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) fields: RuntimeFields,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndpointState {
    pub(crate) name: String,
    pub(crate) arn: String,
    /// The version that answers; `None` until the first one does.
    pub(crate) live: Option<String>,
    /// The version that is on its way.
    pub(crate) target: Option<String>,
    pub(crate) status: String,
    pub(crate) failure: Option<String>,
    pub(crate) description: Option<String>,
}

/// A version in the list of a runtime's versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionState {
    pub(crate) number: u32,
    pub(crate) status: String,
    pub(crate) created: i64,
}

/// Whose a runtime is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Ours,
    /// Not provably, for this reason.
    NotOurs(String),
    /// Its own tags say nothing: the role decides.
    AskRole,
}

impl Standing {
    /// What the runtime's own tags say. A store that knows no tags proves nothing and refutes nothing.
    pub(crate) fn by_tags(identity: &Identity, tags: &Tags) -> Self {
        match tags {
            Tags::Unknown => Self::AskRole,
            Tags::Known(tags) => match identity.ownership(tags) {
                Ownership::Ours => Self::Ours,
                Ownership::Others(owner) => Self::NotOurs(format!("its tags say {owner}")),
                Ownership::Unmarked => Self::AskRole,
            },
        }
    }

    /// Where the tags say nothing: ours by its name together with a role that our tags prove. `role` is
    /// ARN and tags of the role of this agent, as far as there is one.
    pub(crate) fn by_role(
        identity: &Identity,
        runtime_role: &str,
        role: Option<(&str, &std::collections::BTreeMap<String, String>)>,
    ) -> Self {
        Self::by_proof(role.is_some_and(|(arn, tags)| {
            arn == runtime_role && identity.ownership(tags) == Ownership::Ours
        }))
    }

    /// The same where it is known whether the runtime uses a role that is proven ours.
    pub(crate) fn by_proof(uses_our_role: bool) -> Self {
        if uses_our_role {
            Self::Ours
        } else {
            Self::NotOurs("it carries none of our tags and does not use our role".to_owned())
        }
    }
}

/// The ARN of the role that the agent's runtime is to use.
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

/// Variables that a deployment may set beside the agent's own; where the agent does not declare them,
/// they are no difference.
pub(crate) const OWN_VARIABLES: [&str; 3] =
    ["AWS_REGION", "AWS_DEFAULT_REGION", "DOCKER_CONTAINER"];

/// How the configuration differs from what is deployed, as far as that can be said without packaging:
/// the archive, and whether the entry point is instrumented, are taken from what is there.
pub(crate) fn difference(
    agent: &Agent,
    role_arn: String,
    observed: &RuntimeFields,
) -> Vec<FieldChange> {
    let artifact = match &observed.artifact {
        Artifact::Code {
            object,
            runtime: _,
            entry_point,
        } => {
            let mut entry_point = entry_point.clone();
            entry_point.pop();
            entry_point.push(agent.entrypoint.clone());
            Artifact::Code {
                object: object.clone(),
                runtime: agent.runtime.service_name().to_owned(),
                entry_point,
            }
        }
        other @ (Artifact::Container { .. } | Artifact::Unknown) => other.clone(),
    };
    let env = observed
        .env
        .iter()
        .filter(|(key, _)| OWN_VARIABLES.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let wanted = RuntimeFields::wanted(
        agent,
        Circumstances {
            role_arn,
            artifact,
            env,
        },
    );
    changes(&wanted, observed)
}

/// Whether the code that is deployed is the code that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    Equal,
    Differs(FieldChange),
    /// It cannot be told without packaging, for this reason.
    Unknown(String),
}

/// The code that is here, as far as it was packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeHere {
    /// What a deploy would have made of the archive that was built last.
    pub(crate) built: CodeObject,
    /// What changed since that was built.
    pub(crate) changed: BTreeSet<String>,
}

/// How many changed files are named.
const NAMED: usize = 3;

impl Code {
    /// Packages nothing: what was built last and did not change since would be built again.
    pub(crate) fn compare(here: &CodeHere, deployed: &Artifact) -> Self {
        let CodeHere { built, changed } = here;
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
        } else if built == there {
            return Self::Equal;
        } else {
            built.to_string()
        };
        Self::Differs(FieldChange {
            field: "code".to_owned(),
            before: Some(there.to_string()),
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::names::{AgentName, ProjectId};

    fn identity() -> Identity {
        Identity {
            project: ProjectId::parse("p-1").unwrap(),
            agent: AgentName::parse("a").unwrap(),
            stage: None,
        }
    }

    #[test]
    fn our_tags_prove_foreign_ones_refute_and_none_leave_it_to_the_role() {
        let ours = Tags::Known(identity().tags());
        assert_eq!(Standing::by_tags(&identity(), &ours), Standing::Ours);
        let mut foreign = identity().tags();
        foreign.insert(super::super::ownership::PROJECT.into(), "p-2".into());
        assert!(matches!(
            Standing::by_tags(&identity(), &Tags::Known(foreign)),
            Standing::NotOurs(why) if why.contains("p-2")
        ));
        for tags in [Tags::Unknown, Tags::Known(BTreeMap::new())] {
            assert_eq!(Standing::by_tags(&identity(), &tags), Standing::AskRole);
        }
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
        let by = |role: Option<(&str, &BTreeMap<String, String>)>| {
            Standing::by_role(&identity(), "arn:r", role) == Standing::Ours
        };
        assert!(by(Some(("arn:r", &ours))));
        assert!(!by(Some(("arn:other", &ours))));
        assert!(!by(Some(("arn:r", &none))));
        assert!(!by(None));
    }
}
