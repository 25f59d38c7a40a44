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
    config::Protocol,
    effects::{
        clock,
        folder::Folder,
        local::{
            agent::{
                Agent, Launch, Line, NotReady, State, assigned, environment,
                preload::{Key, NotForked},
                ready,
            },
            http::client,
        },
    },
    package::composition::Files,
    plan::reload::with_own_paths,
    protocol::{contract::Contract, limits},
};

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) program: Program,
    pub(crate) contract: Contract,
    pub(crate) region: String,
    /// The address used for AWS.
    pub(crate) address: String,
    /// The address at which `dev` serves the agent.
    pub(crate) own_address: String,
    /// The agent's own variables.
    pub(crate) environment: BTreeMap<String, String>,
}

/// An agent's program.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Python(Python),
    Binary(PathBuf),
}

#[derive(Debug, Clone)]
pub(crate) struct Python {
    pub(crate) interpreter: PathBuf,
    pub(crate) dependencies: Option<PathBuf>,
    pub(crate) files: Files,
    /// A path in the archive.
    pub(crate) entrypoint: String,
    pub(crate) debug: Option<Debug>,
}

impl Program {
    pub(super) fn debug(&self) -> Option<&Debug> {
        match self {
            Self::Python(python) => python.debug.as_ref(),
            Self::Binary(_) => None,
        }
    }
}

/// The folders of a run.
struct Places {
    listening: PathBuf,
    home: PathBuf,
    /// The folder of the code.
    work: PathBuf,
}

impl Start {
    /// Adds the variables that every agent gets. The agent's own variables override them.
    fn add_variables(&self, list: &mut Vec<(OsString, OsString)>) {
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            list.push((name.into(), self.region.clone().into()));
        }
        if self.contract.protocol == Protocol::A2a {
            let address = format!("{}/", self.own_address);
            list.push(("AGENTCORE_RUNTIME_URL".into(), address.into()));
        }
        let own = self.environment.iter();
        list.extend(own.map(|(name, value)| (name.into(), value.into())));
    }

    /// Returns the launch of a binary in the folder of the code.
    fn launch_binary(&self, program: PathBuf, places: Places, assigned: u16) -> Launch {
        let Places {
            listening,
            home,
            work,
        } = places;
        let mut list = environment::of_binary(&home, &self.address);
        self.add_variables(&mut list);
        list.push((assigned::PORT.into(), assigned.to_string().into()));
        list.push((
            "CARGO_AGENTCORE_LISTENING".into(),
            listening.clone().into_os_string(),
        ));
        Launch {
            program,
            args: Vec::new(),
            directory: work,
            environment: list,
            listening,
            port: self.contract.port,
            assigned: Some(assigned),
        }
    }

    /// Returns the launch, and the key that preloaded imports must have for a fork.
    fn launch_python(&self, program: &Python, places: Places) -> (Launch, Option<Key>) {
        let Places {
            listening,
            home,
            work,
        } = places;
        let Python {
            interpreter,
            dependencies,
            files: _,
            entrypoint,
            debug,
        } = program;
        let dependencies = dependencies.as_deref();
        let mut list = environment::base(&home, &work, dependencies, &self.address);
        self.add_variables(&mut list);
        let port = self.contract.port.to_string();
        list.push(("CARGO_AGENTCORE_PORT".into(), port.into()));
        if let Some(debug) = debug {
            let port = debug.port.to_string();
            list.push(("CARGO_AGENTCORE_DEBUGGER".into(), port.into()));
        }
        // A debugger must be there from the start, so nothing is preloaded.
        let preloaded = dependencies.filter(|_| debug.is_none());
        let key = preloaded.map(|preloaded| {
            list.push(("CARGO_AGENTCORE_PRELOAD".into(), preloaded.into()));
            Key {
                python: interpreter.clone(),
                dependencies: preloaded.to_owned(),
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
        args.extend(debug.iter().flat_map(Debug::words));
        args.push(work.join(entrypoint).into_os_string());
        let launch = Launch {
            program: interpreter.clone(),
            args,
            directory: work,
            environment: list,
            listening,
            port: self.contract.port,
            assigned: None,
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
        let files = match &start.program {
            Program::Python(python) => python.files.clone(),
            Program::Binary(_) => Files::new(),
        };
        let laid = home
            .create()
            .and_then(|()| folder.remove_whole())
            .and_then(|()| layout::lay(&code, &files));
        let work = laid.map_err(|error| failed(error.to_string()))?;
        let paths = Arc::new(Paths {
            root: work.display().to_string(),
            files,
        });
        let listening = folder.path().join("listening");
        let places = Places {
            listening: listening.clone(),
            home: home.path(),
            work,
        };
        let (sender, lines) = mpsc::channel(LINES);
        tokio::spawn(show(
            agent.to_owned(),
            lines,
            Arc::clone(&paths),
            Arc::clone(log),
            events.clone(),
        ));
        let (begun, key) = begin(&start, places, preloading, &sender).await;
        // The debugger can take any time to connect.
        let is_debugged = start.program.debug().is_some();
        let limit = if is_debugged {
            Duration::MAX
        } else {
            limits::INITIALIZATION
        };
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
                    ping: start.contract.ping().filter(|_| !is_debugged),
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

/// Starts the agent. Also returns the key that its imports are remembered under.
async fn begin(
    start: &Start,
    places: Places,
    preloading: &Preloading,
    lines: &mpsc::Sender<Line>,
) -> (Result<(Agent, Birth), NotReady>, Option<Key>) {
    match &start.program {
        Program::Python(python) => {
            let script = places.work.join(&python.entrypoint);
            let (launch, key) = start.launch_python(python, places);
            let begun = fork_or_start(launch, &script, key.as_ref(), preloading, lines).await;
            (begun, key)
        }
        Program::Binary(binary) => (begin_binary(start, binary, places, lines), None),
    }
}

fn begin_binary(
    start: &Start,
    binary: &Path,
    places: Places,
    lines: &mpsc::Sender<Line>,
) -> Result<(Agent, Birth), NotReady> {
    let own = layout::copy_binary(binary, &places.work);
    let own = own.map_err(|error| NotReady::CannotStart(error.to_string()))?;
    let port = assigned::free_port();
    let port = port.map_err(|error| NotReady::CannotStart(error.to_string()))?;
    let launch = start.launch_binary(own, places, port);
    Ok((Agent::start(launch, lines)?, Birth::Cold(None)))
}

/// Starts a Python agent, with a fork if possible.
async fn fork_or_start(
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
        NotReady::Disobedient(port) => format!(
            "the agent did not listen on port {port}, which the variable PORT names, within {seconds} s"
        ),
        NotReady::CannotStart(error) => format!("the agent cannot be started: {error}"),
    }
}
