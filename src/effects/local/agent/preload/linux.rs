//! The Python process that forks agents, and the pipes to the forked agents.
#![expect(
    clippy::disallowed_methods,
    reason = "the process that forks the agents is started here"
)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::unix::pipe::{OpenOptions, Receiver, Sender},
    process::{ChildStdin, ChildStdout, Command},
    sync::{Mutex as AsyncMutex, mpsc, watch},
};

use super::{
    super::{Agent, Launch, Line, State, end_group, read_lines},
    Key, NotForked,
};
use crate::effects::{clock, env, folder::Folder};

/// The Python program.
const PROGRAM: &str = include_str!("preload.py");
const NAME: &str = "preload.py";
const MODULES: &str = "modules";
/// The time limit for the imports.
const IMPORTS: Duration = Duration::from_mins(1);
/// The time limit for a fork.
const FORK: Duration = Duration::from_secs(5);

/// Dropping it ends its process; the forked agents keep running.
pub(in crate::effects) struct Preload {
    key: Key,
    modules: BTreeSet<String>,
    folder: PathBuf,
    connection: AsyncMutex<Connection>,
    _lifeline: ChildStdin,
}

struct Connection {
    control: Sender,
    replies: Lines<BufReader<ChildStdout>>,
    forks: u32,
}

impl Preload {
    /// Imports the modules in this order. The error says why forks are not possible.
    pub(in crate::effects) async fn start(
        key: Key,
        modules: &[String],
        folder: &Folder,
    ) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let prepared = folder
            .remove_whole()
            .and_then(|()| folder.write(NAME, PROGRAM.as_bytes()))
            .and_then(|()| folder.write(MODULES, modules.join("\n").as_bytes()));
        prepared.map_err(|error| told(&error))?;
        let path = folder.path();
        let control = make_pipe(&path.join("control")).map_err(|error| told(&error))?;
        let mut options = OpenOptions::new();
        let control_end = options.read_write(true).open_sender(&control);
        let shim = env::this_program().map_err(|error| told(&error))?;
        let mut child = Command::new(shim)
            .args(["agentcore", crate::effects::local::SHIM])
            .arg(&key.python)
            .arg("-u")
            .arg(path.join(NAME))
            .arg(&control)
            .arg(path.join(MODULES))
            .current_dir(&path)
            .env_clear()
            .envs(key.environment.iter().map(|(name, value)| (name, value)))
            .env("CARGO_AGENTCORE_LISTENING", path.join("listening"))
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The output of the imports was already shown at an earlier start.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| told(&error))?;
        let (Some(lifeline), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("its pipes are gone".to_owned());
        };
        // Reaps the process when it has ended.
        tokio::spawn(async move { child.wait().await });
        let mut connection = Connection {
            control: control_end.map_err(|error| told(&error))?,
            replies: BufReader::new(stdout).lines(),
            forks: 0,
        };
        match connection.reply(IMPORTS).await?.split_once(' ') {
            Some(("ready", "1")) => {}
            Some(("ready", _)) => {
                return Err("the dependencies start threads when they are imported".to_owned());
            }
            _ => return Err("the imports came to nothing".to_owned()),
        }
        Ok(Self {
            key,
            modules: modules.iter().cloned().collect(),
            folder: path,
            connection: AsyncMutex::new(connection),
            _lifeline: lifeline,
        })
    }

    pub(in crate::effects) fn key(&self) -> &Key {
        &self.key
    }

    /// Returns true if it has imported all of these modules.
    pub(in crate::effects) fn holds(&self, modules: &[String]) -> bool {
        modules.iter().all(|module| self.modules.contains(module))
    }

    /// Forks an agent.
    pub(in crate::effects) async fn fork(
        &self,
        launch: Launch,
        script: &Path,
        lines: &mpsc::Sender<Line>,
    ) -> Result<Agent, NotForked> {
        let broken = |error: std::io::Error| NotForked::Broken(error.to_string());
        let mut connection = self.connection.lock().await;
        connection.forks += 1;
        let place = |name: &str| self.folder.join(format!("{name}-{}", connection.forks));
        let (alive, status, output) = (place("alive"), place("status"), place("output"));
        let pipes = Pipes::open(&alive, &status, &output).map_err(broken)?;
        let command = json!({
            "alive": alive,
            "status": status,
            "output": output,
            "listening": launch.listening,
            "directory": launch.directory,
            "dependencies": self.key.dependencies,
            "script": script,
        });
        let command = format!("{command}\n");
        let sent = connection.control.write_all(command.as_bytes()).await;
        sent.map_err(broken)?;
        let reply = connection.reply(FORK).await;
        for path in [alive, status, output] {
            // The pipes are open, so their files are not needed; leftovers are removed at the next
            // start.
            let _ = std::fs::remove_file(path);
        }
        let reply = reply.map_err(NotForked::Broken)?;
        match reply.split_once(' ') {
            Some(("forked", pid)) => match pid.parse() {
                Ok(pid) => Ok(pipes.agent(launch, pid, lines)),
                Err(_) => Err(NotForked::Broken(reply)),
            },
            Some(("cold", why)) => Err(NotForked::Refused(why.to_owned())),
            _ => Err(NotForked::Broken(reply)),
        }
    }
}

impl Connection {
    async fn reply(&mut self, limit: Duration) -> Result<String, String> {
        match clock::within(limit, self.replies.next_line()).await {
            Some(Ok(Some(line))) => Ok(line),
            Some(Ok(None)) => Err("the process that forks has ended".to_owned()),
            Some(Err(error)) => Err(error.to_string()),
            None => Err(format!("nothing came within {} s", limit.as_secs())),
        }
    }
}

/// This side of the pipes to a forked agent.
struct Pipes {
    alive: Sender,
    status: Receiver,
    output: Receiver,
    /// Without a writer, a pipe would seem closed until the agent opens it.
    _open: [Sender; 2],
}

impl Pipes {
    fn open(alive: &Path, status: &Path, output: &Path) -> std::io::Result<Self> {
        for path in [alive, status, output] {
            make_pipe(path)?;
        }
        Ok(Self {
            alive: OpenOptions::new().read_write(true).open_sender(alive)?,
            status: OpenOptions::new().open_receiver(status)?,
            output: OpenOptions::new().open_receiver(output)?,
            _open: [
                OpenOptions::new().open_sender(status)?,
                OpenOptions::new().open_sender(output)?,
            ],
        })
    }

    fn agent(self, launch: Launch, pid: u32, lines: &mpsc::Sender<Line>) -> Agent {
        let Self {
            alive,
            status,
            output,
            _open: _,
        } = self;
        let last_lines = Arc::default();
        tokio::spawn(read_lines(output, lines.clone(), Arc::clone(&last_lines)));
        let (told, state) = watch::channel(State::Running);
        tokio::spawn(watch_end(status, pid, told));
        Agent {
            launch,
            lifeline: Mutex::new(Some(Box::new(alive))),
            state,
            last_lines,
        }
    }
}

fn make_pipe(path: &Path) -> std::io::Result<PathBuf> {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    Ok(path.to_owned())
}

/// Waits for the agent's exit code from its guard process. Without one, the guard was killed with
/// the group.
async fn watch_end(mut status: Receiver, group: u32, told: watch::Sender<State>) {
    let mut text = String::new();
    let code = match status.read_to_string(&mut text).await {
        Ok(_) => text.trim().parse().unwrap_or(137),
        Err(_) => 1,
    };
    end_group(Some(group));
    // The session may already be gone.
    let _ = told.send(State::Ended(code));
}
