mod bucket;
mod entry;
mod former;
mod objects;
mod repository;
mod role;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    config::{ManagedPolicy, RoleArn},
    names::{AgentName, IamPath, ProjectId, RoleName, StageName},
    package::toolkit_yaml::Entry,
    resources::change::Step as _,
    resources::{
        bucket::{OwnBucket, Stored},
        deletion::{Kept, Weight},
        log_group::{LogGroupStep, ObservedLogGroup},
        ownership::{ADOPTED, PROJECT},
        repository::{Content, DeletionStep as OfRepository},
        role::{DeletionStep as OfRole, ObservedRole, RoleStep, WholeRole, mark},
        runtime::deletion::{NamedRuntime, ObjectKey},
        tags::{DECLARED, POLICIES, Tags},
    },
};

const ROLE: &str = "arn:aws:iam::123456789012:role/AgentCoreRole-a";

fn region(text: &str) -> Region {
    Region::parse(text).unwrap()
}

fn identity() -> Identity {
    Identity {
        project: ProjectId::parse("p-1").unwrap(),
        owner: crate::resources::ownership::Owner::Agent(AgentName::parse("a").unwrap()),
        stage: None,
    }
}

fn desired() -> Desired {
    Desired {
        identity: identity(),
        runtime: RuntimeName::parse("a").unwrap(),
        role: RoleSettings::Managed {
            name: RoleName::parse("AgentCoreRole-a").unwrap(),
            path: IamPath::parse("/").unwrap(),
            boundary: None,
            policies: BTreeSet::new(),
        },
        partition: Partition::Aws,
        account: AccountId::parse("123456789012").unwrap(),
        regions: BTreeSet::from([region("us-west-2")]),
        last_in: BTreeMap::from([(region("us-west-2"), BTreeSet::new())]),
        repository: None,
        elsewhere: BTreeSet::new(),
        logs: Logs::Keep,
        yaml: Trust::Proven,
        declared: Declared {
            agents: ["a", "b", "c"]
                .map(|name| AgentName::parse(name).unwrap())
                .into(),
            stages: [StageName::parse("prod").unwrap()].into(),
            regions: BTreeSet::new(),
            deployments: BTreeSet::new(),
            resources: Vec::new(),
            packages: BTreeSet::new(),
        },
    }
}

fn role(tags: BTreeMap<String, String>, policies: &[&str]) -> WholeRole {
    let inline = policies.iter();
    WholeRole {
        name: RoleName::parse("AgentCoreRole-a").unwrap(),
        role: ObservedRole {
            arn: ROLE.into(),
            path: "/".into(),
            trust: json!({}),
            inline: inline.map(|name| ((*name).to_owned(), None)).collect(),
            attached: Vec::new(),
            boundary: None,
            tags,
        },
        instance_profiles: Vec::new(),
    }
}

fn runtime(role_arn: &str, tags: Tags) -> NamedRuntime {
    NamedRuntime {
        id: "a-AbCdEf1234".into(),
        arn: "arn".into(),
        name: "a".into(),
        role_arn: role_arn.into(),
        tags,
        endpoints: vec!["prod".into()],
        code: Some(ObjectKey {
            bucket: "b".into(),
            key: "a/deployment.zip".into(),
        }),
        repository: None,
    }
}

fn group(name: &str) -> ObservedLogGroup {
    ObservedLogGroup {
        name: name.into(),
        arn: format!("arn:{name}"),
        tags: Tags::Known(BTreeMap::new()),
    }
}

fn object() -> ObservedObject {
    ObservedObject {
        object: ObjectKey {
            bucket: "b".into(),
            key: "a/deployment.zip".into(),
        },
        versions: vec!["1".into(), "2".into()],
    }
}

fn entry() -> Entry {
    Entry {
        name: "a".into(),
        account: Some("123456789012".into()),
        region: Some("us-west-2".into()),
        role: Some(ROLE.into()),
        runtime_id: Some("a-AbCdEf1234".into()),
        repository: Some("123456789012.dkr.ecr.us-west-2.amazonaws.com/bedrock-agentcore-a".into()),
        s3_path: None,
    }
}

fn whole() -> Observed {
    let there = ObservedRegion {
        runtimes: vec![runtime(ROLE, Tags::Unknown)],
        log_groups: vec![group(
            "/aws/bedrock-agentcore/runtimes/a-AbCdEf1234-DEFAULT",
        )],
        objects: vec![object()],
        repository: Some(Content {
            name: "bedrock-agentcore-a".into(),
            digests: vec!["d".into()],
            images: 1,
        }),
        own_repository: None,
        builds: None,
        bucket: None,
    };
    Observed {
        role: Some(role(identity().tags(), &["AgentCore-us-west-2"])),
        former_roles: Vec::new(),
        regions: BTreeMap::from([(region("us-west-2"), there)]),
        entry: Some(entry()),
    }
}

/// Returns the project's bucket with an archive under each runtime's prefix.
fn own_bucket(tags: BTreeMap<String, String>, runtimes: &[&str]) -> OwnBucket {
    OwnBucket {
        name: "own".into(),
        tags,
        objects: runtimes
            .iter()
            .map(|runtime| Stored {
                key: format!("{runtime}/0.zip"),
                modified: 0,
                versions: vec!["1".into(), "2".into()],
            })
            .collect(),
        uploads: Vec::new(),
    }
}

fn bucket_tags() -> BTreeMap<String, String> {
    crate::resources::bucket::tags(&identity().project)
}

/// Returns a state in which only a bucket exists.
fn only(bucket: OwnBucket) -> Observed {
    let there = ObservedRegion {
        bucket: Some(bucket),
        ..ObservedRegion::default()
    };
    Observed {
        regions: BTreeMap::from([(region("us-west-2"), there)]),
        ..Observed::default()
    }
}

fn verbs(plan: &CleanPlan) -> Vec<String> {
    plan.steps.iter().map(|step| step.change().object).collect()
}

#[test]
fn everything_goes_in_the_order_in_which_it_depends_on_each_other() {
    let plan = plan(
        &Desired {
            logs: Logs::Delete,
            ..desired()
        },
        &whole(),
    );
    assert_eq!(
        verbs(&plan),
        [
            "log group `/aws/bedrock-agentcore/runtimes/a-AbCdEf1234-DEFAULT`",
            "endpoint `prod` of runtime `a-AbCdEf1234`",
            "runtime `a-AbCdEf1234` in us-west-2",
            "1 image of repository `bedrock-agentcore-a`",
            "repository `bedrock-agentcore-a`",
            "object `s3://b/a/deployment.zip` (2 versions)",
            "log group `/aws/bedrock-agentcore/runtimes/a-AbCdEf1234-DEFAULT`",
            "policy `AgentCore-us-west-2` of role `AgentCoreRole-a`",
            "role `AgentCoreRole-a`",
        ]
    );
    assert!(plan.entry_goes && plan.copy_goes);
    assert_eq!(plan.kept, []);
}

#[test]
fn logs_stay_unless_they_are_asked_for() {
    let plan = plan(&desired(), &whole());
    assert!(!plan.steps.iter().any(|step| matches!(
        step,
        CleanStep {
            what: What::LogGroup(_),
            ..
        }
    )));
    assert!(plan.kept[0].why.contains("--logs"));
}

#[test]
fn a_role_that_serves_another_region_stays_and_is_no_leftover() {
    let mut observed = whole();
    observed.role = Some(role(
        identity().tags(),
        &["AgentCore-us-west-2", "AgentCore-eu-west-1"],
    ));
    let plan = plan(&desired(), &observed);
    let of_role = |step: &CleanStep| match &step.what {
        What::Role(step) => Some(step.clone()),
        _ => None,
    };
    let removals: Vec<_> = plan.steps.iter().filter_map(of_role).collect();
    assert!(matches!(
        removals[..],
        [
            OfRole::DeletePolicy { .. },
            OfRole::Change(RoleStep::SetTrust { .. })
        ]
    ));
    assert!(!plan.copy_goes);
    assert_eq!(plan.kept.last().unwrap().weight, Weight::Fine);
}

#[test]
fn a_killed_run_is_finished_by_the_next_one() {
    let desired = desired();
    let deployed = || {
        let mut observed = whole();
        let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
        let mut own = own_bucket(bucket_tags(), &["a"]);
        own.uploads = vec!["a/1.zip".into()];
        there.bucket = Some(own);
        observed
    };
    let all = plan(&desired, &deployed());
    for done in 0..=all.steps.len() {
        let mut observed = deployed();
        for step in &all.steps[..done] {
            gone(&mut observed, step);
        }
        let rest = plan(&desired, &observed);
        for step in &rest.steps {
            gone(&mut observed, step);
        }
        assert!(rest.entry_goes, "after {done} steps");
        assert_eq!(plan(&desired, &observed).steps, [], "after {done} steps");
        assert!(
            observed.role.is_none()
                && observed.regions[&region("us-west-2")].objects.is_empty()
                && observed.regions[&region("us-west-2")].bucket.is_none(),
            "after {done} steps"
        );
    }
}

/// Changes the observed state as a step changes AWS.
fn gone(observed: &mut Observed, step: &CleanStep) {
    use crate::resources::{bucket::DeletionStep as OfBucket, runtime::deletion::DeletionStep};
    let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
    match &step.what {
        What::LogGroup(LogGroupStep::Tag { .. }) => {
            there.log_groups[0].tags = Tags::Known(identity().tags());
        }
        What::LogGroup(LogGroupStep::Delete { .. }) => there.log_groups.clear(),
        What::Runtime(DeletionStep::DeleteEndpoint { .. }) => there.runtimes[0].endpoints.clear(),
        What::Runtime(DeletionStep::Delete { .. }) => there.runtimes.clear(),
        What::Repository(OfRepository::DeleteImages { .. }) => {
            there.repository.as_mut().unwrap().digests.clear();
        }
        What::Repository(_) => there.repository = None,
        What::Object(_) => there.objects.clear(),
        What::Bucket(OfBucket::AbortUploads { prefix, .. }) => {
            let uploads = &mut there.bucket.as_mut().unwrap().uploads;
            uploads.retain(|key| !key.starts_with(prefix));
        }
        What::Bucket(OfBucket::DeleteObjects { objects, .. }) => {
            let left = &mut there.bucket.as_mut().unwrap().objects;
            left.retain(|object| !objects.contains(object));
        }
        What::Bucket(OfBucket::Delete { .. }) => there.bucket = None,
        What::Role(OfRole::DeletePolicy { policy, .. }) => {
            observed.role.as_mut().unwrap().role.inline.remove(policy);
        }
        What::Role(OfRole::Change(RoleStep::Detach { arn, .. })) => {
            let attached = &mut observed.role.as_mut().unwrap().role.attached;
            attached.retain(|there| there != arn);
        }
        What::Role(OfRole::Delete { .. }) => observed.role = None,
        What::Role(_) | What::Builds(_) | What::Declared(_) => {}
    }
}

fn some_tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    let mut other = identity().tags();
    other.insert(PROJECT.into(), "q-2".into());
    prop_oneof![Just(BTreeMap::new()), Just(other)]
}

/// Generates the role that an entry names.
fn some_named_role() -> impl Strategy<Value = Option<String>> {
    let theirs = "arn:aws:iam::123456789012:role/SomebodyElsesRole";
    prop_oneof![
        Just(None),
        Just(Some(ROLE.to_owned())),
        Just(Some(theirs.to_owned()))
    ]
}

proptest! {
    /// Without this tool's tags or role, nothing in AWS is touched, whatever the names are. In the
    /// toolkit's file, only an entry is deleted whose role is this project's and was deleted with
    /// its runtime.
    #[test]
    fn what_nothing_proves_is_never_touched(
        role_tags in some_tags(),
        runtime_tags in prop_oneof![some_tags().prop_map(Tags::Known), Just(Tags::Unknown)],
        role_is_there: bool,
        runtime_is_there: bool,
        runs_from_the_bucket: bool,
        named_role in some_named_role(),
        with_entry: bool,
        logs: bool,
        bucket_tags in some_tags(),
    ) {
        let mut observed = whole();
        let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
        there.bucket = Some(own_bucket(bucket_tags, &["a"]));
        there.runtimes[0].tags = runtime_tags;
        if runs_from_the_bucket {
            there.runtimes[0].code = Some(ObjectKey {
                bucket: "own".into(),
                key: "a/0.zip".into(),
            });
        }
        there.runtimes.retain(|_| runtime_is_there);
        observed.role = role_is_there.then(|| role(role_tags, &["AgentCore-us-west-2"]));
        let killed = !role_is_there && !runtime_is_there && named_role.as_deref() == Some(ROLE);
        observed.entry = with_entry.then(|| Entry { role: named_role, ..entry() });
        let logs = if logs { Logs::Delete } else { Logs::Keep };
        let plan = plan(&Desired { logs, ..desired() }, &observed);
        prop_assert_eq!(plan.steps, vec![]);
        prop_assert_eq!(plan.entry_goes, with_entry && killed);
    }
}
