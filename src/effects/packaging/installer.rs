//! The installer of the dependencies, uv or pip, and the files that it is given.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    Search,
    found_tools::Holds,
    requirements::{Inputs, Wanted},
};
use crate::{
    config::Runtime,
    effects::{
        files,
        programs::{Answer, Programs, known_to_uv, pythons, run},
    },
    error::Failure,
    package::{
        installer::{Given, OLDEST_UV, Tool, is_too_old, worth_reading},
        requirements::{Kind, Requirement},
    },
};

/// An available installer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Installer {
    pub(super) tool: Tool,
    program: Vec<PathBuf>,
    /// The interpreter for uv.
    pub(super) python: PathBuf,
}

/// What to install, and where.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) programs: &'a Programs,
    pub(super) wanted: &'a Wanted,
    pub(super) runtime: Runtime,
    /// True if every version must be pinned.
    pub(super) locked: bool,
    pub(super) target: &'a Path,
    /// For temporary files.
    pub(super) work: &'a Path,
}

/// Finds uv, or the pip of a Python on PATH.
pub(super) fn find(wanted: &Wanted, search: &Search) -> Result<Installer, Failure> {
    const QUESTION: &str = "installer and its Python";
    let remembered = search.memory.recall::<Installer>(QUESTION);
    let installer = match remembered {
        Some(installer) => installer,
        None => {
            let installer = look(&search.programs)?;
            // Whether pip works depends on modules that are not checked.
            let holds = match installer.tool {
                Tool::Uv => Holds::Always,
                Tool::Pip => Holds::Minutes,
            };
            let files = [installer.program[0].as_path(), installer.python.as_path()];
            search.memory.keep(QUESTION, &installer, holds, &files);
            installer
        }
    };
    if installer.tool == Tool::Pip
        && let Some(why) = needs_uv(wanted)
    {
        return Err(
            Failure::world(format!("{why} needs uv, and uv is not on PATH"))
                .help("install uv (https://docs.astral.sh/uv/) and run this again"),
        );
    }
    Ok(installer)
}

/// Returns what pip does not support.
fn needs_uv(wanted: &Wanted) -> Option<String> {
    let inputs = &wanted.inputs;
    if wanted.kind == Kind::Lock {
        return Some(format!("`{}`", wanted.file.display()));
    }
    if !inputs.pinned.is_empty() {
        return Some("a package with an index of its own".to_owned());
    }
    // Options in a requirements file are pip's own.
    let of_uv = inputs.has_settings && inputs.options.is_empty();
    of_uv.then(|| "the project's `tool.uv` or `uv.toml`".to_owned())
}

fn look(programs: &Programs) -> Result<Installer, Failure> {
    let mut old = None;
    if let Some(uv) = programs.find("uv")
        && let Some(answer) = run(programs, &[&uv], &["--version"])?
        && answer.succeeded
    {
        old = is_too_old(&answer.stdout);
        if old.is_none() {
            let python = match known_to_uv(programs, &uv, None)? {
                Some(python) => Some(python),
                None => pythons(programs, None)?.into_iter().next(),
            };
            let python = python.ok_or_else(|| {
                Failure::world("uv found no Python to install with")
                    .help("`uv python install` installs one")
            })?;
            return Ok(Installer {
                tool: Tool::Uv,
                program: vec![uv],
                python,
            });
        }
    }
    for python in pythons(programs, None)? {
        // Isolated, so that no module of the directory or the user's environment replaces pip.
        let words = ["-I", "-X", "utf8", "-m", "pip"].map(PathBuf::from);
        let program: Vec<PathBuf> = std::iter::once(python.clone()).chain(words).collect();
        let answer = run(programs, &program, &["--version"])?;
        if answer.is_some_and(|answer| answer.succeeded) {
            return Ok(Installer {
                tool: Tool::Pip,
                program,
                python,
            });
        }
    }
    Err(nothing_to_install_with(programs, old))
}

fn nothing_to_install_with(programs: &Programs, old: Option<String>) -> Failure {
    let (major, minor, patch) = OLDEST_UV;
    let mut failure = match old {
        Some(version) => Failure::world(format!(
            "uv {version} is too old: {major}.{minor}.{patch} or later is needed"
        ))
        .help("`uv self update` brings it up to date"),
        None => {
            Failure::world("installing the dependencies needs uv or pip, and neither is on PATH")
                .help("install uv (https://docs.astral.sh/uv/) and run this again")
        }
    };
    for name in ["uv", "python3"] {
        if let Some(passed) = programs.passed_over(name) {
            failure = failure.note(format!(
                "`{}` is not used: it is in the project, and nothing from there is run",
                passed.display()
            ));
        }
    }
    failure
}

impl Installer {
    pub(super) fn run(&self, programs: &Programs, words: &[String]) -> Result<Answer, Failure> {
        let mut answer = run(programs, &self.program, words)?.ok_or_else(|| {
            let program = self.program[0].display();
            Failure::world(format!("`{program}` is gone"))
        })?;
        answer.said = worth_reading(&answer.said);
        Ok(answer)
    }
}

/// The files for an installer.
pub(super) struct Papers {
    config: String,
    requirements: String,
    project: Option<String>,
    constraints: Option<String>,
    overrides: Option<String>,
}

impl Papers {
    pub(super) fn write(inputs: &Inputs, work: &Path) -> Result<Self, Failure> {
        let mut text = String::new();
        for line in &inputs.options {
            text.extend([line, "\n"]);
        }
        for (line, _) in &inputs.requirements {
            text.extend([line, "\n"]);
        }
        let constraints: String = inputs
            .constraints
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        let never: String = inputs
            .shipped_beside
            .iter()
            .flat_map(|name| [name.as_str(), " ; python_version < '0'\n"])
            .collect();
        Ok(Self {
            config: write(work, "uv.toml", &inputs.settings.text())?,
            requirements: write(work, "requirements.txt", &text)?,
            project: if inputs.pinned.is_empty() {
                None
            } else {
                Some(write(work, "pyproject.toml", &pinned(inputs))?)
            },
            // uv warns about an empty file.
            constraints: if constraints.is_empty() {
                None
            } else {
                Some(write(work, "constraints.txt", &constraints)?)
            },
            overrides: if never.is_empty() {
                None
            } else {
                Some(write(work, "overrides.txt", &never)?)
            },
        })
    }

    pub(super) fn files(&self) -> Vec<String> {
        let project = self.project.iter().cloned();
        std::iter::once(self.requirements.clone())
            .chain(project)
            .collect()
    }

    pub(super) fn given<'a>(
        &'a self,
        files: &'a [String],
        target: &'a str,
        python: &'a Path,
        inputs: &Inputs,
    ) -> Given<'a> {
        Given {
            target,
            python: python.to_str().unwrap_or("python3"),
            config: &self.config,
            requirements: files,
            constraints: self.constraints.as_deref(),
            overrides: self.overrides.as_deref(),
            requires_hashes: inputs.requires_hashes,
            is_complete: inputs.is_complete,
        }
    }
}

/// Returns a project's text, because uv supports a requirement with its own index only in a
/// project.
fn pinned(inputs: &Inputs) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let mut text =
        "[project]\nname = \"cargo-agentcore-requirements\"\nversion = \"0\"\ndependencies = [\n"
            .to_owned();
    for (requirement, _) in &inputs.pinned {
        text.extend(["  ", &quoted(requirement), ",\n"]);
    }
    text.push_str("]\n\n[tool.uv.workspace]\nmembers = []\n\n[tool.uv.sources]\n");
    for (requirement, index) in &inputs.pinned {
        let name = Requirement::read(requirement).normalized();
        text.extend([&quoted(&name), " = ", index, "\n"]);
    }
    text.push_str("\n[tool.uv]\nindex = [\n");
    for (_, table) in inputs.settings.named_indexes() {
        text.extend(["  ", &table.to_string(), ",\n"]);
    }
    for (name, address) in &inputs.indexes {
        text.extend(["  { name = ", &quoted(name), ", url = ", &quoted(address)]);
        text.push_str(", explicit = true },\n");
    }
    text.push_str("]\n");
    text
}

pub(super) fn write(work: &Path, name: &str, text: &str) -> Result<String, Failure> {
    let path = work.join(name);
    files::write_atomic(&path, work, text.as_bytes(), false)?;
    Ok(path.to_string_lossy().into_owned())
}
