//! A checkout prepared by an attacker, in a home directory that must not change.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use super::support::{Cli, Outcome, Project, bed};

/// `<root>/project` is the checkout, `<root>/home` the user's home, `<root>/outside` another user's
/// folder; canaries write to `<root>/fired`. `<root>/cache` may change.
pub struct Checkout {
    pub project: Project,
    before: BTreeMap<String, String>,
    variables: Vec<(String, String)>,
}

/// What may change: the checkout with its target directory, and caches.
const MAY_CHANGE: [&str; 2] = ["project/", "cache/"];

impl Checkout {
    /// Creates a working agent, in a home directory with valuable content.
    pub fn new() -> Self {
        let project = Project::new()
            .agent("my_agent")
            .file("deployment/requirements.txt", "iniconfig==2.3.0\n")
            .file(
                "deployment/invoke.py",
                "from my_agent.agent import answer\n\nprint(answer(\"hi\"))\n",
            )
            .file(".gitignore", "target\n")
            .home_file(".bashrc", "export EDITOR=vi\n")
            .home_file(".ssh/config", "Host *\n")
            .home_file("Documents/thesis.txt", "years of work\n")
            .home_file("Documents/deployment.zip", "of somebody else\n")
            .home_file("local/emulator.json", "{}\n");
        for name in ["outside", "fired", "cache"] {
            fs::create_dir(project.root().join(name)).unwrap();
        }
        fs::create_dir(project.root().join("outside/my_agent")).unwrap();
        fs::write(project.root().join("outside/my_agent/kept.txt"), "kept\n").unwrap();
        fs::write(
            project.root().join("outside/invoke.py"),
            "print('outside')\n",
        )
        .unwrap();
        fs::write(project.root().join("outside/requirements.txt"), "").unwrap();
        Self {
            project,
            before: BTreeMap::new(),
            variables: Vec::new(),
        }
    }

    pub fn root(&self) -> &Path {
        self.project.root()
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.project.path().join(below)
    }

    pub fn env(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Writes a shell script that leaves a trace when it runs, and fails.
    pub fn canary_script(&self, at: &str) {
        let trace = self.trace(at);
        self.project
            .write(at, format!("#!/bin/sh\n: > '{trace}'\nexit 7\n"));
        fs::set_permissions(self.path(at), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a Python module that leaves a trace when it is imported.
    pub fn canary_module(&self, at: &str) {
        let trace = self.trace(at);
        self.project
            .write(at, format!("open({trace:?}, \"w\").close()\n"));
    }

    /// Returns the path that a canary creates.
    pub fn trace(&self, name: &str) -> String {
        let name = name.replace('/', "+");
        self.root().join("fired").join(name).display().to_string()
    }

    /// Creates a link in the checkout, replacing what is there.
    pub fn link(&self, at: &str, to: &Path) {
        let path = self.path(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            let _ = fs::remove_file(&path);
        }
        symlink(to, path).unwrap();
    }

    /// Records everything outside, which must not change from now on.
    pub fn sealed(mut self) -> Self {
        self.before = self.surroundings();
        self
    }

    pub fn cli(&self) -> Cli {
        let path = std::env::var("PATH").unwrap_or_default();
        let uv = bed::agents().join("bin");
        let mut cli = Cli::new(&self.project)
            .env("XDG_CACHE_HOME", self.root().join("cache"))
            .env("TMPDIR", self.root().join("cache"))
            .env("AWS_REGION", "us-east-1")
            .env("PATH", format!("{}:{path}", uv.display()));
        for (name, value) in &self.variables {
            cli = cli.env(name, value);
        }
        cli
    }

    #[track_caller]
    pub fn assert_untouched(&self, typed: &str, outcome: &Outcome) {
        let fired: Vec<_> = fs::read_dir(self.root().join("fired"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert!(
            fired.is_empty(),
            "`{typed}` ran {fired:?}:\n{}",
            outcome.stderr
        );
        let after = self.surroundings();
        let changed: Vec<&String> = self
            .before
            .iter()
            .filter(|(path, state)| after.get(*path) != Some(*state))
            .map(|(path, _)| path)
            .chain(after.keys().filter(|path| !self.before.contains_key(*path)))
            .collect();
        assert!(
            changed.is_empty(),
            "`{typed}` changed {changed:?}:\n{}",
            outcome.stderr
        );
    }

    /// Returns each path outside, with its mode and content.
    fn surroundings(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        describe(self.root(), "", &mut found);
        found
    }
}

fn describe(directory: &Path, prefix: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.path().symlink_metadata().unwrap();
        let mode = metadata.mode();
        if metadata.is_dir() {
            let below = format!("{name}/");
            if !MAY_CHANGE.contains(&below.as_str()) {
                found.insert(below.clone(), format!("{mode:o}"));
                describe(&entry.path(), &below, found);
            }
        } else if metadata.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            found.insert(name, format!("-> {}", target.display()));
        } else {
            let content = fs::read(entry.path()).unwrap();
            found.insert(name, format!("{mode:o} {content:?}"));
        }
    }
}
