//! The variables that an agent gets in addition to its table's.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    config::Agent,
    effects::{env, files, new_project},
    error::Failure,
    plan::env_file,
    ui::Ui,
};

/// The variables on the command line.
pub(crate) struct Given {
    variables: BTreeMap<String, String>,
    file: Option<PathBuf>,
}

/// Read if it exists. Never shipped, because hidden files are not.
const DEFAULT: &str = ".env.local";

impl Given {
    pub(crate) fn read(variables: &[String], file: Option<&Path>) -> Result<Self, Failure> {
        let variables = variables.iter().map(|text| variable(text));
        let file = file.map(new_project::absolute).transpose()?;
        if let Some(file) = file.as_ref().filter(|file| !files::exists(file)) {
            return Err(Failure::usage(format!(
                "the file of `--env-file` does not exist: `{}`",
                file.display()
            )));
        }
        Ok(Self {
            variables: variables.collect::<Result<_, _>>()?,
            file,
        })
    }

    /// Returns the file of variables for an agent that is declared in this directory; it may not
    /// exist.
    pub(crate) fn file(&self, directory: &Path) -> PathBuf {
        match &self.file {
            Some(file) => file.clone(),
            None => directory.join(DEFAULT),
        }
    }

    /// Merges the variables of the table, the file and the command line; later ones override.
    pub(crate) fn of(
        &self,
        table: &BTreeMap<String, String>,
        directory: &Path,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let mut all = table.clone();
        let file = self.file(directory);
        if let Some(text) = files::read_text(&file)? {
            all.extend(env_file::parse(&file, &text)?);
        }
        all.extend(self.variables.clone());
        Ok(all)
    }
}

/// Notes the declared resources that an agent uses and that nothing gives it the ID of, because
/// `dev` creates nothing in AWS.
pub(crate) fn note_resources(agents: &[Agent], given: &Given, ui: &Ui) {
    for agent in agents {
        // The agent reports what is wrong with its variables, and starts once it is corrected.
        let Ok(known) = given.of(&agent.env, &agent.dir) else {
            continue;
        };
        for resource in &agent.resources {
            let variable = resource.variable();
            if !known.contains_key(&variable) {
                ui.note(&format!(
                    "agent `{}` uses the {} `{}`, which `dev` does not create: set {variable} in `{DEFAULT}` to use a deployed one",
                    agent.name,
                    resource.kind.word(),
                    resource.name
                ));
            }
        }
    }
}

fn variable(text: &str) -> Result<(String, String), Failure> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if !env_file::is_name(name) {
        return Err(Failure::usage(format!(
            "`--env {name}`: expected letters, digits and underscores, not starting with a digit"
        )));
    }
    let value = match value {
        Some(value) => value,
        None => env::text(name)?,
    };
    Ok((name.to_owned(), value))
}
