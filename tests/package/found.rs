//! Which uv, pip and Python are taken.

use std::{fs, path::Path};

use crate::{archive, counted, names, project, python, support::Cli};

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
