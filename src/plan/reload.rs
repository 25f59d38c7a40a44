//! What a running agent was started from, what an edit changes, and where its code failed.

use std::collections::BTreeMap;

use crate::config::{Agent, Runtime};

/// Everything that determines how an agent runs, except for file times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inputs {
    /// The hash and the mode of each file, by its path in the archive.
    pub(crate) files: BTreeMap<String, String>,
    /// A hash of the requirements.
    pub(crate) requirements: String,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) agent: Agent,
}

/// What to do with a running agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// Restart it, because of this change.
    Restart(String),
    /// Reinstall its dependencies and restart it, because of this change.
    Install(String),
}

impl Change {
    pub(crate) fn between(before: &Inputs, now: &Inputs) -> Self {
        let Inputs {
            files,
            requirements,
            environment,
            agent,
        } = before;
        if *requirements != now.requirements {
            return Self::Install("the requirements changed".to_owned());
        }
        if runtime(agent) != runtime(&now.agent) {
            return Self::Install("the runtime changed".to_owned());
        }
        let changed: Vec<&str> = files
            .keys()
            .chain(now.files.keys().filter(|path| !files.contains_key(*path)))
            .filter(|path| files.get(*path) != now.files.get(*path))
            .map(String::as_str)
            .collect();
        match changed[..] {
            [] if *agent != now.agent => Self::Restart("its table changed".to_owned()),
            [] if *environment != now.environment => {
                Self::Restart("its environment changed".to_owned())
            }
            [] => Self::Nothing,
            [one] => Self::Restart(format!("`{one}` changed")),
            [first, ref rest @ ..] => Self::Restart(format!(
                "`{first}` and {} more {} changed",
                rest.len(),
                if rest.len() == 1 { "file" } else { "files" }
            )),
        }
    }
}

fn runtime(agent: &Agent) -> Runtime {
    agent.runtime
}

/// The position of a Python error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErrorPosition {
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Such as `SyntaxError: invalid syntax`.
    pub(crate) error: String,
}

/// Returns the last position in an agent's output that is in a file that `is_own` accepts.
pub(crate) fn place(lines: &[String], is_own: impl Fn(&str) -> bool) -> Option<ErrorPosition> {
    let error = lines.iter().rev().find(|line| is_error(line))?;
    let found = lines
        .iter()
        .rev()
        .filter_map(|line| frame(line))
        .find(|(file, _)| is_own(file))?;
    Some(ErrorPosition {
        file: found.0.to_owned(),
        line: found.1,
        error: error.clone(),
    })
}

/// Returns true for a traceback's last line, such as `ValueError: no`.
fn is_error(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or(line);
    let last = name.rsplit('.').next().unwrap_or(name);
    !name.is_empty()
        && name
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.'))
        && last.starts_with(|first: char| first.is_ascii_uppercase())
        && (line.contains(": ") || last.ends_with("Error"))
}

/// Parses `  File "x.py", line 3, in f`.
fn frame(line: &str) -> Option<(&str, usize)> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    Some((file, rest[..digits].parse().ok()?))
}

/// Replaces paths below `root` with the source paths that `own` returns.
pub(crate) fn with_own_paths(
    line: &str,
    root: &str,
    own: impl Fn(&str) -> Option<String>,
) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(root) {
        shown.push_str(&rest[..at]);
        let after = &rest[at + root.len()..];
        let path = after.strip_prefix(['/', '\\']).unwrap_or(after);
        let ends = path.find(['"', '\'', ':', ',', ')', '>', ' ']);
        let path = &path[..ends.unwrap_or(path.len())];
        match own(&path.replace('\\', "/")) {
            Some(source) if !path.is_empty() => {
                shown.push_str(&source);
                rest = &after[1 + path.len()..];
            }
            _ => {
                shown.push_str(root);
                rest = after;
            }
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_failure_is_placed_in_the_agents_own_code() {
        let trace = lines(
            "Traceback (most recent call last):\n  File \"/run/invoke.py\", line 3, in <module>\n    import a\n  \
             File \"/lib/x.py\", line 9, in f\n    raise\nbotocore.exceptions.ClientError: An error\nbye",
        );
        let place = place(&trace, |file| file.starts_with("/run")).unwrap();
        assert_eq!((place.file.as_str(), place.line), ("/run/invoke.py", 3));
        assert_eq!(place.error, "botocore.exceptions.ClientError: An error");
    }

    #[test]
    fn a_syntax_error_is_placed_where_it_is() {
        let trace = lines(
            "  File \"/run/a.py\", line 7\n    def f(:\n          ^\nSyntaxError: invalid syntax",
        );
        let place = place(&trace, |_| true).unwrap();
        assert_eq!((place.file.as_str(), place.line), ("/run/a.py", 7));
        assert!(super::place(&lines("hello\nworld"), |_| true).is_none());
    }

    #[test]
    fn lines_name_the_files_that_the_user_edits() {
        let own = |path: &str| (path == "a/b.py").then(|| "/home/me/a/b.py".to_owned());
        let line = |text: &str| with_own_paths(text, "/run/1", own);
        assert_eq!(
            line("  File \"/run/1/a/b.py\", line 3"),
            "  File \"/home/me/a/b.py\", line 3"
        );
        assert_eq!(line("/run/1/a/b.py:3: x"), "/home/me/a/b.py:3: x");
        assert_eq!(line("/run/1/c.py /run/1"), "/run/1/c.py /run/1");
    }
}
