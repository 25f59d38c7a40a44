//! Who owns an entry in the toolkit's file, before and after the run.

use super::*;

fn naming(role: Option<&str>) -> Entry {
    Entry {
        role: role.map(str::to_owned),
        ..entry()
    }
}

/// Returns a state in which nothing of the agent exists in AWS.
fn alone(entry: Entry) -> Observed {
    Observed {
        regions: BTreeMap::from([(region("us-west-2"), ObservedRegion::default())]),
        entry: Some(entry),
        ..Observed::default()
    }
}

const THEIRS: &str = "arn:aws:iam::123456789012:role/SomebodyElsesRole";

#[test]
fn an_entry_that_names_somebody_elses_role_is_kept_unless_it_is_asked_for() {
    for observed in [
        alone(naming(Some(THEIRS))),
        Observed {
            entry: Some(naming(Some(THEIRS))),
            ..whole()
        },
    ] {
        let kept = plan(&desired(), &observed);
        assert!(!kept.entry_goes);
        let kept = kept.kept.iter().find(|kept| kept.what.kind == "entry");
        let why = &kept.unwrap().why;
        assert!(
            why.contains(THEIRS) && why.contains("--include-yaml"),
            "{why}"
        );
        let asked = Desired {
            yaml: Trust::Included,
            ..desired()
        };
        assert!(plan(&asked, &observed).entry_goes);
    }
}

#[test]
fn an_entry_goes_when_the_role_that_it_names_was_ours_and_has_gone() {
    assert!(plan(&desired(), &alone(naming(Some(ROLE)))).entry_goes);
    assert!(!plan(&desired(), &alone(naming(None))).entry_goes);
}

proptest! {
    /// An entry that is kept is not a leftover after the deletions, whatever the entry and the
    /// account contain.
    #[test]
    fn a_kept_entry_is_kept_when_it_is_read_back(
        named_role in some_named_role(),
        with_runtime_id: bool,
        runtime_is_there: bool,
        runtime_is_tagged: bool,
        role_is_there: bool,
        role_is_ours: bool,
    ) {
        let mut observed = whole();
        let there = observed.regions.get_mut(&region("us-west-2")).unwrap();
        if runtime_is_tagged {
            there.runtimes[0].tags = Tags::Known(identity().tags());
        }
        there.runtimes.retain(|_| runtime_is_there);
        let tags = if role_is_ours { identity().tags() } else { BTreeMap::new() };
        observed.role = role_is_there.then(|| role(tags, &["AgentCore-us-west-2"]));
        let mut entry = naming(named_role.as_deref());
        entry.runtime_id = entry.runtime_id.filter(|_| with_runtime_id);
        observed.entry = Some(entry);
        let before = plan(&desired(), &observed);
        for step in &before.steps {
            gone(&mut observed, step);
        }
        let after = plan(&desired(), &observed);
        prop_assert!(before.entry_goes || !after.entry_goes);
        prop_assert_eq!(after.steps, vec![]);
    }
}
