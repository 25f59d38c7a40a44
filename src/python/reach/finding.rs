//! What is missing, how severe that is, and which findings are reported.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{ImportSite, Mood, Walk};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// The path in the archive.
    pub(crate) file: String,
    pub(crate) span: Range<usize>,
    pub(crate) missing: Missing,
    pub(crate) weight: Weight,
    /// The files between the entry point and this file, including the entry point.
    pub(crate) through: Vec<String>,
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Missing {
    /// The archive's root has no module with this name.
    Module { name: String, near: Option<String> },
    /// A package has no such module. `name` is the full name.
    Submodule { name: String, near: Option<String> },
    /// The agent's own module `module` has no such name.
    Name {
        module: String,
        name: String,
        near: Option<String>,
    },
    /// A relative import in a file outside a package.
    Package { is_entry: bool },
}

/// How severe a finding is, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Weight {
    /// The agent cannot start.
    Stops,
    /// The agent probably cannot start.
    Warning,
    /// A call of some function will fail.
    Note,
}

impl Walk<'_> {
    pub(super) fn tell(
        &mut self,
        span: &Range<usize>,
        missing: Missing,
        weight: Weight,
        place: ImportSite<'_>,
    ) {
        let mut through = Vec::new();
        let mut at = self.reached.get(&place.visit.file);
        while let Some(from) = at.and_then(|arrival| arrival.from.as_ref()) {
            through.push(from.clone());
            at = self.reached.get(from);
        }
        through.reverse();
        self.findings.push(Finding {
            file: place.visit.file.clone(),
            span: span.clone(),
            missing,
            weight,
            through,
        });
    }

    /// Returns each missing item once, with its highest severity.
    pub(super) fn conclude(self) -> Vec<Finding> {
        let changes_search = self.changes_search;
        let assigned = self.assigned;
        let mut findings: Vec<Finding> = self
            .findings
            .into_iter()
            .filter(|finding| {
                !matches!(&finding.missing, Missing::Name { name, .. } if assigned.contains(name.as_str()))
            })
            .filter_map(|finding| {
                // Code that changes the search may find modules that this analysis does not.
                let weight = match (changes_search, finding.weight) {
                    (false, weight) => weight,
                    (true, Weight::Stops) => Weight::Warning,
                    (true, Weight::Warning | Weight::Note) => return None,
                };
                Some(Finding { weight, ..finding })
            })
            .collect();
        findings.sort_by_key(|finding| finding.weight);
        let mut told: Vec<Missing> = Vec::new();
        findings.retain(|finding| {
            let is_new = !told.contains(&finding.missing);
            if is_new {
                told.push(finding.missing.clone());
            }
            is_new
        });
        findings
    }
}

/// Returns a finding's severity. `is_foreign` is true if it depends on a dependency's code.
pub(super) fn weight(mood: Mood, is_foreign: bool) -> Option<Weight> {
    match mood {
        Mood::Sure if is_foreign => Some(Weight::Warning),
        Mood::Sure => Some(Weight::Stops),
        Mood::Later if !is_foreign => Some(Weight::Note),
        Mood::Later | Mood::Perhaps => None,
    }
}
