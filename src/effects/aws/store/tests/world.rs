//! The setup of the store's tests: a store on an emulator, archives with known bytes, and a proxy
//! in between.
#![expect(clippy::disallowed_methods, reason = "tests touch the world")]

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use aws_smithy_http_client::Builder;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{
    super::Store,
    server::{Answer, Reply, Server},
};
use crate::{
    effects::aws::session::{self, Request as Wanted},
    error::Failure,
    names::{ProjectId, Region, RuntimeName},
    package::archive::{Archive, Compiled, Dependencies},
    resources::bucket::BucketStep,
    text::hex,
};

pub(super) const MEBIBYTE: usize = 1024 * 1024;

pub(super) fn project() -> ProjectId {
    ProjectId::parse("my-agent-7k2qpx").unwrap()
}

pub(super) fn runtime() -> RuntimeName {
    RuntimeName::parse("my_agent").unwrap()
}

pub(super) async fn store_in(region: &str, url: &str) -> Store {
    let wanted = Wanted {
        region: Some(Region::parse(region).unwrap()),
        endpoint_url: Some(url.to_owned()),
        local: true,
        ..Wanted::default()
    };
    let mut session = session::open(&wanted).await.expect("the emulator answers");
    // It acts as AWS, where a name alone proves nothing.
    session.local = false;
    Store::new(&session, &project())
}

/// Returns a store that treats the emulator like S3, as if it was reached over TLS.
pub(super) async fn store_over_tls(url: &str) -> Store {
    Store {
        over_tls: true,
        ..store_in("us-west-2", url).await
    }
}

/// Returns a store whose bucket is ready.
pub(super) async fn store(url: &str) -> Store {
    let store = store_in("us-west-2", url).await;
    store
        .ensure_bucket(&BTreeMap::new())
        .await
        .expect("a bucket can be made");
    store
}

/// An archive on disk and its bytes; equal numbers produce equal bytes.
pub(super) struct Made {
    pub(super) archive: Archive,
    pub(super) bytes: Vec<u8>,
    _directory: TempDir,
}

pub(super) fn made(dependencies: (u64, usize), rest: (u64, usize)) -> Made {
    let beginning = random(dependencies);
    let end = random(rest);
    let bytes = [beginning.as_slice(), end.as_slice()].concat();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deployment.zip");
    std::fs::write(&path, &bytes).unwrap();
    Made {
        archive: Archive {
            path,
            size: bytes.len() as u64,
            id: sha256(&bytes),
            source: sha256(&bytes),
            bytecode: Compiled::Yes,
            dependencies: Dependencies {
                size: beginning.len() as u64,
                sha256: sha256(&beginning),
                md5: Md5::digest(&beginning).into(),
            },
            rest_md5: Md5::digest(&end).into(),
        },
        bytes,
        _directory: directory,
    }
}

fn random((seed, length): (u64, usize)) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the SDK's client, with which the tests look at a store's bucket.
pub(super) fn sdk(store: &Store) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&store.s3.client.connection.sdk)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

pub(super) async fn download(store: &Store, key: &str) -> Vec<u8> {
    let answer = sdk(store)
        .get_object()
        .bucket(store.bucket())
        .key(key)
        .customize()
        // An archive is larger than the answers that the program accepts.
        .config_override(aws_sdk_s3::Config::builder().http_client(Builder::new().build_http()))
        .send()
        .await
        .expect("the object is there");
    answer.body.collect().await.unwrap().into_bytes().to_vec()
}

/// Starts a proxy between a store and an emulator. The first closure may answer a request;
/// otherwise the emulator does, and the second closure may change its answer.
pub(in crate::effects::aws) fn proxy<B, A>(port: u16, before: B, after: A) -> Server
where
    B: Fn(&mut Request<Bytes>) -> Option<Answer> + Send + Sync + 'static,
    A: Fn(&Request<Bytes>, Answer) -> Answer + Send + Sync + 'static,
{
    let hooks = Arc::new((before, after));
    Server::start(move |mut request| {
        let hooks = Arc::clone(&hooks);
        async move {
            if let Some(answer) = hooks.0(&mut request) {
                return Reply::Answer(answer);
            }
            let answer = forward(port, &request).await;
            Reply::Answer(hooks.1(&request, answer))
        }
    })
}

async fn forward(port: u16, request: &Request<Bytes>) -> Answer {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = request.clone().into_parts();
    let answer = sender
        .send_request(Request::from_parts(head, Full::new(body)))
        .await
        .unwrap();
    let (head, body) = answer.into_parts();
    let mut passed = Answer::new(
        head.status.as_u16(),
        "",
        body.collect().await.unwrap().to_bytes(),
    );
    passed.headers = head
        .headers
        .iter()
        .filter(|(name, _)| **name != header::TRANSFER_ENCODING)
        .filter(|(name, _)| **name != header::CONNECTION)
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    passed
}

/// Returns the answer with an edited body.
pub(super) fn edited(answer: Answer, edit: impl FnOnce(String) -> String) -> Answer {
    let body = edit(String::from_utf8(answer.body().to_vec()).unwrap());
    let mut edited = Answer::new(answer.status, "", body);
    edited.headers = answer.headers;
    edited
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    edited
}

pub(super) fn error(status: u16, code: &str) -> Answer {
    Answer::new(
        status,
        "application/xml",
        format!("<Error><Code>{code}</Code><Message>said so</Message></Error>"),
    )
}

pub(super) fn is_copy(request: &Request<Bytes>) -> bool {
    request.headers().contains_key("x-amz-copy-source")
}

pub(super) fn is_complete(request: &Request<Bytes>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == "POST" && query.contains("uploadId=")
}

/// Forwards bytes, and closes the first connection that has carried `limit` of them in mid-request.
pub(in crate::effects::aws) struct Cutting {
    pub(in crate::effects::aws) url: String,
    pub(in crate::effects::aws) cuts: Arc<AtomicUsize>,
}

pub(in crate::effects::aws) fn cutting(port: u16, limit: usize) -> Cutting {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cuts = Arc::new(AtomicUsize::new(0));
    let (count, armed) = (Arc::clone(&cuts), Arc::new(AtomicBool::new(true)));
    // Runs until the test process ends.
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (armed, count) = (Arc::clone(&armed), Arc::clone(&count));
            let emulator = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (back, to) = (emulator.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || relay(back, to, |_| false));
            std::thread::spawn(move || {
                relay(client, emulator, |passed| {
                    let cut = passed > limit && armed.swap(false, Ordering::SeqCst);
                    count.fetch_add(usize::from(cut), Ordering::SeqCst);
                    cut
                });
            });
        }
    });
    Cutting { url, cuts }
}

fn relay(mut from: TcpStream, mut to: TcpStream, cut: impl Fn(usize) -> bool) {
    let mut buffer = [0; 16 * 1024];
    let mut passed = 0;
    while let Ok(length) = from.read(&mut buffer)
        && length > 0
    {
        passed += length;
        if cut(passed) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Ends the other direction, too.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

impl Store {
    /// Prepares the bucket as a deploy does, and returns the steps that were needed.
    pub(in crate::effects::aws) async fn ensure_bucket(
        &self,
        declared: &BTreeMap<String, String>,
    ) -> Result<Vec<BucketStep>, Failure> {
        let steps = self.bucket_steps(declared).await?;
        self.prepare_bucket(&steps).await?;
        Ok(steps)
    }
}
