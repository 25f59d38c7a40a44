use proptest::prelude::*;

use super::{fields::CodeObject, *};
use crate::{
    config::{Lifecycle, Network},
    names::{AgentName, ProjectId},
    resources::tags::replaced_runtime,
};

fn identity() -> Identity {
    Identity {
        project: ProjectId::parse("p-1").unwrap(),
        owner: crate::resources::ownership::Owner::Agent(AgentName::parse("a").unwrap()),
        stage: None,
    }
}

fn fields() -> RuntimeFields {
    RuntimeFields {
        role_arn: "arn:aws:iam::123456789012:role/R".into(),
        description: None,
        artifact: Artifact::Code {
            object: Some(CodeObject {
                bucket: "b".into(),
                key: "a/1.zip".into(),
                version: None,
            }),
            runtime: "PYTHON_3_13".into(),
            entry_point: vec!["invoke.py".into()],
        },
        env: BTreeMap::new(),
        lifecycle: Lifecycle::default(),
        network: Network::Public,
        protocol: "HTTP".into(),
        authorizer: None,
        header_allowlist: Vec::new(),
        settings: Settings::default(),
    }
}

fn desired(tags: &[(&str, &str)]) -> DesiredRuntime {
    DesiredRuntime {
        name: RuntimeName::parse("a").unwrap(),
        identity: identity(),
        tags: tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        fields: fields(),
        callers: BTreeSet::new(),
        replacement: Replacement::default(),
    }
}

fn observed(status: &str, fields: RuntimeFields, tags: Tags) -> ObservedRuntime {
    ObservedRuntime {
        state: RuntimeState {
            id: "a-1".into(),
            arn: "arn:a-1".into(),
            name: "a".into(),
            version: "1".into(),
            status: status.into(),
            failure: Some("the reason".into()),
            created: 0,
            updated: 0,
            fields,
            platform: None,
            set_elsewhere: BTreeMap::new(),
        },
        tags,
    }
}

/// Returns the tags after the steps.
fn after(tags: &BTreeMap<String, String>, steps: &[RuntimeStep]) -> BTreeMap<String, String> {
    let mut tags = tags.clone();
    for step in steps {
        match step {
            RuntimeStep::Untag { keys, .. } => tags.retain(|key, _| !keys.contains(key)),
            RuntimeStep::Tag { tags: new, .. } => tags.extend(new.clone()),
            RuntimeStep::Create { tags: new, .. } => tags.clone_from(new),
            RuntimeStep::TagLogGroup { .. }
            | RuntimeStep::Record { .. }
            | RuntimeStep::DeleteEndpoint { .. }
            | RuntimeStep::Delete { .. }
            | RuntimeStep::CreateEndpoint { .. }
            | RuntimeStep::Forget { .. }
            | RuntimeStep::Update { .. } => {}
        }
    }
    tags
}

fn words(steps: &[RuntimeStep]) -> Vec<&'static str> {
    steps
        .iter()
        .map(|step| step.change().action.verb())
        .collect()
}

#[test]
fn each_state_leads_to_the_writes_that_it_needs() {
    let wanted = desired(&[]);
    let ours = Tags::Known(identity().tags());
    let of = |status: &str| {
        let there = observed(status, fields(), ours.clone());
        words(&plan(&wanted, Some(&there)).unwrap())
    };
    assert_eq!(words(&plan(&wanted, None).unwrap()), ["create"]);
    assert!(of("READY").is_empty());
    assert!(of("CREATING").is_empty() && of("UPDATING").is_empty());
    assert_eq!(of("DELETING"), ["create"]);
    assert_eq!(of("CREATE_FAILED"), ["delete", "create"]);
    assert_eq!(of("DELETE_FAILED"), ["delete", "create"]);
    assert_eq!(of("UPDATE_FAILED"), ["update"], "though no field differs");
    let mut other = fields();
    other.protocol = "MCP".into();
    let steps = plan(&wanted, Some(&observed("READY", other, ours))).unwrap();
    assert_eq!(words(&steps), ["update"]);
    assert_eq!(steps[0].changes().len(), 1);
}

fn container() -> RuntimeFields {
    RuntimeFields {
        artifact: Artifact::Container { uri: "u".into() },
        ..fields()
    }
}

#[test]
fn a_runtime_of_another_kind_is_replaced_only_if_the_user_was_asked_about_it() {
    let there = observed("READY", container(), Tags::Unknown);
    let failure = plan(&desired(&[]), Some(&there)).unwrap_err();
    assert!(failure.to_string().contains("container image `u`"));
    let asked = |id: &str| DesiredRuntime {
        replacement: Replacement {
            of: Some(id.to_owned()),
            ..Replacement::default()
        },
        ..desired(&[])
    };
    assert!(plan(&asked("a-2"), Some(&there)).is_err());
    let steps = plan(&asked("a-1"), Some(&there)).unwrap();
    assert_eq!(words(&steps), ["delete", "create"]);
    // One that goes anyway is not asked about.
    let going = observed("DELETING", container(), Tags::Unknown);
    assert_eq!(
        words(&plan(&desired(&[]), Some(&going)).unwrap()),
        ["create"]
    );
}

/// What a replacement changes in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
struct World {
    runtime: Option<(RuntimeFields, BTreeMap<String, Option<String>>)>,
    role: BTreeMap<String, String>,
    tagged_groups: BTreeSet<String>,
}

impl World {
    /// Plans as a deploy of an archive does, after the user agreed.
    fn plan(&self) -> Vec<RuntimeStep> {
        let region = Region::parse("us-east-1").unwrap();
        let recorded = replaced_runtime::recorded(&self.role, &region);
        let mut found = Replacement {
            endpoints: replaced_runtime::endpoints(&recorded, &region),
            role: Some(RoleName::parse("R").unwrap()),
            recorded,
            ..Replacement::default()
        };
        let there = self.runtime.as_ref().map(|(fields, endpoints)| {
            found.there = endpoints.keys().cloned().collect();
            if matches!(fields.artifact, Artifact::Container { .. }) {
                found.of = Some("a-1".to_owned());
                found.endpoints.extend(endpoints.clone());
                found.record = replaced_runtime::endpoint_records(&found.endpoints, &region);
                found.record.insert(
                    replaced_runtime::repository_record(&region),
                    "true".to_owned(),
                );
                found.log_groups = vec![crate::resources::log_group::ObservedLogGroup {
                    name: "a-1-DEFAULT".to_owned(),
                    arn: "arn".to_owned(),
                    tags: Tags::Known(BTreeMap::new()),
                }];
            }
            observed("READY", fields.clone(), Tags::Unknown)
        });
        let wanted = DesiredRuntime {
            replacement: found,
            ..desired(&[])
        };
        plan(&wanted, there.as_ref()).unwrap()
    }

    fn apply(&mut self, steps: &[RuntimeStep]) {
        for step in steps {
            match step {
                RuntimeStep::TagLogGroup { name, .. } => {
                    assert!(self.runtime.is_some(), "nothing proves the group");
                    self.tagged_groups.insert(name.clone());
                }
                RuntimeStep::Record { tags, .. } => self.role.extend(tags.clone()),
                RuntimeStep::Forget { keys, .. } => self.role.retain(|key, _| !keys.contains(key)),
                RuntimeStep::DeleteEndpoint { name, .. } => {
                    assert!(self.runtime.as_mut().unwrap().1.remove(name).is_some());
                }
                RuntimeStep::Delete { .. } => {
                    let (_, endpoints) = self.runtime.take().unwrap();
                    assert!(endpoints.is_empty(), "the service refuses it");
                }
                RuntimeStep::Create { .. } => {
                    assert!(self.runtime.is_none(), "the name is taken");
                    self.runtime = Some((fields(), BTreeMap::new()));
                }
                RuntimeStep::CreateEndpoint { name, description } => {
                    let (_, endpoints) = self.runtime.as_mut().unwrap();
                    let before = endpoints.insert(name.clone(), description.clone());
                    assert!(before.is_none());
                }
                RuntimeStep::Update { .. }
                | RuntimeStep::Tag { .. }
                | RuntimeStep::Untag { .. } => {
                    unreachable!("a replacement has none")
                }
            }
        }
    }
}

#[test]
fn a_replacement_that_is_stopped_anywhere_is_finished_by_the_next_one() {
    let endpoints = BTreeMap::from([
        ("prod".to_owned(), Some("for all".to_owned())),
        ("test".to_owned(), None),
    ]);
    let before = World {
        runtime: Some((container(), endpoints.clone())),
        role: BTreeMap::from([("theirs".to_owned(), "1".to_owned())]),
        tagged_groups: BTreeSet::new(),
    };
    let whole = before.plan();
    assert_eq!(
        words(&whole),
        [
            "tag", "tag", "delete", "delete", "delete", "create", "create", "create", "remove"
        ]
    );
    for stop in 0..=whole.len() {
        for again in 0..=whole.len() {
            let mut world = before.clone();
            world.apply(&whole[..stop]);
            let next = world.plan();
            world.apply(&next[..again.min(next.len())]);
            let last = world.plan();
            world.apply(&last);
            assert_eq!(
                world.runtime,
                Some((fields(), endpoints.clone())),
                "{stop} {again}"
            );
            let region = Region::parse("us-east-1").unwrap();
            let mark = replaced_runtime::repository_record(&region);
            let kept: Vec<&str> = world.role.keys().map(String::as_str).collect();
            assert_eq!(kept, [mark.as_str(), "theirs"], "{stop} {again}");
            assert_eq!(world.tagged_groups.len(), 1, "{stop} {again}");
            assert_eq!(world.plan(), vec![], "{stop} {again}");
        }
    }
}

#[test]
fn a_description_that_no_tag_can_have_is_not_recorded() {
    let region = Region::parse("us-east-1").unwrap();
    let endpoints =
        |description: &str| BTreeMap::from([("prod".to_owned(), Some(description.to_owned()))]);
    let through = |description: &str| {
        let recorded = replaced_runtime::endpoint_records(&endpoints(description), &region);
        replaced_runtime::endpoints(&recorded, &region)
    };
    assert_eq!(through("für alle"), endpoints("für alle"));
    assert_eq!(
        through("100 % (all)"),
        BTreeMap::from([("prod".to_owned(), None)])
    );
    let elsewhere = Region::parse("eu-west-1").unwrap();
    let recorded = replaced_runtime::endpoint_records(&endpoints("x"), &elsewhere);
    assert!(replaced_runtime::recorded(&recorded, &region).is_empty());
}

#[test]
fn what_is_in_motion_is_waited_for() {
    for (status, wanted) in [
        ("CREATING", Settling::Changing),
        ("UPDATING", Settling::Changing),
        ("DELETING", Settling::Going),
        ("READY", Settling::Settled),
        ("UPDATE_FAILED", Settling::Settled),
        ("SOMETHING_NEW", Settling::Settled),
    ] {
        let there = observed(status, fields(), Tags::Unknown);
        assert_eq!(settling(&there.state), wanted, "{status}");
    }
}

#[test]
fn a_store_without_tags_gets_none() {
    let there = observed("READY", fields(), Tags::Unknown);
    assert!(
        plan(&desired(&[("team", "x")]), Some(&there))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_tag_that_is_no_longer_declared_is_taken_off_and_anybody_elses_stays() {
    let first = plan(&desired(&[("team", "x"), ("cost", "1")]), None).unwrap();
    let mut tags = after(&BTreeMap::new(), &first);
    assert_eq!(tags[tags::DECLARED], "cost team");
    tags.insert("theirs".into(), "1".into());

    let there = observed("READY", fields(), Tags::Known(tags.clone()));
    let steps = plan(&desired(&[("cost", "1")]), Some(&there)).unwrap();
    assert_eq!(words(&steps), ["remove", "tag"]);
    tags = after(&tags, &steps);
    assert!(!tags.contains_key("team"));

    let there = observed("READY", fields(), Tags::Known(tags.clone()));
    tags = after(&tags, &plan(&desired(&[]), Some(&there)).unwrap());
    let mut wanted = identity().tags();
    wanted.insert("theirs".into(), "1".into());
    assert_eq!(tags, wanted);
}

#[test]
fn the_instrumentation_is_started_exactly_where_the_archive_brings_it() {
    let manifest = crate::config::Manifest::new(
        "/p/Cargo.toml",
        "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\nsource = \"a\"\n",
    );
    let config = crate::config::load(&[manifest], &crate::config::Stage::None).unwrap();
    let of = |files: &[&str]| {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        entry_point(&config.agents[0], &files)
    };
    let distribution = "aws_opentelemetry_distro-0.18.0.dist-info/METADATA";
    let executable = "bin/opentelemetry-instrument";
    assert_eq!(
        of(&[distribution, executable]),
        ["opentelemetry-instrument", "invoke.py"]
    );
    for files in [vec![], vec![distribution], vec![executable]] {
        assert_eq!(of(&files), ["invoke.py"]);
    }
}

fn tag_map() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-d]( [a-b])?", "[0-2]", 0..5)
}

proptest! {
    /// After the steps of a plan, a new plan is empty, and foreign tags are unchanged.
    #[test]
    fn what_was_done_is_not_done_again(first in tag_map(), second in tag_map(), theirs in "[x-z]") {
        let with = |tags: &BTreeMap<String, String>| DesiredRuntime { tags: tags.clone(), ..desired(&[]) };
        let mut tags = after(&BTreeMap::new(), &plan(&with(&first), None).unwrap());
        tags.insert(theirs.clone(), "theirs".into());
        for wanted in [with(&first), with(&second)] {
            let steps = plan(&wanted, Some(&observed("READY", fields(), Tags::Known(tags.clone())))).unwrap();
            tags = after(&tags, &steps);
            let again = plan(&wanted, Some(&observed("READY", fields(), Tags::Known(tags.clone())))).unwrap();
            prop_assert_eq!(again, vec![]);
            prop_assert_eq!(tags.get(&theirs).map(String::as_str), Some("theirs"));
        }
    }
}
