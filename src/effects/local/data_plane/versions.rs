//! The deployed versions: which one an endpoint uses, and its code, ready to run.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex as Shared},
};

use serde_json::Value;
use tokio::sync::Mutex;

use super::{
    emulator::{Emulator, Unanswered},
    remembered::Remembered,
    unpacking::{Artifact, Runnable, Unpacking},
};
use crate::{
    config::Lifecycle,
    effects::{aws::emulated::ACCOUNT_ID, files, runtime},
    names::EndpointName,
    protocol::{
        Refusal, RuntimeArn, RuntimeRef, authorizer::Rules, contract::Contract, mounts,
        refusal::Kind, session::Lifetime,
    },
};

/// For a runtime that is named without a region.
const DEFAULT_REGION: &str = "us-east-1";

/// A version of a runtime, from the control plane's description.
#[derive(Debug)]
pub(super) struct Version {
    pub(super) number: String,
    pub(super) arn: RuntimeArn,
    pub(super) environment: Vec<(String, String)>,
    pub(super) contract: Contract,
    pub(super) lifetime: Lifetime,
    pub(super) allowed_headers: Vec<String>,
    pub(super) authorizer: Option<Rules>,
    pub(super) entrypoint: Vec<String>,
    /// The paths of file systems, which are not mounted here.
    pub(super) mounts: Vec<String>,
    /// `None` for something that does not run on this machine.
    artifact: Option<Artifact>,
    /// Locked while the code is prepared, which continues if the caller is gone.
    code: Arc<Mutex<Option<Runnable>>>,
}

/// By runtime, and by endpoint or number.
type Known = BTreeMap<(String, String), Arc<Version>>;

/// A cache of versions.
pub(super) struct Versions {
    emulator: Emulator,
    remembered: Arc<Remembered>,
    /// Where versions are unpacked.
    home: PathBuf,
    /// The workspace whose programs are not run.
    workspace: PathBuf,
    live: Shared<Known>,
    known: Shared<Known>,
}

impl Versions {
    pub(super) fn new(
        emulator: Emulator,
        remembered: Arc<Remembered>,
        home: PathBuf,
        workspace: PathBuf,
    ) -> Self {
        Self {
            emulator,
            remembered,
            home,
            workspace,
            live: Shared::default(),
            known: Shared::default(),
        }
    }

    /// Forgets the endpoints' versions after a change.
    pub(super) fn forget(&self) {
        self.live.lock().expect("no thread panics with it").clear();
    }

    /// Returns the version of an endpoint.
    pub(super) async fn live(
        &self,
        runtime: &RuntimeRef,
        endpoint: &EndpointName,
    ) -> Result<Arc<Version>, Refusal> {
        let id = runtime.id();
        let key = (id.to_owned(), endpoint.to_string());
        if let Some(version) = self
            .live
            .lock()
            .expect("no thread panics with it")
            .get(&key)
        {
            return Ok(Arc::clone(version));
        }
        let region = match runtime {
            RuntimeRef::Arn(arn) => arn.region.as_str(),
            RuntimeRef::Id { .. } => DEFAULT_REGION,
        };
        let missing = Refusal::no_endpoint(endpoint.as_str(), &runtime.to_string());
        if runtime.account().as_str() != ACCOUNT_ID {
            return Err(missing);
        }
        let path = format!("/runtimes/{id}/runtime-endpoints/{endpoint}/");
        let document = match self.emulator.control(region, &path).await {
            Ok(document) => document,
            Err(Unanswered::NotFound(_)) => return Err(missing),
            Err(Unanswered::Other(why)) => return Err(Refusal::internal(&why)),
        };
        let number = ["liveVersion", "targetVersion"]
            .iter()
            .find_map(|name| document[*name].as_str())
            .unwrap_or("1")
            .to_owned();
        let Some(version) = self.version(region, id, &number).await? else {
            return Err(missing);
        };
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
    ) -> Result<Option<Arc<Version>>, Refusal> {
        let key = (runtime.to_owned(), number.to_owned());
        if let Some(version) = self
            .known
            .lock()
            .expect("no thread panics with it")
            .get(&key)
        {
            return Ok(Some(Arc::clone(version)));
        }
        let path = format!("/runtimes/{runtime}/?version={number}");
        let mut document = match self.emulator.control(region, &path).await {
            Ok(document) => document,
            Err(Unanswered::NotFound(_)) => return Ok(None),
            Err(Unanswered::Other(why)) => return Err(Refusal::internal(&why)),
        };
        self.remembered.complete(runtime, number, &mut document);
        let version = Arc::new(read(number, &document)?);
        let mut known = self.known.lock().expect("no thread panics with it");
        Ok(Some(Arc::clone(known.entry(key).or_insert(version))))
    }

    /// Returns the version's code. The first caller prepares it. A failure is not cached: the next
    /// caller tries again.
    pub(super) async fn code(&self, version: &Version) -> Result<Runnable, Refusal> {
        let mut kept = Arc::clone(&version.code).lock_owned().await;
        if let Some(code) = &*kept {
            return Ok(code.clone());
        }
        let Some(artifact) = &version.artifact else {
            return Err(Refusal::new(
                Kind::RuntimeClient,
                "only archives with a Python agent and images of the local registry run on this machine, and this version is something else",
            ));
        };
        let unpacking = Unpacking {
            emulator: self.emulator.clone(),
            region: version.arn.region.to_string(),
            artifact: artifact.clone(),
            home: self.home_of(&version.arn.id, &version.number),
            workspace: self.workspace.clone(),
        };
        let unpacked = tokio::spawn(async move {
            let code = unpacking.run().await?;
            *kept = Some(code.clone());
            Ok(code)
        });
        unpacked
            .await
            .unwrap_or_else(|error| Err(Refusal::internal(&error.to_string())))
    }

    /// Prepares the code of a version before its first call. Errors are reported to the first
    /// caller.
    pub(super) async fn code_ahead(&self, region: &str, runtime: &str, number: &str) {
        if let Ok(Some(version)) = self.version(region, runtime, number).await {
            let _ = self.code(&version).await;
        }
    }

    /// Removes the files of a deleted runtime, and forgets it.
    pub(super) async fn remove(&self, runtime: &str) {
        for version in self.take(runtime) {
            // Waits for a preparation in progress.
            let _kept = version.code.lock().await;
            let home = self.home_of(runtime, &version.number);
            let removal = move |_: &(dyn Fn(()) + Sync)| files::remove_tree(&home);
            // Files that cannot be removed now are removed at the next start of the local
            // AgentCore.
            let _ = runtime::aside(removal, |()| {}).await;
        }
    }

    fn take(&self, runtime: &str) -> Vec<Arc<Version>> {
        let mut known = self.known.lock().expect("no thread panics with it");
        let mut taken = Vec::new();
        known.retain(|(of, _), version| {
            if of == runtime {
                taken.push(Arc::clone(version));
            }
            of != runtime
        });
        taken
    }

    fn home_of(&self, runtime: &str, number: &str) -> PathBuf {
        self.home.join(format!("{runtime}-{number}"))
    }
}

fn read(number: &str, document: &Value) -> Result<Version, Refusal> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let arn = document["agentRuntimeArn"].as_str().unwrap_or_default();
    let code = &document["agentRuntimeArtifact"]["codeConfiguration"];
    let environment = document["environmentVariables"].as_object();
    let strings = |value: &Value| -> Vec<String> {
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(text).collect()
    };
    let lifecycle = &document["lifecycleConfiguration"];
    let seconds = |name: &str| {
        let seconds = lifecycle[name].as_u64();
        seconds.and_then(|seconds| u32::try_from(seconds).ok())
    };
    Ok(Version {
        number: number.to_owned(),
        arn: RuntimeArn::parse(arn).map_err(|why| Refusal::internal(&why))?,
        environment: environment
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
            .collect(),
        contract: Contract::read(document)?,
        lifetime: Lifetime::of(Lifecycle {
            idle_timeout: seconds("idleRuntimeSessionTimeout"),
            max_lifetime: seconds("maxLifetime"),
        }),
        allowed_headers: strings(&document["requestHeaderConfiguration"]["requestHeaderAllowlist"]),
        authorizer: Rules::read(document),
        entrypoint: strings(&code["entryPoint"]),
        mounts: mounts::paths(&document["filesystemConfigurations"]),
        artifact: Artifact::read(&document["agentRuntimeArtifact"]),
        code: Arc::default(),
    })
}
