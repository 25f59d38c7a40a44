//! Uploads archives and deletes them again, on both emulators.
#![expect(clippy::disallowed_methods, reason = "tests touch the world")]

use std::collections::BTreeMap;

use super::{
    super::How,
    emulator::{Emulator, Ministack, Moto},
    world::{MEBIBYTE, download, made, runtime, sdk, store, store_in},
};
use crate::{
    effects::aws::store::removal::BucketEnd,
    resources::bucket::{self as plan, Held, ObservedBucket},
};

fn quiet(_: u64) {}

#[tokio::test]
async fn ministack_holds_what_was_sent() {
    round(&Ministack::start()).await;
}

#[tokio::test]
async fn moto_holds_what_was_sent() {
    round(&Moto::start()).await;
}

/// Uploads archives in every way, compares them byte for byte, and deletes everything.
async fn round(emulator: &Emulator) {
    let store = store(&emulator.url()).await;
    let first = made((1, 9 * MEBIBYTE + 7), (2, 100_000));
    let second = made((1, 9 * MEBIBYTE + 7), (3, 100_001));
    let long = made((1, 9 * MEBIBYTE + 7), (4, 9 * MEBIBYTE));
    let small = made((5, MEBIBYTE), (6, 10));
    let without = made((7, 0), (8, 9 * MEBIBYTE));
    let cases = [
        (&first, How::Composed, first.archive.size),
        (&second, How::Composed, 100_001),
        (&long, How::Composed, 9 * MEBIBYTE as u64),
        (&small, How::Whole, small.archive.size),
        (&without, How::Whole, without.archive.size),
        (&second, How::Present, 0),
    ];
    for (made, how, sent) in cases {
        let held = store.held(&runtime(), &made.archive).await.unwrap();
        let uploaded = store
            .put(&runtime(), &made.archive, &held, &quiet)
            .await
            .unwrap();
        assert_eq!((uploaded.how, uploaded.sent_bytes), (how, sent));
        assert_eq!(uploaded.bucket, store.bucket());
        assert!(download(&store, &uploaded.key).await == made.bytes);
    }
    assert_eq!(store.abort_uploads("my_agent/").await.unwrap(), 0);
    let stored = store.list(&plan::prefix(&runtime())).await.unwrap();
    assert_eq!(stored.len(), 6, "five archives, one dependencies");
    assert!(stored.iter().all(|object| object.modified > 1_600_000_000));
    assert_eq!(
        store.delete_bucket_if_empty().await.unwrap(),
        BucketEnd::NotEmpty
    );
    let all: Vec<_> = stored.iter().collect();
    store.delete(&all).await.unwrap();
    assert_eq!(store.list("").await.unwrap(), []);
    assert_eq!(
        store.delete_bucket_if_empty().await.unwrap(),
        BucketEnd::Deleted
    );
    assert_eq!(
        store.observe_bucket().await.unwrap(),
        ObservedBucket::Absent
    );
    assert_eq!(
        store.delete_bucket_if_empty().await.unwrap(),
        BucketEnd::Absent
    );
    assert_eq!(store.list("").await.unwrap(), []);
    assert_eq!(store.abort_uploads("my_agent/").await.unwrap(), 0);
    assert_eq!(
        store.held(&runtime(), &first.archive).await.unwrap(),
        Held::default()
    );
}

#[tokio::test]
async fn a_killed_upload_is_taken_up_and_what_it_left_is_found() {
    let emulator = Ministack::start();
    let store = store(&emulator.url()).await;
    let made = made((1, 5 * MEBIBYTE), (2, 1000));
    // As if the run was killed in the middle of the archive, after the dependencies.
    let key = plan::dependencies_key(&runtime(), &made.archive.dependencies);
    let beginning = made.bytes[..5 * MEBIBYTE].to_vec();
    sdk(&store)
        .put_object()
        .bucket(store.bucket())
        .key(&key)
        .body(beginning.into())
        .send()
        .await
        .unwrap();
    let archive_key = plan::archive_key(&runtime(), &made.archive);
    sdk(&store)
        .create_multipart_upload()
        .bucket(store.bucket())
        .key(&archive_key)
        .send()
        .await
        .unwrap();

    let held = store.held(&runtime(), &made.archive).await.unwrap();
    let uploaded = store
        .put(&runtime(), &made.archive, &held, &quiet)
        .await
        .unwrap();
    assert_eq!((uploaded.how, uploaded.sent_bytes), (How::Composed, 1000));
    assert!(download(&store, &archive_key).await == made.bytes);
    assert_eq!(store.abort_uploads("my_agent_prod/").await.unwrap(), 0);
    assert_eq!(store.abort_uploads("my_agent/").await.unwrap(), 1);
    assert_eq!(store.abort_uploads("my_agent/").await.unwrap(), 0);
}

#[tokio::test]
async fn two_uploads_of_one_archive_at_once_are_one_archive() {
    for emulator in [Ministack::start(), Moto::start()] {
        let store = store(&emulator.url()).await;
        let made = made((1, 5 * MEBIBYTE), (2, 1000));
        let held = Held::default();
        let name = runtime();
        let put = || store.put(&name, &made.archive, &held, &quiet);
        let (one, other) = tokio::join!(put(), put());
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.key, other.key);
        assert!(download(&store, &one.key).await == made.bytes);
        assert_eq!(store.list("").await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn every_version_goes_where_somebody_switched_versions_on() {
    use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
    let emulator = Ministack::start();
    let store = store_in("us-east-1", &emulator.url()).await;
    store.ensure_bucket(&BTreeMap::new()).await.unwrap();
    sdk(&store)
        .put_bucket_versioning()
        .bucket(store.bucket())
        .versioning_configuration(
            VersioningConfiguration::builder()
                .status(BucketVersioningStatus::Enabled)
                .build(),
        )
        .send()
        .await
        .unwrap();
    let made = made((1, 10), (2, 10));
    for _ in 0..2 {
        let held = Held::default();
        let uploaded = store
            .put(&runtime(), &made.archive, &held, &quiet)
            .await
            .unwrap();
        store.discard(&uploaded.key).await.unwrap();
    }
    let stored = store.list("my_agent/").await.unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].versions.len(), 4, "two versions, two markers");
    store.delete(&[&stored[0]]).await.unwrap();
    assert_eq!(
        store.delete_bucket_if_empty().await.unwrap(),
        BucketEnd::Deleted
    );
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_packaged_is_not_sent() {
    let emulator = Ministack::start();
    let store = store(&emulator.url()).await;
    let made = made((1, 5 * MEBIBYTE), (2, 1000));
    let length = made.bytes.len();
    for at in [0, length - 1] {
        let mut other = made.bytes.clone();
        other[at] ^= 1;
        std::fs::write(&made.archive.path, &other).unwrap();
        let held = Held::default();
        let failure = store
            .put(&runtime(), &made.archive, &held, &quiet)
            .await
            .unwrap_err();
        let what = &failure.messages[0].what;
        assert!(what.ends_with("changed after it was packaged"), "{what}");
    }
    assert_eq!(store.list("").await.unwrap(), []);
}
