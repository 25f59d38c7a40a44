//! Which uv, pip and Python are used.

use std::{fs, path::Path};

use super::{
    archive, counted, names, package, project, python,
    support::{Cli, Project, wheels},
};

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
    project.write(
        "my_agent/agent.py",
        "def answer(prompt):\n    return 'changed'\n",
    );
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

/// Creates a folder of packages with these versions.
fn offer(project: &Project, files: &[(&str, &str)]) {
    for (name, version) in files {
        let stem = format!("{name}-{version}");
        if let Some(version) = version.strip_suffix("-source") {
            project.write(&format!("wheels/{name}-{version}.tar.gz"), "no archive");
            continue;
        }
        let version = version.split('-').next().unwrap();
        let module = format!("{name}.py");
        let content = wheels::plain(name, version, &[(module.as_str(), "")]);
        let tags = if stem.ends_with("-intel") {
            "cp311-cp311-manylinux2014_x86_64"
        } else if stem.ends_with("-new") {
            "cp311-cp311-manylinux_2_34_aarch64"
        } else {
            "py3-none-any"
        };
        project.write(&format!("wheels/{name}-{version}-{tags}.whl"), content);
    }
}

#[test]
fn what_is_older_than_it_has_to_be_is_told_at_every_build_with_the_reason() {
    let project = project();
    offer(
        &project,
        &[
            ("held", "1.0"),
            ("held", "1.1-source"),
            ("intel", "1.0"),
            ("intel", "2.0-intel"),
            ("fresh", "1.0"),
            ("fresh", "2.0-new"),
            ("capped", "1.0"),
            ("capped", "2.0"),
        ],
    );
    project.write(
        "deployment/requirements.txt",
        "--find-links ../wheels\n--no-index\nheld\nintel\nfresh\ncapped<2\n",
    );
    for state in ["(installed)", "(unchanged)", "(cached)"] {
        if state == "(cached)" {
            super::forget_archive(&project);
        }
        let outcome = package(&project).run().succeeds();
        outcome.says(&[
            state,
            "2 packages are older than the newest versions that the requirements allow",
            "held 1.0, not 1.1: that is there as a source distribution only",
            "intel 1.0, not 2.0: that has no wheel for Python 3.11 on 64-bit ARM",
        ]);
    }
    let found = names(&archive(&project));
    // Wheels for the service's own glibc are as good as older ones.
    assert!(
        found.contains(&"fresh-2.0.dist-info/METADATA".to_owned()),
        "{found:?}"
    );
}

#[test]
fn an_ancient_wheel_is_no_substitute_for_a_source_distribution() {
    let project = project();
    offer(&project, &[("old", "0.9"), ("old", "2.0-source")]);
    let require = |line: &str| {
        let text = format!("--find-links ../wheels\n--no-index\n{line}\n");
        project.write("deployment/requirements.txt", text);
        package(&project).run()
    };
    let outcome = require("old").exits(1);
    outcome.says(&[
        "`old` 2.0 exists only as a source distribution",
        "requirements.txt:3:1",
        "the newest version with a wheel for Python 3.11 on 64-bit ARM is 0.9",
        "`old<=0.9`",
    ]);
    require("old<=0.9").succeeds();
}

/// On every build, even an unchanged one.
#[test]
fn a_distribution_of_opentelemetry_that_sends_no_traces_is_told_with_its_line() {
    let project = project();
    offer(
        &project,
        &[
            ("aws_opentelemetry_distro", "0.17.0"),
            ("aws_opentelemetry_distro", "0.18.0"),
        ],
    );
    let requires = |line: &str| {
        let text = format!("--find-links ../wheels\n--no-index\n{line}\n");
        project.write("deployment/requirements.txt", text);
        package(&project).run().succeeds().stderr
    };
    for _ in ["installed", "unchanged"] {
        let told = requires("aws-opentelemetry-distro==0.17.0");
        for words in [
            "warning: `aws-opentelemetry-distro` 0.17.0 sends no traces from a new runtime\n",
            "deployment/requirements.txt:3:1",
            "help: require `aws-opentelemetry-distro>=0.18`",
        ] {
            assert!(told.contains(words), "{words}\n{told}");
        }
    }
    let told = requires("aws-opentelemetry-distro");
    assert!(!told.contains("traces"), "{told}");
}

#[test]
fn what_sessions_share_on_v2_is_told_with_its_line() {
    let package_on = |platform: &str, code: &str| {
        let keys = format!("runtime = \"python3.11\"{platform}");
        let project = Project::new().agent_with("my_agent", &keys);
        project.write("deployment/requirements.txt", "");
        project.write("deployment/invoke.py", code);
        package(&project).run().succeeds().stderr
    };
    let at_import = "import uuid\n\nINSTANCE = str(uuid.uuid4())\nprint(INSTANCE)\n";
    let told = package_on("\nplatform-version = \"v2\"", at_import);
    for words in [
        "warning: the code of agent `my_agent` creates an ID before the first request\n",
        "deployment/invoke.py:3:16",
        "help: do it in the function that answers a request",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    let in_request = "import uuid\n\n\ndef answer():\n    return uuid.uuid4()\n\n\nprint(answer)\n";
    for (platform, code) in [
        ("\nplatform-version = \"v2\"", in_request),
        ("\nplatform-version = \"v1\"", at_import),
        ("", at_import),
    ] {
        let told = package_on(platform, code);
        assert!(!told.contains("V2"), "{platform}\n{told}");
    }
}
