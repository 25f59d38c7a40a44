//! `cargo agentcore package` with the real uv, the real pip and real wheels.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests touch the world"
)]

mod support;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use support::{Cli, Project, bed};

/// Small packages: one with a native part, one with a console script.
const REQUIREMENTS: &str = "markupsafe==3.0.2\nmarkdown==3.7\n";

fn project() -> Project {
    let project = Project::new().agent_with("my_agent", "runtime = \"python3.11\"");
    project.write("deployment/requirements.txt", REQUIREMENTS);
    project
}

/// uv and a Python 3.11, before everything else.
fn path_with_uv() -> OsString {
    let mut path = OsString::from(bed::agents().join("bin"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

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

/// What Python's own reader says of the archive: a name a line, sorted.
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

    // The same tree as a plain installation, the entries of both compared by name.
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

    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\ni = z.getinfo('bin/markdown_py')\nprint(oct(i.external_attr >> 16 & 0o777), z.read(i).split(b'\\n')[0].decode(), i.date_time[0])";
    assert_eq!(python(script, &path), "0o755 #!/usr/bin/env python3 1980\n");
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

/// A directory with `uv` and `python3.11` that do what the real ones do and write each start down.
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
fn what_was_found_is_remembered_until_it_changes_or_a_rebuild_looks_anew() {
    let project = project();
    let (path, starts) = counted(&project);
    let run = |words: &[&str]| {
        let before = starts().len();
        let outcome = Cli::new(&project)
            .env("PATH", &path)
            .arg("package")
            .args(words)
            .run()
            .succeeds();
        let started = starts()[before..].replace('\n', " ");
        let summary = outcome.stderr.lines().last().unwrap_or_default().to_owned();
        (started, summary)
    };
    let (started, summary) = run(&[]);
    assert!(
        started.contains("uv ") && started.contains("python3.11 "),
        "{started}"
    );
    assert!(summary.contains("compiled by Python 3.11."), "{summary}");
    let first = fs::read(archive(&project)).unwrap();
    assert_eq!(run(&[]).0, "");
    project.write("my_agent/agent.py", "CHANGED = True\n");
    let (started, summary) = run(&[]);
    assert_eq!(started, "");
    assert!(summary.contains("compiled by Python 3.11."), "{summary}");
    project.write(
        "my_agent/agent.py",
        "def answer(prompt: str) -> str:\n    return prompt\n",
    );

    let (started, summary) = run(&["--rebuild"]);
    assert!(
        started.contains("uv ") && started.contains("python3.11 "),
        "{started}"
    );
    assert!(summary.contains("(installed)"), "{summary}");
    assert!(fs::read(archive(&project)).unwrap() == first);

    let wrapper = project.root().join("counted/python3.11");
    let text = fs::read_to_string(&wrapper).unwrap();
    fs::write(&wrapper, text + "# another\n").unwrap();
    assert!(run(&[]).0.contains("python3.11 "));
    assert_eq!(run(&[]).0, "");
}

#[test]
fn a_change_of_code_keeps_the_dependencies_bytes_and_an_own_file_replaces_theirs() {
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
    project.write("deployment/markdown/util.py", "OURS = True\n");
    let second = package(&project)
        .args(["--output", "json"])
        .run()
        .succeeds();
    assert!(head(&second) == before);
    assert_ne!(
        first.json()["agents"][0]["id"],
        second.json()["agents"][0]["id"]
    );
    let found = names(&archive(&project));
    for name in [
        "markdown/util.py",
        "markdown/__pycache__/util.cpython-311.pyc",
    ] {
        assert_eq!(found.iter().filter(|found| *found == name).count(), 1);
    }
    let code = "import sys, zipfile\nprint(zipfile.ZipFile(sys.argv[1]).read('markdown/util.py').decode())";
    assert_eq!(python(code, &archive(&project)), "OURS = True\n\n");
    let tested = Command::new("unzip")
        .arg("-tq")
        .arg(archive(&project))
        .output()
        .unwrap();
    assert!(tested.status.success(), "{tested:?}");
}

#[test]
fn what_the_service_cannot_run_is_told_all_at_once() {
    let project = project();
    let mut native = vec![0_u8; 64];
    native[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    native[18] = 62;
    project.write("deployment/native.dat", &native);
    project.write("deployment/bin/tool", "#!/home/ann/perl\n");
    project.write("deployment/.env", "KEY=1\n");
    project.write("deployment/invoke.py", "def broken(:\n");
    let outcome = package(&project).run().exits(1);
    for words in [
        "`native.dat` is made for x86-64",
        "`bin/tool` is run by `/home/ann/perl`",
        "`.env` is not shipped",
        "does not understand the entry point",
    ] {
        assert!(
            outcome.stderr.contains(words),
            "{words}\n{}",
            outcome.stderr
        );
    }
    assert!(!archive(&project).exists());
}

#[test]
fn a_package_without_a_fitting_wheel_is_named() {
    let project = project();
    project.write("deployment/requirements.txt", "pyyaml==5.1\n");
    let outcome = package(&project).run().exits(1);
    assert!(
        outcome
            .stderr
            .contains("no wheel of `pyyaml` fits Python 3.11 on 64-bit ARM"),
        "{}",
        outcome.stderr
    );
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

#[test]
fn pip_does_it_where_uv_is_missing() {
    let project = project();
    let bin = project.root().join("bin");
    fs::create_dir(&bin).unwrap();
    let real = |code: &str| python(code, Path::new("")).trim().to_owned();
    let base = real("import sys, os; print(os.path.realpath(sys.executable))");
    std::os::unix::fs::symlink(base, bin.join("python3")).unwrap();
    let cargo = std::env::var("CARGO").unwrap();
    std::os::unix::fs::symlink(cargo, bin.join("cargo")).unwrap();
    let outcome = Cli::new(&project)
        .env("PATH", &bin)
        .arg("package")
        .run()
        .succeeds();
    assert!(outcome.stderr.contains("with pip"), "{}", outcome.stderr);
    let found = names(&archive(&project));
    assert!(
        found
            .iter()
            .any(|name| name.ends_with("aarch64-linux-gnu.so")),
        "{found:?}"
    );
    assert!(found.contains(&"markdown/core.py".to_owned()));
}
