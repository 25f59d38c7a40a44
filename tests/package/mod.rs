//! `cargo agentcore package` with the real uv, the real pip and real wheels.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests touch the world"
)]

mod beside;
mod corpus;
mod encodings;
mod excluded;
mod found;
mod hostile;
mod imports;
mod kept;
mod laid_out;
mod limits;
mod refused;
mod secrets;
mod systems;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    self, Cli, Project,
    bed::{self, path_with_uv},
};

/// Small packages: one with a native part, one with a console script.
const REQUIREMENTS: &str = "markupsafe==3.0.2\nmarkdown==3.7\n";

fn project() -> Project {
    let project = Project::new().agent_with("my_agent", "runtime = \"python3.11\"");
    project.write("deployment/requirements.txt", REQUIREMENTS);
    project
}

/// Returns `package` with uv and a Python 3.11 first on PATH.
fn package(project: &Project) -> Cli {
    Cli::new(project).env("PATH", path_with_uv()).arg("package")
}

fn archive(project: &Project) -> PathBuf {
    project
        .path()
        .join("target/agentcore/test-project-7k2qpx/my_agent/deployment.zip")
}

fn forget_archive(project: &Project) {
    fs::remove_dir_all(archive(project).parent().unwrap()).unwrap();
}

/// Returns the archive's names as read by Python itself, one per line, sorted.
fn names(archive: &Path) -> Vec<String> {
    let code = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nprint('\\n'.join(sorted(z.namelist())))";
    let said = python(code, archive);
    said.lines().map(str::to_owned).collect()
}

fn python(code: &str, argument: &Path) -> String {
    let output = Command::new(bed::program(&bed::agents(), "python"))
        .args(["-c", code])
        .arg(argument)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_archive_is_what_uv_installs_and_the_agents_files_over_it() {
    let project = project();
    let outcome = package(&project).run().succeeds();
    let path = archive(&project);
    assert_eq!(outcome.stdout.trim(), path.display().to_string());
    assert!(outcome.stderr.contains("Installing"), "{}", outcome.stderr);
    let tested = Command::new("unzip")
        .arg("-tq")
        .arg(&path)
        .output()
        .unwrap();
    assert!(tested.status.success(), "{tested:?}");

    let found = names(&path);
    let compiled = found
        .iter()
        .filter(|name| name.contains("__pycache__"))
        .count();
    assert!(compiled > 10, "{found:?}");
    assert!(found.contains(&"my_agent/__pycache__/agent.cpython-311.pyc".to_owned()));
    assert!(
        !found
            .iter()
            .any(|name| name.starts_with(".cargo-agentcore"))
    );

    // The same tree as a plain installation, compared by name.
    let plain = project.root().join("plain");
    let mut uv = Command::new(bed::program(&bed::agents(), "uv"));
    uv.args(["pip", "install", "--quiet", "--target"])
        .arg(&plain)
        .args([
            "--python-platform",
            "aarch64-manylinux2014",
            "--python-version",
            "3.11",
        ])
        .args(["--only-binary", ":all:", "--requirements"])
        .arg(project.path().join("deployment/requirements.txt"));
    assert!(uv.status().unwrap().success());
    let mut wanted = std::collections::BTreeMap::new();
    support::project::collect(&plain, "", &mut wanted);
    let wanted: Vec<&String> = wanted
        .keys()
        .filter(|name| !name.ends_with('/') && *name != ".lock")
        .collect();
    let own = ["invoke.py", "requirements.txt"];
    let shipped: Vec<&String> = found
        .iter()
        .filter(|name| !name.contains("__pycache__") && !name.starts_with("my_agent/"))
        .filter(|name| !own.contains(&name.as_str()))
        .collect();
    assert_eq!(shipped, wanted);

    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\ni = z.getinfo('bin/markdown_py')\nprint(oct(i.external_attr >> 16 & 0o777), i.date_time[0])\nprint(z.read(i).decode(), end='')";
    // Not as written by uv, whose script differs from pip's and is a program on Windows.
    assert_eq!(
        python(script, &path),
        "0o755 1980\n#!/usr/bin/env python3\nimport sys\nfrom markdown.__main__ import run\n\n\
         if __name__ == \"__main__\":\n    sys.exit(run())\n"
    );
}

#[test]
fn the_same_input_makes_the_same_bytes_with_and_without_the_cache() {
    let project = project();
    package(&project).run().succeeds();
    let first = fs::read(archive(&project)).unwrap();
    let again = package(&project).run().succeeds();
    assert!(again.stderr.contains("(unchanged)"), "{}", again.stderr);
    forget_archive(&project);
    let cached = package(&project).run().succeeds();
    assert!(cached.stderr.contains("(cached)"), "{}", cached.stderr);
    assert!(fs::read(archive(&project)).unwrap() == first);
    forget_archive(&project);
    fs::remove_dir_all(project.home().join(".cache/cargo-agentcore")).unwrap();
    let anew = package(&project).run().succeeds();
    assert!(anew.stderr.contains("(installed)"), "{}", anew.stderr);
    assert!(fs::read(archive(&project)).unwrap() == first);
}

/// Creates a directory with `uv` and `python3.11` that run the real ones and record each start.
fn counted(project: &Project) -> (OsString, impl Fn() -> String) {
    use std::os::unix::fs::PermissionsExt as _;

    let bin = project.root().join("counted");
    let log = project.root().join("starts");
    fs::create_dir(&bin).unwrap();
    for (name, real) in [("uv", "uv"), ("python3.11", "python")] {
        let wrapper = format!(
            "#!/bin/sh\necho {name} >> '{}'\nexec '{}' \"$@\"\n",
            log.display(),
            bed::program(&bed::agents(), real).display()
        );
        fs::write(bin.join(name), wrapper).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut path = bin.into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    (path, move || fs::read_to_string(&log).unwrap_or_default())
}

#[test]
fn a_change_of_code_keeps_the_dependencies_bytes() {
    let project = project();
    let head = |outcome: &support::Outcome| {
        let document = outcome.json();
        let size = document["agents"][0]["dependencies"]["bytes"]
            .as_u64()
            .unwrap();
        let bytes = fs::read(archive(&project)).unwrap();
        bytes[..usize::try_from(size).unwrap()].to_vec()
    };
    let first = package(&project)
        .args(["--output", "json"])
        .run()
        .succeeds();
    let before = head(&first);
    assert!(before.len() > 100_000);
    project.write(
        "my_agent/agent.py",
        "def answer(prompt):\n    return 'other'\n",
    );
    let second = package(&project)
        .args(["--output", "json"])
        .run()
        .succeeds();
    assert!(head(&second) == before);
    assert_ne!(
        first.json()["agents"][0]["id"],
        second.json()["agents"][0]["id"]
    );
    let tested = Command::new("unzip")
        .arg("-tq")
        .arg(archive(&project))
        .output()
        .unwrap();
    assert!(tested.status.success(), "{tested:?}");
}

#[test]
fn a_changed_line_goes_on_with_the_last_archive_and_a_failure_leaves_that_as_it_was() {
    use std::os::unix::fs::MetadataExt as _;

    let project = project();
    let file = || fs::metadata(archive(&project)).unwrap().ino();
    package(&project).run().succeeds();
    let first = file();
    project.write(
        "my_agent/agent.py",
        "def answer(prompt):\n    return 'changed'\n",
    );
    package(&project).run().succeeds();
    assert_eq!(file(), first);
    let continued = fs::read(archive(&project)).unwrap();

    project.write("deployment/bin/tool", "#!/home/ann/perl\n");
    package(&project).run().exits(1);
    assert!(fs::read(archive(&project)).unwrap() == continued);
    fs::remove_dir_all(project.path().join("deployment/bin")).unwrap();

    forget_archive(&project);
    package(&project).run().succeeds();
    assert!(fs::read(archive(&project)).unwrap() == continued);
}

#[test]
fn the_number_of_cores_changes_no_byte() {
    let project = project();
    // More files than the compiler takes at a time, and than are processed concurrently.
    project.write("deployment/requirements.txt", "pygments==2.18.0\n");
    let build = |cores: &[&str]| {
        let plain = package(&project).arg("--rebuild").prepared();
        let mut command = Command::new(
            cores
                .first()
                .map_or(plain.get_program(), |name| name.as_ref()),
        );
        if let Some(rest) = cores.get(1..) {
            command.args(rest).arg(plain.get_program());
        }
        command
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap())
            .env_clear()
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        let output = command.output().expect("util-linux brings taskset");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && said.contains("(installed)"),
            "{said}"
        );
        fs::read(archive(&project)).unwrap()
    };
    let all = build(&[]);
    let one = build(&["taskset", "-c", "0"]);
    assert!(all == one);
    let compiled = names(&archive(&project));
    assert!(
        compiled
            .iter()
            .filter(|name| name.contains("__pycache__"))
            .count()
            > 250
    );
}

#[test]
fn nothing_is_compiled_where_nothing_is_to_be() {
    let project =
        Project::new().agent_with("my_agent", "runtime = \"python3.11\"\nbytecode = \"never\"");
    project.write("deployment/requirements.txt", REQUIREMENTS);
    let outcome = package(&project).run().succeeds();
    assert!(
        !outcome.stderr.contains("compiled by"),
        "{}",
        outcome.stderr
    );
    let found = names(&archive(&project));
    assert!(found.contains(&"markdown/core.py".to_owned()));
    assert!(
        !found.iter().any(|name| name.contains("__pycache__")),
        "{found:?}"
    );
}

#[test]
fn a_pyproject_is_installed_and_with_a_lock_what_is_in_the_lock() {
    let project = Project::new().agent_with(
        "my_agent",
        "runtime = \"python3.11\"\nrequirements = \"pyproject.toml\"",
    );
    let pyproject = |wanted: &str| {
        project.write(
            "deployment/pyproject.toml",
            format!(
                "[project]\nname = \"a\"\nversion = \"0\"\nrequires-python = \">=3.11\"\n\
                 dependencies = [\"{wanted}\"]\n\n[dependency-groups]\ndev = [\"tomli==2.0.2\"]\n"
            ),
        );
    };
    let markdown = || -> Vec<String> {
        let found = names(&archive(&project)).into_iter();
        found
            .filter(|name| name.ends_with("dist-info/METADATA"))
            .map(|name| name.to_lowercase())
            .collect()
    };
    pyproject("markdown==3.7");
    package(&project).run().succeeds();
    assert_eq!(markdown(), ["markdown-3.7.dist-info/metadata"]);

    pyproject("markdown<3.7");
    let locked = Command::new(bed::program(&bed::agents(), "uv"))
        .args(["lock", "--quiet"])
        .current_dir(project.path().join("deployment"))
        .status()
        .unwrap();
    assert!(locked.success());
    pyproject("markdown");
    package(&project).run().succeeds();
    assert_eq!(markdown(), ["markdown-3.6.dist-info/metadata"]);
}

#[test]
fn two_runs_at_once_install_once_and_a_killed_one_leaves_nothing_in_the_way() {
    let project = project();
    let other = Project::new().agent_with("my_agent", "runtime = \"python3.11\"");
    other.write("deployment/requirements.txt", REQUIREMENTS);
    let cache = project.root().join("shared");
    let run = |project: &Project| {
        package(project)
            .env("CARGO_AGENTCORE_CACHE_DIR", &cache)
            .start()
    };
    let building = || -> Vec<String> {
        fs::read_dir(cache.join("dependencies"))
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(".building-"))
            .collect()
    };
    let killed = run(&project);
    let start = std::time::Instant::now();
    while building().is_empty() {
        assert!(start.elapsed().as_secs() < 60, "nothing is being built");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    killed.kill();
    assert!(!killed.wait().status.success());
    let both = [run(&project), run(&other)];
    let installed = both
        .into_iter()
        .map(|run| run.wait().succeeds())
        .filter(|outcome| outcome.stderr.contains("(installed)"))
        .count();
    assert_eq!(installed, 1);
    assert!(fs::read(archive(&project)).unwrap() == fs::read(archive(&other)).unwrap());
    let left = building();
    assert!(left.is_empty(), "{left:?}");
}
