//! The project's bucket: whose objects are deleted, and when the bucket itself is deleted.

use super::*;

#[test]
fn a_runtimes_archives_go_by_the_tags_of_the_bucket_alone_and_neighbours_keep_it() {
    let mut there = own_bucket(bucket_tags(), &["a", "a_prod", "b"]);
    there.uploads = vec!["a/1.zip".into(), "c/1.zip".into()];
    let planned = plan(&desired(), &only(there));
    assert_eq!(
        verbs(&planned),
        [
            "1 unfinished upload under `s3://own/a/`",
            "1 object under `s3://own/a/` (2 versions)"
        ]
    );
    assert_eq!(
        planned.kept[0].why,
        "other agents of the project are in it: `a_prod`, `b`, `c`"
    );
    assert_eq!(planned.kept[0].weight, Weight::Fine);
}

#[test]
fn an_agent_that_is_not_declared_any_more_is_named_with_the_command_that_deletes_it() {
    let parts = |desired: &Desired, prefixes: &[&str]| -> Vec<(String, String)> {
        let planned = plan(desired, &only(own_bucket(bucket_tags(), prefixes)));
        let kept = planned.kept.into_iter().skip(1);
        kept.map(|kept| (kept.what.to_string(), kept.why)).collect()
    };
    let said = |agent: &str, options: &str| {
        (
            format!("agent `{agent}`"),
            format!(
                "it is no longer in Cargo.toml; `cargo agentcore clean --agent {agent}{options}` deletes what is left of it"
            ),
        )
    };
    assert_eq!(parts(&desired(), &["a", "b", "c_prod"]), []);
    assert_eq!(
        parts(&desired(), &["old", "old_prod", "old_test"]),
        [
            said("old", ""),
            said("old", " --stage prod"),
            said("old_test", "")
        ]
    );
    let local = Desired {
        identity: Identity {
            stage: Some(StageName::parse("local").unwrap()),
            ..identity()
        },
        ..desired()
    };
    assert_eq!(parts(&local, &["old"]), [said("old", " --local")]);
}

#[test]
fn the_bucket_goes_with_the_last_agent_of_a_run_and_before_the_role() {
    let mut observed = whole();
    let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
    there.bucket = Some(own_bucket(bucket_tags(), &["a", "b"]));
    let first = Desired {
        last_in: BTreeMap::new(),
        ..desired()
    };
    let first = plan(&first, &observed);
    assert!(!verbs(&first).contains(&"bucket `own`".to_owned()));
    assert!(
        first
            .kept
            .iter()
            .all(|kept| !kept.what.name.contains("own"))
    );
    assert_eq!(first.emptied, BTreeSet::from([region("us-west-2")]));
    let gone = BTreeSet::from([RuntimeName::parse("b").unwrap()]);
    let last = Desired {
        last_in: BTreeMap::from([(region("us-west-2"), gone)]),
        ..desired()
    };
    let words = verbs(&plan(&last, &observed));
    let at = |what: &str| {
        words
            .iter()
            .position(|word| word.starts_with(what))
            .unwrap()
    };
    assert!(at("runtime") < at("1 object under `s3://own/a/`"));
    assert!(at("1 object under `s3://own/a/`") < at("bucket `own`"));
    assert!(at("bucket `own`") < at("policy"));
}

#[test]
fn only_an_empty_bucket_without_any_tag_is_taken_for_a_half_made_one() {
    let bare = BTreeMap::new();
    let somebodys = BTreeMap::from([("team".to_owned(), "x".to_owned())]);
    let mut others = bucket_tags();
    others.insert(PROJECT.into(), "q-2".into());
    let steps = |bucket| plan(&desired(), &only(bucket)).steps.len();
    assert_eq!(steps(own_bucket(bare.clone(), &[])), 1);
    assert_eq!(steps(own_bucket(bare.clone(), &["a"])), 0);
    assert_eq!(steps(own_bucket(somebodys, &[])), 0);
    assert_eq!(steps(own_bucket(others, &[])), 0);
    let mut uploading = own_bucket(bare, &[]);
    uploading.uploads = vec!["a/1.zip".into()];
    assert_eq!(steps(uploading), 0);
}

#[test]
fn what_a_kept_runtime_runs_from_is_kept_and_so_is_its_bucket() {
    let mut observed = whole();
    observed.role = None;
    observed.entry = None;
    let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
    let name = crate::names::ours::bucket(
        &identity().project,
        &desired().account,
        &region("us-west-2"),
    );
    there.bucket = Some(OwnBucket {
        name: name.clone(),
        ..own_bucket(bucket_tags(), &["a"])
    });
    there.runtimes[0].tags = Tags::Known(BTreeMap::new());
    there.objects.clear();
    there.repository = None;
    there.runtimes[0].code = Some(ObjectKey {
        bucket: name,
        key: "a/0.zip".into(),
    });
    let plan = plan(&desired(), &observed);
    assert_eq!((plan.steps, plan.emptied), (vec![], BTreeSet::new()));
    let looked = objects_to_look_for(
        &desired(),
        &region("us-west-2"),
        &observed.regions[&region("us-west-2")].runtimes,
    );
    assert!(looked.iter().all(|object| object.key != "a/0.zip"));
}

/// The state after `deploy` in a store like that of `--local`.
#[test]
fn a_runtime_without_tags_is_proven_by_the_projects_bucket_that_it_runs_from() {
    let own = ObjectKey {
        bucket: "own".into(),
        key: "a/0.zip".into(),
    };
    let goes = |tags: Tags, bucket_tags, code: &ObjectKey| {
        let mut observed = only(own_bucket(bucket_tags, &["a"]));
        let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
        there.runtimes = vec![NamedRuntime {
            code: Some(code.clone()),
            ..runtime("arn:aws:iam::123456789012:role/theirs", tags)
        }];
        verbs(&plan(&desired(), &observed))
            .contains(&"runtime `a-AbCdEf1234` in us-west-2".to_owned())
    };
    assert!(goes(Tags::Unknown, bucket_tags(), &own));
    assert!(!goes(Tags::Known(BTreeMap::new()), bucket_tags(), &own));
    assert!(!goes(Tags::Unknown, BTreeMap::new(), &own));
    for (bucket, key) in [("own", "b/0.zip"), ("theirs", "a/0.zip")] {
        let other = ObjectKey {
            bucket: bucket.into(),
            key: key.into(),
        };
        assert!(!goes(Tags::Unknown, bucket_tags(), &other));
    }
}
