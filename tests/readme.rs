//! README.md says what the binary does, and README_ja.md says the same.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot set its stage fails, and it reads and writes files"
)]

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
    Command::new(snapbox::cmd::cargo_bin!("cargo-agentcore"))
        .args(words)
        .env_remove("CARGO_AGENTCORE_REGION")
        .env_remove("CARGO_AGENTCORE_STAGE")
        .env_remove("CARGO_AGENTCORE_MANIFEST_PATH")
        .output()
        .unwrap()
}

/// The words after `cargo`, of every line that is typed in a console block.
fn typed(text: &str) -> Vec<Vec<String>> {
    blocks(text, "console")
        .iter()
        .flat_map(|block| block.lines())
        .filter_map(|line| line.strip_prefix("$ "))
        .flat_map(|line| line.split(" && "))
        .filter_map(|command| command.strip_prefix("cargo agentcore "))
        .map(|words| words.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_command_line_in_a_console_block_is_understood() {
    let lines = typed(&read("README.md"));
    assert!(lines.len() >= 5, "{lines:?}");
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
    let named: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `cargo agentcore "))
        .map(|rest| rest.split_once('`').unwrap().0)
        .collect();
    let help = agentcore(&["--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    let listed: BTreeSet<&str> = help
        .split_once("Commands:\n")
        .unwrap()
        .1
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(named, listed);
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
    assert_eq!(rows.len(), 11);
    let secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:name-AbCdEf";
    for row in rows {
        let column = row.split(" | ").nth(1).unwrap();
        for item in column
            .split('`')
            .filter(|item| item.starts_with(['{', '"']))
        {
            if item == "\"read-write\"" {
                continue; // the other value of `access` in the same row
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
