//! `--offline`, `--locked` and `--frozen`.

use super::support::Project;
use super::{forget_archive, package, project};

#[test]
fn offline_uses_the_caches_alone_and_says_what_is_missing() {
    let project = project();
    let empty = project.root().join("empty");
    let here = || package(&project).env("UV_CACHE_DIR", &empty);
    let refused = [
        here().arg("--offline").run(),
        here().env("CARGO_NET_OFFLINE", "true").run(),
    ];
    let pinned = project.read("deployment/requirements.txt");
    let hash = format!(" --hash=sha256:{}\n", "0".repeat(64));
    project.write("deployment/requirements.txt", pinned.replace('\n', &hash));
    let frozen = here().arg("--frozen").run();
    project.write("deployment/requirements.txt", pinned);
    for outcome in refused.into_iter().chain([frozen]) {
        let stderr = outcome.exits(1).stderr;
        for wanted in ["markupsafe", "help: nothing is downloaded because of"] {
            assert!(stderr.contains(wanted), "{wanted}\n{stderr}");
        }
    }
    package(&project).run().succeeds();
    forget_archive(&project);
    let stderr = here().arg("--offline").run().succeeds().stderr;
    assert!(stderr.contains("(cached)"), "{stderr}");
}

#[test]
fn locked_wants_every_version_fixed_by_a_file() {
    let loose = project();
    let locked = || package(&loose).arg("--locked").run();
    let stderr = locked().exits(3).stderr;
    let command = "`uv pip compile --generate-hashes --python-version 3.11 --python-platform aarch64-manylinux_2_34 --output-file deployment/requirements.txt deployment/requirements.in`";
    for wanted in [
        "error: `--locked` and `--frozen` need an exact version and a hash of `markupsafe`\n",
        "deployment/requirements.txt:1:1",
        "help: rename `deployment/requirements.txt` to `deployment/requirements.in` and run `uv",
        command,
    ] {
        assert!(stderr.contains(wanted), "{wanted}\n{stderr}");
    }
    loose.write("deployment/requirements.in", "markupsafe\n");
    let stderr = locked().exits(3).stderr;
    assert!(
        stderr.contains(&format!("help: {command} writes them\n")),
        "{stderr}"
    );
    let keys = "runtime = \"python3.11\"\nrequirements = \"pyproject.toml\"";
    let project = Project::new().agent_with("my_agent", keys);
    let pyproject = "[project]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"markdown\"]\n";
    project.write("deployment/pyproject.toml", pyproject);
    let stderr = package(&project).arg("--locked").run().exits(3).stderr;
    assert!(
        stderr.contains("`--locked` and `--frozen` need a `uv.lock`"),
        "{stderr}"
    );
    // Even without `--locked`, a lock that lacks a requirement would ship too little.
    let lock = "version = 1\nrequires-python = \">=3.11\"\n[[package]]\nname = \"a\"\nversion = \"1\"\n\
        source = { virtual = \".\" }\n";
    project.write("deployment/uv.lock", lock);
    let stderr = package(&project).run().exits(3).stderr;
    for wanted in [
        "`markdown` is not in `",
        "deployment/pyproject.toml:4:17",
        "`uv lock`",
    ] {
        assert!(stderr.contains(wanted), "{wanted}\n{stderr}");
    }
}
