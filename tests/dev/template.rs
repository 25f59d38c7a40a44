//! Projects from the templates in Rust, with pinned dependencies that are built once.

use std::{
    process::Output,
    sync::{MutexGuard, PoisonError},
};

use super::*;

/// Every dependency of every template in Rust. To renew it, make a workspace of one project from
/// each, and take its lock file.
const LOCK: &str = include_str!("../support/rust-agents.lock");

/// Breaks one lint of Clippy.
const LINTED: &str = "#![allow(dead_code)]
fn seven(of: &str) -> usize {
    let seven = of.len();
    seven
}
";

pub(super) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Where all tests build the templates' dependencies, once.
fn shared_target() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("rust-agents/target")
}

/// Held by each project. Cargo lets one build at a time into a target directory, so `dev` would wait
/// for the builds of other tests.
static BUILDS: Mutex<()> = Mutex::new(());

/// A project from the template. Each has a package name of its own, because they share a target
/// directory.
pub(super) fn template(name: &str) -> Project {
    let builds = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    let stage = Stage {
        dir: tempfile::tempdir().unwrap(),
    };
    let package = format!("my-{name}");
    let words = [
        "new",
        &package,
        "--template",
        name,
        "--region",
        "us-west-2",
        "--yes",
    ];
    let made = stage.command(&words).output().unwrap();
    assert!(made.status.success(), "{}", stderr(&made));
    let project = Project {
        stage,
        package,
        _builds: builds,
    };
    project.write("Cargo.lock", LOCK);
    let manifest = project.read("Cargo.toml");
    let target = shared_target();
    let build = format!(
        "build = {{ env = {{ CARGO_TARGET_DIR = \"{}\", CARGO_PROFILE_DEV_DEBUG = \"0\", CARGO_INCREMENTAL = \"0\" }} }}\n\n[dependencies]",
        target.display()
    );
    project.write(
        "Cargo.toml",
        &manifest.replacen("\n[dependencies]", &build, 1),
    );
    project
}

pub(super) struct Project {
    stage: Stage,
    package: String,
    _builds: MutexGuard<'static, ()>,
}

impl Project {
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.stage.path(&format!("{}/{file}", self.package))
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    pub(super) fn agentcore(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command(arguments);
        command.current_dir(self.path(""));
        command
    }

    /// Returns cargo in the project.
    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env("CARGO_TARGET_DIR", shared_target())
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_INCREMENTAL", "0");
        command
    }

    /// Formats, tests and lints the project, which all must find nothing.
    #[track_caller]
    pub(super) fn is_clean(&self) {
        let does = |mut command: Command| {
            let output = command.output().unwrap();
            let said = [stdout(&output), stderr(&output)].concat();
            assert!(output.status.success(), "{command:?}:\n{said}");
            said
        };
        does(self.cargo(&["fmt", "--check"]));
        does(self.cargo(&["test", "--quiet"]));
        self.uses_pinned_dependencies();
        // Without this finding, the lints might not have been looked for.
        fs::create_dir_all(self.path("tests")).unwrap();
        self.write("tests/linted.rs", LINTED);
        let said = does(self.lints());
        fs::remove_file(self.path("tests/linted.rs")).unwrap();
        assert!(said.contains("clippy::let_and_return"), "{said}");
        assert_eq!(said.matches("--> ").count(), 1, "{said}");
    }

    /// Returns what `cargo clippy --all-targets` runs, but on the dependencies that are already
    /// built. `cargo clippy` would check all of them first, which takes half as long as the build.
    fn lints(&self) -> Command {
        let mut command = self.cargo(&["build", "--all-targets", "--quiet"]);
        let driver = Path::new(env!("CARGO")).with_file_name("clippy-driver");
        command
            .env("RUSTC_WORKSPACE_WRAPPER", driver)
            // Not those of this repository.
            .env("CLIPPY_CONF_DIR", self.path(""));
        command
    }

    /// Asserts that cargo only left out packages of [`LOCK`].
    #[track_caller]
    fn uses_pinned_dependencies(&self) {
        let lock = self.read("Cargo.lock");
        let packages = lock.split("[[package]]").skip(1);
        let unpinned: Vec<&str> = packages
            .filter_map(|package| package.split("\nsource").next())
            .filter(|package| !package.contains(&self.package) && !LOCK.contains(package))
            .collect();
        assert_eq!(unpinned, [""; 0], "renew tests/support/rust-agents.lock");
    }

    /// Starts `dev` on a free port.
    pub(super) fn serves(&self, more: &[&str]) -> Dev {
        let mut child = self
            .agentcore(&[&["dev", "--port", "0"], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = collect(child.stdout.take().unwrap());
        let err = collect(child.stderr.take().unwrap());
        let dev = Dev { child, out, err };
        dev.says("Ready");
        dev
    }

    /// Sends a request to the agent that `dev` runs, and returns the answer.
    #[track_caller]
    pub(super) fn invoke(&self, payload: &serde_json::Value) -> serde_json::Value {
        let payload = payload.to_string();
        let output = self
            .agentcore(&["invoke", "--dev", &payload])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    }

    /// Deploys the agent to the local AgentCore, and returns its answer there.
    #[track_caller]
    pub(super) fn answers_where_deployed(&self, payload: &serde_json::Value) -> serde_json::Value {
        let does = |words: &[&str]| {
            let output = self.agentcore(words).output().unwrap();
            assert!(output.status.success(), "{words:?}: {}", stderr(&output));
            stdout(&output)
        };
        does(&["deploy", "--local"]);
        let answer = does(&["invoke", "--local", &payload.to_string()]);
        does(&["clean", "--local", "--yes"]);
        serde_json::from_str(&answer).unwrap()
    }

    /// Returns the program that was built last.
    pub(super) fn program(&self) -> PathBuf {
        shared_target().join("debug").join(&self.package)
    }

    #[track_caller]
    pub(super) fn stops(&self, dev: Dev) {
        let stopped = self.agentcore(&["dev", "--stop"]).output().unwrap();
        assert!(stopped.status.success(), "{}", stderr(&stopped));
        assert_eq!(dev.wait(), Some(0));
    }

    #[track_caller]
    pub(super) fn passes_check(&self) {
        let check = self.agentcore(&["check", "--deny", "warnings"]);
        let check = { check }.output().unwrap();
        let said = [stdout(&check), stderr(&check)].concat();
        assert!(check.status.success(), "{said}");
        assert!(said.contains("0 errors, 0 warnings"), "{said}");
    }
}
