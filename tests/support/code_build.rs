//! CodeBuild, in front of an emulator that keeps everything else: no emulator builds, or updates a
//! project. A build runs its script from the sources in the bucket with a `docker` that only records
//! its words, and registers an image in the emulator's repository.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Read as _,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use hyper::{Request, body::Bytes};
use serde_json::{Value, json};

use super::{
    actions::Asked,
    emulator::Emulator,
    proxy::{Proxy, forward, in_front_of},
    server::{Answer, Reply, Server},
};

/// What happens to a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Succeeds,
    /// It has succeeded before anything looks at it.
    SucceedsAtOnce,
    /// A command fails.
    Fails,
    /// CodeBuild is not allowed to read the sources yet.
    FailsEarly,
    /// It succeeds without a push.
    ForgetsTheImage,
    /// It goes on until it is stopped.
    Hangs,
}

pub struct CodeBuild {
    server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    /// By name.
    projects: BTreeMap<String, Value>,
    fates: VecDeque<Fate>,
    builds: Vec<Build>,
    /// The words that `docker` got.
    words: Vec<String>,
    port: u16,
    folder: PathBuf,
}

struct Build {
    id: String,
    fate: Fate,
    /// How often it was looked at.
    looks: usize,
    stopped: bool,
    has_pushed: bool,
    asked: Value,
    group: String,
}

const DOCKER: &str = "#!/bin/sh\nif [ \"$1\" = image ]; then echo linux/arm64; exit; fi\nfor word in \"$@\"; do printf '%s\\0' \"$word\"; done >> \"$WORDS\"\n";

/// How often a build is seen running.
const RUNNING: usize = 2;

impl CodeBuild {
    /// Starts it; builds have these fates, and then succeed. `folder` is for its files.
    pub fn before(emulator: &Emulator, folder: PathBuf, fates: &[Fate]) -> Self {
        let state = Arc::new(Mutex::new(State {
            projects: BTreeMap::new(),
            fates: fates.iter().copied().collect(),
            builds: Vec::new(),
            words: Vec::new(),
            port: emulator.port(),
            folder,
        }));
        let server = in_front_of(emulator.port(), emulator.account(), &state, handle);
        Self { server, state }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns a proxy in front of it.
    pub fn proxy(&self, emulator: &Emulator) -> Proxy {
        Proxy::to_port(self.server.port(), emulator.account())
    }

    /// Returns how many builds were started.
    pub fn builds(&self) -> usize {
        self.state.lock().unwrap().builds.len()
    }

    /// Returns whether the last build was stopped.
    pub fn was_stopped(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.builds.last().is_some_and(|build| build.stopped)
    }

    /// Returns the words of every run of `docker`.
    pub fn words(&self) -> Vec<String> {
        self.state.lock().unwrap().words.clone()
    }

    /// Returns the names of the projects.
    pub fn projects(&self) -> Vec<String> {
        self.state
            .lock()
            .unwrap()
            .projects
            .keys()
            .cloned()
            .collect()
    }

    /// Changes the projects as somebody else would.
    pub fn change(&self, change: impl Fn(&mut Value)) {
        let mut state = self.state.lock().unwrap();
        state.projects.values_mut().for_each(change);
    }

    /// Lets the last build succeed.
    pub fn finish(&self) {
        let mut state = self.state.lock().unwrap();
        if let Some(build) = state.builds.last_mut() {
            build.fate = Fate::Succeeds;
        }
    }

    /// What happens to the next builds.
    pub fn then(&self, fates: &[Fate]) {
        self.state.lock().unwrap().fates = fates.iter().copied().collect();
    }
}

async fn handle(
    state: Arc<Mutex<State>>,
    request: Request<Bytes>,
    asked: Asked,
    port: u16,
) -> Reply {
    let target = asked.target.clone().unwrap_or_default();
    let body = asked.json();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let answer = match (asked.service.as_str(), operation) {
        ("codebuild", operation)
            if operation.contains("Project") && !operation.contains("Builds") =>
        {
            Some(state.lock().unwrap().project(operation, &body))
        }
        ("codebuild", "StartBuild") => {
            let started = state.lock().unwrap().start(&body);
            // Outside of the lock, because the image goes to the emulator.
            let source = body["sourceLocationOverride"].as_str().unwrap_or_default();
            if [Fate::Succeeds, Fate::SucceedsAtOnce, Fate::Hangs].contains(&started) {
                let path = format!("/{source}");
                let zip = forward(signed("GET", &path, "s3", None, Bytes::new()), port).await;
                let zip = zip.expect("the emulator answers").body();
                let words = state.lock().unwrap().run(&zip, &body);
                state.lock().unwrap().words.extend(words);
            }
            if started == Fate::SucceedsAtOnce {
                push(&body, port).await;
            }
            let state = state.lock().unwrap();
            let build = state.builds.last().expect("one was started");
            Some(json!({ "build": build.value() }))
        }
        ("codebuild", "BatchGetBuilds") => {
            let ids = body["ids"].as_array().cloned().unwrap_or_default();
            let pushing = state.lock().unwrap().pushing();
            for asked in pushing {
                push(&asked, port).await;
            }
            let mut state = state.lock().unwrap();
            let found: Vec<Value> = state
                .builds
                .iter_mut()
                .filter(|build| ids.contains(&json!(build.id)))
                .map(|build| {
                    build.looks += 1;
                    build.value()
                })
                .collect();
            Some(json!({ "builds": found }))
        }
        ("codebuild", "ListBuildsForProject") => {
            let state = state.lock().unwrap();
            let ids: Vec<&str> = state
                .builds
                .iter()
                .rev()
                .map(|build| build.id.as_str())
                .collect();
            Some(json!({ "ids": ids }))
        }
        ("codebuild", "StopBuild") => {
            let mut state = state.lock().unwrap();
            let build = state.builds.iter_mut().find(|build| body["id"] == build.id);
            let build = build.expect("it was started");
            build.stopped = true;
            Some(json!({ "build": build.value() }))
        }
        ("logs", "GetLogEvents") => {
            let first = body["nextToken"].is_null();
            let lines = ["step 1: COPY", "step 2: \u{1b}[31mRUN make"];
            let events: Vec<Value> = lines
                .iter()
                .filter(|_| first)
                .map(|line| json!({ "message": format!("{line}\n"), "timestamp": 0 }))
                .collect();
            Some(json!({ "events": events, "nextForwardToken": "f/1" }))
        }
        _ => None,
    };
    match answer {
        Some(answer) => Reply::Answer(Answer::json(200, &answer)),
        None => match forward(request, port).await {
            Some(answer) => Reply::Answer(answer),
            None => Reply::Silence,
        },
    }
}

/// Returns a request that the emulator takes as signed.
fn signed(
    method: &str,
    path: &str,
    service: &str,
    target: Option<&str>,
    body: Bytes,
) -> Request<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", format!("{service}.us-east-1.amazonaws.com"))
        .header("content-type", "application/x-amz-json-1.1")
        .header("content-length", body.len().to_string())
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        );
    if let Some(target) = target {
        request = request.header("x-amz-target", target);
    }
    request.body(body).expect("it is a request")
}

/// Registers an image in the emulator's repository.
async fn push(body: &Value, port: u16) {
    let image = variable(body, "AGENTCORE_IMAGE");
    let (place, tag) = image.rsplit_once(':').expect("an image has a tag");
    let (_, name) = place.split_once('/').expect("an image is in a registry");
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    // The image differs with what is built.
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": digest("c") },
        "layers": [{
            "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "size": 3,
            "digest": format!("sha256:{}", variable(body, "AGENTCORE_SOURCES")),
        }],
    });
    let put =
        json!({ "repositoryName": name, "imageTag": tag, "imageManifest": manifest.to_string() });
    let target = "AmazonEC2ContainerRegistry_V20150921.PutImage";
    let request = signed("POST", "/", "ecr", Some(target), put.to_string().into());
    let answer = forward(request, port).await.expect("the emulator answers");
    let said = String::from_utf8_lossy(&answer.body()).into_owned();
    assert_eq!(answer.status, 200, "{said}");
}

fn variable(body: &Value, name: &str) -> String {
    let variables = body["environmentVariablesOverride"].as_array();
    let mut variables = variables.into_iter().flatten();
    let found = variables.find(|variable| variable["name"] == name);
    found
        .and_then(|found| found["value"].as_str())
        .unwrap_or_default()
        .to_owned()
}

impl State {
    /// Reads and writes projects.
    fn project(&mut self, operation: &str, body: &Value) -> Value {
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        match operation {
            "BatchGetProjects" => {
                let names = body["names"].as_array().cloned().unwrap_or_default();
                let names = names.iter().filter_map(Value::as_str);
                let found: Vec<&Value> = names.filter_map(|name| self.projects.get(name)).collect();
                json!({ "projects": found })
            }
            "DeleteProject" => {
                self.projects.remove(&name);
                json!({})
            }
            _ => {
                let mut project = body.clone();
                // The service adds members.
                project["environment"]["environmentVariables"] = json!([]);
                project["badge"] = json!({ "badgeEnabled": false });
                let is_there = self.projects.contains_key(&name);
                assert_eq!(is_there, operation == "UpdateProject", "{name}");
                self.projects.insert(name, project.clone());
                json!({ "project": project })
            }
        }
    }

    fn start(&mut self, body: &Value) -> Fate {
        let fate = self.fates.pop_front().unwrap_or(Fate::Succeeds);
        let project = body["projectName"].as_str().unwrap_or_default();
        self.builds.push(Build {
            id: format!("{project}:{}", self.builds.len()),
            fate,
            looks: 0,
            stopped: false,
            has_pushed: false,
            asked: body.clone(),
            group: format!("/aws/codebuild/{project}"),
        });
        fate
    }

    /// Returns the requests of the builds that push their image now.
    fn pushing(&mut self) -> Vec<Value> {
        let builds = self.builds.iter_mut();
        let due = builds.filter(|build| build.fate == Fate::Succeeds && !build.has_pushed);
        let asked = due.map(|build| {
            build.has_pushed = true;
            build.asked.clone()
        });
        asked.collect()
    }

    /// Unpacks the sources and runs their script.
    fn run(&self, zip: &Bytes, body: &Value) -> Vec<String> {
        let place = self.folder.join(format!("build-{}", self.builds.len()));
        std::fs::create_dir_all(place.join("bin")).unwrap();
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip.to_vec())).unwrap();
        for at in 0..archive.len() {
            let mut file = archive.by_index(at).unwrap();
            let name = file.name().unwrap().into_owned();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            std::fs::write(place.join(&*name), bytes).unwrap();
        }
        std::fs::write(place.join("bin/docker"), DOCKER).unwrap();
        let words = place.join("words");
        let script =
            "chmod +x bin/docker && tar -xf sources.tar && PATH=\"$PWD/bin:$PATH\" sh build.sh";
        let ran = Command::new("sh")
            .args(["-ec", script])
            .current_dir(&place)
            .env("WORDS", &words)
            .env("AGENTCORE_IMAGE", variable(body, "AGENTCORE_IMAGE"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        let words = std::fs::read_to_string(words).unwrap();
        words.split_terminator('\0').map(str::to_owned).collect()
    }
}

impl Build {
    fn value(&self) -> Value {
        let is_over = match self.fate {
            _ if self.stopped => true,
            Fate::SucceedsAtOnce => true,
            Fate::Hangs => false,
            Fate::Succeeds | Fate::Fails | Fate::FailsEarly | Fate::ForgetsTheImage => {
                self.looks > RUNNING
            }
        };
        let phase = |kind: &str, status: &str, message: &str| json!({ "phaseType": kind, "phaseStatus": status, "contexts": [{ "message": message }] });
        let (status, failed) = match self.fate {
            _ if self.stopped => ("STOPPED", None),
            _ if !is_over => ("IN_PROGRESS", None),
            Fate::Fails => (
                "FAILED",
                Some(phase(
                    "BUILD",
                    "FAILED",
                    "Error while executing command: sh build.sh. Reason: exit status 1",
                )),
            ),
            Fate::FailsEarly => (
                "FAILED",
                Some(phase(
                    "DOWNLOAD_SOURCE",
                    "CLIENT_ERROR",
                    "AccessDenied: Access Denied",
                )),
            ),
            Fate::Succeeds | Fate::SucceedsAtOnce | Fate::ForgetsTheImage | Fate::Hangs => {
                ("SUCCEEDED", None)
            }
        };
        let mut phases = vec![phase("SUBMITTED", "SUCCEEDED", "")];
        phases.extend(failed);
        json!({
            "id": self.id,
            "buildStatus": status,
            "currentPhase": if is_over { "COMPLETED" } else { "BUILD" },
            "phases": phases,
            "logs": { "groupName": self.group, "streamName": self.id },
            "environment": { "environmentVariables": self.asked["environmentVariablesOverride"] },
        })
    }
}
