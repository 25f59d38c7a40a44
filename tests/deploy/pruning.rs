//! Pruning: archives that no version uses are deleted after a day with all their versions, and
//! nothing else is.

use std::collections::BTreeSet;

use serde_json::json;

use super::{deploy_json, project, settling};
use crate::support::{
    Answer, Cli, Emulator, Fault, Ministack, Project, Proxy, Times, boto3, runtimes::ARN,
};

/// Makes everything in the emulator a thousand years old.
const LONG_AGO: Fault = Fault::Reworded("<LastModified>2", "<LastModified>1");

const OLD: &str = "0123456789abcdef0123456789abcdef";

fn keys(emulator: &Emulator) -> BTreeSet<String> {
    let script = r"
s3 = client('s3')
bucket = s3.list_buckets()['Buckets'][0]['Name']
for page in s3.get_paginator('list_object_versions').paginate(Bucket=bucket):
    for found in page.get('Versions', []) + page.get('DeleteMarkers', []):
        print(found['Key'])
";
    boto3(emulator, script).lines().map(str::to_owned).collect()
}

/// Deploys through a proxy that makes every object old.
fn deploy_later(project: &Project, emulator: &Emulator) -> (serde_json::Value, Proxy) {
    let proxy = settling(emulator);
    proxy.fault("s3:ListBucketVersions", Times::Always, LONG_AGO);
    let outcome = Cli::new(project)
        .at(&proxy.url())
        .args(["deploy", "--output", "json"])
        .run()
        .succeeds();
    (outcome.json()["agents"][0].clone(), proxy)
}

/// Returns what a dry run would delete, at the same time.
fn foreseen(project: &Project, proxy: &Proxy) -> BTreeSet<String> {
    let dry = |more: &[&str]| {
        let deploy = Cli::new(project)
            .at(&proxy.url())
            .args(["deploy", "--dry-run"]);
        deploy.args(more).run().succeeds()
    };
    let document = dry(&["--output", "json"]).json();
    let keys = pruned(&document["agents"][0]);
    let shown = dry(&[]).stderr;
    for key in &keys {
        let line = format!("Would delete unused `{key}` from bucket `");
        assert!(shown.contains(&line), "{line}: {shown}");
    }
    keys
}

fn key(done: &serde_json::Value) -> String {
    done["artifact"]["key"].as_str().unwrap().to_owned()
}

/// Returns the keys of the archives that an agent's document lists as deleted.
fn pruned(agent: &serde_json::Value) -> BTreeSet<String> {
    let changes = agent["changes"].as_array().unwrap().iter();
    let deleted = changes.filter(|one| one["action"] == "delete" && one["kind"] == "object");
    deleted
        .map(|one| one["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits because S3's times are in seconds, and objects as new as the newest are kept.
fn let_a_second_pass() {
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

fn change(project: &Project, number: u32) {
    project.write("one/more.py", format!("MORE = {number}\n"));
}

#[test]
fn what_no_endpoint_runs_from_or_goes_back_to_goes_after_a_day_in_all_versions_and_the_rest_stays()
{
    let emulator = Ministack::start();
    let project = project();
    let first = deploy_json(&project, &emulator, &[]);
    Cli::new(&project)
        .on(&emulator)
        .args(["endpoint", "set", "prod", "--version", "1"])
        .run()
        .succeeds();
    // The newer dependencies are kept for the next deploy, regardless of their age.
    boto3(
        &emulator,
        &format!(
            r"
import time
s3 = client('s3')
bucket = s3.list_buckets()['Buckets'][0]['Name']
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={{'Status': 'Enabled'}})
for body in (b'1', b'2'):
    for key in ('one/{OLD}.zip', 'one/dependencies-{OLD}.zip'):
        s3.put_object(Bucket=bucket, Key=key, Body=body)
s3.delete_object(Bucket=bucket, Key='one/{OLD}.zip')
for key in ('one/notes.zip', 'one/{OLD}.txt', 'two/{OLD}.zip', 'one_prod/{OLD}.zip'):
    s3.put_object(Bucket=bucket, Key=key, Body=b'theirs')
time.sleep(1.1)
s3.put_object(Bucket=bucket, Key='one/dependencies-{newer}.zip', Body=b'3')
time.sleep(1.1)
",
            newer = OLD.replace('0', "f"),
        ),
    );
    let planted = keys(&emulator);

    change(&project, 1);
    let second = deploy_json(&project, &emulator, &[]);
    assert_eq!(pruned(&second), BTreeSet::new(), "a day of grace");
    assert!(keys(&emulator).is_superset(&planted));

    change(&project, 2);
    let third = deploy_json(&project, &emulator, &[]);
    let_a_second_pass();
    change(&project, 3);
    let proxy = settling(&emulator);
    proxy.fault("s3:ListBucketVersions", Times::Always, LONG_AGO);
    let foreseen = foreseen(&project, &proxy);
    let (fourth, proxy) = deploy_later(&project, &emulator);
    let gone = BTreeSet::from([
        format!("one/{OLD}.zip"),
        format!("one/dependencies-{OLD}.zip"),
        key(&second),
    ]);
    assert_eq!(pruned(&fourth), gone);
    assert_eq!(foreseen, gone);
    let mut left = planted;
    // The version that a rollback of DEFAULT would use.
    left.insert(key(&third));
    left.retain(|key| !gone.contains(key));
    left.insert(key(&fourth));
    assert!(
        left.contains(&key(&first)),
        "the endpoint `prod` runs from it"
    );
    assert_eq!(keys(&emulator), left);
    let deletions = proxy
        .actions()
        .into_iter()
        .filter(|action| action.starts_with("s3:DeleteObject"))
        .count();
    assert!(deletions > 0);

    let (again, proxy) = deploy_later(&project, &emulator);
    assert_eq!(again["did"], "unchanged");
    assert!(
        !proxy
            .actions()
            .contains(&"s3:ListBucketVersions".to_owned())
    );
}

/// Pruning skips failed versions, as a rollback does.
#[test]
fn what_a_rollback_would_go_to_stays_where_a_failed_version_stands_between() {
    let emulator = Ministack::start();
    let project = project();
    let mut keys = Vec::new();
    for number in 1..=3 {
        change(&project, number);
        keys.push(key(&deploy_json(&project, &emulator, &[])));
    }
    let version = |number: u32| {
        let status = if number == 3 {
            "UPDATE_FAILED"
        } else {
            "READY"
        };
        json!({
            "agentRuntimeArn": ARN, "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one", "description": "",
            "agentRuntimeVersion": number.to_string(), "lastUpdatedAt": "2026-11-25T12:00:00Z", "status": status,
        })
    };
    let versions: Vec<_> = (1..=4).map(version).collect();
    let proxy = settling(&emulator);
    proxy.fault("s3:ListBucketVersions", Times::Always, LONG_AGO);
    proxy.fault(
        "bedrock-agentcore:ListAgentRuntimeVersions",
        Times::Always,
        Fault::Answer(Answer::json(200, &json!({ "agentRuntimes": versions }))),
    );
    let_a_second_pass();
    change(&project, 4);
    let fourth = Cli::new(&project)
        .at(&proxy.url())
        .args(["deploy", "--output", "json"])
        .run()
        .succeeds();
    let fourth = fourth.json()["agents"][0].clone();
    let gone = BTreeSet::from([keys[0].clone(), keys[2].clone()]);
    assert_eq!(pruned(&fourth), gone);
}

/// S3 lists and deletes up to a thousand versions at a time.
#[test]
fn more_than_a_page_of_old_archives_goes_at_once() {
    let emulator = Ministack::start();
    let project = project();
    let first = deploy_json(&project, &emulator, &[]);
    boto3(
        &emulator,
        r"
s3 = client('s3')
bucket = s3.list_buckets()['Buckets'][0]['Name']
for n in range(1100):
    s3.put_object(Bucket=bucket, Key=f'one/{n:032x}.zip', Body=b'x')
import time
time.sleep(1.1)
",
    );
    change(&project, 1);
    let (second, proxy) = deploy_later(&project, &emulator);
    let pages = proxy
        .actions()
        .into_iter()
        .filter(|action| action == "s3:ListBucketVersions");
    assert_eq!(pages.count(), 2);
    assert_eq!(pruned(&second).len(), 1100);
    assert_eq!(keys(&emulator), BTreeSet::from([key(&first), key(&second)]));
}

#[test]
fn archives_that_cannot_be_pruned_are_no_reason_to_fail() {
    let emulator = Ministack::start();
    let project = project();
    deploy_json(&project, &emulator, &[]);
    change(&project, 1);
    let proxy = settling(&emulator);
    proxy.fault("s3:ListBucketVersions", Times::Always, Fault::denied());
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .arg("deploy")
        .run()
        .succeeds();
    assert!(
        outcome
            .stderr
            .contains("old archives could not be removed from the bucket"),
        "{}",
        outcome.stderr
    );
    assert_eq!(keys(&emulator).len(), 2);
}
