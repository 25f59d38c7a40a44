//! What `cargo publish` would send: what the build needs, the complete templates, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The package's content besides the folders `src` and `scaffolds`.
const OTHERS: [&str; 7] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
    "LICENSE",
    "README.md",
    "README_ja.md",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap();
                found.insert(name.replace('\\', "/"));
            }
        }
    }
    found
}

/// Returns the version of Rust that a package declares, as comparable numbers.
fn rust_version(package: &Value) -> Option<Vec<u32>> {
    let version = package["rust_version"].as_str()?;
    let mut parts: Vec<u32> = version
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    parts.resize(3, 0);
    Some(parts)
}

/// Clippy checks the same of our own code (`incompatible_msrv`).
#[test]
fn no_dependency_needs_a_newer_rust_than_cargo_toml_promises() {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let is_ours = |package: &&Value| package["name"] == "cargo-agentcore";
    let ours = rust_version(packages.iter().find(is_ours).unwrap()).unwrap();
    let newer: Vec<&Value> = packages
        .iter()
        .filter(|package| rust_version(package).is_some_and(|version| version > ours))
        .map(|package| &package["name"])
        .collect();
    assert!(newer.is_empty(), "{newer:?}");
}

/// cargo silently skips folders that contain a Cargo.toml.
#[test]
fn the_package_holds_sources_and_templates_whole_and_nothing_else() {
    let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
    let output = Command::new(cargo)
        .args(["package", "--list", "--locked", "--allow-dirty"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listed: BTreeSet<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        // Created by cargo in a repository.
        .filter(|line| *line != ".cargo_vcs_info.json")
        .map(|line| line.replace('\\', "/"))
        .collect();
    let templates = files("scaffolds");
    assert!(templates.len() > 30, "{templates:?}");
    let mut wanted: BTreeSet<String> = OTHERS.map(str::to_owned).into();
    wanted.extend(files("src"));
    wanted.extend(templates);
    let missing: Vec<_> = wanted.difference(&listed).collect();
    let needless: Vec<_> = listed.difference(&wanted).collect();
    assert!(missing.is_empty(), "not in the package: {missing:?}");
    assert!(
        needless.is_empty(),
        "needlessly in the package: {needless:?}"
    );
}
