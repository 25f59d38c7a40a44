//! What becomes of an endpoint: which version it is to have, and what that takes.

use std::collections::BTreeSet;

use super::deployed::{DEFAULT_ENDPOINT, EndpointState, READY, VersionState};
use crate::{error::Failure, names::EndpointName};

/// What has to be written for an endpoint to have its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EndpointStep {
    Create { version: u32 },
    Update { from: Option<u32>, version: u32 },
}

/// The steps to an endpoint with this version and, where one is given, this description.
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
    /// The verb of what is being done, the verb of what would be, and to what.
    pub(crate) fn words(&self, name: &EndpointName) -> (&'static str, &'static str, String) {
        match self {
            Self::Create { version } => (
                "Creating",
                "create",
                format!("endpoint `{name}` at version {version}"),
            ),
            Self::Update { from, version } => {
                let from = match from {
                    Some(from) if from != version => format!(" from version {from}"),
                    _ => String::new(),
                };
                (
                    "Updating",
                    "update",
                    format!("endpoint `{name}`{from} to version {version}"),
                )
            }
        }
    }
}

/// The version that answers.
pub(crate) fn live(endpoint: &EndpointState) -> Option<u32> {
    endpoint.live.as_deref().and_then(|live| live.parse().ok())
}

/// The endpoint that goes with the runtime cannot be pinned, nor deleted by itself.
pub(crate) fn refuse_default(name: &EndpointName, what: &str) -> Result<(), Failure> {
    if name.as_str() != DEFAULT_ENDPOINT {
        return Ok(());
    }
    let failure = Failure::usage(format!("the endpoint `DEFAULT` cannot be {what}"));
    Err(match what {
        "deleted" => failure
            .note("the service makes it with the runtime and deletes it with the runtime")
            .help("`cargo agentcore clean` deletes the runtime"),
        _ => failure
            .note("it always follows the newest version")
            .help("deploy the older sources again, or let callers use an endpoint of its own: `cargo agentcore endpoint set prod --version N`"),
    })
}

/// `wanted`, if the runtime has that version and it can be used.
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
                    None => "it has none at all".to_owned(),
                },
            ),
        ),
    }
}

/// The version that a rollback of `endpoint` goes to: the newest usable one below the one that it has.
/// An update that failed is rolled back to what was live before it.
pub(crate) fn previous(
    endpoint: &EndpointState,
    versions: &[VersionState],
) -> Result<u32, Failure> {
    let target = endpoint
        .target
        .as_deref()
        .and_then(|text| text.parse().ok());
    let failed = endpoint.status.ends_with("_FAILED");
    let now = if failed {
        target.or(live(endpoint))
    } else {
        live(endpoint).or(target)
    };
    let now = now.ok_or_else(|| {
        Failure::world(format!(
            "the endpoint `{}` has no version yet",
            endpoint.name
        ))
    })?;
    below(now, versions).ok_or_else(|| {
        let failure = Failure::world(format!(
            "the endpoint `{}` is at version {now}, and no older version can be used",
            endpoint.name
        ));
        match listed(versions) {
            Some(listed) => failure.note(format!("it has {listed}")),
            None => failure,
        }
        .note("the service deletes versions that nothing has used for 45 days")
    })
}

fn below(now: u32, versions: &[VersionState]) -> Option<u32> {
    versions
        .iter()
        .filter(|version| version.number < now && version.status == READY)
        .map(|version| version.number)
        .max()
}

/// The versions that endpoints run or are on their way to, and those that a rollback would take them to.
pub(crate) fn needed(endpoints: &[EndpointState], versions: &[VersionState]) -> BTreeSet<u32> {
    endpoints
        .iter()
        .flat_map(|endpoint| [&endpoint.live, &endpoint.target])
        .flatten()
        .filter_map(|version| version.parse().ok())
        .flat_map(|version| [Some(version), below(version, versions)])
        .flatten()
        .collect()
}

/// `version 3`, or `versions 1 to 4, 7`; `None` where there is none.
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
        // What failed is tried again.
        let failed = endpoint(Some(2), Some(2), "UPDATE_FAILED");
        assert!(set(Some(&failed), 2, None).is_some());
    }

    #[test]
    fn a_rollback_goes_to_the_newest_usable_version_below() {
        let there = versions(&[
            (1, "READY"),
            (2, "READY"),
            (3, "UPDATE_FAILED"),
            (5, "READY"),
        ]);
        let of = |live, target, status| previous(&endpoint(live, target, status), &there);
        assert_eq!(of(Some(5), Some(5), "READY"), Ok(2));
        assert_eq!(of(Some(2), None, "READY"), Ok(1));
        assert!(of(Some(1), None, "READY").is_err());
        assert!(of(None, None, "CREATING").is_err());
        // The update to 5 failed while 2 goes on answering.
        assert_eq!(of(Some(2), Some(5), "UPDATE_FAILED"), Ok(2));
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
            endpoint(Some(4), Some(4), "READY"),
            endpoint(Some(1), Some(5), "UPDATING"),
            endpoint(None, None, "CREATING"),
        ];
        for endpoint in &endpoints {
            let needed = needed(std::slice::from_ref(endpoint), &there);
            if let Ok(previous) = previous(endpoint, &there) {
                assert!(needed.contains(&previous), "{endpoint:?}");
            }
        }
        assert_eq!(needed(&endpoints[..1], &there), BTreeSet::from([2, 4]));
        assert_eq!(needed(&endpoints, &there), BTreeSet::from([1, 2, 4, 5]));
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
