//! Log groups, which the service creates for runtimes and builds, and which `clean` deletes with
//! `--logs`.

use std::collections::BTreeMap;

use crate::{
    protocol,
    resources::{
        change::{Action, Change, Step, Subject},
        deletion::{Deletion, Kept, Logs},
        ownership::{Identity, Ownership},
        tags::Tags,
    },
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedLogGroup {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) tags: Tags,
}

/// A change to a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogGroupStep {
    Tag {
        name: String,
        arn: String,
        tags: BTreeMap<String, String>,
    },
    Delete {
        name: String,
    },
}

/// What is kept unless the user asks for logs to be deleted.
const KEPT: &str = "logs are kept unless `--logs` is given";

/// Returns what `clean` does with the log groups of an agent, by the IDs of the runtimes that are
/// proven to be the agent's: tags before the runtimes are deleted, so that a later run can prove the
/// groups, and deletions afterwards.
pub(crate) fn deletion_with_runtimes(
    groups: &[ObservedLogGroup],
    identity: &Identity,
    runtimes: &[&str],
    logs: Logs,
) -> (Vec<LogGroupStep>, Deletion<LogGroupStep>) {
    let (mut before, mut deletion) = (Vec::new(), Deletion::default());
    for ObservedLogGroup { name, arn, tags } in groups {
        let suffix = name
            .strip_prefix(protocol::logs::PREFIX)
            .unwrap_or_default();
        let of_runtime = runtimes
            .iter()
            .any(|id| suffix.starts_with(&format!("{id}-")));
        let tagged =
            matches!(tags, Tags::Known(tags) if identity.ownership(tags) == Ownership::Ours);
        let what = Subject::new("log group", name);
        if !of_runtime && !tagged {
            let why = "no runtime that is provably ours writes to it";
            deletion.kept.push(Kept::fine(what, why));
            continue;
        }
        let Deletion { steps, kept } = self::deletion(name, logs);
        deletion.steps.extend(steps);
        deletion.kept.extend(kept);
        if logs == Logs::Delete && !tagged && *tags != Tags::Unknown {
            before.push(LogGroupStep::Tag {
                name: name.clone(),
                arn: arn.clone(),
                tags: identity.tags(),
            });
        }
    }
    (before, deletion)
}

/// Returns what `clean` does with a log group of the project.
pub(crate) fn deletion(name: &str, logs: Logs) -> Deletion<LogGroupStep> {
    match logs {
        Logs::Delete => Deletion::of([LogGroupStep::Delete {
            name: name.to_owned(),
        }]),
        Logs::Keep => Deletion::keeping(Subject::new("log group", name), KEPT),
    }
}

impl Step for LogGroupStep {
    fn change(&self) -> Change {
        match self {
            Self::Tag { name, .. } => Change::of(Action::Tag, Subject::new("log group", name)),
            Self::Delete { name } => Change::of(Action::Delete, Subject::new("log group", name)),
        }
    }
}
