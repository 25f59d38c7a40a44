//! Which version an endpoint should have, and the steps to get there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::Failure,
    names::EndpointName,
    resources::{
        change::{Action, Change, Subject},
        runtime::observed::{DEFAULT_ENDPOINT, EndpointState, READY, VersionState},
    },
};

/// The change that gives an endpoint its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndpointStep {
    Create { version: u32 },
    Update { from: Option<u32>, version: u32 },
}

/// Returns the change that takes an endpoint away from this runtime.
pub(crate) fn deletion(there: &EndpointState, runtime: &str) -> Change {
    let name = &there.name;
    let version = live(there).map_or(String::new(), |version| format!(" (version {version})"));
    let object = format!("endpoint `{name}`{version} of runtime `{runtime}`");
    let subject = Subject::new("endpoint", name).of(runtime);
    Change::new(Action::Delete, object, subject)
}

/// Returns the step to an endpoint with this version and, if given, this description.
pub(crate) fn set(
    there: Option<&EndpointState>,
    version: u32,
    description: Option<&str>,
) -> Option<EndpointStep> {
    let Some(there) = there else {
        return Some(EndpointStep::Create { version });
    };
    let described = description.is_none() || there.description.as_deref() == description;
    if live(there) == Some(version) && there.status == READY && described {
        return None;
    }
    Some(EndpointStep::Update {
        from: live(there),
        version,
    })
}

impl EndpointStep {
    pub(crate) fn change(&self, name: &EndpointName) -> Change {
        let (action, object) = match self {
            Self::Create { version } => (
                Action::Create,
                format!("endpoint `{name}` at version {version}"),
            ),
            Self::Update { from, version } => {
                let from = match from {
                    Some(from) if from != version => format!(" from version {from}"),
                    _ => String::new(),
                };
                let object = format!("endpoint `{name}`{from} to version {version}");
                (Action::Update, object)
            }
        };
        Change::new(action, object, Subject::new("endpoint", name.to_string()))
    }
}

/// Returns the version that answers requests.
pub(crate) fn live(endpoint: &EndpointState) -> Option<u32> {
    endpoint.live.as_deref().and_then(|live| live.parse().ok())
}

/// Refuses to pin or delete `DEFAULT`, which belongs to the runtime.
pub(crate) fn refuse_default(name: &EndpointName, what: &str) -> Result<(), Failure> {
    if name.as_str() != DEFAULT_ENDPOINT {
        return Ok(());
    }
    let failure = Failure::usage(format!("the endpoint `DEFAULT` cannot be {what}"));
    Err(match what {
        "deleted" => failure
            .note("the service creates and deletes it together with the runtime")
            .help("`cargo agentcore clean` deletes the runtime"),
        _ => failure
            .note("it always follows the newest version")
            .help("deploy the older sources again, or give callers an endpoint of their own: `cargo agentcore endpoint set prod --version N`"),
    })
}

/// Returns `wanted` if the runtime has that version and it is usable.
pub(crate) fn usable(wanted: u32, versions: &[VersionState]) -> Result<u32, Failure> {
    match versions.iter().find(|version| version.number == wanted) {
        Some(version) if version.status.ends_with("_FAILED") => Err(Failure::world(format!(
            "version {wanted} is {} and cannot be used",
            version.status
        ))
        .help("`cargo agentcore versions` lists those that can")),
        Some(_) => Ok(wanted),
        None => Err(
            Failure::world(format!("the runtime has no version {wanted}")).note(
                match listed(versions) {
                    Some(listed) => format!("it has {listed}"),
                    None => "it has none".to_owned(),
                },
            ),
        ),
    }
}

/// The tag for the versions that an endpoint had before, because the service does not record them.
pub(crate) const HISTORY: &str = "cargo-agentcore:versions-before";

/// How many previous versions are recorded. Their archives are kept.
const REMEMBERED: usize = 5;

/// The versions that an endpoint had before its current one, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct History(Vec<u32>);

impl History {
    pub(crate) fn of(tags: &BTreeMap<String, String>) -> Self {
        let told = tags.get(HISTORY).map(String::as_str).unwrap_or_default();
        Self(
            told.split(' ')
                .filter_map(|word| word.parse().ok())
                .collect(),
        )
    }

    /// Records a change from one version to another. Going back removes the versions after `to`.
    pub(crate) fn moved(&self, from: Option<u32>, to: u32) -> Self {
        let mut versions = self.0.clone();
        if let Some(back) = versions.iter().rposition(|version| *version == to) {
            versions.truncate(back);
        } else if let Some(from) = from.filter(|from| *from != to && versions.last() != Some(from))
        {
            versions.push(from);
        }
        let before = versions.len().saturating_sub(REMEMBERED);
        Self(versions.split_off(before))
    }

    /// Returns the tag's value.
    pub(crate) fn told(&self) -> String {
        let words: Vec<String> = self.0.iter().map(u32::to_string).collect();
        words.join(" ")
    }
}

/// The target of a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Previous {
    /// A version that the endpoint had before.
    Known(u32),
    /// The newest usable version below the current one, because no previous version is recorded.
    Below { now: u32, version: u32 },
}

/// Returns the version that a rollback of `endpoint` goes to. If an update failed, that is the
/// version that is still live.
pub(crate) fn previous(
    endpoint: &EndpointState,
    history: &History,
    versions: &[VersionState],
) -> Result<Previous, Failure> {
    let target = endpoint
        .target
        .as_deref()
        .and_then(|text| text.parse().ok());
    let failed = endpoint.status.ends_with("_FAILED");
    if let (true, Some(live)) = (failed, live(endpoint).filter(|live| target != Some(*live))) {
        return Ok(Previous::Known(live));
    }
    let now = live(endpoint).or(target).ok_or_else(|| {
        Failure::world(format!(
            "the endpoint `{}` has no version yet",
            endpoint.name
        ))
    })?;
    let is_usable = |wanted: &&u32| {
        let mut there = versions.iter();
        **wanted != now && there.any(|v| v.number == **wanted && v.status == READY)
    };
    if let Some(version) = history.0.iter().rev().find(is_usable) {
        return Ok(Previous::Known(*version));
    }
    let version = below(now, versions).ok_or_else(|| {
        let failure = Failure::world(format!(
            "the endpoint `{}` is at version {now}, and no older version can be used",
            endpoint.name
        ));
        match listed(versions) {
            Some(listed) => failure.note(format!("it has {listed}")),
            None => failure,
        }
        .note("the service deletes versions that nothing has used for 45 days")
    })?;
    Ok(Previous::Below { now, version })
}

fn below(now: u32, versions: &[VersionState]) -> Option<u32> {
    versions
        .iter()
        .filter(|version| version.number < now && version.status == READY)
        .map(|version| version.number)
        .max()
}

/// Changes endpoints and versions as an update of the runtime does: there is a new version, and
/// `DEFAULT` follows it.
pub(crate) fn update(endpoints: &mut [(EndpointState, History)], versions: &mut Vec<VersionState>) {
    let newest = versions.iter().map(|version| version.number).max();
    let next = newest.unwrap_or(0) + 1;
    versions.push(VersionState {
        number: next,
        status: READY.to_owned(),
        created: 0,
    });
    for (endpoint, _) in endpoints {
        if endpoint.name == DEFAULT_ENDPOINT {
            endpoint.live = Some(next.to_string());
            endpoint.target = None;
        }
    }
}

/// Returns the versions that endpoints have or are changing to, and the versions that a rollback
/// would restore.
pub(crate) fn needed(
    endpoints: &[(EndpointState, History)],
    versions: &[VersionState],
) -> BTreeSet<u32> {
    let before = endpoints.iter().flat_map(|(_, history)| &history.0);
    endpoints
        .iter()
        .flat_map(|(endpoint, _)| [&endpoint.live, &endpoint.target])
        .flatten()
        .filter_map(|version| version.parse().ok())
        .flat_map(|version| [Some(version), below(version, versions)])
        .flatten()
        .chain(before.copied())
        .collect()
}

/// Returns `version 3`, or `versions 1 to 4, 7`; `None` if there are no versions.
fn listed(versions: &[VersionState]) -> Option<String> {
    let mut numbers: Vec<u32> = versions.iter().map(|version| version.number).collect();
    numbers.sort_unstable();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 >= number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let word = match runs[..] {
        [] => return None,
        [(first, last)] if first == last => "version",
        _ => "versions",
    };
    let runs: Vec<String> = runs
        .iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first} to {last}"),
        })
        .collect();
    Some(format!("{word} {}", runs.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(live: Option<u32>, target: Option<u32>, status: &str) -> EndpointState {
        EndpointState {
            name: "prod".into(),
            arn: "arn".into(),
            live: live.map(|version| version.to_string()),
            target: target.map(|version| version.to_string()),
            status: status.into(),
            failure: None,
            description: Some("d".into()),
        }
    }

    fn versions(of: &[(u32, &str)]) -> Vec<VersionState> {
        of.iter()
            .map(|&(number, status)| VersionState {
                number,
                status: status.into(),
                created: 0,
            })
            .collect()
    }

    #[test]
    fn an_endpoint_is_made_moved_or_left_alone() {
        let ready = endpoint(Some(2), Some(2), "READY");
        assert_eq!(
            set(None, 2, None),
            Some(EndpointStep::Create { version: 2 })
        );
        assert_eq!(set(Some(&ready), 2, None), None);
        assert_eq!(set(Some(&ready), 2, Some("d")), None);
        assert!(set(Some(&ready), 2, Some("other")).is_some());
        assert_eq!(
            set(Some(&ready), 3, None),
            Some(EndpointStep::Update {
                from: Some(2),
                version: 3
            })
        );
        // A failed update is repeated.
        let failed = endpoint(Some(2), Some(2), "UPDATE_FAILED");
        assert!(set(Some(&failed), 2, None).is_some());
    }

    fn history(of: &[u32]) -> History {
        History(of.to_vec())
    }

    #[test]
    fn a_rollback_goes_to_what_answered_before_else_to_the_newest_usable_version_below() {
        let there = versions(&[
            (1, "READY"),
            (2, "READY"),
            (3, "UPDATE_FAILED"),
            (5, "READY"),
        ]);
        let none = history(&[]);
        let of = |live, target, status, history: &History| {
            previous(&endpoint(live, target, status), history, &there)
        };
        let below = |now, version| Ok(Previous::Below { now, version });
        assert_eq!(of(Some(5), Some(5), "READY", &none), below(5, 2));
        assert_eq!(of(Some(2), None, "READY", &none), below(2, 1));
        assert!(of(Some(1), None, "READY", &none).is_err());
        assert!(of(None, None, "CREATING", &none).is_err());
        // Version 2 never existed; 3 and 9 are no longer usable.
        for before in [&[1][..], &[1, 3], &[1, 9], &[1, 5]] {
            let known = Ok(Previous::Known(1));
            assert_eq!(of(Some(5), None, "READY", &history(before)), known);
        }
        // The update to 5 failed while 2 still answers, or an update to the same version failed.
        assert_eq!(
            of(Some(2), Some(5), "UPDATE_FAILED", &history(&[1, 2])),
            Ok(Previous::Known(2))
        );
        assert_eq!(of(Some(2), Some(2), "UPDATE_FAILED", &none), below(2, 1));
    }

    #[test]
    fn a_history_is_what_its_tag_says_and_who_goes_back_forgets() {
        let told = |text: &str| History::of(&BTreeMap::from([(HISTORY.into(), text.into())]));
        assert_eq!(History::of(&BTreeMap::new()), history(&[]));
        assert_eq!(told("1 4 2"), history(&[1, 4, 2]));
        assert_eq!(told(&history(&[1, 4, 2]).told()), history(&[1, 4, 2]));
        for (before, from, to, after) in [
            (&[][..], Some(1), 5, &[1][..]),
            (&[1], Some(5), 7, &[1, 5]),
            (&[1, 5], Some(7), 5, &[1]),
            (&[1, 5], Some(7), 1, &[]),
            (&[1, 5], Some(5), 6, &[1, 5]),
            (&[1], Some(5), 5, &[1]),
            (&[1], None, 5, &[1]),
            (&[1, 2, 3, 4, 5], Some(6), 7, &[2, 3, 4, 5, 6]),
        ] {
            let moved = history(before).moved(from, to);
            assert_eq!(moved, history(after), "{before:?} {from:?} {to}");
        }
    }

    #[test]
    fn what_a_rollback_goes_to_is_needed_whatever_failed_between() {
        let there = versions(&[
            (1, "READY"),
            (2, "READY"),
            (3, "UPDATE_FAILED"),
            (4, "READY"),
            (5, "READY"),
        ]);
        let endpoints = [
            (endpoint(Some(4), Some(4), "READY"), history(&[])),
            (endpoint(Some(1), Some(5), "UPDATING"), history(&[])),
            (endpoint(None, None, "CREATING"), history(&[])),
            (endpoint(Some(5), Some(5), "READY"), history(&[1])),
        ];
        for of in &endpoints {
            let needed = needed(std::slice::from_ref(of), &there);
            if let Ok(Previous::Known(version) | Previous::Below { version, .. }) =
                previous(&of.0, &of.1, &there)
            {
                assert!(needed.contains(&version), "{of:?}");
            }
        }
        assert_eq!(needed(&endpoints[..1], &there), BTreeSet::from([2, 4]));
        assert_eq!(
            needed(&endpoints[..3], &there),
            BTreeSet::from([1, 2, 4, 5])
        );
        assert_eq!(needed(&endpoints[3..], &there), BTreeSet::from([1, 4, 5]));
    }

    #[test]
    fn a_version_that_does_not_exist_is_answered_with_those_that_do() {
        let there = versions(&[
            (7, "READY"),
            (1, "READY"),
            (2, "READY"),
            (3, "CREATE_FAILED"),
        ]);
        assert_eq!(usable(7, &there), Ok(7));
        assert!(
            usable(3, &there)
                .unwrap_err()
                .to_string()
                .contains("CREATE_FAILED")
        );
        let missing = usable(9, &there).unwrap_err();
        assert_eq!(missing.messages[0].notes, ["it has versions 1 to 3, 7"]);
        assert_eq!(listed(&versions(&[(4, "READY")])).unwrap(), "version 4");
    }

    #[test]
    fn the_endpoint_of_the_runtime_is_refused_with_the_reason() {
        let default = EndpointName::parse("DEFAULT").unwrap();
        for what in ["deleted", "pinned to a version"] {
            assert_eq!(
                refuse_default(&default, what).unwrap_err().messages[0]
                    .help
                    .len(),
                1
            );
        }
        assert!(refuse_default(&EndpointName::parse("prod").unwrap(), "deleted").is_ok());
    }
}
