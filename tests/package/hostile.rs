//! An untrusted checkout: none of its code runs, and nothing in it affects another project.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    REQUIREMENTS, archive, names, package, path_with_uv, project, python,
    support::{Cli, Project, bed, wheels},
};

fn script(project: &Project, path: &str, content: &str) {
    project.write(path, content);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(project.path().join(path), mode).unwrap();
}

fn fired(project: &Project) -> String {
    fs::read_to_string(project.root().join("fired")).unwrap_or_default()
}

/// Plants everything that uv, pip, Python and version managers' shims may run or read in place.
fn plant(project: &Project) {
    let log = project.root().join("fired").display().to_string();
    for (at, program) in [
        (".venv/bin", "python"),
        (".venv/bin", "python3"),
        ("deployment/.venv/bin", "python"),
        ("bin", "uv"),
        ("bin", "python3"),
        ("bin", "python3.11"),
        ("deployment", "uv"),
    ] {
        script(
            project,
            &format!("{at}/{program}"),
            &format!("#!/bin/sh\necho {at}/{program} >> '{log}'\nexit 1\n"),
        );
    }
    for at in ["", "deployment/"] {
        let code = format!("open({log:?}, 'a').write(__file__ + '\\n')\n");
        project.write(&format!("{at}.venv/pyvenv.cfg"), "home = /usr/bin\n");
        for module in [
            "pip/__init__.py",
            "pip/__main__.py",
            "sitecustomize.py",
            "usercustomize.py",
            "marshal.py",
            "importlib/util.py",
            "encodings/__init__.py",
        ] {
            project.write(&format!("{at}{module}"), &code);
        }
        project.write(&format!("{at}.python-version"), "3.11-evil\n");
        project.write(&format!("{at}.tool-versions"), "python path:./bin\n");
    }
    project.write(
        "deployment/.agentcoreignore",
        "uv\npip/\nimportlib/\nencodings/\n*.py\n!invoke.py\n!my_agent/*.py\n.*\n",
    );
}

#[test]
fn no_program_or_module_of_the_checkout_is_run_by_uv() {
    let project = project();
    plant(&project);
    let mut path = OsString::from("bin:.:");
    path.push(project.path().join(".venv/bin"));
    path.push(":");
    path.push(path_with_uv());
    let outcome = package(&project)
        .env("PATH", &path)
        .env("VIRTUAL_ENV", project.path().join(".venv"))
        .env("PYTHONPATH", project.path())
        .run()
        .succeeds();
    assert_eq!(fired(&project), "", "{}", outcome.stderr);
    assert!(outcome.stderr.contains("with uv"), "{}", outcome.stderr);
    assert!(names(&archive(&project)).contains(&"markdown/core.py".to_owned()));
}

/// Creates a PATH with Python and pip, but without uv.
fn path_with_pip(project: &Project) -> PathBuf {
    let bin = project.root().join("with-pip");
    fs::create_dir(&bin).unwrap();
    let code = "import sys, os; print(os.path.realpath(sys.executable))";
    let base = python(code, Path::new(""));
    symlink(base.trim(), bin.join("python3")).unwrap();
    symlink(std::env::var("CARGO").unwrap(), bin.join("cargo")).unwrap();
    bin
}

#[test]
fn no_program_or_module_of_the_checkout_is_run_by_pip() {
    let project = project();
    plant(&project);
    fs::remove_file(project.path().join("bin/uv")).unwrap();
    fs::remove_file(project.path().join("deployment/uv")).unwrap();
    let mut path = OsString::from("bin:.:");
    path.push(path_with_pip(&project));
    let outcome = Cli::new(&project)
        .env("PATH", &path)
        .env("PYTHONPATH", project.path())
        .arg("package")
        .run()
        .succeeds();
    assert_eq!(fired(&project), "", "{}", outcome.stderr);
    assert!(outcome.stderr.contains("with pip"), "{}", outcome.stderr);
}

#[test]
fn a_program_that_only_the_checkout_has_is_named_and_not_run() {
    let project = project();
    plant(&project);
    let bin = project.root().join("only-cargo");
    fs::create_dir(&bin).unwrap();
    symlink(std::env::var("CARGO").unwrap(), bin.join("cargo")).unwrap();
    let mut path = OsString::from("bin:");
    path.push(&bin);
    let outcome = Cli::new(&project)
        .env("PATH", &path)
        .arg("package")
        .run()
        .exits(1);
    for words in [
        "needs uv or pip",
        "bin/uv` is not used: it is in the project",
    ] {
        assert!(
            outcome.stderr.contains(words),
            "{words}\n{}",
            outcome.stderr
        );
    }
    assert_eq!(fired(&project), "");
}

/// Creates a source distribution whose `setup.py` fires.
fn source_distribution(project: &Project, folder: &str) {
    let log = project.root().join("fired").display().to_string();
    let build = project.root().join("evil-1.0");
    fs::create_dir_all(&build).unwrap();
    fs::write(
        build.join("setup.py"),
        format!("open({log:?}, 'a').write('setup.py')\nfrom setuptools import setup\nsetup(name='evil', version='1.0')\n"),
    )
    .unwrap();
    fs::write(
        build.join("PKG-INFO"),
        "Metadata-Version: 1.0\nName: evil\nVersion: 1.0\n",
    )
    .unwrap();
    let to = project.path().join(folder);
    fs::create_dir_all(&to).unwrap();
    let packed = Command::new("tar")
        .arg("-czf")
        .arg(to.join("evil-1.0.tar.gz"))
        .arg("-C")
        .arg(project.root())
        .arg("evil-1.0")
        .status()
        .unwrap();
    assert!(packed.success());
}

#[test]
fn no_setting_of_the_checkout_builds_a_source_distribution() {
    for (file, settings) in [
        (
            "deployment/uv.toml",
            "no-binary-package = [\"evil\"]\nfind-links = [\"sdists\"]\n",
        ),
        (
            "pyproject.toml",
            "[tool.uv]\nno-binary-package = [\"evil\"]\nno-build = false\nfind-links = [\"deployment/sdists\"]\n[tool.uv.pip]\nno-binary = [\":all:\"]\n",
        ),
    ] {
        let project = project();
        source_distribution(&project, "deployment/sdists");
        project.write("deployment/.agentcoreignore", "sdists/\nuv.toml\n");
        project.write(file, settings);
        project.write("deployment/requirements.txt", "evil==1.0\n");
        let outcome = package(&project).run().exits(1);
        assert_eq!(fired(&project), "", "{}", outcome.stderr);
        for words in [
            "no wheel of `evil` fits",
            "`no-binary-package` has no effect here",
            file,
        ] {
            assert!(
                outcome.stderr.contains(words),
                "{words}\n{}",
                outcome.stderr
            );
        }
    }
    let project = project();
    source_distribution(&project, "sdists");
    let requirements = "--no-binary evil\n--find-links ../sdists\nevil==1.0\n";
    project.write("deployment/requirements.txt", requirements);
    let outcome = package(&project).run().exits(1);
    assert_eq!(fired(&project), "", "{}", outcome.stderr);
    let outcome = Cli::new(&project)
        .env("PATH", path_with_pip(&project))
        .arg("package")
        .run()
        .exits(1);
    assert_eq!(fired(&project), "", "{}", outcome.stderr);
}

/// Creates a project with the same requirements as [`project`], and its own wheel for one of them.
fn poisoned(file: &str, settings: &str) -> Project {
    let project = project();
    let wheel = wheels::plain(
        "markdown",
        "3.7",
        &[("markdown/__init__.py", "POISON = 1\n")],
    );
    project.write("wheels/markdown-3.7-py3-none-any.whl", wheel);
    project.write(file, settings);
    project.write("deployment/.agentcoreignore", "uv.toml\n");
    project
}

fn is_poisoned(project: &Project) -> bool {
    let code = "import sys, zipfile\nprint(b'POISON' in zipfile.ZipFile(sys.argv[1]).read('markdown/__init__.py'))";
    python(code, &archive(project)) == "True\n"
}

#[test]
fn what_one_project_says_of_indexes_changes_nothing_of_another() {
    for (file, settings) in [
        ("deployment/uv.toml", "find-links = [\"../wheels\"]\n"),
        ("pyproject.toml", "[tool.uv]\nfind-links = [\"wheels\"]\n"),
        (
            "pyproject.toml",
            "[tool.uv.pip]\nfind-links = [\"wheels\"]\n",
        ),
        (
            "deployment/requirements.txt",
            "--find-links ../wheels\nmarkupsafe==3.0.2\nmarkdown==3.7\n",
        ),
    ] {
        let hostile = poisoned(file, settings);
        let clean = project();
        assert_eq!(
            fs::read_to_string(clean.path().join("deployment/requirements.txt")).unwrap(),
            REQUIREMENTS
        );
        let cache = hostile.root().join("shared");
        let run = |project: &Project| {
            package(project)
                .env("CARGO_AGENTCORE_CACHE_DIR", &cache)
                .run()
                .succeeds()
        };
        run(&hostile);
        assert!(is_poisoned(&hostile), "{file} is obeyed in its own project");
        let outcome = run(&clean);
        assert!(outcome.stderr.contains("(installed)"), "{}", outcome.stderr);
        assert!(!is_poisoned(&clean), "{file} reached another project");
    }
}

#[test]
fn a_damaged_entry_of_the_cache_is_made_again() {
    let project = project();
    package(&project).run().succeeds();
    let whole = fs::read(archive(&project)).unwrap();
    let entries = project.home().join(".cache/cargo-agentcore/dependencies");
    let entry = fs::read_dir(entries)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("dependencies.zip"))
        .find(|path| path.exists())
        .unwrap();
    for at in [1000, fs::metadata(&entry).unwrap().len() - 100] {
        let mut bytes = fs::read(&entry).unwrap();
        let at = usize::try_from(at).unwrap();
        bytes[at] ^= 0xff;
        fs::write(&entry, bytes).unwrap();
        super::forget_archive(&project);
        let outcome = package(&project).run().succeeds();
        assert!(outcome.stderr.contains("(installed)"), "{}", outcome.stderr);
        assert!(fs::read(archive(&project)).unwrap() == whole);
    }
}

#[test]
fn the_users_own_index_settings_count_and_are_part_of_the_key() {
    let project = project();
    let cache = project.root().join("cache");
    let run = || {
        super::forget_archive(&project);
        package(&project)
            .env("CARGO_AGENTCORE_CACHE_DIR", &cache)
            .run()
            .succeeds()
            .stderr
    };
    fs::create_dir_all(archive(&project).parent().unwrap()).unwrap();
    assert!(run().contains("(installed)"));
    let wheel = wheels::plain(
        "markdown",
        "3.7",
        &[("markdown/__init__.py", "POISON = 1\n")],
    );
    fs::create_dir_all(project.home().join(".config/uv")).unwrap();
    fs::write(
        project.home().join(".config/uv/uv.toml"),
        "find-links = [\"wheels\"]\n",
    )
    .unwrap();
    fs::create_dir_all(project.home().join(".config/uv/wheels")).unwrap();
    let file = project
        .home()
        .join(".config/uv/wheels/markdown-3.7-py3-none-any.whl");
    fs::write(file, wheel).unwrap();
    assert!(run().contains("(installed)"));
    assert!(is_poisoned(&project));
    assert!(run().contains("(cached)"));
    assert!(bed::agents().exists());
}
