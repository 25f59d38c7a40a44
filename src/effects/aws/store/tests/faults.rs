//! Faults in transit, and behavior of AWS that the emulators lack.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_smithy_types::base64;
use hyper::{Request, body::Bytes};

use super::{
    super::{How, Store, Uploaded},
    emulator::{Emulator, Ministack, Moto},
    server::Answer,
    world::{
        MEBIBYTE, Made, cutting, download, edited, error, is_complete, is_copy, made, proxy,
        runtime, sdk, store, store_in,
    },
};
use crate::{
    error::{Exit, Failure},
    resources::bucket as plan,
};

async fn put(store: &Store, made: &Made) -> Result<Uploaded, Failure> {
    let held = store.held(&runtime(), &made.archive).await.unwrap();
    store.put(&runtime(), &made.archive, &held, &|_| {}).await
}

fn typical() -> Made {
    made((1, 5 * MEBIBYTE), (2, 1000))
}

fn nothing(_: &mut Request<Bytes>) -> Option<Answer> {
    None
}

/// Checks that the object has the right bytes and that no unfinished upload remains.
async fn assert_right(emulator: &Emulator, made: &Made) {
    let store = store_in("us-west-2", &emulator.url()).await;
    let key = plan::archive_key(&runtime(), &made.archive);
    assert!(download(&store, &key).await == made.bytes);
    assert_eq!(store.abort_uploads("").await.unwrap(), 0);
}

fn why(uploaded: &Uploaded) -> &str {
    match &uploaded.how {
        How::WholeAfter(why) => why,
        how => panic!("{how:?}"),
    }
}

#[tokio::test]
async fn a_store_that_does_not_copy_gets_all_of_it() {
    for (status, code) in [
        (501, "NotImplemented"),
        (412, "PreconditionFailed"),
        (400, "InvalidRequest"),
    ] {
        let emulator = Ministack::start();
        let proxy = proxy(
            emulator.port(),
            move |request| is_copy(request).then(|| error(status, code)),
            |_, answer| answer,
        );
        let made = typical();
        let store = store(&proxy.url()).await;
        let uploaded = put(&store, &made).await.unwrap();
        assert_eq!(
            why(&uploaded),
            format!("the store refused the copy ({code}: said so)")
        );
        assert_right(&emulator, &made).await;
    }
}

#[tokio::test]
async fn a_denied_or_expired_copy_is_an_error_and_leaves_nothing_unfinished() {
    for code in ["AccessDenied", "ExpiredToken"] {
        let emulator = Ministack::start();
        let proxy = proxy(
            emulator.port(),
            move |request| is_copy(request).then(|| error(403, code)),
            |_, answer| answer,
        );
        let made = typical();
        let store = store(&proxy.url()).await;
        let failure = put(&store, &made).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Access);
        let key = plan::archive_key(&runtime(), &made.archive);
        assert_eq!(store.find(&key).await.unwrap(), None);
        assert_eq!(store.abort_uploads("").await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_object_with_another_etag_is_deleted_and_sent_whole() {
    let emulator = Moto::start();
    let (wrong, deleted) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&deleted);
    let proxy = proxy(
        emulator.port(),
        move |request| {
            if request.method() == "DELETE"
                && request
                    .uri()
                    .query()
                    .is_none_or(|q| !q.contains("uploadId"))
            {
                count.fetch_add(1, Ordering::SeqCst);
            }
            None
        },
        move |request, answer| {
            if is_complete(request) && wrong.fetch_add(1, Ordering::SeqCst) == 0 {
                return edited(answer, |body| body.replace("-2", "-3"));
            }
            answer
        },
    );
    let made = typical();
    let store = store(&proxy.url()).await;
    let uploaded = put(&store, &made).await.unwrap();
    assert!(why(&uploaded).starts_with("what the store made differs: it has the ETag `"));
    assert_eq!(deleted.load(Ordering::SeqCst), 1);
    assert_eq!(uploaded.sent_bytes, 2 * made.archive.size);
    assert_right(&emulator, &made).await;
}

#[tokio::test]
async fn a_store_that_never_keeps_the_bytes_is_an_error_and_the_object_goes() {
    let emulator = Ministack::start();
    let proxy = proxy(emulator.port(), nothing, |request, mut answer| {
        if request.method() == "PUT" {
            answer
                .headers
                .retain(|(name, _)| !name.eq_ignore_ascii_case("etag"));
            return answer.header("etag", "\"0123\"");
        }
        answer
    });
    let made = made((1, 10), (2, 10));
    let store = store(&proxy.url()).await;
    let failure = put(&store, &made).await.unwrap_err();
    assert_eq!(failure.exit, Exit::World);
    assert!(
        failure.messages[0]
            .what
            .contains("is not what was sent: it has the ETag `0123`")
    );
    let key = plan::archive_key(&runtime(), &made.archive);
    assert_eq!(store.find(&key).await.unwrap(), None);
}

#[tokio::test]
async fn dependencies_that_were_tampered_with_are_not_used() {
    for emulator in [Ministack::start(), Moto::start()] {
        let store = store(&emulator.url()).await;
        let made = typical();
        let key = plan::dependencies_key(&runtime(), &made.archive.dependencies);
        let others = vec![7; 5 * MEBIBYTE];
        let theirs = sdk(&store).put_object().bucket(store.bucket()).key(&key);
        theirs.body(others.into()).send().await.unwrap();
        let uploaded = put(&store, &made).await.unwrap();
        assert!(why(&uploaded).ends_with("had unexpected contents and was deleted"));
        assert_eq!(store.find(&key).await.unwrap(), None);
        assert_right(&emulator, &made).await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_part_is_made_again() {
    let emulator = Ministack::start();
    let cutting = cutting(emulator.port(), 3 * MEBIBYTE);
    let made = typical();
    let store = store(&cutting.url).await;
    let uploaded = put(&store, &made).await.unwrap();
    assert_eq!(cutting.cuts.load(Ordering::SeqCst), 1);
    assert_eq!(uploaded.how, How::Composed);
    assert_right(&emulator, &made).await;
}

#[tokio::test]
async fn an_answer_to_completing_that_is_lost_does_no_harm() {
    for emulator in [Ministack::start(), Moto::start()] {
        let lost = AtomicUsize::new(0);
        let proxy = proxy(emulator.port(), nothing, move |request, answer| {
            if is_complete(request) && lost.fetch_add(1, Ordering::SeqCst) == 0 {
                answer.torn()
            } else {
                answer
            }
        });
        let made = typical();
        let store = store(&proxy.url()).await;
        put(&store, &made).await.unwrap();
        assert_right(&emulator, &made).await;
    }
}

/// Removes the checksums from a list of parts.
fn without_checksums(body: &Bytes) -> Bytes {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let mut parts = text.split("<ChecksumCRC32>");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once("</ChecksumCRC32>").unwrap().1);
    (first + &rest.collect::<String>()).into()
}

/// As on S3, the answer to the copy contains a checksum, and completing sends one for the whole
/// object. The proxy hides the latter from the emulator, which would refuse it.
#[tokio::test]
async fn a_checksum_of_the_copy_is_compared_and_one_of_the_whole_is_sent() {
    let made = typical();
    for right in [true, false] {
        let emulator = Ministack::start();
        let beginning = crc32fast::hash(&made.bytes[..5 * MEBIBYTE]);
        let copied = base64::encode((beginning ^ u32::from(!right)).to_be_bytes());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&sent);
        let proxy = proxy(
            emulator.port(),
            move |request| {
                if is_complete(request)
                    && let Some(checksum) = request.headers_mut().remove("x-amz-checksum-crc32")
                {
                    let kind = request.headers_mut().remove("x-amz-checksum-type");
                    record.lock().unwrap().push((checksum, kind));
                    *request.body_mut() = without_checksums(request.body());
                    request.headers_mut().remove("content-length");
                }
                None
            },
            move |request, answer| {
                if is_copy(request) {
                    let with = format!("<ChecksumCRC32>{copied}</ChecksumCRC32></CopyPartResult>");
                    return edited(answer, |body| body.replace("</CopyPartResult>", &with));
                }
                answer
            },
        );
        let store = store(&proxy.url()).await;
        let uploaded = put(&store, &made).await.unwrap();
        let sent = std::mem::take(&mut *sent.lock().unwrap());
        if right {
            assert_eq!(uploaded.how, How::Composed);
            let whole = base64::encode(crc32fast::hash(&made.bytes).to_be_bytes());
            let (checksum, kind) = &sent[0];
            assert_eq!(checksum, whole.as_str());
            assert_eq!(kind.as_ref().unwrap(), "FULL_OBJECT");
        } else {
            assert!(why(&uploaded).contains("had unexpected contents"));
            assert_eq!(sent, []);
        }
        assert_right(&emulator, &made).await;
    }
}

/// An organization may encrypt everything with its own key; ETags are not MD5s then.
#[tokio::test]
async fn etags_under_a_kms_key_are_not_compared() {
    let emulator = Ministack::start();
    let proxy = proxy(emulator.port(), nothing, |request, answer| {
        let is_part = request
            .uri()
            .query()
            .is_some_and(|query| query.contains("partNumber"));
        // Except for the ETag of the dependencies' two parts, because the copy depends on it.
        let mut answer = match request.method().as_str() {
            "PUT" if !is_part => {
                let mut answer = answer;
                answer
                    .headers
                    .retain(|(name, _)| !name.eq_ignore_ascii_case("etag"));
                answer.header("etag", "\"0123\"")
            }
            "POST" if is_complete(request) => edited(answer, |body| body.replace("-3", "-9")),
            _ => answer,
        };
        answer
            .headers
            .retain(|(name, _)| name != "x-amz-server-side-encryption");
        answer.header("x-amz-server-side-encryption", "aws:kms")
    });
    let store = store(&proxy.url()).await;
    for made in [
        made((1, 10), (2, 10)),
        made((1, 10), (2, 17 * MEBIBYTE)),
        made((1, 9 * MEBIBYTE), (2, 9 * MEBIBYTE)),
    ] {
        let uploaded = put(&store, &made).await.unwrap();
        assert!(
            !matches!(uploaded.how, How::WholeAfter(_)),
            "{:?}",
            uploaded.how
        );
        assert_right(&emulator, &made).await;
    }
}
