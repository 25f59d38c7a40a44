//! A registry with a base image, as public ones are: it demands an anonymous token, has an index of
//! images for several platforms, and refers to another address for layers.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex},
};

use flate2::{Compression, write::GzEncoder};
use hyper::{Request, body::Bytes};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::server::{Answer, Reply, Server};

/// The size of the base image's layer.
const SIZE: usize = 4 * 1024 * 1024;

/// What happens to a request instead of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    Status(u16),
    /// Every token becomes invalid.
    Expired,
    /// The answer breaks off.
    Torn,
    /// Other content of the same length.
    Other,
}

pub(crate) struct Registry {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By `manifests/<reference>` or `blobs/<digest>`.
    content: BTreeMap<String, Bytes>,
    /// By the beginning of the path, with how often it happens.
    troubles: Vec<(String, usize, Trouble)>,
    asked: Vec<String>,
    /// Tokens that are accepted.
    token: usize,
}

fn digest(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"));
    format!("sha256:{digits}")
}

impl Registry {
    /// Starts a registry with `python:3.13`.
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let reply = answer(&mut shared.lock().unwrap(), &request);
            async move { reply }
        });
        let registry = Self { server, state };
        registry.push("3.13", "3.13.2", "arm64");
        registry
    }

    /// Returns the reference of an image in it.
    pub(crate) fn image(&self, reference: &str) -> String {
        format!("{}/library/python:{reference}", self.host())
    }

    fn host(&self) -> String {
        self.server.url().replace("http://", "")
    }

    /// Adds an image with this version of Python, and returns the digest of its index.
    pub(crate) fn push(&self, tag: &str, python: &str, processor: &str) -> String {
        let mut noise = vec![0; SIZE];
        fastrand::Rng::with_seed(7).fill(&mut noise);
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(noise.len() as u64);
        header.set_mode(0o755);
        tar.append_data(&mut header, "usr/local/bin/python3", &noise[..])
            .unwrap();
        let tar = tar.into_inner().unwrap();
        let mut layer = GzEncoder::new(Vec::new(), Compression::fast());
        layer.write_all(&tar).unwrap();
        let layer = layer.finish().unwrap();
        let config = json!({
            "architecture": processor, "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/bin:/usr/bin", format!("PYTHON_VERSION={python}")],
                "Cmd": ["python3"],
                "Labels": { "theirs": "kept" },
            },
            "rootfs": { "type": "layers", "diff_ids": [digest(&tar)] },
            "history": [
                { "created_by": "ADD root" },
                { "created_by": "CMD python3", "empty_layer": true },
            ],
        })
        .to_string();
        let descriptor = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": descriptor("application/vnd.docker.container.image.v1+json", config.as_bytes()),
            "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)],
        })
        .to_string();
        let mut of_arm = descriptor(
            "application/vnd.docker.distribution.manifest.v2+json",
            manifest.as_bytes(),
        );
        of_arm["platform"] = json!({ "os": "linux", "architecture": processor, "variant": "v8" });
        let other = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest(b"attestation"), "size": 11,
            "platform": { "os": "unknown", "architecture": "unknown" },
        });
        let index = json!({ "schemaVersion": 2, "manifests": [other, of_arm] }).to_string();
        let mut state = self.state.lock().unwrap();
        for (place, content) in [
            (format!("manifests/{tag}"), index.clone().into_bytes()),
            (
                format!("manifests/{}", digest(index.as_bytes())),
                index.clone().into_bytes(),
            ),
            (
                format!("manifests/{}", digest(manifest.as_bytes())),
                manifest.clone().into_bytes(),
            ),
            (
                format!("blobs/{}", digest(config.as_bytes())),
                config.clone().into_bytes(),
            ),
            (format!("blobs/{}", digest(&layer)), layer.clone()),
        ] {
            state.content.insert(place, content.into());
        }
        digest(index.as_bytes())
    }

    /// Forgets everything that is stored.
    pub(crate) fn forget(&self) {
        self.state.lock().unwrap().content.clear();
    }

    /// Disturbs the next requests whose path begins so: `manifests/`, `layers/` or `token`.
    pub(crate) fn trouble(&self, path: &str, times: usize, trouble: Trouble) {
        let mut state = self.state.lock().unwrap();
        state.troubles.push((path.to_owned(), times, trouble));
    }

    /// Returns the paths that were asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

fn answer(state: &mut State, request: &Request<Bytes>) -> Reply {
    let path = request.uri().path().to_owned();
    let host = request.headers()["host"].to_str().unwrap().to_owned();
    let short = path.trim_start_matches("/v2/library/python/");
    let short = short.trim_start_matches('/').to_owned();
    state.asked.push(short.clone());
    let found = state
        .troubles
        .iter_mut()
        .find(|(begins, left, _)| *left > 0 && short.starts_with(begins.as_str()));
    let trouble = found.map(|(_, left, trouble)| {
        *left -= 1;
        trouble.clone()
    });
    if matches!(trouble, Some(Trouble::Expired)) {
        state.token += 1;
    }
    if let Some(Trouble::Status(status)) = trouble {
        let busy = Answer::json(
            status,
            &json!({ "errors": [{ "code": "BUSY", "message": "later" }] }),
        );
        return Reply::Answer(busy.header("retry-after", "0"));
    }
    if short == "token" {
        let token = json!({ "token": format!("t{}", state.token) });
        return Reply::Answer(Answer::json(200, &token));
    }
    let (kind, reference) = short.split_once('/').unwrap_or_default();
    let authorization = request.headers().get("authorization");
    if kind == "layers" {
        // What is elsewhere must not get the token.
        assert!(authorization.is_none(), "{authorization:?}");
    } else if authorization.is_none_or(|given| *given != format!("Bearer t{}", state.token)) {
        let demand =
            format!("Bearer realm=\"http://{host}/token\",service=\"tests\",scope=\"pull\"");
        return Reply::Answer(
            Answer::new(401, "text/plain", "").header("www-authenticate", &demand),
        );
    }
    let stored = if kind == "layers" { "blobs" } else { kind };
    let Some(content) = state.content.get(&format!("{stored}/{reference}")) else {
        let unknown: Value =
            json!({ "errors": [{ "code": "MANIFEST_UNKNOWN", "message": "unknown" }] });
        return Reply::Answer(Answer::json(404, &unknown));
    };
    if kind == "blobs" && content.len() > 100_000 {
        let elsewhere = format!(
            "http://{}/layers/{reference}",
            host.replace("127.0.0.1", "localhost")
        );
        return Reply::Answer(Answer::new(307, "text/plain", "").header("location", &elsewhere));
    }
    let content = match trouble {
        Some(Trouble::Other) => vec![b' '; content.len()].into(),
        _ => content.clone(),
    };
    let whole = Answer::new(200, "application/octet-stream", content);
    Reply::Answer(match trouble {
        Some(Trouble::Torn) => whole.torn(),
        _ => whole,
    })
}
