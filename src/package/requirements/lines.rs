//! Parses a requirements file line by line, in the syntax that pip and uv share.

use std::ops::Range;

/// The meaning of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A requirement on one line, without comments.
    Require(String),
    /// `-e`: the same, as a link to this machine.
    Editable(String),
    /// `-r`: another requirements file.
    Include(String),
    /// `-c`: a constraints file.
    Constrain(String),
    /// `-i`, `--extra-index-url`, `-f`: a package index. Long option and value.
    Place(&'static str, String),
    /// An option without a value that affects which packages are found.
    Flag(&'static str),
    /// An option that is ignored, and why.
    Ignored(String, &'static str),
    /// An unknown option.
    Unknown(String),
}

const BUILDS: &str =
    "only wheels are installed, and no code of a package runs before it is deployed";

/// Returns each statement with its position.
pub(crate) fn read(text: &str) -> Vec<(Range<usize>, Said)> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut open: Option<(usize, usize, String)> = None;
    // A byte order mark is not part of the first name.
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let bare = line.trim_end_matches(['\n', '\r']);
        let bare = bare.strip_prefix('\u{feff}').unwrap_or(bare);
        let (content, goes_on) = match bare.strip_suffix('\\') {
            Some(content) if !bare.trim_start().starts_with('#') => (content, true),
            _ => (bare, false),
        };
        let content = without_comment(content);
        let (from, _, mut joined) = open.take().unwrap_or_else(|| {
            let indent = line.len() - line.trim_start_matches(['\u{feff}', ' ', '\t']).len();
            (start + indent, start, String::new())
        });
        joined.push_str(content.trim_end());
        let end = start
            + (line.len() - line.trim_start_matches('\u{feff}').len())
            + content.trim_end().len();
        if goes_on {
            joined.push(' ');
            open = Some((from, end, joined));
            continue;
        }
        push(&mut found, from, end, &joined);
    }
    if let Some((from, end, joined)) = open {
        push(&mut found, from, end, &joined);
    }
    found
}

fn push(found: &mut Vec<(Range<usize>, Said)>, from: usize, end: usize, joined: &str) {
    let words: Vec<&str> = joined.split_whitespace().collect();
    if words.is_empty() {
        return;
    }
    found.push((from..end.max(from), said(&words.join(" "))));
}

fn said(line: &str) -> Said {
    let (Some(option), value) = option(line) else {
        return required(line);
    };
    let value = value.trim_matches(['"', '\'']).to_owned();
    match option {
        "-r" | "--requirement" | "--requirements" => Said::Include(value),
        "-c" | "--constraint" | "--constraints" => Said::Constrain(value),
        "-e" | "--editable" => Said::Editable(value),
        "-i" | "--index-url" | "--pypi-url" => Said::Place("--index-url", value),
        "--extra-index-url" => Said::Place("--extra-index-url", value),
        "-f" | "--find-links" => Said::Place("--find-links", value),
        "--no-index" => Said::Flag("--no-index"),
        "--pre" => Said::Flag("--pre"),
        "--require-hashes" => Said::Flag("--require-hashes"),
        // Options that have no effect on what is installed.
        "--only-binary" | "--prefer-binary" | "--use-feature" => Said::Flag(""),
        "--no-binary" | "--config-settings" | "--global-option" => {
            Said::Ignored(option.to_owned(), BUILDS)
        }
        "--trusted-host" => Said::Ignored(
            option.to_owned(),
            "a host is trusted by your own configuration, not by a project",
        ),
        _ => Said::Unknown(option.to_owned()),
    }
}

/// Keeps only the hashes of the options after a requirement.
fn required(line: &str) -> Said {
    let Some((requirement, options)) = line.split_once(" --") else {
        return Said::Require(line.to_owned());
    };
    let hashes = options
        .split(" --")
        .filter(|option| option.starts_with("hash"))
        .map(|option| format!(" --{}", option.replace("hash ", "hash=")));
    Said::Require(requirement.to_owned() + &hashes.collect::<String>())
}

fn without_comment(line: &str) -> &str {
    let cut = line
        .char_indices()
        .find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with(char::is_whitespace)));
    cut.map_or(line, |(at, _)| &line[..at])
}

/// Splits an option from its value, in any of the three forms.
fn option(line: &str) -> (Option<&str>, &str) {
    if !line.starts_with('-') {
        return (None, line);
    }
    if !line.starts_with("--")
        && let Some(rest) = line.get(2..)
        && !rest.is_empty()
        && !rest.starts_with([' ', '='])
    {
        return (Some(&line[..2]), rest);
    }
    let (option, value) = line
        .split_once(|c: char| c == '=' || c.is_whitespace())
        .unwrap_or((line, ""));
    (Some(option), value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Said> {
        read(text).into_iter().map(|(_, said)| said).collect()
    }

    #[test]
    fn other_files_are_found_however_the_option_is_written() {
        let include = |path: &str| Said::Include(path.to_owned());
        assert_eq!(
            all("-r a.txt\n  -rb.txt # why\n--constraint=c.txt\n--requirement d.txt\n"),
            [
                include("a.txt"),
                include("b.txt"),
                Said::Constrain("c.txt".to_owned()),
                include("d.txt")
            ]
        );
    }

    #[test]
    fn a_line_that_goes_on_is_one_and_keeps_its_hashes() {
        let text = "# c \\\na==1 \\\n    --hash=sha256:00 \\\n  --hash sha256:11 # x\n\u{20} b\\";
        let found = read(text);
        assert_eq!(
            found[0].1,
            Said::Require("a==1 --hash=sha256:00 --hash=sha256:11".to_owned())
        );
        assert!(text[found[0].0.clone()].starts_with("a==1"));
        assert_eq!(found[1].1, Said::Require("b".to_owned()));
    }

    #[test]
    fn options_say_where_packages_are_found_and_never_that_they_are_built() {
        assert_eq!(
            all(
                "-i https://h/s\n--find-links ./w\n--no-binary :all:\n--trusted-host h\n--wat\n--pre\n"
            ),
            [
                Said::Place("--index-url", "https://h/s".to_owned()),
                Said::Place("--find-links", "./w".to_owned()),
                Said::Ignored("--no-binary".to_owned(), BUILDS),
                Said::Ignored(
                    "--trusted-host".to_owned(),
                    "a host is trusted by your own configuration, not by a project"
                ),
                Said::Unknown("--wat".to_owned()),
                Said::Flag("--pre"),
            ]
        );
    }

    #[test]
    fn comments_require_nothing_and_a_fragment_is_no_comment() {
        assert_eq!(all("# nothing\n\n"), []);
        assert_eq!(all("a#egg\n"), [Said::Require("a#egg".to_owned())]);
        assert_eq!(all("\u{feff}a\n"), [Said::Require("a".to_owned())]);
    }

    #[test]
    fn a_statement_is_pointed_at() {
        let text = "boto3\n  -e ./lib  # mine\n";
        let (place, _) = read(text)[1].clone();
        assert_eq!(&text[place], "-e ./lib");
    }
}
