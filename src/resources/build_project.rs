//! The CodeBuild project that builds an agent's image: what it should be, and the steps to it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    config::Agent,
    error::Failure,
    names::{AccountId, Partition, Region, ours},
    package::build_script::buildspec,
    resources::{
        change::{Action, Change, Details, FieldChange, Secrecy, Step, Subject},
        deletion::{Deletion, Logs},
        log_group::{self, LogGroupStep},
        ownership::{ADOPTED, Identity, Owner, Ownership},
        role::{self, Adopt, Place, RoleDeletion, WholeRole},
        tags,
    },
};

/// What the image of an agent is built on.
const IMAGE: &str = "aws/codebuild/amazonlinux-aarch64-standard:3.0";
const COMPUTE: &str = "BUILD_GENERAL1_MEDIUM";
/// How long a build may run, and wait before it runs, in minutes.
pub(crate) const MINUTES: u32 = 60;

/// The project that an agent needs in one account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredBuildProject {
    pub(crate) name: String,
    pub(crate) identity: Identity,
    /// The user's own tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// The members of the service's document that this tool sets, without tags.
    pub(crate) document: Value,
}

/// A project in CodeBuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedBuildProject {
    /// The service's document.
    pub(crate) document: Value,
    pub(crate) tags: BTreeMap<String, String>,
}

/// One change of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildProjectStep {
    Create {
        name: String,
        body: Value,
    },
    /// With all tags, because an update replaces them.
    Update {
        name: String,
        body: Value,
        fields: Vec<FieldChange>,
        adopts: bool,
    },
}

/// The deletion of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeletionStep {
    pub(crate) name: String,
}

/// What an agent has for builds in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedBuilds {
    /// The name that the project has, if it exists.
    pub(crate) name: String,
    pub(crate) project: Option<ObservedBuildProject>,
    /// The log group of the builds, if it exists.
    pub(crate) log_group: Option<String>,
    pub(crate) role: Option<WholeRole>,
}

/// Returns the owner that the tags of the project and of its role name.
pub(crate) fn identity(agent: &Agent) -> Identity {
    identity_of(&Identity::of(agent))
}

/// Like [`identity`], of the agent with this identity.
pub(crate) fn identity_of(agent: &Identity) -> Identity {
    Identity {
        owner: Owner::Resource(format!("build/{}", agent.owner.name())),
        ..agent.clone()
    }
}

impl DesiredBuildProject {
    pub(crate) fn of(
        agent: &Agent,
        (partition, region, account): (Partition, &Region, &AccountId),
        role_path: &str,
    ) -> Self {
        let name = ours::build_project(&agent.project, &agent.runtime_name);
        let role = ours::build_role(&agent.project, &agent.runtime_name, region);
        let bucket = ours::bucket(&agent.project, account, region);
        let prefix = ours::build_prefix(&agent.runtime_name);
        let document = json!({
            "name": name,
            "description": format!("Builds the image of the AgentCore agent {}, kept by cargo agentcore", agent.name),
            "source": {
                "type": "S3",
                // Each build names its own.
                "location": format!("{bucket}/{prefix}sources.zip"),
                "buildspec": buildspec(),
            },
            "artifacts": { "type": "NO_ARTIFACTS" },
            "environment": {
                "type": "ARM_CONTAINER",
                "image": IMAGE,
                "computeType": COMPUTE,
                // Docker runs in it.
                "privilegedMode": true,
            },
            "serviceRole": format!("arn:{partition}:iam::{account}:role{role_path}{role}"),
            "timeoutInMinutes": MINUTES,
            "queuedTimeoutInMinutes": MINUTES,
            "logsConfig": {
                "cloudWatchLogs": { "status": "ENABLED", "groupName": ours::build_log_group(&name) },
            },
        });
        Self {
            name,
            identity: identity(agent),
            tags: agent.tags.clone(),
            document,
        }
    }

    fn body(&self, tags: &BTreeMap<String, String>) -> Value {
        let mut body = self.document.clone();
        body["tags"] = tags
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        body
    }
}

/// Returns the steps that make the project match; none if nothing differs.
pub(crate) fn plan(
    desired: &DesiredBuildProject,
    observed: Option<&ObservedBuildProject>,
    adopt: Adopt,
) -> Result<Vec<BuildProjectStep>, Failure> {
    let name = &desired.name;
    let wanted = |there| tags::wanted(desired.identity.tags(), &desired.tags, there);
    let Some(ObservedBuildProject { document, tags }) = observed else {
        return Ok(vec![BuildProjectStep::Create {
            name: name.clone(),
            body: desired.body(&wanted(&BTreeMap::new())),
        }]);
    };
    let adopts = match desired.identity.ownership(tags) {
        Ownership::Ours => false,
        Ownership::Unmarked if adopt == Adopt::Yes => true,
        Ownership::Unmarked => {
            return Err(Failure::world(format!(
                "a CodeBuild project `{name}` exists already and does not carry this project's tags"
            ))
            .help("`--adopt` shows what would change and takes it over; `--builder` builds on this machine"));
        }
        Ownership::Others(owner) => {
            return Err(Failure::world(format!(
                "the CodeBuild project `{name}` belongs to someone else"
            ))
            .note(format!("its tags say {owner}; this is {}", desired.identity.words()))
            .help("give this project another `project` in the metadata, or build on this machine with `--builder`"));
        }
    };
    let mut all = wanted(tags);
    if adopts || tags.contains_key(ADOPTED) {
        all.insert(ADOPTED.to_owned(), "true".to_owned());
    }
    let mut fields = differences(&desired.document, document);
    let changes = tags::changes(all.clone(), tags);
    for key in &changes.take_off {
        fields.push(field(format!("tags.{key}"), tags.get(key).cloned(), None));
    }
    for (key, value) in &changes.set {
        let after = Some(value.clone());
        fields.push(field(format!("tags.{key}"), tags.get(key).cloned(), after));
    }
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    // Tags of others stay.
    let mut kept = tags.clone();
    kept.retain(|key, _| !changes.take_off.contains(key) && !key.starts_with("aws:"));
    kept.extend(all);
    Ok(vec![BuildProjectStep::Update {
        name: name.clone(),
        body: desired.body(&kept),
        fields,
        adopts,
    }])
}

/// Returns what `clean` does with the project that an agent's images are built in, and with the role
/// that CodeBuild assumes for it. The project or the role proves the log group.
pub(crate) fn deletion(
    place: Place<'_>,
    there: &ObservedBuilds,
    logs: Logs,
) -> (Deletion<DeletionStep>, Deletion<LogGroupStep>, RoleDeletion) {
    let ObservedBuilds {
        name,
        project,
        log_group,
        role,
    } = there;
    let kept = project.as_ref().and_then(|project| {
        if let Err(why) = place.identity.ownership(&project.tags).proven() {
            return Some(format!("not ours: {why}"));
        }
        let is_adopted = project.tags.contains_key(ADOPTED);
        is_adopted.then(|| "it existed before this project adopted it".to_owned())
    });
    if let Some(why) = kept {
        let kept = Deletion::keeping(Subject::new("build project", name), why);
        return (kept, Deletion::default(), RoleDeletion::default());
    }
    // A stopped run may have deleted the project alone.
    let role = role.as_ref();
    let role = role.map(|role| role::deletion(place, role, &BTreeSet::new()));
    let role = role.unwrap_or_default();
    let is_ours = project.is_some() || !role.deletion.steps.is_empty();
    let log_group = log_group.as_ref().filter(|_| is_ours);
    let delete = project
        .is_some()
        .then(|| DeletionStep { name: name.clone() });
    (
        Deletion::of(delete),
        log_group.map_or_else(Deletion::default, |group| log_group::deletion(group, logs)),
        role,
    )
}

/// Returns the members that this tool sets and that are different.
fn differences(wanted: &Value, there: &Value) -> Vec<FieldChange> {
    let mut found = Vec::new();
    walk("", wanted, there, &mut found);
    found
}

fn field(field: String, before: Option<String>, after: Option<String>) -> FieldChange {
    FieldChange {
        field,
        before,
        after,
        secrecy: Secrecy::Open,
    }
}

fn walk(place: &str, wanted: &Value, there: &Value, found: &mut Vec<FieldChange>) {
    let Value::Object(members) = wanted else {
        if wanted != there {
            let text = |value: &Value| match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            found.push(field(place.to_owned(), text(there), text(wanted)));
        }
        return;
    };
    for (name, value) in members {
        let place = if place.is_empty() {
            name.clone()
        } else {
            format!("{place}.{name}")
        };
        walk(&place, value, &there[name], found);
    }
}

impl Step for BuildProjectStep {
    fn change(&self) -> Change {
        match self {
            Self::Create { name, body: _ } => Change::of(Action::Create, subject(name)),
            Self::Update {
                name,
                body: _,
                fields,
                adopts: _,
            } => Change::of(Action::Update, subject(name)).with(Details::Fields(fields.clone())),
        }
    }
}

impl Step for DeletionStep {
    fn change(&self) -> Change {
        Change::of(Action::Delete, subject(&self.name))
    }
}

fn subject(name: &str) -> Subject {
    Subject::new("build project", name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::ProjectId;

    fn desired() -> DesiredBuildProject {
        DesiredBuildProject {
            name: "p".to_owned(),
            identity: Identity {
                project: ProjectId::parse("p-1").expect("it is legal"),
                owner: Owner::Resource("build/a".to_owned()),
                stage: None,
            },
            tags: BTreeMap::from([("team".to_owned(), "x".to_owned())]),
            document: json!({ "name": "p", "environment": { "type": "ARM_CONTAINER", "privilegedMode": true } }),
        }
    }

    /// Returns what CodeBuild has after the steps.
    fn applied(steps: &[BuildProjectStep]) -> ObservedBuildProject {
        let (BuildProjectStep::Create { body, .. } | BuildProjectStep::Update { body, .. }) =
            &steps[0];
        let mut document = body.clone();
        // The service adds members.
        document["environment"]["environmentVariables"] = json!([]);
        document["badge"] = json!({ "badgeEnabled": false });
        let tags = body["tags"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        ObservedBuildProject {
            tags: tags
                .map(|tag| (text(&tag["key"]), text(&tag["value"])))
                .collect(),
            document,
        }
    }

    /// Returns what `clean` deletes of the project.
    fn cleaned(there: &ObservedBuildProject) -> Vec<DeletionStep> {
        let desired = desired();
        let place = Place {
            identity: &desired.identity,
            partition: Partition::Aws,
            account: &AccountId::parse("123456789012").expect("it is legal"),
            regions: &BTreeSet::new(),
        };
        let there = ObservedBuilds {
            name: desired.name.clone(),
            project: Some(there.clone()),
            log_group: Some("group".to_owned()),
            role: None,
        };
        let (project, group, _) = deletion(place, &there, Logs::Delete);
        assert_eq!(project.steps.is_empty(), group.steps.is_empty());
        project.steps
    }

    #[test]
    fn a_project_that_was_written_needs_no_steps_and_every_difference_is_written_back() {
        let steps = plan(&desired(), None, Adopt::No).expect("it is new");
        let there = applied(&steps);
        assert_eq!(
            plan(&desired(), Some(&there), Adopt::No).ok(),
            Some(Vec::new())
        );
        assert_eq!(cleaned(&there).len(), 1);
        let mut changed = there.clone();
        changed.document["environment"]["privilegedMode"] = json!(false);
        changed.tags.insert("theirs".to_owned(), "kept".to_owned());
        changed.tags.remove("team");
        let steps = plan(&desired(), Some(&changed), Adopt::No).expect("it is ours");
        let [BuildProjectStep::Update { fields, .. }] = &steps[..] else {
            panic!("{steps:?}");
        };
        let names: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
        assert_eq!(names, ["environment.privilegedMode", "tags.team"]);
        assert_eq!(applied(&steps).tags.get("theirs"), Some(&"kept".to_owned()));
        // A tag that is no longer declared goes.
        let mut without = desired();
        without.tags.clear();
        let steps = plan(&without, Some(&there), Adopt::No).expect("it is ours");
        assert!(!applied(&steps).tags.contains_key("team"));
    }

    #[test]
    fn what_is_not_ours_is_neither_changed_nor_deleted() {
        let mut there = applied(&plan(&desired(), None, Adopt::No).expect("it is new"));
        let mut other = there.clone();
        other
            .tags
            .insert("cargo-agentcore:project".to_owned(), "other".to_owned());
        for adopt in [Adopt::No, Adopt::Yes] {
            plan(&desired(), Some(&other), adopt).expect_err("it belongs to another project");
        }
        there.tags.clear();
        plan(&desired(), Some(&there), Adopt::No).expect_err("nothing proves it");
        for there in [&other, &there] {
            assert_eq!(cleaned(there), []);
        }
        let steps = plan(&desired(), Some(&there), Adopt::Yes).expect("it is adopted");
        let adopted = applied(&steps);
        assert_eq!(
            plan(&desired(), Some(&adopted), Adopt::No).ok(),
            Some(Vec::new())
        );
        assert_eq!(cleaned(&adopted), []);
    }
}
