//! One run of an agent.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;

use super::{Event, Events, SharedLog, layout, preloading::Preloading};
use crate::{
    effects::{
        clock,
        folder::Folder,
        local::{
            agent::{
                Agent, Launch, Line, NotReady, State, environment,
                preload::{Key, NotForked},
                ready,
            },
            data_plane::http::client,
        },
    },
    package::composition::Files,
    plan::reload::with_own_paths,
    protocol::{contract::Contract, limits},
};

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) python: PathBuf,
    pub(crate) dependencies: Option<PathBuf>,
    pub(crate) files: Files,
    /// A path in the archive.
    pub(crate) entrypoint: String,
    pub(crate) contract: Contract,
    pub(crate) region: String,
    /// The address used for AWS.
    pub(crate) address: String,
    /// The agent's own variables.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) debug: Option<Debug>,
}

impl Start {
    /// Returns the launch, and the key that preloaded imports must have for a fork.
    fn launch(&self, folder: &Folder, home: &Folder, work: &Path) -> (Launch, Option<Key>) {
        let listening = folder.path().join("listening");
        let dependencies = self.dependencies.as_deref();
        let mut list = environment::base(&home.path(), work, dependencies, &self.address);
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            list.push((name.into(), self.region.clone().into()));
        }
        let own = self.environment.iter();
        list.extend(own.map(|(name, value)| (name.into(), value.into())));
        let port = self.contract.port.to_string();
        list.push(("CARGO_AGENTCORE_PORT".into(), port.into()));
        if let Some(debug) = &self.debug {
            let port = debug.port.to_string();
            list.push(("CARGO_AGENTCORE_DEBUGGER".into(), port.into()));
        }
        // A debugger must be there from the start, so nothing is preloaded.
        let preloaded = self.dependencies.clone().filter(|_| self.debug.is_none());
        let key = preloaded.map(|preloaded| {
            list.push(("CARGO_AGENTCORE_PRELOAD".into(), preloaded.clone().into()));
            Key {
                python: self.python.clone(),
                dependencies: preloaded,
                // The agent's own folder differs between starts.
                environment: list
                    .iter()
                    .filter(|(name, _)| name != "PYTHONPATH")
                    .cloned()
                    .chain(dependencies.map(|path| ("PYTHONPATH".into(), path.into())))
                    .collect(),
            }
        });
        list.push((
            "CARGO_AGENTCORE_LISTENING".into(),
            listening.clone().into_os_string(),
        ));
        let mut args = vec![OsString::from("-u")];
        args.extend(self.debug.iter().flat_map(Debug::words));
        args.push(work.join(&self.entrypoint).into_os_string());
        let launch = Launch {
            program: self.python.clone(),
            args,
            directory: work.to_owned(),
            environment: list,
            listening,
            port: self.contract.port,
        };
        (launch, key)
    }
}

/// The debugger that an agent waits for.
#[derive(Debug, Clone)]
pub(crate) struct Debug {
    /// The path to debugpy.
    pub(crate) program: PathBuf,
    pub(crate) port: u16,
}

impl Debug {
    /// Returns Python's arguments before the script.
    fn words(&self) -> Vec<OsString> {
        let address = format!("127.0.0.1:{}", self.port);
        vec![
            // Frozen modules cannot be stepped through.
            "-Xfrozen_modules=off".into(),
            self.program.clone().into_os_string(),
            "--listen".into(),
            address.into(),
            "--wait-for-client".into(),
        ]
    }
}

/// Why an agent does not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotStarted {
    pub(crate) what: String,
    /// The end of its output.
    pub(crate) lines: Vec<String>,
}

/// A running agent.
pub(super) struct Process {
    pub(super) agent: Agent,
    pub(super) port: u16,
    pub(super) folder: Folder,
    /// The path of its ping endpoint.
    pub(super) ping: Option<&'static str>,
    requests: AtomicUsize,
    paths: Arc<Paths>,
}

/// How many lines can be queued for display.
const LINES: usize = 4096;
/// The last output may still be in the pipe when the process has ended.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// Maps paths in a layout to the original files.
struct Paths {
    root: String,
    files: Files,
}

impl Paths {
    fn own(&self, line: &str) -> String {
        with_own_paths(line, &self.root, |path| {
            let origin = self.files.get(path)?;
            Some(origin.from.display().to_string())
        })
    }
}

impl Process {
    pub(super) async fn start(
        agent: &str,
        start: Start,
        (folder, home): (&Folder, &Folder),
        (preloading, log): (&Preloading, &SharedLog),
        events: &Events,
    ) -> Result<(Self, Birth), NotStarted> {
        let failed = |what: String| NotStarted {
            what,
            lines: Vec::new(),
        };
        let code = layout::code(folder);
        let laid = home
            .create()
            .and_then(|()| folder.remove_whole())
            .and_then(|()| layout::lay(&code, &start.files));
        let work = laid.map_err(|error| failed(error.to_string()))?;
        let (launch, key) = start.launch(folder, home, &work);
        let (listening, script) = (launch.listening.clone(), work.join(&start.entrypoint));
        let paths = Arc::new(Paths {
            root: work.display().to_string(),
            files: start.files,
        });
        let (sender, lines) = mpsc::channel(LINES);
        tokio::spawn(show(
            agent.to_owned(),
            lines,
            Arc::clone(&paths),
            Arc::clone(log),
            events.clone(),
        ));
        // The debugger can take any time to connect.
        let limit = match start.debug {
            Some(_) => Duration::MAX,
            None => limits::INITIALIZATION,
        };
        let begun = begin(launch, &script, key.as_ref(), preloading, &sender).await;
        let (process, birth) = begun.map_err(|why| failed(words(&why, start.contract.port)))?;
        match ready::serves(
            &process,
            &start.contract,
            &client(),
            ready::Serves::With200,
            limit,
        )
        .await
        {
            Ok(port) => {
                if let Some(key) = key {
                    preloading.learn(key, modules(&listening));
                }
                let process = Self {
                    agent: process,
                    port,
                    folder: folder.clone(),
                    // A halted agent does not answer.
                    ping: start.contract.ping().filter(|_| start.debug.is_none()),
                    requests: AtomicUsize::new(0),
                    paths,
                };
                Ok((process, birth))
            }
            Err(why) => {
                clock::sleep(LAST_WORDS).await;
                let lines = process.last_lines();
                process.stop();
                process.ended().await;
                // The next start removes what is left.
                let _ = folder.remove_whole();
                Err(NotStarted {
                    what: words(&why, start.contract.port),
                    lines: lines.iter().map(|line| paths.own(line)).collect(),
                })
            }
        }
    }

    /// Returns the latest output, with the user's own paths.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let lines = self.agent.last_lines();
        lines.iter().map(|line| self.paths.own(line)).collect()
    }

    /// Returns the exit code.
    pub(super) fn code(&self) -> i32 {
        match self.agent.state() {
            State::Ended(code) => code,
            State::Running => 0,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.agent.state() != State::Running
    }

    /// Returns the number of requests in progress.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// How a process was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Birth {
    /// Forked from one that had imported the dependencies.
    Forked,
    /// Started from scratch, with the reason if a fork could have been expected.
    Cold(Option<String>),
}

/// Starts the agent, with a fork if possible.
async fn begin(
    launch: Launch,
    script: &Path,
    key: Option<&Key>,
    preloading: &Preloading,
    lines: &mpsc::Sender<Line>,
) -> Result<(Agent, Birth), NotReady> {
    let found = key.map_or(Err(None), |key| preloading.find(key));
    let why = match found {
        Ok(preload) => match preload.fork(launch.clone(), script, lines).await {
            Ok(agent) => return Ok((agent, Birth::Forked)),
            Err(NotForked::Refused(why)) => Some(why),
            Err(NotForked::Broken(why)) => {
                preloading.forget();
                Some(why)
            }
        },
        Err(why) => why,
    };
    Ok((Agent::start(launch, lines)?, Birth::Cold(why)))
}

/// Returns the modules of its dependencies that an agent had imported when it began to listen.
#[expect(clippy::disallowed_methods, reason = "a file of the run's own folder")]
fn modules(listening: &Path) -> Vec<String> {
    let mut file = listening.as_os_str().to_owned();
    file.push(".modules");
    // The file is missing if the agent does not listen through the hook.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A request in progress.
pub(super) struct InFlight(Arc<Process>);

impl InFlight {
    pub(super) fn of(process: &Arc<Process>) -> Self {
        process.requests.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(process))
    }

    pub(super) fn process(&self) -> &Process {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Logs and shows each line.
async fn show(
    agent: String,
    mut lines: mpsc::Receiver<Line>,
    paths: Arc<Paths>,
    log: SharedLog,
    events: Events,
) {
    let mut is_lost = false;
    while let Some(Line { text, at }) = lines.recv().await {
        let text = paths.own(&text);
        let kept = log
            .lock()
            .expect("no thread panics with it")
            .write(at, &text);
        let agent = agent.clone();
        if let Err(error) = kept
            && !std::mem::replace(&mut is_lost, true)
        {
            let (agent, why) = (agent.clone(), error.to_string());
            events.tell(Event::LogLost { agent, why });
        }
        if !events.line(agent, text).await {
            return;
        }
    }
}

fn words(why: &NotReady, port: u16) -> String {
    let seconds = limits::INITIALIZATION.as_secs();
    match why {
        NotReady::Ended(code) => {
            format!("the agent ended with code {code} before it answered")
        }
        NotReady::WrongPort(other) => {
            format!("the agent listens on port {other}, and AgentCore calls port {port}")
        }
        NotReady::Deaf => format!("the agent did not answer within {seconds} s"),
        NotReady::CannotStart(error) => format!("the agent cannot be started: {error}"),
    }
}
