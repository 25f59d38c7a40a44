//! Installed versions that are older than the newest ones that the requirements allow, and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::requirements::{Origin, Requirement, normalized};

/// An installed distribution, from its `METADATA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) name: String,
    pub(crate) version: String,
    requires: Vec<Requirement>,
}

/// A package with a newer allowed version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Behind {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) newest: String,
    pub(crate) why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Why {
    /// The newer version has no wheel.
    SourceOnly,
    /// The newer version has wheels only for other platforms or Pythons.
    NoWheelThatFits,
    /// The newer version's requirements cannot be installed with the others.
    OtherPackages,
}

/// The versions of a resolution, by name.
pub(crate) type Versions = BTreeMap<String, String>;

pub(crate) fn installed(metadata: &str) -> Option<Installed> {
    let headers = metadata.split("\n\n").next().unwrap_or(metadata);
    let header = |name: &str| {
        headers
            .lines()
            .filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::trim)
            .collect::<Vec<_>>()
    };
    Some(Installed {
        name: normalized(header("Name").first()?),
        version: (*header("Version").first()?).to_owned(),
        requires: header("Requires-Dist")
            .into_iter()
            .map(Requirement::read)
            .collect(),
    })
}

/// Returns a requirements file that asks for the packages in `names`, restricted by all
/// requirements for them. `asked` are the agent's own requirements and constraints.
pub(crate) fn question(
    all: &[Installed],
    asked: &[Requirement],
    names: &BTreeSet<String>,
) -> String {
    let required: Vec<&Requirement> = asked
        .iter()
        .chain(all.iter().flat_map(|installed| &installed.requires))
        .collect();
    let extras: BTreeSet<(String, String)> = required
        .iter()
        .flat_map(|required| {
            let extras = required.extras.iter();
            extras.map(|extra| (required.normalized(), normalized(extra)))
        })
        .collect();
    let mut lines: BTreeSet<String> = names.iter().cloned().collect();
    let mut limit = |by: Option<&Installed>, required: &Requirement| {
        let name = required.normalized();
        if !names.contains(&name) || required.place() != Origin::Index {
            return;
        }
        let marker = required.marker.split("--").next().unwrap_or_default();
        let line = match (by, extra_of(marker)) {
            (Some(by), Some(extra)) => {
                if !extras.contains(&(by.name.clone(), normalized(extra))) {
                    return;
                }
                format!("{name}{}", required.versions)
            }
            _ if marker.trim().is_empty() => format!("{name}{}", required.versions),
            _ => format!("{name}{} ; {}", required.versions, marker.trim()),
        };
        lines.insert(line);
    };
    for required in asked {
        limit(None, required);
    }
    for by in all {
        for required in &by.requires {
            limit(Some(by), required);
        }
    }
    lines
        .into_iter()
        .flat_map(|line| [line, "\n".to_owned()])
        .collect()
}

/// Returns `x` for `extra == 'x'`.
fn extra_of(marker: &str) -> Option<&str> {
    let (_, rest) = marker.split_once("extra")?;
    let rest = rest.trim_start().strip_prefix("==")?.trim_start();
    let quote = rest.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    rest[1..].split(quote).next()
}

/// Returns the versions in a resolved requirements file.
pub(crate) fn versions(text: &str) -> Versions {
    text.lines()
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| {
            let version = version.split([' ', ';']).next().unwrap_or(version);
            (normalized(name), version.to_owned())
        })
        .collect()
}

/// Returns the packages with a newer version of any kind, or with a wheel for other platforms.
pub(crate) fn names_behind(
    all: &[Installed],
    newest: &Versions,
    elsewhere: &Versions,
) -> BTreeSet<String> {
    all.iter()
        .filter(|installed| newest_of(installed, [newest, elsewhere]).is_some())
        .map(|installed| installed.name.clone())
        .collect()
}

/// Returns the newest version if it is newer than the installed one.
fn newest_of<'v>(
    installed: &Installed,
    versions: impl IntoIterator<Item = &'v Versions>,
) -> Option<&'v str> {
    versions
        .into_iter()
        .filter_map(|versions| versions.get(&installed.name))
        .map(String::as_str)
        .filter(|version| release(version) > release(&installed.version))
        .max_by_key(|version| release(version))
}

/// Returns the packages that are behind. `fitting` are the newest versions with a matching wheel,
/// `elsewhere` those with one for another platform.
pub(crate) fn behind(
    all: &[Installed],
    newest: &Versions,
    fitting: &Versions,
    elsewhere: &Versions,
) -> Vec<Behind> {
    all.iter()
        .filter_map(|installed| {
            let newest = newest_of(installed, [newest, elsewhere])?;
            let why = if newest_of(installed, [fitting]).is_some() {
                Why::OtherPackages
            } else if newest_of(installed, [elsewhere]).is_some() {
                Why::NoWheelThatFits
            } else {
                Why::SourceOnly
            };
            Some(Behind {
                name: installed.name.clone(),
                version: installed.version.clone(),
                newest: newest.to_owned(),
                why,
            })
        })
        .collect()
}

/// Returns the numbers of a version without trailing zeros, because `1.0` and `1.0.0` are the same
/// release, and so are pre- and post-releases.
fn release(version: &str) -> Vec<u64> {
    let version = version.split('!').next_back().unwrap_or(version);
    let mut numbers = Vec::new();
    for part in version.split('.') {
        let end = part.find(|c: char| !c.is_ascii_digit());
        numbers.extend(part[..end.unwrap_or(part.len())].parse::<u64>());
        if end.is_some() {
            break;
        }
    }
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

impl Behind {
    /// Returns true if code for the newest version probably does not work with the installed one:
    /// another major version, or another minor version below 1.0.
    pub(crate) fn is_another_line(&self) -> bool {
        let line = |version: &str| -> Vec<String> {
            let parts: Vec<&str> = version.split('.').collect();
            let kept = if parts.first() == Some(&"0") { 2 } else { 1 };
            parts.into_iter().take(kept).map(str::to_owned).collect()
        };
        line(&self.version) != line(&self.newest)
    }

    pub(crate) fn reason(&self, python: &str) -> String {
        let Self {
            name,
            version,
            newest,
            why,
        } = self;
        match why {
            Why::SourceOnly => format!(
                "{name} {version}, not {newest}: that is there as a source distribution only, and nothing is built"
            ),
            Why::NoWheelThatFits => format!(
                "{name} {version}, not {newest}: that has no wheel for Python {python} on 64-bit ARM"
            ),
            Why::OtherPackages => format!(
                "{name} {version}, not {newest}: what that requires cannot be installed with the rest"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, version: &str, requires: &[&str]) -> Installed {
        let mut text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        for required in requires {
            text.extend(["Requires-Dist: ", required, "\n"]);
        }
        installed(&(text + "\nText: x\n")).expect("it is metadata")
    }

    #[test]
    fn everything_that_limits_a_version_is_part_of_the_question() {
        let all = [
            of(
                "A",
                "1.0",
                &["b<3", "c>1 ; extra == 'x'", "c<9 ; extra == 'y'"],
            ),
            of("b", "2.0", &["c>=0 ; python_version > '3'", "elsewhere"]),
            of("c", "2", &[]),
        ];
        let names = all.iter().map(|one| one.name.clone()).collect();
        let asked = ["a[x]>=1 --hash=sha256:00", "c @ https://h/c.whl"].map(Requirement::read);
        assert_eq!(
            question(&all, &asked, &names),
            "a\na>=1\nb\nb<3\nc\nc>1\nc>=0 ; python_version > '3'\n"
        );
    }

    #[test]
    fn what_is_behind_is_told_with_its_reason() {
        let all = ["a", "b", "c", "d"].map(|name| of(name, "1.0", &[]));
        let versions = |text: &str| versions(text);
        let found = behind(
            &all,
            &versions("a==1.0.0\nb==1.0\nc==2.0\nd==1.10\n"),
            &versions("b==1.0\nc==2.0\nd==1.0\n"),
            &versions("a==0.9\nb==2.0\nd==1.0\n"),
        );
        let shown: Vec<(&str, Why)> = found
            .iter()
            .map(|behind| (behind.name.as_str(), behind.why))
            .collect();
        assert_eq!(
            shown,
            [
                ("b", Why::NoWheelThatFits),
                ("c", Why::OtherPackages),
                ("d", Why::SourceOnly)
            ]
        );
        assert!(found[0].is_another_line() && !found[2].is_another_line());
    }
}
