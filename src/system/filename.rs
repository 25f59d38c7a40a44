//! File names that do not work on every system.

use std::collections::BTreeMap;

/// Device names, which are not files in any directory on Windows.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Returns whether Windows reserves the name, for example `con`, `AUX.py` or `com1.tar.gz`.
pub(crate) fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    let stem = stem.trim_end_matches(' ').to_lowercase();
    if DEVICES.contains(&stem.as_str()) {
        return true;
    }
    let port = stem.strip_prefix("com").or(stem.strip_prefix("lpt"));
    let mut digits = port.unwrap_or_default().chars();
    matches!(
        (digits.next(), digits.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

/// Returns why Windows cannot store a file or folder with this name.
pub(crate) fn unfit_for_windows(name: &str) -> Option<&'static str> {
    if is_reserved(name) {
        return Some("is a reserved Windows filename");
    }
    if name.ends_with(['.', ' ']) {
        return Some("ends with a dot or a space, which Windows drops");
    }
    let forbidden = |c: char| c.is_ascii_control() || "<>:\"\\|?*".contains(c);
    name.contains(forbidden)
        .then_some("contains a character that Windows does not allow in names")
}

/// Returns the problems of paths (with `/`) on systems other than Linux, one per line.
pub(crate) fn portability<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut reported = std::collections::BTreeSet::new();
    for path in paths {
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let part = &path[..end];
            let name = part.rsplit('/').next().unwrap_or(part);
            if let Some(why) = unfit_for_windows(name)
                && reported.insert(part)
            {
                lines.push(format!("`{part}` {why}"));
            }
            let other = *seen.entry(part.to_lowercase()).or_insert(part);
            if other != part && reported.insert(part) {
                lines.push(format!(
                    "`{other}` and `{part}` differ only in case; Windows and macOS keep one of them"
                ));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_reserved_with_any_case_and_extension() {
        for name in [
            "con",
            "CON",
            "Aux.py",
            "nul.tar.gz",
            "com1",
            "LPT9.txt",
            "com¹",
            "prn .x",
            "COM0",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in [
            "console",
            "con_",
            "com",
            "com10",
            "lpt",
            "auxiliary.py",
            "a.con",
            "",
        ] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn each_path_that_another_system_cannot_hold_is_listed_once() {
        let found = portability([
            "agent/aux/a.py",
            "agent/aux/b.py",
            "agent/what?.txt",
            "agent/end./x",
            "Agent/c.py",
            "agent/Data.json",
            "agent/data.json",
            "agent/good.py",
        ]);
        assert_eq!(
            found,
            [
                "`agent/aux` is a reserved Windows filename",
                "`agent/what?.txt` contains a character that Windows does not allow in names",
                "`agent/end.` ends with a dot or a space, which Windows drops",
                "`agent` and `Agent` differ only in case; Windows and macOS keep one of them",
                "`agent/Data.json` and `agent/data.json` differ only in case; Windows and macOS keep one of them",
            ]
        );
        assert!(portability(["a/b.py", "a/c.py", "b.py"]).is_empty());
    }
}
