//! A project on disk, in a temporary directory next to a home directory.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// `<root>/project` contains the files, `<root>/home` is the user's home.
pub struct Project {
    root: TempDir,
    agents: Vec<String>,
    keys: String,
}

impl Default for Project {
    fn default() -> Self {
        Self::new()
    }
}

impl Project {
    /// An empty directory.
    pub fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("agentcore-")
            .tempdir()
            .unwrap();
        fs::create_dir(root.path().join("project")).unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        Self {
            root,
            agents: Vec::new(),
            keys: String::new(),
        }
    }

    /// Returns the directory that contains project and home.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self) -> PathBuf {
        self.root.path().join("project")
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Adds a file to the project, with its directories.
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    /// Adds a file to the user's home, such as `.aws/config`.
    pub fn home_file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        write(&self.home().join(path), content.as_ref());
        self
    }

    /// Adds a Python agent that passes the static checks without its requirements, because most
    /// tests leave them out to save time. Its sources are in `<name>/`, its entry point in
    /// `deployment/` (the first agent) or `deployment-<name>/`, its table in `Cargo.toml`.
    pub fn agent(self, name: &str) -> Self {
        self.agent_with(name, "")
    }

    /// Adds an agent with additional keys in its table.
    pub fn agent_with(mut self, name: &str, keys: &str) -> Self {
        let deployment = if self.agents.is_empty() {
            "deployment".to_owned()
        } else {
            format!("deployment-{name}")
        };
        self.agents.push(format!(
            "[workspace.metadata.agentcore.agents.{name}]\nsource = \"{name}\"\ndeployment = \"{deployment}\"\n{keys}\n"
        ));
        self.write(&format!("{name}/__init__.py"), "");
        self.write(
            &format!("{name}/agent.py"),
            "def answer(prompt: str) -> str:\n    return prompt\n",
        );
        self.write(
            &format!("{deployment}/invoke.py"),
            format!(
                "try:\n    from bedrock_agentcore import BedrockAgentCoreApp\nexcept ImportError as missing:\n    \
                 raise SystemExit(str(missing))\nfrom {name}.agent import answer\n\n\
                 app = BedrockAgentCoreApp()\n\n\n@app.entrypoint\ndef invoke(payload):\n    \
                 return answer(payload[\"prompt\"])\n\n\nif __name__ == \"__main__\":\n    app.run()\n"
            ),
        );
        self.write(
            &format!("{deployment}/requirements.txt"),
            "bedrock-agentcore==1.25.0\n",
        );
        self.manifest();
        self
    }

    /// Adds lines to `[workspace.metadata.agentcore]`, including subtables.
    pub fn metadata(mut self, keys: &str) -> Self {
        self.keys.push_str(keys);
        self.keys.push('\n');
        self.manifest();
        self
    }

    fn manifest(&self) {
        let project = "project = \"test-project-7k2qpx\"\n";
        self.write(
            "Cargo.toml",
            format!(
                "[workspace]\nresolver = \"3\"\n\n[workspace.metadata.agentcore]\n{project}{}\n{}",
                self.keys,
                self.agents.join("\n")
            ),
        );
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        write(&self.path().join(path), content.as_ref());
    }

    pub fn read(&self, path: &str) -> String {
        let path = self.path().join(path);
        fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    pub fn has(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    /// Returns every file of the project with its content, except `target`.
    pub fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.path(), "", &mut found);
        found
    }
}

/// Collects every file below a directory with its content, directories as `name/`, links with their
/// targets.
pub fn collect(directory: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            if prefix.is_empty() && name == "target" {
                continue;
            }
            found.insert(format!("{name}/"), Vec::new());
            collect(&entry.path(), &format!("{name}/"), found);
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            found.insert(name, format!("-> {}", target.display()).into_bytes());
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a file has a directory")).unwrap();
    fs::write(path, content).unwrap();
}
