//! What a machine may lack: uv, a Python of the runtime's version, the network.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use serde_json::json;
use tempfile::TempDir;

use super::{AGENT, Place, cli};
use crate::support::{Cli, Project, emulator::DEAD_PORT, installed};

/// A package with compiled code, whose AgentCore version does not run here.
const COMPILED: &str = "markupsafe==3.0.2\n";

fn compiled() -> Project {
    let agent = AGENT.replace("import one\n", "import markupsafe._speedups\nimport one\n");
    Project::new()
        .agent_with("one", "")
        .file("one/__init__.py", "PORT = 8080\n")
        .file("deployment/invoke.py", agent)
        .file("deployment/requirements.txt", COMPILED)
}

/// Returns the path of Python itself, because the one on PATH may be a script that needs more of
/// PATH.
fn interpreter() -> (PathBuf, String) {
    let output = Command::new("python3")
        .args([
            "-c",
            "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (path, minor) = text.trim().split_once('\n').unwrap();
    (PathBuf::from(path), minor.to_owned())
}

/// A machine that has only one Python.
struct Bare {
    path: TempDir,
    cache: TempDir,
    minor: String,
}

impl Bare {
    fn new() -> Self {
        let (python, minor) = interpreter();
        let path = TempDir::new().unwrap();
        symlink(python, path.path().join("python3")).unwrap();
        let cache = TempDir::new().unwrap();
        installed::emulator_into(cache.path());
        Self { path, cache, minor }
    }

    fn cli(&self, project: &Project, words: &[&str]) -> Cli {
        Cli::new(project)
            .env("PATH", self.path.path())
            .env("CARGO", env!("CARGO"))
            .env("CARGO_AGENTCORE_CACHE_DIR", self.cache.path())
            .limit(std::time::Duration::from_mins(10))
            .args(words)
    }
}

#[test]
fn pip_and_another_python_run_the_agent_with_a_warning() {
    let bare = Bare::new();
    // Never this machine's version.
    let runtime = if bare.minor == "3.13" { "3.12" } else { "3.13" };
    let project = compiled();
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        format!("{manifest}runtime = \"python{runtime}\"\n"),
    );
    let deployed = bare.cli(&project, &["deploy", "--local"]).run().succeeds();
    let warning = format!(
        "warning: the agent runs on Python {} here and on Python {runtime} in AWS: \
         `uv python install {runtime}` installs the same version",
        bare.minor
    );
    assert_eq!(
        deployed.stderr.matches(&warning).count(),
        1,
        "{}",
        deployed.stderr
    );
    let invoke = ["invoke", "--local", r#"{"a": 1}"#];
    let invoked = bare.cli(&project, &invoke).run().succeeds();
    assert_eq!(invoked.json()["asked"], json!({ "a": 1 }));
    assert!(invoked.stderr.contains(&warning), "{}", invoked.stderr);
    let installed = fs::read_dir(bare.cache.path()).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.join("markupsafe").is_dir() && path.join(".cargo-agentcore-complete").exists()
    });
    assert_eq!(installed.count(), 1);
    bare.cli(&project, &["local", "stop"]).run().succeeds();
}

/// Sends all requests to package indexes to a proxy that does not exist, and disables caches.
fn without_network(cli: Cli) -> Cli {
    let nowhere = format!("http://127.0.0.1:{DEAD_PORT}");
    let empty = cli.env("UV_NO_CACHE", "1").env("PIP_NO_CACHE_DIR", "1");
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
        .into_iter()
        .fold(empty, |cli, name| cli.env(name, &nowhere))
        .env("PIP_RETRIES", "0")
        .env("UV_HTTP_RETRIES", "0")
}

#[test]
fn after_the_first_run_no_network_is_needed() {
    let place = Place::of(compiled());
    let offline = |words: &[&str]| without_network(place.cli(words)).run();
    offline(&["local", "stop"]).succeeds();
    let text = place.project.read("deployment/invoke.py");
    place.project.write(
        "deployment/invoke.py",
        text.replace("\"asked\": asked", "\"offline\": asked"),
    );
    offline(&["deploy", "--local"]).succeeds();
    let answer = offline(&["invoke", "--local", r#"{"a": 2}"#]).succeeds();
    assert_eq!(answer.json()["offline"], json!({ "a": 2 }));
}

/// What was deployed from another machine cannot be installed here without a network, but once it
/// is back.
#[test]
fn what_cannot_be_made_ready_is_told_at_deploy_and_tried_again() {
    // A version that no other test installs, but that an earlier run may have left.
    let project = compiled().file("deployment/requirements.txt", "markupsafe==3.0.1\n");
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    cli(&project, &["package"]).run().succeeds();
    for entry in fs::read_dir(cache).unwrap() {
        let path = entry.unwrap().path();
        if path.join("markupsafe-3.0.1.dist-info").exists()
            || path.join("MarkupSafe-3.0.1.dist-info").exists()
        {
            fs::remove_dir_all(path).unwrap();
        }
    }
    let run = |words: &[&str]| cli(&project, words);
    let deployed = without_network(run(&["deploy", "--local"]))
        .run()
        .succeeds();
    deployed.says(&[
        "warning: agent `one` is deployed, but cannot run on this machine yet",
        "cannot install the archive's packages for this machine (MarkupSafe==3.0.1)",
        "help: the next invocation tries again",
    ]);
    let invoke = ["invoke", "--local", "{}"];
    let failed = run(&invoke).run().exits(1);
    assert!(
        failed
            .stderr
            .contains("cannot install the archive's packages"),
        "{}",
        failed.stderr
    );
    // It has the network settings of the shell that started it.
    run(&["local", "stop"]).run().succeeds();
    run(&invoke).run().succeeds();
    run(&["local", "stop"]).run().succeeds();
}
