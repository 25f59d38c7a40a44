//! What is refused, and what is a warning.

use std::{fs, path::Path, process::Command};

use super::{
    archive, counted, package, project,
    support::{Cli, Project, bed, wheels},
};

/// Returns the native file of a small package from its wheel for this platform.
fn native(project: &Project, platform: &str) -> Vec<u8> {
    let target = project.root().join(platform);
    let installed = Command::new(bed::program(&bed::agents(), "uv"))
        .args([
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--python-version",
            "3.11",
        ])
        .args([
            "--only-binary",
            ":all:",
            "--python-platform",
            platform,
            "--target",
        ])
        .arg(&target)
        .arg("markupsafe==3.0.2")
        .status()
        .unwrap();
    assert!(installed.success());
    let directory = fs::read_dir(target.join("markupsafe")).unwrap();
    let file = directory
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "so"))
        .unwrap();
    fs::read(file).unwrap()
}

#[test]
fn native_files_are_for_the_services_machine_and_its_glibc() {
    let project = project();
    let fitting = native(&project, "aarch64-manylinux2014");
    let at = fitting
        .windows(10)
        .position(|bytes| bytes == b"GLIBC_2.17")
        .expect("it was linked against glibc");
    let mut newer = fitting.clone();
    newer[at..at + 10].copy_from_slice(b"GLIBC_2.38");
    project.write("deployment/fitting.so", &fitting);
    project.write("deployment/newer.so", &newer);
    project.write(
        "deployment/other.so",
        native(&project, "x86_64-manylinux2014"),
    );
    let outcome = package(&project).run().exits(1);
    outcome.says(&[
        "`newer.so` needs glibc 2.38, and the service has 2.34",
        "`other.so` is made for x86-64, not for 64-bit ARM",
    ]);
    assert!(!outcome.stderr.contains("fitting"), "{}", outcome.stderr);
    for name in ["newer.so", "other.so"] {
        fs::remove_file(project.path().join("deployment").join(name)).unwrap();
    }
    package(&project).run().succeeds();
}

#[test]
fn an_agent_that_cannot_start_is_refused_with_the_place_and_shipped_with_force() {
    let project = project();
    project.write(
        "deployment/invoke.py",
        "from my_agent.agent import answr\nfrom my_agent import search\nimport markdown, json\n",
    );
    project.write(
        "my_agent/search.py",
        "import yaml\nimport markdown.extensons\nfrom .tols import find\n\n\ndef late():\n    import pandas\n",
    );
    project.write("my_agent/tools/broken.py", "A = 1\ndef (:\n");
    let words = [
        "cannot import `answr` from `my_agent.agent`, which does not define it",
        "/project/deployment/invoke.py:1:28",
        "help: did you mean `answer`?",
        "no module named `yaml` in the agent's files or its dependencies",
        "/project/my_agent/search.py:1:8",
        "note: imported through `invoke.py`",
        "note: the agent cannot start without it",
        "help: add `pyyaml` to `requirements.txt`",
        "no module named `my_agent.tols`",
        "/project/my_agent/search.py:3:7",
        "help: did you mean `my_agent.tools`?",
    ];
    let less = [
        "warning: no module named `markdown.extensons`",
        "help: did you mean `markdown.extensions`?",
        "warning: Python 3.11 cannot read `my_agent/tools/broken.py`",
        "note: no module named `pandas`",
        "/project/my_agent/search.py:7:12",
    ];
    for _ in 0..2 {
        let outcome = package(&project).run().exits(3);
        for words in words.iter().chain(&less).chain(&["help: `--force` ships"]) {
            assert!(
                outcome.stderr.contains(words),
                "{words}\n{}",
                outcome.stderr
            );
        }
        assert!(!archive(&project).exists());
    }
    for _ in 0..2 {
        let outcome = package(&project).arg("--force").run().succeeds();
        for words in words.iter().chain(&less) {
            assert!(
                outcome.stderr.contains(words),
                "{words}\n{}",
                outcome.stderr
            );
        }
        assert!(!outcome.stderr.contains("error"), "{}", outcome.stderr);
    }
    // The existing archive was forced, and is refused as before.
    package(&project).run().exits(3);
}

#[test]
fn a_syntax_error_stops_only_what_needs_the_file() {
    let project = project();
    project.write("my_agent/tools/broken.py", "A = 1\ndef (:\n");
    for _ in 0..2 {
        let outcome = package(&project).arg("-v").run().succeeds();
        outcome.says(&[
            "warning: Python 3.11 cannot read `my_agent/tools/broken.py`",
            "/project/my_agent/tools/broken.py:2:",
        ]);
        // uv's Python for builds is unrelated to the agent's.
        assert!(
            !outcome.stderr.contains("Using CPython"),
            "{}",
            outcome.stderr
        );
    }
    project.write("my_agent/__init__.py", "from .tools import broken\n");
    let outcome = package(&project).run().exits(3);
    outcome.says(&[
        "error: Python 3.11 cannot read `my_agent/tools/broken.py`",
        "/project/my_agent/tools/broken.py:2:",
        "note: the agent needs it to start",
    ]);
    project.write("my_agent/tools/broken.py", "A = 1\n");
    let outcome = package(&project).run().succeeds();
    for words in ["cannot", "note:"] {
        assert!(!outcome.stderr.contains(words), "{}", outcome.stderr);
    }
}

#[test]
fn a_document_holds_the_warnings() {
    let project = project();
    project.write("my_agent/template.py", "{{ name }} = {% if %}\n");
    let outcome = package(&project)
        .args(["--output", "json"])
        .run()
        .succeeds();
    let told = |stdout: &str| {
        let document: serde_json::Value = serde_json::from_str(stdout).unwrap();
        let warnings = document["warnings"].as_array().unwrap().clone();
        let of_the_code = |warning: &serde_json::Value| {
            let file = Path::new(warning["file"].as_str().unwrap_or_default());
            file.extension().is_some_and(|ending| ending == "py")
        };
        warnings.into_iter().filter(of_the_code).collect::<Vec<_>>()
    };
    let warnings = told(&outcome.stdout);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(
        warnings[0]["message"],
        "Python 3.11 cannot read `my_agent/template.py`"
    );
    assert_eq!(warnings[0]["line"], 1);
    fs::remove_file(project.path().join("my_agent/template.py")).unwrap();
    let outcome = package(&project)
        .args(["--output", "json"])
        .run()
        .succeeds();
    assert!(told(&outcome.stdout).is_empty(), "{}", outcome.stdout);
}

#[test]
fn without_a_python_of_the_version_a_grammar_looks_at_the_files() {
    let project = Project::new().agent_with("my_agent", "bytecode = \"never\"");
    project.write("deployment/requirements.txt", "");
    project.write("deployment/invoke.py", "A = 1\nB = 2\ndef x(:\n");
    project.write("my_agent/fine.py", "type A[T] = list[T]\n");
    for _ in 0..2 {
        let outcome = package(&project).run().exits(3);
        let words = "error: Python 3.13 can probably not read the entry point `invoke.py`";
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
        let place = "/project/deployment/invoke.py:3:1";
        assert!(outcome.stderr.contains(place), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("fine.py"), "{}", outcome.stderr);
    }
    let outcome = package(&project).arg("--force").run().succeeds();
    let words = "warning: Python 3.13 can probably not read the entry point `invoke.py`";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
}

#[test]
fn what_would_have_to_be_built_is_refused_before_anything_is_started() {
    let project = project();
    let (path, starts) = counted(&project);
    project.write(
        "deployment/requirements.txt",
        "markdown==3.7\nours @ git+https://localhost/ours.git@v1\nhttps://localhost/x-1.tar.gz\n",
    );
    let outcome = Cli::new(&project)
        .env("PATH", path)
        .arg("package")
        .run()
        .exits(3);
    outcome.says(&[
        "`git+https://localhost/ours.git@v1` would have to be built",
        "requirements.txt:2:1",
        "`https://localhost/x-1.tar.gz` would have to be built",
        "requirements.txt:3:1",
    ]);
    assert_eq!(starts(), "");
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
    outcome.says(&[
        "`native.dat` is made for x86-64",
        "`bin/tool` is run by `/home/ann/perl`",
        "not shipped, because such files contain secrets: `.env`",
        "cannot read the entry point `invoke.py`",
    ]);
    assert!(!archive(&project).exists());
}

#[test]
fn an_entry_point_that_does_nothing_is_refused() {
    let project = project();
    for text in ["", "# to be written\n"] {
        project.write("deployment/invoke.py", text);
        let outcome = package(&project).run().exits(1);
        outcome.says(&[
            "the entry point `invoke.py` of agent `my_agent` has no statement",
            "/project/deployment/invoke.py`",
            "help: start a server in it; `cargo agentcore new` creates an example",
        ]);
        assert!(!archive(&project).exists());
    }
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
fn a_file_of_the_agent_that_meets_one_of_a_dependency_is_refused_with_both_places() {
    let project = project();
    project.write("deployment/markdown/util.py", "OURS = True\n");
    project.write("deployment/markupsafe.py", "");
    let outcome = package(&project).run().exits(1);
    for words in [
        "the agent's `markdown` and the `markdown` of markdown 3.7 would be one in the archive",
        "/project/deployment/markdown/util.py`",
        "the agent's `markupsafe` and the `markupsafe` of ",
        "/project/deployment/markupsafe.py`",
        "help: rename the agent's `markdown`",
    ] {
        assert!(
            outcome
                .stderr
                .to_lowercase()
                .contains(&words.to_lowercase()),
            "{words}\n{}",
            outcome.stderr
        );
    }
    assert!(!archive(&project).exists());
}

#[test]
fn names_that_only_sound_like_a_librarys_are_free() {
    let project = Project::new().agent_with("requests", "runtime = \"python3.11\"");
    project.write("deployment/requirements.txt", super::REQUIREMENTS);
    project.write("deployment/tests/data.py", "");
    package(&project).run().succeeds();
}

#[test]
fn a_requirement_that_replaces_a_module_of_python_is_refused_with_its_line() {
    let project = project();
    let wheel = wheels::plain("dataclasses", "0.8", &[("dataclasses.py", "")]);
    project.write("wheels/dataclasses-0.8-py3-none-any.whl", wheel);
    project.write(
        "deployment/requirements.txt",
        "markupsafe==3.0.2\n--find-links ../wheels\ndataclasses==0.8\n",
    );
    let outcome = package(&project).run().exits(1);
    outcome.says(&[
        "dataclasses 0.8 would replace `dataclasses`, a module of Python itself",
        "requirements.txt:3:1",
        "help: remove the requirement",
    ]);
}
