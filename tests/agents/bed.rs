//! The index of wheels for packaging the agents, and the steps of one agent through the tool.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    asked::Asked,
    copied,
    support::{Cli, Project, bed, installed},
};

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) asked: Asked,
    pub(crate) flags: &'static [&'static str],
    /// Lines for the agent's table that the code implies.
    pub(crate) table: &'static [&'static str],
}

impl Case {
    pub(crate) const fn new(name: &'static str, asked: Asked) -> Self {
        Self::with(name, asked, &[])
    }

    pub(crate) const fn with(
        name: &'static str,
        asked: Asked,
        flags: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            asked,
            flags,
            table: &[],
        }
    }

    pub(crate) const fn filling(self, table: &'static [&'static str]) -> Self {
        Self { table, ..self }
    }
}

pub(crate) fn corpus() -> PathBuf {
    here().join("corpus")
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents")
}

pub(crate) struct Bed {
    /// Contains the wheels, the installed distributions one by one, and a home shared by all
    /// agents.
    root: tempfile::TempDir,
    environment: PathBuf,
    /// The Python of the environment, as in a table.
    runtime: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("agentcore-agents-")
            .tempdir()
            .unwrap();
        let environment = bed::agents();
        let made = Command::new(bed::program(&environment, "python"))
            .arg(here().join("wheelhouse.py"))
            .arg(here().join("stand_ins"))
            .arg(root.path().join("index"))
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        // Without a network, it would be installed with pip, which takes longer.
        installed::emulator_into(&root.path().join("home/.cache/cargo-agentcore"));
        let python = Command::new(bed::program(&environment, "python"))
            .args([
                "-c",
                "import sys; print('python%d.%d' % sys.version_info[:2])",
            ])
            .output()
            .unwrap();
        let runtime = String::from_utf8(python.stdout).unwrap().trim().to_owned();
        Self {
            root,
            environment,
            runtime,
        }
    }

    /// Adopts, packages, starts and asks an agent. The error contains all output.
    pub(crate) fn tries(&self, case: &Case) -> Result<(), String> {
        let (project, folder) = copied(case.name);
        let home = project.path().join(&folder);
        let mut said = String::new();
        let before = tree(&home);
        self.run(
            &project,
            &home,
            &mut said,
            "init",
            &[&["--yes"], case.flags].concat(),
        )?;
        for (path, content) in &before {
            let changes = case.flags.contains(&"--write") && path == "Cargo.toml";
            if !changes && fs::read(home.join(path)).ok().as_ref() != Some(content) {
                return Err(format!("`{path}` is not as it was\n{said}"));
            }
        }
        let manifest = fs::read_to_string(home.join("Cargo.toml")).unwrap();
        if !case.asked.is_declared_in(&manifest) {
            return Err(format!("another protocol is declared\n{manifest}\n{said}"));
        }
        for line in case.table {
            if !manifest.lines().any(|found| found == *line) {
                return Err(format!("`{line}` is not in the table\n{manifest}\n{said}"));
            }
        }
        let manifest = self.for_this_machine(&manifest);
        fs::write(home.join("Cargo.toml"), &manifest).unwrap();
        let archive = self.run(&project, &home, &mut said, "package", &[])?;
        write!(said, "\n{manifest}").unwrap();
        let archive = PathBuf::from(archive.trim());
        let entry = entry_point(&manifest);
        let mut started = self.start(&project, &archive, entry, case.asked);
        let answer = started
            .port()
            .and_then(|port| case.asked.answer(port).map_err(|error| error.to_string()));
        let log = || fs::read_to_string(&started.log).unwrap_or_default();
        match answer {
            Err(error) => Err(format!("{error}\n{}\n{said}", log())),
            Ok(answer) if !answer.contains("HELLO") => {
                Err(format!("the answer is\n{answer}\n{}\n{said}", log()))
            }
            Ok(_) => {
                drop(started);
                // The stand-ins of AG-UI's libraries take the payload of the other agents.
                let words: &[&str] = match case.asked {
                    Asked::Agui => &["--skip", "invoke-error"],
                    _ => &[],
                };
                self.is_checked(&project, &home, &mut said, words)
            }
        }
    }

    /// Checks a project made from a template, with each of its entry points.
    pub(crate) fn scaffolds(&self, template: &str, words: &[&str]) -> Result<(), String> {
        let project = Project::new();
        let mut said = String::new();
        let new = ["shop", "--template", template, "--yes", "--vcs", "none"];
        self.run(&project, &project.path(), &mut said, "new", &new)?;
        let home = project.path().join("shop");
        let manifest = fs::read_to_string(home.join("Cargo.toml")).unwrap();
        for entry in ["invoke.py", "invoke_async.py"] {
            let own = format!("\nentrypoint = \"{entry}\"\nsource = ");
            let lines = manifest
                .lines()
                .filter(|line| !line.starts_with("entrypoint = "));
            let manifest = lines.collect::<Vec<_>>().join("\n") + "\n";
            let manifest = self.for_this_machine(&manifest.replace("\nsource = ", &own));
            fs::write(home.join("Cargo.toml"), manifest).unwrap();
            self.is_checked(&project, &home, &mut said, words)?;
        }
        Ok(())
    }

    /// Returns the manifest with the agent set to the Python that the wheels are for. Compiling
    /// takes longer than the few starts.
    fn for_this_machine(&self, manifest: &str) -> String {
        let own = format!(
            "\nruntime = \"{}\"\nbytecode = \"never\"\nsource = ",
            self.runtime
        );
        let lines = manifest
            .lines()
            .filter(|line| !line.starts_with("runtime = "));
        let manifest = lines.collect::<Vec<_>>().join("\n") + "\n";
        manifest.replace("\nsource = ", &own)
    }

    /// Checks that `check` finds nothing wrong with a working agent.
    fn is_checked(
        &self,
        project: &Project,
        home: &Path,
        said: &mut String,
        words: &[&str],
    ) -> Result<(), String> {
        self.run(project, home, said, "check", &[&["-v"], words].concat())?;
        Ok(())
    }

    fn run(
        &self,
        project: &Project,
        home: &Path,
        said: &mut String,
        command: &str,
        words: &[&str],
    ) -> Result<String, String> {
        let mut path = OsString::from(self.environment.join("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let outcome = Cli::in_directory(home, project.root())
            .arg(command)
            .args(words)
            .env("PATH", path)
            .env("HOME", self.root.path().join("home"))
            .env("UV_FIND_LINKS", self.root.path().join("index/wheels"))
            .env("UV_NO_INDEX", "1")
            .env("UV_OFFLINE", "1")
            .run();
        write!(said, "\n$ {command}\n{}", outcome.stderr).unwrap();
        if outcome.code() == Some(0) {
            Ok(outcome.stdout)
        } else {
            Err(format!("`{command}` fails\n{}\n{said}", outcome.stdout))
        }
    }

    fn start(&self, project: &Project, archive: &Path, entry: &str, asked: Asked) -> Started {
        let root = project.root();
        let log = root.join("agent.log");
        let told = root.join("port");
        let task = root.join("task");
        fs::create_dir(&task).unwrap();
        let child = Command::new(bed::program(&self.environment, "python"))
            .args(["-I", "-S"])
            .arg(here().join("launch.py"))
            .args([archive, &task, &self.root.path().join("index/sites")])
            .arg(entry)
            .arg(&told)
            .arg(asked.port().to_string())
            .env_clear()
            .env("HOME", root.join("home"))
            // As in the service.
            .env("DOCKER_CONTAINER", "1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(File::create(&log).unwrap())
            .stderr(File::options().append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Started { child, told, log }
    }
}

/// A started agent, killed on drop.
struct Started {
    child: Child,
    told: PathBuf,
    log: PathBuf,
}

impl Started {
    /// Returns the port on which it listens.
    fn port(&mut self) -> Result<u16, String> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_mins(2) {
            if let Ok(port) = fs::read_to_string(&self.told) {
                return Ok(port.parse().unwrap());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("it ends with {status}"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("it does not listen".to_owned())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the entry point of the manifest's only agent.
fn entry_point(manifest: &str) -> &str {
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("entrypoint = "))
        .map_or("invoke.py", |value| value.trim_matches('"'))
}

fn tree(home: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = std::collections::BTreeMap::new();
    crate::support::project::collect(home, "", &mut found);
    let files = found.into_iter().filter(|(path, _)| !path.ends_with('/'));
    files.collect()
}
