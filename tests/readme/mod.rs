//! README.md and the topics of `help` match the binary, and README_ja.md matches README.md.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set its stage fails, and it reads and writes files"
)]

use crate::support;
mod typed;

use std::{collections::BTreeSet, fs, path::Path, process::Output};

use cargo_agentcore::error::Exit;
use snapbox::cmd::Command;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns the text of a topic of `help`.
fn topic(name: &str) -> String {
    read(&format!("src/help/{name}.md"))
}

/// Returns README and all topics, by file name.
fn documents() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/help");
    let topics = fs::read_dir(directory).unwrap().map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        format!("src/help/{name}")
    });
    let mut files: Vec<String> = topics
        .filter(|file| Path::new(file).extension().is_some_and(|e| e == "md"))
        .collect();
    files.sort();
    files.insert(0, "README.md".to_owned());
    let read = |file: String| {
        let text = read(&file);
        (file, text)
    };
    files.into_iter().map(read).collect()
}

/// Returns the fenced blocks of one language.
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

/// Returns the names below `Commands:` in a help text.
fn listed(words: &[&str]) -> BTreeSet<String> {
    let help = String::from_utf8(agentcore(words).stdout).unwrap();
    help.split_once("Commands:\n")
        .unwrap()
        .1
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        // It shows the same as `--help`.
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

/// Returns our variables in `text`; `CARGO_AGENTCORE_*` is none.
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

/// Returns the words after `cargo` in each command of a console block.
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
    let lines: Vec<Vec<String>> = documents()
        .iter()
        .flat_map(|(_, text)| typed(text))
        .collect();
    let first: BTreeSet<&str> = lines.iter().map(|line| line[0].as_str()).collect();
    assert!(first.len() >= 12, "{first:?}");
    for line in lines {
        // clap checks all options before it shows the help for the last one.
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
fn readme_is_short_and_lists_every_topic() {
    for file in ["README.md", "README_ja.md"] {
        let readme = read(file);
        assert!(readme.lines().count() <= 200, "{file}");
        let listed: BTreeSet<&str> = readme
            .split("](src/help/")
            .skip(1)
            .map(|rest| rest.split_once(".md)").unwrap().0)
            .collect();
        let help = String::from_utf8(agentcore(&["agentcore", "--help"]).stdout).unwrap();
        let (_, topics) = help
            .split_once("Topics (cargo agentcore help <TOPIC>):\n")
            .unwrap();
        let topics: BTreeSet<&str> = topics
            .lines()
            .map_while(|line| line.strip_prefix("  "))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(listed, topics, "{file}");
    }
    for (file, text) in documents() {
        let Some(name) = file.strip_prefix("src/help/") else {
            continue;
        };
        let printed = agentcore(&["agentcore", "help", name.trim_end_matches(".md")]);
        assert_eq!(String::from_utf8_lossy(&printed.stdout), text, "{file}");
    }
}

#[test]
fn every_command_of_endpoint_is_in_the_topic() {
    let topic = topic("deploying");
    for word in listed(&["endpoint", "--help"]) {
        assert!(topic.contains(&format!("`endpoint {word}")), "{word}");
    }
}

/// Variables that the tool sets for its own processes, and that users never set.
const AMONG_OURSELVES: [&str; 8] = [
    "CARGO_AGENTCORE_DEBUGGER",
    "CARGO_AGENTCORE_LISTENING",
    "CARGO_AGENTCORE_MODELS",
    "CARGO_AGENTCORE_PORT",
    "CARGO_AGENTCORE_PRELOAD",
    "CARGO_AGENTCORE_SNAPSHOT",
    "CARGO_AGENTCORE_TIME_DIVISOR",
    "CARGO_AGENTCORE_TOKEN",
];

#[test]
fn every_variable_of_ours_is_in_the_table_and_no_other() {
    let read_here: BTreeSet<String> = sources(Path::new("src"))
        .iter()
        .flat_map(|source| variables(source))
        .filter(|name| !AMONG_OURSELVES.contains(&name.as_str()))
        .collect();
    let topic = topic("environment");
    let rows: Vec<&str> = topic
        .lines()
        .filter(|line| line.starts_with("| `CARGO_AGENTCORE_"))
        .collect();
    assert_eq!(variables(&rows.join("\n")), read_here);
    let all = documents().into_iter();
    let named: BTreeSet<String> = all.flat_map(|(_, text)| variables(&text)).collect();
    assert_eq!(named, read_here);
}

#[test]
fn every_link_leads_to_a_file() {
    let mut links = 0;
    let others = documents().into_iter().map(|(file, _)| file);
    for file in others.chain(["README_ja.md".to_owned()]) {
        let text = read(&file);
        for rest in text.split("](").skip(1) {
            let target = rest.split_once(')').unwrap().0;
            if target.starts_with("https://") {
                continue;
            }
            let directory = Path::new(&file).parent().unwrap();
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(directory)
                .join(target);
            assert!(path.is_file(), "{file}: {target}");
            links += 1;
        }
    }
    assert!(links > 20, "{links}");
}

#[test]
fn the_place_for_the_measured_numbers_is_there_once() {
    let topic = topic("benchmarks");
    let (_, rest) = topic.split_once("<!-- measured -->\n").unwrap();
    let (between, after) = rest.split_once("<!-- /measured -->\n").unwrap();
    assert!(between.contains("cargo bench"));
    assert!(!after.contains("measured -->"));
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
    let reference = &blocks(&topic("metadata"), "toml")[0];
    for stage in [&[][..], &["--stage", "prod"]] {
        let output = policy_on(reference, stage);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
    let wrong = reference.replace("idle-timeout", "idle-time-out");
    assert_eq!(policy_on(&wrong, &[]).status.code(), Some(3));
}

/// Returns all Rust files below `directory` that do not contain only tests.
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
fn every_key_that_the_configuration_reads_is_in_the_reference() {
    let reference = &blocks(&topic("metadata"), "toml")[0];
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
        assert!(stands, "`{key}` is missing in `help metadata`");
    }
}

#[test]
fn every_permission_in_the_table_is_accepted() {
    let topic = topic("permissions");
    let rows: Vec<&str> = topic
        .lines()
        .filter(|line| line.contains("`--permission "))
        .collect();
    assert_eq!(rows.len(), 20);
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
            // Whatever is not the ID of a memory or a gateway must be declared.
            let item = item
                .replace("full ARN", secret)
                .replace("memory = \"ID\"", "memory = \"my_mem-AbCdEf1234\"")
                .replace("gateway = \"ID\"", "gateway = \"my-tools-abcdef1234\"");
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
    // The exhaustive match fails to compile until a new code is listed.
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
    codes.push(101); // the exit code of a panic
    codes.sort_unstable();
    let listed: Vec<u8> = topic("exit-codes")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()?.parse().ok())
        .collect();
    assert_eq!(listed, codes);
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
