//! The file in which cargo lists what a binary was made from, in the syntax of make.

/// Returns the files and directories. They include those of path dependencies, and those that build
/// scripts name.
pub(crate) fn listed(text: &str) -> Vec<String> {
    let line = text.lines().next().unwrap_or_default();
    let Some((_, list)) = line.split_once(": ") else {
        return Vec::new();
    };
    let mut paths = vec![String::new()];
    let mut rest = list;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\ ") {
            rest = after;
            if let Some(path) = paths.last_mut() {
                path.push(' ');
            }
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if c == ' ' {
            paths.push(String::new());
        } else if let Some(path) = paths.last_mut() {
            path.push(c);
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_spaces_and_backslashes_are_read() {
        for (text, paths) in [
            ("/t/agent: /p/a.rs /p/b.rs\n", &["/p/a.rs", "/p/b.rs"][..]),
            (
                "/my\\ t/agent: /my\\ p/a.rs /p/ü.md\n\n/p/a.rs:\n",
                &["/my p/a.rs", "/p/ü.md"],
            ),
            (
                "C:\\t\\agent.exe: C:\\p\\src\\main.rs C:\\a\\ b\\c.rs",
                &["C:\\p\\src\\main.rs", "C:\\a b\\c.rs"],
            ),
            ("/t/agent:\n", &[]),
            ("/t/agent: \n", &[]),
            ("", &[]),
        ] {
            assert_eq!(listed(text), paths, "{text}");
        }
    }
}
