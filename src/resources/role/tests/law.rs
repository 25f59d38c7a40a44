//! Properties of the plan for every desired role and every existing role: a second run does
//! nothing, and no step changes anything foreign.

use proptest::prelude::*;

use super::*;
use crate::{names::StageName, resources::ownership::PROJECT};

const REGIONS: [&str; 3] = ["us-west-2", "eu-west-1", "us-gov-west-1"];
/// Foreign inline policies; the name of one looks like this tool's.
const THEIRS: [&str; 2] = ["AgentCore-Extra", "Extra"];

/// Managed policies, attached by anyone.
const POLICIES: [&str; 4] = [
    "arn:aws:iam::aws:policy/A",
    "arn:aws:iam::aws:policy/B",
    "arn:aws:iam::123456789012:policy/a,b",
    "arn:aws:iam::123456789012:policy/C",
];

fn document(action: &str) -> Document {
    let bucket = ["arn:aws:s3:::b/k", "arn:aws:s3:::c/k"];
    Document::new(vec![Statement::allow("A", [action], bucket)])
}

fn some_document() -> impl Strategy<Value = Document> {
    prop::sample::select(vec!["s3:GetObject", "s3:PutObject"]).prop_map(document)
}

fn some_boundary() -> impl Strategy<Value = Option<String>> {
    prop::option::of("arn:aws:iam::123456789012:policy/[AB]")
}

/// Keys with a space are declared but never listed.
fn some_tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[a-d]( [a-b])?", "[0-1]", 0..4)
}

prop_compose! {
    fn some_desired()(
        region in prop::sample::select(REGIONS.to_vec()),
        policy in some_document(),
        boundary in some_boundary(),
        is_staged: bool,
        path in prop::sample::select(vec!["/", "/agents/"]),
        tags in some_tags(),
        attached in prop::sample::subsequence(POLICIES.to_vec(), 0..=3),
    ) -> DesiredRole {
        let mut role = DesiredRole {
            region: super::region(region),
            path: IamPath::parse(path).unwrap(),
            policy,
            boundary,
            attached: attached.into_iter().map(str::to_owned).collect(),
            tags,
            ..desired()
        };
        role.identity.stage = is_staged.then(|| StageName::parse("prod").unwrap());
        role
    }
}

/// Whose tags the role has, in addition to the user's own.
#[derive(Debug, Clone, Copy)]
enum Marked {
    Ours,
    Adopted,
    Not,
    OtherProject,
}

fn identity_tags(of: &Identity, marked: Marked) -> BTreeMap<String, String> {
    let mut tags = of.tags();
    match marked {
        Marked::Ours => {}
        Marked::Adopted => {
            tags.insert(ADOPTED.into(), "true".into());
        }
        Marked::Not => tags.clear(),
        Marked::OtherProject => {
            tags.insert(PROJECT.into(), "q-2".into());
        }
    }
    tags
}

/// Generates the tags of the user and of others, and the list of declared tags on the role,
/// including keys that no longer exist.
fn some_further_tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    let theirs = prop::collection::btree_map("[a-f]( [a-b])?|aws:stack", "[0-1]", 0..5);
    let listed = prop::sample::subsequence(vec!["a", "b", "c", "gone"], 0..=4);
    let attached = prop::sample::subsequence(POLICIES.to_vec(), 0..=4);
    (theirs, listed, attached).prop_map(|(mut tags, listed, attached)| {
        if !attached.is_empty() {
            let marks: Vec<String> = attached.into_iter().map(mark).collect();
            tags.insert(tags::POLICIES.into(), marks.join(" "));
        }
        if !listed.is_empty() {
            tags.insert(tags::DECLARED.into(), listed.join(" "));
        }
        tags
    })
}

fn some_trust(desired: &DesiredRole) -> impl Strategy<Value = Value> + use<> {
    let desired = desired.clone();
    let ours = prop::sample::subsequence(REGIONS.to_vec(), 0..=3).prop_map(move |regions| {
        let regions = regions.into_iter().map(region).collect();
        desired.trust(&regions).to_value()
    });
    let of = |principal: Value| json!({"Statement": {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}});
    let wide = of(json!({"Service": policy::SERVICE_PRINCIPAL}));
    let theirs = of(json!({"Service": [policy::SERVICE_PRINCIPAL, "lambda.amazonaws.com"]}));
    prop_oneof![3 => ours, 1 => Just(wide), 1 => Just(theirs)]
}

fn some_inline() -> impl Strategy<Value = BTreeMap<String, Option<Value>>> {
    let names: Vec<String> = REGIONS
        .map(|region| format!("{POLICY_PREFIX}{region}"))
        .into_iter()
        .chain(THEIRS.map(str::to_owned))
        .collect();
    let read = prop::option::of(some_document().prop_map(|document| document.to_value()));
    prop::collection::btree_map(prop::sample::select(names), read, 0..5)
}

fn some_observed(desired: &DesiredRole) -> impl Strategy<Value = ObservedRole> + use<> {
    let marked = prop::sample::select(vec![
        Marked::Ours,
        Marked::Adopted,
        Marked::Not,
        Marked::OtherProject,
    ]);
    let path = prop_oneof![
        4 => Just(desired.path.to_string()),
        1 => Just("/elsewhere/".to_owned()),
        1 => Just("/aws-service-role/x.amazonaws.com/".to_owned()),
    ];
    let identity = desired.identity.clone();
    (
        (path, some_trust(desired), some_inline(), some_boundary()),
        prop::sample::subsequence(POLICIES.to_vec(), 0..=4),
        (marked, some_further_tags()),
    )
        .prop_map(
            move |((path, trust, inline, boundary), attached, (marked, mut tags))| {
                tags.extend(identity_tags(&identity, marked));
                ObservedRole {
                    arn: "arn:aws:iam::123456789012:role/AgentCoreRole-a".into(),
                    path,
                    trust,
                    inline,
                    attached: attached.into_iter().map(str::to_owned).collect(),
                    boundary,
                    tags,
                }
            },
        )
}

fn some_world() -> impl Strategy<Value = (DesiredRole, Option<ObservedRole>)> {
    some_desired().prop_flat_map(|desired| {
        let observed = prop::option::weighted(0.9, some_observed(&desired));
        (Just(desired), observed)
    })
}

/// Returns true if the existing role must not be changed.
fn is_refused(desired: &DesiredRole, observed: &ObservedRole, adopt: Adopt) -> bool {
    let ours = desired.identity.tags();
    let equal = ours
        .iter()
        .filter(|(key, value)| observed.tags.get(*key) == Some(value));
    let is_ours = equal.count() == ours.len();
    let is_unmarked = !ours.keys().any(|key| observed.tags.contains_key(key));
    let only_agentcore =
        policy::principals(&observed.trust) == BTreeSet::from([policy::SERVICE_PRINCIPAL.into()]);
    let may_be_adopted = is_unmarked && adopt == Adopt::Yes && only_agentcore;
    observed.path != desired.path.as_str() || !(is_ours || may_be_adopted)
}

/// Returns the tags that belong to neither this tool nor the metadata.
fn others_tags<'a>(
    desired: &DesiredRole,
    there: &'a BTreeMap<String, String>,
) -> BTreeMap<&'a str, &'a str> {
    let ours = tags::listed(there);
    there
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .filter(|(key, _)| !key.starts_with("cargo-agentcore:"))
        .filter(|(key, _)| !ours.contains(key) && !desired.tags.contains_key(*key))
        .collect()
}

/// Returns the attached policies that belong to neither this tool nor the metadata.
fn others_policies<'a>(
    desired: &'a DesiredRole,
    there: &'a ObservedRole,
) -> impl Iterator<Item = &'a String> {
    let attached = there.attached.iter();
    attached.filter(|arn| !desired.attached.contains(*arn) && !is_listed(arn, &there.tags))
}

/// Returns true if this tool may carry out the step for `desired`.
fn is_ours(step: &RoleStep, desired: &DesiredRole, observed: Option<&ObservedRole>) -> bool {
    let is_our_key =
        |key: &String| key.starts_with("cargo-agentcore:") || desired.tags.contains_key(key);
    match step {
        RoleStep::Create { tags, boundary, .. } => {
            observed.is_none() && boundary == &desired.boundary && tags.keys().all(is_our_key)
        }
        RoleStep::PutBoundary { arn, .. } => desired.boundary.as_ref() == Some(arn),
        RoleStep::Attach { arn, .. } => desired.attached.contains(arn),
        RoleStep::Detach { arn, .. } => observed.is_some_and(|observed| {
            !desired.attached.contains(arn) && is_listed(arn, &observed.tags)
        }),
        RoleStep::Tag { tags, .. } => tags.keys().all(is_our_key),
        RoleStep::Untag { keys, .. } => observed.is_some_and(|observed| {
            let others = others_tags(desired, &observed.tags);
            keys.iter().all(|key| !others.contains_key(key.as_str()))
        }),
        RoleStep::PutPolicy { policy, .. } => *policy == desired.policy_name(),
        RoleStep::SetTrust { document, .. } => {
            let named = policy::principals(&document.to_value());
            named == BTreeSet::from([policy::SERVICE_PRINCIPAL.into()])
        }
    }
}

/// Returns the foreign parts of the role.
fn theirs(desired: &DesiredRole, role: &ObservedRole) -> ObservedRole {
    let mut theirs = role.clone();
    theirs.inline.remove(&desired.policy_name());
    theirs.tags = others_tags(desired, &role.tags)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    theirs.attached = others_policies(desired, role).cloned().collect();
    theirs.trust = Value::Null;
    if desired.boundary.is_some() {
        theirs.boundary = None;
    }
    theirs
}

proptest! {
    /// After the steps of a plan, a new plan is empty, wherever the previous run was interrupted.
    #[test]
    fn what_was_done_is_not_done_again_and_what_is_not_ours_is_left(
        (desired, observed) in some_world(),
        adopt in prop::sample::select(vec![Adopt::No, Adopt::Yes]),
    ) {
        let Ok(first) = plan(&desired, observed.as_ref(), adopt) else {
            let there = observed.as_ref().expect("where nothing is, nothing refuses");
            prop_assert!(is_refused(&desired, there, adopt));
            return Ok(());
        };
        for step in &first.steps {
            prop_assert!(is_ours(step, &desired, observed.as_ref()), "{:?}", step);
        }
        if let Some(there) = &observed {
            prop_assert!(!is_refused(&desired, there, adopt));
            let said: String = first.foreign.iter().map(|message| message.what.as_str()).collect();
            let tags = others_tags(&desired, &there.tags).into_keys();
            let theirs = there
                .inline
                .keys()
                .filter(|name| THEIRS.contains(&name.as_str()))
                .chain(others_policies(&desired, there))
                .map(String::as_str)
                .chain(tags.filter(|key| !key.starts_with("aws:")));
            for name in theirs {
                prop_assert!(said.contains(&format!("`{name}`")), "{} in {}", name, said);
            }
            prop_assert!(!said.contains("`cargo-agentcore:"), "{}", said);
        }
        // Before the first step of a creation, there is no role.
        let done_from = usize::from(observed.is_none());
        for done in done_from..=first.steps.len() {
            let interrupted = after(observed.clone(), &first.steps[..done]);
            let rest = plan(&desired, Some(&interrupted), adopt).unwrap().steps;
            let end = after(Some(interrupted), &rest);
            prop_assert_eq!(plan(&desired, Some(&end), Adopt::No).unwrap().steps, vec![]);

            prop_assert!(desired.attached.iter().all(|arn| end.attached.contains(arn)));
            let mut served = regions_served(&end);
            prop_assert!(served.contains(&desired.region));
            prop_assert_eq!(&end.trust, &desired.trust(&served).to_value());
            prop_assert!(policy::same(
                end.inline[&desired.policy_name()].as_ref().unwrap(),
                &desired.policy.to_value(),
            ));
            if let Some(there) = &observed {
                prop_assert_eq!(theirs(&desired, &end), theirs(&desired, there));
                served.remove(&desired.region);
                prop_assert!(served.is_subset(&regions_served(there)));
                let was_there_before_us = first.adopts || there.tags.contains_key(ADOPTED);
                prop_assert_eq!(end.tags.contains_key(ADOPTED), was_there_before_us);
            }
        }
    }
}
