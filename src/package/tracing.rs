//! Versions of the OpenTelemetry distribution that send no traces.

use super::requirements::{Requirement, normalized};

/// The distribution with which AgentCore starts agents.
pub(crate) const DISTRIBUTION: &str = "aws-opentelemetry-distro";
/// The requirement to use instead of an older version.
pub(crate) const CURRENT: &str = "aws-opentelemetry-distro>=0.18";
/// The reason for the warning.
pub(crate) const WHY: &str =
    "runtimes created since July 2026 show the traces of version 0.18 and later only";

/// The first version that sends traces in the format for new runtimes.
const FIRST: [u64; 2] = [0, 18];

/// Returns the version among an archive's dependencies, if it is too old.
pub(crate) fn outdated(paths: &[&str]) -> Option<String> {
    let versions = paths.iter().filter_map(|path| {
        let folder = path.strip_suffix(".dist-info/METADATA")?;
        let (name, version) = folder.rsplit_once('-')?;
        (normalized(name) == DISTRIBUTION).then_some(version)
    });
    versions
        .filter(|version| release(version) < FIRST)
        .map(str::to_owned)
        .next()
}

/// Returns whether a requirement allows only outdated versions of the distribution.
pub(crate) fn is_outdated(requirement: &Requirement) -> bool {
    requirement.normalized() == DISTRIBUTION
        && requirement.versions.split(',').any(|clause| {
            let clause = clause.trim().trim_matches(['(', ')']);
            let digits = clause.find(|c: char| c.is_ascii_digit());
            let (operator, version) = clause.split_at(digits.unwrap_or(clause.len()));
            match operator.trim() {
                "==" | "===" | "<=" => release(version) < FIRST,
                "<" => release(version) < FIRST || version.trim_end_matches(".0") == "0.18",
                // `~=0.17.1` allows only 0.17, `~=0.17` everything below 1.
                "~=" => version.split('.').count() > 2 && release(version) < FIRST,
                _ => false,
            }
        })
}

/// Returns the first two numbers of a version.
fn release(version: &str) -> [u64; 2] {
    let mut numbers = version.split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit());
        part[..end.unwrap_or(part.len())].parse().unwrap_or(0)
    });
    [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outdated_version_is_found_among_the_files() {
        for (version, is_old) in [
            ("0.17.0", true),
            ("0.9.12", true),
            ("0.18.0", false),
            ("0.18.0rc1", false),
            ("0.20.0", false),
            ("1.0", false),
        ] {
            let path = format!("aws_opentelemetry_distro-{version}.dist-info/METADATA");
            let found = outdated(&["x.py", &path]);
            assert_eq!(found.as_deref(), is_old.then_some(version), "{version}");
        }
        assert_eq!(
            outdated(&["opentelemetry_distro-0.1.dist-info/METADATA"]),
            None
        );
    }

    #[test]
    fn a_requirement_that_allows_only_outdated_versions_is_known() {
        for (versions, is_old) in [
            ("==0.17.0", true),
            ("== 0.12.*", true),
            ("~=0.17.0", true),
            (">=0.10,<0.18", true),
            ("<0.18.0", true),
            ("<=0.17.5", true),
            ("", false),
            (">=0.10", false),
            (">=0.10,<1", false),
            ("~=0.17", false),
            ("<0.19", false),
            ("<0.18.1", false),
            ("==0.18.0", false),
            ("!=0.17.0", false),
        ] {
            let text = format!("aws_opentelemetry_distro{versions} ; python_version > '3'");
            assert_eq!(is_outdated(&Requirement::read(&text)), is_old, "{versions}");
        }
        assert!(!is_outdated(&Requirement::read("boto3==0.1")));
    }
}
