//! README.md says what the binary does, and README_ja.md says the same.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set its stage fails, and it reads and writes files"
)]

#[path = "../support/mod.rs"]
mod support;

mod typed;

use std::{collections::BTreeSet, fs, path::Path, process::Output};

use cargo_agentcore::error::Exit;
use snapbox::cmd::Command;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0.to_owned())
        .collect()
}

fn agentcore(words: &[&str]) -> Output {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("cargo-agentcore")).args(words);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_AGENTCORE_") {
            command = command.env_remove(name);
        }
    }
    command.output().unwrap()
}

/// What stands below `Commands:` in a help text.
fn listed(words: &[&str]) -> BTreeSet<String> {
    let help = String::from_utf8(agentcore(words).stdout).unwrap();
    help.split_once("Commands:\n")
        .unwrap()
        .1
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        // It says no more than `--help` does.
        .filter(|word| *word != "help")
        .map(str::to_owned)
        .collect()
}

fn named_in_the_table(readme: &str) -> BTreeSet<String> {
    readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `cargo agentcore "))
        .map(|rest| rest.split_once('`').unwrap().0.to_owned())
        .collect()
}

/// The variables of ours that `text` names; `CARGO_AGENTCORE_*` names none.
fn variables(text: &str) -> BTreeSet<String> {
    text.match_indices("CARGO_AGENTCORE_")
        .map(|(start, _)| {
            text[start..]
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                .collect::<String>()
        })
        .filter(|name| name != "CARGO_AGENTCORE_")
        .collect()
}

/// The words after `cargo`, of every line that is typed in a console block.
fn typed(text: &str) -> Vec<Vec<String>> {
    blocks(text, "console")
        .iter()
        .flat_map(|block| block.lines())
        .filter_map(|line| line.strip_prefix("$ "))
        .flat_map(|line| line.split(" && "))
        .filter_map(|command| command.strip_prefix("cargo agentcore "))
        .map(|command| command.split(" > ").next().unwrap())
        .map(|words| shlex::split(words).unwrap())
        .collect()
}

#[test]
fn every_command_line_in_a_console_block_is_understood() {
    let lines = typed(&read("README.md"));
    let first: BTreeSet<&str> = lines.iter().map(|line| line[0].as_str()).collect();
    assert!(first.len() >= 12, "{first:?}");
    for line in lines {
        // clap looks at every option before it shows the help that stands last.
        let words: Vec<&str> = ["agentcore"]
            .into_iter()
            .chain(line.iter().map(String::as_str))
            .chain(["--help"])
            .collect();
        let output = agentcore(&words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line:?}: {said}");
    }
    let wrong = agentcore(&["agentcore", "prepare", "--no-such-option", "--help"]);
    assert_eq!(wrong.status.code(), Some(2), "the check above can fail");
}

#[test]
fn every_command_named_in_the_table_exists_and_no_other_is_left_out() {
    let readme = read("README.md");
    assert_eq!(named_in_the_table(&readme), listed(&["--help"]));
}

#[test]
fn every_command_has_a_section_and_every_word_of_endpoint_stands_there() {
    for file in ["README.md", "README_ja.md"] {
        let readme = read(file);
        let sections: Vec<&str> = readme.split("\n### ").skip(1).collect();
        let mut headed = BTreeSet::new();
        for section in &sections {
            let heading = section.lines().next().unwrap();
            headed.extend(heading.split('`').skip(1).step_by(2).map(str::to_owned));
        }
        assert_eq!(headed, named_in_the_table(&readme), "{file}");
        for word in listed(&["endpoint", "--help"]) {
            assert!(
                readme.contains(&format!("`endpoint {word}")),
                "{file}: {word}"
            );
        }
    }
}

/// What the tool tells processes that it starts itself; nobody else sets these.
const AMONG_OURSELVES: [&str; 3] = [
    "CARGO_AGENTCORE_LISTENING",
    "CARGO_AGENTCORE_PORT",
    "CARGO_AGENTCORE_TOKEN",
];

#[test]
fn every_variable_of_ours_stands_in_the_table_and_no_other() {
    let read_here: BTreeSet<String> = sources(Path::new("src"))
        .iter()
        .flat_map(|source| variables(source))
        .filter(|name| !AMONG_OURSELVES.contains(&name.as_str()))
        .collect();
    for file in ["README.md", "README_ja.md"] {
        let readme = read(file);
        let rows: Vec<&str> = readme
            .lines()
            .filter(|line| line.starts_with("| `CARGO_AGENTCORE_"))
            .collect();
        assert_eq!(variables(&rows.join("\n")), read_here, "{file}");
        assert_eq!(variables(&readme), read_here, "{file}");
    }
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_heading_or_a_file() {
    for file in ["README.md", "README_ja.md"] {
        let readme = read(file);
        let headings: BTreeSet<String> = readme
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| anchor(line.trim_start_matches('#').trim_start()))
            .collect();
        let mut inner = 0;
        for rest in readme.split("](").skip(1) {
            let target = rest.split_once(')').unwrap().0;
            if let Some(wanted) = target.strip_prefix('#') {
                assert!(headings.contains(wanted), "{file}: {target}");
                inner += 1;
            } else if !target.starts_with("https://") {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(target);
                assert!(path.is_file(), "{file}: {target}");
            }
        }
        assert!(inner > 0, "{file}");
    }
}

#[test]
fn the_place_for_the_measured_numbers_is_there_once() {
    for file in ["README.md", "README_ja.md"] {
        let readme = read(file);
        let (_, rest) = readme.split_once("<!-- measured -->\n").unwrap();
        let (between, after) = rest.split_once("<!-- /measured -->\n").unwrap();
        assert!(between.contains("cargo bench"), "{file}");
        assert!(!after.contains("measured -->"), "{file}");
    }
}

fn policy_on(manifest: &str, further: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Cargo.toml");
    fs::write(&path, manifest).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let mut words = vec!["agentcore", "policy", "--only", "trust", "--manifest-path"];
    words.push(&path);
    words.extend(further);
    agentcore(&words)
}

#[test]
fn the_metadata_reference_is_accepted_and_a_key_beside_it_is_not() {
    let reference = &blocks(&read("README.md"), "toml")[0];
    for stage in [&[][..], &["--stage", "prod"]] {
        let output = policy_on(reference, stage);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
    let wrong = reference.replace("idle-timeout", "idle-time-out");
    assert_eq!(policy_on(&wrong, &[]).status.code(), Some(3));
}

/// Every Rust file below `directory` that holds no tests only.
fn sources(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in fs::read_dir(root.join(directory)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if !path.ends_with("tests.rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
    found
}

#[test]
fn every_key_that_the_configuration_reads_stands_in_the_reference() {
    let reference = &blocks(&read("README.md"), "toml")[0];
    let readers = [
        "parsed", "string", "strings", "table", "items", "integer", "map", "named",
    ];
    let mut keys = BTreeSet::new();
    for source in sources(Path::new("src/config")) {
        for reader in readers {
            for rest in source.split(&format!(".{reader}(\"")).skip(1) {
                keys.insert(rest.split_once('"').unwrap().0.to_owned());
            }
        }
    }
    assert!(keys.len() > 25, "{keys:?}");
    for key in keys {
        let stands = reference.contains(&format!("{key} = "))
            || reference.contains(&format!(".{key}]"))
            || reference.contains(&format!(".{key}."));
        assert!(stands, "`{key}` is missing in README.md");
    }
}

#[test]
fn every_permission_in_the_table_is_accepted() {
    let readme = read("README.md");
    let rows: Vec<&str> = readme
        .lines()
        .filter(|line| line.contains("`--permission "))
        .collect();
    assert_eq!(rows.len(), 18);
    let secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:name-AbCdEf";
    for row in rows {
        let column = row.split(" | ").nth(1).unwrap();
        for item in column
            .split('`')
            .filter(|item| item.starts_with(['{', '"']))
        {
            // The other values of `access` in the same row.
            if ["\"read-write\"", "\"receive\"", "\"send-receive\""].contains(&item) {
                continue;
            }
            let item = item.replace("full ARN", secret);
            let manifest = format!(
                "[workspace]\n[workspace.metadata.agentcore]\nproject = \"p-000000\"\n[workspace.metadata.agentcore.agents.a]\npermissions = [{item}]\n"
            );
            let output = policy_on(&manifest, &[]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{item}: {said}");
        }
    }
}

#[test]
fn the_exit_codes_are_those_of_the_program() {
    // An exhaustive match: a new code does not compile until it is listed.
    let all = [
        Exit::Ok,
        Exit::World,
        Exit::Usage,
        Exit::Config,
        Exit::Access,
        Exit::Findings,
        Exit::Interrupted,
    ];
    for exit in all {
        match exit {
            Exit::Ok
            | Exit::World
            | Exit::Usage
            | Exit::Config
            | Exit::Access
            | Exit::Findings
            | Exit::Interrupted => {}
        }
    }
    let mut codes: Vec<u8> = all.into_iter().map(|exit| exit as u8).collect();
    codes.push(101); // what a panic exits with
    codes.sort_unstable();
    for file in ["README.md", "README_ja.md"] {
        let listed: Vec<u8> = read(file)
            .lines()
            .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()?.parse().ok())
            .collect();
        assert_eq!(listed, codes, "{file}");
    }
}

#[test]
fn the_japanese_readme_has_the_same_headings_tables_and_blocks() {
    let (english, japanese) = (read("README.md"), read("README_ja.md"));
    for language in ["console", "toml"] {
        assert_eq!(blocks(&english, language), blocks(&japanese, language));
    }
    let shape = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| {
                let mark = line.split(' ').next()?;
                (mark.starts_with('#') || mark == "|" || mark == "-").then(|| mark.to_owned())
            })
            .collect()
    };
    assert_eq!(shape(&english), shape(&japanese));
}
