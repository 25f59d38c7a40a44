//! Creates and completes the bucket, and leaves other buckets alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_sdk_s3::types::{Tag, Tagging};

use super::{
    super::Store,
    emulator::{Ministack, Moto},
    world::{proxy, sdk, store, store_in, store_over_tls},
};
use crate::{error::Exit, resources::bucket::BucketStep};

/// Returns the bucket's settings as text.
async fn settings(store: &Store) -> String {
    let client = sdk(store);
    let bucket = store.bucket();
    let block = client.get_public_access_block().bucket(bucket);
    let block = block.send().await.unwrap();
    let block = block.public_access_block_configuration.unwrap();
    let encryption = client.get_bucket_encryption().bucket(bucket);
    let encryption = encryption.send().await.unwrap();
    let encryption = encryption.server_side_encryption_configuration.unwrap();
    let lifecycle = client.get_bucket_lifecycle_configuration().bucket(bucket);
    let lifecycle = lifecycle.send().await.unwrap();
    let rule = &lifecycle.rules()[0];
    assert_eq!(lifecycle.rules().len(), 1);
    assert!(rule.expiration().is_none(), "nothing that is used expires");
    let tags = client.get_bucket_tagging().bucket(bucket);
    let mut tags: Vec<String> = tags
        .send()
        .await
        .unwrap()
        .tag_set()
        .iter()
        .map(|tag| format!("{}={}", tag.key(), tag.value()))
        .collect();
    tags.sort();
    format!(
        "{:?} {} {:?} {}",
        [
            block.block_public_acls(),
            block.ignore_public_acls(),
            block.block_public_policy(),
            block.restrict_public_buckets(),
        ]
        .map(Option::unwrap_or_default),
        encryption.rules()[0]
            .apply_server_side_encryption_by_default()
            .unwrap()
            .sse_algorithm()
            .as_str(),
        rule.abort_incomplete_multipart_upload()
            .unwrap()
            .days_after_initiation(),
        tags.join(" ")
    )
}

const SETTINGS: &str = "[true, true, true, true] AES256 Some(1) cargo-agentcore:managed=true cargo-agentcore:project=my-agent-7k2qpx";

#[tokio::test]
async fn a_bucket_is_private_encrypted_tagged_and_made_once() {
    for emulator in [Ministack::start(), Moto::start()] {
        for region in ["us-east-1", "us-west-2"] {
            let store = store_in(region, &emulator.url()).await;
            assert_eq!(
                store.ensure_bucket(&BTreeMap::new()).await.unwrap().len(),
                5
            );
            assert_eq!(settings(&store).await, SETTINGS);
            assert_eq!(store.ensure_bucket(&BTreeMap::new()).await.unwrap(), []);
        }
    }
}

#[tokio::test]
async fn an_unchanged_bucket_costs_four_reads_and_no_write() {
    let emulator = Ministack::start();
    store(&emulator.url()).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let proxy = proxy(
        emulator.port(),
        move |request| {
            let line = format!("{} {}", request.method(), request.uri());
            record.lock().unwrap().push(line);
            None
        },
        |_, answer| answer,
    );
    let store = store_in("us-west-2", &proxy.url()).await;
    seen.lock().unwrap().clear();
    store.ensure_bucket(&BTreeMap::new()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4, "{seen:?}");
    assert!(seen.iter().all(|line| line.starts_with("GET ")), "{seen:?}");
}

/// Returns the bucket's policy, if it has one.
async fn policy(store: &Store) -> Option<serde_json::Value> {
    let asked = sdk(store).get_bucket_policy().bucket(store.bucket());
    let text = asked.send().await.ok()?.policy?;
    Some(serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn a_bucket_demands_tls_again_when_that_was_taken_off_and_keeps_what_others_wrote() {
    let emulator = Ministack::start();
    let store = store_over_tls(&emulator.url()).await;
    let none = BTreeMap::new();
    let steps = store.ensure_bucket(&none).await.unwrap();
    assert!(steps.contains(&BucketStep::DemandTls), "{steps:?}");
    let ours = policy(&store).await.unwrap();
    let statement = &ours["Statement"][0];
    assert_eq!(statement["Effect"], "Deny");
    assert_eq!(
        statement["Condition"]["Bool"]["aws:SecureTransport"],
        "false"
    );
    assert_eq!(store.ensure_bucket(&none).await.unwrap(), []);

    let arn = format!("arn:aws:s3:::{}/*", store.bucket());
    let theirs = serde_json::json!({
        "Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObjectAcl", "Resource": arn,
    });
    let replaced = serde_json::json!({ "Version": "2012-10-17", "Statement": [theirs] });
    let put = sdk(&store).put_bucket_policy().bucket(store.bucket());
    put.policy(replaced.to_string()).send().await.unwrap();
    assert_eq!(
        store.ensure_bucket(&none).await.unwrap(),
        [BucketStep::DemandTls]
    );
    let both = policy(&store).await.unwrap();
    assert_eq!(both["Statement"], serde_json::json!([theirs, statement]));
    assert_eq!(store.ensure_bucket(&none).await.unwrap(), []);
}

/// Otherwise, it would refuse this tool too.
#[tokio::test]
async fn a_bucket_that_is_reached_without_tls_does_not_demand_it() {
    let emulator = Ministack::start();
    let store = store(&emulator.url()).await;
    assert_eq!(policy(&store).await, None);
}

#[tokio::test]
async fn a_killed_run_is_finished_by_the_next() {
    let emulator = Moto::start();
    let store = store_in("us-east-1", &emulator.url()).await;
    let create = sdk(&store).create_bucket().bucket(store.bucket());
    create.send().await.unwrap();
    let steps = store.ensure_bucket(&BTreeMap::new()).await.unwrap();
    assert_eq!(steps.len(), 4);
    assert!(!steps.contains(&BucketStep::Create));
    assert_eq!(settings(&store).await, SETTINGS);
}

#[tokio::test]
async fn two_runs_at_once_make_one_bucket() {
    for emulator in [Ministack::start(), Moto::start()] {
        let store = store_in("us-west-2", &emulator.url()).await;
        let none = BTreeMap::new();
        let (one, other) = tokio::join!(store.ensure_bucket(&none), store.ensure_bucket(&none));
        one.unwrap();
        other.unwrap();
        assert_eq!(settings(&store).await, SETTINGS);
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_ours_stops_the_run_and_stays_as_it_is() {
    let emulator = Ministack::start();
    let store = store_in("us-east-1", &emulator.url()).await;
    let client = sdk(&store);
    let create = client.create_bucket().bucket(store.bucket());
    create.send().await.unwrap();
    let put = client.put_object().bucket(store.bucket()).key("theirs");
    put.send().await.unwrap();
    let failure = store.ensure_bucket(&BTreeMap::new()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::World);
    assert_eq!(
        failure.messages[0].what,
        format!(
            "bucket `{}` has objects and does not carry the tags of this project",
            store.bucket()
        )
    );
    assert!(failure.messages[0].help[0].contains("`project`"));
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let tagging = Tagging::builder()
        .tag_set(tag("cargo-agentcore:managed", "true"))
        .tag_set(tag("cargo-agentcore:project", "other-123456"))
        .build()
        .unwrap();
    let put = client.put_bucket_tagging().bucket(store.bucket());
    put.tagging(tagging).send().await.unwrap();
    let failure = store.ensure_bucket(&BTreeMap::new()).await.unwrap_err();
    assert!(
        failure.messages[0]
            .what
            .ends_with("belongs to project `other-123456`")
    );
    let block = client.get_public_access_block().bucket(store.bucket());
    assert!(block.send().await.is_err(), "it was touched");
}

#[tokio::test]
async fn another_accounts_bucket_is_told_apart_from_a_missing_one() {
    let emulator = Ministack::start();
    let proxy = proxy(
        emulator.port(),
        |request| {
            let query = request.uri().query().unwrap_or_default();
            query
                .contains("tagging")
                .then(|| super::world::error(403, "AccessDenied"))
        },
        |_, answer| answer,
    );
    let store = store_in("us-west-2", &proxy.url()).await;
    let failure = store.ensure_bucket(&BTreeMap::new()).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Access);
    assert!(
        failure.messages[0]
            .notes
            .iter()
            .any(|note| note.contains("belongs to an account other than 000000000000")),
        "{:?}",
        failure.messages[0]
    );
}
