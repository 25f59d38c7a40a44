//! The crate's layers and their dependencies, checked by reading the sources. Items with
//! `#[cfg(test)]` are skipped, because tests may use everything.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod law;
mod size;
mod source;
mod wording;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use source::Source;

/// Crates without side effects, for every layer to use.
const PURE: [&str; 40] = [
    "aho_corasick",
    "annotate_snippets",
    "anstyle",
    "base64",
    "cargo_platform",
    "clap",
    "crc32fast",
    "flate2",
    "futures_util",
    "globset",
    "handlebars",
    "http",
    "http_body_util",
    "humantime",
    "idna_adapter",
    "include_dir",
    "md5",
    "memchr",
    "object",
    "percent_encoding",
    "quick_junit",
    "quick_xml",
    "regex_automata",
    "ring",
    "rustls",
    "saphyr_parser",
    "serde",
    "serde_json",
    "sha2",
    "shlex",
    "similar",
    "strsim",
    "tar",
    "thiserror",
    "toml",
    "toml_edit",
    "tree_sitter",
    "tree_sitter_python",
    "webpki_root_certs",
    "zip",
];

/// Crates that access files, processes, clocks, the network, randomness or a terminal.
const WORLDLY: [&str; 18] = [
    "anstyle_query",
    "backon",
    "cargo_metadata",
    "dialoguer",
    "indicatif",
    "dunce",
    "fastrand",
    "hyper",
    "hyper_util",
    "notify",
    "ignore",
    "rustix",
    "rustls_native_certs",
    "same_file",
    "tempfile",
    "terminal_size",
    "tokio",
    "uuid",
];

#[test]
fn the_sources_keep_the_law() {
    let sources = sources();
    assert!(
        sources.len() > 50,
        "only {} sources were found",
        sources.len()
    );
    let broken = law::violations(&sources, &WORLDLY);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A reader can start at either end, and a change never leads back to where it began.
#[test]
fn no_module_needs_one_that_needs_it() {
    let sources = sources();
    let parents: BTreeSet<&[String]> = sources
        .iter()
        .flat_map(|source| (0..source.module.len()).map(|depth| &source.module[..depth]))
        .collect();
    assert!(parents.len() > 50, "only {} were found", parents.len());
    let found: Vec<String> = parents
        .into_iter()
        .flat_map(|parent| law::cycles(&sources, parent))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// An unclassified crate could bring side effects into a pure layer.
#[test]
fn every_dependency_is_known_to_touch_the_world_or_not() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let known: BTreeSet<&str> = PURE.into_iter().chain(WORLDLY).collect();
    let unix = &manifest["target"]["cfg(unix)"]["dependencies"];
    let unknown: Vec<String> = [&manifest["dependencies"], unix]
        .into_iter()
        .flat_map(|table| table.as_table().unwrap().keys())
        .map(|name| match name.as_str() {
            "md-5" => "md5".to_owned(),
            name => name.replace('-', "_"),
        })
        .filter(|name| !law::is_sdk(name) && !known.contains(name.as_str()))
        .collect();
    assert!(
        unknown.is_empty(),
        "say in tests/layers/main.rs whether these touch the world: {unknown:?}"
    );
}

/// The standard library's function returns `\\\\?\\` on Windows, which Python does not accept.
#[test]
fn paths_are_resolved_in_one_place() {
    const NAME: &str = "canonicalize";
    let resolves = |source: &Source| {
        let mut used = source.used.iter().flat_map(|used| &used.path);
        used.any(|word| word == NAME) || source.words.iter().any(|(_, word)| word == NAME)
    };
    let places: Vec<String> = sources()
        .into_iter()
        .filter(resolves)
        .map(|source| source.path)
        .collect();
    assert_eq!(places, ["effects/path.rs"]);
}

/// Differences between systems are decided on a value, so that all of them are tested here.
#[test]
fn only_one_place_asks_which_system_this_is() {
    let asks: Vec<String> = texts()
        .into_iter()
        .filter(|(_, text)| text.contains("cfg!("))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(asks, ["system/mod.rs"]);
}

/// A file that no test binary declares is not compiled, so its tests would never run.
#[test]
fn every_test_is_part_of_a_test_binary() {
    let tests = root().join("tests");
    let binaries = ["account.rs", "machine.rs"];
    let declared = binaries.map(|name| fs::read_to_string(tests.join(name)).unwrap());
    let mut found = 0;
    for entry in fs::read_dir(&tests).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // A folder with a `main.rs` is a binary of its own.
        if binaries.contains(&name) || path.join("main.rs").exists() || name == "bench" {
            continue;
        }
        let line = format!("mod {};", name.trim_end_matches(".rs"));
        let is_declared = declared.iter().any(|text| text.lines().any(|l| l == line));
        assert!(
            is_declared,
            "`{line}` is missing in tests/account.rs and in tests/machine.rs"
        );
        found += 1;
    }
    assert!(found > 20, "only {found} were found");
}

/// A file that no module declares is not compiled, and no tool reports it.
#[test]
fn every_source_is_part_of_the_crate() {
    let texts: BTreeMap<String, String> = texts().into_iter().collect();
    let is_declared = |path: &str| {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let (folder, name) = module.rsplit_once('/').unwrap_or(("lib", module));
        let line = format!("mod {name};");
        [format!("{folder}.rs"), format!("{folder}/mod.rs")]
            .iter()
            .filter_map(|parent| texts.get(parent))
            .any(|text| text.lines().any(|found| found.ends_with(&line)))
    };
    let roots = ["build.rs", "lib.rs", "main.rs"];
    let undeclared: Vec<&String> = texts
        .keys()
        .filter(|path| !roots.contains(&path.as_str()) && !is_declared(path))
        .collect();
    assert!(undeclared.is_empty(), "no `mod` for {undeclared:?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources() -> Vec<Source> {
    let mut found: Vec<Source> = texts()
        .iter()
        .map(|(path, text)| Source::read(path, text))
        .collect();
    let tests: Vec<Vec<String>> = found.iter().flat_map(|s| s.tests.clone()).collect();
    found.retain(|source| !tests.iter().any(|test| source.module.starts_with(test)));
    found
}

/// Returns the files below `src`, by path with `/`.
fn texts() -> Vec<(String, String)> {
    let src = root().join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap();
                let text = fs::read_to_string(&path).unwrap();
                found.push((name.replace('\\', "/"), text));
            }
        }
    }
    found
}

/// Returns the violations in a single source.
#[track_caller]
fn broken(path: &str, text: &str) -> Vec<String> {
    law::violations(&[Source::read(path, text)], &WORLDLY)
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table, a line for each way to break the law"
)]
fn a_source_that_breaks_the_law_is_found() {
    for (path, text, wanted) in [
        (
            "names.rs",
            "use crate::error::Failure;",
            "names.rs:1: `names` uses `crate::error::Failure`",
        ),
        (
            "plan/role/mod.rs",
            "\nuse crate::{error::Failure, effects::{aws, files}};",
            "plan/role/mod.rs:2: `plan` uses `crate::effects::aws`",
        ),
        (
            "plan/role/mod.rs",
            "use super::super::ui::Ui;",
            "`plan` uses `crate::ui::Ui`",
        ),
        (
            "plan/role/mod.rs",
            "mod inner { use super::super::super::cli::Cli; }",
            "`plan` uses `crate::cli::Cli`",
        ),
        (
            "config/mod.rs",
            "fn f() { crate::commands::run() }",
            "`config` uses `crate::commands::run`",
        ),
        (
            "config/mod.rs",
            "fn f() -> String { format!(\"{}\", crate::effects::clock::now()) }",
            "`config` uses `crate::effects::clock::now`",
        ),
        (
            "scaffold/mod.rs",
            "use std::{collections::BTreeMap, fs};",
            "`scaffold` uses `std::fs`",
        ),
        (
            "scaffold/mod.rs",
            "fn f() { let _ = ::std::fs::read(\"x\"); }",
            "`scaffold` uses `std::fs::read`",
        ),
        (
            "scaffold/mod.rs",
            "fn f() { let _ = std::env::var(\"x\"); }",
            "`scaffold` uses `std::env::var`",
        ),
        (
            "package/mod.rs",
            "use std as s; fn f() { s::fs::read(\"x\"); }",
            "`package` uses `std::fs::read`",
        ),
        (
            "package/mod.rs",
            "use std::time; fn f() { time::Instant::now(); }",
            "`package` uses `std::time::Instant::now`",
        ),
        (
            "policy/mod.rs",
            "use std::{process::Command};",
            "`policy` uses `std::process::Command`",
        ),
        (
            "policy/mod.rs",
            "#[tokio::main] async fn f() {}",
            "`policy` uses `tokio::main`",
        ),
        (
            "policy/mod.rs",
            "fn f() -> u8 { fastrand::u8(..) }",
            "`policy` uses `fastrand::u8`",
        ),
        (
            "policy/mod.rs",
            "use aws_sdk_iam::types::Tag;",
            "`policy` uses `aws_sdk_iam::types::Tag`",
        ),
        (
            "effects/files.rs",
            "use crate::{cli::Stage, ui::Ui};",
            "`effects` uses `crate::cli::Stage`",
        ),
        (
            "effects/files.rs",
            "use aws_sdk_s3::Client;",
            "effects/files.rs:1: `effects` uses `aws_sdk_s3::Client`",
        ),
        (
            "effects/files.rs",
            "use crate::commands;",
            "`effects` uses `crate::commands`",
        ),
        (
            "effects/aws/s3.rs",
            "use aws_sdk_s3::Client;\npub(crate) fn client() -> Client { todo!() }",
            "effects/aws/s3.rs:2: `Client` of the SDK leaves `effects::aws`",
        ),
        (
            "effects/aws/s3.rs",
            "use aws_sdk_s3::{Client as Store};\npub(crate) struct S { pub(crate) inner: Store }",
            "`Store` of the SDK leaves",
        ),
        (
            "effects/aws/s3.rs",
            "pub(crate) fn f(tag: &aws_sdk_s3::types::Tag) {}",
            "`Tag` of the SDK leaves",
        ),
        (
            "commands/clean.rs",
            "use std::fs::File;",
            "`commands` uses `std::fs::File`",
        ),
        (
            "commands/clean.rs",
            "use tokio::task;",
            "`commands` uses `tokio::task`",
        ),
        (
            "plan/mod.rs",
            "async fn f() { tokio::join!(a(), b()); }",
            "`plan` uses `tokio::join`",
        ),
        (
            "commands/clean.rs",
            "use std::time::Instant; fn f() { Instant::now(); }",
            "`commands` uses `std::time::Instant::now`",
        ),
        (
            "commands/clean.rs",
            "use std::net::TcpStream;",
            "`commands` uses `std::net::TcpStream`",
        ),
        (
            "commands/clean.rs",
            "use aws_types::region::Region;",
            "`commands` uses `aws_types::region::Region`",
        ),
        (
            "commands/clean.rs",
            "use std::io; fn f() { io::stderr(); }",
            "`commands` uses `std::io::stderr`",
        ),
        (
            "plan/mod.rs",
            "fn apply(dry_run: bool) {}",
            "plan/mod.rs:1: `plan` knows of `dry_run`",
        ),
        (
            "ui.rs",
            "use crate::plan::files::FilePlan;",
            "`ui` uses `crate::plan::files::FilePlan`",
        ),
    ] {
        let found = broken(path, text);
        assert!(
            found.first().is_some_and(|first| first.contains(wanted)),
            "{path}: {text}\nwanted: {wanted}\nfound: {found:?}"
        );
    }
}

#[test]
fn a_source_that_keeps_the_law_is_left_alone() {
    for (path, text) in [
        (
            "names.rs",
            "use std::fmt; use serde::Serialize; impl Serialize for X {}",
        ),
        (
            "plan/mod.rs",
            "use crate::{config::Agent, names::Region, package::record, policy::trust};",
        ),
        (
            "plan/mod.rs",
            "//! Like `crate::effects`.\n/// `std::fs` is for others.\nfn f() { g(\"crate::ui\"); }",
        ),
        (
            "plan/retry.rs",
            "use std::time::Duration; fn f() -> Duration { Duration::from_secs(1) }",
        ),
        (
            "plan/mod.rs",
            "fn f(x: Env) { x.env().fs(); let env = x::fs; }",
        ),
        (
            "plan/mod.rs",
            "#[cfg(test)]\nmod tests { use std::fs; use crate::effects; }\nfn f() {}",
        ),
        (
            "plan/mod.rs",
            "#[cfg(test)] use std::fs;\nuse std::path::Path;",
        ),
        (
            "effects/files.rs",
            "use std::{fs, io}; use crate::plan::files::FilePlan; use tokio::task;",
        ),
        (
            "effects/aws/s3.rs",
            "use aws_sdk_s3::Client;\npub(crate) struct S { inner: Client }\npub(super) fn f() -> Client { todo!() }",
        ),
        (
            "commands/clean.rs",
            "use crate::{options, effects::aws::Session, ui::Ui}; fn f(dry_run: bool) {}",
        ),
        (
            "commands/clean.rs",
            "use std::time::Instant; async fn f(at: Instant) { tokio::join!(a(), b()); }",
        ),
        (
            "plan/mod.rs",
            "use std::net::IpAddr; fn f(text: &str) -> bool { text.parse::<IpAddr>().is_ok() }",
        ),
        (
            "ui.rs",
            "use std::io; use crate::error::Failure; fn f() { io::stderr(); dialoguer::console::Term::stderr(); }",
        ),
    ] {
        assert_eq!(broken(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}
