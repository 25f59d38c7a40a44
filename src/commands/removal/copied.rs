//! The copied sources of an agent, and whose else the record of copied files names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{
    config::{Agent, Declared},
    effects::files,
    error::Failure,
    plan::{
        clean::{CleanPlan, Kept, Subject, Weight},
        files::{self as file_plan, FilePlan, FileStep},
    },
};

/// What goes of one deployment folder.
pub(super) struct Copied {
    deployment: PathBuf,
    plan: FilePlan,
}

impl Copied {
    /// A former agent's copy may lie in any deployment folder: the record there says whether it does.
    /// Beside a declared agent's own copy everything goes that is no former agent's.
    pub(super) fn observe(
        agent: &Agent,
        declared: &Declared,
        plan: &CleanPlan,
        kept: &mut Vec<Kept>,
    ) -> Result<Vec<Self>, Failure> {
        files::check_deployment(&agent.dir, &agent.deployment)?;
        let own = agent.dir.join(&agent.deployment);
        if declared.agents.contains(&agent.name) {
            let goes = |name: &str| declared.agents.iter().any(|known| known.as_str() == name);
            return Ok(vec![Self::of(own, agent, &goes, plan, kept)?]);
        }
        let mut folders = declared.deployments.clone();
        folders.insert(own);
        let mut copies = Vec::new();
        for folder in folders {
            if recorded(&agent.dir, &folder)?.contains(agent.name.as_str()) {
                let goes = |name: &str| name == agent.name.as_str();
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
        let observed = files::observe_copy(&deployment, agent.name.as_str())?;
        let removal = file_plan::plan_removal(&observed.files, &observed.record, goes);
        let copied = Self {
            deployment,
            plan: removal,
        };
        if !plan.copy_goes {
            kept.extend(copied.folders().into_iter().map(|folder| Kept {
                what: Subject::new("copied sources", folder.display().to_string()),
                why: "other regions are still served from them".to_owned(),
                weight: Weight::Fine,
            }));
            return Ok(Self {
                plan: FilePlan::default(),
                ..copied
            });
        }
        kept.extend(copied.plan.kept.iter().map(|path| Kept {
            what: Subject::new("file", copied.deployment.join(path).display().to_string()),
            why: "it was edited by hand, or not copied by this tool".to_owned(),
            weight: Weight::Fine,
        }));
        Ok(copied)
    }

    /// The copies from which something goes, each named for its agent.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let removed = self.plan.steps.iter().map(|step| match step {
            FileStep::Create { path } | FileStep::Update { path } | FileStep::Remove { path } => {
                path
            }
        });
        let (before, after) = (&self.plan.record_before, &self.plan.record_after);
        let forgotten = before
            .files
            .keys()
            .filter(|path| !after.files.contains_key(*path));
        removed
            .chain(forgotten)
            .filter_map(|path| path.split('/').next())
            .map(|name| self.deployment.join(name))
            .collect()
    }

    pub(super) fn apply(&self) -> Result<(), Failure> {
        files::apply(&self.deployment, &self.plan, &BTreeMap::new())
    }
}

/// Whose copies the record of a deployment folder names.
pub(super) fn recorded(package: &Path, deployment: &Path) -> Result<BTreeSet<String>, Failure> {
    if let Ok(below) = deployment.strip_prefix(package) {
        files::check_deployment(package, below)?;
    }
    let record = files::observe_record(deployment)?;
    let paths = record.files.keys();
    Ok(paths
        .filter_map(|path| path.split('/').next())
        .map(str::to_owned)
        .collect())
}
