//! Faults in transit, on real sockets between the client and a real registry.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use hyper::{Request, body::Bytes};
use serde_json::json;

use super::{
    super::{Kind, Sent, part::Part},
    world::{PASSWORD, Server, cutting, layer, proxy, registry},
};
use crate::effects::aws::store::tests::server::Answer;

fn is_upload(request: &Request<Bytes>) -> bool {
    request.method() == "PUT" && request.uri().path().contains("/blobs/uploads/")
}

fn is_manifest(request: &Request<Bytes>) -> bool {
    request.method() == "PUT" && request.uri().path().contains("/manifests/")
}

fn error(status: u16, code: &str) -> Answer {
    let error = json!({ "errors": [{ "code": code, "message": "said so" }] });
    Answer::json(status, &error)
}

/// Whatever fails once in the middle of a push is repeated, and the image arrives whole.
#[tokio::test]
async fn a_fault_in_the_middle_of_a_push_is_repeated() {
    let server = Server::start();
    for (at, (status, of)) in [
        (401, is_upload as fn(&Request<Bytes>) -> bool),
        (429, is_upload),
        (500, is_upload),
        (503, is_manifest),
        (401, is_manifest),
        (429, is_manifest),
    ]
    .into_iter()
    .enumerate()
    {
        let faults = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&faults);
        let between = proxy(
            server.port,
            move |request| {
                let fails = of(request) && count.fetch_add(1, Ordering::SeqCst) == 0;
                fails.then(|| error(status, "FAULT").header("retry-after", "0"))
            },
            |_, answer| answer,
        );
        let (image, sent) = (layer(100_000 + at), Sent::default());
        let pushed = registry(&between.url(), PASSWORD).push(&image, &sent).await;
        let pushed = pushed.unwrap_or_else(|error| panic!("{status}: {error:?}"));
        assert!(faults.load(Ordering::SeqCst) > 1, "{status} was repeated");
        // A layer that was sent twice counts once.
        assert_eq!(sent.bytes(), pushed.bytes, "{status}");
        let direct = registry(&server.url(), PASSWORD);
        assert_eq!(direct.missing(&image).await, Ok(0), "{status}");
    }
}

#[tokio::test]
async fn a_cut_inside_a_blob_sends_the_blob_again() {
    let server = Server::start();
    let between = cutting(server.port, 1 << 20);
    let (image, sent) = (layer(4 << 20), Sent::default());
    let client = registry(&between.url, PASSWORD);
    let pushed = client.push(&image, &sent).await.unwrap();
    assert_eq!(between.cuts.load(Ordering::SeqCst), 1);
    assert_eq!(sent.bytes(), pushed.bytes);
    let direct = registry(&server.url(), PASSWORD);
    assert_eq!(direct.missing(&image).await, Ok(0));
}

#[tokio::test]
async fn a_push_that_ended_early_is_completed_by_the_next_one() {
    let server = Server::start();
    let image = layer(2 << 20);
    // As if the run was killed after the first layer, and in the middle of the second.
    let client = registry(&server.url(), PASSWORD);
    client
        .push_part(&Part::from(&image.layers[0]), &Sent::default())
        .await
        .unwrap();
    client.begin(&image.layers[1].digest).await.unwrap();
    assert_eq!(server.unfinished(), 1);
    let next = registry(&server.url(), PASSWORD);
    let pushed = next.push(&image, &Sent::default()).await.unwrap();
    assert_eq!(pushed.bytes, image.layers[1].size() + image.config.size());
    assert_eq!(next.missing(&image).await, Ok(0));
}

#[tokio::test]
async fn a_registry_that_stores_something_else_is_an_error() {
    for of in [is_upload as fn(&Request<Bytes>) -> bool, is_manifest] {
        let server = Server::start();
        let between = proxy(
            server.port,
            |_| None,
            move |request, mut answer: Answer| {
                if of(request) {
                    answer
                        .headers
                        .retain(|(name, _)| !name.eq_ignore_ascii_case("docker-content-digest"));
                    let other = format!("sha256:{}", "0".repeat(64));
                    return answer.header("docker-content-digest", &other);
                }
                answer
            },
        );
        let client = registry(&between.url(), PASSWORD);
        let error = client.push(&layer(10), &Sent::default()).await.unwrap_err();
        assert_eq!(error.code.as_deref(), Some("DigestMismatch"));
    }
}

/// A registry that never recovers is asked a few times, and told in its own words.
#[tokio::test]
async fn a_fault_that_stays_is_told_and_ends_the_push() {
    let server = Server::start();
    for (status, code, kind) in [
        (403, "DENIED", Kind::Denied),
        (429, "TOOMANYREQUESTS", Kind::Throttled),
        (400, "DIGEST_INVALID", Kind::Other),
    ] {
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let between = proxy(
            server.port,
            move |request| {
                if !is_upload(request) {
                    return None;
                }
                *count.lock().unwrap() += 1;
                Some(error(status, code).header("retry-after", "0"))
            },
            |_, answer| answer,
        );
        let client = registry(&between.url(), PASSWORD);
        let (image, sent) = (layer(50), Sent::default());
        let error = client.push(&image, &sent).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_deref()), (kind, Some(code)));
        assert_eq!(error.message, "said so");
        assert!(
            *asked.lock().unwrap() <= 6 * image.blobs().len(),
            "{status}"
        );
        // No manifest names a missing layer.
        assert_ne!(client.missing(&image).await, Ok(0));
    }
}

/// An upload that continues elsewhere would take the credentials there.
#[tokio::test]
async fn an_upload_is_never_continued_in_another_registry() {
    let server = Server::start();
    let between = proxy(
        server.port,
        |_| None,
        |request, mut answer: Answer| {
            if request.method() == "POST" {
                answer.headers.retain(|(name, _)| name != "location");
                return answer.header("location", "http://127.0.0.1:1/upload");
            }
            answer
        },
    );
    let client = registry(&between.url(), PASSWORD);
    let error = client.push(&layer(10), &Sent::default()).await.unwrap_err();
    assert!(error.message.contains("elsewhere"), "{error:?}");
}
