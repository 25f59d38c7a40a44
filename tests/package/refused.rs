//! What is refused, and what is a warning.

use std::{fs, process::Command};

use crate::{
    archive, counted, package, project,
    support::{Cli, Project, bed, wheels},
};

/// The native file of a small package, as its wheel for this platform has it.
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
    for words in [
        "`newer.so` needs glibc 2.38, and the service has 2.34",
        "`other.so` is made for x86-64, not for 64-bit ARM",
    ] {
        assert!(
            outcome.stderr.contains(words),
            "{words}\n{}",
            outcome.stderr
        );
    }
    assert!(!outcome.stderr.contains("fitting"), "{}", outcome.stderr);
    for name in ["newer.so", "other.so"] {
        fs::remove_file(project.path().join("deployment").join(name)).unwrap();
    }
    package(&project).run().succeeds();
}

#[test]
fn what_would_fail_at_the_first_call_is_a_warning_at_every_build() {
    let project = project();
    project.write("my_agent/tools/broken.py", "A = 1\ndef (:\n");
    for _ in 0..2 {
        let outcome = package(&project).arg("-v").run().succeeds();
        for words in [
            "`my_agent/tools/broken.py` is shipped, and Python 3.11 does not understand it",
            "/project/my_agent/tools/broken.py:2:",
            "the entry point imports `bedrock_agentcore`, which neither",
            "/project/deployment/invoke.py:1:6",
            "help: require the package that has it in `requirements.txt`",
        ] {
            assert!(
                outcome.stderr.contains(words),
                "{words}\n{}",
                outcome.stderr
            );
        }
        assert!(
            !outcome.stderr.contains("imports `my_agent`"),
            "{}",
            outcome.stderr
        );
        // uv's Python for builds has nothing to do with the agent's.
        assert!(
            !outcome.stderr.contains("Using CPython"),
            "{}",
            outcome.stderr
        );
    }
    project.write("my_agent/tools/broken.py", "A = 1\n");
    project.write(
        "deployment/invoke.py",
        "from my_agent import agent\nimport markdown, json\n",
    );
    let outcome = package(&project).run().succeeds();
    for words in ["imports", "understand"] {
        assert!(!outcome.stderr.contains(words), "{}", outcome.stderr);
    }
}

#[test]
fn without_a_python_of_the_version_a_grammar_looks_at_the_files() {
    let project = Project::new().agent_with("my_agent", "bytecode = \"never\"");
    project.write("deployment/requirements.txt", "");
    project.write("deployment/invoke.py", "A = 1\nB = 2\ndef x(:\n");
    project.write("my_agent/fine.py", "type A[T] = list[T]\n");
    for _ in 0..2 {
        let outcome = package(&project).run().succeeds();
        let words = "`invoke.py` is shipped, and Python 3.13 will hardly understand it";
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
        let place = "/project/deployment/invoke.py:3:1";
        assert!(outcome.stderr.contains(place), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("fine.py"), "{}", outcome.stderr);
    }
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
    for words in [
        "`git+https://localhost/ours.git@v1` would have to be built",
        "requirements.txt:2:1",
        "`https://localhost/x-1.tar.gz` would have to be built",
        "requirements.txt:3:1",
    ] {
        assert!(
            outcome.stderr.contains(words),
            "{words}\n{}",
            outcome.stderr
        );
    }
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
    for words in [
        "`native.dat` is made for x86-64",
        "`bin/tool` is run by `/home/ann/perl`",
        "not shipped, because such files hold secrets: `.env`",
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
fn an_entry_point_that_does_nothing_is_refused() {
    let project = project();
    for text in ["", "# to be written\n"] {
        project.write("deployment/invoke.py", text);
        let outcome = package(&project).run().exits(1);
        for words in [
            "the entry point `invoke.py` of agent `my_agent` holds no statement",
            "/project/deployment/invoke.py`",
            "help: `cargo agentcore new` shows",
        ] {
            assert!(
                outcome.stderr.contains(words),
                "{words}\n{}",
                outcome.stderr
            );
        }
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
    project.write("deployment/requirements.txt", crate::REQUIREMENTS);
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
    for words in [
        "dataclasses 0.8 would take the place of `dataclasses`, a module of Python itself",
        "requirements.txt:3:1",
        "help: remove the requirement",
    ] {
        assert!(
            outcome.stderr.contains(words),
            "{words}\n{}",
            outcome.stderr
        );
    }
}
