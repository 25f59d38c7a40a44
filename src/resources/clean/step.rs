//! The parts of a plan: deletions in order, and what is kept with the reason.

use std::collections::BTreeSet;

use super::observed::ObservedObject;
use crate::{
    config::Resource,
    names::{Region, RoleName},
    resources::{
        bucket, build_project,
        change::{Action, Change, Step, Subject},
        declared,
        deletion::{Deletion, Kept},
        log_group::LogGroupStep,
        repository,
        role::{self, RoleDeletion},
        runtime,
    },
};

/// One deletion, or what prepares it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CleanStep {
    pub(crate) turn: Turn,
    /// The region of the session that carries it out.
    pub(crate) region: Region,
    pub(crate) what: What,
}

/// When a step is carried out. The steps of a turn, of all agents, end before the next turn begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    /// Targets of gateways, which lead to agents.
    Targets,
    /// What one agent has.
    Agents,
    /// Buckets, which have objects of several agents.
    Buckets,
    /// Roles, which tell a later run the regions of the others.
    Roles,
    /// Declared resources, which the agents used.
    Resources,
}

impl Turn {
    pub(crate) const ALL: [Self; 5] = [
        Self::Targets,
        Self::Agents,
        Self::Buckets,
        Self::Roles,
        Self::Resources,
    ];
}

/// A step of the room of a resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum What {
    LogGroup(LogGroupStep),
    Runtime(runtime::deletion::DeletionStep),
    Repository(repository::DeletionStep),
    /// An object that the toolkit uploaded.
    Object(ObservedObject),
    Bucket(bucket::DeletionStep),
    Builds(build_project::DeletionStep),
    Role(role::DeletionStep),
    Declared(Box<DeclaredPart>),
}

/// A step about a declared resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeclaredPart {
    pub(crate) resource: Resource,
    pub(crate) id: String,
    pub(crate) step: declared::DeletionStep,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CleanPlan {
    /// In the order in which they must be carried out.
    pub(crate) steps: Vec<CleanStep>,
    pub(crate) kept: Vec<Kept>,
    /// True if the toolkit's entry may be deleted, with its cache.
    pub(crate) entry_goes: bool,
    /// True if the copied sources may be deleted because no other region needs them.
    pub(crate) copy_goes: bool,
    /// The regions in whose project bucket this runtime has no objects left afterwards.
    pub(crate) emptied: BTreeSet<Region>,
    /// Former roles that are deleted or changed.
    pub(crate) former_roles: BTreeSet<RoleName>,
}

impl CleanPlan {
    pub(crate) fn keep(&mut self, what: Subject, why: impl Into<String>) {
        self.kept.push(Kept::fine(what, why));
    }

    pub(crate) fn push(&mut self, turn: Turn, region: &Region, what: What) {
        let region = region.clone();
        self.steps.push(CleanStep { turn, region, what });
    }

    /// Adds what was decided about a resource of a region.
    pub(crate) fn take<S>(
        &mut self,
        (turn, region): (Turn, &Region),
        deletion: Deletion<S>,
        what: impl Fn(S) -> What,
    ) {
        let Deletion { steps, kept } = deletion;
        for step in steps {
            self.push(turn, region, what(step));
        }
        self.kept.extend(kept.into_iter().map(|kept| Kept {
            what: kept.what.at(region),
            ..kept
        }));
    }

    /// Adds what was decided about a role, which is in no region.
    pub(crate) fn take_role(&mut self, (turn, region): (Turn, &Region), role: RoleDeletion) {
        let Deletion { steps, kept } = role.deletion;
        for step in steps {
            self.push(turn, region, What::Role(step));
        }
        self.kept.extend(kept);
    }
}

impl Step for CleanStep {
    fn change(&self) -> Change {
        let Self {
            turn: _,
            region,
            what,
        } = self;
        let change = match what {
            What::Role(step) => return step.change(),
            What::LogGroup(step) => step.change(),
            What::Runtime(step) => step.change(),
            What::Repository(step) => step.change(),
            What::Bucket(step) => step.change(),
            What::Builds(step) => step.change(),
            What::Declared(part) => part.step.change(),
            What::Object(ObservedObject { object, versions }) => {
                let address = format!("s3://{}/{}", object.bucket, object.key);
                let all = if versions.len() > 1 {
                    format!(" ({} versions)", versions.len())
                } else {
                    String::new()
                };
                let object = format!("object `{address}`{all}");
                Change::new(Action::Delete, object, Subject::new("object", address))
            }
        };
        Change {
            subject: change.subject.at(region),
            ..change
        }
    }
}
