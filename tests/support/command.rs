//! Runs the real binary with a cleared environment, its own home directory, and an emulator instead
//! of AWS.

use std::{
    ffi::{OsStr, OsString},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{
    emulator::{ACCESS_KEY, Emulator, SECRET_KEY},
    project::Project,
};

/// Builds one run of `cargo agentcore`.
pub struct Cli {
    args: Vec<OsString>,
    variables: Vec<(OsString, Option<OsString>)>,
    directory: PathBuf,
    root: PathBuf,
    redactions: Vec<(String, String)>,
    input: Option<String>,
    unprivileged: bool,
    limit: Duration,
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    redactions: Vec<(String, String)>,
}

/// A run that has not ended; dropping it kills it.
pub struct Running {
    child: Arc<Mutex<Child>>,
    pipes: [Option<std::thread::JoinHandle<String>>; 2],
    redactions: Vec<(String, String)>,
    limit: Duration,
}

impl Cli {
    /// Runs in the project's directory, with its home.
    pub fn new(project: &Project) -> Self {
        Self::in_directory(&project.path(), project.root())
    }

    /// Runs in any directory; `root` contains the home (`root/home`) and is printed as `[ROOT]`.
    pub fn in_directory(directory: &Path, root: &Path) -> Self {
        let home = root.join("home");
        std::fs::create_dir_all(&home).unwrap();
        Self {
            args: Vec::new(),
            variables: Vec::new(),
            directory: directory.to_owned(),
            root: root.to_owned(),
            redactions: Vec::new(),
            input: None,
            unprivileged: false,
            limit: Duration::from_mins(2),
        }
    }

    /// Adds words after `cargo agentcore`.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.into(), Some(value.as_ref().to_owned())));
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.variables.push((name.into(), None));
        self
    }

    pub fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends every request to this emulator, with credentials that only it accepts.
    pub fn on(self, emulator: &Emulator) -> Self {
        let account = emulator.account().to_owned();
        self.at(&emulator.url()).redact(&account, "[ACCOUNT]")
    }

    /// Sends every request to this address: a proxy, a scripted server.
    pub fn at(self, url: &str) -> Self {
        self.env("CARGO_AGENTCORE_ENDPOINT_URL", url)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .redact(url, "[ENDPOINT]")
    }

    /// Runs as a user without write access to read-only files, even if the tests run as root.
    ///
    /// The project then belongs to that user.
    pub fn unprivileged(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    /// Replaces a text that differs from run to run.
    pub fn redact(mut self, text: &str, instead: &str) -> Self {
        self.redactions.push((text.to_owned(), instead.to_owned()));
        self
    }

    pub fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Starts the run without waiting, for a test that interrupts it.
    pub fn start(mut self) -> Running {
        self.redactions
            .push((self.root.display().to_string(), "[ROOT]".to_owned()));
        let mut command = self.prepared();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // The program may end without reading.
        let _ = stdin.write_all(self.input.unwrap_or_default().as_bytes());
        drop(stdin);
        let pipes = [
            child.stdout.take().map(read_all),
            child.stderr.take().map(read_all),
        ];
        Running {
            child: Arc::new(Mutex::new(child)),
            pipes,
            redactions: self.redactions,
            limit: self.limit,
        }
    }

    /// Returns the run as a plain command, for tests that run it differently.
    pub fn prepared(&self) -> Command {
        let mut command = self.command();
        command
            .arg("agentcore")
            .args(&self.args)
            .current_dir(&self.directory);
        self.set_environment(&mut command);
        command
    }

    fn command(&self) -> Command {
        #[cfg(unix)]
        if self.unprivileged && super::unprivileged::is_root() {
            return super::unprivileged::command(&self.root);
        }
        Command::new(env!("CARGO_BIN_EXE_cargo-agentcore"))
    }

    fn set_environment(&self, command: &mut Command) {
        let path = command
            .get_envs()
            .find(|(name, _)| *name == "PATH")
            .and_then(|(_, value)| value.map(OsStr::to_owned))
            .or_else(|| std::env::var_os("PATH"))
            .unwrap_or_default();
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.root.join("home"))
            .env("TMPDIR", self.root.join("home"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("TERM", "dumb");
        // Windows programs need these to start; cargo needs its own homes if HOME differs.
        for name in ["SystemRoot", "TEMP", "TMP", "RUSTUP_TOOLCHAIN"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // The user's settings for the package index, for programs that install Python packages.
        for (name, value) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["PIP_", "UV_", "SSL_"].iter().any(|p| text.starts_with(p)) {
                command.env(name, value);
            }
        }
        if !self.unprivileged {
            command.env("CARGO_HOME", home_of("CARGO_HOME", ".cargo"));
            command.env("RUSTUP_HOME", home_of("RUSTUP_HOME", ".rustup"));
        }
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        #[cfg(unix)]
        if !self.unprivileged {
            let variable = |wanted: &str| {
                let found = command.get_envs().find(|(name, _)| *name == wanted);
                found.and_then(|(_, value)| value.map(OsStr::to_owned))
            };
            super::pythons::share(variable);
        }
    }
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// Kills the run, like a power cut.
    pub fn kill(&self) {
        // The run may already be gone.
        let _ = self.child.lock().unwrap().kill();
    }

    /// Returns a function that kills the run, for a proxy to call.
    pub fn killer(&self) -> impl Fn() + Send + Sync + 'static {
        let child = Arc::clone(&self.child);
        move || {
            let _ = child.lock().unwrap().kill();
        }
    }

    pub fn wait(mut self) -> Outcome {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > self.limit {
                self.kill();
                let [stdout, stderr] = self.texts();
                panic!(
                    "still running after {:?}; stdout:\n{stdout}\nstderr:\n{stderr}",
                    self.limit
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let [stdout, stderr] = self.texts();
        Outcome {
            status,
            stdout,
            stderr,
            redactions: std::mem::take(&mut self.redactions),
        }
    }

    fn texts(&mut self) -> [String; 2] {
        self.pipes.each_mut().map(|pipe| {
            pipe.take()
                .expect("the pipes are read once")
                .join()
                .expect("the reader does not panic")
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self
            .child
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Outcome {
    /// Returns the exit code; `None` if a signal ended the run.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Panics with all output unless the exit code is `code`.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(
            self.code() == Some(code),
            "expected exit code {code}, got {}; stdout:\n{}\nstderr:\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    /// Panics unless stderr contains each of these texts.
    #[track_caller]
    pub fn says(&self, parts: &[impl AsRef<str>]) {
        for part in parts.iter().map(AsRef::as_ref) {
            assert!(
                self.stderr.contains(part),
                "`{part}` is not in:\n{}",
                self.stderr
            );
        }
    }

    /// Returns the agents whose trust policies `policy` printed, sorted.
    pub fn trusted_agents(&self) -> Vec<String> {
        let lines = self.stderr.lines();
        let mut found: Vec<String> = lines
            .filter(|line| line.trim_start().starts_with("Trust policy "))
            .flat_map(|line| line.split('`').skip(1).step_by(2))
            .map(str::to_owned)
            .collect();
        found.sort();
        found
    }

    /// Parses stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON document: {error}\n{}", self.stdout))
    }

    /// Returns stdout without texts that differ from run to run.
    pub fn redacted_stdout(&self) -> String {
        self.redacted(&self.stdout)
    }

    /// Returns stderr without texts that differ from run to run.
    pub fn redacted_stderr(&self) -> String {
        self.redacted(&self.stderr)
    }

    fn redacted(&self, text: &str) -> String {
        let mut redactions = self.redactions.clone();
        // The longest text first: a directory before its parent.
        redactions.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        redactions
            .iter()
            .fold(text.to_owned(), |text, (what, instead)| {
                text.replace(what.as_str(), instead)
            })
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // The output before the pipe broke is still useful.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8(bytes).expect("the program prints UTF-8")
    })
}

/// Returns a home of the toolchain, which is in the user's own unless a variable names it.
pub fn home_of(variable: &str, directory: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(
        || std::env::home_dir().unwrap_or_default().join(directory),
        PathBuf::from,
    )
}
