//! The copied sources of an agent, and the agents whose copies the record names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    config::{Agent, Declared, ImportName},
    effects::copied_sources,
    error::Failure,
    package::record,
    plan::files::{self as file_plan, FilePlan, FileStep},
    project::own_files::check_deployment,
    resources::{
        change::{Action, Change, Subject},
        clean::CleanPlan,
        deletion::Kept,
    },
};

/// What is removed from one deployment folder.
pub(crate) struct Copied {
    deployment: PathBuf,
    plan: FilePlan,
}

impl Copied {
    /// Plans the removal. A former agent's copy may be in any deployment folder, as the record
    /// there shows. From a declared agent's own folder, everything is removed that belongs to no
    /// former agent. A copy is named after its package, usually like the agent.
    pub(crate) fn observe(
        agent: &Agent,
        declared: &Declared,
        plan: &CleanPlan,
        kept: &mut Vec<Kept>,
    ) -> Result<Vec<Self>, Failure> {
        check_deployment(agent)?;
        let own = agent.deployment_dir();
        let is_package = |name: &str| declared.packages.iter().any(|known| known.as_str() == name);
        if declared.agents.contains(&agent.name) {
            let is_agent = |name: &str| declared.agents.iter().any(|known| known.as_str() == name);
            let goes = |name: &str| is_agent(name) || is_package(name);
            let copied = own.map(|own| Self::of(own, agent, &goes, plan, kept));
            return copied.into_iter().collect();
        }
        let mut folders = declared.deployments.clone();
        folders.extend(own);
        let mut copies = Vec::new();
        for folder in folders {
            if recorded(&agent.dir, &folder)?.contains(agent.name.as_str()) {
                let goes = |name: &str| name == agent.name.as_str() && !is_package(name);
                copies.push(Self::of(folder, agent, &goes, plan, kept)?);
            }
        }
        Ok(copies)
    }

    fn of(
        deployment: PathBuf,
        agent: &Agent,
        goes: &dyn Fn(&str) -> bool,
        plan: &CleanPlan,
        kept: &mut Vec<Kept>,
    ) -> Result<Self, Failure> {
        let package = agent.layout.import_name().map(ImportName::as_str);
        let observed = copied_sources::observe_copy(&deployment, package)?;
        let removal = file_plan::plan_removal(&observed.files, &observed.record, goes);
        let copied = Self {
            deployment,
            plan: removal,
        };
        if !plan.copy_goes {
            kept.extend(copied.folders().into_iter().map(|folder| {
                Kept::fine(
                    Subject::new("copied sources", folder.display().to_string()),
                    "other regions are still served from them",
                )
            }));
            return Ok(Self {
                plan: FilePlan::default(),
                ..copied
            });
        }
        kept.extend(copied.plan.kept.iter().map(|path| {
            Kept::fine(
                Subject::new("file", copied.deployment.join(path).display().to_string()),
                "it was edited by hand, or not copied by this tool",
            )
        }));
        Ok(copied)
    }

    /// Returns the folders from which files are removed.
    fn folders(&self) -> BTreeSet<PathBuf> {
        let removed = self.plan.steps.iter().map(FileStep::path);
        removed
            .filter_map(|path| path.split('/').next())
            .map(|name| self.deployment.join(name))
            .collect()
    }

    /// Returns a removal for each copy, or one for what the record still says of copies that are
    /// already gone.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let folders = self.folders();
        if folders.is_empty() && self.plan.record_changes {
            let path = self.deployment.join(record::FILE).display().to_string();
            let object = format!("missing copies from the record `{path}`");
            let subject = Subject::new("record", path);
            return vec![Change::new(Action::Remove, object, subject)];
        }
        let removal = |folder: PathBuf| {
            let path = folder.display().to_string();
            let object = format!("the copied sources `{path}`");
            Change::new(Action::Remove, object, Subject::new("copied sources", path))
        };
        folders.into_iter().map(removal).collect()
    }

    pub(crate) fn apply(&self) -> Result<(), Failure> {
        copied_sources::apply(&self.deployment, &self.plan, &BTreeMap::new())
    }
}

/// Returns the names of the copies in a deployment folder's record.
pub(crate) fn recorded(package: &Path, deployment: &Path) -> Result<BTreeSet<String>, Failure> {
    if let Ok(below) = deployment.strip_prefix(package) {
        copied_sources::check_deployment(package, below)?;
    }
    let record = copied_sources::observe_record(deployment)?;
    let paths = record.files.keys();
    Ok(paths
        .filter_map(|path| path.split('/').next())
        .map(str::to_owned)
        .collect())
}
