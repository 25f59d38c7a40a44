//! Formats commands for the user's shell.

use super::System;

/// A shell, which determines how words are quoted and variables are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shell {
    Posix,
    /// Version 7 and later.
    PowerShell7,
    /// Version 5.1, which is part of Windows. It passes double quotes in words to programs without
    /// escaping them.
    PowerShell5,
    Cmd,
}

/// What the environment reveals about the shell.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hints<'a> {
    /// `MSYSTEM`, set by Git Bash and MSYS2.
    pub(crate) msystem: Option<&'a str>,
    /// `SHELL`, set by Unix shells, also on Windows.
    pub(crate) shell: Option<&'a str>,
    /// `PSModulePath`, set for every program on Windows; PowerShell adds the user's own folder.
    pub(crate) modules: Option<&'a str>,
    /// `PROMPT`, set by `cmd`.
    pub(crate) prompt: Option<&'a str>,
}

impl Shell {
    /// Returns the shell that most likely started this program.
    pub(crate) fn of(system: System, hints: Hints<'_>) -> Self {
        if !system.is_windows() || hints.msystem.is_some() || hints.shell.is_some() {
            return Self::Posix;
        }
        let modules = hints.modules.unwrap_or_default().to_lowercase();
        let has = |part: &str| modules.contains(part);
        if has("\\documents\\powershell\\") || has("\\powershell\\7\\") {
            Self::PowerShell7
        } else if has("\\documents\\windowspowershell\\") || hints.prompt.is_none() {
            Self::PowerShell5
        } else {
            Self::Cmd
        }
    }

    /// Quotes the text as one word.
    pub(crate) fn quote(self, word: &str) -> String {
        let is_plain = |others: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
            !word.is_empty() && word.chars().all(plain)
        };
        match self {
            // `=` is safe inside a word, but some shells expand it at the start.
            Self::Posix if is_plain("@%+=:,./-_") && !word.starts_with('=') => word.to_owned(),
            Self::Posix => shlex::try_quote(word)
                .map_or_else(|_| word.replace('\0', ""), std::borrow::Cow::into_owned),
            Self::PowerShell7 | Self::PowerShell5 if is_plain("-_./:=\\") => word.to_owned(),
            Self::PowerShell7 => literal(word),
            Self::PowerShell5 => literal(&escaped_for_programs(word)),
            Self::Cmd if is_plain("-_./:=\\@+,") => word.to_owned(),
            Self::Cmd => for_cmd(word),
        }
    }

    /// Returns the words as a command line.
    pub(crate) fn line<'a>(self, words: impl IntoIterator<Item = &'a str>) -> String {
        let words: Vec<String> = words.into_iter().map(|word| self.quote(word)).collect();
        words.join(" ")
    }

    /// Returns the command with these variables; `None` removes one.
    pub(crate) fn with_variables(
        self,
        variables: &[(String, Option<String>)],
        command: &str,
    ) -> String {
        let set = |write: &dyn Fn(&str, Option<&str>) -> Option<String>| -> Vec<String> {
            let variables = variables.iter();
            variables
                .filter_map(|(name, value)| write(name, value.as_deref()))
                .collect()
        };
        match self {
            Self::Posix => {
                let removed = set(&|name, value| value.is_none().then(|| format!("-u {name}")));
                let given = set(&|name, value| Some(format!("{name}={}", self.quote(value?))));
                let env = (!removed.is_empty()).then(|| "env".to_owned());
                let words = env.into_iter().chain(removed).chain(given);
                let words: Vec<String> = words.chain([command.to_owned()]).collect();
                words.join(" ")
            }
            Self::PowerShell7 | Self::PowerShell5 => {
                let set = set(&|name, value| {
                    let value = value.map_or("$null".to_owned(), literal);
                    Some(format!("$env:{name}={value}; "))
                });
                set.concat() + command
            }
            Self::Cmd => {
                let set = set(&|name, value| {
                    Some(format!("set \"{name}={}\" && ", value.unwrap_or_default()))
                });
                set.concat() + command
            }
        }
    }

    /// Returns the command followed by a comment.
    pub(crate) fn remarked(self, command: &str, remark: &str) -> String {
        match self {
            Self::Posix | Self::PowerShell7 | Self::PowerShell5 => {
                format!("{command}   # {remark}")
            }
            Self::Cmd => format!("{command}   &:: {remark}"),
        }
    }

    /// Returns the command in another directory. It does not run if there is no such directory,
    /// except in PowerShell, whose version 5 has no `&&`.
    pub(crate) fn in_directory(self, directory: &str, command: &str) -> String {
        let quoted = self.quote(directory);
        match self {
            Self::Posix => format!("cd {quoted} && {command}"),
            Self::PowerShell7 | Self::PowerShell5 => format!("cd {quoted}; {command}"),
            Self::Cmd => format!("cd /d {quoted} && {command}"),
        }
    }
}

/// Returns a text that PowerShell does not expand.
fn literal(word: &str) -> String {
    format!("'{}'", word.replace('\'', "''"))
}

/// Escapes the word by the C runtime's rules, without the surrounding quotes: backslashes are
/// doubled before a quote, and at the end if the word will be quoted.
fn escaped_for_programs(word: &str) -> String {
    let mut escaped = String::new();
    let mut backslashes = 0;
    for c in word.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                escaped.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        escaped.push(c);
    }
    if word.is_empty() || word.contains([' ', '\t']) {
        escaped.push_str(&"\\".repeat(backslashes));
    }
    escaped
}

/// Quotes the word for `cmd`. Quotes protect everything except `%` and quotes. If the word contains
/// one of these, no quote may take effect, so each special character gets a caret.
fn for_cmd(word: &str) -> String {
    let escaped = escaped_for_programs(word);
    let ending = word.len() - word.trim_end_matches('\\').len();
    let closing = if word.contains([' ', '\t']) {
        0
    } else {
        ending
    };
    let quoted = format!("\"{escaped}{}\"", "\\".repeat(closing));
    if !word.contains(['"', '%']) {
        return quoted;
    }
    let mut safe = String::new();
    for c in quoted.chars() {
        if "()%!^\"<>&|".contains(c) {
            safe.push('^');
        }
        safe.push(c);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Shell; 4] = [
        Shell::Posix,
        Shell::PowerShell7,
        Shell::PowerShell5,
        Shell::Cmd,
    ];

    #[test]
    fn plain_words_stay_as_they_are_in_every_shell() {
        for word in [
            "cargo",
            "--manifest-path",
            "a/b_c.toml",
            "us-west-2",
            "http://h:1",
        ] {
            for shell in ALL {
                assert_eq!(shell.quote(word), word, "{shell:?}");
            }
        }
    }

    #[test]
    fn each_shell_gets_its_own_quotes() {
        for (word, power, windows, cmd) in [
            ("my agent", "'my agent'", "'my agent'", "\"my agent\""),
            ("", "''", "''", "\"\""),
            ("it's", "'it''s'", "'it''s'", "\"it's\""),
            ("$HOME", "'$HOME'", "'$HOME'", "\"$HOME\""),
            ("a&b", "'a&b'", "'a&b'", "\"a&b\""),
            (
                "{\"a\": 1}",
                "'{\"a\": 1}'",
                "'{\\\"a\\\": 1}'",
                "^\"{\\^\"a\\^\": 1}^\"",
            ),
            ("%PATH%", "'%PATH%'", "'%PATH%'", "^\"^%PATH^%^\""),
            (
                "C:\\my dir\\",
                "'C:\\my dir\\'",
                "'C:\\my dir\\\\'",
                "\"C:\\my dir\\\\\"",
            ),
            ("a&\\", "'a&\\'", "'a&\\'", "\"a&\\\\\""),
        ] {
            let [posix, others @ ..] = ALL.map(|shell| shell.quote(word));
            assert_eq!(others, [power, windows, cmd], "{word}");
            assert_eq!(shlex::split(&posix).expect("a line"), [word]);
        }
        assert_eq!(Shell::Posix.quote("my agent"), "'my agent'");
    }

    #[test]
    fn posix_words_come_back_as_they_were() {
        for word in [
            "a b",
            "it's",
            "say \"x\"",
            "$HOME",
            "a\\b",
            "=x",
            "*",
            "~",
            "#",
        ] {
            let words = shlex::split(&Shell::Posix.quote(word)).expect("a line");
            assert_eq!(words, [word]);
        }
    }

    #[test]
    fn variables_are_set_and_removed_in_the_shells_own_way() {
        let variables = [
            ("AWS_PROFILE".to_owned(), None),
            ("REGION".to_owned(), Some("my dev".to_owned())),
        ];
        let line = ALL.map(|shell| shell.with_variables(&variables, "uv run"));
        assert_eq!(line[0], "env -u AWS_PROFILE REGION='my dev' uv run");
        assert_eq!(
            line[1],
            "$env:AWS_PROFILE=$null; $env:REGION='my dev'; uv run"
        );
        assert_eq!(line[2], line[1]);
        assert_eq!(
            line[3],
            "set \"AWS_PROFILE=\" && set \"REGION=my dev\" && uv run"
        );
        let set = &variables[1..];
        assert_eq!(Shell::Posix.with_variables(set, "x"), "REGION='my dev' x");
    }

    #[test]
    fn a_directory_is_entered_in_a_way_that_the_oldest_version_knows() {
        let line = ALL.map(|shell| shell.in_directory("my agent", "cargo agentcore dev"));
        assert_eq!(line[0], "cd 'my agent' && cargo agentcore dev");
        assert_eq!(line[2], "cd 'my agent'; cargo agentcore dev");
        assert_eq!(line[3], "cd /d \"my agent\" && cargo agentcore dev");
    }

    #[test]
    fn the_shell_is_told_by_what_it_leaves_in_the_environment() {
        let machine = "C:\\Program Files\\WindowsPowerShell\\Modules";
        let old = format!("C:\\Users\\ann\\Documents\\WindowsPowerShell\\Modules;{machine}");
        let new = format!("C:\\Users\\ann\\Documents\\PowerShell\\Modules;{old}");
        let cmd = Hints {
            modules: Some(machine),
            prompt: Some("$P$G"),
            ..Hints::default()
        };
        let power = |modules| Hints {
            modules: Some(modules),
            ..cmd
        };
        let bash = Hints {
            msystem: Some("MINGW64"),
            ..power(&old)
        };
        for (hints, shell) in [
            (cmd, Shell::Cmd),
            (power(&old), Shell::PowerShell5),
            (power(&new), Shell::PowerShell7),
            (bash, Shell::Posix),
            (Hints::default(), Shell::PowerShell5),
        ] {
            assert_eq!(Shell::of(System::Windows, hints), shell);
        }
        for system in [System::Linux, System::MacOs] {
            assert_eq!(Shell::of(system, power(&new)), Shell::Posix);
        }
    }
}
