use serde_json::json;

use super::*;
use crate::{
    names::{AgentName, ProjectId},
    policy::Statement,
    resources::change::Step as _,
};

mod law;

fn region(text: &str) -> Region {
    Region::parse(text).unwrap()
}

fn desired() -> DesiredRole {
    DesiredRole {
        name: RoleName::parse("AgentCoreRole-a").unwrap(),
        path: IamPath::parse("/").unwrap(),
        partition: Partition::Aws,
        account: AccountId::parse("123456789012").unwrap(),
        region: region("us-west-2"),
        own_trust: None,
        policy: Document::new(vec![Statement::allow(
            "A",
            ["s3:GetObject"],
            ["arn:aws:s3:::b/k"],
        )]),
        boundary: None,
        attached: BTreeSet::new(),
        identity: Identity {
            project: ProjectId::parse("p-1").unwrap(),
            owner: Owner::Agent(AgentName::parse("a").unwrap()),
            stage: None,
        },
        tags: BTreeMap::from([("team".to_owned(), "research".to_owned())]),
    }
}

/// Returns the role after `steps` were carried out on `before`.
fn after(before: Option<ObservedRole>, steps: &[RoleStep]) -> ObservedRole {
    carried_out(before, steps).expect("the role exists")
}

/// Carries out steps on a value.
fn carried_out(before: Option<ObservedRole>, steps: &[RoleStep]) -> Option<ObservedRole> {
    let mut role = before;
    for step in steps {
        match step.clone() {
            RoleStep::Create {
                role: name,
                path,
                description: _,
                trust,
                boundary,
                tags,
            } => {
                role = Some(ObservedRole {
                    arn: format!("arn:aws:iam::123456789012:role{path}{name}"),
                    path: path.to_string(),
                    trust: trust.to_value(),
                    inline: BTreeMap::new(),
                    attached: Vec::new(),
                    boundary,
                    tags,
                });
            }
            RoleStep::PutBoundary {
                role: _,
                arn,
                before: _,
            } => {
                role.as_mut().unwrap().boundary = Some(arn);
            }
            RoleStep::Attach { role: _, arn } => role.as_mut().unwrap().attached.push(arn),
            RoleStep::Detach { role: _, arn } => {
                role.as_mut()
                    .unwrap()
                    .attached
                    .retain(|there| *there != arn);
            }
            RoleStep::Untag { role: _, keys } => {
                let tags = &mut role.as_mut().unwrap().tags;
                tags.retain(|key, _| !keys.contains(key));
            }
            RoleStep::Tag { role: _, tags } => role.as_mut().unwrap().tags.extend(tags),
            RoleStep::PutPolicy {
                role: _,
                policy,
                document,
                before: _,
            } => {
                role.as_mut()
                    .unwrap()
                    .inline
                    .insert(policy, Some(document.to_value()));
            }
            RoleStep::SetTrust {
                role: _,
                document,
                before: _,
            } => {
                role.as_mut().unwrap().trust = document.to_value();
            }
        }
    }
    role
}

/// Returns the role after `clean` carried out `steps`.
fn cleaned(before: ObservedRole, steps: &[DeletionStep]) -> Option<ObservedRole> {
    steps.iter().try_fold(before, |mut role, step| match step {
        DeletionStep::Change(step) => Some(after(Some(role), std::slice::from_ref(step))),
        DeletionStep::DeletePolicy { role: _, policy } => {
            role.inline.remove(policy);
            Some(role)
        }
        DeletionStep::Delete { .. } => None,
    })
}

fn steps(desired: &DesiredRole, observed: Option<&ObservedRole>) -> Vec<RoleStep> {
    plan(desired, observed, Adopt::No).unwrap().steps
}

#[test]
fn applying_a_plan_leaves_nothing_to_plan_and_so_does_every_interruption() {
    let created = after(None, &steps(&desired(), None));
    assert_eq!(steps(&desired(), Some(&created)), []);

    let mut changed = desired();
    changed.policy = Document::new(vec![Statement::allow(
        "B",
        ["s3:PutObject"],
        ["arn:aws:s3:::b/k"],
    )]);
    changed.boundary = Some("arn:aws:iam::123456789012:policy/B".into());
    changed.tags.insert("team".into(), "other".into());
    changed.region = region("eu-west-1");
    let all = steps(&changed, Some(&created));
    assert_eq!(all.len(), 4);
    for done in 0..=all.len() {
        let interrupted = after(Some(created.clone()), &all[..done]);
        let rest = steps(&changed, Some(&interrupted));
        let end = after(Some(interrupted), &rest);
        assert_eq!(steps(&changed, Some(&end)), [], "after {done} steps");
    }
    let only_created = after(None, &steps(&desired(), None)[..1]);
    let end = after(
        Some(only_created.clone()),
        &steps(&desired(), Some(&only_created)),
    );
    assert_eq!(steps(&desired(), Some(&end)), []);
}

#[test]
fn a_role_is_deleted_wherever_its_deletion_was_interrupted() {
    let mut desired = desired();
    desired
        .attached
        .insert("arn:aws:iam::aws:policy/P".to_owned());
    let created = after(None, &steps(&desired, None));
    let regions = BTreeSet::from([desired.region.clone()]);
    let delete = |role: &ObservedRole| {
        let place = Place {
            identity: &desired.identity,
            partition: desired.partition,
            account: &desired.account,
            regions: &regions,
        };
        let whole = WholeRole {
            name: desired.name.clone(),
            role: role.clone(),
            instance_profiles: Vec::new(),
        };
        deletion(place, &whole, &BTreeSet::new()).deletion.steps
    };
    let all = delete(&created);
    assert_eq!(all.len(), 3);
    for done in 0..=all.len() {
        let there = cleaned(created.clone(), &all[..done]);
        let end = there.and_then(|there| {
            let rest = delete(&there);
            cleaned(there, &rest)
        });
        assert_eq!(end, None, "after {done} steps");
    }
}

#[test]
fn a_second_region_adds_its_policy_and_keeps_the_first_regions_trust() {
    let created = after(None, &steps(&desired(), None));
    let mut second = desired();
    second.region = region("eu-west-1");
    let both = after(Some(created.clone()), &steps(&second, Some(&created)));
    assert_eq!(
        both.trust["Statement"][0]["Condition"]["ArnLike"]["aws:SourceArn"],
        json!([
            "arn:aws:bedrock-agentcore:eu-west-1:123456789012:*",
            "arn:aws:bedrock-agentcore:us-west-2:123456789012:*"
        ])
    );
    assert_eq!(both.inline.len(), 2);
    assert_eq!(steps(&desired(), Some(&both)), []);
}

#[test]
fn two_regions_at_once_end_with_both_in_the_trust_policy() {
    let second = DesiredRole {
        region: region("eu-west-1"),
        ..desired()
    };
    let all = steps(&desired(), None);
    let created = after(None, &all[..1]);
    // The second region reads the role before the first has written its policy.
    let seen = steps(&second, Some(&created));
    let both = after(Some(after(Some(created), &seen)), &all[1..]);
    let repaired = after(Some(both.clone()), &steps(&desired(), Some(&both)));
    assert_eq!(steps(&desired(), Some(&repaired)), []);
    assert_eq!(steps(&second, Some(&repaired)), []);
}

#[test]
fn a_role_without_our_tags_stops_the_run_and_names_adopt() {
    let mut role = after(None, &steps(&desired(), None));
    role.tags.clear();
    let failure = plan(&desired(), Some(&role), Adopt::No).unwrap_err();
    assert!(failure.messages[0].help[0].contains("--adopt"));

    let adopted = plan(&desired(), Some(&role), Adopt::Yes).unwrap();
    assert!(adopted.adopts);
    let RoleStep::Tag { tags, .. } = &adopted.steps[0] else {
        panic!("tags come first")
    };
    assert_eq!(tags[ADOPTED], "true");
    let end = after(Some(role), &adopted.steps);
    assert_eq!(steps(&desired(), Some(&end)), []);
}

#[test]
fn adopting_refuses_service_linked_roles_and_roles_that_others_may_assume() {
    let mut role = after(None, &steps(&desired(), None));
    role.tags.clear();
    role.trust["Statement"][0]["Principal"] = json!({"Service": ["lambda.amazonaws.com"]});
    let failure = plan(&desired(), Some(&role), Adopt::Yes).unwrap_err();
    assert_eq!(
        failure.messages[0].notes,
        ["its trust policy names lambda.amazonaws.com"]
    );
    role.path = "/aws-service-role/x.amazonaws.com/".into();
    let failure = plan(&desired(), Some(&role), Adopt::Yes).unwrap_err();
    assert!(failure.messages[0].what.contains("service-linked"));
}

#[test]
fn another_projects_role_names_both_projects() {
    let mut other = desired();
    other.identity.project = ProjectId::parse("q-2").unwrap();
    let role = after(None, &steps(&other, None));
    let failure = plan(&desired(), Some(&role), Adopt::Yes).unwrap_err();
    let note = &failure.messages[0].notes[0];
    assert!(note.contains("`p-1`") && note.contains("`q-2`"), "{note}");
    assert!(failure.messages[0].help[0].contains("role.name"));
}

#[test]
fn what_is_not_ours_on_our_role_is_said_and_left() {
    let mut role = after(None, &steps(&desired(), None));
    role.inline.insert("Extra".into(), None);
    role.attached
        .push("arn:aws:iam::aws:policy/AdministratorAccess".into());
    role.boundary = Some("arn:aws:iam::123456789012:policy/B".into());
    role.tags.insert("owner".into(), "somebody".into());
    role.tags.insert("aws:of-aws".into(), "1".into());
    let plan = plan(&desired(), Some(&role), Adopt::No).unwrap();
    assert_eq!(plan.steps, []);
    let found: Vec<&str> = plan.foreign.iter().map(|found| &*found.what).collect();
    assert_eq!(found.len(), 4);
    for what in ["`Extra`", "AdministratorAccess", "`owner`", "policy/B"] {
        assert!(found.iter().any(|found| found.contains(what)), "{what}");
    }
}

#[test]
fn a_declared_policy_is_attached_and_detached_again_and_anybody_elses_stays() {
    let policy = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
    let mut both = desired();
    both.attached = [policy("A"), policy("B")].into();
    let made = after(None, &steps(&both, None));
    assert_eq!(made.attached, [policy("A"), policy("B")]);
    let mut role = made.clone();
    role.attached.push(policy("Theirs"));
    let mut changed = desired();
    changed.attached = [policy("B"), policy("C")].into();
    let names: Vec<String> = steps(&changed, Some(&role))
        .iter()
        .map(|step| step.change().object)
        .collect();
    assert_eq!(
        names,
        [
            "policy `arn:aws:iam::aws:policy/A` from role `AgentCoreRole-a`",
            "role `AgentCoreRole-a` with cargo-agentcore:policies",
            "policy `arn:aws:iam::aws:policy/C` to role `AgentCoreRole-a`",
        ]
    );
    let end = after(Some(role.clone()), &steps(&changed, Some(&role)));
    assert_eq!(end.attached, [policy("B"), policy("Theirs"), policy("C")]);
    let none = after(Some(end.clone()), &steps(&desired(), Some(&end)));
    assert_eq!(none.attached, [policy("Theirs")]);
    assert!(!none.tags.contains_key(tags::POLICIES));
    let said = plan(&desired(), Some(&none), Adopt::No).unwrap().foreign;
    assert_eq!(said.len(), 1);
    assert!(said[0].what.contains("policy/Theirs"), "{said:?}");

    // Attached before it was declared: not reported while declared, and not detached afterwards.
    let mut theirs = desired();
    theirs.attached = [policy("Theirs")].into();
    assert_eq!(steps(&theirs, Some(&none)), []);
    assert_eq!(plan(&theirs, Some(&none), Adopt::No).unwrap().foreign, []);
}

#[test]
fn a_tag_that_is_no_longer_declared_goes_and_anybody_elses_stays() {
    let mut role = after(None, &steps(&desired(), None));
    role.tags.insert("owner".into(), "somebody".into());
    let mut without = desired();
    without.tags.clear();
    let end = after(Some(role.clone()), &steps(&without, Some(&role)));
    let mut wanted = desired().identity.tags();
    wanted.insert("owner".into(), "somebody".into());
    assert_eq!(end.tags, wanted);
    assert_eq!(steps(&without, Some(&end)), []);

    // Declared although it already existed: set as declared, and never removed.
    let mut both = desired();
    both.tags.insert("owner".into(), "us".into());
    let taken = after(Some(role.clone()), &steps(&both, Some(&role)));
    assert_eq!(taken.tags["owner"], "us");
    let left = after(Some(taken.clone()), &steps(&desired(), Some(&taken)));
    assert_eq!(left.tags["owner"], "us");
}

#[test]
fn a_path_that_differs_is_an_error_because_iam_cannot_change_it() {
    let mut role = after(None, &steps(&desired(), None));
    role.path = "/elsewhere/".into();
    let failure = plan(&desired(), Some(&role), Adopt::No).unwrap_err();
    assert!(failure.messages[0].help[0].contains("role.path"));
}

#[test]
fn a_given_role_has_to_let_agentcore_in() {
    let mut role = after(None, &steps(&desired(), None));
    let account = AccountId::parse("123456789012").unwrap();
    assert_eq!(check_given("arn", &account, &role), Ok(Vec::new()));
    let other = AccountId::parse("999999999999").unwrap();
    assert_eq!(check_given("arn", &other, &role).unwrap().len(), 1);
    role.trust = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}}});
    assert!(check_given("arn", &account, &role).is_err());
}
