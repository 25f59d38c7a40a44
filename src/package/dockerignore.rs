//! `.dockerignore`: which files of a build context are left out.
//!
//! Source: <https://docs.docker.com/build/concepts/context/#dockerignore-files>, and where that
//! leaves something open, Docker's own matcher:
//! <https://github.com/moby/patternmatcher/blob/v0.6.0/patternmatcher.go>.

use regex_automata::meta::Regex;

/// The rules of one file; the last rule that matches a path decides.
#[derive(Debug, Default)]
pub(crate) struct Dockerignore {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// Without `!`.
    text: String,
    pattern: Regex,
    /// True for a rule that begins with `!`.
    keeps: bool,
}

impl Dockerignore {
    /// Reads the rules.
    ///
    /// # Errors
    ///
    /// Fails with a text and the line, counted from 1, if Docker would refuse a rule.
    pub(crate) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let rule = line.trim();
            if line.starts_with('#') || rule.is_empty() {
                continue;
            }
            let (keeps, rule) = match rule.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, rule),
            };
            let refused = || (at + 1, format!("invalid rule `{}`", line.trim()));
            let rule = cleaned(rule).ok_or_else(refused)?;
            let pattern = Regex::new(&expression(&rule)).map_err(|_| refused())?;
            rules.push(Rule {
                text: rule,
                pattern,
                keeps,
            });
        }
        Ok(Self { rules })
    }

    /// Returns true if a path is left out. Its parts are separated by `/`.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        let mut out = false;
        for rule in &self.rules {
            // A rule can only change the answer.
            if rule.keeps == out && rule.matches(path) {
                out = !rule.keeps;
            }
        }
        out
    }

    /// Returns true if nothing below a folder that is left out can be kept by a rule.
    pub(crate) fn leaves_out_all_below(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        self.leaves_out(folder)
            && !self.rules.iter().any(|rule| {
                let has_wildcards = rule.text.contains(['*', '?', '[', '\\']);
                rule.keeps && (has_wildcards || rule.text.starts_with(&below))
            })
    }
}

impl Rule {
    /// A rule that matches a folder matches everything in it.
    fn matches(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.chain([path.len()])
            .any(|end| self.pattern.is_match(&path[..end]))
    }
}

/// Removes `.`, `..` and empty parts, as Go's `filepath.Clean` does, and the `/` in front. Returns
/// `None` if nothing is left of a rule such as `!`.
fn cleaned(rule: &str) -> Option<String> {
    if rule.is_empty() {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in rule.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rule.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    // `/` and `.` mean the context itself, which is never left out.
    Some(if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    })
}

/// Translates a rule into a regular expression, as Docker does.
fn expression(rule: &str) -> String {
    let mut made = String::from("^");
    let mut rest = rule.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                made.push_str(if rest.peek().is_none() {
                    ".*"
                } else {
                    "(.*/)?"
                });
            }
            '*' => made.push_str("[^/]*"),
            '?' => made.push_str("[^/]"),
            '\\' => match rest.next() {
                Some(c) if c.is_alphanumeric() => made.push(c),
                Some(c) => made.extend(['\\', c]),
                // Docker refuses this too: the expression becomes invalid.
                None => made.push('['),
            },
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                made.push('\\');
                made.push(c);
            }
            c => made.push(c),
        }
    }
    made.push('$');
    // A line break in a file's name is a character like others.
    format!("(?s){made}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(rules: &str, path: &str) -> bool {
        let rules = Dockerignore::parse(rules).expect("the rules are valid");
        rules.leaves_out(path)
    }

    #[test]
    fn rules_match_as_in_dockers_documentation() {
        for (rules, path, expected) in [
            ("# comment\n", "comment", false),
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "somedir/temp", true),
            ("*/temp*", "temp", false),
            ("*/*/temp*", "somedir/subdir/temporary.txt", true),
            ("temp?", "tempa", true),
            ("temp?", "temp", false),
            ("temp?", "temp/", false),
            ("/foo/bar", "foo/bar", true),
            ("foo/bar/", "foo/bar/baz", true),
            ("foo", "a/foo", false),
            ("**/*.go", "main.go", true),
            ("**/*.go", "a/b/main.go", true),
            ("**/*.go", "main.go.txt", false),
            ("**", "anything/at/all", true),
            ("a/**", "a/b", true),
            ("a/**", "a", false),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("*.md\n!README.md", "README.md", false),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                "README-secret.md",
                true,
            ),
            (
                "*.md\nREADME-secret.md\n!README*.md",
                "README-secret.md",
                false,
            ),
            ("*\n!src", "src/main.rs", false),
            ("*\n!src\nsrc/secret", "src/secret/key", true),
            ("*\n!src", "target/debug", true),
            ("./a/../b", "b", true),
            ("a{b,c}", "ab", false),
            ("a{b,c}", "a{b,c}", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "dx", true),
            ("[^a-c]x", "ax", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a.b", "axb", false),
            ("  spaced  ", "spaced", true),
            (" #not-a-comment", "#not-a-comment", true),
            ("!a\na", "a", true),
            (".", "a", false),
            ("\u{feff}a", "a", true),
        ] {
            assert_eq!(out(rules, path), expected, "`{path}` with {rules:?}");
        }
    }

    #[test]
    fn a_rule_that_docker_refuses_is_named_with_its_line() {
        for rules in ["a\n!\n", "a\n[\n", "a\nb\\\n"] {
            let (line, _) = Dockerignore::parse(rules).expect_err("it is refused");
            assert_eq!(line, 2, "{rules:?}");
        }
    }

    #[test]
    fn a_folder_is_only_passed_over_if_no_rule_keeps_something_in_it() {
        let all_below = |rules: &str, folder: &str| {
            let rules = Dockerignore::parse(rules).expect("the rules are valid");
            rules.leaves_out_all_below(folder)
        };
        assert!(all_below("target", "target"));
        assert!(all_below("*\n!src", "target"));
        assert!(!all_below("target\n!target/release", "target"));
        assert!(!all_below("*\n!**/keep", "target"));
        assert!(!all_below("other", "target"));
    }

    proptest::proptest! {
        /// What is passed over is what would be left out file by file.
        #[test]
        fn passing_over_a_folder_changes_nothing(
            rules in proptest::collection::vec("!?[ab*?/]{1,5}", 1..5),
            folder in "[ab]{1,2}",
            below in "[ab]{1,2}(/[ab]{1,2})?",
        ) {
            let rules = Dockerignore::parse(&rules.join("\n"));
            if let Ok(rules) = rules
                && rules.leaves_out_all_below(&folder)
            {
                let path = format!("{folder}/{below}");
                proptest::prop_assert!(rules.leaves_out(&path), "{}", path);
            }
        }
    }
}
