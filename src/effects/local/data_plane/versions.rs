//! What is deployed: which version an endpoint answers with, and its code, ready to run.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::OnceCell;

use super::{
    emulator::{Emulator, Unanswered},
    refusal::Refusal,
};
use crate::{
    effects::{
        files,
        local::code::{self, Code},
        programs::{Checkout, Programs},
        runtime,
    },
    error::Failure,
};

/// One version of a runtime, as the control plane describes it.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) runtime: String,
    pub(super) number: String,
    pub(super) region: String,
    pub(super) arn: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) protocol: Protocol,
    pub(super) idle_timeout: Duration,
    pub(super) max_lifetime: Duration,
    pub(super) allowed_headers: Vec<String>,
    #[expect(dead_code, reason = "checked next")]
    pub(super) authorizer: Option<Value>,
    pub(super) entrypoint: Vec<String>,
    archive: Option<Archive>,
    /// Such as `3.13`.
    python: Option<String>,
    code: OnceCell<Result<Code, Refusal>>,
}

/// Where a version's archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Archive {
    bucket: String,
    key: String,
    version: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http,
    Mcp,
    A2a,
    Agui,
}

impl Protocol {
    fn of(name: Option<&str>) -> Self {
        match name {
            Some("MCP") => Self::Mcp,
            Some("A2A") => Self::A2a,
            Some("AGUI") => Self::Agui,
            _ => Self::Http,
        }
    }

    /// The port that the service calls (FACTS of the "Runtime service contract").
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Http | Self::Agui => 8080,
            Self::Mcp => 8000,
            Self::A2a => 9000,
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Http | Self::Agui => "/invocations",
            Self::Mcp => "/mcp",
            Self::A2a => "/",
        }
    }

    pub(super) fn has_ping(self) -> bool {
        self != Self::Mcp
    }
}

/// What has been looked up so far.
pub(super) struct Versions {
    emulator: Emulator,
    /// Where versions are unpacked.
    home: PathBuf,
    /// Whose programs are not run.
    workspace: PathBuf,
    live: Mutex<BTreeMap<(String, String), Arc<Version>>>,
    known: Mutex<BTreeMap<(String, String), Arc<Version>>>,
}

/// Defaults of the service for a runtime that names none ("Runtime lifecycle settings").
const IDLE_TIMEOUT: Duration = Duration::from_mins(15);
const MAX_LIFETIME: Duration = Duration::from_hours(8);

impl Versions {
    pub(super) fn new(emulator: Emulator, home: PathBuf, workspace: PathBuf) -> Self {
        Self {
            emulator,
            home,
            workspace,
            live: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// Something about runtimes may have changed.
    pub(super) fn forget(&self) {
        self.live.lock().expect("no thread panics with it").clear();
    }

    /// The version that an endpoint answers with.
    pub(super) async fn live(
        &self,
        region: &str,
        runtime: &str,
        endpoint: &str,
    ) -> Result<Arc<Version>, Refusal> {
        let key = (runtime.to_owned(), endpoint.to_owned());
        if let Some(version) = self
            .live
            .lock()
            .expect("no thread panics with it")
            .get(&key)
        {
            return Ok(Arc::clone(version));
        }
        let path = format!("/runtimes/{runtime}/runtime-endpoints/{endpoint}/");
        let document = self
            .emulator
            .control(region, &path)
            .await
            .map_err(|error| {
                refused(
                    error,
                    &format!("endpoint `{endpoint}` of runtime `{runtime}`"),
                )
            })?;
        let number = ["liveVersion", "targetVersion"]
            .iter()
            .find_map(|name| document[*name].as_str())
            .unwrap_or("1")
            .to_owned();
        let version = self.version(region, runtime, &number).await?;
        self.live
            .lock()
            .expect("no thread panics with it")
            .insert(key, Arc::clone(&version));
        Ok(version)
    }

    async fn version(
        &self,
        region: &str,
        runtime: &str,
        number: &str,
    ) -> Result<Arc<Version>, Refusal> {
        let key = (runtime.to_owned(), number.to_owned());
        if let Some(version) = self
            .known
            .lock()
            .expect("no thread panics with it")
            .get(&key)
        {
            return Ok(Arc::clone(version));
        }
        let path = format!("/runtimes/{runtime}/?version={number}");
        let document = self
            .emulator
            .control(region, &path)
            .await
            .map_err(|error| refused(error, &format!("version {number} of runtime `{runtime}`")))?;
        let version = Arc::new(read(region, runtime, number, &document));
        let mut known = self.known.lock().expect("no thread panics with it");
        Ok(Arc::clone(known.entry(key).or_insert(version)))
    }

    /// The version's code; the first who asks makes it ready.
    pub(super) async fn code(&self, version: &Version) -> Result<Code, Refusal> {
        version
            .code
            .get_or_init(|| self.prepare(version))
            .await
            .clone()
    }

    async fn prepare(&self, version: &Version) -> Result<Code, Refusal> {
        let (Some(archive), Some(python)) = (&version.archive, &version.python) else {
            return Err(Refusal::client_error(
                "only Python archives run on this machine, and this version is something else",
            ));
        };
        let home = self
            .home
            .join(format!("{}-{}", version.runtime, version.number));
        let file = home.with_extension("zip");
        files::create_dir_all(&self.home).map_err(|error| Refusal::internal(&error.to_string()))?;
        self.emulator
            .download(
                &version.region,
                &archive.bucket,
                &archive.key,
                archive.version.as_deref(),
                &file,
            )
            .await
            .map_err(|error| match error {
                Unanswered::NotFound(why) | Unanswered::Other(why) => Refusal::client_error(&why),
            })?;
        let programs = Programs::outside(Checkout::around(&self.workspace));
        let python = python.clone();
        let prepared = {
            let file = file.clone();
            runtime::aside(
                move |_: &(dyn Fn(()) + Sync)| code::prepare(&file, &home, &python, &programs),
                |()| {},
            )
            .await
        };
        remove(&file);
        prepared.map_err(|failure| Refusal::client_error(&words(&failure)))
    }
}

fn remove(file: &Path) {
    // It is overwritten by the next one.
    let _ = files::remove_file(file);
}

fn refused(error: Unanswered, what: &str) -> Refusal {
    match error {
        Unanswered::NotFound(_) => Refusal::not_found(what),
        Unanswered::Other(why) => Refusal::internal(&why),
    }
}

fn read(region: &str, runtime: &str, number: &str, document: &Value) -> Version {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let seconds =
        |value: &Value, default: Duration| value.as_u64().map_or(default, Duration::from_secs);
    let code = &document["agentRuntimeArtifact"]["codeConfiguration"];
    let s3 = &code["code"]["s3"];
    let archive = text(&s3["bucket"])
        .zip(text(&s3["prefix"]))
        .map(|(bucket, key)| Archive {
            bucket,
            key,
            version: text(&s3["versionId"]),
        });
    let python = code["runtime"]
        .as_str()
        .and_then(|name| name.strip_prefix("PYTHON_"))
        .map(|version| version.replace('_', "."));
    let environment = document["environmentVariables"].as_object();
    let strings = |value: &Value| -> Vec<String> {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(text).collect()
    };
    let lifecycle = &document["lifecycleConfiguration"];
    let authorizer = &document["authorizerConfiguration"]["customJWTAuthorizer"];
    Version {
        runtime: runtime.to_owned(),
        number: number.to_owned(),
        region: region.to_owned(),
        arn: text(&document["agentRuntimeArn"]).unwrap_or_default(),
        environment: environment
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
            .collect(),
        protocol: Protocol::of(document["protocolConfiguration"]["serverProtocol"].as_str()),
        idle_timeout: seconds(&lifecycle["idleRuntimeSessionTimeout"], IDLE_TIMEOUT),
        max_lifetime: seconds(&lifecycle["maxLifetime"], MAX_LIFETIME),
        allowed_headers: strings(&document["requestHeaderConfiguration"]["requestHeaderAllowlist"]),
        authorizer: authorizer.is_object().then(|| authorizer.clone()),
        entrypoint: strings(&code["entryPoint"]),
        archive,
        python,
        code: OnceCell::new(),
    }
}

/// A failure in one text, for a caller that shows nothing else.
fn words(failure: &Failure) -> String {
    let lines = failure.messages.iter().flat_map(|message| {
        std::iter::once(message.what.clone())
            .chain(message.notes.iter().cloned())
            .chain(message.help.iter().map(|help| format!("help: {help}")))
    });
    lines.collect::<Vec<_>>().join("\n")
}
