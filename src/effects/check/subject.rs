//! The tested agent: its code and settings, and its running processes.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::mpsc;

use super::system;
use crate::{
    check::request::RUNTIME_URL,
    config::Protocol,
    effects::{
        clock,
        dev::copy_binary,
        files::{self, FileError},
        local::{
            agent::{Agent, Launch, Line, NotReady, State, assigned, environment, left, ready},
            code::{self, Code},
            http::client,
        },
        path::real_path,
    },
    package::composition::Files,
    plan::reload::with_own_paths,
    protocol::{contract::Contract, limits},
};

/// The agent to test.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) program: Program,
    pub(crate) contract: Contract,
    pub(crate) region: String,
    /// The address used for AWS.
    pub(crate) aws: String,
    /// The agent's own variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// An empty folder.
    pub(crate) home: PathBuf,
}

/// An agent's program.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Python {
        code: Code,
        /// The origin of each file in the archive.
        files: Files,
        /// A path in the archive.
        entrypoint: String,
    },
    Binary {
        path: PathBuf,
        /// What runs a program for another processor.
        emulator: Option<PathBuf>,
    },
}

impl Program {
    /// Copies the agent's own files into a new folder.
    fn copy(&self, folder: &Path) -> Result<(), FileError> {
        match self {
            Self::Python { code, .. } => code::copy(&code.own, folder),
            Self::Binary { path, emulator: _ } => {
                files::create_dir_all(folder)?;
                copy_binary(path, folder).map(drop)
            }
        }
    }
}

/// A running process.
pub(super) struct Running {
    agent: Agent,
    pub(super) port: u16,
    /// The folder with its code.
    pub(super) code: PathBuf,
    /// The file in which it reports its sockets; every process that it starts inherits this path.
    pub(super) listening: PathBuf,
    files: Files,
    /// True if its process can be doubled.
    can_fork: bool,
}

/// How an agent ended.
pub(super) struct Ended {
    pub(super) took: Duration,
    /// The commands of the processes that it left running.
    pub(super) left: Vec<String>,
}

/// Why an agent did not start.
pub(super) struct NotStarted {
    pub(super) why: NotReady,
    /// The end of its output.
    pub(super) lines: Vec<String>,
}

/// How many lines can be queued. The agent keeps its own copy, so nothing reads them here.
const LINES: usize = 16;
const PAUSE: Duration = Duration::from_millis(10);
/// How long killed processes may take to end on a busy machine before they count as left.
const DYING: Duration = Duration::from_secs(2);
/// The last output may still be in the pipe when the process has ended.
const LAST_WORDS: Duration = Duration::from_millis(50);

impl Subject {
    /// Starts the agent in a folder with this name. The agent's own variables override `more`.
    pub(super) async fn start(
        &self,
        name: &str,
        more: &[(&str, String)],
    ) -> Result<Running, NotStarted> {
        let failed = |why: String| NotStarted {
            why: NotReady::CannotStart(why),
            lines: Vec::new(),
        };
        let folder = self.home.join(name);
        let (code, home) = (folder.join("code"), folder.join("home"));
        files::create_dir_all(&home)
            .and_then(|()| self.program.copy(&code))
            .map_err(|error| failed(error.to_string()))?;
        // Python resolves links in the path of its program.
        let code = real_path(&code).unwrap_or(code);
        let listening = folder.join("listening");
        let assigned = match &self.program {
            Program::Python { .. } => None,
            Program::Binary { .. } => {
                let port = assigned::free_port();
                Some(port.map_err(|error| failed(error.to_string()))?)
            }
        };
        let launch = self.launch(&code, &home, &listening, assigned, more);
        let (sender, _) = mpsc::channel::<Line>(LINES);
        let agent = Agent::start(launch, &sender).map_err(|why| NotStarted {
            why,
            lines: Vec::new(),
        })?;
        let running = Running {
            agent,
            port: 0,
            code,
            listening,
            files: match &self.program {
                Program::Python { files, .. } => files.clone(),
                Program::Binary { .. } => Files::new(),
            },
            can_fork: assigned.is_none(),
        };
        let (client, serves) = (client(), ready::Serves::WithAnyAnswer);
        let (contract, limit) = (&self.contract, limits::INITIALIZATION);
        match ready::serves(&running.agent, contract, &client, serves, limit).await {
            Ok(port) => Ok(Running { port, ..running }),
            Err(why) => {
                clock::sleep(LAST_WORDS).await;
                let lines = running.last_lines();
                running.end().await;
                Err(NotStarted { why, lines })
            }
        }
    }

    fn launch(
        &self,
        code: &Path,
        home: &Path,
        listening: &Path,
        assigned: Option<u16>,
        more: &[(&str, String)],
    ) -> Launch {
        let mut list = match &self.program {
            Program::Python { code: own, .. } => {
                environment::base(home, code, own.dependencies.as_deref(), &self.aws)
            }
            Program::Binary { .. } => environment::of_binary(home, &self.aws),
        };
        let mut set = |name: &str, value: OsString| list.push((name.into(), value));
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            set(name, self.region.clone().into());
        }
        // Files that Python itself writes do not count.
        set("PYTHONDONTWRITEBYTECODE", "1".into());
        if self.contract.protocol == Protocol::A2a {
            set("AGENTCORE_RUNTIME_URL", RUNTIME_URL.into());
        }
        for (name, value) in more {
            set(name, value.into());
        }
        for (name, value) in &self.environment {
            set(name, value.into());
        }
        set("CARGO_AGENTCORE_LISTENING", listening.into());
        if let Some(port) = assigned {
            set(assigned::PORT, port.to_string().into());
        }
        set(
            "CARGO_AGENTCORE_PORT",
            self.contract.port.to_string().into(),
        );
        let (program, args) = match &self.program {
            Program::Python {
                code: own,
                files: _,
                entrypoint,
            } => {
                let script = code.join(entrypoint).into_os_string();
                (own.python.clone(), vec![OsString::from("-u"), script])
            }
            Program::Binary { path, emulator } => {
                let copy = code.join(path.file_name().unwrap_or_default());
                match emulator {
                    Some(emulator) => (emulator.clone(), vec![copy.into_os_string()]),
                    None => (copy, Vec::new()),
                }
            }
        };
        Launch {
            program,
            args,
            directory: code.to_owned(),
            environment: list,
            listening: listening.to_owned(),
            port: self.contract.port,
            assigned,
        }
    }
}

impl Running {
    /// Returns the exit code, or `None` while the process runs.
    pub(super) fn ended(&self) -> Option<i32> {
        match self.agent.state() {
            State::Running => None,
            State::Ended(code) => Some(code),
        }
    }

    /// Returns the interfaces that the agent opened.
    pub(super) fn hosts(&self) -> Vec<String> {
        self.agent.hosts()
    }

    /// Returns the latest output, with the user's own paths.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let root = self.code.display().to_string();
        let lines = self.agent.last_lines().into_iter();
        let own = lines.map(|line| {
            with_own_paths(&line, &root, |path| {
                let origin = self.files.get(path)?;
                Some(origin.from.display().to_string())
            })
        });
        own.collect()
    }

    /// Asks the agent to end, waits for it, and kills what it left running.
    pub(super) async fn end(&self) -> Ended {
        let begin = clock::now();
        self.agent.stop();
        self.agent.ended().await;
        let took = begin.elapsed();
        let left = self.left().await;
        let ended = Ended {
            took,
            left: left.iter().map(|pid| system::command(*pid)).collect(),
        };
        left.into_iter().for_each(left::end);
        ended
    }

    /// Returns the processes that outlive the agent. A killed one can take a moment to end.
    async fn left(&self) -> Vec<u32> {
        let begin = clock::now();
        loop {
            let left = left::processes(&self.listening);
            if left.is_empty() || begin.elapsed() >= DYING {
                return left;
            }
            clock::sleep(PAUSE).await;
        }
    }

    /// Waits until the forked process listens.
    pub(super) async fn fork_port(&self, limit: Duration) -> Option<u16> {
        if !self.can_fork {
            return None;
        }
        let begin = clock::now();
        while begin.elapsed() < limit && self.ended().is_none() {
            if let Some(port) = self.agent.fork_port() {
                return Some(port);
            }
            clock::sleep(PAUSE).await;
        }
        None
    }
}
