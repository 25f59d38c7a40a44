//! What the code of an adopted agent reveals about its table.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::adopted::Adopted;
use crate::{
    effects::{files, program, source::Source},
    error::Failure,
    plan::code::{At, Code, DockerVariable, Filled, docker_variables, fill, shared},
    python::{Parsed, Program},
    ui::Ui,
};

/// The code of one agent, as it will be in the archive.
pub(super) struct Findings {
    program: Program,
    entrypoint: String,
    /// The agent's own files, by their path in the archive.
    files: BTreeMap<String, PathBuf>,
    /// The settings files that the code names, with their texts.
    settings: BTreeMap<String, String>,
    /// The files' names in messages.
    shown: BTreeMap<String, PathBuf>,
    docker: Vec<(DockerVariable, String)>,
}

impl Findings {
    /// Reads the code. `shown` is the source's path as the user wrote it.
    pub(super) fn of(adopted: &Adopted, source: &Source, shown: &Path) -> Result<Self, Failure> {
        let layout = &adopted.placed.layout;
        let folder = layout.folder();
        let below = |path: &str| {
            folder.is_empty()
                || path
                    .strip_prefix(&folder)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        let from_here = |path: &str| match shown.to_str() {
            Some("." | "") => PathBuf::from(path),
            _ => shown.join(path),
        };
        let own: BTreeMap<String, _> = source
            .files
            .iter()
            .filter(|(path, _)| below(path))
            .map(|(path, origin)| (layout.in_archive(path), (path, origin)))
            .collect();
        let origins = own
            .iter()
            .map(|(path, (_, origin))| (path.clone(), (*origin).clone()));
        let mut program = program::read(&origins.collect())?;
        for (path, text) in adopted.written() {
            let text = String::from_utf8_lossy(text).into_owned();
            program.insert(path, Parsed::read(text));
        }
        let mut findings = Self {
            program,
            entrypoint: adopted.placed.entrypoint().to_owned(),
            files: own
                .iter()
                .map(|(path, (_, origin))| (path.clone(), origin.from.clone()))
                .collect(),
            settings: BTreeMap::new(),
            shown: own
                .into_iter()
                .map(|(archived, (path, _))| (archived, from_here(path)))
                .collect(),
            docker: Vec::new(),
        };
        let named: Vec<String> = {
            let code = findings.code();
            let named = code.named_settings(findings.files.keys()).into_iter();
            named.map(str::to_owned).collect()
        };
        for path in named {
            let text = files::read_bytes(&findings.files[&path])?;
            let text = String::from_utf8_lossy(&text).into_owned();
            findings.settings.insert(path, text);
        }
        let near = adopted
            .placed
            .own_folder()
            .map(|folder| format!("{folder}/Dockerfile"));
        for path in near.into_iter().chain(["Dockerfile".to_owned()]) {
            if let Some(origin) = source.files.get(&path) {
                let text = String::from_utf8_lossy(&files::read_bytes(&origin.from)?).into_owned();
                let place = from_here(&path).display().to_string();
                let found = docker_variables(&text).into_iter();
                findings.docker = found.map(|v| (v, place.clone())).collect();
                break;
            }
        }
        Ok(findings)
    }

    fn code(&self) -> Code<'_> {
        let written = self
            .program
            .keys()
            .filter(|path| !self.files.contains_key(*path));
        let paths = self.files.keys().chain(written.clone());
        let mut code = Code::reached(&self.entrypoint, &self.program, paths.map(String::as_str));
        for path in written {
            code.leave_out(path);
        }
        code.settings.clone_from(&self.settings);
        code
    }

    /// Returns what the code reveals with these variables.
    pub(super) fn filled(&self, env: &BTreeMap<String, String>) -> Filled {
        fill(&self.code(), env)
    }

    /// Returns true if the code uses any models.
    pub(super) fn uses_models(&self) -> bool {
        self.code().uses_models()
    }

    /// Returns the variables in the agent's Dockerfile, with their positions.
    pub(super) fn docker(&self) -> impl Iterator<Item = (&DockerVariable, String)> {
        self.docker
            .iter()
            .map(|(variable, file)| (variable, format!("{file}:{}", variable.line)))
    }

    /// Returns the file and the line.
    pub(super) fn place<T>(&self, at: &At<T>) -> String {
        let file = self.shown.get(&at.file);
        let file = file.map_or_else(|| at.file.clone(), |file| file.display().to_string());
        let text = match self.settings.get(&at.file) {
            Some(text) => text,
            None => &self.program[&at.file].text,
        };
        let before = text.get(..at.span.start).unwrap_or_default();
        format!("{file}:{}", before.matches('\n').count() + 1)
    }

    /// Prints all findings.
    pub(super) fn tell(&self, filled: &Filled, ui: &Ui) {
        let Filled {
            models,
            permissions,
            headers,
            variables,
            secrets,
            open,
        } = filled;
        let found = |what: String, place: String| ui.status("Found", &format!("{what} ({place})"));
        for at in models {
            found(format!("model `{}`", at.it.id()), self.place(at));
        }
        for at in permissions {
            let permission = format!("permission to {}", at.it.words());
            found(permission, self.place(at));
        }
        for at in open {
            found(format!("use of {}", at.it.what()), self.place(at));
        }
        for at in headers {
            found(format!("header `{}`", at.it), self.place(at));
        }
        for (variable, place) in self.docker() {
            found(format!("variable `{}`", variable.name), place);
        }
        for at in variables.iter().chain(secrets) {
            found(format!("variable `{}`", at.it), self.place(at));
        }
        let origin = |path: &str| match self.shown.get(path) {
            Some(shown) => shown.clone(),
            None => PathBuf::from(path),
        };
        for shared in shared("the code", &self.code(), &origin) {
            ui.note_at(&shared);
        }
    }
}
