//! Runs the commands of generated READMEs, and checks that a project's other files are not shipped.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    Generated, TEMPLATES,
    support::{Cli, bed, emulator::free_port},
};

/// Returns the lines of the code blocks below a heading.
fn lines_of(readme: &str, heading: &str) -> Vec<String> {
    let (_, part) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let lines = part.lines().filter_map(|line| line.strip_prefix("    "));
    lines.map(str::to_owned).collect()
}

impl Generated {
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Returns a command line as run by a user, with uv and this machine's Python on `PATH`.
    fn shell(&self, line: &str, port: u16) -> Command {
        let mut path = std::ffi::OsString::from(self.root.path().join("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.root.path().join("home"))
            .env("UV_CACHE_DIR", bed::directory().join("uv-cache"))
            .env("PORT", port.to_string())
            .stdin(Stdio::null());
        for (name, value) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["PIP_", "UV_", "SSL_"].iter().any(|p| text.starts_with(p)) {
                command.env(name, value);
            }
        }
        command
    }

    #[track_caller]
    fn type_in(&self, line: &str) -> String {
        let output = self.shell(line, 0).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{line}\n{printed}");
        printed
    }

    /// Runs the commands that start and ask the agent. Returns its answer.
    fn started_and_asked(&self, start: &str, ask: &str) -> String {
        let port = free_port();
        let mut agent = Started(
            self.shell(&format!("exec {start}"), port)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let log = agent.0.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let lines = BufReader::new(log).lines();
            lines.map_while(Result::ok).collect::<Vec<_>>().join("\n")
        });
        let ask = ask.replace(":8080/", &format!(":{port}/"));
        let began = Instant::now();
        while began.elapsed() < Duration::from_mins(1) && agent.0.try_wait().unwrap().is_none() {
            let asked = self.shell(&ask, port).output().unwrap();
            if asked.status.success() {
                return String::from_utf8(asked.stdout).unwrap();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(agent);
        panic!("{start} does not answer:\n{}", log.join().unwrap());
    }
}

/// Needs no process group, because `exec` and uv forward the signal.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let id = self.0.id().to_string();
        // uv forwards SIGTERM. The process may already have ended.
        let _ = Command::new("kill").arg(id).status();
        let _ = self.0.wait();
    }
}

#[test]
fn run_it_here_works_as_it_is_printed() {
    let project = Generated::new("echo");
    let bin = project.root.path().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(bed::program(&bed::agents(), "uv"), bin.join("uv")).unwrap();
    // A stale copy made by `prepare` is neither run nor tested.
    project.write(
        "deployment/my_agent/__init__.py",
        "raise SystemExit(\"stale\")\n",
    );

    let readme = project.read("README.md");
    let run = lines_of(&readme, "Run it here");
    let [with_uv, environment, install, without_uv, ask] = &run[..] else {
        panic!("{run:?}")
    };
    let answer = "{\"answer\": \"You said: hello\"}";
    assert_eq!(project.started_and_asked(with_uv, ask), answer);
    let test = lines_of(&readme, "Test it");
    assert!(project.type_in(&test[0]).contains("\nOK\n"));
    // pytest runs the same tests.
    let pytest = project.type_in("uv run --with pytest python -m pytest");
    assert!(pytest.contains("3 passed"), "{pytest}");

    fs::remove_dir_all(project.path().join(".venv")).unwrap();
    project.type_in(environment);
    project.type_in(install);
    assert_eq!(project.started_and_asked(without_uv, ask), answer);
    let without_uv = ".venv/bin/python -m unittest";
    assert!(readme.contains(&format!("`{without_uv}`")), "{readme}");
    assert!(project.type_in(without_uv).contains("\nOK\n"));
    // For editors, and users who install the project.
    project.type_in(".venv/bin/pip install --quiet --editable . && cd / && \"$OLDPWD/.venv/bin/python\" -c 'import my_agent'");

    let ignored = project.read(".gitignore");
    for made in ["/target/", ".venv/", "*.egg-info/", "/uv.lock"] {
        assert!(ignored.lines().any(|line| line == made), "{ignored}");
    }
}

/// Makes all connections fail.
const NO_NETWORK: &str = r#"
import socket


def refuse(*args, **kwargs):
    raise AssertionError(f"the tests use the network: {args}")


socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"#;

#[test]
fn every_template_has_tests_that_pass_without_aws_and_without_a_network() {
    for template in TEMPLATES {
        let project = Generated::new(template);
        project.write("../offline/sitecustomize.py", NO_NETWORK);
        let tests = |project: &Generated| {
            project
                .program("python")
                .args(["-m", "unittest"])
                .env("PYTHONPATH", project.root.path().join("offline"))
                // The bytecode of a file edited within the same second to the same size is reused.
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .output()
                .unwrap()
        };
        let passed = tests(&project);
        let printed = String::from_utf8_lossy(&passed.stderr).into_owned();
        assert!(passed.status.success(), "{template}\n{printed}");
        assert!(
            printed.contains("\nOK\n") && !printed.contains("Ran 0 "),
            "{printed}"
        );

        // Shows that the tests can fail.
        let payload = project.read("my_agent/payload.py");
        project.write("my_agent/payload.py", &payload.replace("400", "500"));
        let failed = tests(&project);
        assert!(!failed.status.success(), "{template}\n{failed:?}");
    }
}

#[test]
fn what_a_project_has_besides_the_agent_is_not_shipped() {
    let project = Generated::new("strands");
    // Dependencies do not matter here.
    project.write("deployment/requirements.txt", "");
    let package = Cli::in_directory(&project.path(), project.root.path())
        .args(["package", "--force"])
        .run()
        .succeeds();
    assert!(!package.stderr.contains("pyproject"), "{}", package.stderr);
    let archive = fs::File::open(package.stdout.trim()).unwrap();
    let archive = zip::ZipArchive::new(archive).unwrap();
    let names = archive.file_names().map(|name| name.unwrap().into_owned());
    let mut names: Vec<String> = names.filter(|name| !name.contains("__pycache__")).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "invoke.py",
            "invoke_async.py",
            "my_agent/__init__.py",
            "my_agent/agent.py",
            "my_agent/conversations.py",
            "my_agent/payload.py",
            "my_agent/tools.py",
            "requirements.txt",
        ]
    );
}

/// The code causes no warning either if sessions start from a snapshot.
#[test]
fn every_template_is_packaged_without_a_warning_for_v2() {
    for template in TEMPLATES {
        let project = Generated::new(template);
        project.write("deployment/requirements.txt", "");
        let manifest = project.read("Cargo.toml");
        for entry in ["invoke.py", "invoke_async.py"] {
            let keys = format!("platform-version = \"v2\"\nentrypoint = \"{entry}\"\n");
            project.write("Cargo.toml", &format!("{manifest}{keys}"));
            let package = Cli::in_directory(&project.path(), project.root.path())
                .args(["package", "--force"])
                .run()
                .succeeds();
            assert!(!package.stderr.contains("Runtime V2"), "{}", package.stderr);
        }
    }
}

#[test]
fn the_readme_is_in_the_language_of_the_locale_or_the_one_asked_for() {
    let made = |words: &[&str], variables: &[(&str, &str)]| {
        let root = tempfile::tempdir().unwrap();
        let mut new = Cli::in_directory(root.path(), root.path())
            .args(["new", "a", "--template", "echo", "--yes", "--vcs", "none"])
            .args(words);
        for (name, value) in variables {
            new = new.env(name, value);
        }
        new.run().succeeds();
        ["README.md", "README_ja.md"].map(|name| {
            let text = fs::read_to_string(root.path().join("a").join(name)).ok()?;
            Some(if text.contains("## 手元で動かす") {
                "ja"
            } else {
                "en"
            })
        })
    };
    let (english, japanese) = ([Some("en"), None], [Some("ja"), None]);
    assert_eq!(made(&[], &[]), english);
    assert_eq!(made(&[], &[("LANG", "ja_JP.UTF-8")]), japanese);
    assert_eq!(
        made(&[], &[("LANG", "ja_JP.UTF-8"), ("LC_ALL", "C.UTF-8")]),
        english
    );
    assert_eq!(
        made(
            &[],
            &[
                ("LANG", "C"),
                ("LC_MESSAGES", "ja_JP.UTF-8"),
                ("LC_ALL", "")
            ]
        ),
        japanese
    );
    assert_eq!(made(&["--lang", "en"], &[("LANG", "ja_JP.UTF-8")]), english);
    assert_eq!(made(&["--lang", "ja"], &[]), japanese);
    assert_eq!(made(&["--lang", "both"], &[]), [Some("en"), Some("ja")]);

    let root = tempfile::tempdir().unwrap();
    let refused = Cli::in_directory(root.path(), root.path())
        .args(["new", "a", "--lang", "fr"])
        .run()
        .exits(2);
    assert!(
        refused.stderr.contains("en, ja, both"),
        "{}",
        refused.stderr
    );
}
