//! Which objects are looked up, and which are only reported.

use super::*;

const TOOLKITS: &str = "bedrock-agentcore-codebuild-sources-123456789012-us-west-2";

/// Returns what is looked up, and what is kept without a lookup.
fn parts(s3_path: Option<&str>, code: Option<(&str, &str)>) -> (Vec<String>, Vec<String>) {
    let entry = Entry {
        s3_path: s3_path.map(str::to_owned),
        ..entry()
    };
    let runtime = NamedRuntime {
        code: code.map(|(bucket, key)| ObjectKey {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }),
        ..runtime(ROLE, Tags::Unknown)
    };
    let (desired, region) = (desired(), region("us-west-2"));
    let runtimes = [runtime];
    let looked = objects_to_look_for(&desired, &region, &runtimes)
        .into_iter()
        .map(|object| format!("{}/{}", object.bucket, object.key));
    let kept = objects_elsewhere(&desired, &region, &runtimes, Some(&entry))
        .into_iter()
        .map(|kept| kept.what.name);
    (looked.collect(), kept.collect())
}

#[test]
fn only_the_agents_own_keys_in_the_toolkits_bucket_are_looked_for() {
    let named = ["deployment.zip", "source.zip"].map(|file| format!("{TOOLKITS}/a/{file}"));
    for none_elsewhere in [
        None,
        Some(TOOLKITS.to_owned()),
        Some(format!("s3://{TOOLKITS}")),
        Some(format!("s3://{TOOLKITS}/")),
    ] {
        let (looked, kept) = parts(none_elsewhere.as_deref(), None);
        assert_eq!((looked, kept), (named.to_vec(), vec![]));
    }
    for elsewhere in ["s3://mine", "mine/team/", &format!("s3://{TOOLKITS}/team")] {
        let (looked, kept) = parts(Some(elsewhere), None);
        assert_eq!(looked, named);
        assert_eq!(kept, [elsewhere]);
    }
}

#[test]
fn what_a_runtime_runs_from_is_looked_for_only_there_too() {
    let (looked, kept) = parts(None, Some((TOOLKITS, "a/other.zip")));
    assert!(looked.contains(&format!("{TOOLKITS}/a/other.zip")));
    assert_eq!(kept, Vec::<String>::new());
    for (bucket, key) in [
        ("mine", "a/deployment.zip"),
        (TOOLKITS, "team/a/deployment.zip"),
    ] {
        let (looked, kept) = parts(None, Some((bucket, key)));
        assert_eq!(looked.len(), 2);
        assert_eq!(kept, [format!("s3://{bucket}/{key}")]);
    }
    let own = crate::names::ours::bucket(
        &identity().project,
        &desired().account,
        &region("us-west-2"),
    );
    assert_eq!(parts(None, Some((&own, "a/1.zip"))).1, Vec::<String>::new());
}
