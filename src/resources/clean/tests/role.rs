//! The role: given back, deleted, or left with a reason.

use super::*;

#[test]
fn an_adopted_role_is_given_back_with_its_policies_off_before_its_tags() {
    let mut observed = whole();
    let mut tags = identity().tags();
    tags.insert(ADOPTED.into(), "true".into());
    // Declared tags are removed; the owner's tags stay.
    tags.insert(DECLARED.into(), "team".into());
    tags.insert("team".into(), "x".into());
    tags.insert("owner".into(), "somebody".into());
    observed.role = Some(role(tags, &["AgentCore-us-west-2", "Theirs"]));
    let plan = plan(&desired(), &observed);
    let words = verbs(&plan);
    assert_eq!(
        words[words.len() - 2..],
        [
            "policy `AgentCore-us-west-2` of role `AgentCoreRole-a`",
            "tags team, cargo-agentcore:managed, cargo-agentcore:project, cargo-agentcore:agent, \
             cargo-agentcore:stage, cargo-agentcore:adopted, cargo-agentcore:tags of role `AgentCoreRole-a`"
        ]
    );
}

#[test]
fn a_role_with_policies_of_others_is_a_leftover_that_says_what_to_do() {
    // A policy whose name has this tool's prefix but no region is foreign too.
    for theirs in ["Theirs", "AgentCore-Theirs"] {
        let mut observed = whole();
        observed.role = Some(role(identity().tags(), &["AgentCore-us-west-2", theirs]));
        let plan = plan(&desired(), &observed);
        assert!(!verbs(&plan).contains(&"role `AgentCoreRole-a`".to_owned()));
        let named = format!("`{theirs}`");
        let says = |kept: &Kept| kept.weight == Weight::Leftover && kept.why.contains(&named);
        assert!(plan.kept.iter().any(says), "{theirs}");
    }
}

#[test]
fn the_policies_that_were_attached_are_detached_before_the_role_goes() {
    let policy = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
    let with = |tags: BTreeMap<String, String>, attached: &[&str]| {
        let mut observed = whole();
        let mut role = role(tags, &["AgentCore-us-west-2"]);
        role.role.attached = attached.iter().map(|name| policy(name)).collect();
        observed.role = Some(role);
        observed
    };
    let mut tags = identity().tags();
    tags.insert(POLICIES.into(), mark(&policy("Ours")));
    let last = |plan: &CleanPlan, count: usize| verbs(plan).split_off(plan.steps.len() - count);
    // `Declared` was attached before the metadata declared it, and is detached with the role.
    let mut declaring = desired();
    if let RoleSettings::Managed { policies, .. } = &mut declaring.role {
        policies.insert(ManagedPolicy::Arn(policy("Declared")));
    }
    let plan_of = |tags: &BTreeMap<String, String>, attached: &[&str]| {
        plan(&declaring, &with(tags.clone(), attached))
    };
    assert_eq!(
        last(&plan_of(&tags, &["Ours", "Declared"]), 3),
        [
            "policy `arn:aws:iam::aws:policy/Declared` from role `AgentCoreRole-a`",
            "policy `arn:aws:iam::aws:policy/Ours` from role `AgentCoreRole-a`",
            "role `AgentCoreRole-a`",
        ]
    );
    let hindered = plan_of(&tags, &["Ours", "Theirs"]);
    assert_eq!(
        last(&hindered, 1),
        ["policy `arn:aws:iam::aws:policy/Ours` from role `AgentCoreRole-a`"]
    );
    let why = &hindered.kept.last().unwrap().why;
    assert!(why.contains("`arn:aws:iam::aws:policy/Theirs`"), "{why}");
    assert!(!why.contains("Ours"), "{why}");
    // An adopted role keeps the policies that its owner attached.
    tags.insert(ADOPTED.into(), "true".into());
    let adopted = plan_of(&tags, &["Ours", "Declared"]);
    let [detached, untagged] = &last(&adopted, 2)[..] else {
        panic!("{adopted:?}");
    };
    assert_eq!(
        detached,
        "policy `arn:aws:iam::aws:policy/Ours` from role `AgentCoreRole-a`"
    );
    assert!(untagged.contains(POLICIES), "{untagged}");
}

#[test]
fn a_role_in_an_instance_profile_is_a_leftover_that_says_what_to_do() {
    let mut observed = whole();
    observed.role.as_mut().unwrap().instance_profiles = vec!["theirs".into()];
    let plan = plan(&desired(), &observed);
    let words = verbs(&plan);
    assert!(
        !words.contains(&"role `AgentCoreRole-a`".to_owned()),
        "{words:?}"
    );
    let kept = plan
        .kept
        .iter()
        .find(|kept| kept.weight == Weight::Leftover)
        .unwrap();
    assert!(
        kept.why.contains("`theirs`")
            && kept
                .why
                .contains("remove-role-from-instance-profile --role-name AgentCoreRole-a"),
        "{}",
        kept.why
    );
}

#[test]
fn with_a_role_that_was_brought_only_tags_count() {
    let given = RoleSettings::Given {
        arn: RoleArn::parse(ROLE).unwrap(),
    };
    let brought = Desired {
        role: given,
        ..desired()
    };
    let mut observed = Observed {
        role: None,
        ..whole()
    };
    let kept = plan(&brought, &observed);
    assert_eq!(kept.steps, []);
    assert!(!kept.entry_goes);
    let included = plan(
        &Desired {
            yaml: Trust::Included,
            ..brought.clone()
        },
        &observed,
    );
    assert!(verbs(&included).contains(&"runtime `a-AbCdEf1234` in us-west-2".to_owned()));
    let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
    there.runtimes[0].tags = Tags::Known(identity().tags());
    assert!(
        verbs(&plan(&brought, &observed))
            .contains(&"runtime `a-AbCdEf1234` in us-west-2".to_owned())
    );
}

#[test]
fn with_a_role_that_was_brought_the_sources_stay_while_another_region_is_remembered() {
    let brought = Desired {
        role: RoleSettings::Given {
            arn: RoleArn::parse(ROLE).unwrap(),
        },
        ..desired()
    };
    let observed = Observed::default();
    assert!(plan(&brought, &observed).copy_goes);
    let elsewhere = Desired {
        elsewhere: [region("eu-west-1")].into(),
        ..brought
    };
    let plan = plan(&elsewhere, &observed);
    assert!(!plan.copy_goes);
    let kept = &plan.kept[0];
    assert_eq!(kept.what.to_string(), "agent `a` in eu-west-1");
    assert_eq!(kept.weight, Weight::Fine);
}
