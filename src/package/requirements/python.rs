//! The Python versions that a project supports.

/// A minor version such as `(3, 13)`.
pub(crate) type Minor = (u64, u64);

/// Returns whether a specifier such as `>=3.10,<4` allows any release of this minor version.
/// Clauses that are not understood allow everything.
pub(crate) fn allows(specifier: &str, minor: Minor) -> bool {
    specifier
        .split(',')
        .map(str::trim)
        .filter(|clause| !clause.is_empty())
        .all(|clause| clause_allows(clause, minor).unwrap_or(true))
}

fn clause_allows(clause: &str, minor: Minor) -> Option<bool> {
    let operators = ["===", "==", "!=", "~=", ">=", "<=", ">", "<"];
    let operator = operators
        .iter()
        .find(|operator| clause.starts_with(**operator))?;
    let version = clause[operator.len()..].trim();
    let is_open = version.ends_with(".*");
    let numbers: Vec<u64> = version
        .trim_end_matches(".*")
        .split('.')
        .map(|number| number.parse().ok())
        .collect::<Option<_>>()?;
    let major = *numbers.first()?;
    let named = (major, numbers.get(1).copied().unwrap_or(0));
    let has_patch = numbers.get(2).is_some_and(|patch| *patch > 0);
    let is_within = match numbers.len() {
        1 if is_open => minor.0 == major,
        _ => minor == named,
    };
    Some(match *operator {
        "==" | "===" => is_within,
        "!=" => !(is_open && is_within),
        "~=" if numbers.len() > 2 => minor == named,
        "~=" => minor.0 == major && minor >= named,
        ">=" | ">" => minor >= named,
        "<=" => minor <= named,
        _ if has_patch => minor <= named,
        _ => minor < named,
    })
}

/// Returns the minor version chosen by a `.python-version` file, and its position.
pub(crate) fn chosen(text: &str) -> Option<(Minor, std::ops::Range<usize>)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let word = line.split('#').next().unwrap_or_default();
        let trimmed = word.trim();
        if !trimmed.is_empty() {
            let at = start + word.find(trimmed).unwrap_or(0);
            let bare = ["cpython-", "cpython@", "cpython", "python"]
                .iter()
                .find_map(|prefix| trimmed.strip_prefix(prefix))
                .unwrap_or(trimmed);
            let mut numbers = bare.split(['.', '-', '+', 'a', 'b', 'r', 't']);
            let minor = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
            return Some((minor, at..at + trimmed.len()));
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_version_is_allowed_if_one_of_its_releases_is() {
        for (specifier, allowed) in [
            (">=3.10", true),
            (">=3.13.5", true),
            (">=3.14", false),
            (">3.13", true),
            (">=3.10,<3.13", false),
            (">=3.10, <3.14", true),
            ("<3.13.2", true),
            ("<4", true),
            ("<=3.12", false),
            ("==3.13.*", true),
            ("==3.*", true),
            ("==3.12.*", false),
            ("!=3.13.*", false),
            ("!=3.13.1", true),
            ("~=3.12", true),
            ("~=3.12.0", false),
            ("~=3.13.1", true),
            ("whatever", true),
            ("", true),
        ] {
            assert_eq!(allows(specifier, (3, 13)), allowed, "{specifier}");
        }
    }

    #[test]
    fn the_first_line_that_says_something_chooses() {
        let of = |text: &str| chosen(text).map(|(minor, span)| (minor, text[span].to_owned()));
        assert_eq!(of("3.12\n"), Some(((3, 12), "3.12".to_owned())));
        assert_eq!(
            of("# mine\n\n 3.11.4 # x\n3.12\n"),
            Some(((3, 11), "3.11.4".to_owned()))
        );
        assert_eq!(
            of("cpython-3.13.2-linux\n"),
            Some(((3, 13), "cpython-3.13.2-linux".to_owned()))
        );
        assert_eq!(of("3.14rc1\n"), Some(((3, 14), "3.14rc1".to_owned())));
        for nothing in ["", "pypy3.10\n", "system\n", "3\n"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }
}
