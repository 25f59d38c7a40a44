//! Plans the changes that make the copy of an agent's sources equal to them.
//!
//! Only overwrites or removes files that this tool wrote, which the record or their equality with
//! the source proves.

use std::collections::BTreeMap;

use crate::{
    error::Message,
    package::record::{Hash, Record},
};

/// Whether to overwrite a copied file that was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    No,
    Yes,
}

/// One change in the deployment folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileStep {
    Create { path: String },
    Update { path: String },
    Remove { path: String },
}

impl FileStep {
    pub(crate) fn path(&self) -> &String {
        match self {
            Self::Create { path } | Self::Update { path } | Self::Remove { path } => path,
        }
    }
}

/// The steps, and the record before and after them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FilePlan {
    pub(crate) steps: Vec<FileStep>,
    /// Written before the first step: contains every content that may be found if the run is
    /// killed.
    pub(crate) record_before: Record,
    pub(crate) record_after: Record,
    /// True if the record must be written although no file changes.
    pub(crate) record_changes: bool,
    pub(crate) warnings: Vec<Message>,
    /// Files that are kept although the source differs or does not have them.
    pub(crate) kept: Vec<String>,
    pub(crate) unchanged: usize,
}

/// Plans the changes from the `observed` copy to the `desired` files. Paths are relative to the
/// deployment folder.
pub(crate) fn plan(
    desired: &BTreeMap<String, Hash>,
    observed: &BTreeMap<String, Hash>,
    record: &Record,
    force: Force,
) -> FilePlan {
    let mut plan = FilePlan::default();
    let mut foreign = Vec::new();
    // Removals come first, because a directory may replace a file, or the reverse.
    for (path, there) in observed {
        if desired.contains_key(path) {
            continue;
        }
        if record.holds(path, there) || (force == Force::Yes && record.files.contains_key(path)) {
            plan.steps.push(FileStep::Remove { path: path.clone() });
        } else {
            foreign.push(path.clone());
            keep_recorded(&mut plan.record_after, record, path);
        }
    }
    for (path, wanted) in desired {
        let step = match observed.get(path) {
            None => Some(FileStep::Create { path: path.clone() }),
            Some(there) if there == wanted => {
                plan.unchanged += 1;
                None
            }
            Some(there) if record.holds(path, there) || force == Force::Yes => {
                Some(FileStep::Update { path: path.clone() })
            }
            Some(_) => {
                foreign.push(path.clone());
                keep_recorded(&mut plan.record_after, record, path);
                continue;
            }
        };
        plan.steps.extend(step);
        plan.record_after.add(path, wanted);
    }
    plan.record_before = joined(record, &plan.record_after);
    plan.record_changes = plan.record_after != *record;
    plan.warnings.extend(warning(&foreign, record));
    plan.kept = foreign;
    plan
}

/// Plans the removal of unedited files that this tool wrote for the agents that `goes` selects. A
/// path starts with its agent's name. Files of other agents stay, also in the record.
pub(crate) fn plan_removal(
    observed: &BTreeMap<String, Hash>,
    record: &Record,
    goes: &dyn Fn(&str) -> bool,
) -> FilePlan {
    let is_meant = |path: &&String| goes(path.split('/').next().unwrap_or_default());
    let observed = observed.iter().filter(|(path, _)| is_meant(path));
    let observed = observed.map(|(path, hash)| (path.clone(), hash.clone()));
    let (meant, others): (BTreeMap<_, _>, BTreeMap<_, _>) = record
        .files
        .clone()
        .into_iter()
        .partition(|(path, _)| is_meant(&path));
    let (meant, others) = (Record { files: meant }, Record { files: others });
    let mut plan = plan(&BTreeMap::new(), &observed.collect(), &meant, Force::No);
    plan.record_before = joined(&plan.record_before, &others);
    plan.record_after = joined(&plan.record_after, &others);
    plan.warnings.clear();
    plan
}

fn keep_recorded(after: &mut Record, before: &Record, path: &str) {
    if let Some(hashes) = before.files.get(path) {
        after.files.insert(path.to_owned(), hashes.clone());
    }
}

fn joined(a: &Record, b: &Record) -> Record {
    let mut all = a.clone();
    for (path, hashes) in &b.files {
        all.files
            .entry(path.clone())
            .or_default()
            .extend(hashes.iter().cloned());
    }
    all
}

/// Warns about foreign files among the copies; the caller reports edited copies.
fn warning(foreign: &[String], record: &Record) -> Option<Message> {
    let unknown = foreign
        .iter()
        .filter(|path| !record.files.contains_key(*path));
    let unknown: Vec<String> = unknown.map(|path| format!("`{path}`")).collect();
    (!unknown.is_empty()).then(|| {
        Message::new(
            "the folder of the copied sources also has files that this tool did not write; those are kept",
        )
        .note(unknown.join(", "))
        .help("move them to the source, or delete them")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Tree = BTreeMap<String, Hash>;

    fn apply(mut tree: Tree, steps: &[FileStep], desired: &Tree) -> Tree {
        for step in steps {
            match step {
                FileStep::Create { path } | FileStep::Update { path } => {
                    tree.insert(path.clone(), desired[path].clone());
                }
                FileStep::Remove { path } => {
                    tree.remove(path);
                }
            }
        }
        tree
    }

    fn tree() -> impl Strategy<Value = Tree> {
        prop::collection::btree_map("[abc]", "[xyz]", 0..4)
    }

    fn record_of(tree: &Tree) -> Record {
        let mut record = Record::default();
        for (path, hash) in tree {
            record.add(path, hash);
        }
        record
    }

    proptest! {
        #[test]
        fn applying_a_plan_leaves_nothing_to_plan(desired in tree(), observed in tree(), recorded in tree(), forced: bool) {
            let force = if forced { Force::Yes } else { Force::No };
            let first = plan(&desired, &observed, &record_of(&recorded), force);
            let then = apply(observed, &first.steps, &desired);
            let second = plan(&desired, &then, &first.record_after, force);
            prop_assert_eq!(second.steps, vec![]);
            prop_assert_eq!(second.record_after, first.record_after);
        }

        #[test]
        fn a_killed_run_converges_even_when_the_source_changed_meanwhile(
            before in tree(), desired in tree(), later in tree(), cut in 0_usize..5,
        ) {
            let first = plan(&desired, &before, &record_of(&before), Force::No);
            let cut = cut.min(first.steps.len());
            let interrupted = apply(before, &first.steps[..cut], &desired);
            let second = plan(&later, &interrupted, &first.record_before, Force::No);
            prop_assert_eq!(&second.kept, &Vec::<String>::new());
            prop_assert_eq!(apply(interrupted, &second.steps, &later), later);
        }

        #[test]
        fn what_nobody_recorded_is_never_touched(desired in tree(), observed in tree(), recorded in tree()) {
            let record = record_of(&recorded);
            for step in plan(&desired, &observed, &record, Force::No).steps {
                let (FileStep::Create { path } | FileStep::Update { path } | FileStep::Remove { path }) = step;
                prop_assert!(observed.get(&path).is_none_or(|there| record.holds(&path, there)));
            }
        }
    }

    #[test]
    fn a_removal_neither_touches_nor_forgets_what_is_another_agents() {
        let tree = Tree::from([
            ("a/x".into(), "1".into()),
            ("b/x".into(), "1".into()),
            ("b/y".into(), "edited".into()),
        ]);
        let mut record = record_of(&tree);
        record.files.insert("b/y".into(), ["1".into()].into());
        let plan = plan_removal(&tree, &record, &|name| name == "a");
        assert_eq!(plan.steps, [FileStep::Remove { path: "a/x".into() }]);
        assert_eq!(plan.record_before, record);
        record.files.remove("a/x");
        assert_eq!((plan.record_after, plan.kept), (record, Vec::new()));
    }

    #[test]
    fn an_edited_copy_is_kept_unless_forced() {
        let old = Tree::from([("a".into(), "1".into())]);
        let edited = Tree::from([("a".into(), "2".into())]);
        let new = Tree::from([("a".into(), "3".into())]);
        let kept = plan(&new, &edited, &record_of(&old), Force::No);
        assert_eq!((kept.steps, kept.kept), (vec![], vec!["a".to_owned()]));
        let forced = plan(&new, &edited, &record_of(&old), Force::Yes);
        assert_eq!(forced.steps, [FileStep::Update { path: "a".into() }]);
    }

    #[test]
    fn without_a_record_only_equal_files_are_taken_over() {
        let source = Tree::from([("a".into(), "1".into()), ("b".into(), "1".into())]);
        let copy = Tree::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
        let plan = plan(&source, &copy, &Record::default(), Force::No);
        assert_eq!(plan.steps, []);
        assert_eq!(plan.kept, ["b"]);
        assert!(plan.record_after.holds("a", "1") && !plan.record_after.files.contains_key("b"));
    }
}
